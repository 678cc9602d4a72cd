"""One step of what a person puts right, and what later steps leave of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

ACTIONS = ("answer", "merge", "split", "move", "label", "confirm", "name")
MOVES = ("split", "move", "label")  # say where rows belong; of rows that are moved again the last one holds
ARRANGEMENTS = (*MOVES, "merge")  # yield to later steps; what is answered or confirmed does not


class Contradiction(ValueError):
    """Answers that cannot all be true.

    Attributes:
        pairs: of rows, each said to be one class or two, among which the contradiction is.
        steps: of `corrections_`, that say so; none: it was said to `fit`.
    """

    def __init__(self, message: str, pairs: Any, steps: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.pairs = pairs
        self.steps = steps


@dataclass(frozen=True)
class Correction:
    """One thing that a person did.

    Attributes:
        action: one of `ACTIONS`.
        together: groups of rows that are one cluster each; of a split, move or label the first one has the rows that
            are taken out of their clusters, of "move" with one of the cluster they go to as the last. In a file rows
            may go by names.
        apart: pairs of rows that are in two clusters.
        name: of the cluster that holds the first row of `together`; empty: none was given.
        released: rows between which earlier `ARRANGEMENTS` keep nothing apart any longer.
    """

    action: str
    together: tuple[tuple[Any, ...], ...] = ()
    apart: tuple[tuple[Any, Any], ...] = ()
    name: str = ""
    released: tuple[Any, ...] = ()

    def renamed(self, name: Callable[[Any], Any]) -> Correction:
        """With every row under another name."""
        return replace(
            self,
            together=tuple(tuple(name(row) for row in group) for group in self.together),
            apart=tuple((name(a), name(b)) for a, b in self.apart),
            released=tuple(name(row) for row in self.released),
        )

    @property
    def moved(self) -> tuple[Any, ...]:
        """The rows that were taken out of their clusters."""
        if self.action not in MOVES or not self.together:
            return ()
        return self.together[0][:-1] if self.action == "move" else self.together[0]

    @property
    def to(self) -> tuple[Any, ...]:
        """The row of the cluster that rows were moved to; none: they are a cluster of their own."""
        return self.together[0][len(self.moved) :] if self.action == "move" and self.together else ()

    @property
    def merged(self) -> tuple[tuple[Any, ...], ...]:
        """Groups of rows that are one cluster each, and were not moved."""
        return self.together[self.action in MOVES :] if self.action in ARRANGEMENTS else ()

    def without(self, rows: set[Any], released: Sequence[set[Any]] = ()) -> Correction:
        """What an arrangement says of other rows than these.

        Args:
            rows: that later steps moved.
            released: by later steps, a set each.

        Example:
            >>> Correction("label", together=((0, 1),), apart=((0, 2), (0, 3))).without({0, 3})
            Correction(action='label', together=((1,),), apart=((1, 2),), name='', released=())
        """
        own = tuple(row for row in self.moved if row not in rows)
        head = (*own, *(row for row in self.to if row not in rows)) if own else ()
        # The first of the moved rows speaks for all of them.
        apart = tuple((own[0] if own and a in self.moved else a, b) for a, b in self.apart)
        apart = tuple(pair for pair in apart if rows.isdisjoint(pair) and not any(one >= {*pair} for one in released))
        rest = (tuple(row for row in group if row not in rows) for group in self.merged)
        merged = [group for group in rest if len(group) > 1]
        first = (head,) if self.action in MOVES and (head or merged) else ()
        return replace(self, together=(*first, *merged), apart=apart)


def arranged(step: Correction) -> set[Any]:
    """The rows that a step moves, or joins clusters by.

    Example:
        >>> arranged(Correction("move", ((0, 2),)))
        {0, 2}
    """
    return {*step.moved, *step.to, *itertools.chain(*step.merged)}


def ties(step: Correction) -> Iterator[tuple[Any, Any]]:
    """The pairs of rows that a step says are one cluster.

    Example:
        >>> list(ties(Correction("merge", ((0, 2, 5),))))
        [(0, 2), (2, 5)]
    """
    for group in step.together:
        yield from itertools.pairwise(group)


def pairs(step: Correction) -> Iterator[tuple[Any, Any]]:
    """The pairs of rows that a step says are one cluster, or two.

    Example:
        >>> list(pairs(Correction("split", ((0,),), ((0, 2),))))
        [(0, 2)]
    """
    yield from ties(step)
    yield from step.apart


def checked_name(name: Any) -> str:
    """A cluster's name, without blanks around it.

    Raises:
        ValueError: it is empty, or no text.

    Example:
        >>> checked_name(" Anna ")
        'Anna'
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"name: expected a text, got {name!r}")
    return name.strip()
