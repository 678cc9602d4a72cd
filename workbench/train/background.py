"""Meta-training on a thread of its own: started, watched and stopped from a notebook that stays free."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from .._core.background_job import Worker
from .._core.state import read_state
from .._core.validation import check_array, check_labels
from ..lander.config import InferenceConfig, LanderConfig
from ..lander.model import Lander
from .config import RunOptions, TrainConfig
from .meta_train import meta_train
from .trainer import MetaTraining

_RECENT = 20  # epochs that the rate is a mean of: more are steadier, fewer follow sooner when levels are built anew


class BackgroundTraining(Worker):
    """A call of `meta_train` that runs on a worker thread.

    Args:
        features, labels, config, training, inference, validation, options: see `meta_train`.
        on_change: called without arguments, on the worker thread, after every epoch and every change of `phase`.

    Attributes:
        phase: "ready", "training", "choosing tau" (all epochs done, or stopped), then "done", "stopped" or "failed".
        lander: the best model, once done or stopped; None before.
        error: what ended the thread, if it failed; None else.
        epochs: to be done in all.
        fingerprint: equal for equal arguments.

    Raises:
        TypeError, ValueError: at once, whatever `MetaTraining` refuses.

    Example:
        >>> import torch
        >>> random = torch.Generator().manual_seed(0)
        >>> x = torch.randn(12, 8, generator=random).repeat(20, 1) + 0.1 * torch.randn(240, 8, generator=random)
        >>> run = BackgroundTraining(x, torch.arange(12).repeat(20), training=TrainConfig(epochs=4, validate=4))
        >>> run.start()
        >>> run.wait().config.inputs, run.phase, run.epoch
        ('structural', 'done', 4)
    """

    what = "training"
    busy = ("training", "choosing tau")

    def __init__(
        self,
        features: Any,
        labels: Any,
        config: LanderConfig | None = None,
        *,
        training: TrainConfig | None = None,
        inference: InferenceConfig | None = None,
        validation: tuple[Any, Any] | None = None,
        on_change: Callable[[], None] = lambda: None,
        **options: Any,
    ) -> None:
        super().__init__(on_change)
        settings = {"training": training, "inference": inference, "validation": validation}
        self._given = {"features": features, "labels": labels, "config": config, **settings}
        self._options = RunOptions(**options)
        self.epochs = MetaTraining(**self._given, **options).training.epochs  # made to raise here, not on the thread
        self.fingerprint = _digest(self._given, self._options)
        self._reset("ready")

    def _reset(self, phase: str) -> None:
        super()._reset(phase)
        self.lander = None
        self._rows: list[dict[str, Any]] = []
        self._ends: deque[float] = deque([time.monotonic()], maxlen=_RECENT + 1)

    lander: Lander | None

    @property
    def history(self) -> pd.DataFrame:
        """One row per epoch and level so far, as `Lander.history`."""
        with self._lock:
            return pd.DataFrame(list(self._rows))

    @property
    def epoch(self) -> int:
        """Epochs done."""
        with self._lock:
            return int(self._rows[-1]["epoch"]) if self._rows else 0

    @property
    def rate(self) -> float:
        """Epochs per second, over the last 20; 0 before the first is done."""
        with self._lock:
            took = self._ends[-1] - self._ends[0]
            return (len(self._ends) - 1) / took if took > 0 else 0.0

    @property
    def seconds_left(self) -> float:
        """Until the last epoch is done, at this rate; infinite before the first is done."""
        return (self.epochs - self.epoch) / self.rate if self.rate else float("inf")

    def wait(self, timeout: float | int | None = None) -> Lander:
        """Block until the model is there.

        Args:
            timeout: seconds; None: as long as it takes.

        Raises:
            RuntimeError: it was never started, or it failed (the cause is attached).
            TimeoutError: it is not done yet; it goes on.
        """
        self.join(timeout)
        if self.lander is None:
            raise TimeoutError(f"wait: not done after {timeout} s, at epoch {self.epoch} of {self.epochs}; it goes on")
        return self.lander

    def _do(self) -> str:
        self._take_up()
        watch: dict[str, Any] = {"stop": self._asked, "on_epoch": self._after_epoch, "progress": False}
        self.lander = meta_train(**self._given, **asdict(self._options), **watch)
        return "stopped" if self._stop.is_set() and self.epoch < self.epochs else "done"

    def _take_up(self) -> None:
        """The history that a saved run goes on from."""
        state = self._options.state
        if state is not None and Path(state).exists():
            with self._lock:
                self._rows = list(read_state(state)[1].get("rows", []))

    def _asked(self) -> bool:
        if self._stop.is_set():  # `meta_train` only chooses tau from here on
            self._enter("choosing tau")
        return self._stop.is_set()

    def _after_epoch(self, rows: list[dict[str, Any]]) -> None:
        with self._lock:
            self._rows += rows
            self._ends.append(time.monotonic())
        self._enter("choosing tau" if self.epoch == self.epochs else "training")


def _digest(given: dict[str, Any], options: RunOptions) -> str:
    """Equal for equal arguments, so that a notebook's cell that is run again can find the training it started."""
    settings = [repr(given[name]) for name in ("config", "training", "inference")]
    digest = hashlib.sha256("\n".join([*settings, repr(options)]).encode())
    for features, labels in filter(None, [(given["features"], given["labels"]), given["validation"]]):
        for values in (check_array(features), check_labels(labels)):
            digest.update(f"{values.dtype} {values.shape} ".encode() + values.tobytes())
    return digest.hexdigest()
