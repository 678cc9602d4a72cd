"""Who computes the runs of a sweep: this process itself, or processes beside it.

A pool has workers. A worker takes one run at a time. Where its process dies, the worker is lost, and the pool starts
another.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import joblib
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from tqdm.auto import tqdm

from .run import AblationData, Cancelled, Run
from .store import Store

Result = dict[str, Any]
Stop = Callable[[], bool]
Attempt = Callable[[Run, AblationData, Store | None, str, Stop | None], Result]  # a run that fails is a result too

LOOK = 0.2  # seconds between two looks of a process whether it is still wanted


@runtime_checkable
class Worker(Protocol):
    """Does one run at a time."""

    def submit(self, run: Run) -> Future[Result]:
        """Begin a run."""

    def lost(self, future: Future[Result]) -> bool:
        """Whether the process died that had this run to do."""


@runtime_checkable
class WorkerPool(Protocol):
    """The workers of a sweep."""

    def free(self, wanted: int) -> Sequence[Worker]:
        """Those without a run, at most so many; opened where needed, in the place of lost ones too."""

    def halt(self) -> None:
        """Have the runs in flight end after the epoch they are in."""

    def close(self) -> None:
        """Leave no process behind, whatever it is doing."""


class Here:
    """This process: the pool and its only worker. A run is over when `submit` returns.

    Args:
        attempt: does a run, given what it learns from.
        data, place, device, stop: what it is given.
    """

    def __init__(self, attempt: Attempt, data: AblationData, place: Store, device: str, stop: Stop | None) -> None:
        self._attempt = attempt
        self._given = (data, place, device, stop)

    def free(self, wanted: int) -> Sequence[Here]:
        """Itself."""
        return [self]

    def submit(self, run: Run) -> Future[Result]:
        """Do it."""
        future: Future[Result] = Future()
        try:
            future.set_result(self._attempt(run, *self._given))
        except Cancelled as cancelled:
            future.set_exception(cancelled)
        return future

    def lost(self, future: Future[Result]) -> bool:
        """Never."""
        return False

    def halt(self) -> None:
        """Nothing is in flight between two calls."""

    def close(self) -> None:
        """Nothing to leave."""


class Processes:
    """Processes on this machine. Each is a pool of its own: one that is killed takes no other with it.

    They read the data from a memory-mapped file in a temporary folder. Two more files there tell them what to do:
    without `go`, runs end after their epoch; without `stay`, or the process that started them, they leave at once.

    Args:
        attempt: does a run; a function of a module, not of a notebook.
        data, place, device: what it is given.
        workers: number of processes.
    """

    def __init__(self, attempt: Attempt, data: AblationData, place: Store, device: str, workers: int) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="ablation-", ignore_cleanup_errors=True)
        self._folder = Path(self._temporary.name)
        joblib.dump(data, self._folder / "data")
        for name in ("go", "stay"):
            (self._folder / name).touch()
        self._work = partial(_work, attempt, self._folder, place, device)
        self._most = workers
        self._threads = max(1, cores() // workers)
        self._processes: list[_Process] = []
        self._stillborn = 0  # processes that died at their start, one after the other

    def free(self, wanted: int) -> Sequence[Worker]:
        """As many as there are workers, less the busy ones.

        Raises:
            RuntimeError: processes do not start.
        """
        dead = [worker for worker in self._processes if worker.dead]
        started = any(worker.started for worker in self._processes)
        self._stillborn = 0 if started else self._stillborn + len(dead)
        if self._stillborn >= self._most:
            raise RuntimeError(
                "workers: the processes end before they begin. In a script, call it under "
                "`if __name__ == '__main__':`, as each process imports the script; else see their messages above"
            )
        self._processes = [worker for worker in self._processes if not worker.dead]
        free = [worker for worker in self._processes if not worker.busy]
        while len(free) < wanted and len(self._processes) < self._most:
            self._processes.append(_Process(self._work, self._folder, self._threads))
            free.append(self._processes[-1])
        return free[:wanted]

    def halt(self) -> None:
        """No `go`: runs end after their epoch."""
        (self._folder / "go").unlink(missing_ok=True)

    def close(self) -> None:
        """No `stay`: processes leave at once, in the middle of a run too; idle ones end in their own way."""
        self.halt()
        if not all(worker.started and not worker.busy for worker in self._processes):
            (self._folder / "stay").unlink(missing_ok=True)
        for worker in self._processes:
            worker.close()
        self._temporary.cleanup()


class _Process:
    """A worker that is a process."""

    def __init__(self, work: Callable[[Run], Result], folder: Path, threads: int) -> None:
        spawn = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_enter, initargs=(folder, threads))
        self._work = work
        self._ready = self._pool.submit(os.getpid)
        self._last: Future[Result] | None = None
        self.dead = False

    @property
    def started(self) -> bool:
        return self._ready.done() and self._ready.exception() is None

    @property
    def busy(self) -> bool:
        return self._last is not None and not self._last.done()

    def submit(self, run: Run) -> Future[Result]:
        try:
            future = self._pool.submit(self._work, run)
        except BrokenExecutor as died:  # since its last run
            future = Future()
            future.set_exception(died)
        self._last = future
        return future

    def lost(self, future: Future[Result]) -> bool:
        self.dead = future.done() and isinstance(future.exception(), BrokenExecutor)
        return self.dead

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def cores() -> int:
    """Processor cores that this process may use.

    Example:
        >>> cores() >= 1
        True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _enter(folder: Path, threads: int) -> None:
    """Begin as a worker: Ctrl-C is the business of the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tqdm.set_lock(threading.RLock())  # its own, between processes, would be told of as leaked after a hard end
    threading.Thread(target=_leave_when_unwanted, args=(folder,), daemon=True).start()
    torch.set_num_threads(threads)
    threadpool_limits(threads)


def _leave_when_unwanted(folder: Path) -> None:
    parent = multiprocessing.parent_process()
    while parent is not None and parent.is_alive() and (folder / "stay").exists():
        parent.join(LOOK)
    os._exit(1)  # in the middle of a run: nothing of it is kept


def _work(attempt: Attempt, folder: Path, place: Store, device: str, run: Run) -> Result:
    """A run in a worker."""
    return attempt(run, _read(folder), place, device, lambda: not (folder / "go").exists())


@cache
def _read(folder: Path) -> AblationData:
    data: AblationData = joblib.load(folder / "data", mmap_mode="r")
    return data
