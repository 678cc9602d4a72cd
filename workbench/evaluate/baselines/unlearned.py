"""The decode without a learned model: what the level loop reaches on raw similarity."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int64
from torch import Tensor

from ...cluster.hierarchy import build_hierarchy
from ...cluster.predictors import similarity_predictor
from ...graph.knn import KnnGraph, knn, precomputed
from ...lander.config import InferenceConfig
from .base import Baseline, Grid
from .graphs import HIGH


class NoLearning(Baseline):
    """The level loop with linkage = cosine similarity and density = mean similarity: a learned model must beat it.

    Args:
        k: neighbours per node.
        tau: threshold on similarity.
        max_levels: 1 for one level only.

    Example:
        >>> NoLearning(k=2, tau=0.9).fit_predict([[1, 0], [1, 0.1], [0.1, 1], [0, 1]]).tolist()
        [0, 0, 1, 1]

    Source: `workbench.cluster.predictors.similarity_predictor`.
    """

    grid: ClassVar[Grid] = {"tau": (*(round(0.02 * i, 2) for i in range(20, 45)), *HIGH)}
    prepared_by: ClassVar[tuple[str, ...]] = ("k",)

    def __init__(self, *, k: int = 10, tau: float = 0.7, max_levels: int = 10) -> None:
        self.k = k
        self.tau = tau
        self.max_levels = max_levels

    def _prepare(self, rows: Float[Tensor, "n d"]) -> tuple[Tensor, KnnGraph]:
        return rows, knn(rows, self.k)

    def _assign(self, data: Any) -> Int64[np.ndarray, " n"]:
        rows, images = data
        settings = InferenceConfig(k=self.k, tau=self.tau, max_levels=self.max_levels)
        return build_hierarchy(rows, similarity_predictor, settings, graph=precomputed(images)).labels.numpy()


class NoLearningOneLevel(NoLearning):
    """The same, stopped after level 0."""

    def __init__(self, *, k: int = 10, tau: float = 0.7, max_levels: int = 1) -> None:
        super().__init__(k=k, tau=tau, max_levels=max_levels)
