"""Features -> k-NN graph: each node's k most similar nodes by cosine, exact or approximate; ties by index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .._core.progress import progress_bar
from .._core.rows import check_unit_rows
from .._core.runtime import usual_torch
from .._core.validation import check_choice, check_int, check_seed
from .exact import SPARE, TIE, clipped, half_precision_base, rank_itself, search, search_chunks, search_itself
from .nn_descent import search_forest
from .repeats import search_distinct

# Nodes from which the CPU searches approximately: that takes half as long or less (0.55 s in place of 1.16 s; for
# 100,000 nodes 2.5 s in place of 15 s), at a recall of 1.000 (tests/benchmarks/README.md).
APPROXIMATE_FROM = 30_000


@dataclass(frozen=True)
class KnnGraph:
    """Neighbour lists of n nodes: indices and similarities only, never a copy of the features.

    Attributes:
        neighbors: int64 [n, k], indices of the most similar other nodes, best first; -1 where there is none.
        similarity: float32 [n, k], s_ij = max(0, cos(x_i, x_j)); 0 where there is no neighbour.

    A node is never its own neighbour: the official code's k = 10 counts the node itself and is k = 9 here.

    Example:
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), dim=1)
        >>> knn(x, k=1).neighbors.tolist()
        [[1], [0], [1]]
    """

    neighbors: Int[Tensor, "n k"]
    similarity: Float[Tensor, "n k"]

    @property
    def n(self) -> int:
        """Number of nodes."""
        return self.neighbors.shape[0]

    @property
    def k(self) -> int:
        """Length of the neighbour lists."""
        return self.neighbors.shape[1]

    @property
    def mask(self) -> Bool[Tensor, "n k"]:
        """True where there is a neighbour."""
        return self.neighbors >= 0

    @property
    def padded(self) -> Int[Tensor, "n k"]:
        """`neighbors` with 0 instead of -1: safe to index with; apply `mask` afterwards."""
        return self.neighbors.clamp(min=0)

    @property
    def duplicates(self) -> Bool[Tensor, "n k"]:
        """True where a neighbour is an exact duplicate: similarity 1."""
        return self.mask & (self.similarity >= 1)

    @property
    def edge_index(self) -> Int[Tensor, "2 edges"]:
        """PyG's edges: from neighbour (row 0) to node (row 1), node by node, best neighbour first."""
        node, slot = self.mask.nonzero(as_tuple=True)
        return torch.stack([self.neighbors[node, slot], node])

    def on_edges(self, values: Tensor) -> Tensor:
        """Values per list entry [n, k, ...] -> values per edge [edges, ...], in the order of `edge_index`."""
        return values[self.mask]

    def first(self, k: int) -> KnnGraph:
        """The graph of the k >= 1 best neighbours: one search serves every smaller k."""
        check_int(k, "k")
        return type(self)(self.neighbors[:, :k], self.similarity[:, :k])

    def to(self, device: torch.device | str) -> KnnGraph:
        """The same graph on another device."""
        return type(self)(self.neighbors.to(device), self.similarity.to(device))

    def to_pyg(self, **node_values: Tensor) -> Any:
        """A PyG `Data` with `edge_index`, `edge_attr` = similarity [edges, 1] and any tensors per node given by name.

        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
            >>> graph.to_pyg(y=torch.tensor([0, 0]))
            Data(edge_index=[2, 2], edge_attr=[2, 1], y=[2], num_nodes=2)
        """
        from torch_geometric.data import Data  # imported here: it takes longer than to cluster 1,000 rows

        weights = self.on_edges(self.similarity)[:, None]
        return Data(edge_index=self.edge_index, edge_attr=weights, num_nodes=self.n, **node_values)

    @classmethod
    def from_arrays(cls, neighbors: Any, similarity: Any) -> KnnGraph:
        """A graph from given neighbour lists, e.g. those of the official code, which hold the node itself.

        The node itself is removed from its list, wherever it stands. If duplicates displaced it, its list keeps one
        entry more than the others, as in the official code.

        Args:
            neighbors: integers [n, m], best first; -1 = none.
            similarity: cosines [n, m], clipped to [0, 1] here.

        Raises:
            TypeError: indices that are no integers.
            ValueError: shapes that differ, an index outside -1 .. n-1, a neighbour listed twice or after a less similar
                one, a similarity that is not finite or lies outside [-1, 1].

        Example:
            >>> KnnGraph.from_arrays([[0, 1], [1, 0]], [[1.0, 0.9], [1.0, 0.9]]).neighbors.tolist()
            [[1], [0]]
        """
        index = _whole(torch.as_tensor(neighbors))  # (n, m)
        weight = torch.as_tensor(similarity).float()  # (n, m)
        _check_lists(index, weight)

        itself = index == torch.arange(len(index), device=index.device)[:, None]
        absent = itself | (index < 0)
        order = absent.long().argsort(dim=1, stable=True)  # absent entries move to the end
        width = int((~absent).sum(dim=1).max()) if index.numel() else 0
        index = index.masked_fill(absent, -1).gather(1, order)[:, :width]  # (n, k)
        weight = clipped(weight).masked_fill(absent, 0).gather(1, order)[:, :width]  # (n, k)
        _check_order(weight)
        return cls(index, weight)


def _whole(index: Tensor) -> Tensor:
    """Indices as int64; an empty list is one of floats, and a table may have made floats of integers."""
    if index.dtype == torch.bool or index.is_complex() or (index != index.long()).any():
        raise TypeError(f"neighbors: expected integers, got {index.dtype} that are none; pass indices, -1 for none")
    return index.long()


def _check_lists(index: Tensor, weight: Tensor) -> None:
    if index.ndim != 2 or index.shape != weight.shape:
        raise ValueError(
            f"neighbors, similarity: expected two arrays [n, k] of one shape, got {list(index.shape)} and "
            f"{list(weight.shape)}"
        )

    n = len(index)
    if index.numel() and not -1 <= int(index.min()) <= int(index.max()) < n:
        raise ValueError(f"neighbors: expected indices -1 to {n - 1}, got {int(index.min())} to {int(index.max())}")

    ordered = index.sort(dim=1).values
    twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if twice.any():
        raise ValueError(
            f"neighbors: node {int(twice.any(dim=1).nonzero()[0])} lists a neighbour twice; list each once"
        )

    # Cosines of float32 rows that others computed may pass 1 by rounding. NaN is not at most 1, either.
    if not (weight.abs() <= 1 + 1e-5).all():
        raise ValueError("similarity: expected finite cosines in [-1, 1]; pass 1 - cosine distance")


def _check_order(weight: Tensor) -> None:
    """Lists that are not best first are refused, not sorted: what else is known of their entries has their order."""
    late = (weight[:, 1:] > weight[:, :-1] + TIE).any(dim=1)
    if late.any():
        raise ValueError(
            f"similarity: expected each list best first, got node {int(late.nonzero()[0])}'s in another order; sort "
            "neighbors and similarity alike"
        )


def k_hop_subgraph(
    lists: Int[Tensor, "n k"], rows: Int[Tensor, " b"], hops: int
) -> tuple[Int[Tensor, " m"], Int[Tensor, "m k"], tuple[int, ...]]:
    """The nodes within `hops` steps of `rows`, renumbered: `rows` first, then those one step away, and so on.

    PyG's function of this name takes edges and returns edges; this one keeps neighbour lists.

    Returns:
        The nodes; their lists in the new numbers, emptied (-1) for the nodes of the last hop; how many nodes lie within
        0, 1, 2 ... steps.

    Example:
        >>> nodes, lists, hop_sizes = k_hop_subgraph(torch.tensor([[1], [2], [3], [2]]), torch.tensor([1]), 1)
        >>> nodes.tolist(), lists.flatten().tolist(), hop_sizes
        ([1, 2], [1, -1], (1, 2))
    """
    position = torch.full((len(lists),), -1, device=rows.device)  # (n,) new number of each node
    position[rows] = torch.arange(len(rows), device=rows.device)
    keep = rows
    frontier = rows
    hop_sizes = [len(rows)]

    for _ in range(hops):
        inner = len(keep)
        reached = lists[frontier].flatten()
        reached = reached[reached >= 0].unique().long()
        frontier = reached[position[reached] < 0]
        position[frontier] = torch.arange(inner, inner + len(frontier), device=rows.device)
        keep = torch.cat([keep, frontier])
        hop_sizes.append(len(keep))

    whole = lists[keep]  # (m, k)
    local = torch.where(whole >= 0, position[whole.clamp(min=0)], -1)
    local[hop_sizes[-2] if hops else 0 :] = -1  # the last hop only sends messages: its own neighbours may be missing
    return keep, local, tuple(hop_sizes)


@usual_torch()
def knn(features: Any, k: int, *, method: str = "auto", seed: int = 0) -> KnnGraph:
    """The k-NN graph of unit rows by cosine similarity.

    Formula: s_ij = max(0, x_i . x_j); node i lists the k other nodes of highest s_ij, equal ones by lower index. Nodes
    with s_ij = 0 are not listed: a zero row has no neighbour. With n <= k the lists have n - 1 entries.

    Args:
        features: unit rows [n, d] on any device, or an array of them; zero rows are allowed.
        k: neighbours per node, the node itself not counted.
        method: "exact" (block products, memory bounded), "approximate" (random projection trees and neighbours of
            neighbours, on the CPU) or "auto": approximate on the CPU from 30,000 nodes on.
        seed: of the approximate search.

    Raises:
        TypeError, ValueError: `k` is not a positive integer, `method` is unknown, rows of another length than 1.

    Example:
        >>> knn(torch.eye(3) * 0.6 + 0.3, k=2).neighbors.tolist()
        [[1, 2], [0, 2], [0, 1]]

    Source: paper section 3 (graph construction); for the approximate search see `nn_descent`.
    """
    check_int(k, "k")
    check_choice(method, "method", ("auto", "exact", "approximate"))
    check_seed(seed)
    features = check_unit_rows(features).detach().float()  # (n, d)
    n = len(features)
    k = max(0, min(k, n - 1))
    if k == 0:
        return KnnGraph(torch.empty(n, 0, dtype=torch.long, device=features.device), features.new_empty(n, 0))

    on_cpu = features.device.type == "cpu"
    if method == "approximate" or (method == "auto" and on_cpu and n >= APPROXIMATE_FROM):
        return _approximate(features, k, seed)
    return _exact(features, k)


def precomputed(graph: KnnGraph, search: Callable[[Tensor, int], KnnGraph] = knn) -> Callable[[Tensor, int], KnnGraph]:
    """A stand-in for `knn` that returns this graph, cut to k neighbours, for as many nodes as the graph has.

    For any other number of nodes it calls `search`: the level loop asks one function for every level.

    Example:
        >>> precomputed(KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]]))(torch.eye(2), 1).similarity[0].tolist()
        [0.8999999761581421]
    """
    return lambda nodes, k: graph.first(k) if len(nodes) == graph.n else search(nodes, k)


def _exact(features: Tensor, k: int) -> KnnGraph:
    search = search_itself if features.device.type == "cpu" else _search_on_gpu
    return KnnGraph(*search_distinct(features, k, search))


def _search_on_gpu(features: Tensor, k: int) -> tuple[Tensor, Tensor]:
    found = query(features, features, k, itself=torch.arange(len(features), device=features.device))
    return found.neighbors, found.similarity


@usual_torch()
def query(
    base: Float[Tensor, "n d"], rows: Float[Tensor, "q d"], k: int, *, itself: Int[Tensor, " q"] | None = None
) -> KnnGraph:
    """The k nodes of `base` most similar to each row (exact): q lists of indices into `base`.

    Args:
        base, rows: unit rows.
        k: neighbours per row.
        itself: if the rows are part of `base`, their indices there; a row does not list itself.

    Example:
        >>> query(torch.eye(3), torch.tensor([[0.0, 0.6, 0.8]]), k=2).neighbors.tolist()
        [[2, 1]]
    """
    k = min(check_int(k, "k"), len(base) - (itself is not None))
    base = base.detach().float()
    rows = rows.detach().float()

    half = half_precision_base(base, k)
    parts = progress_bar(search_chunks(len(rows), base, k, half), "neighbours")
    found = [search(rows[part], base, k, None if itself is None else itself[part], half) for part in parts]
    return KnnGraph(torch.cat([index for index, _ in found]), torch.cat([weight for _, weight in found]))


def _approximate(features: Tensor, k: int, seed: int) -> KnnGraph:
    # Longer lists than k, since the search misses some neighbours; `rank_itself` then cuts them to the best k.
    found = search_forest(features.cpu(), min(k + SPARE, len(features) - 1), seed).to(features.device)
    return KnnGraph(*rank_itself(features, found, k))
