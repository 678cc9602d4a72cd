"""The course as a static site: notebooks executed, figures alive without a kernel, one plotly.js for all pages."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbformat import NotebookNode, from_dict
from plotly.offline import get_plotlyjs

from .exercises import SOLUTIONS
from .lesson import about, in_fast_mode, lessons, read
from .quiz_text import quiz_html
from .site_page import PLOTLY_FILE, Link, index_html, page_html, plot_html

MARK = ".course-site"  # in a folder that `build_site` wrote, and so may replace
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
SECONDS = 600  # for a cell
_TEMPLATE = """{%- extends 'basic/index.html.j2' -%}
{%- block codecell -%}
{%- if 'solution' in cell.metadata.get('tags', []) -%}
<details class="solution"><summary>A solution</summary>{{ super() }}</details>
{%- else -%}{{ super() }}{%- endif -%}
{%- endblock codecell -%}
"""


def build_site(
    folder: str | os.PathLike[str] = "notebooks",
    target: str | os.PathLike[str] = "site",
    *,
    fast: bool = False,
    tell: Callable[[str], None] = print,
) -> Path:
    """Execute every lesson of `folder` and write the pages to `target`, which is replaced only by a whole site.

    Args:
        folder: with the notebooks `solutions/NN_name.ipynb`.
        target: folder to write; an earlier site there is replaced.
        fast: run the notebooks in fast mode.
        tell: hears of each notebook before it runs.

    Raises:
        RuntimeError: a notebook failed; names it, the cell and the error. `target` stays as it was.
        ValueError: `target` is a folder with other things in it.
        FileNotFoundError: no notebooks.
    """
    end = Path(target).resolve()
    if end.exists() and not (end / MARK).exists() and (not end.is_dir() or any(end.iterdir())):
        raise ValueError(f"target: {end} holds something that is no site of this course; name another folder")
    paths = lessons(Path(folder) / SOLUTIONS)
    end.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site-", dir=end.parent) as place:
        new = Path(place) / "new"
        new.mkdir()
        notebooks = {}
        for path in paths:
            tell(f"{path.name} ...")
            notebooks[path] = execute(path, fast=fast)
        _write_pages(new, notebooks)
        if end.exists():
            end.rename(Path(place) / "old")
        new.rename(end)
    return end


def execute(path: Path, *, fast: bool = False) -> NotebookNode:
    """The notebook with its outputs, run in a fresh kernel in its own folder.

    Raises:
        RuntimeError: a cell failed; names notebook, cell and error.
    """
    notebook = read(path)
    try:
        ready = in_fast_mode(notebook) if fast else notebook
        # without the widgets' state: 5 MB of plotly's code per live figure, of no use without a kernel
        client = NotebookClient(ready, timeout=SECONDS, kernel_name="python3", store_widget_state=False)
        done: NotebookNode = client.execute(cwd=str(path.parent))
    except CellExecutionError as error:
        raise RuntimeError(f"{path.name}: {error.ename}: {error.evalue}\n\n{error}") from error
    except (ValueError, TimeoutError) as error:
        raise RuntimeError(f"{path.name}: {error}") from error
    return done


def _write_pages(place: Path, notebooks: dict[Path, NotebookNode]) -> None:
    texts = {path: about(notebook) for path, notebook in notebooks.items()}
    pages = [Link(f"{path.stem}.html", texts[path].title) for path in notebooks]
    pages.append(Link("quiz.html", "Quiz"))
    for i, notebook in enumerate(notebooks.values()):
        body = _with_local_links(body_html(notebook), list(notebooks))
        _write(place / pages[i].address, page_html(pages[i].title, body, _around(pages, i)))
    quiz = f"<h1>Quiz</h1><p>One right answer each.</p>{quiz_html()}"
    _write(place / "quiz.html", page_html("Quiz", quiz, _around(pages, len(pages) - 1)))
    lines = [(link, texts[path]) for link, path in zip(pages, notebooks, strict=False)]
    _write(place / "index.html", index_html(lines, pages[-1]))
    _write(place / PLOTLY_FILE, get_plotlyjs())
    _write(place / MARK, "Written by `make site`, which replaces this folder.\n")


def _around(pages: list[Link], i: int) -> tuple[Link | None, Link | None]:
    return (pages[i - 1] if i else None), (pages[i + 1] if i + 1 < len(pages) else None)


def _with_local_links(body: str, paths: list[Path]) -> str:
    """Links between notebooks lead to their pages."""
    names = "|".join(re.escape(path.stem) for path in paths)
    return re.sub(rf'href="({names})\.ipynb(#[^"]*)?"', r'href="\1.html\2"', body)


def body_html(notebook: NotebookNode) -> str:
    """An executed notebook as the inside of a page: figures as plotly divs, widgets as their static fallback."""
    number = itertools.count()
    cells = []
    for cell in notebook.cells:
        shown = [_static(output, f"plot-{next(number)}") for output in cell.get("outputs", [])]
        kept = {"outputs": [output for output in shown if output is not None]} if "outputs" in cell else {}
        cells.append(_node({**cell, **kept}))
    exporter: Any = HTMLExporter(raw_template=_TEMPLATE, anchor_link_text="#")  # type: ignore[no-untyped-call]
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    return str(exporter.from_notebook_node(_node({**notebook, "cells": cells}))[0])


def _static(output: Any, name: str) -> Any:
    """An output that needs no kernel: None for what a page has no use for (progress bars, bare widgets)."""
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    data = dict(output.get("data", {}))
    if PLOTLY in data:
        data = {"text/html": plot_html(name, data[PLOTLY])}
    elif WIDGET in data:
        data = {kind: value for kind, value in data.items() if kind not in (WIDGET, "text/plain")}
    return _node({**output, "data": data}) if data else None


def _node(content: dict[str, Any]) -> NotebookNode:
    node: NotebookNode = from_dict(content)  # type: ignore[no-untyped-call]
    return node


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def site_bytes(place: str | os.PathLike[str]) -> int:
    """Size of a folder's files."""
    return sum(path.stat().st_size for path in Path(place).rglob("*") if path.is_file())
