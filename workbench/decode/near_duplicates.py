"""Near-duplicates in number: where those of one image fill the lists of neighbours, nobody sees beyond them.

The lists of small classes that lie far apart look alike. The two differ in what is beside them: bursts of
near-duplicates come among images that have few or none, while of such a set hardly anything but groups is left.
"""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Bool, Int, Int64
from torch import Tensor

from ..graph.knn import KnnGraph
from .decoding import components, densest
from .dendrogram import Dendrogram
from .quality import Quality

# Chosen on bursts of noisy copies put into the kinds of data that may be looked at (card of the general model).
CLOSE = 0.1  # of the reach below: nearer neighbours are near-duplicates
REACH = 0.9  # quantile of the nodes' distances to the last neighbour listed; low ones are those of crowded lists
CROWDED = 0.5  # share of a list that near-duplicates may take
MANY = 0.32  # share of lists that are crowded: fewer do the others little harm
COPY = 0.01  # of the reach: nearer neighbours are one image whatever their number, unless they are a class
SAME = 1e-5  # of the reach: nearer neighbours are one image in any case

# Chosen on the same bursts and on tight round classes of 8 to 20 rows: of the groups of rows that are nearer than APART
# of the reach, those of half a list to four lists are at most .48 of all with bursts, .9 and more with such classes.
APART = 0.3
CLASSES = 0.7


def crowding_near_duplicates(graph: KnnGraph) -> Int[Tensor, " n"] | None:
    """The node that stands for each node: itself, or the densest of its near-duplicates; None: none does harm.

    Formula: distance is 1 - s_ij; j is a near-duplicate of i if their distance is below `CLOSE` of the reach, the 90th
    percentile of the nodes' distances to their last neighbours. A node is crowded if half of its list are
    near-duplicates; those joined by a link at whose one end a node is crowded are one group. Unless a third of all
    nodes are crowded, only copies are grouped: neighbours nearer than 0.01 of the reach, at any share. Where nearly
    all rows lie in groups of half a list to four these are classes, and only what is nearer than 1e-5 is grouped.

    Example:
        >>> import torch
        >>> from workbench.graph import knn
        >>> x = torch.eye(9) + 0.5
        >>> x = torch.nn.functional.normalize(torch.cat([x, x[:1] + 0.01 * x[1:4]]), dim=1)
        >>> crowding_near_duplicates(knn(x, k=3)).tolist()
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0]
    """
    if graph.k == 0:
        return None
    distance = 1 - graph.similarity  # (n, k)
    last = distance.gather(1, (graph.mask.sum(dim=1, keepdim=True) - 1).clamp(min=0))[:, 0]  # (n,)
    reach = last.kthvalue(max(1, round(REACH * graph.n))).values
    copies = (distance < COPY * reach) & graph.mask
    close = (distance < CLOSE * reach) & graph.mask
    crowded = close.sum(dim=1) >= CROWDED * graph.k  # (n,)
    grouped = copies
    if crowded.sum() >= MANY * graph.n:
        grouped = copies | (close & (crowded[:, None] | crowded[graph.padded]))
    if grouped.any() and _are_classes(graph, (distance < APART * reach) & graph.mask):
        _warn_of_copies(copies)
        grouped = (distance < SAME * reach) & graph.mask
    if not grouped.any():
        return None
    group = components(graph, grouped)
    return densest(group, graph.similarity.sum(dim=1))


def _are_classes(graph: KnnGraph, near: Bool[Tensor, "n k"]) -> bool:
    """Whether most of the groups that near rows form are of the size of a list: from half of one to four."""
    if near.any(dim=1).sum() < CLASSES * graph.n:  # too many groups of one row: not worth forming
        return False
    size = components(graph, near).unique(return_counts=True)[1]  # (groups,)
    alike = (size > CROWDED * graph.k) & (size <= 4 * graph.k)
    return len(size) > 1 and bool(alike.sum() >= CLASSES * len(size))


def _warn_of_copies(copies: Bool[Tensor, "n k"]) -> None:
    """Say that near-copies of a row may be a class or one image: nothing in the rows tells which."""
    doubtful = int((copies.sum(dim=1) >= CROWDED * copies.shape[1]).sum())
    if doubtful < MANY * len(copies):
        return
    warnings.warn(
        f"X: {doubtful:,} of {len(copies):,} rows lie close together with few others, far from the rest; each such "
        "group is taken for a small class; if it is one image many times, keep one row of each",
        UserWarning,
        stacklevel=2,
    )


def expand_near_duplicates(quality: Quality, group: Int64[np.ndarray, " n"]) -> Quality:
    """The quality for n images from that for their representatives: a group is cut off whole or not at all.

    Args:
        quality: of the representatives' dendrogram.
        group: which leaf of that dendrogram each image belongs to; each leaf at least once.

    Example:
        >>> import torch
        >>> from workbench.decode import Edges, build_dendrogram, true_quality
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(2))
        >>> quality = true_quality(dendrogram, np.array([0, 1]))
        >>> expand_near_duplicates(quality, np.array([0, 0, 1, 0])).cut(0.5).node.tolist()
        [5, 5, 2, 5]
    """
    small = quality.dendrogram
    dendrogram, origin = _expanded(small, group)
    possible = np.ones(small.n_nodes, bool) if quality.possible is None else quality.possible

    inside = np.zeros(dendrogram.n_nodes, bool)  # parts of a group
    first = slice(0, dendrogram.n - small.n)  # the merges of near-duplicates come first
    inside[dendrogram.larger[first]] = True
    inside[dendrogram.smaller[first]] = True
    return Quality(dendrogram, quality.values[origin], possible[origin] & ~inside)


def _expanded(small: Dendrogram, group: Int64[np.ndarray, " n"]) -> tuple[Dendrogram, Int64[np.ndarray, " nodes"]]:
    """The dendrogram with all images for leaves, near-duplicates merged first, at height 1; and which node of the small
    one each of its nodes is, or is a part of."""
    n = len(group)
    order = np.argsort(group, kind="stable")  # near-duplicates side by side
    leaf = group[order]
    again = np.flatnonzero(leaf[1:] == leaf[:-1]) + 1  # places of those that follow another of their group
    extra = len(again)

    node = order.copy()  # what holds the group up to each place
    node[again] = n + np.arange(extra)
    last = np.append(leaf[1:] != leaf[:-1], True)
    moved = np.concatenate([node[last], n + extra + np.arange(small.n_merges)])  # new number of each old node

    larger = np.concatenate([node[again - 1], moved[small.larger]])
    smaller = np.concatenate([order[again], moved[small.smaller]])
    ones = np.ones(extra)
    measured = (np.concatenate([ones, column]) for column in small.measured)
    origin = np.concatenate([group, leaf[again], small.n + np.arange(small.n_merges)])
    return Dendrogram(n, larger, smaller, *measured, device=small.device), origin
