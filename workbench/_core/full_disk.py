"""A disk without room: which file found none, and what to say of it."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .names import readable

_WHY = {
    getattr(errno, "EDQUOT", errno.ENOSPC): "this user's share of the disk is full",
    errno.EFBIG: "a file may not grow as large there",
    errno.ENOSPC: "the disk is full",
}


@contextmanager
def naming_the_full_disk(target: Path, part: Path) -> Iterator[None]:
    """The system says that there is no room and not for what, or names the temporary `part` of it.

    Raises:
        OSError: as it came, with the target.

    Example:
        >>> with naming_the_full_disk(Path("a.csv"), Path(".a.csv-1")):
        ...     raise OSError(errno.ENOSPC, "No space left on device")
        Traceback (most recent call last):
        OSError: [Errno 28] No space left on device: 'a.csv'
    """
    try:
        yield
    except OSError as error:
        elsewhere = error.filename is not None and not Path(error.filename).is_relative_to(part)
        if error.errno not in _WHY or elsewhere:
            raise
        raise OSError(error.errno, error.strerror, str(target)) from error


def of_compiled(error: Exception, path: str | os.PathLike[str]) -> OSError:
    """What a library in Rust says of a file that it could not write, as Python says it.

    Example:
        >>> of_compiled(RuntimeError("I/O error: No space left on device (os error 28)"), "a.safetensors").filename
        'a.safetensors'
    """
    number = re.search(r"\(os error (\d+)\)", str(error))
    if number is None:
        return OSError(f"path: {path} could not be written ({error})")
    return OSError(int(number[1]), os.strerror(int(number[1])), os.fspath(path))


def no_room(error: BaseException) -> str:
    """Why what was to be written found no room, and what is kept; an empty text for any other error.

    Every writer makes a file or folder beside the old one, and replaces that by it at the end.

    Example:
        >>> no_room(OSError(errno.ENOSPC, "No space left on device", "a.csv"))
        'the disk is full: no room for a.csv; what was there before is kept; make room, or write elsewhere'
        >>> no_room(OSError(errno.EACCES, "Permission denied"))
        ''
    """
    if not isinstance(error, OSError) or error.errno not in _WHY:
        return ""
    what = error.strerror if error.filename is None else f"no room for {readable(error.filename)}"
    return f"{_WHY[error.errno]}: {what}; what was there before is kept; make room, or write elsewhere"
