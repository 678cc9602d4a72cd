"""Memory of this process; the standard library alone, so that any interpreter can import it."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_mb() -> int:
    """Peak memory of this program in MB.

    Linux's getrusage alone would count what the parent held when it started us, so the kernel's own mark is read first.

    Example:
        >>> peak_mb() > 1
        True
    """
    return _of_status("VmHWM") or _of_usage()


def held_mb() -> int:
    """Memory that this program holds now in MB; its peak where the system does not tell.

    Example:
        >>> 0 < held_mb() <= peak_mb() + 1
        True
    """
    return _of_status("VmRSS") or peak_mb()


def _of_status(field: str) -> int:
    """A line of Linux's status file; 0 where there is none."""
    if not _STATUS.exists():
        return 0
    lines = (line for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines())
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith(field + ":")), 0)


def _of_usage() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 1024)
