"""What a person puts right in a clustering: merge, split, move, label, confirm, answer, name; undone, saved, merged.

```
model.merge(3, 7) -> Correction -> Corrections -> Constraints -> the clusters decoded anew
```
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int64

from .._core.files import atomic_path, check_kind, reading, regular_file
from .._core.ids import check_ids
from .constraints import Constraints
from .correction import ACTIONS, ARRANGEMENTS, MOVES, Correction, arranged, pairs, ties
from .overlaps import overlaps

VERSION = 2
READS = (1, VERSION)
KIND = "workbench corrections"


@dataclass(frozen=True)
class Corrections:
    """Everything a person did to a clustering, in order.

    Attributes:
        n: rows of the data at the last step.
        fingerprint: of these rows.
        steps: what was done.

    Example:
        >>> import tempfile
        >>> done = Corrections(3, "0f", (Correction("merge", together=((0, 2),)),))
        >>> file = tempfile.mkdtemp() + "/mine.json"
        >>> done.save(file)
        >>> Corrections.load(file) == done
        True
    """

    n: int
    fingerprint: str
    steps: tuple[Correction, ...] = ()

    def __len__(self) -> int:
        return len(self.steps)

    def __add__(self, step: Correction) -> Corrections:
        """With one step more."""
        return replace(self, steps=(*self.steps, step))

    def of_rows(self, code: Int64[np.ndarray, " rows"]) -> Corrections:
        """The same steps, of data with these codes (`row_codes`): later rows may have come.

        Example:
            >>> Corrections(1, fingerprint(np.array([7]))).of_rows(np.array([7, 8])).n
            2
        """
        return replace(self, n=len(code), fingerprint=fingerprint(code))

    def constraints(self, n: int) -> Constraints:
        """What the steps say of n rows, checked.

        Raises:
            ValueError: they contradict each other, or name a row that is not there.
        """
        for place, step in enumerate(self.steps):
            if (last := _last_row(step)) >= n:
                raise ValueError(
                    f"corrections: expected rows 0 to {n - 1}, got row {last} in step {place} ({step.action}); "
                    "take that step out, or fit the model on the data that they were made on"
                )
        return _constraints(self.standing, n)

    @property
    def standing(self) -> tuple[Correction, ...]:
        """The steps without what later ones changed: of rows that were moved again only the last move holds, a merge
        ends what earlier moves and splits kept apart, a move or split what earlier merges tied.

        Example: row 0 goes to row 5's cluster, then to row 7's.
            >>> twice = (Correction("move", ((0, 5),), ((0, 1),)), Correction("move", ((0, 7),), ((0, 5),)))
            >>> [step.together for step in Corrections(8, "0f", twice).standing]
            [(), ((0, 7),)]
        """
        kept = []
        moved: set[Any] = set()
        released: list[set[Any]] = []
        for step in reversed(self.steps):
            yields = step.action in ARRANGEMENTS and (moved or released)
            kept.append(replace(step.without(moved, released) if yields else step, released=()))
            moved.update(step.moved)
            released += [set(step.released)] if step.released else []
        return tuple(kept[::-1])

    def without(self, place: int) -> Corrections:
        """Without one step."""
        return replace(self, steps=(*self.steps[:place], *self.steps[place + 1 :]))

    def said_by(self, about: Iterable[Iterable[Any]]) -> list[int]:
        """The steps that say of one of these pairs that they are one cluster, or two.

        Example:
            >>> Corrections(3, "0f", (Correction("merge", ((0, 2),)), Correction("name", ((1,),)))).said_by([(2, 0)])
            [0]
        """
        wanted = {frozenset(pair) for pair in about}
        return [i for i, step in enumerate(self.standing) if not wanted.isdisjoint(map(frozenset, pairs(step)))]

    @property
    def names(self) -> dict[int, str]:
        """The names that were given, each by the row that stands for it; the last one holds."""
        return {step.together[0][0]: step.name for step in self.standing if step.name and any(step.together[:1])}

    def save(self, path: str | Path, ids: Any = None) -> None:
        """Write a small JSON file; what was there before stays until the new one is whole.

        Args:
            path: of the file.
            ids: a name per row (text or integer), by which the file then calls it; None: its position.

        Raises:
            ValueError: too few ids, one that is missing, or one that several rows have.
            FileExistsError: a file of another ending than .json is there.
        """
        names = None if ids is None else check_row_ids(ids)
        n = max([self.n, *(1 + _last_row(step) for step in self.steps)])  # later rows may have come
        if names is not None and len(names) < n:
            raise ValueError(f"ids: expected {n}, one per row, got {len(names)}; pass those of all rows")
        steps = [asdict(step if names is None else step.renamed(names.__getitem__)) for step in self.steps]
        head = {"kind": KIND, "version": VERSION, "n": self.n, "fingerprint": self.fingerprint, "ids": ids is not None}
        check_kind(path, ".json")
        with atomic_path(path) as part:
            part.write_text(json.dumps({**head, "steps": steps}, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path, ids: Any = None) -> Corrections:
        """Corrections from a file.

        Args:
            path: of the file.
            ids: a name per row, if the file calls rows by names.

        Raises:
            FileNotFoundError: no such file.
            ValueError: another kind or version of file, a row that `ids` does not name, or an id that is missing or
                that several rows have.
        """
        names = None if ids is None else check_row_ids(ids)
        with reading(path, "file of corrections"):
            read = _read(regular_file(path))
            if read["ids"] and names is None:
                raise ValueError(
                    f"{path}: calls rows by names; pass ids, a name per row, to Corrections.load; for the command "
                    "line save it by row numbers: Corrections.load(path, ids).save(new_path)"
                )
            steps = tuple(_step(step, path) for step in read["steps"])
            if read["ids"]:
                place = {name: row for row, name in enumerate(names or ())}
                steps = tuple(step.renamed(lambda name: _position(place, name, path)) for step in steps)
            for step in steps:
                _check_rows(step, path)
        return cls(read["n"], read["fingerprint"], steps)

    def merged(self, other: Any) -> tuple[Corrections, pd.DataFrame]:
        """One person's corrections and another's of the same data; steps that contradict those so far, or move rows
        that the other has moved as well, stay out.

        Returns: both together, and a table of the conflicts: step (of `other`), action, why.

        Raises:
            ValueError: they are of other data.

        Example:
            >>> one = Corrections(3, "0f", (Correction("answer", together=((0, 2),)),))
            >>> two = Corrections(3, "0f", (Correction("answer", apart=((0, 2),)),))
            >>> one.merged(two)[1]["action"].tolist()
            ['answer']
        """
        if not isinstance(other, Corrections):
            raise TypeError(f"other: expected Corrections, got {type(other).__name__}; read a file by Corrections.load")
        if (self.n, self.fingerprint) != (other.n, other.fingerprint):
            cure = "if rows came later, take them over by model.correct first"
            raise ValueError(f"other: expected corrections of the same data, got those of other rows; {cure}")
        both = replace(self, steps=self.standing)
        rows = 1 + max((row for one in (self, other) for step in one.steps for row in _rows(step)), default=0)
        conflicts = []
        for i, step in enumerate(other.standing):
            if step in both.steps:
                continue
            if why := _conflict(both.steps, step, rows):
                conflicts.append({"step": i, "action": step.action, "why": why})
            else:
                both = both + step
        return both, pd.DataFrame(conflicts, columns=["step", "action", "why"])


def fingerprint(code: Int64[np.ndarray, " n"]) -> str:
    """Sixteen letters by which data are known again, from the codes of their rows (`row_codes`).

    Example:
        >>> fingerprint(np.array([1, 2])) == fingerprint(np.array([2, 1]))
        False
    """
    return hashlib.sha256(np.ascontiguousarray(code, np.int64).tobytes()).hexdigest()[:16]


def changes(
    before: Int64[np.ndarray, " n"], now: Int64[np.ndarray, " m"], touched: Int64[np.ndarray, " rows"]
) -> pd.DataFrame:
    """What became of clusters that did not stay as they were: a row per earlier and later cluster that share rows.

    Args:
        before: labels of the earlier rows.
        now: labels now; the earlier rows come first.
        touched: rows that a person's last step named.

    Returns: before, now, rows (shared), asked (the step named a row of that earlier or later cluster).

    Example: clusters 0 and 1 are joined, as asked.
        >>> changes(np.array([0, 0, 1, 2]), np.array([0, 0, 0, 1]), np.array([1, 2])).values.tolist()
        [[0, 0, 2, True], [1, 0, 1, True]]
    """
    shared = overlaps(before, now[: len(before)])
    asked = np.isin(shared.one, before[touched[touched < len(before)]]) | np.isin(shared.other, now[touched])
    table = pd.DataFrame({"before": shared.one, "now": shared.other, "rows": shared.rows, "asked": asked})
    return table[~shared.alike].reset_index(drop=True)


def _constraints(steps: Iterable[Correction], n: int) -> Constraints:
    steps = tuple(steps)
    together = [pair for step in steps for pair in ties(step)]
    return Constraints.of(n, together, [pair for step in steps for pair in step.apart])


def _conflict(steps: tuple[Correction, ...], step: Correction, n: int) -> str:
    """Why another person's step cannot be added; empty: it can."""
    theirs = arranged(step)
    known = Corrections(0, "", steps).names
    row = step.together[0][0] if step.name and any(step.together[:1]) else -1
    if known.get(row, step.name) != step.name:
        return f"the cluster of row {row} was named {known[row]!r} before"
    for mine in steps:
        if twice := ({*mine.moved} & theirs) | (arranged(mine) & {*step.moved}):
            return f"rows {', '.join(map(str, sorted(twice)[:5]))} were moved by both"
    try:
        _constraints((*steps, step), n)
    except ValueError as error:
        return str(error)
    return ""


def _rows(step: Correction) -> Iterator[int]:
    for group in (*step.together, *step.apart):
        yield from group


def _last_row(step: Correction) -> int:
    return max((*_rows(step), *step.released), default=-1)


def touched_rows(corrections: Corrections) -> Int64[np.ndarray, " rows"]:
    """The rows that the last step names.

    Example:
        >>> touched_rows(Corrections(3, "0f", (Correction("answer", apart=((0, 2),)),))).tolist()
        [0, 2]
    """
    named = sorted(set(_rows(corrections.steps[-1]))) if corrections.steps else []
    return np.array(named, dtype=np.int64)


def check_row_ids(ids: Any) -> list[str | int]:
    """A name per row, in the rows' order, each of one row only, as JSON keeps it.

    Raises:
        ValueError: as `check_ids`; a name that is neither text nor integer, or that several rows have.

    Example:
        >>> check_row_ids(np.array(["a", "b"]))
        ['a', 'b']
    """
    names = check_ids(ids)
    first: dict[Hashable, int] = {}
    for row, name in enumerate(names):
        if isinstance(name, bool) or not isinstance(name, (str, int)):
            kind = type(name).__name__
            raise ValueError(f"ids: expected texts or integers, got {name!r} ({kind}) for row {row}; make them texts")
        if first.setdefault(name, row) != row:
            raise ValueError(
                f"ids: expected another name for each row, got {name!r} for rows {first[name]} and {row}; make them "
                "differ, or leave ids out"
            )
    return names


def _read(path: Path) -> dict[str, Any]:
    read = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(read, dict) or read.get("kind") != KIND:
        raise ValueError(f"path: {path} holds no corrections; save them with model.corrections_.save(path)")
    if read.get("version") not in READS:
        raise ValueError(
            f"path: {path} has version {read.get('version')!r}, this program reads up to {VERSION}; update it"
        )
    fields = {"n": int, "fingerprint": str, "ids": bool, "steps": list}
    for name, kind in fields.items():
        if type(read.get(name)) is not kind:  # True is an int, too
            raise ValueError(f"path: {path} is damaged: expected {name} to be {kind.__name__}, got {read.get(name)!r}")
    return read


def _step(read: Any, path: str | Path) -> Correction:
    try:
        together = tuple(tuple(group) for group in read["together"])
        apart = tuple((a, b) for a, b in read["apart"])
        step = Correction(str(read["action"]), together, apart, str(read["name"]), tuple(read.get("released", ())))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"path: {path} is damaged: cannot read the step {str(read)[:80]}") from error
    if step.action not in ACTIONS:
        raise ValueError(f"path: {path} has the unknown action {step.action!r}; expected one of {', '.join(ACTIONS)}")
    return step


def _check_rows(step: Correction, path: str | Path) -> None:
    """Refuse a step that names something else than rows, or none where one is needed."""
    rows = [*_rows(step), *step.released]
    if not all(type(row) is int and 0 <= row < 2**63 for row in rows):
        raise ValueError(f"path: {path} is damaged: expected row numbers in {str(asdict(step))[:80]}")
    groups = step.together[step.action in MOVES :]  # all moved rows may have been moved again
    if not all(groups) or (step.action == "confirm" and not groups):
        raise ValueError(f"path: {path} is damaged: expected rows in the step {step.action!r}, got none")


def _position(place: dict[Any, int], name: Any, path: str | Path) -> int:
    if name not in place:
        raise ValueError(f"ids: {path} names the row {name!r}, which is not among the ids; pass those of the same data")
    return place[name]
