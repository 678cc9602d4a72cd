"""Small feature files as the authors of the published sets distribute theirs, and weights as their code saves them."""

import pickle
from io import BytesIO
from pathlib import Path

import numpy as np
import torch

from workbench.experiments.published import RECIPES
from workbench.lander.model import Lander


def toy(dim, seed=0, n_classes=8, per_class=9):
    """Unit features of separated classes."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), per_class)
    x = random.normal(size=(n_classes, dim))[labels] + 0.3 * random.normal(size=(len(labels), dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), labels


def as_numpy_1_pickled(content):
    """Protocol 2 as numpy 1 wrote it: arrays under `numpy.core`, where numpy 2 has `numpy._core`."""
    written = BytesIO()
    pickle.dump(content, written, protocol=2)
    old = written.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert b"numpy.core.multiarray" in old
    return old


def write(file, folder, x, labels):
    """The feature file `file` in the layout of its authors."""
    path = Path(folder) / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".pkl":
        path.write_bytes(as_numpy_1_pickled([x, labels]))
        return
    x.tofile(path)
    meta = path.parent.parent / "labels" / f"{path.stem}.meta"
    meta.parent.mkdir(exist_ok=True)
    meta.write_text("".join(f"{label}\n" for label in labels))


def write_all(folder):
    """Every file of every recipe."""
    for file in {file for recipe in RECIPES.values() for file in (recipe.test, recipe.train)}:
        write(file, folder, *toy(file.dim))


def official_state(config, dim):
    """A state dict of random weights under the names, and in the shapes, of the authors' code."""
    torch.manual_seed(0)
    prefixes = {"convs.": "conv.", "of_source.": "src_mlp.", "of_target.": "dst_mlp.", "head.": "classifier_conn."}
    state = {}
    for ours, value in Lander(config.for_features(dim)).state_dict().items():
        name = next(official + ours.removeprefix(own) for own, official in prefixes.items() if ours.startswith(own))
        if name.startswith("conv."):
            _, layer, rest = name.split(".", 2)
            rest = {"bias1": "gcn_layer.bias", "bias2": "bias"}.get(rest, f"gcn_layer.{rest}")
            name = f"conv.{layer}.{rest}"
        state[name] = value
    return state
