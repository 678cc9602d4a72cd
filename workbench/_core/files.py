"""Files that are either complete or absent, and the folder of data sets and caches."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path` to write to. It replaces `path` when the block succeeds; otherwise it is removed.

    The suffix is kept, because writers choose their format by it. Missing folders are made. Two processes that write
    the same file never mix: the last one to finish wins.

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

        # mkstemp makes files private, but a shared cache must stay readable. The umask can only be read by setting it.
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)

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
