"""Named checks of the course's exercises: `check(name, answer, *inputs)` says right, nearly, or off by how much."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..._core.validation import check_choice
from ...views.style import GREY, PALETTE, escape
from ..compare import COMPARE, EXACT, NEAR, OPEN, WRONG, Outcome, compare_values

HOWS = (*COMPARE, "function", "property")
SIGNS = {
    EXACT: ("✓", "Right", PALETTE[2]),
    NEAR: ("≈", "Approximately right", PALETTE[4]),
    WRONG: ("✗", "Not yet", PALETTE[5]),
    OPEN: ("…", "Not answered yet", GREY),
}


@dataclass(frozen=True)
class Check:
    """What is asked for, and how an answer is judged. See `add_check`."""

    name: str
    title: str
    expected: Callable[..., Any]
    how: str
    within: float
    hint: str
    wrong: Any


@dataclass(frozen=True)
class Verdict:
    """What `check` found; a notebook shows it as a line with a sign, words and a colour.

    Attributes:
        name: of the check.
        title: what was asked for.
        status: "exact", "near", "wrong" or "open" (not answered yet).
        detail: by how much the answer is off, and a hint.
    """

    name: str
    title: str
    status: str
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the answer is right, exactly or within the tolerance."""
        return self.status in (EXACT, NEAR)

    def __str__(self) -> str:
        sign, word, _ = SIGNS[self.status]
        return f"{sign} {word}: {self.title}" + (f": {self.detail}" if self.detail else ".")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        sign, word, colour = SIGNS[self.status]
        box = f"border-left:5px solid {colour};padding:6px 12px;margin:4px 0"
        words = f"<b>{sign} {word}</b>: {escape(self.title)}" + (f": {escape(self.detail)}" if self.detail else ".")
        return f'<div class="course-verdict" style="{box}">{words}</div>'


CHECKS: dict[str, Check] = {}


def add_check(
    name: str, *, how: str = "values", within: float = 0.0, hint: str = "", wrong: Any = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the function computes from the exercise's inputs, by the library, what is expected.

    Its docstring's first line says what is asked for, without a full stop; it follows "Right: ".

    Args:
        name: "NN-name" with the notebook's number.
        how: "values" (number, array, tensor), "partition" (labels up to renaming), "choice" (word, True/False), "set"
            (integers in any order), "function" (the answer is a function: it is called with the inputs, and what it
            gives is compared by values), "property" (many answers are right: the function gets the answer and the
            inputs, and returns "" or what is wrong with it).
        within: tolerance for "approximately right": absolute; for a partition 1 - BCubed F.
        hint: one sentence after a wrong answer.
        wrong: "property" only: an answer that must not pass; the tests try it.

    Raises:
        ValueError: an unknown `how`, a name given twice, no docstring, a property without `wrong`.

    Example:
        >>> @add_check("00-doctest-mean", within=0.01, hint="Divide by the number of values.")
        ... def mean(values):
        ...     '''mean of the values'''
        ...     return sum(values) / len(values)
        >>> check("00-doctest-mean", 2.5, [1, 2, 3])
        ✗ Not yet: mean of the values: you have 2.5: off by 0.5, 0.01 is allowed. Divide by the number of values.
        >>> del CHECKS["00-doctest-mean"]
    """
    check_choice(how, "how", HOWS)
    if how == "property" and wrong is None:
        raise ValueError(f"wrong: the check {name!r} by property needs an answer that must not pass")

    def note(expected: Callable[..., Any]) -> Callable[..., Any]:
        known = CHECKS.get(name)
        if known and known.expected.__qualname__ != expected.__qualname__:
            raise ValueError(f"name: {name!r} is a check already ({known.title}); take another name")
        title = (expected.__doc__ or "").strip().splitlines()
        if not title:
            raise ValueError(f"{expected.__name__}: expected a docstring that says what is asked for")
        CHECKS[name] = Check(name, title[0].strip().rstrip("."), expected, how, within, hint, wrong)
        return expected

    return note


def check(name: str, answer: Any, *inputs: Any) -> Verdict:
    """Compare an answer with what the library computes from the same inputs; a wrong answer raises nothing.

    Args:
        name: of the check, as the exercise gives it.
        answer: yours; `...` is "not answered yet".
        inputs: what the exercise works on.

    Raises:
        ValueError: there is no check of this name.

    Example:
        >>> import workbench.course as course
        >>> course.check("00-pairs", ..., 4)
        … Not answered yet: number of pairs among the images.
        >>> course.check("00-pairs", 6, 4)
        ✓ Right: number of pairs among the images: exactly 6
    """
    wanted = find_check(name)
    if answer is ...:
        return Verdict(name, wanted.title, OPEN)
    status, words = _judge(wanted, answer, inputs)
    return Verdict(name, wanted.title, status, words + (f". {wanted.hint}" if wanted.hint and status == WRONG else ""))


def find_check(name: str) -> Check:
    """The check of this name.

    Raises:
        ValueError: there is none; names the nearest.
    """
    if name not in CHECKS:
        near = difflib.get_close_matches(name, CHECKS, n=3, cutoff=0.3) or sorted(CHECKS)[:3]
        raise ValueError(f"name: there is no check {name!r}; did you mean {', '.join(map(repr, near))}?")
    return CHECKS[name]


def _judge(wanted: Check, answer: Any, inputs: tuple[Any, ...]) -> Outcome:
    if wanted.how == "property":
        trouble = wanted.expected(answer, *inputs)
        return (WRONG, str(trouble)) if trouble else (EXACT, "it does what was asked for")
    expected = wanted.expected(*inputs)
    if wanted.how != "function":
        return COMPARE[wanted.how](answer, expected, wanted.within)
    if not callable(answer):
        return WRONG, f"a function is expected, you have {type(answer).__name__}"
    try:
        given = answer(*inputs)
    except Exception as error:  # noqa: BLE001 - the student's own code may raise anything, and is told so
        return WRONG, f"your function raised {type(error).__name__}: {error}"
    return compare_values(given, expected, wanted.within)
