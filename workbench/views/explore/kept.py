"""Explorers with work under way: a cell that is run again gets back the one that it has made before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ..._core.background_job import Worker
from .base import Explorer


class KeptExplorer(Explorer):
    """An explorer that watches a worker, and may be displayed again and again.

    Args:
        run: what is watched.
    """

    def __init__(self, run: Worker) -> None:
        super().__init__()
        self.run = run
        self._displayed = False

    @property
    def phase(self) -> str:
        """Of its work: "ready", words while it is under way, then "done", "stopped" or "failed"."""
        return self.run.phase

    def watch(self) -> None:
        """Show what is new; called on the worker thread."""
        raise NotImplementedError(f"{type(self).__name__}.watch: say what to show when the work has gone on")

    def renew(self) -> None:
        """Make new figures that show the same."""
        raise NotImplementedError(f"{type(self).__name__}.renew: say how to make its figures anew")

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """As every explorer's, but a cell that is run again gets new figures.

        Plotly's views stay subscribed to their figure after they are taken off the page; the first update then fails
        on the old view and never reaches the new one.
        """
        if self._displayed:
            self.guarded(self.renew)()
        self._displayed = True
        return super()._repr_mimebundle_(**kwargs)


E = TypeVar("E", bound=KeptExplorer)
_kept: dict[tuple[str, str], Any] = {}  # by kind and name: what a cell that is run again gets back
_registry = threading.Lock()


def kept(name: str, run: Worker, make: Callable[[], E]) -> E:
    """The explorer of this name whose work has equal arguments, or a new one in its place.

    Args:
        name: of the explorer, among those of its kind of work.
        run: the work that is asked for; thrown away where it is known.
        make: makes the explorer of `run`.

    Raises:
        RuntimeError: work of this name with other arguments is running.
    """
    with _registry:
        known = _kept.get((run.what, name))
        if known is not None and known.run.fingerprint == run.fingerprint:
            return known  # type: ignore[no-any-return]  # of one kind of work, one kind of explorer
        if known is not None and known.run.running:
            raise RuntimeError(
                f"name: a {run.what} called {name!r} with other arguments is running; stop it (.stop()) or give this "
                "one another name"
            )
        explorer = _kept[run.what, name] = make()
        run.on_change = explorer.watch
        return explorer
