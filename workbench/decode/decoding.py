"""What a decoder makes of a prediction, and the two groupings that every decoder needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..graph.knn import KnnGraph
from ..lander.model import Prediction
from .quality import Quality


@dataclass(frozen=True)
class Decoding:
    """The clusters of one level's nodes.

    Attributes:
        clusters: int64 [n], 0 .. c-1, numbered by rising representative.
        representative: int64 [c], the node that stands for each cluster (tree decode: its peak).
        parent: int64 [n], tree decode only: the node each node is linked to, itself at a peak; None for decoders that
            give no forest.
        node: int64 [n], cuts of a dendrogram only: the dendrogram's node that each node's cluster is.
        quality: the learned cut only: the dendrogram and the predicted quality of its nodes, from which every other cut
            follows.
    """

    clusters: Int[Tensor, " n"]
    representative: Int[Tensor, " c"]
    parent: Int[Tensor, " n"] | None
    node: Int[Tensor, " n"] | None = None
    quality: Quality | None = None

    @property
    def n_links(self) -> int:
        """Links kept: every one merges two clusters, so nodes - clusters."""
        return len(self.clusters) - len(self.representative)


Decoder = Callable[[KnnGraph, Prediction, float], Decoding]


def densest(group: Int[Tensor, " n"], density: Float[Tensor, " n"]) -> Int[Tensor, " n"]:
    """The densest node of each node's group, the lowest of equally dense ones; a group is named by one of its nodes.

    Example:
        >>> densest(torch.tensor([0, 0, 2]), torch.tensor([0.1, 0.5, 0.3])).tolist()
        [1, 1, 2]
    """
    by_density = torch.argsort(density, descending=True, stable=True)  # (n,), densest first
    rank = torch.empty_like(by_density)  # (n,), place of each node there
    rank[by_density] = torch.arange(len(group), device=rank.device)
    first = torch.full_like(rank, len(group)).scatter_reduce_(0, group, rank, "amin")
    return by_density[first[group]]


def by_densest(name: Int[Tensor, " n"], density: Float[Tensor, " n"]) -> tuple[Tensor, Tensor, Tensor]:
    """Clusters of nodes of the same name, each represented by its densest node.

    Names need not be 0 .. c - 1. Up to 8 n (nodes of a dendrogram are below 2 n) a table as long as the highest name
    finds the first node of each, which makes a correction of 100,000 rows twice as fast; higher names are sorted.

    Args:
        name: >= 0.
        density: of each node.

    Returns: clusters [n], representatives [c], rising, and each node's representative [n].

    Example:
        >>> clusters, representative, head = by_densest(torch.tensor([9, 4, 9]), torch.tensor([0.1, 0.5, 0.3]))
        >>> clusters.tolist(), representative.tolist(), head.tolist()
        ([1, 0, 1], [1, 2], [2, 1, 2])
    """
    n = len(name)
    every = torch.arange(n, device=name.device)
    if n and int(name.max()) >= 8 * n:  # a longer table would cost more than sorting
        name = name.unique(return_inverse=True)[1]
    table = name.new_full((int(name.max()) + 1 if n else 0,), n)  # (names,), the first node of each
    head = densest(table.scatter_reduce_(0, name, every, "amin")[name], density)
    is_head = torch.zeros(n, dtype=torch.bool, device=name.device)
    is_head[head] = True
    return (is_head.cumsum(0) - 1)[head], is_head.nonzero()[:, 0], head


def roots(parent: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
    """Root of each node's tree; `parent` of a root is itself. Each round doubles the distance covered.

    Example:
        >>> roots(torch.tensor([0, 0, 1, 3])).tolist()
        [0, 0, 0, 3]
    """
    while not torch.equal(above := parent[parent], parent):
        parent = above
    return parent


def components(graph: KnnGraph, kept: Bool[Tensor, "n k"]) -> Int[Tensor, " n"]:
    """Smallest index in each node's connected component, by label propagation with pointer jumping.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
        >>> components(graph, graph.similarity > 0.6).tolist()
        [0, 0, 2]
    """
    node, slot = kept.nonzero(as_tuple=True)
    other = graph.neighbors[node, slot]
    label = torch.arange(graph.n, device=node.device)
    while True:
        low = torch.minimum(label[node], label[other])
        new = label.scatter_reduce(0, label[node], low, "amin").scatter_reduce(0, label[other], low, "amin")
        new = new[new]
        if torch.equal(new, label):
            return label
        label = new
