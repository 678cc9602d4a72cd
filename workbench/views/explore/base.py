"""What all explorers share: a status strip that loses no error, one lock, a picture for where there is no kernel."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import ipywidgets as widgets
import plotly.graph_objects as go
import torch
import traitlets

from ..style import escape
from .keys import MARK, OwnKeys

WIDTH = 840  # pixels of an explorer: what a notebook beside JupyterLab's file browser has on a 1280 pixel screen
_SAID = "<div role='status' aria-live='polite' style='line-height:1.4;padding:2px 0'>{}</div>"
_FAILED = (
    "<div role='alert' style='background:#B3261E;color:#fff;padding:4px 8px;border-radius:3px;line-height:1.4'>"
    "<b>{}</b><details><summary>{}</summary><pre style='color:#fff;white-space:pre-wrap;margin:0'>{}</pre></details>"
    "</div>"
)
P = ParamSpec("P")
R = TypeVar("R")


class Explorer(widgets.VBox):
    """A widget to explore with; every explorer derives from it.

    A subclass calls `super().__init__()`, makes its controls with callbacks wrapped by `guarded`, hands its rows to
    `arrange`, and says what is shown by `say`. Callbacks may come from any thread, one at a time.

    Attributes:
        errors: texts of all exceptions caught in callbacks, oldest first. Empty: nothing went wrong.

    Example:
        >>> explorer = Explorer()
        >>> half = explorer.guarded(lambda n: 1 / n)
        >>> half(2), half(0), explorer.errors
        (0.5, None, ['ZeroDivisionError: division by zero'])
    """

    errors = traitlets.List(trait=traitlets.Unicode())

    def __init__(self) -> None:
        # By its version, ipykernel runs callbacks on the main thread or at once on another; our own threads call, too.
        self._guard = threading.RLock()
        self._delayed: list[Delayed] = []
        self._traces: list[str] = []
        self._said = widgets.HTML()
        self._failed = widgets.HTML()
        self._keys = OwnKeys()
        super().__init__(layout=widgets.Layout(width=f"{WIDTH}px", max_width="100%", overflow="visible"))
        self.add_class(MARK)
        self.arrange()

    def arrange(self, *rows: widgets.Widget) -> None:
        """Show these rows, from the top, with the status strip below."""
        self.children = (*rows, self._said, self._failed, self._keys)

    def say(self, text: str) -> None:
        """Put plain text (escaped here) into the status strip, with the time: what is shown, n of N, sampled or not."""
        self._said.value = _SAID.format(f"{escape(text)} <span>· updated {time.strftime('%H:%M:%S')}</span>")

    def guarded(self, f: Callable[P, R], *, alone: bool = True) -> Callable[P, R | None]:
        """`f` as a callback: without gradients, one at a time, and an exception is shown instead of lost.

        Args:
            f: the callback.
            alone: False: other callbacks may run meanwhile. For what takes seconds; it must hand what it found to a
                guarded function, and touch nothing that others change.
        """

        @wraps(f)
        def run(*args: P.args, **kwargs: P.kwargs) -> R | None:
            with self._guard if alone else nullcontext(), torch.no_grad():  # grad mode is a thread's own
                try:
                    return f(*args, **kwargs)
                except Exception as error:  # noqa: BLE001  # shown: an event loop would swallow it
                    self._fail(error)
                    return None

        return run

    def debounced(self, f: Callable[..., Any], seconds: int | float = 0.3, *, alone: bool = True) -> Delayed:
        """`f` guarded, and run once, `seconds` after the last of many calls, on a thread; `settle` runs it now."""
        self._delayed.append(Delayed(self.guarded(f, alone=alone), seconds))
        return self._delayed[-1]

    def settle(self) -> None:
        """Run now what `debounced` has put off."""
        for delayed in self._delayed:
            delayed.flush()

    def static(self) -> go.Figure:
        """What is shown, as a figure without a kernel: for exported pages and editors without widgets."""
        raise NotImplementedError(f"{type(self).__name__}.static: say what to show where there are no widgets")

    def _fail(self, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        with self._guard:
            self._traces.append("".join(traceback.format_exception(error)))
            self.errors = [*self.errors, text]
            number = f"all {len(self._traces)} errors" if len(self._traces) > 1 else "where it happened"
            self._failed.value = _FAILED.format(escape(text), number, escape("\n".join(self._traces)))

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The widget, and beside it `static()` for who cannot show widgets."""
        for widget in walk(self):
            if isinstance(widget, go.FigureWidget):
                # Takes over what changed since it was made; done by no one inside a box. Not for a page that is loaded
                # anew (`LiveFigure.get_state`), but without it WebGL points stay unpainted, as the browser tests see.
                widget._repr_mimebundle_()
        figure = self.guarded(self.static)()
        fallback = {} if figure is None else figure._repr_mimebundle_()
        return {**fallback, **(super()._repr_mimebundle_(**kwargs) or {})}


class Delayed:
    """A function that runs once, some time after the last of many calls.

    Example:
        >>> seen = []
        >>> later = Delayed(seen.append, 60)
        >>> later(1), later(2), later.flush(), seen
        (None, None, None, [2])
    """

    def __init__(self, f: Callable[..., Any], seconds: int | float) -> None:
        self._f = f
        self._seconds = seconds
        self._lock = threading.Lock()
        self._running = threading.Lock()
        self._timer: threading.Timer | None = None

    def __call__(self, *args: Any) -> None:
        """Run it with these arguments later, in place of what waits."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(self._seconds, self._run, args)
            self._timer.start()

    def flush(self) -> None:
        """Run now what waits, and wait for what runs."""
        with self._lock:
            timer = self._timer
            self._timer = None
            if timer is not None:
                timer.cancel()
        with self._running:
            if timer is not None:
                self._f(*timer.args)

    def _run(self, *args: Any) -> None:
        with self._lock:
            if threading.current_thread() is not self._timer:  # meanwhile called again, or flushed
                return
            self._timer = None
        with self._running:
            self._f(*args)


def walk(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    """A widget and everything inside it.

    Example:
        >>> len(list(walk(widgets.VBox([widgets.HBox([widgets.Button()])]))))
        3
    """
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def slider(
    low: int | float, high: int | float, value: int | float, name: str, *, step: int | float = 1, live: bool = False
) -> Any:
    """A slider with a label, for numbers or, with an integer step, for integers.

    Args:
        name: the label, plain text.
        live: report while it is dragged, not only on release: for what answers in milliseconds.

    Example:
        >>> slider(0, 4, 2, "level").value
        2
    """
    kind = widgets.IntSlider if isinstance(step, int) else widgets.FloatSlider
    shape = {"layout": widgets.Layout(width="380px"), "style": {"description_width": "initial"}}
    made = kind(value=value, min=low, max=high, step=step, description=name, continuous_update=live, **shape)
    if not isinstance(step, int):
        made.readout_format = ".3f"
    return made


def text_pane(height: int, width: int | str = "100%") -> widgets.HTML:
    """An empty pane for HTML of fixed height, scrolled where there is more; what is put in must be escaped.

    Example:
        >>> text_pane(200).layout.height
        '200px'
    """
    wide = f"{width}px" if isinstance(width, int) else width
    return widgets.HTML(layout=widgets.Layout(height=f"{height}px", width=wide, overflow="auto"))
