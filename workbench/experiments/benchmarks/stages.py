"""Stage times: seconds spent in each part of the level loop, level by level."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

from ...cluster import hierarchy, hilander, predictors
from ...decode import cuts, tree
from ...graph import discriminant
from ...lander import model

PLACES = (  # where the loop looks up what it calls: owner, name there, stage
    (discriminant, "local_discriminant", "metric"),
    (discriminant.Metric, "__call__", "metric"),
    (hierarchy, "aggregate", "aggregate"),
    (hilander, "knn", "knn"),
    (model.Lander, "inputs", "inputs"),
    (model.Lander, "embed", "convolutions"),
    (model.Lander, "_logits", "linkage"),
    (cuts.CutDecoder, "quality", "quality"),
    (cuts, "cut_at", "decode"),
)


class StageTimes:
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
        """Seconds: a row a level, a column a stage.

        Example:
            >>> times = StageTimes()
            >>> times.timed("knn", len)("abc"), list(times.table().columns)
            (3, ['knn'])
        """
        frame = pd.DataFrame(self.rows, columns=["level", "stage", "seconds"])
        return frame.pivot_table(index="level", columns="stage", values="seconds", aggfunc="sum", sort=False).fillna(0)


@contextmanager
def watched() -> Iterator[StageTimes]:
    """Times the stages of every clustering in the block by standing between the loop and what it calls.

    On a GPU a stage's work may be counted in the next one that waits for it.

    Example:
        >>> import numpy as np, workbench as wb
        >>> with watched() as times:
        ...     model = wb.HiLander("glyphs-lander", device="cpu").fit(np.random.default_rng(0).random((40, 8)))
        >>> {"knn", "convolutions", "decode"} <= set(times.table().columns)
        True
    """
    times = StageTimes()
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in PLACES]
    plain = tree.get_decoder  # every decoder but "cut", whose two stages are timed above
    before.append((predictors, "get_decoder", plain))
    try:
        for (owner, name, call), (*_, stage) in zip(before, PLACES, strict=False):
            setattr(owner, name, times.timed(stage, call))
        setattr(predictors, "get_decoder", lambda given: times.timed("decode", plain(given)))  # noqa: B010
        yield times
    finally:
        for owner, name, call in before:
            setattr(owner, name, call)
