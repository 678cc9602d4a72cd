"""Named checks of the course's exercises: `check(name, answer, *inputs)` says right, nearly, or what is wrong."""

from __future__ import annotations

import difflib
import dis
import inspect
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType
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


GRADING = "WORKBENCH_GRADING"  # environment: a check that is not passed raises, so that a grader sees it


@dataclass(frozen=True)
class Check:
    """What is asked for, and how an answer is judged. See `add_check`."""

    name: str
    title: str
    expected: Callable[..., Any]
    how: str
    within: float
    hint: str
    wrong: Mapping[str, Callable[..., Any]]
    forbidden: tuple[str, ...]

    def wrong_answer(self, idea: str, *inputs: Any) -> Any:
        """What somebody with this wrong idea would answer."""
        return self.wrong[idea] if self.how == "function" else self.wrong[idea](*inputs)


@dataclass(frozen=True)
class Verdict:
    """What `check` found; a notebook shows it as a line with a sign, words and a colour.

    Attributes:
        name: of the check.
        title: what was asked for.
        status: "exact", "near", "wrong" or "open" (not answered yet).
        detail: what is wrong; from the second miss on a hint, too, and from the third by how much.
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
_misses: Counter[str] = Counter()  # of each check, since it was last passed: the replies get more helpful


def add_check(
    name: str,
    *,
    wrong: Mapping[str, Callable[..., Any]],
    how: str = "values",
    within: float = 0.0,
    hint: str = "",
    forbidden: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the function computes from the exercise's inputs, by the library, what is expected.

    Its docstring's first line says what is asked for, without a full stop; it follows "Right: ".

    Args:
        name: "NN-name" with the notebook's number.
        wrong: the typical wrong ideas: words -> a function of the inputs that gives the answer of who has this idea
            (`how="function"`: that is the answer). No such answer may pass; who gives it reads the words.
        how: "values" (number, array, tensor), "partition" (labels up to renaming), "choice" (word, True/False), "set"
            (integers in any order), "function" (the answer is a function: it is called with the inputs, and what it
            gives is compared by values), "property" (many answers are right: the function gets the answer and the
            inputs, and returns "" or what is wrong with it).
        within: tolerance for "approximately right": absolute; for a partition 1 - BCubed F.
        hint: one sentence after the second wrong answer.
        forbidden: "function" only: names that the answer must not use; "for" is any loop.

    Raises:
        ValueError: an unknown `how`, a name given twice, no docstring, no wrong idea.

    Example:
        >>> twice = {"the sum": lambda values: sum(values)}
        >>> @add_check("00-doctest-mean", within=0.01, hint="Divide by the number of values.", wrong=twice)
        ... def mean(values):
        ...     '''mean of the values'''
        ...     return sum(values) / len(values)
        >>> for answer in (6, 2.5, 2.5):
        ...     check("00-doctest-mean", answer, [1, 2, 3])
        ✗ Not yet: mean of the values: 6 is too large. Is it the sum?
        ✗ Not yet: mean of the values: 2.5 is too large. Divide by the number of values.
        ✗ Not yet: mean of the values: 2.5 is too large, off by 0.5, 0.01 is allowed. Divide by the number of values.
        >>> del CHECKS["00-doctest-mean"]
    """
    check_choice(how, "how", HOWS)
    if not wrong:
        raise ValueError(f"wrong: the check {name!r} needs a typical wrong idea, which must not pass")

    def note(expected: Callable[..., Any]) -> Callable[..., Any]:
        known = CHECKS.get(name)
        if known and known.expected.__qualname__ != expected.__qualname__:
            raise ValueError(f"name: {name!r} is a check already ({known.title}); take another name")
        title = (expected.__doc__ or "").strip().splitlines()
        if not title:
            raise ValueError(f"{expected.__name__}: expected a docstring that says what is asked for")
        CHECKS[name] = Check(name, title[0].strip().rstrip("."), expected, how, within, hint, wrong, forbidden)
        return expected

    return note


def check(name: str, answer: Any, *inputs: Any) -> Verdict:
    """Compare an answer with what the library computes from the same inputs; a wrong answer raises nothing.

    After a first miss it says in which direction the answer is off, or what kind of thing is wrong; after the second
    also a hint; from the third on also by how much. Where the environment has WORKBENCH_GRADING, a miss raises.

    Args:
        name: of the check, as the exercise gives it.
        answer: yours; `...` is "not answered yet".
        inputs: what the exercise works on.

    Raises:
        ValueError: there is no check of this name.
        TypeError: other inputs than the exercise works on.
        AssertionError: the answer is not right, and a grader asks.

    Example:
        >>> import workbench.course as course
        >>> course.check("00-pairs", ..., 4)
        … Not answered yet: number of pairs among the images.
        >>> course.check("00-pairs", 6, 4)
        ✓ Right: number of pairs among the images: exactly 6
    """
    wanted = find_check(name)
    verdict = Verdict(name, wanted.title, OPEN) if answer is ... else _verdict(wanted, answer, inputs)
    if os.environ.get(GRADING) and not verdict.ok:
        raise AssertionError(str(verdict))
    return verdict


def _verdict(wanted: Check, answer: Any, inputs: tuple[Any, ...]) -> Verdict:
    _check_inputs(wanted, inputs)
    found = _judge(wanted, answer, inputs)
    right = found.status != WRONG
    misses = 0 if right else _misses[wanted.name] + 1
    _misses[wanted.name] = misses
    told = ", ".join(filter(None, [found.kind, found.distance if right or misses > 2 else ""]))
    if right:
        return Verdict(wanted.name, wanted.title, found.status, told)
    idea = next((f"Is it {idea}?" for idea in wanted.wrong if _has(wanted, idea, answer, inputs)), "")
    sentences = [f"{told.rstrip('.')}.", idea, wanted.hint if misses > 1 else ""]
    return Verdict(wanted.name, wanted.title, WRONG, " ".join(filter(None, sentences)))


def _check_inputs(wanted: Check, inputs: tuple[Any, ...]) -> None:
    """That the inputs are as many as the library's own answer takes."""
    takes = inspect.signature(wanted.expected)
    own = (None,) if wanted.how == "property" else ()  # the answer itself comes first then
    try:
        takes.bind(*own, *inputs)
    except TypeError:
        names = ", ".join(list(takes.parameters)[len(own) :]) or "none"
        raise TypeError(f"inputs: check {wanted.name!r} works on {names}, got {len(inputs)} of them") from None


def _has(wanted: Check, idea: str, answer: Any, inputs: tuple[Any, ...]) -> bool:
    """Whether the answer is the one that a wrong idea leads to."""
    if wanted.how in ("function", "property", "choice"):
        return False  # a word has no idea behind it that could be told; of the others many answers share one
    return COMPARE[wanted.how](answer, wanted.wrong_answer(idea, *inputs), 0.0).status == EXACT


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
        return Outcome(WRONG, str(trouble)) if trouble else Outcome(EXACT, "it does what was asked for")
    if wanted.how != "function":
        return COMPARE[wanted.how](answer, wanted.expected(*inputs), wanted.within)
    if not callable(answer):
        return Outcome(WRONG, f"a function is expected, you have {type(answer).__name__}")
    if used := sorted(set(_names_in(answer)) & set(wanted.forbidden)):
        return Outcome(WRONG, f"your function uses {', '.join(used)}, which the exercise does not allow")
    try:
        given = answer(*inputs)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the student's own code may raise anything, and is told so
        return Outcome(WRONG, f"your function raised {type(error).__name__}: {error}")
    return compare_values(given, wanted.expected(*inputs), wanted.within)


def _names_in(function: Callable[..., Any]) -> Iterator[str]:
    """Names that a function has and uses; "for" where it loops, in a comprehension, too."""
    yield getattr(function, "__name__", "")
    codes = [function.__code__] if hasattr(function, "__code__") else []
    while codes:
        code = codes.pop()
        yield from code.co_names
        if any(step.opname == "FOR_ITER" for step in dis.get_instructions(code)):
            yield "for"
        codes += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
