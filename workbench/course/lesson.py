"""What a notebook of the course consists of: its tagged cells, its title and objectives, its checks."""

from __future__ import annotations

import ast
import os
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

NAMES = "[0-9][0-9]_*.ipynb"
_TITLE = re.compile(r"^# (?P<title>.+)$", re.MULTILINE)
_ABOUT = re.compile(r"\*\*You will\*\*\s*(?P<goal>.+?)\n\s*\n.*?\*\*About (?P<minutes>\d+) minutes", re.DOTALL)


@dataclass(frozen=True)
class About:
    """What the first cell of a lesson says.

    Attributes:
        title: of the notebook.
        goal: what follows "**You will**".
        minutes: it takes a student.
    """

    title: str
    goal: str
    minutes: int


def lessons(folder: str | os.PathLike[str]) -> list[Path]:
    """The notebooks NN_name.ipynb of a folder, in order.

    Raises:
        FileNotFoundError: there is none.
    """
    found = sorted(Path(folder).glob(NAMES))
    if not found:
        raise FileNotFoundError(f"folder: expected notebooks {NAMES} in {folder}, found none")
    return found


def read(path: str | os.PathLike[str]) -> NotebookNode:
    """A notebook in the current format."""
    notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def lesson_text(notebook: NotebookNode) -> str:
    """A notebook as the text of its file."""
    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]


def tags(cell: NotebookNode) -> list[str]:
    """A cell's tags."""
    return list(cell.metadata.get("tags", []))


def tagged(notebook: NotebookNode, tag: str) -> list[NotebookNode]:
    """The cells with a tag, in order."""
    return [cell for cell in notebook.cells if tag in tags(cell)]


def in_fast_mode(notebook: NotebookNode) -> NotebookNode:
    """The same notebook with `fast = True` in its parameters cell; changed in place.

    Raises:
        ValueError: it has not one cell tagged "parameters" with the line `fast = False`.
    """
    cells = tagged(notebook, "parameters")
    if len(cells) != 1 or "fast = False" not in cells[0].source:
        raise ValueError("notebook: expected one cell tagged 'parameters' with the line `fast = False`")
    cells[0].source = cells[0].source.replace("fast = False", "fast = True")
    return notebook


def about(notebook: NotebookNode) -> About:
    """Title, objectives and minutes from the first cell.

    Raises:
        ValueError: one of them is missing.

    Example:
        >>> cell = nbformat.v4.new_markdown_cell("# A\\n\\n**You will** see *b*.\\n\\n**About 5 minutes.**")
        >>> about(nbformat.v4.new_notebook(cells=[cell]))
        About(title='A', goal='see *b*.', minutes=5)
    """
    text = notebook.cells[0].source if notebook.cells else ""
    title = _TITLE.search(text)
    words = _ABOUT.search(text)
    if not title or not words:
        raise ValueError("notebook: expected a first cell with '# title', '**You will** ...', '**About N minutes**'")
    return About(title["title"].strip(), " ".join(words["goal"].split()), int(words["minutes"]))


@dataclass(frozen=True)
class Call:
    """One `course.check("name", answer, inputs ...)` in a cell: all as written there."""

    name: str
    answer: str
    inputs: tuple[str, ...]


def check_calls(source: str) -> list[Call]:
    """The calls of `course.check` in a cell's code.

    Raises:
        ValueError: the name is no plain string, or the answer no plain variable.

    Example:
        >>> check_calls('course.check("02-purity", answer, graph, labels[:5])')
        [Call(name='02-purity', answer='answer', inputs=('graph', 'labels[:5]'))]
    """
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    checks = [node for node in calls if ast.unparse(node.func) == "course.check"]
    return [_call(node) for node in sorted(checks, key=lambda node: node.lineno)]


def _call(node: ast.Call) -> Call:
    name, answer, *inputs = node.args if len(node.args) > 1 else (None, None)
    if not isinstance(name, ast.Constant) or not isinstance(answer, ast.Name):
        raise ValueError(f'{ast.unparse(node)}: expected course.check("NN-name", variable, inputs ...)')
    return Call(str(name.value), answer.id, tuple(ast.unparse(value) for value in inputs))
