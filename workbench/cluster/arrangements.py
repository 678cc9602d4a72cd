"""Moves, splits and merges change what they say and nothing else: what else would change is pinned.

```
a step -> the clusters it asks for -> decoded -> where they differ, rows tied or kept apart -> decoded again
```
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from .correction import ARRANGEMENTS, Correction
from .overlaps import Overlaps, overlaps

Rows = Int64[np.ndarray, " _"]


def between(pairs: Any, labels: Rows, clusters: Any) -> Bool[np.ndarray, " pairs"]:
    """Which pairs of rows lie between two of some clusters.

    Example:
        >>> between([(0, 1), (0, 2)], np.array([0, 0, 1]), [0, 1]).tolist()
        [False, True]
    """
    ends = labels[np.reshape(np.asarray(pairs, np.int64), (-1, 2))]  # (m, 2)
    found: Bool[np.ndarray, " pairs"] = np.isin(ends, clusters).all(axis=1) & (ends[:, 0] != ends[:, 1])
    return found


def kept_apart(steps: Sequence[Correction], labels: Rows, clusters: Any) -> tuple[int, ...]:
    """The rows of clusters that are to join, if an earlier arrangement keeps some of them apart.

    Example:
        >>> kept_apart([Correction("split", ((0,),), ((0, 1),))], np.array([0, 1, 1, 2]), [0, 1])
        (0, 1, 2)
    """
    apart = [pair for step in steps if step.action in ARRANGEMENTS for pair in step.apart]
    if not between(apart, labels, clusters).any():
        return ()
    return tuple(np.flatnonzero(np.isin(labels, clusters)).tolist())


def moved(action: str, labels: Rows, rows: Rows, to: tuple[int, ...] = ()) -> Correction:
    """Rows in one cluster, with the row `to`, and no row of the clusters that they leave.

    Example:
        >>> moved("move", np.array([0, 0, 1]), np.array([0]), (2,))
        Correction(action='move', together=((0, 2),), apart=((0, 1),), name='', released=())
    """
    left = np.setdiff1d(np.flatnonzero(np.isin(labels, labels[rows])), rows)
    first = int(rows[0])
    return Correction(action, together=((*rows.tolist(), *to),), apart=tuple((first, row) for row in left.tolist()))


def asked_for(step: Correction, labels: Rows) -> Rows:
    """The clusters as they are to be after a move, split, label or merge.

    Args:
        step: it.
        labels: clusters before.

    Example:
        >>> asked_for(Correction("merge", ((0, 2),)), np.array([0, 0, 1, 2])).tolist()
        [0, 0, 0, 2]
        >>> asked_for(Correction("label", ((0, 2),)), np.array([0, 0, 1, 2])).tolist()
        [3, 0, 3, 2]
    """
    wanted = labels.copy()
    if step.moved:
        wanted[list(step.moved)] = labels[step.to[0]] if step.to else labels.max() + 1
    else:
        joined = labels[list(step.together[0])]
        wanted[np.isin(labels, joined)] = joined[0]
    return wanted


def pinned(step: Correction, wanted: Rows, found: Rows, firm: bool = False) -> Correction:
    """The step with what was found otherwise than wanted tied, or kept apart; itself where all is as wanted.

    Formula: the rows of each wanted cluster that was found in pieces, or with others, are tied; of wanted clusters that
    were found together, or may come to be, a row each is kept apart.

    Args:
        step: it.
        wanted: `asked_for` by it.
        found: what it gave.
        firm: each of these clusters is kept apart from every other one; else it may go from one to the next.

    Example:
        >>> pinned(Correction("merge", ((0, 1),)), np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
        Correction(action='merge', together=((0, 1), (0, 1, 2)), apart=((0, 3),), name='', released=())
    """
    shared = overlaps(wanted, found)
    if shared.alike.all():
        return step
    ties = []
    first = {}
    for cluster in np.unique(shared.one[~shared.alike]).tolist():
        rows = np.flatnonzero(wanted == cluster).tolist()
        first[cluster] = rows[0]
        if len(rows) > 1:
            ties.append(tuple(rows))
    alone = _alone(wanted, first) if firm else ()
    return replace(step, together=(*step.together, *ties), apart=(*step.apart, *_mixed(shared, first), *alone))


def _alone(wanted: Rows, first: dict[int, int]) -> Iterator[tuple[int, int]]:
    """A row of each of some wanted clusters, with one of every other."""
    clusters, rows = np.unique(wanted, return_index=True)
    for one, row in first.items():
        yield from ((row, int(other)) for other in rows[clusters != one])


def _mixed(shared: Overlaps, first: dict[int, int]) -> Iterator[tuple[int, int]]:
    """A row of each of two wanted clusters, where a found one has rows of both."""
    for cluster in np.unique(shared.other).tolist():
        wanted = shared.one[shared.other == cluster].tolist()
        yield from itertools.combinations([first[one] for one in wanted if len(wanted) > 1], 2)
