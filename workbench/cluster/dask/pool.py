"""Work on a Dask cluster in bounded number; what a lost worker had is sent and done again."""

from __future__ import annotations

import queue
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

from distributed import Client, Future
from distributed.scheduler import KilledWorker

from ..._core.progress import progress_bar
from .tasks import code_here, guarded

AHEAD = 2  # tasks in flight per thread of the cluster: one computes while the data of the next travel
PATIENCE = 60.0  # seconds to wait for a worker where there is none
RETRIES = 5  # times that one task may be lost
Job = Callable[[], "Future[Any]"]  # submits a task, again if need be


class ClusterError(OSError):
    """A cluster failed: no worker, one that errs, one with other code; the message names the cluster and what to do.

    Example:
        >>> issubclass(ClusterError, OSError)
        True
    """


class Shared:
    """A value that many tasks read: on the cluster from its first use, and again once its worker is lost.

    Args:
        client: of the cluster.
        make: gives the value; called anew for each sending, so that none is kept here.
    """

    def __init__(self, client: Client, make: Callable[[], Any]) -> None:
        self._client = client
        self._make = make
        self._future: Future[Any] | None = None

    def future(self) -> Future[Any]:
        """Where it is."""
        if self._future is None or self._future.status in ("cancelled", "lost"):
            self._future = _sent(self._client, self._make())
        return self._future

    def drop(self) -> None:
        """It is needed no more."""
        self._future = None


def _sent(client: Client, value: Any) -> Future[Any]:
    """The value as a whole on one worker; of a bare tuple every part would get a place of its own."""
    (future,) = client.scatter([value], hash=False)
    there: Future[Any] = future
    return there


@dataclass
class _Task:
    """A job in flight, how often it was lost, and the future of its result."""

    number: int
    job: Job
    lost: int
    future: Future[Any]


class WorkerPool:
    """All workers of a cluster, also those that join later.

    Args:
        client: of the cluster; not closed here.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.name = client.scheduler.address if client.scheduler else "no scheduler"
        self._code = code_here()
        self._shared: weakref.WeakSet[Shared] = weakref.WeakSet()

    def send(self, value: Any) -> Future[Any]:
        """Put a value on one worker."""
        return _sent(self.client, value)

    def share(self, make: Callable[[], Any]) -> Shared:
        """A value for many tasks, sent when first asked for."""
        made = Shared(self.client, make)
        self._shared.add(made)
        return made

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """A task, on a worker of the cluster's choice; arguments may be futures and `Shared`."""
        there = (part.future() if isinstance(part, Shared) else part for part in arguments)
        return self.client.submit(guarded, self._code, work, *there, pure=False)

    def task(self, work: Callable[..., Any], make: Callable[[], Any], *arguments: Any) -> Job:
        """The job `work(make(), *arguments)`; what `make` gives is sent to a worker, and kept nowhere else."""
        return lambda: self.submit(work, self.send(make()), *arguments)

    def threads(self) -> int:
        """Tasks that run at once; waits for a worker.

        Raises:
            ClusterError: there is none for a minute, or the client is closed.
        """
        until = time.monotonic() + PATIENCE
        while not (here := self._workers()):
            if time.monotonic() > until:
                raise ClusterError(
                    f"client: expected a cluster with workers, {self.name} had none for {PATIENCE:.0f} s; start one"
                )
            time.sleep(0.2)
        return sum(here.values())

    def _workers(self) -> dict[str, int]:
        """Threads of each worker."""
        if self.client.status != "running" or self.client.scheduler is None:
            raise ClusterError(
                f"client: expected one that is connected, got one that is {self.client.status} ({self.name}); make a "
                "new one: distributed.Client(address)"
            )
        here: dict[str, int] = self.client.nthreads()
        return here

    def fair(self, n: int, least: int, most: int) -> int:
        """Rows per task, so that n rows keep every thread busy.

        Args:
            n: rows in all.
            least: fewer are not worth a task.
            most: memory holds no more.
        """
        return min(most, max(least, -(-n // (AHEAD * self.threads()))))

    def everywhere(self, work: Callable[[], Any]) -> list[Any]:
        """The answer of every worker that is there now."""
        self.threads()
        try:
            answers: dict[str, Any] = self.client.run(guarded, self._code, work, on_error="return")
        except Exception as error:
            raise self._failed(error) from error
        for answer in answers.values():
            if isinstance(answer, ImportError):
                raise self._failed(answer) from answer
        return [answer for answer in answers.values() if not isinstance(answer, Exception)]  # else it is just leaving

    def run(self, jobs: Sequence[Job], what: str, tasks: int = 1) -> Iterator[tuple[int, Any]]:
        """Results of jobs as they come, each with its number; few jobs are in flight at a time.

        Args:
            jobs: each submits tasks and returns the last one's future; called again if that is lost with a worker.
            what: is being done, for the bar.
            tasks: how many each submits.

        Raises:
            ClusterError: a task failed, was lost too often, or no worker is left.
        """
        for _, result in zip(progress_bar(jobs, what), self._results(jobs, tasks), strict=True):
            yield result

    def _results(self, jobs: Sequence[Job], tasks: int) -> Iterator[tuple[int, Any]]:
        source = enumerate(jobs)
        ended = queue.SimpleQueue[_Task]()
        flying: dict[int, _Task] = {}
        try:
            while True:
                room = max(2, AHEAD * self.threads() // tasks)
                while len(flying) < room and (job := next(source, None)):
                    flying[job[0]] = self._start(*job, ended)
                if not flying:
                    return
                task = self._next(ended)
                try:
                    result = task.future.result()
                except CancelledError as error:  # a worker is gone with what the task reads
                    lost = self._again(task.lost, error)
                    flying[task.number] = self._start(task.number, task.job, ended, lost)
                    continue
                except Exception as error:
                    raise self._failed(error) from error
                del flying[task.number]
                yield task.number, result
        finally:
            self._cancel([task.future for task in flying.values()])

    def close(self) -> None:
        """Free what workers hold of ours, though an error's traceback may still name it."""
        for shared in list(self._shared):
            shared.drop()

    def _start(self, number: int, job: Job, ended: queue.SimpleQueue[_Task], lost: int = 0) -> _Task:
        """Submit it; it enters the queue when it has ended, one way or another."""
        try:
            task = _Task(number, job, lost, job())
        except OSError as error:  # the worker that was to take the data left just then
            return self._start(number, job, ended, self._again(lost, error))
        task.future.add_done_callback(lambda _: ended.put(task))
        return task

    def _again(self, lost: int, error: BaseException) -> int:
        """How often a task is lost now, after a moment in which the scheduler may notice who is gone."""
        if lost == RETRIES or self.client.status != "running":
            raise ClusterError(
                f"client: {self.name} lost a task {lost + 1} times, last with {_said(error)}; "
                f"look whether its scheduler lives and its workers stay"
            ) from error
        time.sleep(0.2 * lost)
        return lost + 1

    def _next(self, ended: queue.SimpleQueue[_Task]) -> _Task:
        while True:
            try:
                return ended.get(timeout=5)
            except queue.Empty:
                self.threads()  # somebody is there to do it

    def _failed(self, error: BaseException) -> ClusterError:
        hint = "; are they short of memory?" if isinstance(error, KilledWorker) else ""
        return ClusterError(f"client: a worker of {self.name} failed: {_said(error)}{hint}")

    def _cancel(self, futures: list[Future[Any]]) -> None:
        if futures and self.client.status == "running":
            self.client.cancel(futures)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
