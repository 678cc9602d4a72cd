"""Moves, splits and merges of rows as corrections that say what of earlier ones they end, and what goes on to hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from .correction import MOVES, Correction

Rows = Int64[np.ndarray, " _"]


@dataclass(frozen=True)
class Arranged:
    """Clusters as they stand, and the steps behind them.

    Attributes:
        labels: [n], cluster of each row.
        features: [n, d], of the rows.
        steps: what was done and still holds (`Corrections.standing`).

    Example: rows 0 and 2 were merged; row 0 leaves, and row 1, the most similar that stays, stands in.
        >>> import torch
        >>> now = Arranged(np.array([0, 0, 0, 1]), torch.eye(4), [Correction("merge", ((0, 2),))])
        >>> now.moved("move", np.array([0]), (3,)).together
        ((0, 3), (2, 1))
    """

    labels: Rows
    features: Float[Tensor, "n d"]
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
        """These rows in one cluster, with the row `to`, and no row of the clusters that they leave."""
        left = np.flatnonzero(np.isin(self.labels, self.labels[rows]))
        left = left[~np.isin(left, rows)]
        first = int(rows[0])
        leave = set(rows.tolist())
        apart = (*((first, int(row)) for row in left), *self._still_apart(leave, left))
        return Correction(action, together=((*rows.tolist(), *to), *self._still_merged(leave, left)), apart=apart)

    def _still_apart(self, leave: set[int], left: Rows) -> Iterator[tuple[int, int]]:
        """What stays parted where a row that leaves stood for a side: the most similar one that stays stands in."""
        for step in self.steps:
            for a, b in step.apart if step.action == "split" and not step.moved else ():
                gone, other = (a, b) if a in leave else (b, a)
                if gone in leave and other not in leave and (self.labels[left] == self.labels[gone]).any():
                    yield self._nearest(gone, left), other

    def _still_merged(self, leave: set[int], left: Rows) -> Iterator[tuple[int, ...]]:
        """What stays merged where a row that leaves stood for a part, in the same way."""
        for step in self.steps:
            stood = leave.intersection(step.to, *step.merged)
            for group in step.together:
                gone = stood.intersection(group)
                rest = [row for row in group if row not in leave]
                kept = dict.fromkeys([*rest, *(self._nearest(row, left) for row in sorted(gone) if rest)])
                if gone and len(kept) > 1:
                    yield tuple(kept)

    def _nearest(self, row: int, among: Rows) -> int:
        """The most similar row of the same cluster."""
        among = among[self.labels[among] == self.labels[row]]
        return int(among[int((self.features[among] @ self.features[row]).argmax())])

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
