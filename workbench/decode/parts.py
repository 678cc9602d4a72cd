"""Parts of a set that no link ties to each other: each may be a set of its own, with its own classes and differences.

Photographs of several sources, or words of several alphabets, fall into such parts. Beside the others all of a part
looks like one class. But a class that lies far from all others is a part, too, so what is predicted decides
(`is_better_alone`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64

from .dendrogram import Dendrogram
from .quality import Quality

LEAST = 100  # rows of a part: fewer hardly show how they spread
ALONE = 0.9  # clusters a row in a part by itself: beyond, it shows no structure. Parts of many classes had .75 at most
SHARE = 0.02  # of all rows: what is less is a class, where there are many of them. So there are at most 50 parts

Rows = Int64[np.ndarray, " _"]  # another number of them in each part


def parts_of(dendrogram: Dendrogram) -> list[Rows]:
    """The leaves of each large tree of a dendrogram, where it has several of them; else none.

    Example:
        >>> import torch
        >>> from workbench.decode import Edges, build_dendrogram
        >>> from workbench.graph import knn
        >>> rows = torch.nn.functional.normalize(torch.randn(300, 4, generator=torch.Generator().manual_seed(0)), dim=1)
        >>> rows = torch.cat([torch.cat([rows, 0 * rows], dim=1), torch.cat([0 * rows, rows], dim=1)])
        >>> graph = knn(rows, k=15)
        >>> [len(part) for part in parts_of(build_dendrogram(Edges.of(graph, graph.similarity), rows))]
        [300, 300]
    """
    top = dendrogram.tops
    size = np.bincount(top, minlength=1)
    large = np.flatnonzero(size >= max(LEAST, SHARE * dendrogram.n))
    return [np.flatnonzero(top == tree) for tree in large] if len(large) > 1 else []


def with_parts(quality: Quality, parts: Sequence[tuple[Rows, Quality]]) -> Quality:
    """A quality in which whole trees give way to those of their leaves' own sets.

    Args:
        quality: of all.
        parts: leaves of one tree each, and the quality of a set that consists of them, in this order.

    Example: two pairs; the second one looks better by itself.
        >>> import torch
        >>> from workbench.decode import Edges, build_dendrogram, true_quality
        >>> from workbench.graph import KnnGraph
        >>> def quality(lists, labels):
        ...     graph = KnnGraph.from_arrays(lists, [[0.9]] * len(lists))
        ...     dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(len(lists)))
        ...     return true_quality(dendrogram, np.array(labels))
        >>> whole = quality([[1], [0], [3], [2]], [0, 0, 1, 2])
        >>> both = with_parts(whole, [(np.array([2, 3]), quality([[1], [0]], [0, 0]))])
        >>> whole.cut(0.5).node.tolist(), both.cut(0.5).node.tolist()
        ([4, 4, 2, 3], [4, 4, 5, 5])
    """
    if not parts:
        return quality
    old = quality.dendrogram
    n = old.n
    replaced = np.zeros((old.n_nodes, 1))
    for rows, _ in parts:
        replaced[rows] = 1
    stays = old.subtrees.sums(old.tensor(replaced))[n:, 0].cpu().numpy() == 0  # (merges,)

    values = quality.values[:n].copy()
    possible = quality.allowed[:n].copy()
    number = np.concatenate([np.arange(n), n + np.cumsum(stays) - 1])  # of each old node that stays
    merges = [[number[old.larger[stays]], number[old.smaller[stays]], *(column[stays] for column in old.measured)]]
    of_merges = [(quality.values[n:][stays], quality.allowed[n:][stays])]
    count = n + int(stays.sum())
    for rows, own in parts:
        new = own.dendrogram
        values[rows] = own.values[: new.n]
        possible[rows] = own.allowed[: new.n]
        number = np.concatenate([rows, count + np.arange(new.n_merges)])
        merges.append([number[new.larger], number[new.smaller], *new.measured])
        of_merges.append((own.values[new.n :], own.allowed[new.n :]))
        count += new.n_merges

    dendrogram = Dendrogram(n, *(np.concatenate(column) for column in zip(*merges, strict=True)), device=old.device)
    above, can_be = (np.concatenate(column) for column in zip(*of_merges, strict=True))
    return Quality(dendrogram, np.concatenate([values, above]), np.concatenate([possible, can_be]))


def is_better_alone(alone: Quality, expected: Float[np.ndarray, " n"]) -> bool:
    """Whether a part as a set of its own is expected to have the higher F, and not nearly every row is a cluster there.

    A round class by itself shows no structure: 300 or 400 rows, each sure to be right.

    Args:
        alone: the part's own quality.
        expected: F that is expected of its rows beside the others (`expected_f`).

    Example: four rows, two pairs; or they have nothing in common.
        >>> import torch
        >>> from workbench.decode import Edges, build_dendrogram, true_quality
        >>> from workbench.graph import KnnGraph
        >>> graph = KnnGraph.from_arrays([[1], [0], [3], [2]], [[0.9], [0.9], [0.8], [0.8]])
        >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(4))
        >>> truths = (np.array([0, 0, 1, 1]), np.arange(4))
        >>> [is_better_alone(true_quality(dendrogram, labels), np.full(4, 0.5)) for labels in truths]
        [True, False]
    """
    clusters = len(np.unique(alone.cut(0.5).node))
    return clusters <= ALONE * alone.dendrogram.n and bool(expected_f(alone).mean() > expected.mean())


def expected_f(quality: Quality) -> Float[np.ndarray, " n"]:
    """The quality at precision weight 0.5 of each leaf's cluster in the best cut: what it is expected to have of F.

    Example:
        >>> import torch
        >>> from workbench.decode import Edges, build_dendrogram, true_quality
        >>> from workbench.graph import KnnGraph
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(2))
        >>> expected_f(true_quality(dendrogram, np.array([5, 5]))).tolist()
        [1.0, 1.0]
    """
    found: Float[np.ndarray, " n"] = quality.at(0.5)[quality.cut(0.5).node]
    return found
