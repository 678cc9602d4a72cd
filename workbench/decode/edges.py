"""The undirected edges of a k-NN graph, with what their links say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._core.runtime import Threads
from ..graph.knn import KnnGraph
from . import _numba_merges
from .rounds import pairs


@dataclass(frozen=True)
class Edges:
    """The undirected edges of a k-NN graph of n images.

    Attributes:
        n: images.
        low, high: [e], the two images of a pair, low < high.
        sums: float64 [e, 3], linkage (> 0) and similarity of its links, one or two: summed linkage, links, summed
            similarity.
    """

    n: int
    low: Int[Tensor, " e"]
    high: Int[Tensor, " e"]
    sums: Float[Tensor, "e 3"]

    @classmethod
    def of(cls, graph: KnnGraph, linkage: Float[Tensor, "n k"]) -> Edges:
        """The edges, where the graph is.

        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.5], [0.5]])
            >>> Edges.of(graph, graph.similarity).sums.tolist()
            [[1.0, 2.0, 1.0]]
        """
        linkage = linkage.detach()
        if graph.neighbors.is_cuda:
            pair, sums = pairs(graph.neighbors, linkage, graph.similarity)
            return cls(graph.n, pair // graph.n, pair % graph.n, sums)

        lists = graph.neighbors.contiguous().numpy()
        similarity = graph.similarity.contiguous().numpy()
        work = partial(_numba_merges.undirected, lists, linkage.contiguous().numpy(), similarity)
        with Threads(graph.n * graph.k**2) as threads:
            parts = threads.parts(work, graph.n)
        return cls(graph.n, *(torch.from_numpy(np.concatenate(column)) for column in zip(*parts, strict=True)))

    def check(self) -> None:
        """Refuse a linkage that is NaN or infinite.

        Raises:
            ValueError: there is one.

        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.5], [0.5]])
            >>> Edges.of(graph, graph.similarity).check()
        """
        if not self.sums.isfinite().all():
            raise ValueError("linkage: expected finite numbers, got NaN or infinity")

    def at_images(self) -> Float[Tensor, "n 3"]:
        """Sums of the edges at each image."""
        ends = (self.low, self.high)
        sums = [sum(torch.bincount(end, column, self.n) for end in ends) for column in self.sums.T]  # 3 of (n,)
        return torch.stack(sums, dim=1).double()  # type: ignore[arg-type]  # counts of no edges at all are integers
