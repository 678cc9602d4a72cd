"""Where a score comes from: which sizes of class are found, and how far repeated runs agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ...evaluate.intervals import intervals
from ...evaluate.scores import bcubed_items
from ..style import INK, PALETTE, escape, styled

_SYMBOLS = ("circle", "diamond", "square", "cross", "triangle-up", "star", "x")


def by_class(labels_true: Any, labels_pred: Any) -> pd.DataFrame:
    """BCubed precision and recall of every class: the mean over its items.

    Formula: the means of `bcubed_items`; weighed by class size, they average to `workbench.evaluate.bcubed`.

    Args:
        labels_true: class of each item, integers [N].
        labels_pred: cluster of each item, integers [N]; -1 = noise, a cluster of its own.

    Returns: a row per class, by rising number: size, precision, recall.

    Example:
        >>> by_class([0, 0, 1, 1], [0, 0, 0, 1]).values.round(3).tolist()
        [[2.0, 0.667, 1.0], [2.0, 0.667, 0.5]]
    """
    precision, recall = bcubed_items(labels_true, labels_pred)
    items = pd.DataFrame({"size": 1, "precision": precision, "recall": recall})
    classes = items.groupby(np.asarray(labels_true))
    return classes.agg({"size": "sum", "precision": "mean", "recall": "mean"}).reset_index(drop=True)


def plot_by_size(labels_true: Any, labels_pred: Any, *, title: str = "") -> go.Figure:
    """BCubed precision and recall by the size of the class, every class counting the same.

    Bins double in width: classes of 1 image, 2-3, 4-7, 8-15, ...

    Args:
        labels_true: class of each item, integers [N].
        labels_pred: cluster of each item, integers [N]; -1 = noise, a cluster of its own.

    Example:
        >>> plot_by_size([0, 1, 1, 2, 2, 2], [0, 1, 1, 2, 2, 1]).data[0].x.tolist()
        ['1<br>n=1', '2–3<br>n=2']
    """
    classes = by_class(labels_true, labels_pred)
    power = np.floor(np.log2(classes["size"])).astype(int)
    bins = classes.groupby(power).agg(precision=("precision", "mean"), recall=("recall", "mean"), n=("size", "count"))
    names = [f"{f'{2**p:,}–{2 ** (p + 1) - 1:,}' if p else '1'}<br>n={n:,}" for p, n in bins["n"].items()]

    figure = go.Figure()
    for column, colour, dash in (("precision", PALETTE[0], "solid"), ("recall", PALETTE[5], "4px,3px")):
        line = go.Scatter(x=np.array(names, dtype=object), y=bins[column], mode="lines+markers", name=column)
        marker = {"size": 10, "color": colour, "symbol": _SYMBOLS[column == "recall"]}
        line.update(marker=marker, line={"color": colour, "dash": dash, "width": 2}, cliponaxis=False)
        figure.add_trace(line.update(hovertemplate="%{y:.3f}<extra>" + column + "</extra>"))

    note = "precision falls where classes are put together, recall where they are in pieces"
    styled(figure, escape(title or "BCubed by class size"), subtitle=note).update_layout(hovermode="x")
    figure.update_xaxes(title="images in the class (n = classes in the bin)", type="category")
    return figure.update_yaxes(title="mean over classes (1 is best)", range=[0, 1.02])


def plot_intervals(table: pd.DataFrame, *, value: str, group: str, by: str | None = None, title: str = "") -> go.Figure:
    """Runs as dots, their mean with a 95 % t-interval, a row per group; n stands beside the group's name.

    Args:
        table: tidy, a row per run, e.g. one per setting and seed.
        value: column of the score.
        group: column that names the rows, in the order of the table from the top.
        by: column that parts each group further, a colour and symbol each.

    Raises:
        ValueError: as `intervals`.

    Example:
        >>> runs = pd.DataFrame({"decoder": ["tree", "tree", "strict"], "f": [0.5, 0.7, 0.9]})
        >>> plot_intervals(runs, value="f", group="decoder").layout.yaxis.ticktext
        ('tree  (n=2)', 'strict  (n=1)')
    """
    means = intervals(table, value, group, by)
    groups = list(means[group].unique())
    parts = 1 if by is None else means[by].nunique()
    figure = go.Figure(interval_traces(means, groups, group, by, runs=table.dropna(subset=[value]), value=value))

    note = "dots: single runs; bar: mean and its 95 % t-interval (none where n = 1)"
    height = 150 + 34 * len(groups) * max(1, parts // 2)
    styled(figure, escape(title or f"{value} by {group}"), height=height, subtitle=note)
    figure.update_layout(showlegend=by is not None)
    names = [f"{escape(name)}  (n={_counts(means.loc[means[group] == name, 'n'])})" for name in groups]
    figure.update_xaxes(title=escape(value))
    ends = [len(groups) - 0.5, -0.5]
    return figure.update_yaxes(tickvals=list(range(len(groups))), ticktext=names, range=ends, title=escape(group))


def _counts(n: pd.Series) -> str:
    return str(n.iloc[0]) if n.nunique() == 1 else ", ".join(map(str, n))


def interval_traces(
    means: pd.DataFrame,
    rows: Sequence[Any],
    group: str,
    by: str | None = None,
    *,
    runs: pd.DataFrame | None = None,
    value: str = "",
) -> list[go.Scatter]:
    """Means with their intervals as markers with bars, row i for `rows[i]`; single runs as pale dots before them.

    Args:
        means: group, by, n, mean, low, high, as `intervals` gives them.
        rows: names of groups from the top; a group's parts stand side by side in its row.
        group, by: columns of `means`; each part has its colour and symbol.
        runs: tidy, with the columns group, by and `value`.

    Example:
        >>> means = pd.DataFrame({"conv": ["a"], "n": [2], "mean": [0.5], "low": [0.4], "high": [0.6]})
        >>> (bars,) = interval_traces(means, ["b", "a"], "conv")
        >>> bars.x.tolist(), bars.y.tolist()
        ([0.5], [1.0])
    """
    parts = [None] if by is None else list(means[by].unique())
    step = 0.7 / len(parts)
    traces = []
    for i, part in enumerate(parts):
        look = {"color": PALETTE[i % len(PALETTE)], "symbol": _SYMBOLS[i % len(_SYMBOLS)]}
        shift = (i - (len(parts) - 1) / 2) * step
        of_part = [frame if by is None else frame[frame[by] == part] for frame in (means, runs) if frame is not None]
        mean, *run = (frame.assign(row=frame[group].map(list(rows).index) + shift) for frame in of_part)
        traces += [_dots(frame, value, look, escape(part)) for frame in run]
        traces.append(_bars(mean, look, escape(part)))
    return traces


def _dots(runs: pd.DataFrame, value: str, look: dict[str, str], name: str) -> go.Scatter:
    dots = go.Scatter(x=runs[value], y=runs["row"], mode="markers", showlegend=False, legendgroup=name)
    return dots.update(marker={"size": 7, "opacity": 0.4, **look}, hovertemplate="run: %{x:.4f}<extra></extra>")


def _bars(means: pd.DataFrame, look: dict[str, str], name: str) -> go.Scatter:
    bar = {"array": means["high"] - means["mean"], "thickness": 2, "width": 6, "color": look["color"]}
    mean = go.Scatter(x=means["mean"], y=means["row"], mode="markers", name=name, legendgroup=name, error_x=bar)
    mean.update(marker={"size": 13, "line": {"width": 1.5, "color": INK}, **look})
    said = [
        f"mean {row.mean:.4f}" + (f", {row.low:.4f} to {row.high:.4f}" if row.n > 1 else "") + f", n = {row.n}"
        for row in means[["n", "mean", "low", "high"]].itertuples(index=False)
    ]
    return mean.update(hovertext=said, hoverinfo="text")
