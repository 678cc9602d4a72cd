"""Run a notebook of the course once, with questions added that the tests read the answers of."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from workbench.course.lesson import check_calls

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SOLUTIONS = FOLDER / "solutions"  # what is edited and tested; the students' copies in FOLDER are made from it
HERE = Path(__file__).resolve().parent
PLOTLY = "application/vnd.plotly.v1+json"


@dataclass(frozen=True)
class Run:
    """A notebook that has run.

    `checks`: for each `course.check`, its verdict on the notebook's own answer, and the wrong ideas that passed.
    `hidden`: what went wrong where no cell shows it: in threads, in explorers, in Output widgets.
    """

    notebook: NotebookNode
    checks: list[dict[str, str | bool]]
    hidden: list[str]

    @property
    def cells(self) -> list[NotebookNode]:
        return [cell for cell in code_cells(self.notebook) if not cell.metadata.get("added")]

    @property
    def seconds(self) -> float:
        """Of the notebook's own cells, without starting a kernel."""
        return sum(_seconds(cell.metadata.execution) for cell in self.cells)

    @property
    def troubles(self) -> list[str]:
        """Errors, and warnings on stderr (progress bars write there, too); also what is hidden."""
        found = list(self.hidden)
        for output in (o for cell in code_cells(self.notebook) for o in cell.outputs):
            if output.output_type == "error":
                found.append(f"{output.ename}: {output.evalue}")
            elif output.get("name") == "stderr" and any(w in output.text for w in ("Warning", "Error", "Exception")):
                found.append(output.text)
        return found

    def shown(self, mime: str) -> list:
        """Everything of one kind that the notebook's own cells show."""
        return [o.data[mime] for cell in self.cells for o in cell.outputs if mime in o.get("data", {})]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@contextmanager
def one_kernel(folder: Path = FOLDER) -> Iterator[NotebookClient]:
    """A kernel for several notebooks, one after the other: starting one and importing torch takes ten seconds.

    Names are forgotten between two notebooks, imported modules are not.
    """
    client = _client()
    client.execute(cwd=str(folder), cleanup_kc=False)
    yield client
    client.nb = nbformat.v4.new_notebook()
    client.execute(cleanup_kc=True)


def _client() -> NotebookClient:
    settings = {"timeout": 240, "kernel_name": "python3", "shutdown_kernel": "immediate"}
    return NotebookClient(nbformat.v4.new_notebook(), allow_errors=True, record_timing=True, **settings)


def run(notebook: NotebookNode, folder: Path = FOLDER, claims: str = "", kernel: NotebookClient | None = None) -> Run:
    """Run in the notebooks' folder, in a fresh kernel or in `one_kernel`; an error in a cell is left in its outputs.

    `claims`: number of the lesson whose claims about its numbers (`claims_in_kernel.py`) are then held against them.
    """
    before = f"%reset -f\nimport sys; sys.path.insert(0, {str(HERE)!r})\nimport in_kernel\nin_kernel.listen()"
    cells = [_added(before)]
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "code":
            cells += [_question(call) for call in check_calls(cell.source)]
    if claims:
        cells.append(_added(f"import claims_in_kernel; claims_in_kernel.hold({claims!r}, globals())"))
    with_questions = nbformat.from_dict({**notebook, "cells": [*cells, _added("print(in_kernel.heard())")]})
    client = kernel or _client()
    client.nb = with_questions
    done = client.execute(cwd=str(folder), cleanup_kc=kernel is None)
    said = [json.loads(_printed(cell)) for cell in done.cells if cell.metadata.get("added") and _printed(cell)]
    return Run(done, [line for line in said if isinstance(line, dict)], said[-1])


def _question(call) -> NotebookNode:
    """Ask for the verdicts on the answer and on what wrong ideas would give, where they still have their inputs."""
    inputs = ", ".join([repr(call.name), call.answer, *call.inputs])
    return _added(f"print(in_kernel.verdicts({inputs}))")


def _added(source: str) -> NotebookNode:
    return nbformat.v4.new_code_cell(source, metadata={"added": True})


def _printed(cell: NotebookNode) -> str:
    return "".join(o.text for o in cell.outputs if o.get("name") == "stdout")


def _seconds(timing: NotebookNode) -> float:
    start, end = (datetime.fromisoformat(timing[f"iopub.status.{state}"]) for state in ("busy", "idle"))
    return (end - start).total_seconds()
