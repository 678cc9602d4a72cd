"""Names of files and folders: as they are given, and as they can be written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def check_path(path: Any, name: str = "path") -> Path:
    """A file or folder by its name.

    Raises:
        TypeError: it is no name.

    Example:
        >>> check_path(3)
        Traceback (most recent call last):
        TypeError: path: expected the name of a file or folder, got int; pass a text or a pathlib.Path
    """
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        what = type(path).__name__
        raise TypeError(f"{name}: expected the name of a file or folder, got {what}; pass a text or a pathlib.Path")
    return Path(path)


def readable(name: str | os.PathLike[str]) -> str:
    r"""A file's name, or a text that quotes it, as it can be written and shown: bytes that are no UTF-8 as \xe9.

    Such names are old ones, of Latin-1. The escaped one opens nothing: keep the path for that.

    Example:
        >>> print(readable(os.fsdecode(b"caf\xe9.jpg")), readable("café.jpg"))
        caf\xe9.jpg café.jpg
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


# What moves a terminal's cursor, changes its colours or turns the order of letters; line ends and tabs are texts' own.
_HIDDEN = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}
_HIDDEN |= {code: f"\\u{code:04x}" for code in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def shown(text: str) -> str:
    r"""A text that may hold names of strangers' files, as a terminal may show it.

    Example:
        >>> print(shown("ann\x1b[2J \u202egnp.exe"))
        ann\x1b[2J \u202egnp.exe
    """
    return text.translate(_HIDDEN)
