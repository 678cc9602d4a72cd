"""What a benchmark leaves: every single run, what was skipped and why, the machine; one JSON file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..._core.files import atomic_path

Results = dict[str, Any]
FORMAT = 1
_PARTS = {"machine": dict, "versions": dict, "settings": dict, "runs": list, "skipped": list, "failed": list}
_RUN = ("suite", "n", "case", "beside", "repeat", "seconds", "peak_mb")


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
    return found


def _expected(file: Path, got: str) -> str:
    return f"{file}: expected results of `workbench bench -o FILE.json`, got {got}"
