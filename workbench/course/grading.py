"""Grades without nbgrader: every submitted notebook is run in a fresh kernel, and its checks are counted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from .._core.names import readable
from .checks.registry import GRADING
from .exercises import SOLUTIONS
from .lesson import NAMES, check_calls, in_fast_mode, lessons, read, tags

COLUMNS = ["student", "notebook", "check", "points", "said"]


def grade(
    folder: str | os.PathLike[str],
    notebooks: str | os.PathLike[str] = "notebooks",
    *,
    seconds: int = 600,
    fast: bool = False,
    tell: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Grade every `STUDENT/.../NN_name.ipynb` of a folder: a point for each exercise whose check is passed.

    The cells with the checks are taken from the course, not from the submission; everything else is the student's.

    Args:
        folder: of the submissions, a folder a student (nbgrader's `submitted` is one).
        notebooks: of the course, with `solutions/`.
        seconds: that a cell may take; a notebook ends with the first that takes longer.
        fast: in fast mode; a check computes what is expected from the same inputs, so the points are the same.
        tell: hears of each notebook before it runs.

    Returns: a row per student, notebook and check: points (0 or 1), said (why no point; "" where it was given).

    Raises:
        FileNotFoundError: no folder, no lessons, or no submissions.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"folder: expected a folder of submissions, a folder a student, found none at {folder}")
    asked = {path.name: read(path) for path in lessons(Path(notebooks) / SOLUTIONS)}
    found = sorted(
        p for p in Path(folder).glob(f"*/**/{NAMES}") if p.name in asked and ".ipynb_checkpoints" not in p.parts
    )
    if not found:
        raise FileNotFoundError(f"folder: expected STUDENT/.../NN_name.ipynb of this course in {folder}, found none")
    rows = []
    for path in found:
        student = readable(path.relative_to(folder).parts[0])
        tell(f"{student}: {path.name} ...")
        for check, said in _graded(path, asked[path.name], seconds, fast).items():
            rows.append([student, path.stem, check, int(not said), said])
    return pd.DataFrame(rows, columns=COLUMNS)


def _graded(path: Path, lesson: NotebookNode, seconds: int, fast: bool) -> dict[str, str]:
    """Check -> why it has no point, "" where it has."""
    wanted = {check_calls(c.source)[0].name: c.source for c in lesson.cells if "points" in tags(c)}
    try:
        submitted = read(path)
        if fast:
            in_fast_mode(submitted)
    except Exception as error:  # noqa: BLE001 - a file that a student has spoilt in any way gets no points
        return dict.fromkeys(wanted, f"the file cannot be read: {error}")
    own = {c.metadata.get("nbgrader", {}).get("grade_id"): c for c in submitted.cells}
    for name in wanted.keys() & own.keys():
        own[name].source = wanted[name]
    ended = _run(submitted, path.parent, seconds)
    return {name: _said(own.get(name), ended) for name in wanted}


def _run(notebook: NotebookNode, folder: Path, seconds: int) -> str:
    """Run it as far as it goes, in place; what ended it early, or ""."""
    settings: dict[str, Any] = {"allow_errors": True, "shutdown_kernel": "immediate"}
    client = NotebookClient(notebook, timeout=seconds, kernel_name="python3", **settings)
    try:
        client.execute(cwd=str(folder), env={**os.environ, GRADING: "1"})
    except CellTimeoutError:
        return f"a cell before it took more than {seconds} s"
    except DeadKernelError:
        return "the kernel died before it"
    return ""


def _said(cell: NotebookNode | None, ended: str) -> str:
    if cell is None:
        return "its cell is missing"
    errors = [o.evalue for o in cell.get("outputs", []) if o.output_type == "error"]
    if errors:
        return str(errors[0])
    return "" if cell.get("execution_count") else ended or "it was not run"
