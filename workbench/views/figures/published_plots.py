"""Published figures beside each other: methods on each data set, and how scores fall as the set grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..._core.tables import require
from ..style import GREY, PALETTE, SCORE_NAMES, escape, styled

_SYMBOLS = ("circle", "diamond", "square", "cross", "triangle-up", "star", "x")
_DASHES = ("solid", "7px,3px", "2px,3px", "9px,3px,2px,3px")
_COLUMNS = ("method", "data", "metric", "value", "first_hand", "source")


def plot_published(
    table: pd.DataFrame, *, by: str | None = None, highlight: Sequence[str] = (), title: str = ""
) -> go.Figure:
    """Methods in rows, a panel per metric, a colour and symbol per data set; the source is in the hover.

    Rows are in the order of one column: the first metric on one data set, the best on top. Methods without a figure
    there stand below, by name: a mean over whatever figures a method has would compare unlike sets. Hollow: not
    first-hand.

    Args:
        table: rows of `published_results`; own rows may be added with the same columns.
        by: the data set that gives the order; None: that with most methods, of equals the first.
        highlight: methods whose names are bold.

    Raises:
        ValueError: a column is missing, there is no row, more than seven data sets, or no data set `by`.

    Example:
        >>> from workbench.experiments.published import published_results
        >>> figure = plot_published(published_results(data="DeepFashion"))
        >>> [panel.text for panel in figure.layout.annotations], len(figure.data)
        (['pairwise F', 'BCubed F', 'NMI'], 3)
    """
    rows = _checked(table)
    sets = list(rows["data"].unique())
    metrics = list(rows["metric"].unique())
    if len(sets) > len(PALETTE):
        raise ValueError(f"table: expected at most {len(PALETTE)} data sets, got {len(sets)}; choose some by name")

    by = rows.groupby("data", sort=False)["method"].nunique().idxmax() if by is None else by
    if by not in sets:
        raise ValueError(f"by: expected a data set of the table, one of {sets}, got {by!r}")
    order = _order(rows, metrics[0], by)
    panels = [SCORE_NAMES.get(metric, escape(metric)) for metric in metrics]
    figure = make_subplots(1, len(metrics), shared_yaxes=True, subplot_titles=panels, horizontal_spacing=0.03)
    for (metric, data), part in rows.groupby(["metric", "data"], sort=False):
        dots = _dots(part, sets.index(data), highlight).update(showlegend=metric == metrics[0])
        figure.add_trace(dots, row=1, col=1 + metrics.index(metric))

    note = f"in the order of {panels[0]} on {escape(by)}; sources in the hover; hollow: not first-hand"
    below = 34 * (1 + len(sets) // 4)  # room for the legend
    styled(figure, escape(title or "Published results"), height=180 + below + 24 * len(order), subtitle=note)
    legend = {"x": 0, "xanchor": "left", "yref": "container", "y": 0, "yanchor": "bottom"}
    figure.update_layout(margin={"t": 104, "b": 56 + below}, legend=legend, showlegend=True)
    figure.update_xaxes(title="1 is best", nticks=4)
    names = [_bold(method, highlight) for method in order]
    return figure.update_yaxes(type="category", categoryorder="array", categoryarray=names)


def _order(rows: pd.DataFrame, metric: str, data: str) -> list[str]:
    """Methods from the lowest row up: those without a figure there by name, then from the worst to the best."""
    there = rows[(rows["metric"] == metric) & (rows["data"] == data)].sort_values("value", kind="stable")
    ranked = list(there.drop_duplicates("method", keep="last")["method"])
    others = sorted(set(rows["method"]) - set(ranked), key=str.casefold, reverse=True)
    return [*others, *ranked]


def _dots(part: pd.DataFrame, i: int, highlight: Sequence[str]) -> go.Scatter:
    symbol = _SYMBOLS[i] + np.where(part["first_hand"], "", "-open").astype(object)
    name = escape(part["data"].iloc[0])
    dots = go.Scatter(x=part["value"], y=[_bold(m, highlight) for m in part["method"]], mode="markers", name=name)
    dots.update(marker={"size": 10, "color": PALETTE[i], "symbol": symbol}, legendgroup=name)
    return dots.update(hovertext=[_said(row) for row in part.itertuples()], hoverinfo="text")


def plot_growth(
    table: pd.DataFrame, *, metric: str = "bcubed_f", highlight: Sequence[str] = ("Infomap",), title: str = ""
) -> go.Figure:
    """How a score falls as the set grows: a line per method over the number of images, on a logarithmic axis.

    Args:
        table: rows of `published_results`; those without a number of images, or of another metric, are left out.
        metric: the score.
        highlight: methods in colour with their names; the others are grey lines, named in the hover.

    Raises:
        ValueError: a column is missing, or no row is left.

    Example:
        >>> from workbench.experiments.published import published_results
        >>> figure = plot_growth(published_results(method=["Infomap", "HAC"]))
        >>> [(line.name, len(line.x)) for line in figure.data]
        [('HAC', 5), ('Infomap', 5)]
    """
    rows = _checked(table)
    rows = _checked(rows[(rows["metric"] == metric) & rows["images"].notna()]).sort_values("images", kind="stable")
    if unknown := [name for name in highlight if name not in set(table["method"])]:
        raise ValueError(f"highlight: expected methods of the table, got {unknown}; see table['method'].unique()")
    figure = go.Figure()
    lines = dict(list(rows.groupby("method", sort=False)))
    for method in sorted(lines, key=lambda name: name in highlight):
        figure.add_trace(_line(lines[method], method, list(highlight)))
    ticks = [int(n) for n in rows["images"].unique()]
    note = f"{len(lines)} methods on the parts of one set; grey lines: point at them"
    styled(figure, escape(title or "Growth with scale"), height=460, subtitle=note).update_layout(showlegend=True)
    figure.update_xaxes(type="log", title="images (logarithmic)", tickvals=ticks, ticktext=[_short(n) for n in ticks])
    return figure.update_yaxes(title=f"{SCORE_NAMES.get(metric, escape(metric))} (1 is best)")


def _line(rows: pd.DataFrame, method: str, highlight: list[str]) -> go.Scatter:
    i = highlight.index(method) if method in highlight else None
    look: dict[str, Any] = (
        {"color": GREY, "width": 1} if i is None else {"color": PALETTE[i % len(PALETTE)], "width": 3}
    )
    symbol = "circle" if i is None else _SYMBOLS[i % len(_SYMBOLS)]
    line = go.Scatter(x=rows["images"].astype(int), y=rows["value"], mode="lines+markers", name=escape(method))
    line.update(line=look | {"dash": _DASHES[(i or 0) % len(_DASHES)]}, marker={"size": 4 if i is None else 9})
    line.update(marker_symbol=symbol, showlegend=i is not None, opacity=0.55 if i is None else 1)
    return line.update(hovertext=[_said(row) for row in rows.itertuples()], hoverinfo="text")


def _short(n: int) -> str:
    return f"{n / 1e6:.3g}M" if n >= 10**6 else f"{n / 1e3:.3g}K"


def _checked(table: pd.DataFrame) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame) and table.empty:
        raise ValueError("table: expected at least one published figure, got none; widen the choice")
    require(table, _COLUMNS, "published_results")
    return table


def _bold(method: str, highlight: Sequence[str]) -> str:
    return f"<b>{escape(method)}</b>" if method in highlight else escape(method)


def _said(row: Any) -> str:
    """What the hover says of one figure, its long source in lines."""
    source = escape(row.source).replace("; ", ";<br>")
    said = f"<b>{escape(row.method)}</b>, {escape(row.data)}: {row.value:.4g}<br>{source}"
    return said if row.first_hand else f"{said}<br>not first-hand"
