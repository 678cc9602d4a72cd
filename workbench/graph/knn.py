"""Features -> k-NN graph: each node's k most similar nodes by cosine, exact or approximate, ties settled by index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch_geometric.data import Data

from .._core.progress import progress_bar
from .._core.validation import check_choice, check_int
from .exact import SPARE, clipped, halved, rank_itself, search, search_blocks, search_itself
from .nn_descent import search_forest

APPROXIMATE_FROM = 30_000  # nodes: from here on an approximate search takes half as long or less (README, "Speed")


@dataclass(frozen=True)
class KnnGraph:
    """Neighbour lists of n nodes. Indices and similarities only, never a copy of the features.

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
        """`neighbors` with 0 instead of -1: safe to index with, to be masked by `mask` afterwards."""
        return self.neighbors.clamp(min=0)

    @property
    def edge_index(self) -> Int[Tensor, "2 edges"]:
        """PyG's view: an edge runs from neighbour (row 0) to node (row 1), node by node, best neighbour first."""
        node, slot = self.mask.nonzero(as_tuple=True)
        return torch.stack([self.neighbors[node, slot], node])

    def on_edges(self, values: Tensor) -> Tensor:
        """Values per list entry [n, k, ...] -> values per edge [edges, ...] in the order of `edge_index`."""
        return values[self.mask]

    def first(self, k: int) -> KnnGraph:
        """The graph of the k best neighbours: one search serves every smaller k."""
        return type(self)(self.neighbors[:, :k], self.similarity[:, :k])

    def to(self, device: torch.device | str) -> KnnGraph:
        """The same graph on another device."""
        return type(self)(self.neighbors.to(device), self.similarity.to(device))

    def to_pyg(self, **node_values: Tensor) -> Data:
        """A PyG `Data` with `edge_index`, `edge_attr` = similarity [edges, 1] and any tensors per node given by name.

        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
            >>> graph.to_pyg(y=torch.tensor([0, 0]))
            Data(edge_index=[2, 2], edge_attr=[2, 1], y=[2], num_nodes=2)
        """
        weights = self.on_edges(self.similarity)[:, None]
        return Data(edge_index=self.edge_index, edge_attr=weights, num_nodes=self.n, **node_values)

    @classmethod
    def from_arrays(cls, neighbors: Any, similarity: Any) -> KnnGraph:
        """Given neighbour lists, e.g. those of the official code, which hold the node itself.

        The node itself is taken out of its list wherever it stands. Where duplicates displaced it, the list keeps one
        entry more than the others: that is what the official code does.

        Args:
            neighbors: integers [n, m]; -1 = none.
            similarity: cosines [n, m], clipped to [0, 1] here.

        Raises:
            ValueError: shapes that differ, an index outside -1 .. n-1, a neighbour listed twice, a similarity that is
                not finite or lies outside [-1, 1].

        Example:
            >>> KnnGraph.from_arrays([[0, 1], [1, 0]], [[1.0, 0.9], [1.0, 0.9]]).neighbors.tolist()
            [[1], [0]]
        """
        index, weight = torch.as_tensor(neighbors).long(), torch.as_tensor(similarity).float()
        _check_lists(index, weight)
        itself = index == torch.arange(len(index), device=index.device)[:, None]
        absent = itself | (index < 0)
        order = absent.long().argsort(dim=1, stable=True)  # what is absent moves to the end
        width = int((~absent).sum(dim=1).max()) if index.numel() else 0
        index = index.masked_fill(absent, -1).gather(1, order)[:, :width]
        weight = clipped(weight).masked_fill(absent, 0).gather(1, order)[:, :width]
        return cls(index, weight)


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
    if not (torch.isfinite(weight).all() and (weight.abs() <= 1 + 1e-5).all()):
        raise ValueError("similarity: expected finite cosines in [-1, 1]; pass 1 - cosine distance")


def k_hop_subgraph(
    lists: Int[Tensor, "n k"], rows: Int[Tensor, " b"], hops: int
) -> tuple[Int[Tensor, " m"], Int[Tensor, "m k"], tuple[int, ...]]:
    """What lies within `hops` steps of `rows`, numbered anew from these on.

    Returns:
        the nodes, `rows` first; their lists in the new numbers, empty (-1) in the last ring; how many nodes lie within
        0, 1, 2 ... steps.

    Example:
        >>> nodes, lists, hop_sizes = k_hop_subgraph(torch.tensor([[1], [2], [3], [2]]), torch.tensor([1]), 1)
        >>> nodes.tolist(), lists.flatten().tolist(), hop_sizes
        ([1, 2], [1, -1], (1, 2))
    """
    position = torch.full((len(lists),), -1, device=rows.device)
    position[rows] = torch.arange(len(rows), device=rows.device)
    keep, ring = rows, rows
    hop_sizes = [len(rows)]
    for _ in range(hops):
        inner = len(keep)
        reached = lists[ring].flatten()
        reached = reached[reached >= 0].unique().long()
        ring = reached[position[reached] < 0]
        position[ring] = torch.arange(inner, inner + len(ring), device=rows.device)
        keep = torch.cat([keep, ring])
        hop_sizes.append(len(keep))
    whole = lists[keep]
    local = torch.where(whole >= 0, position[whole.clamp(min=0)], -1)
    local[hop_sizes[-2] if hops else 0 :] = -1
    return keep, local, tuple(hop_sizes)


def knn(features: Float[Tensor, "n d"], k: int, *, method: str = "auto", seed: int = 0) -> KnnGraph:
    """The k-NN graph of unit rows by cosine similarity.

    Formula: s_ij = max(0, x_i . x_j); node i lists the k other nodes of highest s_ij, equal ones by lower index. Nodes
    with s_ij = 0 are not listed: a zero row has no neighbour. With n <= k the lists have n - 1 entries.

    Args:
        features: unit rows [n, d] on any device.
        k: neighbours per node, the node itself not counted.
        method: "exact" (block products, memory bounded), "approximate" (random projection trees and neighbours of
            neighbours, on the CPU) or "auto": approximate on the CPU from 30,000 nodes on.
        seed: of the approximate search.

    Raises:
        TypeError, ValueError: `k` is not a positive integer, `method` is unknown.

    Example:
        >>> knn(torch.eye(3) * 0.6 + 0.3, k=2).neighbors.tolist()
        [[1, 2], [0, 2], [0, 1]]

    Source: paper section 3 (graph construction); of the approximate search `_forest`.
    """
    check_int(k, "k")
    check_choice(method, "method", ("auto", "exact", "approximate"))
    features, n = features.detach().float(), len(features)
    k = max(0, min(k, n - 1))
    if k == 0:
        return KnnGraph(torch.empty(n, 0, dtype=torch.long, device=features.device), features.new_empty(n, 0))
    on_cpu = features.device.type == "cpu"
    if method == "approximate" or (method == "auto" and on_cpu and n >= APPROXIMATE_FROM):
        return _approximate(features, k, seed)
    return _exact(features, k)


def precomputed(graph: KnnGraph) -> Callable[[Tensor, int], KnnGraph]:
    """`knn` that has a graph already: asked about as many nodes it gives theirs, with as many neighbours as wanted.

    Example:
        >>> precomputed(KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]]))(torch.eye(2), 1).similarity[0].tolist()
        [0.8999999761581421]
    """
    return lambda nodes, k: graph.first(k) if len(nodes) == graph.n else knn(nodes, k)


def _exact(features: Tensor, k: int) -> KnnGraph:
    if features.device.type == "cpu":
        return KnnGraph(*search_itself(features, k))
    return query(features, features, k, itself=torch.arange(len(features), device=features.device))


def query(
    base: Float[Tensor, "n d"], rows: Float[Tensor, "q d"], k: int, *, itself: Int[Tensor, " q"] | None = None
) -> KnnGraph:
    """Lists of the k nodes of `base` most similar to each row (exact): q rows of indices into `base`.

    Args:
        base, rows: unit rows.
        k: neighbours per row.
        itself: of rows that are of `base`, their numbers there, which are not listed.

    Example:
        >>> query(torch.eye(3), torch.tensor([[0.0, 0.6, 0.8]]), k=2).neighbors.tolist()
        [[2, 1]]
    """
    k = min(check_int(k, "k"), len(base) - (itself is not None))
    base, rows = base.detach().float(), rows.detach().float()
    half = halved(base, k)
    parts = progress_bar(search_blocks(len(rows), base, k, half), "neighbours")
    blocks = [search(rows[part], base, k, None if itself is None else itself[part], half) for part in parts]
    return KnnGraph(torch.cat([index for index, _ in blocks]), torch.cat([weight for _, weight in blocks]))


def _approximate(features: Tensor, k: int, seed: int) -> KnnGraph:
    found = search_forest(features.cpu(), min(k + SPARE, len(features) - 1), seed).to(features.device)
    return KnnGraph(*rank_itself(features, found, k))
