"""Relative inputs: what a k-NN graph says of its images, free of the features' kind, dimension and scale.

The structural inputs still hold cosines, and which cosine is high differs between encoders. Here a distance only counts
relative to other distances of the same graph. A model that reads these inputs can cluster kinds of data that it has
never seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._core.chunks import cache_chunks
from .._core.memmap import new_like
from ..graph.knn import KnnGraph
from ..graph.nodes import Nodes
from ..graph.similarity_stats import Background, rank_and_shared
from .inputs import GraphInputs

# Added to distances before their logarithm: duplicates stay finite, and the rounding of tiny distances does not count.
# Packaged models were trained with it. No measurement of other values is recorded.
NEAR = 1e-3

RELATIVE_NODE_INPUTS = (
    "distance: worst over best",
    "distance: mean over best",
    "distance: spread",
    "distance: mean, less the graph's",
    "similarity above background",
    "in-degree",
    "mutual fraction",
    "shared fraction: mean",
    "distance: best, less the best neighbour's mean",
    "distance: mean of links less the neighbours' means",
)
RELATIVE_EDGE_INPUTS = (
    "distance, less the node's mean",
    "distance, less the neighbour's mean",
    "distance, less the node's best",
    "distance, less the neighbour's best",
    "distance, less the node's worst",
    "distance, less the neighbour's worst",
    "rank of the neighbour",
    "rank of the node",
    "mutual",
    "shared fraction",
    "similarity above background",
    "in-degree of the node",
    "in-degree of the neighbour",
    "similarity in deviations",
)


@dataclass(frozen=True)
class GraphContext:
    """What a node's inputs need to know of the whole graph.

    Attributes:
        background: of the graph's rows.
        distance: mean over the nodes that have neighbours of their mean distance (l in `relative_inputs`).
        in_degree: int64 [n], how many nodes list each one. -1: not known, as for out-of-sample rows; then the number of
            its neighbours that would list it is used.
    """

    background: Background
    distance: float
    in_degree: Int[Tensor, " n"]

    @classmethod
    def of(cls, nodes: Nodes, graph: KnnGraph, mean: Float[Tensor, " n"] | None = None) -> GraphContext:
        """The context of all nodes of one level; `mean` holds their mean distances if these are computed already.

        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.8], [0.8]])
            >>> GraphContext.of(Nodes.of_images(torch.eye(2)), graph).in_degree
            tensor([1, 1])
        """
        listed = torch.bincount(graph.neighbors[graph.mask], minlength=graph.n)
        if mean is None:
            mean = _averaged(_distances(graph), graph)
        known = mean[graph.mask.any(dim=1)]
        return cls(Background.of(nodes.center), float(known.mean()) if len(known) else 0.0, listed)


def relative_inputs(nodes: Nodes, graph: KnnGraph, context: GraphContext | None = None) -> GraphInputs:
    """Inputs without features and without plain cosines: `RELATIVE_NODE_INPUTS` and `RELATIVE_EDGE_INPUTS`.

    Formula: l_ij = ln(1 - s_ij + 0.001). A link reads l_ij minus the mean, best and worst l of both its ends; the
    similarity above background (s_ij - b) / (1 - b), with b the mean cosine of two random rows; s_ij - b in standard
    deviations of that cosine, divided by 5; ranks, mutual and shared fraction as in `structural_inputs`; and in-degrees
    d as ln(1 + d / k).

    Args:
        nodes: of one level.
        graph: their k-NN graph.
        context: of the whole graph if `graph` is a part of it; None: `graph` is the whole.

    Example:
        >>> x = torch.eye(2) * 0.6 + 0.4
        >>> inputs = relative_inputs(Nodes.of_images(x), KnnGraph.from_arrays([[1], [0]], [[0.8], [0.8]]))
        >>> inputs.nodes.shape[1] == len(RELATIVE_NODE_INPUTS), inputs.edges.shape[2] == len(RELATIVE_EDGE_INPUTS)
        (True, True)
    """
    if graph.k == 0:
        nodes_alone = graph.similarity.new_zeros(graph.n, len(RELATIVE_NODE_INPUTS))
        no_links = graph.similarity.new_zeros(graph.n, 0, len(RELATIVE_EDGE_INPUTS))
        return GraphInputs(graph, nodes_alone, no_links)

    distance = _distances(graph)  # (n, k)
    mean = _averaged(distance, graph)  # (n,)
    context = context or GraphContext.of(nodes, graph, mean)
    other = graph.padded
    mask = graph.mask
    count = mask.sum(dim=1).clamp(min=1)  # (n,)
    best = distance[:, 0]
    worst = distance.gather(1, (count - 1)[:, None])[:, 0]
    spread = (((distance - mean[:, None]) * mask).square().sum(dim=1) / count).sqrt()

    of_links = _of_links(graph, context.background, count)
    mutual = of_links["mutual"]
    in_degree = torch.where(context.in_degree < 0, (mutual * mask).sum(dim=1), context.in_degree)
    log_degree = torch.log1p(in_degree / graph.k)  # (n,)
    of_nodes = {
        "distance: worst over best": worst - best,
        "distance: mean over best": mean - best,
        "distance: spread": spread,
        "distance: mean, less the graph's": mean - context.distance,
        "similarity above background": _averaged(of_links["similarity above background"], graph),
        "in-degree": log_degree,
        "mutual fraction": _averaged(mutual, graph),
        "shared fraction: mean": _averaged(of_links["shared fraction"], graph),
        "distance: best, less the best neighbour's mean": best - mean[other[:, 0]],
        "distance: mean of links less the neighbours' means": _averaged(distance - mean[other], graph),
    }
    edges = new_like(nodes.center, (*distance.shape, len(RELATIVE_EDGE_INPUTS)))  # (n, k, 14)
    _write_edges(edges, graph, distance, {"mean": mean, "best": best, "worst": worst}, of_links, log_degree)
    nodes_read = torch.stack([of_nodes[name] for name in RELATIVE_NODE_INPUTS], dim=1)
    return GraphInputs(graph, nodes_read, edges)  # (n, 10), (n, k, 14)


def _of_links(graph: KnnGraph, background: Background, count: Int[Tensor, " n"]) -> dict[str, Tensor]:
    """The columns of `RELATIVE_EDGE_INPUTS` that are of a link itself, [n, k] each."""
    similarity = graph.similarity
    reach = similarity.gather(1, (count - 1)[:, None])[:, 0]  # lowest in each list: a nearer node would be listed
    rank = torch.arange(graph.k, device=similarity.device) / count[:, None]
    rank_back, shared = rank_and_shared(graph)
    return {
        "rank of the neighbour": rank.expand_as(similarity),
        "rank of the node": rank_back,
        "mutual": (similarity >= reach[graph.padded]).to(similarity.dtype),
        "shared fraction": shared,
        "similarity above background": background.above(similarity),
        # Deviations run to 10 and more; a fifth of them brings the column near the scale of the others.
        "similarity in deviations": (similarity - background.mean) / (5 * background.deviation),
    }


def _write_edges(
    edges: Float[Tensor, "n k e"],
    graph: KnnGraph,
    distance: Tensor,
    of_nodes: dict[str, Tensor],
    of_links: dict[str, Tensor],
    log_degree: Tensor,
) -> None:
    """Fill in the columns `RELATIVE_EDGE_INPUTS`: distances less those `of_nodes` [n] at both ends, columns `of_links`
    [n, k], in-degrees [n] of both ends.

    Chunk by chunk; to stack all columns at once would take their memory twice.
    """
    other = graph.padded
    mask = graph.mask

    for rows in cache_chunks(graph.n, edges[0].numel(), edges.device):
        there = other[rows]  # (b, k)
        d = distance[rows]  # (b, k)
        columns = {name: column[rows] for name, column in of_links.items()}
        for name, level in of_nodes.items():
            columns[f"distance, less the node's {name}"] = d - level[rows, None]
            columns[f"distance, less the neighbour's {name}"] = d - level[there]
        columns["in-degree of the node"] = log_degree[rows, None].expand_as(d)
        columns["in-degree of the neighbour"] = log_degree[there]
        edges[rows] = torch.stack([columns[name] for name in RELATIVE_EDGE_INPUTS], dim=2) * mask[rows, :, None]


def _distances(graph: KnnGraph) -> Float[Tensor, "n k"]:
    """l_ij: logarithms turn ratios of distances into differences, which a change of scale leaves alone."""
    return torch.log(1 - graph.similarity + NEAR)


def _averaged(values: Float[Tensor, "n k"], graph: KnnGraph) -> Float[Tensor, " n"]:
    """Means over each node's neighbours; 0 where there are none."""
    return (values * graph.mask).sum(dim=1) / graph.mask.sum(dim=1).clamp(min=1)
