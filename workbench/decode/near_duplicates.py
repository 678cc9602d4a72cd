"""Near-duplicates in number: where those of one image fill the lists of neighbours, nobody sees beyond them.

The lists of small classes that lie far apart look alike. The two differ in what is beside them: bursts of
near-duplicates come among images that have few or none, while of such a set hardly anything but groups is left. And
images of which each is there several times still have likely partners among each other, while classes have none.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor

from ..graph.gaps import APART, near_before_gap
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
CLASSES = 0.7

# Of one row for each group, the share that may have a link of such linkage where no two groups belong together. Chosen
# on round classes in 6 to 256 dimensions, 30 to 400 of them, and on 60 to 400 rows of kinds, by models that had not
# seen them: of kinds none has less, so that groups of copies are told from classes; of round classes .85 tells most
# from 8 dimensions on.
ALONE = 0.9
LINKED = 0.85
WHOLE = 0.9  # of the groups: so many must hold rows that are all near each other


def crowding_near_duplicates(graph: KnnGraph) -> Int[Tensor, " n"] | None:
    """The node that stands for each node: itself, or the densest of its near-duplicates; None: none does harm.

    Formula: distance is 1 - s_ij; j is a near-duplicate of i if their distance is below `CLOSE` of the reach, the 90th
    percentile of the nodes' distances to their last neighbours. A node is crowded if half of its list are
    near-duplicates; those joined by a link at whose one end a node is crowded are one group. Unless a third of all
    nodes are crowded, only copies are grouped: neighbours nearer than 0.01 of the reach, at any share. Where nearly
    all rows lie in groups of half a list to four these are classes, and only what is nearer than 1e-5 is grouped.

    Example:
        >>> from workbench.graph import knn
        >>> x = torch.eye(9) + 0.5
        >>> x = torch.nn.functional.normalize(torch.cat([x, x[:1] + 0.01 * x[1:4]]), dim=1)
        >>> crowding_near_duplicates(knn(x, k=3)).tolist()
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0]
    """
    if graph.k == 0:
        return None
    distance, mask, reach = _distances(graph)
    copies = (distance < COPY * reach) & mask
    close = (distance < CLOSE * reach) & mask
    crowded = close.sum(dim=1) >= CROWDED * graph.k  # (n,)
    grouped = copies
    if crowded.sum() >= MANY * graph.n:
        grouped = copies | (close & (crowded[:, None] | crowded[graph.padded]))
    if grouped.any() and _are_classes(graph, (distance < APART * reach) & mask):
        _warn_of_copies(copies)
        grouped = (distance < SAME * reach) & mask
    if not grouped.any():
        return None
    return densest(components(graph, grouped), graph.similarity.sum(dim=1))


def groups_apart(graph: KnnGraph) -> Int[Tensor, " n"] | None:
    """The node that stands for each node, where nearly all lie in small groups that are far apart; None: they do not.

    Groups are joined by what is near (`near_before_gap`), with the reach of `crowding_near_duplicates`. In nine of ten
    every row must be near every other, else they are chains of classes. Whether a group is a class or a part of one,
    `are_unlinked` tells of those that stand for them.

    Example:
        >>> from workbench.graph import knn
        >>> x = torch.nn.functional.normalize(torch.eye(6).repeat(2, 1) + 0.1 + 0.02 * torch.eye(12, 6), dim=1)
        >>> groups_apart(knn(x, k=3)).tolist()
        [6, 7, 8, 9, 10, 11, 6, 7, 8, 9, 10, 11]
    """
    if graph.k == 0:
        return None
    near = near_before_gap(*_distances(graph))
    if near is None:
        return None
    group = components(graph, near)
    size = torch.bincount(group)  # by the number of the group's first node; 0 for all other numbers
    torn = torch.zeros_like(size).index_add_(0, group, (near.sum(dim=1) < size[group] - 1).long()) > 0
    whole = torn.sum() <= (1 - WHOLE) * (size > 1).sum()
    return densest(group, graph.similarity.sum(dim=1)) if whole else None


def are_unlinked(linkage: Float[Tensor, "n k"]) -> bool:
    """Whether hardly a node has a likely partner: nine of ten have no linkage of 0.85 and more.

    Example:
        >>> are_unlinked(torch.tensor([[0.6, 0.2], [0.5, 0.5]])), are_unlinked(torch.tensor([[0.9, 0.2], [0.5, 0.8]]))
        (True, False)
    """
    return bool((linkage >= LINKED).any(dim=1).sum() <= (1 - ALONE) * len(linkage))


def _distances(graph: KnnGraph) -> tuple[Float[Tensor, "n k"], Bool[Tensor, "n k"], Float[Tensor, ""]]:
    """1 - similarity, where there are neighbours, and the reach: how far the last listed are if no list is crowded."""
    distance = 1 - graph.similarity  # (n, k)
    last = distance.gather(1, (graph.mask.sum(dim=1, keepdim=True) - 1).clamp(min=0))[:, 0]  # (n,)
    return distance, graph.mask, last.kthvalue(max(1, round(REACH * graph.n))).values


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
        >>> from workbench.decode import Edges, build_dendrogram, true_quality
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(2))
        >>> quality = true_quality(dendrogram, np.array([0, 1]))
        >>> expand_near_duplicates(quality, np.array([0, 0, 1, 0])).cut(0.5).node.tolist()
        [5, 5, 2, 5]
    """
    small = quality.dendrogram
    dendrogram, origin = _expanded(small, group)

    inside = np.zeros(dendrogram.n_nodes, bool)  # parts of a group
    first = slice(0, dendrogram.n - small.n)  # the merges of near-duplicates come first
    inside[dendrogram.larger[first]] = True
    inside[dendrogram.smaller[first]] = True
    return Quality(dendrogram, quality.values[origin], quality.allowed[origin] & ~inside)


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
