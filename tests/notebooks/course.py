"""Reading, changing and running the course's notebooks."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tagged(notebook: NotebookNode, tag: str) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def in_fast_mode(notebook: NotebookNode) -> NotebookNode:
    """The same notebook with `fast = True` in its parameters cell; changed in place."""
    (parameters,) = tagged(notebook, "parameters")
    assert "fast = False" in parameters.source
    parameters.source = parameters.source.replace("fast = False", "fast = True")
    return notebook


def run(notebook: NotebookNode) -> NotebookNode:
    """Run in a fresh kernel, in the notebooks' folder; an error in a cell is left in its outputs."""
    client = NotebookClient(notebook, timeout=240, kernel_name="python3", allow_errors=True)
    return client.execute(cwd=str(FOLDER))


def troubles(notebook: NotebookNode) -> list[str]:
    """Errors, and warnings on stderr (progress bars write there, too)."""
    found = []
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"{output.ename}: {output.evalue}")
            elif output.get("name") == "stderr" and ("Warning" in output.text or "Error" in output.text):
                found.append(output.text)
    return found
