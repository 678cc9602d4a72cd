"""HTML of a mistake: two sides of images and the link between them. Every text from data is escaped here."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Int

from ..style import escape
from .error_state import Mistakes, Row, why_kept
from .link_panes import Names, decision, linkage_bar
from .panes import grid, table, thumbnail

_GRID = 322  # pixels of one side's images
_BETWEEN = 150
_WORDS = "<div style='line-height:1.4;margin:2px 0 8px'>{}</div>"


def two_sides(left: str, between: str, right: str) -> str:
    """Two sides and what stands between them.

    Example:
        >>> two_sides("<p>a</p>", "", "<p>b</p>").count("<div")
        4
    """
    parts = ((left, _GRID), (between, _BETWEEN), (right, _GRID))
    columns = "".join(f"<div style='width:{width}px;flex:none'>{html}</div>" for html, width in parts)
    return f"<div style='display:flex;flex-wrap:wrap;gap:12px;line-height:1.4;overflow-wrap:anywhere'>{columns}</div>"


def side(heading: str, members: Int[np.ndarray, " m"], names: Names, images: np.ndarray | None = None) -> str:
    """One side: how many images, of which classes, and what they look like (orange frame: another class than most).

    Example:
        >>> side("A", np.array([0, 2]), Names(3, [1, 1, 0], ["<b>", "c"]))
        '<b>A: 2 images</b><br>1 c, 1 &lt;b&gt;'
    """
    words = f"<b>{escape(heading)}: {len(members):,} image{'' if len(members) == 1 else 's'}</b>"
    if names.labels is not None:
        classes, counts = np.unique(names.labels[members], return_counts=True)
        order = np.lexsort((-classes, -counts))
        most = ", ".join(f"{counts[i]:,} {escape(names.label(int(classes[i])))}" for i in order[:4])
        words += f"<br>{most}" + (f", {len(order) - 4} more classes" if len(order) > 4 else "")
    return words if images is None else f"{words}<br>{grid(images, members, names.labels, width=_GRID)}"


def between(
    child: int, parent: int, linkage: float, tau: float, why: str, names: Names, images: np.ndarray | None = None
) -> str:
    """The link: the images that stand for its two ends, its linkage, the decision on it.

    Example:
        >>> "not denser" in between(0, 1, 0.4, 0.5, "not denser", Names(2))
        True
    """
    ends = [
        f"{'' if images is None else thumbnail(images, image, height=72) + '<br>'}{escape(names.image(image))}"
        for image in (child, parent)
    ]
    arrow = "<div style='font-size:20px' aria-label='linked to'>↓</div>"
    return f"<b>The link</b><br>{ends[0]}{arrow}{ends[1]}<br>{linkage_bar(linkage, tau)}<br>{decision(why)}"


def merge_html(mistakes: Mistakes, row: Row, images: np.ndarray | None = None) -> str:
    """A false merge: the images below the link, the link, the rest of the cluster."""
    below, rest = mistakes.of_merge(row)
    words = (
        f"At level {row['level']} this link joined {row['false_pairs']:,} pairs of different classes, and "
        f"{row['right_pairs']:,} of one class. Without it pairwise F after that level would change by "
        f"<b>{row['f_gain']:+.4f}</b>."
    )
    left = side("Below the link", below, mistakes.names, images)
    right = side("The rest of the cluster", rest, mistakes.names, images)
    return _WORDS.format(words) + two_sides(left, _link(mistakes, row, why_kept(row), images), right)


def split_html(mistakes: Mistakes, row: Row, images: np.ndarray | None = None) -> str:
    """A false split: both clusters, the closest link between them, and all links level by level."""
    words = (
        f"{row['pairs_missed']:,} pairs of one class were kept apart. Joining the two clusters would change "
        f"pairwise F by <b>{row['f_gain']:+.4f}</b>."
    )
    left, right = (
        side(f"Cluster {row[f'cluster_{x}']}", part, mistakes.names, images)
        for x, part in zip("ab", mistakes.of_split(row), strict=True)
    )
    none = f"<b>No link</b><br>{escape(row['why'])}"
    link = _link(mistakes, row, row["why"], images) if row["level"] >= 0 else none
    history = level_by_level(mistakes.history(row), mistakes.rule.tau)
    return _WORDS.format(words) + two_sides(left, link, right) + "<br>" + history


def _link(mistakes: Mistakes, row: Row, why: str, images: np.ndarray | None) -> str:
    ends = (row["child_image"], row["parent_image"])
    return between(*ends, row["linkage"], mistakes.rule.tau, why, mistakes.names, images)


def level_by_level(history: pd.DataFrame, tau: float) -> str:
    """Candidate links between two clusters at each level (`evaluate.errors.links_between`) as a table.

    Example:
        >>> row = {"level": [1], "links": [3], "linkage": [0.4], "why": ["not denser"]}
        >>> level_by_level(pd.DataFrame(row), 0.5).count("<tr>")
        2
    """
    if history.empty:
        return "<p>At no level did a node of one list a node of the other: they were never compared.</p>"
    head = ["level", "candidate links", f"linkage of the closest (mark: tau {tau:.3f})", "why it was not kept"]
    rows = [
        [f"{row['level']}", f"{row['links']:,}", linkage_bar(row["linkage"], tau), decision(row["why"])]
        for row in history.to_dict("records")
    ]
    return table(head, rows, numbers=(0, 1, 2))
