"""Near-duplicates in number: where copies of one image fill the lists of neighbours, nobody sees beyond them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, Int64
from torch import Tensor

from ..graph.knn import KnnGraph
from .decoding import components, densest
from .dendrogram import MergeTree
from .quality import Forecast

CLOSE = 0.1  # of the reach below: nearer neighbours are copies
REACH = 0.9  # quantile of the nodes' distances to the last neighbour listed; low ones are those of crowded lists
CROWDED = 0.5  # share of a list that copies may take
MANY = 0.32  # share of lists that are crowded: fewer do the others little harm


def crowding_copies(graph: KnnGraph) -> Int[Tensor, " n"] | None:
    """The node that stands for each node: itself, or the densest of its copies; None where few lists are crowded.

    Formula: distance is 1 - s_ij; j is a copy of i if their distance is below `CLOSE` of the reach, the 90th percentile
    of the nodes' distances to their last neighbours. A node is crowded if half of its list are copies; copies joined
    by a link at whose one end a node is crowded are one group. Unless a third of all nodes are crowded, copies are
    left alone.

    Example:
        >>> import torch
        >>> from workbench.graph import knn
        >>> turns = torch.tensor([0.0, 0.001, 0.002, 0.003, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5])
        >>> crowding_copies(knn(torch.stack([turns.cos(), turns.sin()], dim=1), k=3)).tolist()
        [1, 1, 1, 1, 4, 5, 6, 7, 8, 9, 10, 11]
    """
    if graph.k == 0:
        return None
    distance = 1 - graph.similarity
    last = distance.gather(1, (graph.present.sum(dim=1, keepdim=True) - 1).clamp(min=0))[:, 0]
    reach = last.kthvalue(max(1, round(REACH * graph.n))).values
    close = (distance < CLOSE * reach) & graph.present
    crowded = close.sum(dim=1) >= CROWDED * graph.k
    if crowded.sum() < MANY * graph.n:
        return None
    group = components(graph, close & (crowded[:, None] | crowded[graph.filled]))
    return densest(group, graph.similarity.sum(dim=1))


def over_copies(forecast: Forecast, alike: Int64[np.ndarray, " n"]) -> Forecast:
    """The forecast of n images from that of their representatives: a group of copies is cut off whole or not at all.

    Args:
        forecast: of the representatives' merge tree.
        alike: which leaf of that tree each image is; each at least once.

    Example:
        >>> import torch
        >>> from workbench.decode import true_forecast
        >>> from workbench.decode import Edges, merge_tree
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> forecast = true_forecast(merge_tree(Edges.of(graph, graph.similarity), torch.eye(2)), np.array([0, 1]))
        >>> over_copies(forecast, np.array([0, 0, 1, 0])).cut(0.5).node.tolist()
        [5, 5, 2, 5]
    """
    tree, of = _grown(forecast.tree, alike)
    trust = np.ones(forecast.tree.n_nodes) if forecast.trust is None else forecast.trust
    inside = np.zeros(tree.n_nodes, bool)
    joined = slice(0, tree.n - forecast.tree.n)  # the merges of copies come first
    inside[tree.larger[joined]] = inside[tree.smaller[joined]] = True
    return Forecast(tree, forecast.worth[of], trust[of] * ~inside)


def _grown(tree: MergeTree, alike: Int64[np.ndarray, " n"]) -> tuple[MergeTree, Int64[np.ndarray, " nodes"]]:
    """The tree with copies for leaves, merged first, at linkage 1; and which node of the old each of its nodes is, or
    is a part of."""
    n, order = len(alike), np.argsort(alike, kind="stable")
    leaf = alike[order]
    again = np.flatnonzero(leaf[1:] == leaf[:-1]) + 1  # copies of the image before them in this order
    node = order.copy()  # what holds the copies up to here
    node[again] = n + np.arange(len(again))
    last = np.append(leaf[1:] != leaf[:-1], True)
    moved = np.concatenate([node[last], n + len(again) + np.arange(len(tree.larger))])
    larger = np.concatenate([node[again - 1], moved[tree.larger]])
    smaller = np.concatenate([order[again], moved[tree.smaller]])
    measured = (tree.linkage, tree.weight, tree.links, tree.product, tree.ahead, tree.behind)
    columns = (np.concatenate([np.ones(len(again)), column]) for column in measured)
    of = np.concatenate([alike, leaf[again], tree.n + np.arange(len(tree.larger))])
    return MergeTree(n, larger, smaller, *columns), of
