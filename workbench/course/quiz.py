"""The quiz: twelve questions as a widget in a notebook, and as text where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._checks import check_int
from ..views.style import escape
from .questions import QUESTIONS, Question

if TYPE_CHECKING:
    from .quiz_widget import Quiz

_HEAD = """# Quiz

Twelve questions on the method, one right answer each; in a notebook: `from workbench import course; course.quiz()`. The
answers follow below. (Written by `make exercises`.)
"""


def quiz(n: int | None = None) -> Quiz:
    """Question `n` (1 to 12), or all of them, as a widget: choose an option and read why it is right or wrong.

    Raises:
        ValueError: there is no question of this number.

    Example:
        >>> print(quiz(5))
        5. tau: You raise tau from .5 to .9 and decode the same predictions of one level again. What can happen?
           a) Images change to another cluster, as their best link now leads to another peak
           b) Nothing, since the density decides
           c) Clusters merge, since only strong links count
           d) Links are dropped, so clusters split; nothing is joined
    """
    from .quiz_widget import Quiz  # imports ipywidgets, which nothing else here needs

    chosen = range(1, len(QUESTIONS) + 1) if n is None else [check_int(n, "n", 1, len(QUESTIONS))]
    return Quiz({i: QUESTIONS[i - 1] for i in chosen})


def letter(i: int) -> str:
    """a, b, c ... of an option."""
    return "abcdefgh"[i]


def question_text(number: int, question: Question) -> str:
    """A question with its options, as plain text."""
    options = [f"   {letter(i)}) {option.text}" for i, option in enumerate(question.options)]
    return "\n".join([f"{number}. {question.topic}: {question.text}", *options])


def answer_lines(question: Question) -> list[str]:
    """Each option's letter, whether it is right, and why; the right one first."""
    order = sorted(range(len(question.options)), key=lambda i: i != question.right)
    word = {True: "right", False: "wrong"}
    return [f"{letter(i)} is {word[i == question.right]}: {question.options[i].why}" for i in order]


def question_html(number: int, question: Question) -> str:
    """A question with its options, and the answers folded away, for pages without a kernel."""
    options = "".join(f"<li>{escape(option.text)}</li>" for option in question.options)
    answers = "".join(f"<p>{escape(line)}</p>" for line in answer_lines(question))
    return (
        f'<div class="course-question"><p><b>{number}. {escape(question.text)}</b></p><ol type="a">{options}</ol>'
        f"<details><summary>Answer</summary>{answers}</details></div>"
    )


def quiz_html(questions: Sequence[Question] = QUESTIONS) -> str:
    """The whole quiz for a page."""
    return "".join(question_html(i, question) for i, question in enumerate(questions, 1))


def quiz_markdown(questions: Sequence[Question] = QUESTIONS) -> str:
    """The text of `QUIZ.md`: the questions, then the answers."""
    asked, told = [], []
    for i, question in enumerate(questions, 1):
        options = [f"- {letter(j)}) {option.text}" for j, option in enumerate(question.options)]
        asked.append("\n".join([f"**{i}. {question.text}** ({question.topic})", "", *options]))
        first, *others = answer_lines(question)
        told.append("\n".join([f"**{i}.** {first}", "", *(f"- {line}" for line in others)]))
    return "\n\n".join([_HEAD.rstrip(), "## Questions", *asked, "## Answers", *told]) + "\n"
