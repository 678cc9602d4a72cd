"""A published run again: files in, ours beside the published figure out."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
from tqdm.auto import tqdm

from ...cluster.checkpoint import load_lander, save_checkpoint
from ...cluster.hilander import HiLander
from ...data import FeatureSet
from ...evaluate.scores import FIGURES, scores
from ...lander.model import Lander
from ...lander.official import load_official
from ...train.trainer import MetaTraining
from .recipes import Recipe, get_recipe

CHECKPOINT = ".safetensors"
MEASURED = (*FIGURES, "nmi")  # no publication in the table states item F: beside ours stands no figure
PathLike = str | os.PathLike[str]


def reproduce(
    name: str,
    folder: PathLike,
    *,
    weights: PathLike | None = None,
    save: PathLike | None = None,
    test: PathLike | None = None,
    train: PathLike | None = None,
    epochs: int | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Do a published run again and put the result beside the published figure.

    With `weights` only the test is run. Without, a LANDER is meta-trained first with the published settings: all
    epochs, the last weights, the published tau. (One class is set aside because the training loop needs one; its score
    is not used.) What still differs from the authors' run: one step is taken over all levels where their code takes one
    per level, cluster means are of normalised features, and the k-NN search is exact or PyNNDescent where theirs on a
    GPU is IVF-PQ. The sets are large: train on a GPU.

    Args:
        name: of `RECIPES`.
        folder: where the files are; see `recipes`.
        weights: official weights (a state dict that torch.save made), or a checkpoint of `save`.
        save: a .safetensors file for the trained model, to be given as `weights` for other tests of the same training.
        test, train: files in place of the recipe's.
        epochs: of the training in place of the published 250, for a trial; the figures are then not comparable.
        device: "auto", "cpu" or "cuda".
        seed: of training and approximate search.
        progress: show a progress bar.

    Returns: a row per metric: recipe, metric, ours, published, difference (ours - published), method (whose figure),
        source. Where nothing is published, as for item F, the figure is missing.

    Raises:
        FileNotFoundError: a file is missing; says what it is, its size, where its authors put it, where to place it.
        ValueError: an unknown recipe, features of another dimension, weights of another model.

    Example:
        >>> reproduce("hannah", "nowhere")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        FileNotFoundError: test: no file at nowhere/...pkl: face features of the film Hannah and Her Sisters, 128 ...
    """
    recipe = get_recipe(name)
    if weights is not None and (save or train or epochs):
        raise ValueError("weights: nothing is trained where weights are given; leave out save, train and epochs")
    if save is not None and Path(save).suffix != CHECKPOINT:
        raise ValueError(f"save: expected a file ending in {CHECKPOINT}, got {save}")
    images = recipe.test.load(recipe.test.locate(folder, test, "test"))
    if weights is not None:
        lander = _given(recipe, Path(weights))
    else:
        learn = recipe.train.load(recipe.train.locate(folder, train, "train"))
        if save:
            Path(save).parent.mkdir(parents=True, exist_ok=True)  # fails before the work, not after
        lander = _trained(recipe, learn, epochs, device=device, seed=seed, progress=progress)
        if save:
            save_checkpoint(lander, Path(save))
    found = HiLander(lander, device=device, random_state=seed).fit_predict(images.features)
    return _beside(recipe, scores(images.labels, found))


def _given(recipe: Recipe, weights: Path) -> Lander:
    """The model in the file, to be applied with the recipe's settings."""
    own = weights.suffix == CHECKPOINT
    lander = load_lander(weights) if own else load_official(weights, average=recipe.model.average)
    mine, wanted = ((config.inputs, config.conv) for config in (lander.config, recipe.model))
    if mine != wanted:
        raise ValueError(
            f"weights: {weights} holds a LANDER with inputs={mine[0]!r}, conv={mine[1]!r}; the recipe "
            f"{recipe.name!r} was run with inputs={wanted[0]!r}, conv={wanted[1]!r}"
        )
    lander.inference = recipe.inference
    return lander


def _trained(
    recipe: Recipe, learn: FeatureSet, epochs: int | None, *, device: str, seed: int, progress: bool
) -> Lander:
    """A LANDER after the last epoch: nothing is chosen by validation, as in the published runs."""
    epochs = recipe.training.epochs if epochs is None else epochs
    training = replace(recipe.training, epochs=epochs, validate=epochs, hold_out=0.0)
    run = MetaTraining(
        learn.features,
        learn.labels,
        recipe.model,
        training=training,
        inference=recipe.inference,
        seed=seed,
        device=device,
    )
    for _ in tqdm(range(epochs), desc=f"training for {recipe.name}", unit="epoch", disable=not progress):
        run.run_epoch()
    run.model.history = pd.DataFrame(run.rows)
    return run.model.eval()


def _beside(recipe: Recipe, ours: dict[str, float]) -> pd.DataFrame:
    """Ours and the published figures, metric by metric."""
    stated = recipe.published().set_index("metric").reindex(MEASURED)
    table = pd.DataFrame({"recipe": recipe.name, "metric": MEASURED, "ours": [ours[metric] for metric in MEASURED]})
    table["published"] = stated["value"].to_numpy()
    table["difference"] = table["ours"] - table["published"]
    return table.assign(method=stated["method"].to_numpy(), source=stated["source"].to_numpy())
