"""Work on a thread of its own: begun, watched and stopped from a notebook that stays free."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Worker:
    """Something that takes long, on a worker thread; its error is kept, as nobody sees a thread's traceback.

    A subclass writes `_do`, which works, asks `_stop` now and then, and returns the phase it ends in.

    Args:
        on_change: called without arguments, on the worker thread, at every change of `phase`.

    Attributes:
        phase: "ready", the subclass's words while it works, then "done", "stopped" or "failed".
        error: what ended the thread, if it failed; None else.
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
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self.phase in self.busy

    def start(self) -> None:
        """Begin; after an end begin anew.

        Raises:
            RuntimeError: it is running.
        """
        if self.running:
            raise RuntimeError(f"start: this {self.what} is running; stop it first")
        self._stop.clear()
        self._reset(self.busy[0])
        # A thread before it may still tell of its end. Waiting for that here could wait for good: who is told may
        # need a lock that our caller holds.
        self._thread = threading.Thread(target=self._work, name=self.what.replace(" ", "-"), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end soon; what is done is kept. Does not wait."""
        self._stop.set()

    def join(self, timeout: float | int | None = None) -> bool:
        """Block until the thread has ended; whether it has.

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
        self.phase, self.error = phase, None

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self.on_change()

    def _work(self) -> None:
        try:
            self._enter(self._do())
        except Exception as error:  # noqa: BLE001  # handed to whoever watches: nobody sees a thread's traceback
            self.error = error
            self._enter("failed")
