"""The metric explorer: a small confusion table edited by hand, its scores at once, and why they disagree."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
import traitlets
from jaxtyping import Float64, Int64
from plotly.basedatatypes import BaseFigure

from ...evaluate.toy_tables import CLASS_NAMES, LARGEST, PRESETS, check_table, disagreement, items_of, table_scores
from ..style import GREY, PALETTE, SCORE_NAMES, escape, styled
from .base import WIDTH, Explorer, text_pane
from .live import LiveFigure
from .panes import table

MOST = 60  # items in one cell: dots that can still be told apart
_OWN = "your own"
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "star")
_GLYPHS = "●■◆▲▼★"
_GOLDEN = np.pi * (3 - np.sqrt(5))
_WIDTH = WIDTH - 40  # pixels the dots have
_HEIGHT = 200


class MetricExplorer(Explorer):
    """What `explore_metric` returns: see there.

    Attributes:
        table: counts, a tuple per class with a number per cluster; can be set.
    """

    table: traitlets.TraitType[Any, Any] = traitlets.TraitType()  # unlike Any it checks None, too

    def __init__(self, table: Any) -> None:
        super().__init__()
        self._cells = [[self._cell(i, j) for j in range(LARGEST)] for i in range(LARGEST)]
        self._preset = widgets.Dropdown(options=[_OWN, *PRESETS], description="Preset", value=_OWN)
        self._size = tuple(self._count(name) for name in ("Classes", "Clusters"))
        self._grid = widgets.GridBox(layout=widgets.Layout(align_content="flex-start"))
        # Made once: a widget that is not closed lives as long as the kernel.
        self._heads = [widgets.Label(""), *map(_column_head, range(LARGEST))]
        self._row_heads = [_row_head(i) for i in range(LARGEST)]
        self._scores = text_pane(190, 300)
        self._words = widgets.HTML()
        self._scores.layout.margin = "0 0 0 28px"
        self._figure = LiveFigure(_skeleton())
        self._filling = False
        self._preset.observe(self.guarded(self._choose), "value")
        controls = widgets.HBox([self._preset, *self._size])
        self.arrange(controls, widgets.HBox([self._grid, self._scores]), self._figure, self._words)
        self.observe(self.guarded(lambda _: self._show()), "table")
        self.table = table

    @traitlets.validate("table")
    def _check(self, proposal: Any) -> tuple[tuple[int, ...], ...]:
        counts = check_table(proposal["value"])
        if counts.max() > MOST:
            raise ValueError(f"table: expected at most {MOST} items in a cell, got {counts.max()}")
        return tuple(tuple(row) for row in counts.tolist())

    @property
    def scores(self) -> dict[str, float | int]:
        """All scores of the table, as `workbench.scores` gives them."""
        return table_scores(self.table)

    def static(self) -> go.Figure:
        """The dots, with the scores in words."""
        return go.Figure(self._figure)

    def _cell(self, i: int, j: int) -> widgets.BoundedIntText:
        shape = {"layout": widgets.Layout(width="70px"), "style": {"description_width": "22px"}}
        cell = widgets.BoundedIntText(0, min=0, max=MOST, description=f"{CLASS_NAMES[i]}{j + 1}", **shape)
        cell.tooltip = f"items of class {CLASS_NAMES[i]} in cluster {j + 1}"
        cell.observe(self.guarded(self._read), "value")
        return cell

    def _count(self, name: str) -> widgets.BoundedIntText:
        box = widgets.BoundedIntText(2, min=1, max=LARGEST, description=name, layout=widgets.Layout(width="150px"))
        box.observe(self.guarded(self._read), "value")
        return box

    def _choose(self, change: Any) -> None:
        if change["new"] != _OWN:
            self.table = PRESETS[change["new"]]

    def _read(self, _: Any) -> None:
        """The table as it stands in the boxes."""
        if not self._filling:
            rows, columns = (box.value for box in self._size)
            self.table = [[cell.value for cell in row[:columns]] for row in self._cells[:rows]]

    def _show(self) -> None:
        counts = check_table(self.table)
        self._fill(counts)
        with self._figure.batch_update():
            _show_dots(self._figure, counts)
        items = int(counts.sum())
        self.say(f"{items:,} items of {counts.any(axis=1).sum()} classes in {counts.any(axis=0).sum()} clusters.")
        if not items:
            self._scores.value = "<i>No items yet: put a number into a cell.</i>"
            self._words.value = ""
            return
        self._scores.value = _scores_html(self.scores)
        self._words.value = f"<div style='line-height:1.5'><b>Why</b>: {escape(disagreement(counts))}</div>"

    def _fill(self, counts: Int64[np.ndarray, "r c"]) -> None:
        """Put the table into the boxes, and show as many as it has; those that are hidden count nothing."""
        rows, columns = counts.shape
        self._filling = True
        try:
            for i, j in np.ndindex(LARGEST, LARGEST):
                self._cells[i][j].value = int(counts[i, j]) if i < rows and j < columns else 0
            for box, value in zip(self._size, counts.shape, strict=True):
                box.value = value
            self._preset.value = next((name for name, table in PRESETS.items() if table == self.table), _OWN)
        finally:
            self._filling = False
        lines = [[self._row_heads[i], *self._cells[i][:columns]] for i in range(rows)]
        self._grid.children = (*self._heads[: columns + 1], *(box for line in lines for box in line))
        self._grid.layout.grid_template_columns = f"78px repeat({columns}, 72px)"


def _column_head(j: int) -> widgets.Label:
    return widgets.Label(f"cluster {j + 1}", layout=widgets.Layout(justify_content="flex-end"))


def _row_head(i: int) -> widgets.HTML:
    mark = f"<span style='color:{PALETTE[i]};font-size:15px' aria-hidden='true'>{_GLYPHS[i]}</span>"
    return widgets.HTML(f"{mark} class {CLASS_NAMES[i]}")


def _scores_html(row: dict[str, float | int]) -> str:
    kinds = (("pairwise", "pairwise"), ("bcubed", "BCubed"))
    parts = ("precision", "recall", "f")
    rows = [[f"<b>{name}</b>", *(f"{row[f'{kind}_{part}']:.3f}" for part in parts)] for kind, name in kinds]
    rows.append(["<b>item</b>", "", "", f"{row['item_f']:.3f}"])
    pairs = table(["", "precision", "recall", "F"], rows, numbers=(1, 2, 3))
    names = ("nmi", "ami", "ari")
    return pairs + "<br>" + table([n.upper() for n in names], [[f"{row[n]:.3f}" for n in names]], numbers=(0, 1, 2))


def _skeleton() -> go.Figure:
    rings = go.Scatter(x=[], y=[], mode="lines", line={"color": GREY, "width": 1.2}, hoverinfo="skip")
    dots = go.Scatter(x=[], y=[], mode="markers", marker={"line": {"width": 0}}, hoverinfo="text")
    names = go.Scatter(x=[], y=[], mode="text", textposition="bottom center", hoverinfo="skip", cliponaxis=False)
    figure = styled(go.Figure([rings, dots, names]), "Clusters", height=_HEIGHT + 110)
    figure.update_layout(margin={"t": 84, "b": 30, "l": 16, "r": 16}, showlegend=False, width=WIDTH)
    axis = {"visible": False, "fixedrange": True, "constrain": "domain"}  # the ranges given are kept
    return figure.update_xaxes(**axis).update_yaxes(**axis, scaleanchor="x")


def _show_dots(figure: BaseFigure, counts: Int64[np.ndarray, "r c"]) -> None:
    """Put a table into the figure: a ring full of dots per cluster, a sector per class."""
    row, col = items_of(counts)
    used = np.flatnonzero(counts.any(axis=0))
    sizes = counts.sum(axis=0)[used]
    radius = 0.55 * np.sqrt(sizes) + 0.6
    width = float((2 * radius + 1.5).sum())
    height = 2 * float(radius.max(initial=1)) + 1.5
    centre = np.cumsum(2 * radius + 1.5) - radius - 0.75 - width / 2
    places = np.empty((2, len(row)))
    for j, size, x in zip(used, sizes, centre, strict=True):
        places[:, col == j] = _disc(int(size)) + np.array([[x], [0.0]])
    pixels = min(_WIDTH / max(width, 1), _HEIGHT / height, 22)  # of a unit, the space a dot has
    rings, dots, names = figure.data
    rings.x, rings.y = _rings(centre, radius)
    dots.x, dots.y = places
    dots.hovertext = [f"class {CLASS_NAMES[i]}, cluster {j + 1}" for i, j in zip(row, col, strict=True)]
    dots.marker.color = [PALETTE[i] for i in row]
    dots.marker.symbol = [_SYMBOLS[i] for i in row]
    dots.marker.size = max(0.8 * pixels, 3)
    names.x = centre
    names.y = np.full(len(used), -height / 2 + 0.5)
    names.text = [f"cluster {j + 1} ({size})" for j, size in zip(used, sizes, strict=True)]
    figure.layout.xaxis.range = [-_WIDTH / pixels / 2, _WIDTH / pixels / 2]
    figure.layout.yaxis.range = [-height / 2 - 1.5, height / 2]
    figure.layout.title.text = _heading(counts)


def _rings(centre: Float64[np.ndarray, " c"], radius: Float64[np.ndarray, " c"]) -> tuple[np.ndarray, np.ndarray]:
    """Circles as one line with gaps."""
    turn = np.append(np.linspace(0, 2 * np.pi, 61), np.nan)
    x = centre[:, None] + radius[:, None] * np.cos(turn)
    y = radius[:, None] * np.sin(turn)
    return x.ravel(), y.ravel()


def _disc(n: int) -> Float64[np.ndarray, "2 n"]:
    """Places of n dots that fill a disc evenly (a sunflower), in turn around its centre."""
    turn = np.arange(n) * _GOLDEN
    places = 0.55 * np.sqrt(np.arange(n) + (n > 1) * 0.5) * np.stack([np.cos(turn), np.sin(turn)])
    order = np.argsort(np.arctan2(places[1], places[0]), kind="stable")
    return np.asarray(places[:, order], dtype=np.float64)


def _heading(counts: Int64[np.ndarray, "r c"]) -> str:
    if not counts.any():
        return "No items yet"
    row = table_scores(counts)
    words = ", ".join(f"{name} {row[key]:.2f}" for key, name in SCORE_NAMES.items() if key != "ami")
    ring = "a ring is a cluster, a dot an item, its colour and shape the class"
    return f"Clusters of {counts.sum()} items<br><span style='font-size:12px'>{words}<br>{ring}</span>"


def explore_metric(table: Any = PRESETS["almost right"]) -> MetricExplorer:
    """Edit a small confusion table and see every score change at once, with words on why pairwise and BCubed disagree.

    Rows are true classes, columns found clusters, up to 6 of each and 60 items in a cell. Presets show what each score
    is blind to: one giant cluster, all singletons, NMI's blind spot and others.

    Args:
        table: counts [classes, clusters] to begin with.

    Returns: a widget with the trait `table` (can be read, set, observed) and the property `scores`.

    Raises:
        ValueError: another shape, numbers that are not whole, below 0 or above 60.

    Example:
        >>> explorer = explore_metric([[5, 0], [5, 0]])
        >>> round(explorer.scores["pairwise_precision"], 3), explorer.scores["pairwise_recall"]
        (0.444, 1.0)
        >>> explorer.table = [[5, 0], [0, 5]]
        >>> explorer.scores["pairwise_f"]
        1.0
    """
    return MetricExplorer(table)
