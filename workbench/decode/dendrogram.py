"""Linkage -> dendrogram: which clusters merge in which order, from single images to the whole, by mean linkage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int, Int64

from .._core.memmap import is_memmap, new_tensor
from .._core.runtime import Threads
from ..graph.knn import KnnGraph
from . import _numba

COLUMNS = tuple(_numba.MERGE.fields or ())
NEVER = -1e15  # the score of a node that must not become a cluster
Column = Float[np.ndarray, " m"]
OfNodes = Float[np.ndarray, " nodes"]


@dataclass(frozen=True)
class Dendrogram:
    """A binary tree over n images: leaves are 0 .. n - 1, merge t makes node n + t; parts that no link ties stay apart.

    Attributes:
        n: images.
        larger, smaller: int64 [m], the two nodes that each merge joins.
        height: [m], mean linkage over all pairs of images across, those that no link ties counting 0.
        weight: [m], summed linkage of the links across, of both directions.
        links: [m], how many they are.
        product: [m], inner product of the sums of both sides' features.
        second_of_larger, second_of_smaller: [m], mean linkage of each side to its second best neighbour.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
        >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(3))
        >>> dendrogram.larger.tolist(), dendrogram.smaller.tolist(), dendrogram.size.tolist()
        ([1, 3], [0, 2], [1.0, 1.0, 1.0, 2.0, 3.0])
    """

    n: int
    larger: Int64[np.ndarray, " m"]
    smaller: Int64[np.ndarray, " m"]
    height: Column
    weight: Column
    links: Column
    product: Column
    second_of_larger: Column
    second_of_smaller: Column

    @property
    def n_merges(self) -> int:
        """m, at most n - 1."""
        return len(self.larger)

    @property
    def measured(self) -> tuple[Column, ...]:
        """What is known of every merge beside its two sides."""
        return (self.height, self.weight, self.links, self.product, self.second_of_larger, self.second_of_smaller)

    @property
    def n_nodes(self) -> int:
        """Leaves and merges."""
        return self.n + self.n_merges

    @cached_property
    def parent(self) -> Int64[np.ndarray, " nodes"]:
        """The node that each node becomes part of; -1 at a root."""
        above = np.full(self.n_nodes, -1)
        above[self.larger] = above[self.smaller] = self.n + np.arange(self.n_merges)
        return above

    @cached_property
    def size(self) -> OfNodes:
        """Images under each node."""
        return self.sums(np.ones((self.n, 1)))[:, 0]

    def sums(
        self, leaf: Float[np.ndarray, "n f"], at_merge: Float[np.ndarray, "m f"] | None = None
    ) -> Float[np.ndarray, "nodes f"]:
        """Sums over every subtree of values of its leaves and of its merges.

        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
            >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(2))
            >>> dendrogram.sums(np.array([[1.0], [2.0]])).tolist()
            [[1.0], [2.0], [3.0]]
        """
        at_merge = np.zeros((self.n_merges, leaf.shape[1])) if at_merge is None else at_merge
        out: Float[np.ndarray, "nodes f"] = _numba.summed(
            self.n, self.larger, self.smaller, leaf.astype(np.float64), at_merge.astype(np.float64)
        )
        return out

    def cut(self, score: OfNodes) -> Cut:
        """The clusters of highest summed score: one node above every leaf, chosen by dynamic programming.

        Formula: V(node) = max(score(node), V(larger) + V(smaller)); of equals the whole node.

        Args:
            score: of every node as one cluster [nodes].

        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
            >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(3))
            >>> dendrogram.cut(np.array([1.0, 1.0, 1.0, 3.0, 3.5])).node.tolist()
            [3, 3, 2]
        """
        value, whole = _numba.best_cut(self.n, self.larger, self.smaller, score.astype(np.float64))
        return Cut(_numba.nodes_of_cut(self.n, self.larger, self.smaller, whole), value, whole)

    def over(self, cut: Cut, score: OfNodes) -> Cut:
        """The clusters of highest score that the clusters of `cut` fall into whole: a coarser layer.

        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
            >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(3))
            >>> fine = dendrogram.cut(np.array([1.0, 1.0, 1.0, 3.0, 3.5]))
            >>> dendrogram.over(fine, np.array([9.0, 9.0, 9.0, 1.0, 2.0])).node.tolist()
            [3, 3, 2]
        """
        return self.cut(np.where(self._holds(cut), score, NEVER))

    def under(self, cut: Cut, score: OfNodes) -> Cut:
        """The clusters of highest score that fall into the clusters of `cut`: a finer layer.

        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
            >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(3))
            >>> coarse = dendrogram.cut(np.array([1.0, 1.0, 1.0, 3.0, 3.5]))
            >>> dendrogram.under(coarse, np.array([1.0, 1.0, 1.0, 1.5, 9.0])).node.tolist()
            [0, 1, 2]
        """
        return self.cut(np.where(self.above(cut), NEVER, score))

    def above(self, cut: Cut) -> Bool[np.ndarray, " nodes"]:
        """True for nodes that are larger than the clusters of the cut below them.

        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
            >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(3))
            >>> dendrogram.above(dendrogram.cut(np.array([1.0, 1.0, 1.0, 3.0, 3.5]))).tolist()
            [False, False, False, False, True]
        """
        larger = self._holds(cut)
        larger[cut.node] = False
        return larger

    def _holds(self, cut: Cut) -> Bool[np.ndarray, " nodes"]:
        """Nodes that hold a whole cluster of the cut."""
        chosen = np.zeros((self.n_nodes, 1))
        chosen[cut.node] = 1
        return self.sums(chosen[: self.n], chosen[self.n :])[:, 0] > 0

    def to_pandas(self) -> pd.DataFrame:
        """One row per merge: node, larger, smaller, size, height (mean linkage over all pairs across), links (across).

        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
            >>> build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(2)).to_pandas()["size"].tolist()
            [2]
        """
        columns = {"node": self.n + np.arange(self.n_merges), "larger": self.larger, "smaller": self.smaller}
        measured = {"size": self.size[self.n :].astype(int), "height": self.height, "links": self.links.astype(int)}
        return pd.DataFrame({**columns, **measured})


@dataclass(frozen=True)
class Cut:
    """Clusters of a dendrogram.

    Attributes:
        node: int64 [n], the node that each image's cluster is.
        value: [nodes], summed score of the best clusters at or below each node.
        whole: bool [nodes], where that is the node itself as one cluster.
    """

    node: Int64[np.ndarray, " n"]
    value: OfNodes
    whole: Bool[np.ndarray, " nodes"]


@dataclass(frozen=True)
class Edges:
    """The undirected edges of a k-NN graph of n images: low < high, summed linkage (> 0), links (one or two) of a
    pair."""

    n: int
    low: Int[np.ndarray, " e"]
    high: Int[np.ndarray, " e"]
    weight: Float[np.ndarray, " e"]
    links: Float[np.ndarray, " e"]

    @classmethod
    def of(cls, graph: KnnGraph, linkage: Float[torch.Tensor, "n k"]) -> Edges:
        """
        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.5], [0.5]])
            >>> Edges.of(graph, graph.similarity).weight.tolist()
            [1.0]
        """
        lists, weight = (column.detach().cpu().contiguous().numpy() for column in (graph.neighbors, linkage))
        with Threads(graph.n * graph.k**2) as threads:
            parts = threads.parts(partial(_numba.undirected, lists, weight), graph.n)
        return cls(graph.n, *(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def at(self, values: Float[np.ndarray, " e"]) -> Float[np.ndarray, " n"]:
        """Sum of the values of the edges at each image."""
        ends = (np.bincount(end, values, minlength=self.n) for end in (self.low, self.high))
        return np.asarray(sum(ends), dtype=np.float64)


def build_dendrogram(edges: Edges, features: Float[torch.Tensor, "n d"]) -> Dendrogram:
    """Average linkage over the links of a k-NN graph, exact, in about n k log n steps.

    Formula: L(A, B) = sum of linkage over the links between A and B / (|A| |B|). The two clusters that are each
    other's best join; L(A u B, C) is the mean of L(A, C) and L(B, C) weighted by size, so no later merge is
    higher than an earlier one below it, and the order of independent merges does not matter.

    Args:
        edges: of the images' graph, with the linkage of its links.
        features: unit rows, of which the sums of both sides are compared at every merge.

    Raises:
        ValueError: a linkage that is NaN or infinite: which clusters are nearest is then not defined.

    Example: see `Dendrogram`.

    Source: Murtagh & Contreras, "Algorithms for hierarchical clustering: an overview", 2012 (nearest-neighbour chain).
    """
    if not np.isfinite(edges.weight).all():
        raise ValueError("linkage: expected finite numbers, got NaN or infinity")
    total = new_tensor(tuple(features.shape), mapped=is_memmap(features)).copy_(features.detach()).numpy()
    merges = np.empty(edges.n, _numba.MERGE)
    count = _numba.agglomerate(edges.n, edges.low, edges.high, edges.weight, edges.links, total, merges)
    columns = {name: np.ascontiguousarray(merges[name][:count]) for name in COLUMNS}
    return Dendrogram(edges.n, **columns)
