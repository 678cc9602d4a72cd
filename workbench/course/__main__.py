"""`python -m workbench.course exercises | site | slides`: what `make exercises`, `make site` and `make slides` run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .._core.files import atomic_path
from .exercises import write_exercises
from .lesson import lesson_text
from .quiz_text import quiz_markdown, quiz_notebook


def main(arguments: list[str] | None = None) -> int:
    """Run a command; an error is told on stderr and the exit code is 1."""
    parser = argparse.ArgumentParser(prog="python -m workbench.course")
    commands = parser.add_subparsers(dest="command", required=True)
    exercises = commands.add_parser("exercises", help="write the students' copies of the notebooks, and the quiz")
    site = commands.add_parser("site", help="execute the notebooks and write the course as web pages")
    slides = commands.add_parser("slides", help="execute the notebooks and write a deck of slides for each")
    for command in (exercises, site, slides):
        command.add_argument("--notebooks", default="notebooks", metavar="FOLDER")
    for command, target in ((site, "site"), (slides, "slides")):
        command.add_argument("--target", default=target, metavar="FOLDER")
        command.add_argument("--fast", action="store_true", help="run the notebooks in fast mode")
    site.add_argument("--no-solutions", action="store_true", help="for students: without solutions and answers")
    chosen = parser.parse_args(arguments)
    try:
        print({"exercises": _write_exercises, "site": _build_site, "slides": _build_slides}[chosen.command](chosen))
    except (ValueError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _write_exercises(chosen: argparse.Namespace) -> str:
    written = write_exercises(chosen.notebooks)
    for name, text in {"QUIZ.md": quiz_markdown(), "QUIZ.ipynb": lesson_text(quiz_notebook())}.items():
        with atomic_path(Path(chosen.notebooks) / name) as part:
            part.write_text(text, encoding="utf-8")
    return f"{len(written)} notebooks in {written[0].parent}, QUIZ.md and QUIZ.ipynb"


def _build_site(chosen: argparse.Namespace) -> str:
    from .site import build_site, site_bytes  # Sphinx, which the exercises do not need

    place = build_site(chosen.notebooks, chosen.target, fast=chosen.fast, solutions=not chosen.no_solutions)
    return f"{place / 'index.html'}: {site_bytes(place) / 1e6:.1f} MB"


def _build_slides(chosen: argparse.Namespace) -> str:
    from .site import site_bytes
    from .slides import build_slides

    place = build_slides(chosen.notebooks, chosen.target, fast=chosen.fast)
    return f"{place / 'index.html'}: {site_bytes(place) / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
