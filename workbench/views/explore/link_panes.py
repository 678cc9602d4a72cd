"""HTML of links: candidates with the decision on each, the way to the peak. Every text from data is escaped here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..._core.validation import check_class_names, check_labels
from ...evaluate.link_decisions import WHY
from ..style import CLEAR, GREY, INK, PALETTE, escape, styled
from .panes import table, thumbnail

# How a decision looks: a symbol and a colour beside its words, in the order of `WHY`.
_KEPT = ("✔", PALETTE[0])
_DUPLICATE = ("≡", PALETTE[4])
_BEATEN = ("○", PALETTE[2])
_WEAK = ("✘", PALETTE[5])
_THIN = ("✘", GREY)
_LOOKS = dict(zip(WHY, (_KEPT, _KEPT, _DUPLICATE, _DUPLICATE, _BEATEN, _WEAK, _THIN, _THIN), strict=True))
_SIDE = 30  # pixels of a thumbnail in a table
_TRACK = 64  # pixels of a bar that is 1 long


class Names:
    """What images and classes are called, as plain text.

    Args:
        n: images.
        labels: true classes [n].
        class_names: a name per class.
        ids: a name per image.

    Raises:
        ValueError: labels, names or ids of another length.

    Example:
        >>> names = Names(2, labels=[0, 1], class_names=["a", "b"])
        >>> names.image(1), names.label(0), Names(2, ids=["x.png", "y.png"]).image(0)
        ('image 1 (b)', 'a', 'x.png')
    """

    def __init__(
        self, n: int, labels: Any = None, class_names: Sequence[str] = (), ids: Sequence[Any] | None = None
    ) -> None:
        self.labels = None if labels is None else check_labels(labels, n)
        self.class_names = check_class_names(class_names, self.labels)
        self.ids = ids
        if ids is not None and len(ids) != n:
            raise ValueError(f"ids: expected {n}, one per image, got {len(ids)}")

    def label(self, label: int) -> str:
        """Name of a class."""
        return self.class_names[label] if self.class_names else f"class {label}"

    def image(self, image: int) -> str:
        """Name of an image, with its class where it is known."""
        own = f"image {image}" if self.ids is None else str(self.ids[image])
        return own if self.labels is None else f"{own} ({self.label(int(self.labels[image]))})"


def decision(why: str) -> str:
    """Symbol and words of a decision, with a bar of its colour.

    Example:
        >>> "✘ not denser" in decision("not denser")
        True
    """
    symbol, colour = _LOOKS.get(why, _THIN)
    style = f"display:inline-block;white-space:normal;min-width:150px;border-left:5px solid {colour};padding-left:7px"
    return f"<span style='{style}'>{symbol} {escape(why)}</span>"


def linkage_bar(linkage: float, tau: float) -> str:
    """A linkage as number and bar, with a mark at tau; a dash where there is none.

    Example:
        >>> linkage_bar(0.25, 0.5).count("<span"), linkage_bar(float("nan"), 0.5)
        (3, '–')
    """
    if np.isnan(linkage):
        return "–"
    colour = PALETTE[0] if linkage > tau else PALETTE[5]
    bar = f"position:absolute;left:0;top:0;height:9px;width:{linkage * _TRACK:.0f}px;background:{colour}"
    mark = f"position:absolute;left:{tau * _TRACK:.0f}px;top:-4px;height:17px;border-left:2px solid currentColor"
    track = f"display:inline-block;position:relative;width:{_TRACK}px;height:9px;background:rgba(128,134,145,.25)"
    return f"{linkage:.3f} <span style='{track}'><span style='{bar}'></span><span style='{mark}'></span></span>"


def candidates(links: pd.DataFrame, names: Names, tau: float, images: np.ndarray | None = None) -> str:
    """The candidate links of a node (`link_decisions.link_table`) as a table.

    Example:
        >>> columns = {"image": [1], "size": [4], "similarity": [0.9], "linkage": [0.8], "density_difference": [0.1]}
        >>> "✔ kept" in candidates(pd.DataFrame({**columns, "why": [WHY[0]]}), Names(2), 0.5)
        True
    """
    if links.empty:
        return "<p>No candidate: no other node is similar at all, so this one stays alone.</p>"
    truth = "same_class" in links
    sized = bool((links["size"] > 1).any())
    head = ["", "candidate", *(["images"] if sized else []), "similarity", f"linkage (| tau {tau:.3f})", "denser by"]
    head += ["decision", *(["class"] if truth else [])]
    rows = []
    for row in links.to_dict("records"):
        image = int(row["image"])
        seen = "" if images is None else thumbnail(images, image, height=_SIDE)
        cells = [f"<div style='min-width:{_SIDE + 8}px'>{seen}</div>", _shortened(names.image(image))]
        cells += [f"{row['size']:,}"] if sized else []
        cells += [_decimals(row["similarity"])]
        cells += [linkage_bar(row["linkage"], tau), f"{row['density_difference']:+.3f}", decision(row["why"])]
        rows.append([*cells, *([_truth(row["same_class"])] if truth else [])])
    return table(head, rows, numbers=range(2, 5 + sized))


def _shortened(text: str) -> str:
    """Text in a cell of limited width; the whole of it under the pointer."""
    style = "max-width:132px;overflow:hidden;text-overflow:ellipsis"
    return f"<div style='{style}' title='{escape(text)}'>{escape(text)}</div>"


def _decimals(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"


def _truth(same: bool) -> str:
    return "same" if same else f"<b style='border-left:5px solid {PALETTE[5]};padding-left:7px'>≠ other</b>"


def strip(steps: Sequence[int], words: Callable[[int], str], images: np.ndarray | None = None) -> str:
    """Images in a row with arrows between them, from a node to its peak.

    Args:
        steps: images.
        words: plain text below the i-th.
        images: of the whole set.

    Example:
        >>> strip([3, 1], lambda i: "<b>").count("&lt;b&gt;")
        2
    """
    cell = "display:inline-block;text-align:center;vertical-align:top;width:112px;white-space:normal;font-size:12px"
    cell += ";line-height:1.3;overflow-wrap:anywhere"
    cells = [
        f"<span style='{cell}'>{'' if images is None else thumbnail(images, image, height=56) + '<br>'}"
        f"{escape(words(i))}</span>"
        for i, image in enumerate(steps)
    ]
    arrow = "<span style='display:inline-block;margin:18px 6px 0 0;font-size:20px' aria-label='parent'>→</span>"
    return f"<div style='white-space:nowrap'>{arrow.join(cells)}</div>"


def links_figure(links: pd.DataFrame, names: Names, title: str) -> go.Figure:
    """The candidate links of a node as a figure of text, for where there are no widgets.

    Example:
        >>> columns = {"image": [1], "similarity": [0.9], "linkage": [0.8], "density_difference": [0.1]}
        >>> figure = links_figure(pd.DataFrame({**columns, "why": [WHY[0]]}), Names(2), "<b>")
        >>> figure.layout.title.text, figure.data[0].cells.values[0]
        ('&lt;b&gt;', ['image 1'])
    """
    numbers = {"similarity": "similarity", "linkage": "linkage", "density_difference": "denser by"}
    columns = {"candidate": [escape(names.image(int(i))) for i in links["image"]]}
    columns |= {heading: [_decimals(v) for v in links[name]] for name, heading in numbers.items()}
    columns["decision"] = [f"{_LOOKS[why][0]} {why}" for why in links["why"]]
    ink = {"fill": {"color": CLEAR}, "font": {"color": INK}, "line": {"color": GREY}, "align": "left"}
    cells = {"values": list(columns.values()), "height": 26, **ink}
    text = go.Table(header={"values": list(columns), **ink}, cells=cells, columnwidth=[5, 1.3, 1.2, 1.4, 4.4])
    return styled(go.Figure(text), escape(title), height=170 + 32 * len(links))
