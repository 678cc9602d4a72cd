"""Archives of arrays: the sizes that an .npz claims are checked before any memory is taken for them."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.lib.npyio import NpzFile

from .files import reading, regular_file

_RATIO = 1032  # deflate packs no tighter
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


@contextmanager
def open_npz(path: str | os.PathLike[str]) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of an .npz by name, each read when asked for; numpy checks the archive's checksums.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no archive, damaged, or an array whose shape does not fit its bytes. Also whatever goes wrong inside
            the block: there the contents are looked at.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.npz"
        >>> np.savez(file, X=np.eye(2))
        >>> with open_npz(file) as stored:
        ...     stored["X"].shape
        (2, 2)
    """
    with reading(path, ".npz file"), regular_file(path).open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        if not isinstance(stored, NpzFile):
            raise ValueError("one array, no archive; name it .npy")
        with stored:
            _check_sizes(stored.zip)
            yield stored


def _check_sizes(archive: Any) -> None:
    for member in archive.infolist():
        if member.filename.endswith(".npy"):
            with archive.open(member) as part:
                _check_size(part, member)


def _check_size(part: Any, member: zipfile.ZipInfo) -> None:
    """Its bytes are as many as the shape in its header says, and can have been packed into the archive."""
    version = npy.read_magic(part)
    if version not in _HEADERS:
        raise ValueError(f"{member.filename}: expected numbers or text")
    shape, _, dtype = _HEADERS[version](part)
    length = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or (length != member.file_size - part.tell() and not dtype.hasobject):
        raise ValueError(f"{member.filename}: {dtype} of shape {shape} does not fit its {member.file_size} bytes")
    if member.file_size > _RATIO * (member.compress_size + 1):
        raise ValueError(f"{member.filename}: {member.file_size} bytes cannot come from {member.compress_size}")
