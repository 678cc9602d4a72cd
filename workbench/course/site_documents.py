"""README and docs/ in the course's site: links between pages stay, links to other files become their names."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection
from pathlib import Path

DOCUMENTS = (
    "README",
    "use",
    "method",
    "results",
    "photographs",
    "heaps",
    "review",
    "speed",
    "limits",
    "robustness",
    "many-machines",
    "install",
    "elsewhere",
)
MOVED = {"START.ipynb": "index.md", "QUIZ.ipynb": "quiz.md"}
PICTURES = {".svg", ".jpg", ".png"}


def write_documents(root: str | os.PathLike[str], source: Path, pages: Collection[str]) -> list[str]:
    """Copy README.md and docs/ of the folder `root` to Sphinx's `source`, with their pictures.

    Args:
        root: the repository; a document that is not there gives no page.
        source: where the site's other pages lie: lessons, `quiz.md`, `api.md`.
        pages: names of those pages' files, which documents may link to.

    Returns: names of the pages written, without `.md`, in reading order.
    """
    places = [Path(root) / ("" if name == "README" else "docs") / f"{name}.md" for name in DOCUMENTS]
    there = [place for place in places if place.exists()]
    known = {*pages, *MOVED.values(), *(place.name for place in there)}
    for place in there:
        (source / place.name).write_text(as_page(place.read_text(encoding="utf-8"), known), encoding="utf-8")
    for picture in (Path(root) / "docs").glob("*"):
        if picture.suffix in PICTURES:
            shutil.copy(picture, source)
    return [place.stem for place in there]


def as_page(text: str, pages: Collection[str]) -> str:
    """Markdown of the repository as a page of the site: Sphinx's pictures, and paths in place of links to other files.

    Example:
        >>> as_page("[tour](../notebooks/00_tour.ipynb), [speed](speed.md#a), [tree](../workbench/decode/tree.py)",
        ...     ["00_tour.ipynb", "speed.md"])
        '[tour](00_tour.ipynb), [speed](speed.md#a), tree (`workbench/decode/tree.py`)'
        >>> as_page("[top](../README.md), [card](../datasets/kinds/README.md)", ["README.md"])
        '[top](README.md), card (`datasets/kinds/README.md`)'
        >>> as_page('<img src="a.svg" alt="an a" width="100%">', [])
        '![an a](a.svg)'
    """
    text = re.sub(r'<img src="(?:docs/)?([^"]+)" alt="([^"]*)"[^>]*>', r"![\2](\1)", text)
    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", lambda link: _link(link[1], link[2], pages), text)


def _link(words: str, target: str, pages: Collection[str]) -> str:
    file, mark, end = target.partition("#")
    file = file.removeprefix("../")
    folder, _, name = file.rpartition("/")
    name = MOVED.get(name, name)
    if "://" in target or not file:
        return f"[{words}]({target})"
    if name in pages and not (folder and name == "README.md"):
        return f"[{words}]({name}{mark}{end})"
    return words if words.startswith("`") else f"{words} (`{file}`)"
