"""A ledger of stages: seconds spent in each part of the level loop, level by level."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

from workbench import clusterer, hierarchy, lander


class Ledger:
    """Rows (level, stage, seconds) of one clustering; a new level starts with every aggregation."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.level = 0

    def timed(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, with its time written down; aggregation makes the next level's nodes and counts there."""

        def run(*args: Any, **settings: Any) -> Any:
            self.level += stage == "aggregate"
            start = time.perf_counter()
            result = call(*args, **settings)
            self.rows.append({"level": self.level, "stage": stage, "seconds": time.perf_counter() - start})
            return result

        return run

    def table(self) -> pd.DataFrame:
        """Seconds: a row a level, a column a stage."""
        frame = pd.DataFrame(self.rows)
        return frame.pivot_table(index="level", columns="stage", values="seconds", aggfunc="sum", sort=False).fillna(0)


@contextmanager
def watched() -> Iterator[Ledger]:
    """Times the stages of every clustering in the block by standing between the loop and what it calls."""
    ledger = Ledger()
    places = [
        (hierarchy, "aggregate", "aggregate"),
        (clusterer, "knn", "knn"),
        (lander.Lander, "inputs", "inputs"),
        (lander.Lander, "embed", "convolutions"),
        (lander.Lander, "link_logits", "linkage"),
        (lander.Lander, "_forecast", "forecast"),
    ]
    before = [getattr(owner, name) for owner, name, _ in places]
    decoder = hierarchy.get_decoder
    try:
        for (owner, name, stage), call in zip(places, before, strict=True):
            setattr(owner, name, ledger.timed(stage, call))
        hierarchy.get_decoder = lambda given: ledger.timed("decode", decoder(given))
        yield ledger
    finally:
        for (owner, name, _), call in zip(places, before, strict=True):
            setattr(owner, name, call)
        hierarchy.get_decoder = decoder
