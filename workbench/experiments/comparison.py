"""Hi-LANDER beside every baseline on the same features: who was tuned on what, scored on how many images, how fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import ClusterMixin

from .._core.runtime import resolve_device
from .._core.tables import write_csv
from .._core.validation import check_choice, unit_rows
from ..cluster.checkpoint import load_encoder, load_lander
from ..cluster.hilander import OURS, HiLander
from ..data import load
from ..evaluate.baselines import BASELINES, Tuned, compare, stratified_sample, tune_all
from ..lander.model import Lander
from ..train.select_tau import best_tau, tau_curve

SINGLE = "LANDER, one level"
SAMPLE = 4_000  # images for methods that refuse more
TEST_SPLITS = {"glyphs": ("test-seen", "test-unseen"), "digits": ("test",), "omniglot": ("evaluation",)}
Methods = Mapping[str, ClusterMixin | Tuned]


def methods_for(
    lander: Lander,
    features: Any,
    labels: Any,
    *,
    baselines: Sequence[str] | None = None,
    on: str = "meta-train",
    device: str = "auto",
    progress: bool = False,
) -> dict[str, ClusterMixin | Tuned]:
    """Hi-LANDER, the same model stopped after one level, and the baselines, each with settings chosen on given classes.

    Args:
        lander: the model; its own tau was chosen when it was trained.
        features, labels: classes to choose the others' settings on: meta-training ones, never the test's.
        baselines: names in `BASELINES`; None: all.
        on: name of that labelled set, for the table.
        device: where the LANDER runs; baselines run on the CPU.
        progress: show a progress bar.

    Raises:
        ValueError: an unknown baseline.
    """
    names = [check_choice(name, "baselines", tuple(BASELINES)) for name in (baselines or BASELINES)]
    tuned = tune_all({name: BASELINES[name] for name in names}, features, labels, on=on, progress=progress)
    one_level = lander.inference.override(max_levels=1)
    x = unit_rows(np.asarray(features))
    truth = torch.as_tensor(np.asarray(labels)).long()
    curve = tau_curve(lander.predict, one_level, x.to(lander.device), truth, ensemble=lander.ensemble)
    tau = best_tau(curve, one_level.decoder)
    single = HiLander(lander, max_levels=1, tau=tau, device=device)
    ours = HiLander(lander, tau=lander.inference.tau, device=device)  # "auto", spelled out for the table
    return {OURS: ours, SINGLE: single, **tuned}


def score_table(features: Any, labels: Any, methods: Methods, *, seed: int = 0, progress: bool = False) -> pd.DataFrame:
    """One row per method, best BCubed F first: `compare`'s columns and `n`, the images scored.

    A method that refuses so many images (`max_n`: its cost grows with n^2) runs on a stratified sample of whole
    classes, 4,000 images at most, with a second row of ours on that same sample.

    Args:
        features, labels: the test set.
        methods: from `methods_for`.
        seed: of the sample.
        progress: show a progress bar.
    """
    features = np.asarray(features)
    labels = np.asarray(labels)
    slow = {name: method for name, method in methods.items() if _refuses(method, len(labels))}
    fast = {name: method for name, method in methods.items() if name not in slow}
    table = compare(features, labels, fast, progress=progress).assign(n=len(labels))
    if slow:
        part = stratified_sample(labels, SAMPLE, seed)
        again = {OURS: methods[OURS], **slow}
        sampled = compare(features[part], labels[part], again, progress=progress).assign(n=len(part))
        table = pd.concat([table, sampled], ignore_index=True)
    return table.sort_values(["n", "bcubed_f"], ascending=False, ignore_index=True)


def together(*sets: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of several sets as one, no class shared.

    Example:
        >>> x, y = together((np.eye(2), np.array([0, 1])), (np.eye(2), np.array([0, 0])))
        >>> x.shape, y.tolist()
        ((4, 2), [0, 1, 2, 2])
    """
    above = np.cumsum([0, *(labels.max() + 1 for _, labels in sets)])
    labels = [labels + shift for (_, labels), shift in zip(sets, above, strict=False)]
    return np.concatenate([features for features, _ in sets]), np.concatenate(labels)


def run_evaluation(
    out: Path | None = None,
    *,
    data: str = "glyphs",
    path: Path | None = None,
    encoder: str | Path = "glyphs-encoder",
    lander: str | Path = "glyphs-lander",
    baselines: Sequence[str] | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
) -> pd.DataFrame:
    """The table of a data set: every method on every test split, with packaged or given models.

    Baselines' settings are chosen on the glyphs' meta-training classes, embedded by the same encoder.

    Args:
        out: a .csv file to write the table to.
        data: "glyphs", "digits" or "omniglot".
        path: Omniglot's local copy.
        encoder, lander: names or files of checkpoints.
        baselines: names in `BASELINES`; None: all.
        seed: of the glyphs.
        device: "auto", "cpu" or "cuda".
        progress: show progress bars.

    Returns: `score_table`'s columns and `test`, the split's name.
    """
    splits = TEST_SPLITS[check_choice(data, "data", tuple(TEST_SPLITS))]
    for name in baselines or ():
        check_choice(name, "baselines", tuple(BASELINES))
    resolve_device(device)
    embedder = load_encoder(encoder)
    model = load_lander(lander)
    tests = [load(data, split=split, seed=seed, path=path) for split in splits]  # before the work: it may not be there
    known = [load("glyphs", split=split, seed=seed) for split in ("meta-train", "meta-val")]
    features = together(*((embedder.embed(images.images, device=device), images.labels) for images in known))
    methods = methods_for(model, *features, baselines=baselines, device=device, progress=progress)
    tables = []
    for test in tests:
        x = embedder.embed(test.images, device=device, progress=progress)
        tables.append(score_table(x, test.labels, methods, progress=progress).assign(test=test.name))
    table = pd.concat(tables, ignore_index=True)
    if out is not None:
        write_csv(table, out)
    return table


def _refuses(method: Any, n: int) -> bool:
    most = getattr(method.estimator if isinstance(method, Tuned) else method, "max_n", None)
    return most is not None and n > most
