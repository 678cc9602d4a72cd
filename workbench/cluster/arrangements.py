"""Moves, splits and merges of rows as corrections that say what of earlier ones they end, and what goes on to hold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from .correction import MOVES, Correction

Rows = Int64[np.ndarray, " _"]


@dataclass(frozen=True)
class Arranged:
    """Clusters as they stand, and the steps behind them.

    Attributes:
        labels: [n], cluster of each row.
        steps: what was done and still holds (`Corrections.standing`).

    Example: two clusters were merged by rows 0 and 2; row 0 leaves, and what stays is tied.
        >>> now = Arranged(np.array([0, 0, 0, 1]), [Correction("merge", ((0, 2),))])
        >>> now.moved("move", np.array([0]), (3,)).together
        ((0, 3), (1, 2))
    """

    labels: Rows
    steps: Sequence[Correction]

    def between(self, pairs: Any, clusters: Rows) -> Bool[np.ndarray, " pairs"]:
        """Which pairs of rows lie between two of these clusters."""
        ends = self.labels[np.reshape(np.asarray(pairs, np.int64), (-1, 2))]  # (m, 2)
        found: Bool[np.ndarray, " pairs"] = np.isin(ends, clusters).all(axis=1) & (ends[:, 0] != ends[:, 1])
        return found

    def released(self, clusters: Rows) -> tuple[int, ...]:
        """The rows of clusters that join, if an earlier move or split keeps some of them apart."""
        apart = [pair for step in self.steps if step.action in MOVES for pair in step.apart]
        if not self.between(apart, clusters).any():
            return ()
        return tuple(np.flatnonzero(np.isin(self.labels, clusters)).tolist())

    def moved(self, action: str, rows: Rows, to: tuple[int, ...] = ()) -> Correction:
        """These rows in one cluster, with the row `to`, and no row of the clusters that they leave, or left before."""
        left = np.flatnonzero(np.isin(self.labels, self.labels[rows]))
        left = left[~np.isin(left, rows)]
        first = int(rows[0])
        leave = set(rows.tolist())
        there = set(np.flatnonzero(np.isin(self.labels, self.labels[list(to)])).tolist())
        left_before = (b for step in self.steps if not leave.isdisjoint(step.moved) for _, b in step.apart)
        away = dict.fromkeys((row for row in (*left.tolist(), *left_before) if row not in leave | there))
        apart = (*((first, row) for row in away), *self._still_apart(leave, left))
        return Correction(action, together=((*rows.tolist(), *to), *self._still_merged(leave, left)), apart=apart)

    def _still_apart(self, leave: set[int], left: Rows) -> Iterator[tuple[int, int]]:
        """What stays parted where a row that leaves stood for a side: all that stay stand for it."""
        for step in self.steps:
            for a, b in step.apart if step.action == "split" and not step.moved else ():
                gone, other = (a, b) if a in leave else (b, a)
                if gone in leave and other not in leave:
                    yield from ((row, other) for row in self._beside(gone, left))

    def _still_merged(self, leave: set[int], left: Rows) -> Iterator[tuple[int, ...]]:
        """What stays merged where a row that leaves stood for a part: all that stay."""
        stood = leave.intersection(row for step in self.steps for row in (*step.to, *itertools.chain(*step.merged)))
        for row in {self.labels[row]: row for row in sorted(stood)}.values():
            if len(beside := self._beside(row, left)) > 1:
                yield tuple(beside)

    def _beside(self, row: int, among: Rows) -> list[int]:
        """Those rows that are in the same cluster."""
        found: list[int] = among[self.labels[among] == self.labels[row]].tolist()
        return found

    def merged(self, cluster: int) -> list[set[int]]:
        """The rows by which parts of a cluster were merged, those tied to each other together."""
        found: list[set[int]] = []
        for group in (group for step in self.steps for group in step.merged):
            here = {row for row in group if self.labels[row] == cluster}
            touching = [one for one in found if not one.isdisjoint(here)]
            found = [one for one in found if one not in touching] + [here.union(*touching)]
        return found

    def parted(self, cluster: int, heads: tuple[int, int], sides: tuple[Rows, Rows]) -> Correction:
        """A cluster in two, a row of each side apart. Merges across the sides end, and hold on within each."""
        groups = self.merged(cluster)
        within = [tuple(row for row in side.tolist() if row in group) for group in groups for side in sides]
        if all(set(part) in groups for part in within if part):
            return Correction("split", apart=(heads,))
        kept = [part for part in within if len(part) > 1]
        released = tuple(sorted(set().union(*groups)))
        return Correction("split", ((), *kept) if kept else (), (heads,), released=released)
