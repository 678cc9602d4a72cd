"""Parallel coordinates: the axes as numbers, the trace that shows them, and which rows lie inside a brush."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Bool, Float64

from ...evaluate.scores import FIGURES
from ..style import INK, PALETTE, escape
from .setting_words import factor_words, value_words

Range = tuple[float, float]
SCORES = (*FIGURES, "nmi", "n_clusters", "seconds_training")
_LETTERS = 16  # of a tick
# Both ends show on white and on near-black, which no scale from dark to light does.
SCALE = [[0.0, PALETTE[0]], [0.5, PALETTE[4]], [1.0, PALETTE[1]]]


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        name: the column.
        values: where each row stands on it; for words, the position of the word.
        ticks: the words, from the bottom; empty for numbers.
    """

    name: str
    values: Float64[np.ndarray, " rows"]
    ticks: tuple[str, ...] = ()

    @property
    def range(self) -> Range:
        """From the lowest to the highest, with some room where that is a point."""
        if self.ticks:
            return -0.2, max(len(self.ticks) - 0.8, 0.2)
        low = float(np.nanmin(self.values))
        high = float(np.nanmax(self.values))
        return (low, high) if high > low else (low - 0.01, high + 0.01)


def parallel_axes(runs: pd.DataFrame, factors: Mapping[str, Sequence[Any]], scores: Sequence[str]) -> list[Axis]:
    """Axes of the factors, then of the scores.

    Args:
        runs: a row per run.
        factors: column -> its values, from the bottom of the axis.
        scores: columns of numbers.

    Example:
        >>> runs = pd.DataFrame({"lander.conv": ["gcn", "gat"], "bcubed_f": [0.5, 0.7]})
        >>> [axis.values.tolist() for axis in parallel_axes(runs, {"lander.conv": ["gat", "gcn"]}, ["bcubed_f"])]
        [[1.0, 0.0], [0.5, 0.7]]
    """
    axes = []
    for name, values in factors.items():
        place = {str(value): i for i, value in enumerate(values)}
        codes = runs[name].map(lambda have, place=place: place[str(have)]).to_numpy(dtype=np.float64)
        axes.append(Axis(name, codes, tuple(map(value_words, values))))
    return axes + [Axis(name, runs[name].to_numpy(dtype=np.float64, na_value=np.nan)) for name in scores]


def parallel_trace(axes: Sequence[Axis], value: str) -> go.Parcoords:
    """The lines, coloured by the axis called `value`.

    Example:
        >>> parallel_trace([Axis("bcubed_f", np.array([0.5, 0.7]))], "bcubed_f").dimensions[0].label
        'BCubed F'
    """
    colour = next(axis for axis in axes if axis.name == value)
    bar = {"title": {"text": escape(factor_words(value)), "side": "top"}, "thickness": 12, "len": 0.9}
    low, high = colour.range
    line = {"color": colour.values, "colorscale": SCALE, "cmin": low, "cmax": high, "showscale": True, "colorbar": bar}
    trace = go.Parcoords(dimensions=[dimension(axis) for axis in axes], line=line, labelside="top", labelangle=-14)
    fonts = {f"{part}font": {"color": INK, "size": 12, "shadow": "none"} for part in ("label", "tick", "range")}
    return trace.update(**fonts, unselected={"line": {"color": INK, "opacity": 0.12}})


def dimension(axis: Axis) -> dict[str, Any]:
    """An axis as plotly takes it; its ticks are printed as they are, its label is markup."""
    made = {"label": escape(factor_words(axis.name)), "values": axis.values, "range": list(axis.range)}
    if axis.ticks:
        short = [tick if len(tick) <= _LETTERS else tick[: _LETTERS - 1] + "…" for tick in axis.ticks]
        made |= {"tickvals": list(range(len(short))), "ticktext": short}
    elif axis.name != "n_clusters":
        made["tickformat"] = ".3f" if axis.range[1] <= 1.01 else ".3~s"
    return made


def inside(axes: Sequence[Axis], brush: Mapping[str, Sequence[Range]]) -> Bool[np.ndarray, " rows"]:
    """Which rows lie in a range of each axis that has any.

    Args:
        brush: axis -> ranges; axes without are free.

    Example:
        >>> inside([Axis("f", np.array([0.2, 0.5, 0.9]))], {"f": [(0.1, 0.3), (0.8, 1.0)]}).tolist()
        [True, False, True]
    """
    kept = np.ones(len(axes[0].values) if axes else 0, dtype=bool)
    for axis in axes:
        if ranges := brush.get(axis.name):
            kept &= np.any([(low <= axis.values) & (axis.values <= high) for low, high in ranges], axis=0)
    return kept
