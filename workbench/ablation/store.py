"""Runs in a folder that several processes may share: one file per run, whole or absent; a claim while it is computed.

```
KEY.json      a finished run (also one that failed): never written twice
KEY.claim     somebody computes it; its time is renewed every few seconds, so an old one is of a process that died
```
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._files import atomic_path

STALE = 30.0  # seconds without a sign of life after which a claim may be taken over
BEAT = 3.0  # seconds between two signs of life


class Store:
    """A folder of runs.

    Args:
        folder: made where it does not exist.

    Example:
        >>> import tempfile
        >>> store = Store(tempfile.mkdtemp())
        >>> with store.claim("a1") as mine:
        ...     store.write("a1", {"seed": 0})
        >>> mine, store.read("a1"), store.read("b2") is None
        (True, {'seed': 0}, True)
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def read(self, key: str) -> dict[str, Any] | None:
        """A finished run, or None.

        Raises:
            ValueError: the file is not one of a run.
        """
        file = self.folder / f"{key}.json"
        try:
            run: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(f"store: {file} is damaged ({error}); remove it, and the run is made again") from error
        return run

    def write(self, key: str, run: dict[str, Any]) -> None:
        """Store a finished run."""
        with atomic_path(self.folder / f"{key}.json") as part:
            part.write_text(json.dumps(run, indent=1), encoding="utf-8")

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Inside the block nobody else computes this run, if it gives True; False: somebody does.

        The claim is renewed by a thread while the block runs and given up when it ends, however it ends.
        """
        file = self.folder / f"{key}.claim"
        if not (_take(file) or (_clear_if_stale(file) and _take(file))):
            yield False
            return
        ended = threading.Event()
        beating = threading.Thread(target=_beat, args=(file, ended), daemon=True)
        beating.start()
        try:
            yield True
        finally:
            ended.set()
            beating.join()
            file.unlink(missing_ok=True)


def _take(file: Path) -> bool:
    """Make the claim; of several who try, one succeeds."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    return True


def _clear_if_stale(file: Path) -> bool:
    """Take an old claim away; of several who try, one succeeds."""
    if not _stale(file):
        return False
    aside = file.with_name(f".{file.name}-{uuid.uuid4().hex}")
    try:
        os.rename(file, aside)
    except FileNotFoundError:
        return False
    if not _stale(aside):  # between the look and the move another one took it over: put it back
        os.rename(aside, file)
        return False
    aside.unlink()
    return True


def _stale(file: Path) -> bool:
    try:
        return time.time() - file.stat().st_mtime > STALE
    except FileNotFoundError:
        return False


def _beat(file: Path, ended: threading.Event) -> None:
    while not ended.wait(BEAT):
        try:
            os.utime(file)
        except FileNotFoundError:  # taken over while this process slept; both will write the same result
            return
