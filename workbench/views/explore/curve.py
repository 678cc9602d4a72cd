"""F of level 0 against tau, exactly, and where the slider stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..style import CLEAR, GREY, INK, PALETTE, styled
from .live import LiveFigure

_DRAWN = 800  # steps of a curve that are drawn; the numbers come from all
_F = (("pairwise_f", "pairwise F", 5), ("bcubed_f", "BCubed F", 0), ("item_f", "item F", 2))


class CurveView:
    """The figure of the curves, in SVG: level 0 as lines, the last level as points where it has been run.

    Args:
        table: as `workbench.evaluate.nested_scores` gives it, or only tau and n_clusters where the truth is not known.
        chosen: the model's own tau, marked.
        axis: what tau does, under the figure.
        width, height: of the figure in pixels.

    Example:
        >>> f = {"pairwise_f": [0.2, 0.8], "bcubed_f": [0.3, 0.9], "item_f": [0.3, 0.8]}
        >>> view = CurveView(pd.DataFrame({"tau": [0.0, 0.5], **f, "n_clusters": [1, 5]}), 0.4)
        >>> view.at(0.7)["bcubed_f"]
        0.9
    """

    def __init__(
        self, table: pd.DataFrame, chosen: float, *, axis: str = "tau", width: int = 400, height: int = 400
    ) -> None:
        self.table = table
        self._axis = axis
        self.kinds = _F if "bcubed_f" in table else (("n_clusters", "clusters", 0),)
        self._run: dict[float, Mapping[str, Any]] = {}
        self.figure = LiveFigure(self._figure(chosen, width, height))
        self.move(chosen)

    def at(self, tau: float) -> dict[str, Any]:
        """Scores of level 0 at a tau: those of the row that holds there."""
        row = int(np.searchsorted(self.table["tau"].to_numpy(), tau, side="right")) - 1
        return {str(name): value for name, value in self.table.iloc[max(row, 0)].items()} | {"tau": tau}

    def move(self, tau: float) -> None:
        """Put the line and the marks of level 0 at this tau."""
        row = self.at(tau)
        with self.figure.batch_update():
            here, line = self.figure.data[-2:]
            here.x = [tau] * len(self.kinds)
            here.y = [row[name] for name, *_ in self.kinds]
            line.x = [tau, tau]

    def add_run(self, tau: float, scores: Mapping[str, Any]) -> None:
        """Mark what the last level reached at this tau."""
        self._run[tau] = scores
        taus = sorted(self._run)
        with self.figure.batch_update():
            for trace, (name, *_) in zip(self.figure.data[len(self.kinds) :], self.kinds, strict=False):
                trace.x = taus
                trace.y = [self._run[tau][name] for tau in taus]

    def static(self) -> go.Figure:
        """The curves as they are, as a figure without a kernel."""
        return go.Figure(self.figure.to_dict())

    def _figure(self, chosen: float, width: int, height: int) -> go.Figure:
        every = max(1, len(self.table) // _DRAWN)
        thin = pd.concat([self.table.iloc[::every], self.table.tail(1)])
        tau = [*thin["tau"], 1.0]
        figure = go.Figure()
        for name, words, colour in self.kinds:
            line: dict[str, Any] = {"shape": "hv", "color": PALETTE[colour]}
            figure.add_scatter(x=tau, y=[*thin[name], thin[name].iloc[-1]], name=f"{words}, level 0", line=line)
        for _, words, colour in self.kinds:
            marker = {"symbol": "diamond-open", "size": 9, "color": PALETTE[colour], "line": {"width": 2}}
            figure.add_scatter(x=[], y=[], name=f"{words}, last level", mode="markers", marker=marker)
        figure.update_traces(hovertemplate="tau %{x:.3f}: %{y:.3f}")
        figure.add_scatter(mode="markers", marker={"size": 9, "color": INK}, hoverinfo="skip", showlegend=False)
        top = 1.0 if self.kinds is _F else float(self.table["n_clusters"].max())
        line = {"color": GREY, "width": 1.5}
        figure.add_scatter(x=[chosen] * 2, y=[1 - (self.kinds is _F), top], mode="lines", line=line, hoverinfo="skip")
        figure.data[-1].showlegend = False
        figure.add_vline(x=chosen, line={"color": GREY, "dash": "dot"})
        return self._looks(figure, width, height)

    def _looks(self, figure: go.Figure, width: int, height: int) -> go.Figure:
        scored = self.kinds is _F
        title = f"{'F' if scored else 'Clusters'} against tau"
        styled(figure, title, height=height, subtitle="dotted: the model's own tau; points: where the slider rested")
        figure.update_layout(width=width, margin={"l": 48, "r": 8, "t": 56, "b": 92}, title_font_size=15)
        spared = ["lasso", "select", "zoomin", "zoomout", "autoscale"]  # their buttons would cover the title
        figure.update_layout(modebar={"bgcolor": CLEAR, "color": INK, "activecolor": PALETTE[0], "remove": spared})
        figure.update_layout(legend={"x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top", "font_size": 11})
        figure.update_xaxes(title=self._axis, range=[0, 1], title_font_size=12, title_standoff=4)
        figure.update_yaxes(title_font_size=12)
        values = {"title": "F (1 is best)", "range": [0, 1.02]} if scored else {"title": "clusters", "type": "log"}
        return figure.update_yaxes(**values)
