"""Choosing tau on labelled classes that training has not seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from jaxtyping import Float, Int
from torch import Tensor

from .config import InferenceConfig
from .hierarchy import Predictor, build_hierarchy
from .metrics import bcubed, contingency, pairwise

TAUS = tuple(round(0.05 * i, 2) for i in range(1, 20))  # candidates


def tau_curve(
    predict: Predictor,
    settings: InferenceConfig,
    features: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    taus: tuple[float, ...] = TAUS,
) -> pd.DataFrame:
    """Scores of the last level for each tau: columns tau, bcubed_f, pairwise_f, n_clusters, n_levels.

    Example:
        >>> import torch
        >>> from workbench.hierarchy import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> curve = tau_curve(similarity_predictor, InferenceConfig(k=2), x, torch.tensor([0, 0, 1, 1]), (0.05, 0.9))
        >>> curve["n_clusters"].tolist()
        [1, 2]
    """
    rows, truth = [], labels.cpu().numpy()
    for tau in taus:
        tree = build_hierarchy(features, predict, replace(settings, tau=tau))
        table = contingency(truth, tree.labels.cpu().numpy())
        row = {"tau": tau, "bcubed_f": bcubed(table).f, "pairwise_f": pairwise(table).f}
        rows.append({**row, "n_clusters": tree.n_clusters, "n_levels": len(tree.levels)})
    return pd.DataFrame(rows)


def best_tau(curve: pd.DataFrame) -> dict[str, Any]:
    """The row of the highest BCubed F; of equals, the middle one, which lies farthest from where F falls off.

    Example:
        >>> best_tau(pd.DataFrame({"tau": [0.3, 0.4, 0.5, 0.6], "bcubed_f": [0.8, 0.9, 0.9, 0.9]}))["tau"]
        0.5
    """
    best = curve[curve["bcubed_f"] == curve["bcubed_f"].max()]
    row: dict[str, Any] = best.iloc[len(best) // 2].to_dict()
    return row
