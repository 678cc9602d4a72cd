"""A LANDER with a learned cut for embeddings of one kind, from labelled classes of that kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..._core.validation import check_flag, check_int, check_seed, check_unit_interval
from ...evaluate.scores import FIGURES
from ...graph.discriminant import METRICS, Metric
from ...graph.whitening import mean_average_precision, within_class_whitening
from ...lander.model import Lander
from ..episodes import held_out
from ..select_tau import best_tau, tau_curve
from ..trainer import labelled_rows, validation_rows
from .sets import GeneralConfig
from .synthetic import Labelled
from .train import train_general

FOLDS = 4  # of classes; each is mapped by what the other three tell
TAUS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # the scores hardly change between these, so few are compared


def meta_train_cut(
    features: Any,
    labels: Any,
    *,
    validation: tuple[Any, Any] | None = None,
    hold_out: float = 0.15,
    sets: int = 120,
    k: int = 15,
    epochs: int = 3,
    whiten: bool | None = None,
    seed: int = 0,
    device: str = "auto",
    jobs: int = 2,
    progress: bool = True,
) -> Lander:
    """Learn, from labelled classes of one kind, which links to trust and where to cut; the test's must be others.

    `meta_train` learns to link one set, level by level. This draws many sets from it: whole, thinned, with a long tail
    of rare classes, with few rows a class. From these it learns links that are calibrated, not balanced, and the true
    quality of every node of their dendrograms, so it knows what a class of this kind looks like when most classes have
    one row. Use it where classes are many and small, as people in photographs are. Metric and tau are chosen on
    held-out classes by the mean of the three F.

    Args:
        features: [N, D], scaled to unit rows.
        labels: classes [N].
        validation: (features, labels) of other classes; None: a share `hold_out` of the classes is held out.
        hold_out: that share, at least two classes; two at least are left to learn from.
        sets: drawn for training; each is seen whole, one after another.
        k: neighbours in their graphs.
        epochs: passes over the sets for the links.
        whiten: whether the map comes first; None: if it helps on held-out classes. A model with a map is for features
            of the same encoder only.
        seed, device, jobs, progress: see `train_general`.

    Returns: relative inputs, a quality ensemble, decoder "cut"; `history` and `tau_curve` are filled.

    Raises:
        TypeError: `whiten` is neither True, False nor None.
        ValueError: fewer than four classes, or than two of two images or more; labels of another length, features that
            are not finite; `whiten` where no class has two different rows.

    Example:
        >>> centers = torch.randn(12, 8, generator=torch.Generator().manual_seed(0)).repeat(20, 1)
        >>> x = centers + 0.1 * torch.randn(240, 8, generator=torch.Generator().manual_seed(1))
        >>> lander = meta_train_cut(x, torch.arange(12).repeat(20), sets=4, k=5, epochs=1, jobs=1, progress=False)
        >>> lander.inference.decoder, lander.inference.tau in TAUS
        ('cut', True)
    """
    check_unit_interval(hold_out, "hold_out")
    check_seed(seed)
    check_int(jobs, "jobs")
    if whiten is not None:
        check_flag(whiten, "whiten")
    cpu = torch.device("cpu")
    x, y = labelled_rows(features, labels, cpu, "")
    if validation is None:
        # Two at least: one class alone cannot decide.
        held = held_out(y, hold_out, torch.Generator().manual_seed(seed), least=2)
        validation = (x[held], y[held])
        x = x[~held]
        y = y[~held].unique(return_inverse=True)[1]

    held_x, held_y = validation_rows(validation, x.shape[1], cpu)
    whitening, held_x = _whitened_if_better((x, y), (held_x, held_y), whiten)
    if whitening is not None:
        x = _whitened_by_others(x, y, torch.Generator().manual_seed(seed))

    recipe = GeneralConfig(sets=sets, real=1.0, small=0.0, k=k, epochs=epochs)
    model = train_general([], kinds=[(x, y)], training=recipe, seed=seed, device=device, jobs=jobs, progress=progress)
    model.whitening = whitening
    _choose_metric_and_tau(model, held_x, held_y)
    return model


def _whitened_if_better(
    learn: Labelled, held: Labelled, whiten: bool | None
) -> tuple[Float[Tensor, "d d"] | None, Float[Tensor, "n d"]]:
    """The map that comes first, and the held-out rows mapped by it; None, and the rows as they are, where none is
    wanted or where it does not bring the held-out classes together."""
    rows, labels = held
    whitening = None if whiten is False else within_class_whitening(*learn)
    if whitening is None:
        if whiten:
            few = "expected a class with two different rows to learn a map from, got none"
            raise ValueError(f"whiten: {few}; leave it out")
        return None, rows
    mapped = Metric.of("cosine", rows, whitening)(rows)
    if whiten or mean_average_precision(mapped, labels) > mean_average_precision(rows, labels):
        return whitening, mapped
    return None, rows


def _choose_metric_and_tau(model: Lander, rows: Float[Tensor, "n d"], labels: Int[Tensor, " n"]) -> None:
    """Those of highest mean of the three F on held-out classes; of equals the first metric."""
    curves = {}
    for metric in METRICS:
        settings = replace(model.inference, metric=metric, longest=0)
        curves[metric] = tau_curve(model.predict, settings, rows, labels, taus=TAUS, ensemble=model.ensemble)

    metric = max(METRICS, key=lambda name: curves[name][list(FIGURES)].mean(axis=1).max())
    model.tau_curve = curves[metric]
    tau = best_tau(model.tau_curve, model.inference.decoder)
    model.inference = replace(model.inference, metric=metric, tau=tau, longest=0)


def _whitened_by_others(
    x: Float[Tensor, "n d"], y: Int[Tensor, " n"], generator: torch.Generator
) -> Float[Tensor, "n d"]:
    """Each row mapped by a whitening that was learned from other classes than its own."""
    fold = (torch.randperm(int(y.max()) + 1, generator=generator) % FOLDS)[y]
    mapped = x.clone()
    for i in fold.unique().tolist():
        mine = fold == i
        whitening = within_class_whitening(x[~mine], y[~mine])
        mapped[mine] = Metric(None, whitening, x.mean(dim=0))(x[mine])
    return mapped
