"""Baselines that link neighbours and take connected components: above a threshold, approximate rank-order, FINCH.

None of them is quadratic in memory beyond the search of neighbours; each `k` excludes the node itself.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor

from ..._core.validation import check_int, check_unit_interval
from ...decode.decoding import components
from ...graph.knn import KnnGraph, knn
from .base import Baseline, Grid

HIGH = tuple(round(0.9 + 0.01 * i, 2) for i in range(10))  # faces' cosines of strangers are .8 to .93


def _numbered(graph: KnnGraph, kept: Bool[Tensor, "n k"]) -> Int64[np.ndarray, " n"]:
    """Connected components of the listed edges that are kept: 0 .. c-1."""
    return components(graph, kept & graph.mask).unique(return_inverse=True)[1].numpy()  # type: ignore[no-any-return]


class ThresholdedComponents(Baseline):
    """Connected components of the k-NN graph after edges of similarity <= `min_similarity` are cut.

    Args:
        k: neighbours per node.
        min_similarity: only edges above it are kept, in [0, 1].

    Example:
        >>> ThresholdedComponents(min_similarity=0.5).fit_predict([[1, 0], [1, 0.1], [0, 1]]).tolist()
        [0, 0, 1]
    """

    grid: ClassVar[Grid] = {"min_similarity": (*np.round(np.arange(0.3, 0.9, 0.025), 3).tolist(), *HIGH)}
    prepared_by = ("k",)

    def __init__(self, *, k: int = 10, min_similarity: float = 0.7) -> None:
        self.k = k
        self.min_similarity = min_similarity

    def _prepare(self, rows: Float[Tensor, "n d"]) -> KnnGraph:
        return knn(rows, self.k)

    def _assign(self, data: KnnGraph) -> Int64[np.ndarray, " n"]:
        return _numbered(data, data.similarity > check_unit_interval(self.min_similarity, "min_similarity"))


def rank_order(graph: KnnGraph, block: int = 2**22) -> Float[Tensor, "n k"]:
    """Approximate rank-order distance between each node a and each node b of its list; infinite where there is none.

    Formula: D(a, b) = (d(a, b) + d(b, a)) / min(O_a(b), O_b(a)), where O_a(b) = 1, 2, ... is the rank of b in a's list
    (k + 1 if absent) and d(a, b) counts those of the first min(O_a(b), k) entries of a's list that are neither b nor in
    b's list.

    Example:
        >>> rank_order(knn(torch.eye(3) * 0.6 + 0.3, k=2)).tolist()
        [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]

    Source: Otto, Wang & Jain 2018, "Clustering millions of faces by identity".
    """
    node, slot = graph.mask.nonzero(as_tuple=True)  # (edges,)
    sets = graph.neighbors.sort(dim=1).values  # (n, k)
    distance = torch.full_like(graph.similarity, torch.inf)

    # In chunks of `block` values (2^22 int64 are 32 MB a tensor): all edges at once would be a table of n k^2.
    for edges in torch.arange(len(node)).split(max(1, block // max(1, graph.k))):
        a = node[edges]  # (e,)
        rank = slot[edges] + 1
        b = graph.neighbors[a, slot[edges]]

        back = graph.neighbors[b] == a[:, None]
        rank_back = torch.where(back.any(dim=1), back.long().argmax(dim=1) + 1, graph.k + 1)

        missing = _missing(graph, sets, a, b, rank) + _missing(graph, sets, b, a, rank_back)
        distance[a, slot[edges]] = missing / torch.minimum(rank, rank_back)
    return distance


def _missing(
    graph: KnnGraph, sets: Int[Tensor, "n k"], a: Int[Tensor, " e"], b: Int[Tensor, " e"], rank: Int[Tensor, " e"]
) -> Int[Tensor, " e"]:
    """How many of the first `rank` entries of a's list are neither b nor in b's list; `sets` = the lists in order."""
    entries = graph.neighbors[a]  # (e, k)
    other = sets[b]  # (e, k)

    # Membership by binary search in the sorted list: O(k log k) an edge, where comparing all pairs takes k^2.
    place = torch.searchsorted(other, entries).clamp_(max=graph.k - 1)
    excused = (other.gather(1, place) == entries) | (entries == b[:, None]) | (entries < 0)
    counted = torch.arange(graph.k, device=entries.device) < rank[:, None]
    return (counted & ~excused).sum(dim=1)


class ApproximateRankOrder(Baseline):
    """Connected components of pairs that rank each other's neighbours alike: `rank_order` distance <= `max_distance`.

    Args:
        k: length of the neighbour lists.
        max_distance: pairs above it are not linked.

    Example:
        >>> rows = [[1, 0], [1, 0.1], [0.1, 1], [0, 1]]
        >>> ApproximateRankOrder(k=1, max_distance=0.5).fit_predict(rows).tolist()
        [0, 0, 1, 1]

    Source: Otto, Wang & Jain 2018.
    """

    grid: ClassVar[Grid] = {
        "k": (10, 20, 40),
        "max_distance": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0),
    }
    prepared_by = ("k",)

    def __init__(self, *, k: int = 20, max_distance: float = 1.0) -> None:
        self.k = k
        self.max_distance = max_distance

    def _prepare(self, rows: Float[Tensor, "n d"]) -> tuple[KnnGraph, Float[Tensor, "n k"]]:
        graph = knn(rows, self.k)
        return graph, rank_order(graph)

    def _assign(self, data: tuple[KnnGraph, Float[Tensor, "n k"]]) -> Int64[np.ndarray, " n"]:
        graph, distance = data
        return _numbered(graph, distance <= self.max_distance)


def first_neighbor_partitions(rows: Float[Tensor, "n d"]) -> list[Int64[np.ndarray, " n"]]:
    """FINCH's partitions, finest first: link each point with its nearest, average the components, repeat on the means.

    It ends when one cluster or no change is left; that last one cluster is no partition unless it is the first.

    Example:
        >>> rows = torch.nn.functional.normalize(torch.tensor([[1, 0], [1, 0.1], [0, 1], [0.1, 1]]), dim=1)
        >>> [labels.tolist() for labels in first_neighbor_partitions(rows)]
        [[0, 0, 1, 1]]

    Source: Sarfraz, Sharma & Stiefelhagen 2019, "Efficient parameter-free clustering using first neighbor relations".
    """
    partitions: list[Int64[np.ndarray, " n"]] = []
    labels = torch.arange(len(rows))
    means = rows
    while True:
        graph = knn(means, k=1)
        joined = torch.from_numpy(_numbered(graph, graph.mask))
        n_clusters = int(joined.max()) + 1
        if n_clusters == len(means) or (n_clusters == 1 and partitions):
            return partitions or [labels.numpy()]

        labels = joined[labels]
        partitions.append(labels.numpy())
        # Means of the images, not of the clusters' means: every image counts the same.
        sums = torch.zeros(n_clusters, rows.shape[1]).index_add_(0, labels, rows)
        means = torch.nn.functional.normalize(sums, dim=1)


class Finch(Baseline):
    """One level of FINCH's hierarchy of first neighbours; no other setting.

    Args:
        partition: 0 = the finest; the coarsest where there are fewer.

    Example:
        >>> Finch().fit_predict([[1, 0], [1, 0.1], [0, 1], [0.1, 1]]).tolist()
        [0, 0, 1, 1]

    Source: Sarfraz, Sharma & Stiefelhagen 2019.
    """

    grid: ClassVar[Grid] = {"partition": (0, 1, 2, 3, 4, 5)}

    def __init__(self, *, partition: int = 1) -> None:
        self.partition = partition

    def _prepare(self, rows: Float[Tensor, "n d"]) -> list[Int64[np.ndarray, " n"]]:
        return first_neighbor_partitions(rows)

    def _assign(self, data: list[Int64[np.ndarray, " n"]]) -> Int64[np.ndarray, " n"]:
        return data[min(check_int(self.partition, "partition", low=0), len(data) - 1)]
