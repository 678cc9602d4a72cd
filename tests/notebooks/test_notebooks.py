"""Every notebook runs from top to bottom, and is stored the way a course needs it."""

from statistics import median

import pytest
from course import NOTEBOOKS, code_cells, in_fast_mode, read, run, tagged, troubles

every = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
MAX_BYTES = 300_000


def test_there_is_a_notebook():
    assert NOTEBOOKS


@every
def test_it_runs_without_an_error_or_a_warning(path):
    done = run(in_fast_mode(read(path)))
    assert troubles(done) == []
    assert all(cell.execution_count for cell in code_cells(done))
    drawn = [
        o for cell in code_cells(done) for o in cell.outputs if "application/vnd.plotly.v1+json" in o.get("data", {})
    ]
    assert len(drawn) >= 3


@every
def test_the_check_cell_tells_wrong_from_right(path):
    """With a wrong decision by hand the check fails, and says what to compare."""
    notebook = in_fast_mode(read(path))
    for check in tagged(notebook, "check"):
        check.source = "by_hand = -1\n" + check.source
    # pictures are not needed for that
    notebook.cells = [c for c in notebook.cells if c.cell_type == "code" and "umap_map" not in c.source]
    found = troubles(run(notebook))
    assert len(found) == 1
    assert "AssertionError" in found[0]
    assert "compare" in found[0]


@every
def test_it_is_stored_clean_and_small(path):
    notebook = read(path)
    assert path.stat().st_size < MAX_BYTES
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(notebook))


@every
def test_it_has_the_parts_of_a_lesson(path):
    notebook = read(path)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for part in ("You will", "minutes", "Predict first", "## Exercises", "## Summary", "## References"):
        assert part in text
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    assert "parameters" in code_cells(notebook)[0].metadata.tags  # the first cell that runs
    assert len(tagged(notebook, "check")) == 1


@every
def test_its_cells_are_short_and_few(path):
    cells = code_cells(read(path))
    lengths = [len(cell.source.splitlines()) for cell in cells]
    assert median(lengths) <= 6
    assert max(lengths) <= 15
    assert len(read(path).cells) <= 25
    assert max(len(line) for cell in cells for line in cell.source.splitlines()) <= 120


@every
def test_it_uses_the_public_face_only(path):
    source = "\n".join(cell.source for cell in code_cells(read(path)))
    assert "._" not in source
    assert "http" not in source
