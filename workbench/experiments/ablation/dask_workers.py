"""The workers of a Dask cluster as those of a sweep; they need no share in its store."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any

from distributed import Client, Event, WorkerPlugin, get_worker
from distributed.scheduler import KilledWorker

from .run import AblationData, Cancelled, Run, code_version
from .workers import Attempt, ProcessDied, Result, Workers

PATIENCE = 60.0  # seconds to wait for a worker where there is none
LOOK = 0.5  # seconds between two looks for one

_one_at_a_time = threading.Lock()  # in a worker: runs draw from torch's generator, which its threads share


class _Data(WorkerPlugin):
    """The data, sent once to each worker, also to those that join later."""

    def __init__(self, data: AblationData) -> None:
        self.data = data


class DaskWorkers(Workers):
    """A run for each worker of the cluster. Dask itself gives a run whose worker died to another.

    Args:
        attempt: makes a run; a function of a module, not of a notebook.
        data, device: given to `attempt`.
        client: of the cluster; not closed here.
    """

    def __init__(self, attempt: Attempt, data: AblationData, device: str, client: Client) -> None:
        self._name = f"ablation-{uuid.uuid4().hex}"
        super().__init__(attempt, self._name, device)
        self._client = client
        self._client.register_plugin(_Data(data), name=self._name)
        self._stop = Event(self._name, client)
        self._threads = ThreadPoolExecutor(1000)  # each waits for a run; as many begin as `slots` allows
        self._flying: set[Any] = set()
        self._seen = time.monotonic()

    def slots(self) -> int:
        """Workers that are there.

        Raises:
            RuntimeError: there was none for a minute.
        """
        here = len(self._client.nthreads())
        if here:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > PATIENCE:
            raise RuntimeError(f"client: expected a cluster with workers, had none for {PATIENCE:.0f} s; start one")
        else:
            time.sleep(LOOK)
        return here

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        """Call `work` in a thread."""
        return self._threads.submit(work, *given, **named)

    def make(self, run: Run) -> Result:
        """Make a run on the cluster."""
        future = self._client.submit(_work, run, self._attempt, *self._given, pure=False)
        self._flying.add(future)
        try:
            result: Result = future.result()
            return result
        except KilledWorker as killed:
            raise ProcessDied(killed.allowed_failures + 1) from killed
        except CancelledError:
            raise Cancelled from None
        finally:
            self._flying.discard(future)

    def halt(self) -> None:
        """The event is set that runs ask after each epoch."""
        self._stop.set()

    def close(self) -> None:
        """What is in flight ends after its epoch, and its result is dropped."""
        self.halt()
        self._client.cancel(list(self._flying))
        self._threads.shutdown()
        self._client.unregister_worker_plugin(self._name)


def _work(run: Run, attempt: Attempt, name: str, device: str) -> Result:
    """A run in a worker."""
    if (here := code_version()) != run.code:
        raise RuntimeError(f"client: a worker has the code {here}, expected {run.code}; install the same package there")
    with _one_at_a_time:
        data: AblationData = get_worker().plugins[name].data  # type: ignore[attr-defined]  # `_Data`
        return attempt(run, data, None, device, Event(name).is_set)
