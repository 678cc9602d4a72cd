"""The picture of the metric explorer: a ring full of dots per cluster."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64, Int64
from plotly.basedatatypes import BaseFigure

from ...evaluate.toy_tables import CLASS_NAMES, items_of, table_scores
from ..style import GREY, PALETTE, SCORE_NAMES, styled
from .base import WIDTH

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "star")
_GOLDEN = np.pi * (3 - np.sqrt(5))  # the angle between two seeds of a sunflower
_DOT = 0.55  # radius of the space of a dot
_WIDTH = WIDTH - 40  # pixels the dots have
_HEIGHT = 200
_LARGEST = 22  # pixels of the space of a dot


def empty_figure() -> go.Figure:
    """Rings, dots and names of the clusters, all still empty."""
    rings = go.Scatter(x=[], y=[], mode="lines", line={"color": GREY, "width": 1.2}, hoverinfo="skip")
    dots = go.Scatter(x=[], y=[], mode="markers", marker={"line": {"width": 0}}, hoverinfo="text")
    names = go.Scatter(x=[], y=[], mode="text", textposition="bottom center", hoverinfo="skip", cliponaxis=False)
    figure = styled(go.Figure([rings, dots, names]), "Clusters", height=_HEIGHT + 110)
    figure.update_layout(margin={"t": 70, "b": 30, "l": 16, "r": 16}, showlegend=False, width=WIDTH)
    axis = {"visible": False, "fixedrange": True, "constrain": "domain"}  # the ranges given are kept
    return figure.update_xaxes(**axis).update_yaxes(**axis, scaleanchor="x")


def show_dots(figure: BaseFigure, counts: Int64[np.ndarray, "r c"]) -> None:
    """Put a table into the figure: a ring full of dots per cluster, a sector per class."""
    row, col = items_of(counts)
    used = np.flatnonzero(counts.any(axis=0))
    sizes = counts.sum(axis=0)[used]
    radius = _DOT * np.sqrt(sizes) + 0.6
    width = float((2 * radius + 1.5).sum())
    height = 2 * float(radius.max(initial=1)) + 1.5
    centre = np.cumsum(2 * radius + 1.5) - radius - 0.75 - width / 2
    places = np.empty((2, len(row)))
    for j, size, x in zip(used, sizes, centre, strict=True):
        places[:, col == j] = _disc(int(size)) + np.array([[x], [0.0]])
    pixels = min(_WIDTH / max(width, 1), _HEIGHT / height, _LARGEST)  # of a unit, the space a dot has
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
    places = _DOT * np.sqrt(np.arange(n) + (n > 1) * 0.5) * np.stack([np.cos(turn), np.sin(turn)])
    order = np.argsort(np.arctan2(places[1], places[0]), kind="stable")
    return np.asarray(places[:, order], dtype=np.float64)


def _heading(counts: Int64[np.ndarray, "r c"]) -> str:
    if not counts.any():
        return "No items yet"
    row = table_scores(counts)
    words = ", ".join(f"{name} {row[key]:.2f}" for key, name in SCORE_NAMES.items() if key != "ami")
    small = "a ring is a cluster, a dot an item, its colour and shape the class"
    return f"Clusters of {counts.sum()} items: {words}<br><span style='font-size:12px'>{small}</span>"
