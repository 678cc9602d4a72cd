"""The quiz as a widget: radio buttons, and an answer to every choice at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from .._core.validation import check_int
from ..views.explore import Explorer
from ..views.style import escape
from .checks.registry import Verdict
from .compare import EXACT, WRONG
from .questions import QUESTIONS, Question
from .quiz_text import question_html, question_text


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
    chosen = range(1, len(QUESTIONS) + 1) if n is None else [check_int(n, "n", 1, len(QUESTIONS))]
    return Quiz({i: QUESTIONS[i - 1] for i in chosen})


class Quiz(Explorer):
    """Questions to answer by a click; `score` counts the right answers, each option says why.

    Args:
        questions: by number.
    """

    def __init__(self, questions: Mapping[int, Question]) -> None:
        super().__init__()
        self._questions = dict(questions)
        self.choices = {number: _radio(question) for number, question in questions.items()}
        self.replies = {number: widgets.HTML() for number in questions}
        rows = [row for number in questions for row in self._rows(number)]
        self.arrange(*rows)
        self._count()

    @property
    def score(self) -> int:
        """Questions whose right option is chosen now."""
        return sum(radio.index == self._questions[number].right for number, radio in self.choices.items())

    def _rows(self, number: int) -> list[widgets.Widget]:
        question = self._questions[number]
        radio = self.choices[number]
        radio.observe(self.guarded(lambda change: self._reply(number)), "index")
        heading = f"<p style='line-height:1.4;margin:14px 0 2px'><b>{number}. {escape(question.text)}</b></p>"
        return [widgets.HTML(heading), radio, self.replies[number]]

    def _reply(self, number: int) -> None:
        question = self._questions[number]
        index = self.choices[number].index
        if index is not None:
            status = EXACT if index == question.right else WRONG
            verdict = Verdict(f"quiz-{number}", question.topic, status, question.options[index].why)
            self.replies[number].value = verdict._repr_html_()
        self._count()

    def _count(self) -> None:
        self.say(f"{self.score} of {len(self._questions)} right")

    def __str__(self) -> str:
        return "\n\n".join(question_text(number, question) for number, question in self._questions.items())

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The widget, and beside it the questions with folded answers for who cannot show widgets."""
        static = "".join(question_html(number, question) for number, question in self._questions.items())
        return {**(widgets.VBox._repr_mimebundle_(self, **kwargs) or {}), "text/html": static}


def _radio(question: Question) -> Any:
    options = [option.text for option in question.options]
    return widgets.RadioButtons(options=options, index=None, layout=widgets.Layout(width="100%"))
