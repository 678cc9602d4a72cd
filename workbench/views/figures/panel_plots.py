"""Maps side by side: the same images placed in several ways, a colour and a symbol per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float
from plotly.subplots import make_subplots

from ..._core.validation import check_class_names, check_labels
from ..style import PALETTE, escape, styled

_SYMBOLS = ("circle", "diamond", "square", "cross", "triangle-up", "x", "star")
_PAIR = 2  # panels in a row


def plot_panels(
    places: Mapping[str, Any], labels: Any, *, class_names: Sequence[str] = (), title: str = ""
) -> go.Figure:
    """The same images on several maps, so that one sees which of them keeps the classes together.

    Distances of different maps have nothing to do with each other, so the axes carry no numbers. From the eighth class
    on, colours repeat with the next symbol.

    Args:
        places: name of each map -> places [N, 2]; drawn two in a row.
        labels: true classes [N].
        class_names: a name per class, for the legend and the hovers.
        title: over the figure.

    Raises:
        ValueError: no map, or places of another length than the labels.

    Example:
        >>> maps = {"before": [[0, 0], [1, 1], [0, 1]], "after": [[0, 0], [0, 1], [5, 5]]}
        >>> figure = plot_panels(maps, [0, 0, 1])
        >>> [note.text for note in figure.layout.annotations]
        ['before', 'after']
    """
    if not places:
        raise ValueError("places: expected at least one map, name -> places [N, 2], got none")
    truth = check_labels(labels)
    names = check_class_names(class_names, truth)
    rows = -(-len(places) // _PAIR)
    figure = make_subplots(
        rows, min(len(places), _PAIR), subplot_titles=[escape(name) for name in places], **_gaps(rows)
    )
    for i, (name, xy) in enumerate(places.items()):
        spots: Float[np.ndarray, "n 2"] = np.asarray(xy, dtype=np.float32)
        if spots.shape != (len(truth), 2):
            raise ValueError(f"places: expected shape ({len(truth)}, 2) for {name!r}, got {spots.shape}")
        dots = [
            _class(spots, truth == c, n, names[c] if names else f"class {c}") for n, c in enumerate(np.unique(truth))
        ]
        where = i // _PAIR + 1, i % _PAIR + 1
        figure.add_traces([dot.update(showlegend=i == 0) for dot in dots], rows=where[0], cols=where[1])
    note = f"{len(truth):,} images, {len(np.unique(truth))} classes; near = alike, as far as that map can show it"
    styled(figure, escape(title or "The same images on several maps"), height=110 + 360 * rows, subtitle=note)
    figure.update_layout(legend={"y": 0, "yanchor": "top", "x": 0, "xanchor": "left"}, margin={"t": 96})
    return figure.update_xaxes(showticklabels=False).update_yaxes(showticklabels=False)


def _gaps(rows: int) -> dict[str, float]:
    return {"horizontal_spacing": 0.04, "vertical_spacing": 0.09 if rows > 1 else 0.0}


def _class(xy: Float[np.ndarray, "n 2"], of_class: Bool[np.ndarray, " n"], number: int, name: str) -> go.Scatter:
    symbol = _SYMBOLS[number // len(PALETTE) % len(_SYMBOLS)]
    marker = {"size": 6, "opacity": 0.8, "color": PALETTE[number % len(PALETTE)], "symbol": symbol}
    dots = go.Scatter(x=xy[of_class, 0], y=xy[of_class, 1], mode="markers", name=escape(name), marker=marker)
    return dots.update(legendgroup=str(number), hovertemplate="%{fullData.name}<extra></extra>")
