"""Structural inputs: what a graph says of its nodes and links, whatever the features mean and however long they are.

A model that reads these inputs instead of features can cluster embeddings of any dimension.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..graph.exact import pair_products, row_chunks
from ..graph.knn import KnnGraph
from ..graph.nodes import Nodes
from ..graph.similarity_stats import rank_and_shared
from .inputs import GraphInputs

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


def structural_inputs(nodes: Nodes, graph: KnnGraph) -> GraphInputs:
    """Inputs without features: `NODE_INPUTS` of each node and `EDGE_INPUTS` of each link.

    Formulas, for a link from node i to its neighbour j:

    - differences to the best, worst and mean of the sorted similarities of both ends;
    - rank of the node: share of the neighbour's list that is more similar to the neighbour than the node is;
    - mutual: the node is at least as similar to the neighbour as the last entry of the neighbour's list;
    - shared fraction: |N(i) & N(j)| / k;
    - mean similarity of images: average_i . average_j, the mean cosine over all pairs of an image in one node and an
      image in the other, by which average linkage merges; compactness of a node: |average_i|^2, the same within it;
    - flow: the image links (of the k-NN graph of level 0) that run between both nodes, as a share of all that leave the
      node (out), of all that leave the neighbour (back), and of all links of both (share); leaving share of a node: its
      image links that leave it. Two parts of one class are tied by many links, two classes that only touch by few.

    All of it can be computed for an out-of-sample row alone. The number of images in a node is left out on purpose: a
    model that reads it learns how large the training classes are, and stops too early if classes are larger.

    Example:
        >>> x = torch.eye(2) * 0.6 + 0.4
        >>> inputs = structural_inputs(Nodes.of_images(x), KnnGraph.from_arrays([[1], [0]], [[0.8], [0.8]]))
        >>> inputs.nodes.shape[1] == len(NODE_INPUTS), inputs.edges.shape[2] == len(EDGE_INPUTS)
        (True, True)
    """
    profile = _profile(graph)  # (n, 7)
    leaving, flow = _flow(nodes, graph)
    edges = torch.cat([_edge_inputs(nodes, graph, profile), flow], dim=2)  # (n, k, 16)

    count = graph.mask.sum(dim=1, keepdim=True).clamp(min=1)
    mutual = edges[..., EDGE_INPUTS.index("mutual")].sum(dim=1, keepdim=True) / count  # (n, 1)
    shared = edges[..., EDGE_INPUTS.index("shared fraction")].sum(dim=1, keepdim=True) / count  # (n, 1)
    compactness = nodes.average.square().sum(dim=1, keepdim=True)
    return GraphInputs(graph, torch.cat([profile, mutual, shared, compactness, leaving], dim=1), edges)


def _profile(graph: KnnGraph) -> Float[Tensor, "n 7"]:
    """Best, quartiles, worst, mean and deviation of each node's similarities; zeros for a node without neighbours."""
    similarity = graph.similarity
    count = graph.mask.sum(dim=1)
    if graph.k == 0:
        return similarity.new_zeros(graph.n, 7)

    # Lists are sorted, so quantiles are entries at fixed places. Five of them, whatever k: one model serves every k.
    last = (count - 1).clamp(min=0)[:, None]
    places = (last * torch.linspace(0, 1, 5, device=last.device)).round().long()
    divisor = count.clamp(min=1)
    mean = similarity.sum(dim=1) / divisor
    spread = ((similarity - mean[:, None]) * graph.mask).square().sum(dim=1) / divisor
    return torch.cat([similarity.gather(1, places), mean[:, None], spread.sqrt()[:, None]], dim=1)


def _edge_inputs(nodes: Nodes, graph: KnnGraph, profile: Tensor) -> Float[Tensor, "n k e"]:
    """The columns `EDGE_INPUTS` but for the flow, in their order."""
    similarity = graph.similarity
    other = graph.padded
    of_nodes = {"mean": profile[:, 5], "best": profile[:, 0], "worst": profile[:, 4]}
    count = graph.mask.sum(dim=1, keepdim=True).clamp(min=1)  # (n, 1)
    rank_back, shared = rank_and_shared(graph)  # (n, k) each
    of_identities = _products(nodes.identity, graph)  # (n, k)
    of_averages = of_identities if nodes.average is nodes.identity else _products(nodes.average, graph)
    columns = {
        "similarity": similarity,
        "rank of the neighbour": torch.arange(graph.k, device=other.device) / count,
        "rank of the node": rank_back,
        "mutual": (similarity >= of_nodes["worst"][other]).to(similarity.dtype),
        "shared fraction": shared,
        "cosine of identities": of_identities,
        "mean similarity of images": of_averages,
    }
    for name, level in of_nodes.items():
        columns[f"less the node's {name}"] = similarity - level[:, None]
        columns[f"less the neighbour's {name}"] = similarity - level[other]
    return torch.stack([columns[name] for name in EDGE_INPUTS[: len(columns)]], dim=2) * graph.mask[..., None]


def _flow(nodes: Nodes, graph: KnnGraph) -> tuple[Float[Tensor, "n 1"], Float[Tensor, "n k 3"]]:
    """Share of each node's image links that leave it; flow out, back and share of every link.

    A pair of nodes is one number, source * n + target: `unique` then counts the links of every pair at once, without a
    table of n x n.
    """
    links = graph if nodes.image_links is None else nodes.image_links
    owner = nodes.members
    image, slot = links.mask.nonzero(as_tuple=True)
    source = owner[image]  # (links,)
    target = owner[links.neighbors[image, slot]]
    every = torch.bincount(source, minlength=graph.n)  # (n,), image links of each node
    away = source != target
    leaving = torch.bincount(source[away], minlength=graph.n)  # (n,), those that leave it
    pair, count = torch.unique(source[away] * graph.n + target[away], return_counts=True)

    node = torch.arange(graph.n, device=owner.device)[:, None]
    other = graph.padded
    out = _look_up(pair, count, node * graph.n + other)  # (n, k)
    back = _look_up(pair, count, other * graph.n + node)
    shares = [out / leaving[:, None], back / leaving[other], (out + back) / (every[:, None] + every[other])]
    flow = torch.stack(shares, dim=2).nan_to_num(0) * graph.mask[..., None]  # 0 / 0: no link leaves the node
    return (leaving / every.clamp(min=1))[:, None], flow


def _look_up(keys: Int[Tensor, " m"], values: Int[Tensor, " m"], wanted: Int[Tensor, "n k"]) -> Int[Tensor, "n k"]:
    """The values of the wanted keys, found by bisection in the sorted `keys`; 0 for a key that is missing."""
    if not len(keys):
        return torch.zeros_like(wanted)

    at = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return torch.where(keys[at] == wanted, values[at], 0)


def _products(rows: Tensor, graph: KnnGraph) -> Float[Tensor, "n k"]:
    """Inner product of the rows at both ends of every link."""
    parts = row_chunks(graph.n, graph.k * rows.shape[1], rows.device)
    return torch.cat([pair_products(rows[part], rows, graph.neighbors[part]) for part in parts])
