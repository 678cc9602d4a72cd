"""Where the runs of a sweep are made: in this process, or in processes beside it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import joblib
import torch
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from .run import AblationData, Cancelled, Run
from .store import Store

Result = dict[str, Any]
Stop = Callable[[], bool]
Attempt = Callable[[Run, AblationData, Store | None, str, Stop | None], Result]  # a run that fails is a result too

TRIES = 3  # a run whose process died so often is given up


class ProcessDied(Exception):
    """Every process that had a run to do died of it."""

    def __init__(self, tries: int) -> None:
        super().__init__(f"{tries} processes in turn died of it, or were killed (too little memory?)")


class Workers(Executor):
    """Makes runs in this process, one at a time: a run is over when `submit` returns, and an interrupt reaches it.

    Args:
        attempt: makes a run, given what it learns from.
        given: `attempt`'s further arguments.
    """

    def __init__(self, attempt: Attempt, *given: Any) -> None:
        self._attempt = attempt
        self._given = given

    def slots(self) -> int:
        """Runs that may be in flight."""
        return 1

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        """Call `work`, which calls `make`."""
        future: Future[Any] = Future()
        try:
            future.set_result(work(*given, **named))
        except Exception as error:  # noqa: BLE001  # `Future.result` raises it
            future.set_exception(error)
        return future

    def make(self, run: Run) -> Result:
        """Make a run.

        Raises:
            Cancelled: `halt` or `close` ended it.
            ProcessDied: so did every process that tried.
        """
        return self._attempt(run, *self._given)

    def halt(self) -> None:
        """Have the runs in flight end after the epoch they are in."""

    def close(self) -> None:
        """Leave no process behind, whatever it is doing."""


class Processes(Workers):
    """Processes on this machine, each fed by a thread of its own; one that is killed takes no other with it.

    They read the data from a memory-mapped file, so it is in memory once.

    Args:
        attempt: makes a run; a function of a module, not of a notebook.
        data, place, device: what it is given.
        workers: number of processes.
    """

    def __init__(self, attempt: Attempt, data: AblationData, place: Store, device: str, workers: int) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="ablation-", ignore_cleanup_errors=True)
        file = Path(self._temporary.name) / "data"
        joblib.dump(data, file)
        super().__init__(attempt, file, place, device, max(1, cores() // workers))
        self._workers = workers
        self._threads = ThreadPoolExecutor(workers)
        self._own = threading.local()  # each thread's process
        self._all: list[_Process] = []
        self._starting = threading.Lock()
        self._closed = False

    def slots(self) -> int:
        """One for each process."""
        return self._workers

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        """Call `work` in a thread."""
        return self._threads.submit(work, *given, **named)

    def make(self, run: Run) -> Result:
        """Make a run in this thread's process, or in a new one where that died."""
        for _ in range(TRIES):
            process: _Process = getattr(self._own, "process", None) or self._start()
            try:
                return process.make(run)
            except (EOFError, OSError):  # nobody is at the other end of the pipe
                self._own.process = None
        raise ProcessDied(TRIES)

    def _start(self) -> _Process:
        with self._starting:
            if self._closed:
                raise Cancelled
            process = _Process(self._attempt, *self._given)
            self._all.append(process)
        process.await_start()
        self._own.process = process
        return process

    def halt(self) -> None:
        """Tell each process."""
        for process in self._all:
            process.halt()

    def close(self) -> None:
        """Kill them, in the middle of a run too: nothing of it is kept."""
        with self._starting:
            self._closed = True
        for process in self._all:
            process.kill()
        self._threads.shutdown()
        self._temporary.cleanup()


class _Process:
    """A process at the other end of a pipe, which carries runs there and results back."""

    def __init__(self, attempt: Attempt, *given: Any) -> None:
        spawn = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, attempt, *given), daemon=True)
        self._process.start()
        theirs.close()  # now the process alone holds it: its death ends `recv`

    def await_start(self) -> None:
        try:
            self._pipe.recv()
        except (EOFError, OSError):
            raise RuntimeError(
                "workers: the processes end before they begin. In a script, call it under "
                "`if __name__ == '__main__':`, as each process imports the script; else see their messages above"
            ) from None

    def make(self, run: Run) -> Result:
        self._pipe.send(run)
        result: Result | None = self._pipe.recv()
        if result is None:
            raise Cancelled
        return result

    def halt(self) -> None:
        with suppress(OSError):  # it is dead
            self._pipe.send(None)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def _serve(pipe: Any, attempt: Attempt, file: Path, place: Store, device: str, threads: int) -> None:
    """A process: makes the runs that come through the pipe, until it is closed or something else than a run comes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of the process that started it
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    tqdm.set_lock(threading.RLock())  # its own, between processes, would be told of as leaked after a hard end
    torch.set_num_threads(threads)
    threadpool_limits(threads)
    data: AblationData = joblib.load(file, mmap_mode="r")
    pipe.send("ready")
    while run := pipe.recv():
        try:
            pipe.send(attempt(run, data, place, device, pipe.poll))  # what comes while a run is made says: stop
        except Cancelled:
            pipe.send(None)


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def cores() -> int:
    """Processor cores that this process may use.

    Example:
        >>> cores() >= 1
        True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
