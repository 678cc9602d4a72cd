"""Relative inputs: what a k-NN graph shows of its images, free of the features' kind, dimension and scale.

The structural inputs still hold cosines, and what cosine is high differs from encoder to encoder. Here a distance only
counts beside other distances of the same graph. A model that reads these clusters kinds of data it has never seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._core.chunks import cache_chunks
from ..graph.knn import KnnGraph
from ..graph.nodes import Nodes
from ..graph.similarity_stats import Background, rank_and_shared
from .inputs import GraphInputs

NEAR = 1e-3  # added to distances before their logarithm: duplicates and rounding stay finite
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
    """What a node's inputs take from the whole graph that it stands in.

    Attributes:
        background: of its rows.
        distance: mean over its nodes of their mean distance (l in `relative_inputs`).
        in_degree: int64 [n], how many nodes list each one; -1: not known, as of a row that joins it: then how many of
            its neighbours would list it counts.
    """

    background: Background
    distance: float
    in_degree: Int[Tensor, " n"]

    @classmethod
    def of(cls, nodes: Nodes, graph: KnnGraph, mean: Float[Tensor, " n"] | None = None) -> GraphContext:
        """That of all nodes of one level; `mean`: each one's mean distance, where it is known.

        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.8], [0.8]])
            >>> GraphContext.of(Nodes.of_images(torch.eye(2)), graph).in_degree
            tensor([1, 1])
        """
        listed = torch.bincount(graph.neighbors[graph.mask], minlength=graph.n)
        if mean is None:
            mean = _averaged(_distances(graph), graph)
        return cls(Background.of(nodes.center), float(mean.mean()), listed)


def relative_inputs(nodes: Nodes, graph: KnnGraph, context: GraphContext | None = None) -> GraphInputs:
    """Inputs that no longer hold features nor cosines: `RELATIVE_NODE_INPUTS` and `RELATIVE_EDGE_INPUTS`.

    Formula: l_ij = ln(1 - s_ij + 0.001); a link reads l_ij less the mean, best and worst l of both its ends, the
    similarity above background (s_ij - b) / (1 - b), b the mean cosine of two random rows, and the same in its standard
    deviations (one fifth); ranks, mutual and shared fraction as `structural_inputs`; in-degree as ln(1 + d / k).

    Args:
        nodes: of one level.
        graph: their k-NN graph.
        context: of the whole graph, where this is a part of it; None: of this one.

    Example:
        >>> x = torch.eye(2) * 0.6 + 0.4
        >>> inputs = relative_inputs(Nodes.of_images(x), KnnGraph.from_arrays([[1], [0]], [[0.8], [0.8]]))
        >>> inputs.nodes.shape[1] == len(RELATIVE_NODE_INPUTS), inputs.edges.shape[2] == len(RELATIVE_EDGE_INPUTS)
        (True, True)
    """
    if graph.k == 0:
        empty = graph.similarity.new_zeros
        sizes = len(RELATIVE_NODE_INPUTS), len(RELATIVE_EDGE_INPUTS)
        return GraphInputs(graph, empty(graph.n, sizes[0]), empty(graph.n, 0, sizes[1]))
    distance = _distances(graph)
    mean, best = _averaged(distance, graph), distance[:, 0]
    context = context or GraphContext.of(nodes, graph, mean)
    background = context.background
    similarity, other, present = graph.similarity, graph.padded, graph.mask
    count = present.sum(dim=1).clamp(min=1)
    last = (count - 1)[:, None]
    worst, reach = distance.gather(1, last)[:, 0], similarity.gather(1, last)[:, 0]
    spread = (((distance - mean[:, None]) * present).square().sum(dim=1) / count).sqrt()
    rank_back, shared = rank_and_shared(graph)
    mutual = (similarity >= reach[other]).to(similarity.dtype)
    above = background.above(similarity)
    listed = torch.where(context.in_degree < 0, (mutual * present).sum(dim=1), context.in_degree)
    popular = torch.log1p(listed / graph.k)
    slot = (torch.arange(graph.k, device=other.device) / count[:, None]).expand_as(similarity)
    edges = similarity.new_empty(*similarity.shape, len(RELATIVE_EDGE_INPUTS))
    for rows in cache_chunks(graph.n, edges[0].numel(), edges.device):
        there, d, s = other[rows], distance[rows], similarity[rows]
        columns = [d - end for level in (mean, best, worst) for end in (level[rows, None], level[there])]
        columns += [part[rows] for part in (slot, rank_back, mutual, shared, above)]
        columns += [
            popular[rows, None].expand_as(d),
            popular[there],
            (s - background.mean) / (5 * background.deviation),
        ]
        edges[rows] = torch.stack(columns, dim=2) * present[rows, :, None]
    above, mutual, shared, beyond = (_averaged(part, graph) for part in (above, mutual, shared, distance - mean[other]))
    of_nodes = [worst - best, mean - best, spread, mean - context.distance, above, popular]
    of_nodes += [mutual, shared, best - mean[other[:, 0]], beyond]
    return GraphInputs(graph, torch.stack(of_nodes, dim=1), edges)


def _distances(graph: KnnGraph) -> Float[Tensor, "n k"]:
    return torch.log(1 - graph.similarity + NEAR)


def _averaged(values: Float[Tensor, "n k"], graph: KnnGraph) -> Float[Tensor, " n"]:
    """Means over each node's neighbours; 0 where there are none."""
    return (values * graph.mask).sum(dim=1) / graph.mask.sum(dim=1).clamp(min=1)
