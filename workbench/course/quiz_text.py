"""The quiz as text: in a terminal, on a page without a kernel, in `QUIZ.md`; and the notebook that shows the widget."""

from __future__ import annotations

from collections.abc import Sequence

import nbformat
from nbformat import NotebookNode

from ..views.style import escape
from .questions import QUESTIONS, Question

_HEAD = """# Quiz

Twelve questions on the method, one right answer each; to be answered by clicks: [QUIZ.ipynb](QUIZ.ipynb). The answers
follow below. (Written by `make exercises`.)
"""
_NOTEBOOK_HEAD = """# Quiz

Twelve questions on the method, one right answer each. Run the two cells (Shift+Enter), choose, and read why each choice
is right or wrong. Questions 1 to 6 need the lessons up to [07](07_levels.ipynb), the others those up to
[11](11_errors.ipynb)."""


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


def question_html(number: int, question: Question, *, answers: bool = True) -> str:
    """A question with its options, and the answers folded away, for pages without a kernel."""
    options = "".join(f"<li>{escape(option.text)}</li>" for option in question.options)
    told = "".join(f"<p>{escape(line)}</p>" for line in answer_lines(question))
    folded = f"<details><summary>Answer</summary>{told}</details>" if answers else ""
    asked = f'<p><b>{number}. {escape(question.text)}</b></p><ol type="a">{options}</ol>'
    return f'<div class="course-question">{asked}{folded}</div>'


def quiz_html(questions: Sequence[Question] = QUESTIONS, *, answers: bool = True) -> str:
    """The whole quiz for a page."""
    return "".join(question_html(i, question, answers=answers) for i, question in enumerate(questions, 1))


def quiz_markdown(questions: Sequence[Question] = QUESTIONS) -> str:
    """The text of `QUIZ.md`: the questions, then the answers."""
    asked = []
    told = []
    for i, question in enumerate(questions, 1):
        options = [f"- {letter(j)}) {option.text}" for j, option in enumerate(question.options)]
        asked.append("\n".join([f"**{i}. {question.text}** ({question.topic})", "", *options]))
        first, *others = answer_lines(question)
        told.append("\n".join([f"**{i}.** {first}", "", *(f"- {line}" for line in others)]))
    return "\n\n".join([_HEAD.rstrip(), "## Questions", *asked, "## Answers", *told]) + "\n"


def quiz_notebook() -> NotebookNode:
    """The notebook `QUIZ.ipynb`: the widget with all questions, and the score."""
    sources = ["from workbench import course\nquiz = course.quiz()\nquiz", 'print(f"{quiz.score} of 12 right")']
    cells = [nbformat.v4.new_markdown_cell(_NOTEBOOK_HEAD, id="quiz-00")]  # type: ignore[no-untyped-call]
    for i, source in enumerate(sources, 1):
        cells.append(nbformat.v4.new_code_cell(source, id=f"quiz-{i:02d}"))  # type: ignore[no-untyped-call]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    made: NotebookNode = nbformat.v4.new_notebook(cells=cells, metadata=kernel)  # type: ignore[no-untyped-call]
    return made
