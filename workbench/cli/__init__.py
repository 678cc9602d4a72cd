"""The command line: `workbench demo | train | cluster | review | evaluate | info | reproduce | ablate | bench |
experiments | course`.

Commands read their options, call the library and print; everything heavy is imported inside them, so that `--help` and
usage errors come at once. Exit codes: 0 well, 1 bad input or a failure outside (one line on stderr), 2 wrong usage,
130 interrupted.
"""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from .ablate import ablate
from .bench import bench
from .cluster import cluster
from .course import course
from .evaluate import demo, evaluate
from .experiments import experiments
from .info import info
from .reproduce import reproduce
from .review import review
from .shell import PlainErrors, show
from .train import train

app = typer.Typer(
    cls=PlainErrors,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for _command in (demo, train, cluster, review, evaluate, info, reproduce, ablate, bench):
    app.command()(_command)
app.add_typer(course, name="course")
app.add_typer(experiments, name="experiments")


def _show_version(asked: bool | None) -> None:
    if asked:
        show(f"workbench {__version__}")
        raise typer.Exit


@app.callback()
def workbench(
    version: Annotated[
        bool | None, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="WORKBENCH_DEBUG", help="Show the traceback of every error.")
    ] = False,
) -> None:
    """Learn from labelled images how to cluster images of classes never seen (LANDER, Hi-LANDER)."""


def main() -> None:
    """Entry point of the command `workbench`."""
    app(prog_name="workbench")
