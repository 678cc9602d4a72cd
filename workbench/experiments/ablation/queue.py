"""Runs of a grid that wait to be computed, one after the other, on a worker thread."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from ..._core.background_job import Worker
from .run import AblationData
from .settings import Grid, Settings, configurations, describe
from .sweep import run_grid

Factors = Mapping[str, Any]


class RunQueue(Worker):
    """The runs of a grid: those that the store has, and a queue of configurations whose missing runs are computed.

    Args:
        grid, data, store, seeds, base, device: see `run_grid`.
        on_change: called without arguments, on the worker thread, before every run and at the end.

    Attributes:
        phase: "ready", "computing", then "done", "stopped" or "failed".
        configs: factor -> value of every configuration so far: those of the grid, then those that `look_up` added.
        queued: those that wait, next first.
        current: configuration and seed of the run that is being computed, or None.
        table: all their runs that are done, as `run_grid` gives them.

    Raises:
        ValueError: a grid or seeds that cannot be.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from workbench import FeatureSet
        >>> toy = FeatureSet(np.eye(4), np.array([0, 0, 1, 1]))
        >>> runs = RunQueue({"lander.layers": [1, 2]}, AblationData(toy, {"toy": toy}), tempfile.mkdtemp(), seeds=[0])
        >>> runs.add(runs.configs[1]), runs.waiting, len(runs.table)
        (None, [({'lander.layers': 2}, 0)], 0)
    """

    what = "sweep"
    busy = ("computing",)

    def __init__(
        self,
        grid: Grid,
        data: AblationData,
        store: str | os.PathLike[str],
        *,
        seeds: Sequence[int] = (0, 1, 2),
        base: Settings | None = None,
        device: str = "auto",
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(on_change)
        self._go: dict[str, Any] = {"data": data, "store": store, "base": base, "device": device, "progress": False}
        self.seeds = [int(seed) for seed in seeds]
        self._base = base
        self.configs: list[Factors] = [factors for factors, _ in configurations(grid, base)]
        self.queued: list[Factors] = []
        self.current: tuple[Factors, int] | None = None
        self._took: list[float] = []
        self._reading = threading.Lock()
        self._read()
        made_of = (self.configs, base, self.seeds, data.fingerprint, os.fspath(store), device)
        self.fingerprint = hashlib.sha256(repr(made_of).encode()).hexdigest()

    @property
    def waiting(self) -> list[tuple[Factors, int]]:
        """Configuration and seed of the queued runs that are not there yet, next first."""
        with self._lock:
            return [(factors, seed) for factors in self.queued for seed in self.missing(factors)]

    @property
    def seconds_left(self) -> float:
        """Until the queue is empty, at the mean time of the runs computed here; NaN before the first."""
        return len(self.waiting) * sum(self._took) / len(self._took) if self._took else float("nan")

    def missing(self, factors: Factors) -> list[int]:
        """Seeds that this configuration has no run of yet."""
        table = self.table
        there = set(table.loc[table["config"] == describe(factors), "seed"]) if len(table) else set()
        return [seed for seed in self.seeds if seed not in there]

    def one(self, reference: Factors | None = None) -> Factors:
        """The only one of `configs` that fits; None: the first.

        Raises:
            ValueError: none fits, or several.
        """
        fits = [one for one in self.configs if _fits(one, reference)] if reference is not None else self.configs[:1]
        if len(fits) != 1:
            told = ", ".join(map(describe, fits or self.configs))
            raise ValueError(
                f"reference: expected one configuration, {dict(reference or {})} fits {len(fits)}; there is: {told}"
            )
        return fits[0]

    def look_up(self, factors: Factors) -> None:
        """Make a configuration one of `configs`, and read the runs of it that the store has.

        Raises:
            ValueError: it cannot be.
        """
        configurations([factors], self._base)
        if factors not in self.configs:
            self.configs.append(dict(factors))
            self._read()

    def add(self, factors: Factors) -> None:
        """Put one of `configs` at the head of the queue, if a run of it is missing."""
        if self.missing(factors):
            with self._lock:
                self.queued = [factors, *(other for other in self.queued if other != factors)]

    def wait(self, timeout: float | int | None = None) -> pd.DataFrame:
        """Block until nothing is being computed; the runs so far.

        Raises:
            RuntimeError: it was never started, or it failed (the cause is attached).
            TimeoutError: it is not done yet; it goes on.
        """
        if not self.join(timeout):
            raise TimeoutError(f"wait: not done after {timeout} s, {len(self.waiting)} runs are left; it goes on")
        return self.table

    def _read(self) -> None:
        with self._reading:  # or an older look might take the place of a newer one
            self.table: pd.DataFrame = run_grid(self.configs, seeds=self.seeds, stop=lambda: True, **self._go)

    def _do(self) -> str:
        tried: list[tuple[Factors, int]] = []  # a run that leaves no trace must not be tried for ever
        while not self._stop.is_set() and (left := [run for run in self.waiting if run not in tried]):
            factors, seed = self.current = left[0]
            self._enter("computing")
            start = time.monotonic()
            run_grid([factors], seeds=[seed], stop=self._stop.is_set, **self._go)
            self._read()
            self.current = None
            if not self._stop.is_set():
                tried.append((factors, seed))
                self._took.append(time.monotonic() - start)
        with self._lock:
            self.queued = [factors for factors in self.queued if self.missing(factors)]
        return "stopped" if self._stop.is_set() else "done"


def _fits(factors: Factors, wanted: Factors) -> bool:
    return all(name in factors and factors[name] == value for name, value in wanted.items())
