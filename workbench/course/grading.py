"""Grades without nbgrader: every submitted notebook is run in a fresh kernel, and its checks are counted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from .._core.files import regular_file
from .._core.names import readable
from .checks.registry import GRADING
from .exercises import SOLUTIONS
from .lesson import NAMES, check_calls, in_fast_mode, lessons, read, tags

COLUMNS = ["student", "notebook", "check", "points", "said"]
MISSING = "not handed in"


def grade(
    folder: str | os.PathLike[str],
    notebooks: str | os.PathLike[str] = "notebooks",
    *,
    seconds: int = 600,
    fast: bool = False,
    tell: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Grade every `STUDENT/.../NN_name.ipynb` of a folder: a point for each exercise whose check is passed.

    Of several files of one lesson the one in the outermost folder counts. Hidden files and folders do not.
    The cells with the checks are taken from the course, not from the submission; everything else is the student's. A
    check whose cell was deleted gives no point.

    Args:
        folder: of the submissions, a folder a student (nbgrader's `submitted` is one).
        notebooks: of the course, with `solutions/`.
        seconds: that a cell may take; a notebook ends with the first that takes longer.
        fast: in fast mode; a check computes what is expected from the same inputs, so the points are the same.
        tell: hears of each notebook before it runs, of copies, and of students without one.

    Returns: a row per student, notebook that anybody handed in, and check: points (0 or 1), said (why no point; ""
        where it was given).

    Raises:
        FileNotFoundError: no folder, no lessons, or no submissions.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"folder: expected a folder of submissions, a folder a student, found none at {folder}")
    asked = {path.name: read(path) for path in lessons(Path(notebooks) / SOLUTIONS)}
    found = _submissions(Path(folder), asked, tell)
    handed_in = sorted({name for own in found.values() for name in own})
    if not handed_in:
        raise FileNotFoundError(f"folder: expected STUDENT/.../NN_name.ipynb of this course in {folder}, found none")
    rows = []
    for (own, paths), name in product(found.items(), handed_in):
        student, lesson = readable(own), asked[name]
        if name in paths:
            tell(f"{student}: {name} ...")
            told = _graded(paths[name], Path(folder) / own, lesson, seconds, fast)
        else:
            told = dict.fromkeys(_checks(lesson), MISSING)
        rows += [[student, Path(name).stem, check, int(not said), said] for check, said in told.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def _submissions(folder: Path, asked: Collection[str], tell: Callable[[str], None]) -> dict[str, dict[str, Path]]:
    """Each student's notebooks of the lessons asked for, by their names."""
    there = sorted(folder.iterdir())
    for stray in (one for one in there if one.suffix in (".ipynb", ".zip")):
        tell(f"{readable(stray.name)}: not graded, expected STUDENT/.../NN_name.ipynb")
    found: dict[str, dict[str, Path]] = {one.name: {} for one in there if one.is_dir() and not one.name.startswith(".")}
    for path in sorted(folder.glob(f"*/**/{NAMES}"), key=lambda p: (len(p.parts), p)):
        inside = path.relative_to(folder)
        if path.name not in asked or any(part.startswith(".") for part in inside.parts):
            continue
        first = found[inside.parts[0]].setdefault(path.name, path)
        if first is not path:
            tell(f"{readable(str(inside))}: not graded, {readable(str(first.relative_to(folder)))} is")
    for student in (name for name, own in found.items() if not own):
        tell(f"{readable(student)}: no notebook of this course, expected NN_name.ipynb")
    return found


def _checks(lesson: NotebookNode) -> dict[str, str]:
    """The checks of a lesson that give points: name -> source of the cell."""
    return {check_calls(c.source)[0].name: c.source for c in lesson.cells if "points" in tags(c)}


def _graded(path: Path, home: Path, lesson: NotebookNode, seconds: int, fast: bool) -> dict[str, str]:
    """Check -> why it has no point, "" where it has; `home` is the student's folder."""
    wanted = _checks(lesson)
    try:
        submitted = _submitted(path, home)
        if fast:
            in_fast_mode(submitted)
    except Exception as error:  # noqa: BLE001 - a file that a student has spoilt in any way gets no points
        return dict.fromkeys(wanted, f"the file cannot be read: {error}")
    try:
        return _counted(submitted, wanted, path.parent, seconds)
    except Exception as error:  # noqa: BLE001 - as above: cells that are no cells, outputs that are no outputs
        return dict.fromkeys(wanted, f"the notebook cannot be run: {error}")


def _counted(submitted: NotebookNode, wanted: dict[str, str], folder: Path, seconds: int) -> dict[str, str]:
    """`_graded` of a notebook that could be read; `wanted`: the course's cells with the checks."""
    own = {c.metadata.get("nbgrader", {}).get("grade_id"): c for c in submitted.cells}
    for name in wanted.keys() & own.keys():
        own[name].source = wanted[name]
    ended = _run(submitted, folder, seconds)
    return {name: _said(own.get(name), ended) for name in wanted}


def _submitted(path: Path, home: Path) -> NotebookNode:
    """A student's notebook, if it is one and lies in the student's folder.

    Raises:
        OSError, ValueError: a link to elsewhere, or no ordinary file.
    """
    if not path.resolve().is_relative_to(home.resolve()):
        raise OSError("it is a link to a file outside the student's folder")
    return read(regular_file(path))


class _PythonsSignals(asyncio.SelectorEventLoop):
    """A loop that leaves Ctrl-C to Python, else nbclient takes it for the end of one notebook."""

    def add_signal_handler(self, *given: Any) -> None:  # type: ignore[override]  # it takes anything
        """Refuse, as in a thread that is not the main one; nbclient expects that."""
        raise RuntimeError


def _run(notebook: NotebookNode, folder: Path, seconds: int) -> str:
    """Run it as far as it goes, in place; what ended it early, or ""."""
    settings: dict[str, Any] = {"allow_errors": True, "shutdown_kernel": "immediate"}
    client = NotebookClient(notebook, timeout=seconds, kernel_name="python3", **settings)
    try:
        _execute(client, cwd=str(folder), env={**os.environ, GRADING: "1"})
    except CellTimeoutError:
        return f"a cell before it took more than {seconds} s"
    except DeadKernelError:
        return "the kernel died before it"
    return ""


def _execute(client: NotebookClient, **place: Any) -> None:
    """`client.execute`; Ctrl-C ends all and not one notebook."""

    async def execute() -> None:
        task = asyncio.current_task()
        try:
            await client.async_execute(**place)
        finally:
            if task and task.cancelling():  # by Ctrl-C, which nbclient takes for the end of the kernel
                raise asyncio.CancelledError

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with asyncio.Runner(loop_factory=_PythonsSignals) as runner:
            runner.run(execute())
    else:  # a notebook has called us
        client.execute(**place)


def _said(cell: NotebookNode | None, ended: str) -> str:
    if cell is None:
        return "its cell is missing"
    errors = [o for o in cell.get("outputs", []) if o.output_type == "error"]
    if errors:
        return str(errors[0].evalue or errors[0].ename)
    return "" if cell.get("execution_count") else ended or "it was not run"
