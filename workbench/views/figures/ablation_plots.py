"""Pictures of ablations: what each change does, two factors in a grid, all runs as lines through their settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from ..._core.tables import require
from ...evaluate.intervals import intervals
from ..style import GREY, INK, escape, ink_on, styled
from .ablation_tables import as_text, differs, factors_of, ordered, results
from .parallel import SCORES, parallel_axes, parallel_trace
from .score_plots import interval_traces
from .setting_words import config_words, factor_words, value_words

_CELL = 46  # pixels of a row of the heat map
_LEGEND = 100  # pixels


def plot_effects(table: pd.DataFrame, *, value: str = "bcubed_f", title: str = "") -> go.Figure:
    """What each change does: mean difference to the reference with its interval, around a line at 0.

    Sorted by the mean difference, the best on top; with a column `factor`, its groups by their largest effect. A hollow
    mark: the interval holds 0, so these seeds do not show which is better.

    Args:
        table: from `ablation.effects`: config, test, n, mean, low, high; `factor` says what belongs together.
        value: name of the score that was compared, for the axis.

    Raises:
        ValueError: a column is missing, or there is no row.

    Example:
        >>> row = {"config": "conv=gat", "test": "toy", "n": 3, "mean": 0.1, "low": 0.05, "high": 0.15}
        >>> plot_effects(pd.DataFrame([row])).layout.yaxis.ticktext
        ('convolution gat  (n=3)',)
    """
    require(table, ("config", "test", "n", "mean", "low", "high"), "ablation.effects")
    shown = table.assign(row=table["config"].astype(str))
    heads: list[str] = []
    if "factor" in table:
        factor = table["factor"].map(str)  # astype(str) would leave a missing one missing
        shown["row"] = factor + "\n" + shown["row"]
        far = table["mean"].abs().groupby(factor, sort=False).max()
        heads = list(far.sort_values(ascending=False, kind="stable").index)
    best = list(shown.groupby("row", sort=False)["mean"].mean().sort_values(ascending=False, kind="stable").index)
    rows = best if not heads else [row for head in heads for row in (head, *(b for b in best if _head(b) == head))]

    figure = go.Figure([_hollow(bars) for bars in interval_traces(shown, rows, "row", "test")])
    tests = shown["test"].nunique()
    note = "right: better than the reference; bar: 95 % t-interval over seeds; hollow: the interval holds 0"
    height = 170 + len(rows) * max(26, 16 * tests)
    styled(figure, escape(title or "What each change does"), height=height, subtitle=note)
    figure.update_layout(showlegend=tests > 1, margin={"t": 76 + 24 * (tests > 1)})
    figure.add_vline(x=0, line={"color": GREY, "dash": "4px,3px", "width": 1.5})
    figure.update_xaxes(title=f"difference in {escape(factor_words(value))}", zeroline=False)
    names = [_row_name(row, shown.loc[shown["row"] == row, "n"]) for row in rows]
    return figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=names, range=[len(rows) - 0.5, -0.5], showgrid=False
    )


def _head(row: str) -> str:
    return row.split("\n", 1)[0]


def _row_name(row: str, n: pd.Series) -> str:
    if n.empty:
        return f"<b>{escape(factor_words(row))}</b>"
    counts = ", ".join(map(str, dict.fromkeys(n)))
    return f"{escape(config_words(row.split(chr(10), 1)[-1]))}  (n={counts})"


def _hollow(bars: go.Scatter) -> go.Scatter:
    """Marks whose interval holds 0, or have none, without their filling."""
    half = np.nan_to_num(np.asarray(bars.error_x.array, dtype=np.float64), nan=np.inf)
    unsure = np.abs(np.asarray(bars.x, dtype=np.float64)) <= half
    return bars.update(marker_symbol=[bars.marker.symbol + ("-open" if one else "") for one in unsure])


def plot_heat(
    table: pd.DataFrame, rows: str, columns: str, *, value: str = "bcubed_f", test: str | None = None, title: str = ""
) -> go.Figure:
    """Two factors: the mean of each pair of values over the seeds, with half its 95 % t-interval.

    Args:
        table: from `run_grid`; the result of each run counts, the rows with `last`.
        rows, columns: the two factors, by their dotted names.
        value: the score.
        test: which test set; None: the only one.

    Raises:
        ValueError: a column is missing, the test set is not said or not there, or another factor varies, too.

    Example:
        >>> runs = pd.DataFrame({"lander.layers": [1, 2], "lander.conv": ["gcn", "gat"], "bcubed_f": [0.5, 0.7]})
        >>> runs = runs.assign(test="toy", last=True, seed=0)
        >>> plot_heat(runs, "lander.layers", "lander.conv").data[0].z.tolist()
        [[0.5, nan], [nan, 0.7]]
    """
    runs = results(table, (rows, columns, value), test)
    others = [name for name in factors_of(runs) if name not in (rows, columns)]
    cells_of = [as_text(runs[rows]), as_text(runs[columns])]
    if varied := [name for name in others if runs.groupby(cells_of)[name].apply(differs).any()]:
        raise ValueError(f"table: {', '.join(varied)} varies within a cell, too; choose one value of it first")

    down, across = (ordered(runs[name]) for name in (rows, columns))
    coded = runs.assign(down=as_text(runs[rows]), across=as_text(runs[columns]))
    means = intervals(coded, value, "down", "across").set_index(["down", "across"])
    cells = means.reindex(pd.MultiIndex.from_product([list(map(str, down)), list(map(str, across))]))
    tried = set(zip(coded["down"], coded["across"], strict=True))

    figure = go.Figure(_heat(cells, (len(down), len(across)), value))
    _write_cells(figure, cells, len(across), tried)
    note = f"mean over seeds ± half its 95 % t-interval; test set {escape(max(runs['test']))}"
    height = 190 + _CELL * len(down)
    styled(figure, escape(title or factor_words(value)), height=height, subtitle=note)
    figure.update_xaxes(**_named(columns, across), range=[-0.5, len(across) - 0.5])
    return figure.update_yaxes(**_named(rows, down), range=[len(down) - 0.5, -0.5])


def _named(factor: str, values: Sequence[Any]) -> dict[str, Any]:
    """An axis whose ticks are words: one of categories would take the value 1 for a place."""
    ticks = {"tickvals": list(range(len(values))), "ticktext": [escape(value_words(value)) for value in values]}
    return {"title": escape(factor_words(factor)), "showgrid": False, **ticks}


def _heat(cells: pd.DataFrame, shape: tuple[int, int], value: str) -> go.Heatmap:
    half = cells["high"] - cells["mean"]
    hovers = [
        "" if np.isnan(mean) else f"mean {mean:.4f}{_around(spread, 4)}, n = {n:.0f}"
        for mean, spread, n in zip(cells["mean"], half, cells["n"], strict=True)
    ]
    heat = go.Heatmap(z=cells["mean"].to_numpy().reshape(shape), colorscale="Cividis", xgap=3, ygap=3)
    low, high = _ends(cells["mean"])
    heat.update(zmin=low, zmax=high)
    heat.update(colorbar={"title": escape(factor_words(value)), "thickness": 14}, hoverongaps=False)
    return heat.update(hovertext=np.array(hovers, dtype=object).reshape(shape), hoverinfo="text")


def _ends(means: pd.Series) -> tuple[float, float]:
    """What the darkest and the lightest colour stand for; of equal numbers a little to both sides."""
    low, high = (float(end) for end in np.nan_to_num([means.min(), means.max()]))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _write_cells(figure: go.Figure, cells: pd.DataFrame, wide: int, tried: set[tuple[str, str]]) -> None:
    """The numbers, on each colour in the ink that shows; an empty cell is a dashed frame, and says why."""
    low, high_end = _ends(cells["mean"])
    for i, (mean, high, n) in enumerate(cells[["mean", "high", "n"]].to_numpy()):
        row, column = divmod(i, wide)
        text = f"{mean:.3f}{_around(high - mean, 3)}<br>n={n:.0f}"
        (ground,) = sample_colorscale("Cividis", [0.0 if np.isnan(mean) else (mean - low) / (high_end - low)])
        ink = ink_on(ground)
        if np.isnan(mean):
            text = "failed" if cells.index[i] in tried else "no run"
            ink = INK
            box = {"x0": column - 0.46, "x1": column + 0.46, "y0": row - 0.42, "y1": row + 0.42}
            figure.add_shape(type="rect", **box, line={"color": GREY, "dash": "3px,3px", "width": 1})
        figure.add_annotation(x=column, y=row, text=text, showarrow=False, font={"size": 12, "color": ink})


def _around(half: float, digits: int) -> str:
    return "" if np.isnan(half) else f" ± {half:.{digits}f}"


def plot_parallel(
    table: pd.DataFrame,
    factors: Sequence[str] | None = None,
    *,
    value: str = "bcubed_f",
    test: str | None = None,
    title: str = "",
) -> go.Figure:
    """Every run as a line through its settings and scores, coloured by its score; drag along an axis to choose runs.

    Args:
        table: from `run_grid`; the result of each run counts, the rows with `last`.
        factors: axes of settings, in this order; None: all that vary.
        value: the score that gives the colour.
        test: which test set; None: the only one.

    Raises:
        ValueError: a column is missing, the test set is not said or not there, or no run has a score.

    Example:
        >>> runs = pd.DataFrame({"lander.conv": ["gcn", "gat"], "bcubed_f": [0.5, 0.7], "test": "toy", "last": True})
        >>> [axis.label for axis in plot_parallel(runs).data[0].dimensions]
        ['convolution', 'BCubed F']
    """
    runs = results(table, (*(factors or ()), value), test).dropna(subset=[value])
    if runs.empty:
        raise ValueError(f"table: expected at least one run with a number in {value!r}, got none")
    chosen = [name for name in factors_of(runs) if as_text(runs[name]).nunique() > 1] if factors is None else factors
    scores = [name for name in dict.fromkeys((*SCORES, value)) if name in runs and runs[name].notna().any()]
    axes = parallel_axes(runs, {name: ordered(runs[name]) for name in chosen}, scores)
    figure = go.Figure(parallel_trace(axes, value))
    note = f"{len(runs)} runs; drag along an axis to keep a part, click it to let go"
    styled(figure, escape(title or "Runs"), height=420, subtitle=note)
    return figure.update_layout(margin={"l": _LEGEND, "r": 40, "t": 120, "b": 40})
