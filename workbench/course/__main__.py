"""`python -m workbench.course exercises | site`: what `make exercises` and `make site` run."""

from __future__ import annotations

import argparse
import sys

from .exercises import write_exercises


def main(arguments: list[str] | None = None) -> int:
    """Run a command; an error is one line on stderr and the exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m workbench.course")
    commands = parser.add_subparsers(dest="command", required=True)
    exercises = commands.add_parser("exercises", help="write the notebooks without solutions, and the quiz")
    exercises.add_argument("folder", nargs="?", default="notebooks")
    chosen = parser.parse_args(arguments)
    try:
        written = write_exercises(chosen.folder)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(written)} notebooks in {written[0].parent}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
