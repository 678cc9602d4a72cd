"""The figures of the ablation panel: a configuration beside the reference, and all runs as lines to brush."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.basedatatypes import BaseFigure

from ..figures.parallel import Axis, Range, dimension, parallel_trace
from ..figures.score_plots import plot_intervals
from ..figures.setting_words import factor_words
from ..style import styled
from .live import LiveFigure

Brush = Mapping[str, Sequence[Range]]
_WHO = ("reference", "chosen")
_HEIGHT = 330


def by_level(table: pd.DataFrame, chosen: str, reference: str, test: str) -> pd.DataFrame:
    """Rows of two configurations with the columns `who` and `after`: the result first, then each level.

    Args:
        table: from `run_grid`.
        chosen, reference: names of configurations; the same one twice is the reference.
        test: the test set.

    Example:
        >>> runs = pd.DataFrame({"config": ["a"], "test": ["t"], "last": [True], "level": [0]})
        >>> by_level(runs, "b", "a", "t")[["who", "after"]].values.tolist()
        [['reference', 'result'], ['reference', 'level 0']]
    """
    if "level" not in table:  # none is done, or all have failed
        return pd.DataFrame(columns=["who", "after"])
    parts = []
    for who, config in zip(_WHO, (reference, chosen), strict=True):
        own = table[(table["config"] == config) & (table["test"] == test)]
        if who == "reference" or chosen != reference:
            parts += [own[own["last"]].assign(who=who, after="result")]
            parts += [own.assign(who=who, after="level " + own["level"].astype("Int64").astype(str))]
    return pd.concat(parts).sort_values("after", key=lambda after: after.ne("result"), kind="stable")


class ResultFigure:
    """Scores of the chosen configuration beside the reference's, seed by seed and level by level.

    Args:
        width: pixels.
    """

    def __init__(self, width: int) -> None:
        skeleton = pd.DataFrame({"who": _WHO, "after": ["result"] * 2, "score": [0.5, 0.5]})
        figure = plot_intervals(skeleton, value="score", group="after", by="who").update_traces(visible=False)
        figure.update_layout(width=width, height=_HEIGHT, showlegend=True, title_font_size=15)
        self._keys = [_key(trace) for trace in figure.data]  # the browser gives the traces names of its own
        self.figure: BaseFigure = figure.update_layout(margin={"t": 96})

    def go_live(self) -> None:
        """Make it a widget; once it shows something, as what is changed before its view is there may be lost."""
        self.figure = LiveFigure(go.Figure(self.figure))

    def static(self) -> go.Figure:
        """As it stands."""
        return go.Figure(self.figure)

    def show(self, rows: pd.DataFrame, value: str) -> None:
        """Show rows of `by_level`; a trace without any is hidden, as an empty array does not reach the browser."""
        there = value in rows and bool(rows[value].notna().any())
        found = plot_intervals(rows, value=value, group="after", by="who") if there else go.Figure()
        new = {_key(trace): trace for trace in found.data}
        with self.figure.batch_update():
            for key, trace in zip(self._keys, self.figure.data, strict=True):
                made = new.get(key)
                trace.visible = made is not None
                if made is not None:
                    trace.x = made.x
                    trace.y = made.y
                if made is not None and made.name:  # dots have neither
                    trace.hovertext = made.hovertext
                    trace.error_x.array = made.error_x.array
            layout = self.figure.layout
            layout.title.text = styled(go.Figure(), _title(value, there)).layout.title.text
            layout.xaxis.title.text = factor_words(value)
            if there:
                axis = found.layout.yaxis
                layout.yaxis.update(tickvals=axis.tickvals, ticktext=axis.ticktext, range=axis.range)
            layout.yaxis.title.text = ""


def _key(trace: Any) -> tuple[str, bool]:
    """Of whom, and whether it is the means; the dots have no name."""
    return trace.legendgroup, trace.name is not None


def _title(value: str, there: bool) -> str:
    small = "dots: seeds; bar: mean and its 95 % t-interval" if there else "no run is there yet"
    return f"{factor_words(value)}, chosen and reference<br><span style='font-size:12px'>{small}</span>"


class RunsFigure:
    """All runs as lines through their settings and scores, with brushes that Python hears of.

    Args:
        names: of the axes, in this order.
        width: pixels.
    """

    def __init__(self, names: Sequence[str], width: int) -> None:
        axes = [Axis(name, np.zeros(1)) for name in names]
        figure = styled(go.Figure(parallel_trace(axes, names[-1])), "Runs", height=_HEIGHT)
        figure.update_layout(width=width, margin={"l": 90, "r": 30, "t": 100, "b": 30}, title_font_size=15)
        self._names = list(names)
        self.figure: BaseFigure = figure.update_traces(visible=False)

    def go_live(self, heard: Callable[[dict[str, list[Range]]], Any]) -> None:
        """Make it a widget; once it shows something. `heard(brush)` is called when a brush has changed."""
        paths = [f"dimensions[{i}].constraintrange" for i in range(len(self._names))]
        self.figure = LiveFigure(go.Figure(self.figure))
        self.figure.data[0].on_change(
            lambda _, *ranges: heard({n: _ranges(r) for n, r in zip(self._names, ranges, strict=True) if r}), *paths
        )

    def show(self, axes: Sequence[Axis], value: str, brush: Brush) -> None:
        """Show these axes, those that it was made with, with these brushes; no axes: no lines."""
        lines = self.figure.data[0]
        with self.figure.batch_update():
            lines.visible = bool(axes)
            for own, axis in zip(lines.dimensions, axes, strict=False):
                ranges = [list(one) for one in brush.get(axis.name, ())]
                own.update(**dimension(axis), constraintrange=ranges[0] if len(ranges) == 1 else ranges or None)
            if axes:
                line = parallel_trace(axes, value).line
                lines.line.update(color=line.color, cmin=line.cmin, cmax=line.cmax)
                lines.line.colorbar.title.text = line.colorbar.title.text
            words = "drag along an axis to keep a part, click it to let go" if axes else "no run is there yet"
            self.figure.layout.title.text = f"Runs<br><span style='font-size:12px'>{words}</span>"


def _ranges(brushed: Any) -> list[Range]:
    """One range or several, as plotly gives them."""
    several = isinstance(brushed[0], Sequence)
    return [(float(low), float(high)) for low, high in (brushed if several else [brushed])]
