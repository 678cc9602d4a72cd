"""What a benchmark leaves: every single run, what was skipped and why, the machine; one JSON file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..._core.files import atomic_path

Results = dict[str, Any]
FORMAT = 1
_PARTS = {"machine": dict, "versions": dict, "settings": dict, "runs": list, "skipped": list, "failed": list}


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value < 2**53


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 <= value < math.inf


def _numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_number, value.values()))


_RUN = {
    "suite": _text,
    "n": _whole,
    "case": _text,
    "beside": _text,
    "repeat": _whole,
    "seconds": _number,
    "peak_mb": _number,
}
_MACHINE = {"cpu": _text, "cores": _whole, "threads": _whole, "system": _text, "peak_gflops": _numbers}


def write_results(path: str | os.PathLike[str], results: Results) -> None:
    """Keep results; the file is whole or absent.

    Example: see `read_results`.
    """
    with atomic_path(path) as part:
        part.write_text(json.dumps({"format": FORMAT, **results}, indent=1) + "\n", encoding="utf-8")


def read_results(path: str | os.PathLike[str]) -> Results:
    """Results of a file that `write_results` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds something else, or was written by a newer version.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "bench.json"
        >>> write_results(file, {name: kind() for name, kind in _PARTS.items()})
        >>> read_results(file)["runs"]
        []
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"no file at {file}; write one with workbench bench -o {file.name}")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(_expected(file, f"not JSON ({error})")) from error
    if not isinstance(found, dict):
        raise ValueError(_expected(file, f"a {type(found).__name__}"))
    if found.get("format", FORMAT) != FORMAT:
        raise ValueError(f"{file}: format {found['format']} is of another version; update the workbench")
    wrong = [name for name, kind in _PARTS.items() if not isinstance(found.get(name), kind)]
    if wrong:
        raise ValueError(_expected(file, f"a file without a usable {', '.join(wrong)}"))
    for run in found["runs"]:
        if lacking := [name for name in _RUN if not isinstance(run, dict) or name not in run]:
            raise ValueError(_expected(file, f"a run without {', '.join(lacking)}"))
        _check(file, run, _RUN)
    _check(file, found["machine"], _MACHINE)
    return found


def _check(file: Path, values: dict[str, Any], known: Mapping[str, Callable[[Any], bool]]) -> None:
    """That those values that figures and tables read are of their kind."""
    for name, fits in known.items():
        if name in values and not fits(values[name]):
            raise ValueError(_expected(file, f"{name} {values[name]!r}"))


def _expected(file: Path, got: str) -> str:
    return f"{file}: expected results of `workbench bench -o FILE.json`, got {got}"
