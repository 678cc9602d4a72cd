"""Hands the runs of a sweep to a pool of workers, each under its claim, and stores what comes back."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass

from .run import Cancelled, Run
from .store import Store
from .workers import Result, Stop, Worker, WorkerPool

WAIT = 0.5  # seconds between two looks at runs that others compute, and at `stop`
TRIES = 3  # a run whose process died so often is given up

Group = deque[Run]
Done = tuple[Run, Result]


@dataclass(frozen=True)
class _Job:
    """The first run of a group, in the works."""

    worker: Worker
    group: Group
    claim: ExitStack


class Dispatch:
    """Runs to be made, and those in flight.

    Runs of one group are made one after the other. This process holds the claims and writes the results; so a worker
    needs no share in the store, and a run whose worker died is given to another.

    Args:
        runs: to be made.
        pool: makes them; closed at the end.
        place: where the results go.
        together: runs for which it is equal form a group.
        retry: make runs again that failed.
    """

    def __init__(
        self, runs: Sequence[Run], pool: WorkerPool, place: Store, together: Callable[[Run], str], retry: bool
    ) -> None:
        groups: dict[str, Group] = {}
        for run in runs:
            groups.setdefault(together(run), deque()).append(run)
        self._waiting = deque(groups.values())
        self._at_work: dict[Future[Result], _Job] = {}
        self._pool = pool
        self._place = place
        self._retry = retry
        self._deaths: Counter[str] = Counter()

    def results(self, stop: Stop | None) -> Generator[Done, None, None]:
        """Each run with its result, as they end; `stop` is asked at least every half second while others work."""
        try:
            while (self._waiting or self._at_work) and not (stop and stop()):
                yield from self._hand_out()
                yield from self._take_in()
            self._pool.halt()
            while self._at_work:
                yield from self._take_in()
        finally:
            self._pool.close()
            for job in self._at_work.values():
                job.claim.close()

    def _hand_out(self) -> Iterator[Done]:
        """A run for each free worker; gives those that others finished meanwhile."""
        free = deque(self._pool.free(len(self._waiting)) if self._waiting else ())
        for _ in range(len(self._waiting)):
            if not free:
                return
            yield from self._begin(self._waiting.popleft(), free)

    def _begin(self, group: Group, free: deque[Worker]) -> Iterator[Done]:
        """The first run of the group that nobody has made; the group waits again if somebody is at it."""
        while group:
            run = group[0]
            old = None
            with ExitStack() as claim:
                if claim.enter_context(self._place.claim(run.key)):
                    old = finished(run, self._place, self._retry)  # by another process, since we looked
                    if old is None:
                        worker = free.popleft()
                        self._at_work[worker.submit(run)] = _Job(worker, group, claim.pop_all())
                        return
            if old is None:
                self._waiting.append(group)
                return
            group.popleft()
            yield run, old

    def _take_in(self) -> Iterator[Done]:
        """What has ended; waits a moment for it."""
        if self._at_work:
            wait(self._at_work, timeout=WAIT, return_when=FIRST_COMPLETED)
        elif self._waiting:
            time.sleep(WAIT)  # others compute them
        for future, job in list(self._at_work.items()):
            lost = job.worker.lost(future)
            if lost or future.done():
                del self._at_work[future]
                with job.claim:
                    made = self._after_death(job.group[0]) if lost else self._stored(job.group[0], future)
                if made:
                    yield job.group.popleft(), made
                if job.group:
                    self._waiting.appendleft(job.group)

    def _stored(self, run: Run, future: Future[Result]) -> Result | None:
        """The finished run; None if it was cancelled."""
        try:
            made = {**run.made_of, "run": run.key, **future.result()}
        except Cancelled:
            return None
        self._place.write(run.key, made)
        return made

    def _after_death(self, run: Run) -> Result | None:
        """None: it is made again; else what the table says of it. Not stored: the next sweep may fare better."""
        self._deaths[run.key] += 1
        if self._deaths[run.key] < TRIES:
            return None
        error = f"ProcessDied: {TRIES} processes in turn died of it, or were killed (too little memory?)"
        return {**run.made_of, "run": run.key, "rows": [], "error": error}


def finished(run: Run, place: Store, retry: bool) -> Result | None:
    """What the store has of a run, unless it failed and is to be made again."""
    old = place.read(run.key)
    return None if old and retry and old["error"] else old
