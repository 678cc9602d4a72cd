"""A deck of slides for each lesson, from its notebook: reveal.js, figures that move, nothing from the network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from nbconvert import SlidesExporter
from nbformat import NotebookNode
from plotly.offline import get_plotlyjs

from .._core.files import replaced_folder
from ..views.style import PAGE_STYLE, escape
from .exercises import SOLUTIONS
from .lesson import about, lessons, read, tags
from .site import FIGURES, check_own, execute, static_outputs

TEMPLATE = "workbench-slides"
MARK = ".course-slides"  # in a folder that `build_slides` wrote, and so may replace


def build_slides(
    folder: str | os.PathLike[str] = "notebooks",
    target: str | os.PathLike[str] = "slides",
    *,
    fast: bool = False,
    run: Callable[[Path], NotebookNode] | None = None,
    tell: Callable[[str], None] = print,
) -> Path:
    """Write a deck per lesson and a page that lists them to `target`, which is replaced only by a whole set of slides.

    Solutions of exercises are left out.

    Args:
        folder: of the course; the notebooks are those in its `solutions/`.
        target: folder to write; earlier slides there are replaced.
        fast: run the notebooks in fast mode.
        run: gives the executed notebook of a path; None: it is executed here.
        tell: hears of each notebook before it runs.

    Raises:
        RuntimeError: a notebook failed; names it, the cell and the error. `target` stays as it was.
        ValueError: `target` is a folder with other things in it.
        FileNotFoundError: no notebooks.
    """
    place = Path(target)
    check_own(place, MARK, "slides")
    exporter = SlidesExporter(  # type: ignore[no-untyped-call]
        template_name=TEMPLATE,
        extra_template_basedirs=[str(Path(__file__).parent / "templates")],
        reveal_url_prefix="_static/revealjs",
        reveal_theme="white",  # others ask the network for fonts
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    decks = {}
    for path in lessons(Path(folder) / SOLUTIONS):
        tell(f"{path.name} ...")
        notebook = run(path) if run else execute(path, fast=fast)
        title = about(read(path)).title
        decks[path.stem] = (title, exporter.from_notebook_node(as_slides(notebook))[0])

    with replaced_folder(place) as new:
        shutil.copytree(str(files("sphinx_revealjs") / "_static" / "revealjs"), new / "_static" / "revealjs")
        titles = {name: title for name, (title, _) in decks.items()}
        texts = {
            "_static/figures.js": FIGURES,
            "_static/plotly.min.js": get_plotlyjs(),
            "index.html": _contents(titles),
            MARK: "Written by `make slides`, which replaces this folder.\n",
            **{f"{name}.html": page for name, (_, page) in decks.items()},
        }
        for name, text in texts.items():
            (new / name).write_text(text, encoding="utf-8")
    return place


def as_slides(notebook: NotebookNode) -> NotebookNode:
    """An executed notebook with a slide for each heading, its pictures below it, and no answers.

    Example:
        >>> import nbformat
        >>> cells = [nbformat.v4.new_markdown_cell("## One"), nbformat.v4.new_code_cell("1")]
        >>> [cell.metadata.slideshow.slide_type for cell in as_slides(nbformat.v4.new_notebook(cells=cells)).cells]
        ['slide', '-']
    """
    made = static_outputs(notebook)
    for cell in made.cells:
        cell.metadata["slideshow"] = {"slide_type": _kind(cell)}
    return made


def _kind(cell: NotebookNode) -> str:
    """A heading begins a slide, a picture or a paragraph one below it; parameters, answers and checks are left out."""
    if {"answer", "points", "parameters"} & set(tags(cell)):
        return "skip"
    if cell.cell_type == "markdown":
        return "slide" if cell.source.startswith("#") else "subslide"
    return "subslide" if any("plot" in str(output.get("data", "")) for output in cell.outputs) else "-"


def _contents(titles: dict[str, str]) -> str:
    links = "".join(f'<li><a href="{name}.html">{escape(title)}</a></li>' for name, title in titles.items())
    style = (
        PAGE_STYLE + ":root{--ground:#fff}@media(prefers-color-scheme:dark){:root{--ground:#111418}}body{padding:2em}"
    )
    words = "Arrows move, S opens the speaker's view, ?print-pdf behind the address gives a page per slide."
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Slides</title><style>{style}</style>'
    return f"{head}<h1>Learning to cluster: slides</h1><p>{words}</p><ol start='0'>{links}</ol></html>"
