"""Files that are either whole or absent, and numbers that lie in a file because memory is short."""

from __future__ import annotations

import math
import mmap
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import platformdirs
import torch
from torch import Tensor


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes `path`'s place when the block ends well, else it is removed.

    The suffix is kept (writers choose their format by it), missing folders are made, and two processes that write the
    same file never mix: the last one to finish wins.

    Example:
        >>> import pathlib, tempfile
        >>> target = pathlib.Path(tempfile.mkdtemp()) / "a" / "x.txt"
        >>> with atomic_path(target) as part:
        ...     _ = part.write_text("whole")
        >>> target.read_text()
        'whole'
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)  # mkstemp makes files private; a shared cache must stay readable
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def data_home(path: str | os.PathLike[str] | None = None) -> Path:
    """Where data sets and caches live: `path`, else the environment's WORKBENCH_DATA, else the user's cache folder.

    Example:
        >>> data_home("/tmp/wb").as_posix()
        '/tmp/wb'
    """
    chosen = path or os.environ.get("WORKBENCH_DATA") or platformdirs.user_cache_dir("hilander-workbench")
    return Path(chosen).expanduser()


def on_disk(values: np.ndarray | Tensor) -> bool:
    """Whether the numbers are a memory-mapped file's.

    Example:
        >>> on_disk(np.zeros(3)), on_disk(room((3,), mapped=True))
        (False, True)
    """
    base: object = values
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, Tensor):
        return base.untyped_storage().filename is not None
    return isinstance(base, mmap.mmap)


def room(shape: tuple[int, ...], *, mapped: bool) -> Tensor:
    """Room for float32 numbers: memory, or a file without a name in the system's temporary folder (TMPDIR), which the
    system writes out when memory is short and which goes when nobody holds the tensor.

    Raises:
        OSError: the folder's disk is full.

    Example:
        >>> room((2, 3), mapped=True).shape
        torch.Size([2, 3])
    """
    size = math.prod(shape)
    if not mapped or size == 0 or sys.platform == "win32":  # there a mapped file cannot be removed
        return torch.empty(shape)
    with tempfile.NamedTemporaryFile(prefix="hilander-") as file:
        try:
            os.truncate(file.fileno(), 4 * size)
            if hasattr(os, "posix_fallocate"):  # a full disk is told now, not by a crash later
                os.posix_fallocate(file.fileno(), 0, 4 * size)
        except OSError as error:
            error.add_note(f"no room for {4 * size:,} bytes in {tempfile.gettempdir()}; set TMPDIR to a larger disk")
            raise
        return torch.from_file(file.name, shared=True, size=size, dtype=torch.float32).view(shape)
