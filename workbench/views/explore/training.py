"""The training monitor: live curves while a worker thread trains, and a Stop button that works."""

from __future__ import annotations

import time
from typing import Any

import ipywidgets as widgets
import pandas as pd
import plotly.graph_objects as go

from ...lander.config import InferenceConfig, LanderConfig
from ...lander.model import Lander
from ...train.background import BackgroundTraining
from ...train.config import TrainConfig
from ..figures.plots import plot_training
from ..figures.training_curves import smoothing, training_curves
from ..style import CLEAR, INK, PALETTE
from .base import WIDTH
from .kept import KeptExplorer, kept
from .live import LiveFigure

_PAUSE = 0.25  # seconds between two drawings at least
_SHARE = 10  # and so many times as long as the last one took, up to a second: watching must not slow training down
_LEVELS = InferenceConfig().max_levels  # most that a hierarchy has
_SAYS = {
    "ready": "Ready: press Start.",
    "training": "Training: the cell is free, press Stop to end with the best model so far.",
    "choosing tau": "Choosing tau on held-out classes for the best model.",
    "done": "Done: the model is in .lander.",
    "stopped": "Stopped: the best model so far is in .lander.",
    "failed": "The training failed.",
}


class TrainingMonitor(KeptExplorer):
    """What `explore_training` returns: see there."""

    run: BackgroundTraining

    def __init__(self, run: BackgroundTraining) -> None:
        super().__init__(run)
        self._drawn = 0.0
        self._cost = 0.0
        self._shown_phase = ""
        self._start = widgets.Button(description="Start", icon="play", button_style="primary")
        self._stop = widgets.Button(
            description="Stop", icon="stop", tooltip="End after this epoch, keep the best model"
        )
        self._bar = widgets.IntProgress(0, 0, run.epochs, description="Epoch", layout=widgets.Layout(width="260px"))
        self._count = widgets.HTML()
        self._figure = LiveFigure(_empty())
        self._start.on_click(self.guarded(lambda _: self.start()))
        self._stop.on_click(self.guarded(lambda _: self.stop()))
        self._controls = widgets.HBox([self._start, self._stop, self._bar, self._count])
        self.arrange(self._controls, self._figure)
        self._draw = self.guarded(self._draw_all)
        self._draw()

    @property
    def lander(self) -> Lander | None:
        """The best model once done or stopped; None before."""
        return self.run.lander

    @property
    def history(self) -> pd.DataFrame:
        """One row per epoch and level so far, as `Lander.history`."""
        return self.run.history

    def start(self) -> None:
        """Begin on a worker thread; after an end begin anew, from `state` where that was given.

        Raises:
            RuntimeError: it is running.
        """
        self.run.start()
        self._draw()

    def stop(self) -> None:
        """End after the epoch it is in, with the best model so far. Does not wait."""
        self.run.stop()
        self._draw()

    def wait(self, timeout: float | int | None = None) -> Lander:
        """Block until the model is there, with the curves still drawn. The Stop button waits for this cell, too.

        Raises:
            RuntimeError: it was not started, or it failed (the cause is attached).
            TimeoutError: it is not done after `timeout` seconds; it goes on.
        """
        return self.run.wait(timeout)

    def renew(self) -> None:
        """A new figure with the same lines."""
        self._figure = LiveFigure(go.Figure(self._figure).update_layout(width=WIDTH))
        self.arrange(self._controls, self._figure)

    def static(self) -> go.Figure:
        """The curves so far."""
        history = self.run.history
        return plot_training(history) if len(history) else _empty()

    def watch(self) -> None:
        """Draw what is new, at most four times a second; called on the worker thread."""
        due = time.monotonic() - self._drawn >= min(max(_PAUSE, _SHARE * self._cost), 1)
        if due or self.run.phase != self._shown_phase:
            self._draw()

    def _draw_all(self) -> None:
        began = time.monotonic()
        phase = self.run.phase  # once: the run may end meanwhile, on its thread
        news = phase != self._shown_phase
        self._shown_phase = phase
        self._buttons(phase)
        history = self.run.history
        self._curves(history)
        self._drawn = time.monotonic()
        self._cost = self._drawn - began
        mean = smoothing(history) if len(history) else 1
        self.say(_SAYS[phase] + (f" Each point is the mean of {mean} epochs." if mean > 1 else ""))
        if news and phase == "failed" and self.run.error is not None:
            raise self.run.error  # caught and shown by the guard

    def _buttons(self, phase: str) -> None:
        run = self.run
        self._start.disabled = run.running
        self._stop.disabled = phase != "training"
        self._start.description = "Start" if phase in ("ready", "training", "choosing tau") else "Start again"
        self._bar.value = run.epoch
        self._bar.bar_style = {"done": "success", "failed": "danger", "stopped": "warning"}.get(phase, "info")
        left = f", {_clock(run.seconds_left)} left" if phase == "training" and run.rate else ""
        rate = f" · {run.rate:.2f} epochs/s" if run.rate else ""
        self._count.value = f"{run.epoch:,} of {run.epochs:,}{rate}{left}"

    def _curves(self, history: pd.DataFrame) -> None:
        """New points into the lines; the figure has a line for every level there may be, shown once it has points."""
        curves = training_curves(history) if len(history) else {}
        with self._figure.batch_update():
            for trace in self._figure.data:
                curve = curves.get(_key(trace))
                trace.visible = curve is not None
                if curve is not None:
                    trace.x = curve.index.to_numpy()
                    trace.y = curve.to_numpy()


def _key(trace: Any) -> tuple[str, str]:
    return trace.name, trace.xaxis or "x"


def _empty() -> go.Figure:
    """The figure of a training that has not begun, with room for the validation score.

    Its lines are hidden, not empty: an empty array is a message without a body, which the browser cannot read.
    """
    common = {"epoch": 1, "nodes": 1, "link_loss": 0.0, "density_loss": 0.0, "val_bcubed_f": 0.0}
    figure = plot_training(pd.DataFrame([{**common, "level": level} for level in range(_LEVELS)]))
    figure.update_layout(title_text="Meta-training", width=WIDTH, yaxis3_range=[0, 1.02])
    figure.update_layout(modebar={"bgcolor": CLEAR, "color": INK, "activecolor": PALETTE[0]})
    return figure.update_traces(visible=False, hovertemplate="epoch %{x}: %{y:.4f}")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def explore_training(
    features: Any,
    labels: Any,
    config: LanderConfig | None = None,
    *,
    training: TrainConfig | None = None,
    inference: InferenceConfig | None = None,
    validation: tuple[Any, Any] | None = None,
    name: str = "training",
    **options: Any,
) -> TrainingMonitor:
    """Train a LANDER on a worker thread and watch it: losses by head and level, and F on held-out classes.

    No cell is blocked. Stop ends within one epoch and keeps the best model so far. Start (or `.start()`) begins;
    `.lander` has the model when it is done, `.history` the curves so far, `.wait()` blocks until then. An exception on
    the thread stands in the status strip and in `.errors`, and is raised by `.wait()`.

    A cell that is run again with equal arguments gets the same monitor back, running or done: monitors are kept by
    `name` as long as the kernel lives. Other arguments under the same name take its place, but not while it runs.

    Args:
        features, labels, config, training, inference, validation: see `workbench.meta_train`.
        name: of the monitor; two trainings at the same time need two names.
        options: seed, device, precision, state, as in `workbench.meta_train`; with a `state` Start goes on from there,
            also in another kernel.

    Returns: a widget with `start`, `stop`, `wait`, `lander`, `history`, `phase` and the trait `errors`.

    Raises:
        TypeError, ValueError: what `meta_train` refuses, at once.
        RuntimeError: another training of this name is running.

    Example:
        >>> import torch, workbench as wb
        >>> random = torch.Generator().manual_seed(0)
        >>> x = torch.randn(12, 8, generator=random).repeat(20, 1) + 0.1 * torch.randn(240, 8, generator=random)
        >>> labels, quick = torch.arange(12).repeat(20), wb.TrainConfig(epochs=4, validate=4)
        >>> monitor = explore_training(x, labels, training=quick, name="example")
        >>> monitor.start()
        >>> monitor.wait() is monitor.lander, monitor.phase, monitor.errors
        (True, 'done', [])
        >>> explore_training(x, labels, training=quick, name="example") is monitor
        True
    """
    settings: dict[str, Any] = {"training": training, "inference": inference, "validation": validation}
    run = BackgroundTraining(features, labels, config, **settings, **options)
    return kept(name, run, lambda: TrainingMonitor(run))
