"""Choosing tau on labelled classes that training has not seen."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor, nn

from .._core.runtime import usual_torch
from ..cluster.hierarchy import build_hierarchy, rebuild
from ..cluster.predictors import Predictor
from ..evaluate.scores import FIGURES, bcubed_items, harmonic_mean
from ..lander.config import InferenceConfig

# 0.223 to 0.989: even steps of log-odds, as linkage is a softmax of two logits, so they are finer toward 1.
TAUS = tuple(round(1 / (1 + math.exp(-z / 4)), 3) for z in range(-5, 19))


@usual_torch()
def tau_curve(
    predict: Predictor,
    settings: InferenceConfig,
    features: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    scored: Bool[Tensor, " n"] | None = None,
    taus: tuple[float, ...] = TAUS,
    *,
    ensemble: nn.Module | None = None,
) -> pd.DataFrame:
    """Scores of the last level for each tau.

    Held-out classes are scored best while they are clustered together with the training's: alone they lie less crowded
    than the classes of a real set, and too low a tau would do.

    Args:
        predict: a LANDER's `predict`, or another predictor.
        settings: its inference settings; their tau is replaced.
        features: unit rows of the images.
        labels: their classes.
        scored: the images the scores are a mean over; None: all.
        taus: candidates.
        ensemble: `Lander.ensemble`; needed by the decoder "cut".

    Returns: a row per tau: tau, pairwise_f, bcubed_f, item_f, error (standard error of bcubed_f over classes),
    n_clusters, n_levels.

    Example:
        >>> import torch
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> truth, taus = torch.tensor([0, 0, 1, 1]), (0.05, 0.9)
        >>> tau_curve(similarity_predictor, InferenceConfig(k=2), x, truth, taus=taus)["n_clusters"].tolist()
        [1, 2]
    """
    truth = labels.cpu().numpy()
    part = slice(None) if scored is None else scored.cpu().numpy()
    # Level 0's graph and prediction do not depend on tau: they are computed once and decoded anew for each.
    lowest = build_hierarchy(features, predict, replace(settings, max_levels=1), ensemble=ensemble)

    rows = []
    for tau in taus:
        tree = rebuild(lowest, predict, settings, tau, ensemble=ensemble)
        row = {"tau": tau, **_scores_of(truth, tree.labels.cpu().numpy(), part)}
        rows.append({**row, "n_clusters": tree.n_clusters, "n_levels": len(tree.levels)})
    return pd.DataFrame(rows)


def _scores_of(truth: Int64[np.ndarray, " n"], found: Int64[np.ndarray, " n"], part: Any) -> dict[str, float]:
    """The three F over some of the items; the standard error of BCubed F, from its spread over their classes."""
    precision, recall = (values[part] for values in bcubed_items(truth, found))  # among all; only then are some picked

    # Pairs of an item with another: of its cluster, of its class, and of both.
    cluster = np.bincount(found)[found][part]
    both = precision * cluster
    of_class = both / recall
    pairs = 2 * (both - 1).sum() / max(1, (cluster - 1).sum() + (of_class - 1).sum())

    # Over classes, not images: the images of one class are merged or split together, so they are one observation.
    of_item = np.unique(truth[part], return_inverse=True)[1]
    count = np.bincount(of_item)
    class_precision = np.bincount(of_item, precision) / count
    class_recall = np.bincount(of_item, recall) / count
    f = 2 * class_precision * class_recall / (class_precision + class_recall)
    return {
        "pairwise_f": float(pairs),
        "bcubed_f": harmonic_mean(float(precision.mean()), float(recall.mean())),
        "item_f": float((2 * precision * recall / (precision + recall)).mean()),
        "error": float(np.std(f) / np.sqrt(len(f))),
    }


def best_tau(curve: pd.DataFrame, decoder: Any = "tree") -> float:
    """The highest tau whose mean of the three F lies within one standard error of the best; of "cut" the best.

    A set in use has more classes than a validation set, so it offers more chances of a wrong merge. Of thresholds that
    validation cannot tell apart, the strictest is therefore the safest. The decoder "cut" has no threshold: its tau
    weighs precision against recall, and no single link joins two clusters.

    Example:
        >>> f = [0.8, 0.9, 0.89]
        >>> curve = pd.DataFrame({"tau": [0.3, 0.5, 0.7], "pairwise_f": f, "bcubed_f": f, "item_f": f, "error": 0.02})
        >>> best_tau(curve), best_tau(curve, "cut")
        (0.7, 0.5)

    Source: the one-standard-error rule, Breiman et al., "Classification and Regression Trees", 1984.
    """
    score = curve[list(FIGURES)].mean(axis=1)
    best = score.idxmax()
    margin = 0.0 if decoder == "cut" else curve.loc[best, "error"]
    return float(curve.loc[score >= score[best] - margin, "tau"].max())
