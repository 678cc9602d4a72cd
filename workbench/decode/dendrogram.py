"""Linkage -> dendrogram: which clusters merge in which order, from single images to the whole, by mean linkage."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from .._core.memmap import new_like
from . import _numba, _numba_merges
from .edges import Edges
from .rounds import FEWEST, Rounds
from .subtrees import Subtrees

FOUND = tuple(_numba_merges.MERGE.fields or ())
COLUMNS = (*FOUND, "second_of_larger", "second_of_smaller")
# The score of a node that must not become a cluster: below any sum of scores (images times a quality up to 1), and
# finite, so that no sum or product of it is NaN.
NEVER = -1e15
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
        closeness: [m], their summed similarity.
        product: [m], inner product of the sums of both sides' features.
        second_of_larger, second_of_smaller: [m], mean linkage of each side to its second best neighbour (see
            `by_falling_height`; on a GPU, of merges made in rounds, before their round).
        device: where sums over subtrees and cuts are computed.

    Example:
        >>> from workbench.graph import KnnGraph
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
    closeness: Column
    product: Column
    second_of_larger: Column
    second_of_smaller: Column
    device: torch.device = field(default=torch.device("cpu"), kw_only=True)

    @property
    def n_merges(self) -> int:
        """m, at most n - 1."""
        return len(self.larger)

    @property
    def measured(self) -> tuple[Column, ...]:
        """What is known of every merge beside its two sides."""
        return tuple(getattr(self, name) for name in COLUMNS[2:])

    @property
    def n_nodes(self) -> int:
        """Leaves and merges."""
        return self.n + self.n_merges

    @cached_property
    def subtrees(self) -> Subtrees:
        """The merges as tensors, where `device` says."""
        return Subtrees(self.n, self.columns["larger"], self.columns["smaller"])

    @cached_property
    def columns(self) -> dict[str, Tensor]:
        """What is known of every merge as tensors, where `device` says."""
        return {name: self.tensor(getattr(self, name)) for name in COLUMNS}

    def tensor(self, values: np.ndarray) -> Tensor:
        """Values of nodes or merges, where `device` says."""
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    @cached_property
    def parent(self) -> Int64[np.ndarray, " nodes"]:
        """The node that each node becomes part of; -1 at a root."""
        return self.subtrees.parent.cpu().numpy()

    @property
    def tops(self) -> Int64[np.ndarray, " n"]:
        """The root above each leaf."""
        return tops(self.n, self.larger, self.smaller)

    @cached_property
    def size(self) -> OfNodes:
        """Images under each node."""
        return self.subtrees.size.cpu().numpy()

    def cut(self, score: OfNodes) -> Cut:
        """The clusters of highest summed score: one node above every leaf, chosen by dynamic programming.

        Formula: V(node) = max(score(node), V(larger) + V(smaller)); of equals the whole node.

        Args:
            score: of every node as one cluster [nodes].

        Example:
            >>> from workbench.graph import KnnGraph
            >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
            >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(3))
            >>> dendrogram.cut(np.array([1.0, 1.0, 1.0, 3.0, 3.5])).node.tolist()
            [3, 3, 2]
        """
        found = self.subtrees.cut(self.tensor(score.astype(np.float64)))
        return Cut(*(part.cpu().numpy() for part in found))

    def over(self, cut: Cut, score: OfNodes) -> Cut:
        """The clusters of highest score that the clusters of `cut` fall into whole: a coarser layer.

        Example:
            >>> from workbench.graph import KnnGraph
            >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
            >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(3))
            >>> fine = dendrogram.cut(np.array([1.0, 1.0, 1.0, 3.0, 3.5]))
            >>> dendrogram.over(fine, np.array([9.0, 9.0, 9.0, 1.0, 2.0])).node.tolist()
            [3, 3, 2]
        """
        holds = self.subtrees.holds(self.tensor(cut.node)).cpu().numpy()
        return self.cut(np.where(holds, score, NEVER))

    def under(self, cut: Cut, score: OfNodes) -> Cut:
        """The clusters of highest score that fall into the clusters of `cut`: a finer layer.

        Example:
            >>> from workbench.graph import KnnGraph
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
            >>> from workbench.graph import KnnGraph
            >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
            >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(3))
            >>> dendrogram.above(dendrogram.cut(np.array([1.0, 1.0, 1.0, 3.0, 3.5]))).tolist()
            [False, False, False, False, True]
        """
        return self.subtrees.above(self.tensor(cut.node)).cpu().numpy()

    def to_pandas(self) -> pd.DataFrame:
        """One row per merge: node, larger, smaller, size, height (mean linkage over all pairs across), links (across).

        Example:
            >>> from workbench.graph import KnnGraph
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


def tops(n: int, larger: Int64[np.ndarray, " m"], smaller: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, " n"]:
    """The root above each of n leaves, by the two sides of every merge.

    Example:
        >>> tops(3, np.array([0]), np.array([2])).tolist()
        [3, 1, 3]
    """
    every = np.ones(n + len(larger), np.bool_)
    found: Int64[np.ndarray, " n"] = _numba.nodes_of_cut(n, larger, smaller, every)
    return found


def build_dendrogram(edges: Edges, features: Float[Tensor, "n d"]) -> Dendrogram:
    """Average linkage over the links of a k-NN graph, exact, in about n k log n steps; on a GPU in rounds (`Rounds`).

    Formula: L(A, B) = sum of linkage over the links between A and B / (|A| |B|). The two clusters that are each
    other's best join; L(A u B, C) is the mean of L(A, C) and L(B, C) weighted by size, so no later merge is
    higher than an earlier one below it, and the order in which independent merges are found does not matter; they
    are numbered by falling height.

    Args:
        edges: of the images' graph, with the linkage of its links.
        features: unit rows, of which the sums of both sides are compared at every merge.

    Raises:
        ValueError: a linkage that is NaN or infinite: which clusters are nearest is then not defined.

    Example: see `Dendrogram`.

    Source: Murtagh & Contreras, "Algorithms for hierarchical clustering: an overview", 2012 (nearest-neighbour chain).
    """
    edges.check()
    if edges.low.is_cuda:
        return dendrogram_in_rounds(edges, features)
    total = new_like(features, tuple(features.shape)).copy_(features.detach())
    size = torch.ones(edges.n, dtype=torch.float64)
    merges = merge_all(edges.low, edges.high, edges.sums, total, size.clone(), torch.arange(edges.n), edges.n)
    return Dendrogram(edges.n, *by_falling_height(edges, size, merges))


def dendrogram_in_rounds(edges: Edges, features: Float[Tensor, "n d"], fewest: int = FEWEST) -> Dendrogram:
    """`build_dendrogram` in rounds of merges where the tensors are; what is left of them one by one on the CPU.

    Args:
        edges, features: see `build_dendrogram`.
        fewest: merges of a round.

    Example:
        >>> from workbench.graph import KnnGraph
        >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
        >>> dendrogram_in_rounds(Edges.of(graph, graph.similarity), torch.eye(3), fewest=1).smaller.tolist()
        [0, 2]
    """
    rounds = Rounds(edges.low.long() * edges.n + edges.high, edges.sums, features.detach().float())
    rounds.run(fewest)
    blocks = [[column.cpu().numpy() for column in block] for block in rounds.merges]
    ends = torch.stack([rounds.pair // edges.n, rounds.pair % edges.n])
    left, (low, high) = ends.unique(return_inverse=True)  # the clusters that may still merge, and the edges' ends in it
    n = len(left)
    rest = Edges(n, low.cpu(), high.cpu(), rounds.sums.cpu())
    size = rounds.size[left].cpu()
    merges = merge_all(rest.low, rest.high, rest.sums, rounds.total[left].cpu(), size.clone(), torch.arange(n), n)
    larger, smaller, *measured = by_falling_height(rest, size, merges)
    first = edges.n + rounds.count
    node = np.concatenate([rounds.node[left].cpu().numpy(), first + np.arange(len(larger))])
    columns = zip(*blocks, [node[larger], node[smaller], *measured], strict=True)
    return Dendrogram(edges.n, *map(np.concatenate, columns), device=edges.low.device)


def by_falling_height(edges: Edges, size: Float[Tensor, " n"], merges: list[np.ndarray]) -> list[np.ndarray]:
    """The columns `COLUMNS` of merges that were found in any order, which then changes nothing.

    The highest come first; a side's runner-up is its second best neighbour when all higher merges are done and no
    other; of sides of equal size the one with more linkage at its images counts as the larger.

    Args:
        edges: between the leaves, on the CPU.
        size: images in each leaf, float64.
        merges: the columns `FOUND`, children before parents.

    Example: the merge of 0.6 was found before that of 0.9.
        >>> sums = torch.tensor([[0.6, 1.0, 0.6], [0.9, 1.0, 0.9]], dtype=torch.float64)
        >>> edges = Edges(4, torch.tensor([0, 2]), torch.tensor([1, 3]), sums)
        >>> found = [np.array([0, 2]), np.array([1, 3]), *np.array([[0.6, 0.9]] * 5)]
        >>> by_falling_height(edges, torch.ones(4).double(), found)[0].tolist()
        [2, 0]
    """
    n = edges.n
    larger, smaller, height, *measured = merges
    order = np.argsort(-_numba_merges.falling(n, larger, smaller, height), kind="stable")
    number = np.concatenate([np.arange(n), np.empty_like(order)])  # new number of each node
    number[n + order] = n + np.arange(len(order))
    sides = (number[larger[order]], number[smaller[order]])
    volume = edges.at_images()[:, 0].numpy()
    start = (size.clone().numpy(), volume)
    seconds = _numba_merges.rank_sides(
        edges.low.int().numpy(), edges.high.int().numpy(), edges.sums.clone().numpy(), start, *sides
    )
    return [*sides, *(column[order] for column in (height, *measured)), *np.ascontiguousarray(seconds.T)]


def constrained_dendrogram(
    edges: Edges, size: Float[Tensor, " n"], classes: Int64[np.ndarray, " n"], apart: Int64[np.ndarray, "c 2"]
) -> Dendrogram:
    """Average linkage that goes on as long as anything may join; its roots (parent -1) must stay apart.

    Formula: as `build_dendrogram`, but L(A, B) is lowest where A and B hold the two ends of a pair that must stay apart
    or two classes. A merge brings nothing nearer then either, so the order of merges still does not matter.

    Args:
        edges: between the leaves, on the CPU.
        size: images in each leaf, float64.
        classes: of each leaf, -1: unknown.
        apart: pairs of leaves.

    Example: two links of different strength, and the ends must stay apart.
        >>> sums = torch.tensor([[1.8, 2.0, 1.8], [1.2, 2.0, 1.2]], dtype=torch.float64)
        >>> edges = Edges(3, torch.tensor([0, 1]), torch.tensor([1, 2]), sums)
        >>> apart = np.array([[0, 2]])
        >>> constrained_dendrogram(edges, torch.ones(3).double(), np.full(3, -1), apart).tops.tolist()
        [3, 3, 2]

    Source: Davidson & Ravi, "Agglomerative hierarchical clustering with constraints", 2005.
    """
    total = torch.zeros(edges.n, 1)
    node = torch.arange(edges.n)
    merges = merge_all(
        edges.low, edges.high, edges.sums, total, size.clone(), node, edges.n, classes=classes.copy(), apart=apart
    )
    return Dendrogram(edges.n, *by_falling_height(edges, size, merges))


def merge_all(
    low: Tensor,
    high: Tensor,
    sums: Tensor,
    total: Tensor,
    size: Tensor,
    node: Tensor,
    first: int,
    *,
    classes: np.ndarray | None = None,
    apart: np.ndarray | None = None,
    done: np.ndarray | None = None,
) -> list[np.ndarray]:
    """The columns `FOUND` of the merges; `total`, `size`, `node`, `classes` and `done` are changed."""
    merges = np.empty(len(size), _numba_merges.MERGE)
    ends = (low.int().numpy(), high.int().numpy())
    start = (total.numpy(), size.numpy(), node.numpy())
    classes = np.full(len(size), -1) if classes is None else classes
    one, other = np.empty((2, 0), np.int32) if apart is None else np.ascontiguousarray(apart.T, np.int32)
    done = np.zeros(len(size), np.bool_) if done is None else done
    count = _numba_merges.agglomerate(*ends, sums.clone().numpy(), start, first, merges, classes, (one, other), done)
    return [np.ascontiguousarray(merges[name][:count]) for name in FOUND]
