"""Runs in a folder that several processes may share: one file per run, whole or absent; a claim while it is computed.

```
KEY.json          a finished run (also one that failed): never written twice
.claims/KEY       locked while somebody computes it; the system unlocks it when that process ends, however it ends
```
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..._core.files import atomic_path, reading, regular_file

# Columns of whole numbers in a run's rows.
COUNTS = ("level", "nodes", "links_added", "n_clusters", "n_noise", "n_parameters")


class Store:
    """A folder of runs.

    Args:
        folder: made where it does not exist.
        check: of a run that is read; raises ValueError where it is none.

    Example:
        >>> import tempfile
        >>> store = Store(tempfile.mkdtemp())
        >>> with store.claim("a1") as mine:
        ...     store.write("a1", {"seed": 0})
        >>> mine, store.read("a1"), store.read("b2") is None
        (True, {'seed': 0}, True)
    """

    def __init__(
        self, folder: str | os.PathLike[str], check: Callable[[dict[str, Any]], None] = lambda run: None
    ) -> None:
        self._check = check
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def read(self, key: str) -> dict[str, Any] | None:
        """A finished run, or None.

        Raises:
            ValueError: the file is not one of a run.
        """
        file = self.folder / f"{key}.json"
        try:
            with reading(file, "run"):
                run: dict[str, Any] = json.loads(regular_file(file).read_text(encoding="utf-8"))
                if not isinstance(run, dict):
                    raise ValueError(f"a {type(run).__name__}, no run")
                self._check(run)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(f"store: {error}; remove it, and the run is made again") from error
        return run

    def write(self, key: str, run: dict[str, Any]) -> None:
        """Store a finished run."""
        with atomic_path(self.folder / f"{key}.json") as part:
            part.write_text(json.dumps(run, indent=1), encoding="utf-8")

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Inside the block nobody else computes this run, if it gives True; False: somebody does.

        The claim is given up when the block ends, and by the system when the process dies.

        Raises:
            ValueError: the key is no plain name of a file.
        """
        if key in ("", "..") or Path(key).name != key:
            raise ValueError(f"key: expected a plain name of a file, got {key!r}")
        file = self.folder / ".claims" / key
        file.parent.mkdir(exist_ok=True)
        lock = FileLock(file)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()


def check_run(run: dict[str, Any]) -> None:
    """That a run holds what a sweep makes its table of.

    Raises:
        ValueError: it does not.

    Example:
        >>> check_run({"data": "d", "code": "c", "run": "a1", "error": "", "rows": 5})
        Traceback (most recent call last):
        ValueError: rows: expected a list of tables, got 5
    """
    for name in ("data", "code", "run", "error"):
        if not isinstance(run.get(name), str):
            raise ValueError(f"{name}: expected a text, got {run.get(name)!r}")
    rows = run.get("rows")
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise ValueError(f"rows: expected a list of tables, got {rows!r}")
    for name, value in (item for row in rows for item in row.items()):
        kinds = (int,) if name in COUNTS else (str, bool, int, float)
        if type(value) not in kinds or (isinstance(value, int) and abs(value) >= 2**63):
            raise ValueError(
                f"rows: expected {'a whole number' if name in COUNTS else 'a value'} of {name}, got {value!r}"
            )
