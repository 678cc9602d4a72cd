"""The workers of a Dask cluster as the pool of a sweep; they need no share in its store."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial

from distributed import Client, Event
from distributed.scheduler import KilledWorker

from .run import AblationData, Run, code_version
from .workers import Attempt, Result, Worker

PATIENCE = 60.0  # seconds to wait for a worker where there is none

_one_at_a_time = threading.Lock()  # in a worker: runs draw from torch's generator, which its threads share


class DaskWorkers:
    """One for each worker of the cluster, also of those that join it later.

    Args:
        attempt: does a run; a function of a module, not of a notebook.
        data: sent to each worker once.
        device: given to `attempt`.
        client: of the cluster; not closed here.
    """

    def __init__(self, attempt: Attempt, data: AblationData, device: str, client: Client) -> None:
        self._client = client
        self._data = data
        self._stop = Event(f"stop-{uuid.uuid4().hex}", client)
        self._work = partial(_work, attempt, self._stop.name, device)
        self._workers: dict[str, _Worker] = {}
        self._seen = time.monotonic()

    def free(self, wanted: int) -> Sequence[Worker]:
        """One for each worker that is there, less the busy ones.

        Raises:
            RuntimeError: there was none for a minute.
        """
        here = self._client.nthreads()
        if here:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > PATIENCE:
            raise RuntimeError(f"client: expected a cluster with workers, had none for {PATIENCE:.0f} s; start one")
        self._workers = {
            address: worker for address, worker in self._workers.items() if address in here and not worker.dead
        }
        free = [worker for worker in self._workers.values() if not worker.busy]
        for address in sorted(here.keys() - self._workers)[: max(0, wanted - len(free))]:
            self._workers[address] = _Worker(self._client, address, self._work, self._data)
            free.append(self._workers[address])
        return free[:wanted]

    def halt(self) -> None:
        """The event is set that runs ask after each epoch."""
        self._stop.set()

    def close(self) -> None:
        """What is in flight ends after its epoch, and its result is dropped."""
        self.halt()
        for worker in self._workers.values():
            worker.close()


class _Worker:
    """A worker of the cluster."""

    def __init__(
        self, client: Client, address: str, work: Callable[[Run, AblationData], Result], data: AblationData
    ) -> None:
        self._client = client
        self._address = address
        self._work = work
        self._data = client.scatter(data, workers=[address], hash=False)
        self._executor = client.get_executor(workers=[address], pure=False)
        self._last: Future[Result] | None = None
        self.dead = False

    @property
    def busy(self) -> bool:
        return self._last is not None and not self._last.done()

    def submit(self, run: Run) -> Future[Result]:
        future: Future[Result] = self._executor.submit(self._work, run, self._data)
        self._last = future
        return future

    def lost(self, future: Future[Result]) -> bool:
        """Its worker is gone (the future would wait for it for ever), or took the data along."""
        if future.done():
            self.dead = future.cancelled() or isinstance(future.exception(), (CancelledError, KilledWorker))
        else:
            self.dead = self._address not in self._client.nthreads()
            if self.dead:
                future.cancel()
        return self.dead

    def close(self) -> None:
        self._executor.shutdown(wait=False)


def _work(attempt: Attempt, stop: str, device: str, run: Run, data: AblationData) -> Result:
    """A run in a worker."""
    if (here := code_version()) != run.code:
        raise RuntimeError(f"client: a worker has the code {here}, expected {run.code}; install the same package there")
    with _one_at_a_time:
        return attempt(run, data, None, device, Event(stop).is_set)
