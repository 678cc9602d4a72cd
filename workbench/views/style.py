"""What all pictures share: colours that colour-blind readers tell apart, a look for light and dark pages, escaping."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from plotly.colors import unlabel_rgb

from .._core.validation import check_labels

# Okabe & Ito's seven colours (Color Universal Design, 2008); the yellow a little darker, to show on white as well.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#DDCC22")
GREY = "#8A8F98"  # what is not a cluster: noise, the rest, the truth as a reference line
INK = "#7B7F87"  # text and axes: contrast 4 to 1 on white and on near-black
_GRID = "rgba(128,134,145,0.22)"
CLEAR = "rgba(0,0,0,0)"
SCORE_NAMES = {
    "pairwise_f": "pairwise F",
    "bcubed_f": "BCubed F",
    "item_f": "item F",
    "nmi": "NMI",
    "ami": "AMI",
    "ari": "ARI",
}
# What the pages we write share: colours that follow the reader's light or dark setting, and the font. `--ground` is set
# by each.
PAGE_STYLE = """
:root{color-scheme:light dark;--ink:#22262c;--soft:#5d6570;--line:#dfe3e8;--mark:#0072b2}
@media(prefers-color-scheme:dark){:root{--ink:#e4e7eb;--soft:#a3abb6;--line:#333941;--mark:#56b4e9}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,'Segoe UI',Helvetica,Arial,sans-serif}
p{max-width:76ch}a{color:var(--mark)}
"""
_TOP = {"xanchor": "left", "yanchor": "top"}


def escape(text: Any) -> str:
    """Text from data, made safe for a figure or a page: a class called `<b>` prints as that.

    Example:
        >>> escape("<img src=x>")
        '&lt;img src=x&gt;'
    """
    return html.escape(str(text), quote=True)


def counted(number: int | np.integer, noun: str) -> str:
    """A number and its noun.

    Example:
        >>> counted(1, "row"), counted(2000, "row")
        ('1 row', '2,000 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def styled(figure: go.Figure, title: str, *, height: int = 420, subtitle: str = "") -> go.Figure:
    """The house look: a transparent ground and mid-grey ink, legible on white and on near-black, 900 px wide.

    Args:
        figure: changed in place and returned; it was made by the caller.
        title: already escaped where it holds text from data.
        subtitle: one line below the title.
    """
    text = title + (f"<br><span style='font-size:12px'>{subtitle}</span>" if subtitle else "")
    figure.update_layout(
        template="none",
        title={"text": text, "x": 0, "xref": "container", "pad": {"l": 8}, "y": 1 - 22 / height, "font_size": 17}
        | _TOP,
        font={"family": "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif", "size": 13, "color": INK},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        colorway=PALETTE,
        height=height,
        margin={"l": 64, "r": 24, "t": 76, "b": 56},
        legend={"bgcolor": CLEAR, "orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
        hoverlabel={"align": "left", "namelength": -1},
    )
    axis = {"gridcolor": _GRID, "zeroline": False, "linecolor": _GRID, "ticks": "", "automargin": True}
    return figure.update_xaxes(**axis).update_yaxes(**axis)


def mark_at(
    figure: go.Figure, x: int | float, text: str, *, low: int | float = 0, high: int | float = 1, top: bool = False
) -> None:
    """A dashed line up through a figure at `x` of an axis from 0 to 1, with words on the side that has more room.

    Args:
        figure: changed in place.
        x: where.
        text: plain text.
        top: the words stand at the top of the line, else at its foot.

    Example:
        >>> figure = go.Figure()
        >>> mark_at(figure, 0.905, "tau = 0.905")
        >>> figure.layout.annotations[0].xanchor
        'right'
    """
    figure.add_vline(x=x, line={"color": GREY, "dash": "dash"})
    side = "right" if x > 0.5 else "left"
    place = {"yref": "paper", "y": int(top), "yanchor": "top" if top else "bottom", "xanchor": side, "showarrow": False}
    figure.add_annotation(x=x, text=f" {escape(text)} ", **place)


def ink_on(colour: str) -> str:
    """Black or white: the ink that is read better on an `rgb(...)` colour (contrast of WCAG 2).

    Example:
        >>> ink_on("rgb(0, 34, 78)"), ink_on("rgb(254, 232, 56)")
        ('#fff', '#000')
    """
    shares = np.array(unlabel_rgb(colour)) / 255
    light = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
    return "#000" if (light + 0.05) / 0.05 > 1.05 / (light + 0.05) else "#fff"


def colour_steps(n: int = len(PALETTE)) -> list[list[Any]]:
    """A plotly colour scale of `n` flat steps, for numeric colours 0 .. n-1.

    Example:
        >>> colour_steps(2)
        [[0.0, '#0072B2'], [0.5, '#0072B2'], [0.5, '#E69F00'], [1.0, '#E69F00']]
    """
    return [[edge / n, PALETTE[i]] for i in range(n) for edge in (i, i + 1)]


def cluster_colours(
    layers: Sequence[Int[np.ndarray, " n"]], xy: Float[np.ndarray, "n 2"] | None = None
) -> list[Int[np.ndarray, " n"]]:
    """Colour 0 .. 6 of every image at every level: a cluster keeps its largest child's colour.

    Colours are given from the last level down, in turn along a curve through the map, so that neighbours differ: the
    largest child takes its parent's, each other child one of the six that are left.

    Args:
        layers: labels [N] per level, finest first, nested (as `Hierarchy.layers`).
        xy: places [N, 2] on the map; None: in the order of the cluster numbers.

    Example:
        >>> fine, coarse = np.array([0, 0, 1, 2]), np.array([0, 0, 0, 1])
        >>> below, above = cluster_colours([fine, coarse])
        >>> bool(below[0] == above[0]), bool(below[2] != below[0]), bool(below[3] == above[3])
        (True, True, True)
    """
    colours: list[np.ndarray] = []
    for i in reversed(range(len(layers))):
        labels = check_labels(layers[i], name="layers")
        first, codes = np.unique(labels, return_index=True, return_inverse=True)[1:]
        turn = _turns(codes, xy)
        if not colours:
            own = turn % len(PALETTE)
        else:
            parent = check_labels(layers[i + 1], len(labels), "layers")[first]
            above = colours[-1][first]
            own = (above + 1 + turn % (len(PALETTE) - 1)) % len(PALETTE)
            own = np.where(_largest_of_parent(parent, np.bincount(codes)), above, own)
        colours.append(own[codes])
    return colours[::-1]


def _largest_of_parent(parent: np.ndarray, size: np.ndarray) -> np.ndarray:
    """True for the largest child of each parent; of equals the first."""
    order = np.lexsort((np.arange(len(size)), -size, parent))
    largest = np.zeros(len(size), dtype=bool)
    largest[order[np.unique(parent[order], return_index=True)[1]]] = True
    return largest


def _turns(codes: np.ndarray, xy: np.ndarray | None) -> np.ndarray:
    """Rank of each cluster's centre along a Z-order curve through the map."""
    n = int(codes.max()) + 1 if len(codes) else 0
    if xy is None:
        return np.arange(n)
    placed = np.isfinite(xy).all(axis=1)
    count = np.maximum(np.bincount(codes[placed], minlength=n), 1)[:, None]
    centre = np.stack([np.bincount(codes[placed], weights=xy[placed, a], minlength=n) for a in (0, 1)], axis=1) / count
    low = centre.min(axis=0)
    high = centre.max(axis=0)
    cell = (255 * (centre - low) / np.maximum(high - low, 1e-12)).astype(np.int64)
    bits = np.arange(8)
    x, y = ((cell[:, a, None] >> bits & 1) << (2 * bits + a) for a in (0, 1))
    turn = np.empty(n, dtype=np.int64)
    turn[np.argsort((x + y).sum(axis=1), kind="stable")] = np.arange(n)
    return turn
