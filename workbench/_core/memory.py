"""Memory of this process. Uses the standard library alone: benchmarks import it under other interpreters, too."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_mb() -> int:
    """Peak memory of this process in MB.

    On Linux getrusage also counts what the parent held when it started us, so the kernel's own mark (VmHWM) is read
    first.

    Example:
        >>> peak_mb() > 1
        True
    """
    return _of_status("VmHWM") or _of_usage()


def held_mb() -> int:
    """Memory that this process holds now in MB; its peak where the system does not say.

    Example:
        >>> 0 < held_mb() <= peak_mb() + 1
        True
    """
    return _of_status("VmRSS") or peak_mb()


def _of_status(field: str) -> int:
    """A size in MB from Linux's status file of this process; 0 on other systems."""
    if not _STATUS.exists():
        return 0
    lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith(field + ":")), 0)


def _of_usage() -> int:
    if sys.platform == "win32":
        return 0
    import resource  # does not exist on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 1024)  # bytes on macOS, kB on Linux
