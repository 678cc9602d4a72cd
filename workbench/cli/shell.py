"""What all commands share: the options they have in common, and how errors leave the process."""

from __future__ import annotations

import io
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .._core.files import check_kind, check_replaceable, was_interrupted
from .._core.full_disk import no_room
from .._core.names import shown


def _checked_device(name: str) -> str:
    """A device that is there: told when the command is read, not after its work."""
    if name != "auto":
        from .._core.runtime import resolve_device

        resolve_device(name)
    return name


Device = Annotated[
    str,
    typer.Option(metavar="NAME", callback=_checked_device, help="auto (CUDA where there is one), cpu, cuda or cuda:N."),
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Of everything random.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars, no summary.")]
EncoderName = Annotated[
    str, typer.Option(metavar="NAME|FILE", help="Checkpoint that embeds a folder of images (light ink on black).")
]
Size = Annotated[int | None, typer.Option(metavar="PIXELS", help="Scale a folder's images to this side first.")]
Dim = Annotated[int | None, typer.Option(metavar="D", help="Numbers per row of a .bin file without .meta.")]

EXPECTED = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    ImportError,
    MemoryError,
)  # anything else may be a mistake of ours
FAILED = 1
INTERRUPTED = 130


class PlainErrors(TyperGroup):
    """Turns expected errors and Ctrl-C into one line on stderr and an exit code; `--debug` keeps the traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        if isinstance(sys.stdout, io.TextIOWrapper):  # stderr does so by itself: what it has no letter for is escaped
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            with _plain_warnings():
                return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader of our output has left; typer ends quietly
        except KeyboardInterrupt:
            say("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:  # a traceback tells a user nothing
            if hasattr(error, "exit_code") or isinstance(error, typer.Abort):
                raise  # an end that was asked for, or wrong usage
            if was_interrupted(error):
                say("interrupted")
                raise typer.Exit(INTERRUPTED) from None
            if ctx.params["debug"]:
                raise
            kind = "" if isinstance(error, EXPECTED) else f"unexpected {type(error).__name__}, see --debug: "
            say(f"error: {no_room(error) or kind + one_line(error)}")
            raise typer.Exit(FAILED) from None


def one_line(error: BaseException) -> str:
    """The error's text without line breaks; its type's name where there is none.

    Example:
        >>> one_line(ValueError("k: expected\\n  more")), one_line(MemoryError())
        ('k: expected more', 'MemoryError')
    """
    return " ".join(str(error).split()) or type(error).__name__


def silent(line: str) -> None:
    """Takes the lines of a quiet run."""


def check_writable(folder: Path) -> None:
    """Make the folder and try to write there, so that a hopeless run ends before its work and not after.

    Raises:
        OSError: a file of this name, or no right to write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


def check_output(file: Path, *inputs: Path | str | None, ending: str = "") -> None:
    """That `atomic_path` can write this file, likewise, that the command does not read it, and that nothing of another
    kind is lost.

    Args:
        file: to be written.
        inputs: files that the command reads: paths, names of something packaged, or None where one was not given.
        ending: of the files that the command writes; empty: a file that is there is replaced whatever its ending.

    Raises:
        FileExistsError: a file of another ending is there.
        ValueError: a folder, a pipe or a device is in its place, or it is one of the inputs.
        OSError: as `check_writable`, of its folder.
    """
    check_replaceable(file)
    for given in inputs:
        if given is not None and file.exists() and Path(given).exists() and file.samefile(given):
            raise ValueError(f"out: {file} is read by this command, and would be overwritten; choose another name")
    if ending:
        check_kind(file, ending)
    check_writable(file.parent)


def show(text: str) -> None:
    """A result on stdout; what would steer the terminal, in a stranger's names, is escaped."""
    typer.echo(shown(text))


def say(text: str) -> None:
    """One line on stderr, where progress goes too; stdout is for results."""
    sys.stdout.flush()
    typer.echo(shown(text), err=True)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings as one line each."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        say(f"warning: {' '.join(str(message).split())}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Inside, a first Ctrl-C only makes the given function return True; a second one interrupts as always."""
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, before)
        say("\nstopping after this epoch; Ctrl-C again stops at once and saves nothing")

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
