"""Structural inputs: what a graph shows of its nodes and links, whatever the features mean and however long they are.

A model that sees these instead of the features clusters embeddings of any dimension and kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from . import _lists
from ._search import Threads
from .aggregate import Nodes
from .graph import KnnGraph, surroundings

CELLS = 2**21  # numbers held at once where links are compared: few enough to stay in the cache
NODE_INPUTS = (
    "similarity: best",
    "similarity: at 1/4",
    "similarity: middle",
    "similarity: at 3/4",
    "similarity: worst",
    "similarity: mean",
    "similarity: deviation",
    "mutual fraction",
    "shared fraction: mean",
    "compactness",
    "leaving share",
)
EDGE_INPUTS = (
    "similarity",
    "less the node's mean",
    "less the neighbour's mean",
    "less the node's best",
    "less the neighbour's best",
    "less the node's worst",
    "less the neighbour's worst",
    "rank of the neighbour",
    "rank of the node",
    "mutual",
    "shared fraction",
    "cosine of identities",
    "mean similarity of images",
    "flow out",
    "flow back",
    "flow share",
)


@dataclass(frozen=True)
class GraphInputs:
    """What LANDER reads.

    Attributes:
        graph: the k-NN graph.
        nodes: float [n, f], input of each node.
        edges: float [n, k, e], input of each link; column 0 is always the similarity.
        rings: of a halo: nodes within 0, 1, 2 ... steps of its first ones. () for a whole graph.
    """

    graph: KnnGraph
    nodes: Float[Tensor, "n f"]
    edges: Float[Tensor, "n k e"]
    rings: tuple[int, ...] = ()

    def halo(self, rows: Int[Tensor, " b"], hops: int) -> GraphInputs:
        """The part of the graph that `hops` rounds of messages into `rows` can see, with `rows` as its first nodes.

        Neighbour lists are whole up to the last ring, whose own lists are emptied: it only sends. So a minibatch gives
        what the whole graph would give.

        Example:
            >>> path = KnnGraph.from_arrays([[1], [2], [3], [2]], [[0.9]] * 4)
            >>> whole = GraphInputs(path, torch.arange(4.0)[:, None], path.similarity[..., None])
            >>> part = whole.halo(torch.tensor([1]), 1)
            >>> part.nodes.flatten().tolist(), part.graph.neighbors.flatten().tolist()
            ([1.0, 2.0], [1, -1])
        """
        keep, local, rings = surroundings(self.graph.neighbors, rows, hops)
        similarity = self.graph.similarity[keep].masked_fill(local < 0, 0)
        return type(self)(KnnGraph(local, similarity), self.nodes[keep], self.edges[keep], rings)

    def within(self, steps: int) -> int:
        """How many nodes, counted from the first, lie within so many steps of a halo's first ones; all of a graph."""
        return self.rings[steps] if self.rings else self.graph.n


def feature_inputs(nodes: Nodes, graph: KnnGraph, *, average: bool, identity: bool = True) -> GraphInputs:
    """The published inputs: the features themselves.

    Formula: node i reads [identity_i ; average_i], or one of them alone; link (i, j) reads s_ij.

    Example:
        >>> x = torch.eye(2) * 0.6 + 0.4
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.8], [0.8]])
        >>> feature_inputs(Nodes.of_images(x), graph, average=True).nodes.shape
        torch.Size([2, 4])

    Source: paper section 3.1.
    """
    read = [rows for rows, wanted in ((nodes.identity, identity), (nodes.average, average)) if wanted]
    return GraphInputs(graph, torch.cat(read, dim=1), graph.similarity[..., None])


def structural_inputs(nodes: Nodes, graph: KnnGraph) -> GraphInputs:
    """Inputs that no longer hold the features: `NODE_INPUTS` of each node and `EDGE_INPUTS` of each link.

    Formula: from the sorted similarities s_i of both ends; rank of the node = share of the neighbour's list that is
    more similar to it; mutual = the node lies within the reach of the neighbour's list; shared fraction =
    |N(i) & N(j)| / k; mean similarity of images = average_i . average_j, the mean cosine over all pairs of an image in
    one node and an image in the other (what average linkage merges by); compactness = |average_i|^2, the same within a
    node. Leaving share and flow count the image links, those of the k-NN graph of level 0, that leave a node or run
    between two: out of all that leave the node (flow out), of all that leave the neighbour (back), of all that both
    have (share). Two parts of one class are tied by many links of their images, two classes that only touch by few.

    All of it can be computed for a new row alone. The number of images in a node is left out on purpose: a model
    that reads it learns how large training classes are, and stops too early where classes are larger.

    Example:
        >>> x = torch.eye(2) * 0.6 + 0.4
        >>> inputs = structural_inputs(Nodes.of_images(x), KnnGraph.from_arrays([[1], [0]], [[0.8], [0.8]]))
        >>> inputs.nodes.shape[1] == len(NODE_INPUTS), inputs.edges.shape[2] == len(EDGE_INPUTS)
        (True, True)
    """
    profile = _profile(graph)
    leaving, flow = _flow(nodes, graph)
    edges = torch.cat([_edge_inputs(nodes, graph, profile), flow], dim=2)
    count = graph.present.sum(dim=1, keepdim=True).clamp(min=1)
    mutual, shared = (
        edges[..., EDGE_INPUTS.index(name)].sum(1, True) / count for name in ("mutual", "shared fraction")
    )
    compactness = nodes.average.square().sum(dim=1, keepdim=True)
    return GraphInputs(graph, torch.cat([profile, mutual, shared, compactness, leaving], dim=1), edges)


def _profile(graph: KnnGraph) -> Float[Tensor, "n 7"]:
    """Best, quartiles, worst, mean and deviation of each node's similarities; zeros for a node without neighbours."""
    similarity, count = graph.similarity, graph.present.sum(dim=1)
    if graph.k == 0:
        return similarity.new_zeros(graph.n, 7)
    last = (count - 1).clamp(min=0)[:, None]
    places = (last * torch.linspace(0, 1, 5, device=last.device)).round().long()
    divisor = count.clamp(min=1)
    mean = similarity.sum(dim=1) / divisor
    spread = ((similarity - mean[:, None]) * graph.present).square().sum(dim=1) / divisor
    return torch.cat([similarity.gather(1, places), mean[:, None], spread.sqrt()[:, None]], dim=1)


def _edge_inputs(nodes: Nodes, graph: KnnGraph, profile: Tensor) -> Float[Tensor, "n k e"]:
    similarity, other = graph.similarity, graph.filled
    best, worst, mean = (profile[:, i] for i in (0, 4, 5))
    count = graph.present.sum(dim=1).clamp(min=1)
    slot = torch.arange(graph.k, device=other.device)
    rank_back, shared = rank_and_shared(graph)
    cosine, between = (_products(rows, graph) for rows in (nodes.identity, nodes.average))
    columns = [similarity]
    for level in (mean, best, worst):
        columns += [similarity - level[:, None], similarity - level[other]]
    columns += [
        slot / count[:, None],
        rank_back,
        (similarity >= worst[other]).to(similarity.dtype),
        shared,
        cosine,
        between,
    ]
    return torch.stack(columns, dim=2) * graph.present[..., None]


def _flow(nodes: Nodes, graph: KnnGraph) -> tuple[Float[Tensor, "n 1"], Float[Tensor, "n k 3"]]:
    """Share of each node's image links that leave it; flow out, back and share of every link."""
    links, owner = nodes.image_links, nodes.members
    if links is None:
        links = graph
    image, slot = links.present.nonzero(as_tuple=True)
    source, target = owner[image], owner[links.neighbors[image, slot]]
    every = torch.bincount(source, minlength=graph.n)
    away = source != target
    leaving = torch.bincount(source[away], minlength=graph.n)
    pair, count = torch.unique(source[away] * graph.n + target[away], return_counts=True)

    node, other = torch.arange(graph.n, device=owner.device)[:, None], graph.filled
    out, back = (_look_up(pair, count, key) for key in (node * graph.n + other, other * graph.n + node))
    shares = out / leaving[:, None], back / leaving[other], (out + back) / (every[:, None] + every[other])
    flow = torch.stack(shares, dim=2).nan_to_num(0) * graph.present[..., None]
    return (leaving / every.clamp(min=1))[:, None], flow


def _look_up(keys: Int[Tensor, " m"], values: Int[Tensor, " m"], wanted: Int[Tensor, "n k"]) -> Int[Tensor, "n k"]:
    """The values at the sorted keys wanted; 0 where a key is missing."""
    if not len(keys):
        return torch.zeros_like(wanted)
    at = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return torch.where(keys[at] == wanted, values[at], 0)


def rank_and_shared(graph: KnnGraph, cells: int = CELLS) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
    """Rank of the node in each neighbour's list and the fraction of shared neighbours; compiled on the CPU.

    Example:
        >>> graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5]])
        >>> rank_and_shared(graph)[1].tolist()
        [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    """
    rank, shared = torch.zeros(2, graph.n, graph.k, device=graph.similarity.device)
    if graph.neighbors.device.type == "cpu":
        lists, values = (column.contiguous().numpy() for column in (graph.neighbors, graph.similarity))
        with Threads(graph.n * graph.k**2) as threads:
            threads.share(partial(_lists.rank_and_shared, lists, values, rank.numpy(), shared.numpy()), graph.n)
        return rank, shared
    size = max(1, cells // max(1, graph.k**3))
    for start in range(0, graph.n, size):
        rows = slice(start, start + size)
        rank[rows], shared[rows] = _compared(graph, rows)
    return rank, shared


def _compared(graph: KnnGraph, rows: slice) -> tuple[Tensor, Tensor]:
    """The same for some nodes, every number of their lists with every one of their neighbours' at once: for GPUs."""
    other, own = graph.filled[rows], graph.neighbors[rows]
    theirs = graph.neighbors[other]
    above = (graph.similarity[other] > graph.similarity[rows, :, None]) & (theirs >= 0)
    common = (theirs[..., None] == own[:, None, None, :]) & (own >= 0)[:, None, None, :]
    rank = above.sum(dim=2) / (theirs >= 0).sum(dim=2).clamp(min=1)
    return rank, common.sum(dim=(2, 3)) / max(1, graph.k)


def _products(rows: Tensor, graph: KnnGraph, cells: int = CELLS) -> Float[Tensor, "n k"]:
    """Inner product of the rows at both ends of every link."""
    size = max(1, cells // max(1, graph.k * rows.shape[1]))
    starts = range(0, graph.n, size)
    return torch.cat([(rows[i : i + size, None] * rows[graph.filled[i : i + size]]).sum(dim=2) for i in starts])
