"""What a similarity means in its graph: the background of random pairs, ranks in both directions, shared neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from .._core.chunks import chunks
from .._core.runtime import Threads
from . import _numba
from .distinct import sampled
from .knn import KnnGraph

PRODUCTS = 2**38  # of numbers, at most, to find the spread: a million rows of 512 columns, some 5 s
CELLS = 2**21  # numbers held at once where links are compared: 8 MB; such blocks made inputs 1.6 times faster


@dataclass(frozen=True)
class Background:
    """Mean and standard deviation of the cosine of two random rows: a similarity that means nothing."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, rows: Float[Tensor, "n d"]) -> Background:
        """The background of all rows but zero ones; every pair counts, without being formed.

        Formula: mean = |m|^2 with m the mean row; deviation^2 = |R^T R / n|_F^2 - mean^2. Where R^T R would take more
        than `PRODUCTS`, R is a sample of the rows (`sampled`).

        Example:
            >>> Background.of(torch.eye(2)).mean
            0.5
        """
        if len(rows) == 0:
            return cls(0.0, 1.0)

        most = max(1, PRODUCTS // rows.shape[1] ** 2)
        part = rows if len(rows) <= most else rows[sampled(rows, most)]  # (m, d)
        there = int((torch.linalg.vector_norm(part, torch.inf, dim=1) > 0).sum())
        share = there / len(part) if there else 1.0
        mean = float((part.mean(dim=0) / share).square().sum())
        second = float((part.T @ part / (share * len(part))).square().sum())
        return cls(mean, max(second - mean * mean, 1e-8) ** 0.5)  # the floor: equal rows have no spread to divide by

    def above(self, cosine: Tensor) -> Tensor:
        """Rescale a cosine: 0 at the background's mean, 1 at a cosine of 1."""
        return (cosine - self.mean) / (1 - self.mean + 1e-6)  # where all rows are alike, 1 - mean is 0


def rank_and_shared(graph: KnnGraph) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
    """Rank of the node in each neighbour's list, and the fraction of neighbours that both ends share.

    Example:
        >>> graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5]])
        >>> rank_and_shared(graph)[1].tolist()
        [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    """
    rank = torch.zeros_like(graph.similarity)  # (n, k)
    shared = torch.zeros_like(graph.similarity)  # (n, k)
    if graph.neighbors.device.type == "cpu":
        lists = graph.neighbors.contiguous().numpy()
        values = graph.similarity.contiguous().numpy()
        with Threads(graph.n * graph.k**2) as threads:
            threads.share(partial(_numba.rank_and_shared, lists, values, rank.numpy(), shared.numpy()), graph.n)
        return rank, shared

    for rows in chunks(graph.n, max(1, CELLS // max(1, graph.k**3))):
        rank[rows], shared[rows] = _rank_and_shared_at_once(graph, rows)
    return rank, shared


def _rank_and_shared_at_once(graph: KnnGraph, rows: slice) -> tuple[Tensor, Tensor]:
    """`rank_and_shared` of some nodes on a GPU: each entry of their lists against each of their neighbours' lists."""
    other = graph.padded[rows]  # (b, k)
    own = graph.neighbors[rows]  # (b, k)
    theirs = graph.neighbors[other]  # (b, k, k)
    above = (graph.similarity[other] > graph.similarity[rows, :, None]) & (theirs >= 0)  # (b, k, k)
    common = (theirs[..., None] == own[:, None, None, :]) & (own >= 0)[:, None, None, :]  # (b, k, k, k)

    rank = above.sum(dim=2) / (theirs >= 0).sum(dim=2).clamp(min=1)
    return rank, common.sum(dim=(2, 3)) / max(1, graph.k)
