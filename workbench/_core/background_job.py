"""Work in a background thread: a notebook starts, watches and stops it and stays free itself."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Worker:
    """A long task in a background thread; its error is kept, because nobody sees a thread's traceback.

    A subclass writes `_do`. It does the work, asks `_stop` now and then, and returns the phase in which it ends.

    Args:
        on_change: called without arguments, on the worker thread, at every change of `phase`.

    Attributes:
        phase: "ready", then what the subclass calls its stages, then "done", "stopped" or "failed".
        error: the exception that ended the thread; None if it did not fail.
        fingerprint: equal for equal arguments.

    Example:
        >>> class Count(Worker):
        ...     def _do(self):
        ...         self.n = sum(range(4))
        ...         return "done"
        >>> work = Count()
        >>> work.start(), work.join(), work.phase, work.n
        (None, True, 'done', 6)
    """

    what = "work"
    busy: tuple[str, ...] = ("working",)
    fingerprint = ""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self.on_change = on_change
        self.phase = "ready"
        self.error: Exception | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the task is running."""
        return self.phase in self.busy

    def start(self) -> None:
        """Start the task; once it has ended, start it again.

        Raises:
            RuntimeError: it is running already.
        """
        if self.running:
            raise RuntimeError(f"start: this {self.what} is running; stop it first")
        self._stop.clear()
        self._reset(self.busy[0])
        # The previous thread may still be in `on_change`. Joining it here could deadlock: `on_change` may need a lock
        # that our caller holds.
        self._thread = threading.Thread(target=self._work, name=self.what.replace(" ", "-"), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the task to end soon and return at once; what is done so far is kept."""
        self._stop.set()

    def join(self, timeout: float | int | None = None) -> bool:
        """Wait until the thread has ended, for `timeout` seconds at most; returns whether it has.

        Raises:
            RuntimeError: it was never started, or it failed (the cause is attached).
        """
        if self._thread is None:
            raise RuntimeError(f"wait: this {self.what} was not started; call start() first")
        self._thread.join(timeout)
        if self.error is not None:
            raise RuntimeError(f"wait: the {self.what} failed: {self.error}") from self.error
        return not self._thread.is_alive()

    def _do(self) -> str:
        raise NotImplementedError(f"{type(self).__name__}._do: say what to do")

    def _reset(self, phase: str) -> None:
        self.phase = phase
        self.error = None

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self.on_change()

    def _work(self) -> None:
        try:
            self._enter(self._do())
        except Exception as error:  # noqa: BLE001  # `join` raises it: nobody sees a thread's traceback
            self.error = error
            self._enter("failed")
