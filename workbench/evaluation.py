"""Hi-LANDER beside every baseline on the same features: who was tuned on what, scored on how many images, how fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import ClusterMixin

from ._checks import check_choice, unit_rows
from .baselines import BASELINES, Tuned, compare, stratified_sample, tune_all
from .clusterer import HiLander
from .lander import Lander
from .validation import best_tau, tau_curve

OURS = "Hi-LANDER"
SINGLE = "LANDER, one level"
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
    x, truth = unit_rows(np.asarray(features)), torch.as_tensor(np.asarray(labels)).long()
    tau = best_tau(tau_curve(lander.predict, one_level, x.to(lander.device), truth))["tau"]
    single = HiLander(lander, max_levels=1, tau=tau, device=device)
    return {OURS: HiLander(lander, device=device), SINGLE: single, **tuned}


def score_table(
    features: Any, labels: Any, methods: Methods, *, most: int | None = None, seed: int = 0, progress: bool = False
) -> pd.DataFrame:
    """One row per method, best BCubed F first: `compare`'s columns and `n`, the images scored.

    Methods whose cost grows with n^2 (those with a `max_n`) run on a stratified sample of whole classes where there are
    more than `most` images, with a second row of ours on that same sample.

    Args:
        features, labels: the test set.
        methods: from `methods_for`.
        most: images above which those are sampled; None: everything runs on everything.
        seed: of the sample.
        progress: show a progress bar.
    """
    features, labels = np.asarray(features), np.asarray(labels)
    too_many = most is not None and len(labels) > most
    slow = {name: method for name, method in methods.items() if too_many and _is_quadratic(method)}
    fast = {name: method for name, method in methods.items() if name not in slow}
    table = compare(features, labels, fast, progress=progress).assign(n=len(labels))
    if slow and most is not None:
        part = stratified_sample(labels, most, seed)
        again = {OURS: methods[OURS], **slow}
        sampled = compare(features[part], labels[part], again, progress=progress).assign(n=len(part))
        table = pd.concat([table, sampled], ignore_index=True)
    return table.sort_values(["n", "bcubed_f"], ascending=False, ignore_index=True)


def _is_quadratic(method: Any) -> bool:
    estimator = method.estimator if isinstance(method, Tuned) else method
    return getattr(estimator, "max_n", None) is not None
