"""How much memory a process has needed."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path


def peak_megabytes() -> float:
    """Largest resident memory of this process so far; NaN where the system does not tell (Windows).

    Example:
        >>> peak_megabytes() > 1
        True
    """
    status = Path("/proc/self/status")
    if status.exists():  # Linux; getrusage would count what the parent held when this process was started
        found = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(), re.MULTILINE)
        return int(found[1]) / 2**10 if found else math.nan
    try:
        import resource
    except ImportError:
        return math.nan
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
