"""The command `workbench course grade`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .shell import check_output, show

course = typer.Typer(no_args_is_help=True, help="For instructors: grade the course's exercises.")


@course.callback()
def _course() -> None:
    """For instructors: grade the course's exercises."""


@course.command()
def grade(
    folder: Annotated[Path, typer.Argument(help="Submissions: FOLDER/STUDENT/.../NN_name.ipynb.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write, a row per student and check.")],
    notebooks: Annotated[Path, typer.Option(help="Folder of the course, with solutions/.")] = Path("notebooks"),
    seconds: Annotated[int, typer.Option(min=1, help="Seconds that a cell may take.")] = 600,
    fast: Annotated[bool, typer.Option("--fast", help="Run in fast mode: the same points in less time.")] = False,
) -> None:
    """Run every submitted notebook in a fresh kernel and count the checks that it passes.

    Submissions are programs of other people: run this as a user who owns nothing of value, or in a container.
    """
    from .._core.tables import write_csv
    from ..course.grading import grade as graded

    check_output(output, *folder.glob("*/**/*.ipynb"), ending=".csv")
    table = graded(folder, notebooks, seconds=seconds, fast=fast, tell=show)
    write_csv(table, output)
    totals = table.groupby(["student", "notebook"])["points"].agg(points="sum", of="count")
    show(f"{totals.to_string()}\n{output}")
