"""Hands the runs of a sweep to its workers, each under its claim, and stores what comes back."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

from .run import Cancelled, Run
from .store import Store
from .workers import ProcessDied, Result, Stop, Workers

WAIT = 0.5  # seconds between two looks at runs that others compute, and at `stop`


def dispatch(
    runs: Sequence[Run],
    workers: Workers,
    place: Store,
    together: Callable[[Run], str],
    *,
    retry: bool = False,
    stop: Stop | None = None,
) -> Generator[tuple[Run, Result], None, None]:
    """Each run with its result, as they end.

    This process holds the claims and writes the results, so a worker needs no share in the store.

    Args:
        runs: to be made.
        workers: make them; closed at the end.
        place: where the results go.
        together: runs for which it is equal are made one after the other.
        retry: make runs again that failed.
        stop: asked at least every half second while others work; True: those in flight end after their epoch.
    """
    groups: dict[str, deque[Run]] = {}
    for run in runs:
        groups.setdefault(together(run), deque()).append(run)
    waiting = deque(groups.values())
    flying: dict[Future[Result | None], deque[Run]] = {}
    missed = 0  # runs in a row that others are at
    stopped = False
    try:
        while flying or (waiting and not stopped):
            if not stopped and stop and stop():
                stopped = True
                workers.halt()
            for _ in range(0 if stopped else min(workers.slots() - len(flying), len(waiting))):
                group = waiting.popleft()
                flying[workers.submit(_made, group[0], workers, place, retry)] = group

            for future in wait(flying, WAIT, FIRST_COMPLETED).done:
                group = flying.pop(future)
                result = future.result()
                if result:
                    yield group.popleft(), result
                if group:
                    (waiting.appendleft if result else waiting.append)(group)
                missed = 0 if result else missed + 1
            if missed and missed >= len(waiting):
                time.sleep(WAIT)
                missed = 0
    finally:
        workers.close()


def _made(run: Run, workers: Workers, place: Store, retry: bool) -> Result | None:
    """The finished run; None if it was cancelled, or another process is at it."""
    with place.claim(run.key) as mine:
        if not mine:
            return None
        if old := finished(run, place, retry):  # by another process, since we looked
            return old
        head = {**run.made_of, "run": run.key}
        try:
            made = {**head, **workers.make(run)}
        except Cancelled:
            return None
        except ProcessDied as died:  # not stored: the next sweep may fare better
            return {**head, "rows": [], "error": f"ProcessDied: {died}"}
        if not made.pop("passing", False):
            place.write(run.key, made)
        return made


def finished(run: Run, place: Store, retry: bool) -> Result | None:
    """What the store has of a run, unless it failed and is to be made again."""
    old = place.read(run.key)
    return None if old and retry and old["error"] else old
