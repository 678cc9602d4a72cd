"""HTML of links: candidates with the decision on each, the way to the peak. Every text from data is escaped here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ..figures.link_plots import LOOKS, Names
from ..style import GREY, PALETTE, escape
from .panes import table, thumbnail

_SIDE = 30  # pixels of a thumbnail in a table
_TRACK = 64  # pixels of a bar that is 1 long

__all__ = ["Names", "candidates", "decision", "linkage_bar", "strip"]


def decision(why: str) -> str:
    """Symbol and words of a decision, with a bar of its colour.

    Example:
        >>> "✘ not denser" in decision("not denser")
        True
    """
    symbol, colour = LOOKS.get(why, ("✘", GREY))
    style = f"display:inline-block;white-space:normal;min-width:110px;border-left:5px solid {colour};padding-left:7px"
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
        >>> from workbench.evaluate.link_decisions import WHY
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
    return f"<div style='white-space:normal'>{arrow.join(cells)}</div>"  # wraps: the peak, at its end, is what counts
