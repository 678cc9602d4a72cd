"""The course as a static site: notebooks executed, then built by Sphinx with MyST-NB; figures live without a kernel."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode, from_dict
from plotly.offline import get_plotlyjs

from .. import __version__
from .._core.files import replaced_folder
from ..views.style import escape
from .exercises import SOLUTIONS
from .lesson import about, in_fast_mode, lesson_text, lessons, read, tags
from .quiz_text import quiz_html
from .site_documents import write_documents

MARK = ".course-site"  # in a folder that `build_site` wrote, and so may replace
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
SECONDS = 600  # for a cell
API = ("workbench", *(f"workbench.{name}" for name in ("evaluate.baselines", "views", "course")))
CONFIG: dict[str, Any] = {  # Sphinx's settings
    "project": "Hi-LANDER workbench",
    "author": "the contributors",
    "release": __version__,
    "extensions": ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"],
    "html_theme": "furo",
    "html_title": "Learning to cluster",
    "html_js_files": ["figures.js"],
    "html_css_files": ["course.css"],
    "html_copy_source": False,
    "nb_execution_mode": "off",  # executed here, so that a failure names its cell and leaves the old site
    "nb_ipywidgets_js": {},  # no widgets without a kernel, and nothing from the network
    "myst_links_external_new_tab": True,
    "myst_heading_anchors": 3,
    "default_role": "code",
    "highlight_language": "text",  # of blocks that name none
    "autodoc_typehints": "description",
    "autodoc_member_order": "groupwise",
    "suppress_warnings": ["*"],  # of docstrings: they are plain text first
}
_NEEDS_KERNEL = """```{{admonition}} Needs a kernel
This is a picture of the explorer. To move its controls, open `{name}` in JupyterLab (`make lab`).
```"""
_AS_RUN = """```{{tip}}
This page shows the lesson as it ran. To change the code and to answer the exercises, open `{name}` in JupyterLab
(`make lab`).
```"""
_START_HERE = """```{tip}
These pages show the course as it ran. To run it yourself, say `make lab`: JupyterLab opens with this page.
```"""
FIGURES = """
document.querySelectorAll('[role=heading]:not([aria-level])').forEach(one => one.setAttribute('aria-level', 2));
document.querySelectorAll('pre, .output').forEach(one => { if (one.scrollWidth > one.clientWidth) one.tabIndex = 0; });
const places = [...document.querySelectorAll('.plot')];
const draw = new IntersectionObserver(seen => seen.filter(e => e.isIntersecting).forEach(e => {
  draw.unobserve(e.target);
  const figure = JSON.parse(document.getElementById(e.target.id + '-data').textContent);
  Plotly.newPlot(e.target, figure.data, figure.layout, {responsive: true, displaylogo: false, ...figure.config})
    .then(() => figure.frames && Plotly.addFrames(e.target, figure.frames));
}), {rootMargin: '600px'});
if (places.length) {
  const code = document.createElement('script');
  code.src = document.querySelector('script[src*="figures.js"]').src.replace(/figures\\.js.*/, 'plotly.min.js');
  code.onload = () => places.forEach(place => draw.observe(place));
  document.head.append(code);
}
"""
_STYLE = """
.plot{width:100%;min-height:100px}.course-question{margin:24px 0}
.js-plotly-plot :is(.infolayer > :not(.annotation) text,.xaxislayer-above text,.yaxislayer-above text,.textpoint text,
.bartext-outside,.cell-text){fill:var(--color-foreground-primary)!important}
.cell_output .output{overflow-x:auto}.cell_output .dataframe{border-collapse:collapse;border:0}
.cell_output .dataframe :is(th,td){border:0;border-bottom:1px solid var(--color-background-border);padding:.15em .6em}
@media(min-width:90em){.content{width:54em}.sidebar-drawer{width:15em}}@media(min-width:94em){.content{width:58em}}
"""


def build_site(
    folder: str | os.PathLike[str] = "notebooks",
    target: str | os.PathLike[str] = "site",
    *,
    fast: bool = False,
    solutions: bool = True,
    tell: Callable[[str], None] = print,
) -> Path:
    """Execute every lesson of `folder` and write the pages to `target`, which is replaced only by a whole site.

    Args:
        folder: of the course, with START.ipynb, the students' copies, and the notebooks `solutions/NN_name.ipynb`.
        target: folder to write; an earlier site there is replaced.
        fast: run the notebooks in fast mode.
        solutions: show solutions, folded, and the quiz's answers; False: the students' copies, and questions alone.
        tell: hears of each notebook before it runs.

    Raises:
        RuntimeError: a notebook failed; names it, the cell and the error. `target` stays as it was.
        ValueError: `target` is a folder with other things in it.
        FileNotFoundError: no notebooks.
    """
    end = Path(target).resolve()
    check_own(end, MARK, "site")
    paths = lessons(Path(folder) / SOLUTIONS if solutions else folder)
    with replaced_folder(end) as new, tempfile.TemporaryDirectory() as place:
        source = Path(place)
        _write_source(source, Path(folder), paths, solutions, lambda path: _run(path, fast, tell))
        _run_sphinx(source, new)
    return end


def _run(path: Path, fast: bool, tell: Callable[[str], None]) -> NotebookNode:
    tell(f"{path.name} ...")
    return execute(path, fast=fast)


def execute(path: Path, *, fast: bool = False) -> NotebookNode:
    """The notebook with its outputs, run in a fresh kernel in its own folder.

    Raises:
        RuntimeError: a cell failed; names notebook, cell and error.
    """
    notebook = read(path)
    try:
        ready = in_fast_mode(notebook) if fast else notebook
        # without the widgets' state: 5 MB of plotly's code per live figure, of no use without a kernel
        settings: dict[str, Any] = {"store_widget_state": False, "shutdown_kernel": "immediate"}
        client = NotebookClient(ready, timeout=SECONDS, kernel_name="python3", **settings)
        done: NotebookNode = client.execute(cwd=str(path.parent))
    except CellExecutionError as error:
        raise RuntimeError(f"{path.name}: {error.ename}: {error.evalue}\n\n{error}") from error
    except (ValueError, TimeoutError) as error:
        raise RuntimeError(f"{path.name}: {error}") from error
    return done


def _write_source(
    source: Path, folder: Path, paths: list[Path], solutions: bool, run: Callable[[Path], NotebookNode]
) -> None:
    """Sphinx's input: the first page, a page per lesson, the quiz, the API; figures' code and style in `_static`."""
    of_lesson = {path.stem: about(read(path)) for path in paths}
    for path in paths:
        _write(source / path.name, lesson_text(page(run(path), path.name)))
    quiz = f"# Quiz\n\n<p>Twelve questions, one right answer each.</p>\n\n{quiz_html(answers=solutions)}\n"
    _write(source / "quiz.md", quiz)
    modules = "\n".join(f"```{{eval-rst}}\n.. automodule:: {name}\n\n{_members(name)}\n```" for name in API)
    _write(source / "api.md", f"# Public names\n\n{modules}\n")
    hours = f"{len(paths)} lessons, {sum(one.minutes for one in of_lesson.values()) / 60:.1f} hours in all."
    documents = write_documents(folder.parent, source, {path.name for path in paths})
    course = [f"{name[:2]} {one.title} <{name}>" for name, one in of_lesson.items()]
    toc = f"{hours}\n\n{_toctree('The course', [*course, 'quiz'])}\n\n{_toctree('The workbench', [*documents, 'api'])}"
    _write(source / "index.md", f"{_first_page(folder / 'START.ipynb')}\n\n## All pages\n\n{toc}\n")
    (source / "_static").mkdir()
    for name, text in {"figures.js": FIGURES, "course.css": _STYLE, "plotly.min.js": get_plotlyjs()}.items():
        _write(source / "_static" / name, text)


def _first_page(start: Path) -> str:
    """START.ipynb as Markdown: its code is shown, and a note says where it runs."""
    if not start.exists():
        return "# Course"
    first, *others = (
        c.source if c.cell_type == "markdown" else f"```python\n{c.source}\n```" for c in read(start).cells
    )
    words = "\n\n".join([first, _START_HERE, *others])
    return words.replace("(QUIZ.ipynb)", "(quiz.md)").replace("[GUIDE.md](GUIDE.md)", "`notebooks/GUIDE.md`")


def _toctree(caption: str, pages: list[str]) -> str:
    return "\n".join(["```{toctree}", ":maxdepth: 1", f":caption: {caption}", "", *pages, "```"])


def _run_sphinx(source: Path, new: Path) -> None:
    from sphinx.application import Sphinx  # the extra `course`

    settings = {**CONFIG, "html_static_path": [str(source / "_static")]}
    app = Sphinx(source, None, new, source / ".doctrees", "html", confoverrides=settings, status=None, warning=None)
    app.build()
    if app.statuscode:
        raise RuntimeError(f"Sphinx could not build the site: exit code {app.statuscode}")
    shutil.rmtree(new / ".doctrees", ignore_errors=True)
    _write(new / MARK, "Written by `make site`, which replaces this folder.\n")


def check_own(target: Path, mark: str, what: str) -> None:
    """Refuse a folder with other things in it than what was written here before, which its mark tells.

    Raises:
        ValueError: it has other things in it, or is a file.

    Example:
        >>> check_own(Path(tempfile.mkdtemp()), MARK, "site")
    """
    if target.exists() and not (target / mark).exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"target: {target} holds something that is no {what} of this course; name another folder")


def page(notebook: NotebookNode, name: str) -> NotebookNode:
    """An executed notebook as a page: figures as plotly divs, widgets as their static side, solutions folded."""
    first, *others = static_outputs(notebook).cells
    cells = [first, _note(_AS_RUN, name)]
    for cell in others:
        if "explorer" in tags(cell):
            cells.append(_note(_NEEDS_KERNEL, name))
        folded = {"metadata": {"tags": ["hide-cell"], "mystnb": {"code_prompt_show": "A solution"}}}
        cells.append(_node({**cell, **(folded if _is_solution(cell) else {})}))
    return _node({**notebook, "cells": cells})


def static_outputs(notebook: NotebookNode) -> NotebookNode:
    """An executed notebook whose outputs need no kernel: figures as plotly divs, widgets as their static side.

    Example:
        >>> static_outputs(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A")])).cells[0].source
        '# A'
    """
    number = itertools.count()
    cells = []
    for cell in notebook.cells:
        shown = [_static(output, f"plot-{next(number)}") for output in cell.get("outputs", [])]
        kept = {"outputs": [output for output in shown if output is not None]} if "outputs" in cell else {}
        cells.append(_node({**cell, **kept}))
    return _node({**notebook, "cells": cells})


def _is_solution(cell: NotebookNode) -> bool:
    return "answer" in tags(cell) and "# solution" in cell.source


def _note(text: str, name: str) -> NotebookNode:
    cell: NotebookNode = nbformat.v4.new_markdown_cell(text.format(name=name))  # type: ignore[no-untyped-call]
    return cell


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


def plot_html(name: str, figure: dict[str, Any]) -> str:
    """A place for a figure and its data; the page's script draws it when it comes near the view.

    Example:
        >>> plot_html("plot-0", {"data": [], "layout": {"height": 300}})[:52]
        '<div class="plot" id="plot-0" style="height:300px"><'
    """
    kept = {key: figure[key] for key in ("data", "layout", "frames", "config") if figure.get(key)}
    data = json.dumps({"data": [], "layout": {}, **kept}, separators=(",", ":")).replace("</", "<\\/")
    height = int(figure.get("layout", {}).get("height") or 450)
    place = f'<div class="plot" id="{escape(name)}" style="height:{height}px"></div>'
    return f'{place}<script type="application/json" id="{escape(name)}-data">{data}</script>'


def _node(content: dict[str, Any]) -> NotebookNode:
    node: NotebookNode = from_dict(content)  # type: ignore[no-untyped-call]
    return node


def _members(name: str) -> str:
    """A directive per public name: names that are imported when first used are not found by `:imported-members:`."""
    module = import_module(name)
    found = {member: getattr(module, member) for member in module.__all__}
    kinds = {member: "class" if inspect.isclass(one) else "function" for member, one in found.items() if callable(one)}
    return "\n\n".join(f".. auto{kind}:: {name}.{member}" for member, kind in kinds.items())


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def site_bytes(place: str | os.PathLike[str]) -> int:
    """Size of a folder's files."""
    return sum(path.stat().st_size for path in Path(place).rglob("*") if path.is_file())
