"""Pieces of HTML that explorers put beside their figures: images, facts. Every text from data is escaped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from ..._core.validation import check_labels
from ..figures.gallery import checked_images, mosaic, png_uri, thin
from ..style import escape

_FACT = "text-align:left;vertical-align:top;white-space:normal;font-weight:normal;padding:0 12px 0 0"
_CELL = "padding:2px 5px;border-bottom:1px solid rgba(128,134,145,.25);vertical-align:middle;white-space:nowrap"
_NUMBER = _CELL + ";text-align:right;font-variant-numeric:tabular-nums"
_LINE = "display:inline-block;vertical-align:middle;margin:2px 8px 2px 0"

__all__ = ["checked_images", "facts", "frame_table", "grid", "picture", "table", "thumbnail"]


def picture(pixels: np.ndarray, alt: str, *, zoom: float = 1.0) -> str:
    """RGB(A) pixels as an HTML image.

    Example:
        >>> picture(np.zeros((1, 1, 3), np.uint8), "a <b>")[:24]
        "<img alt='a &lt;b&gt;' s"
    """
    width = round(pixels.shape[1] * zoom)
    style = f"width:{width}px;max-width:100%;height:auto;image-rendering:pixelated"
    return f"<img alt='{escape(alt)}' src='{png_uri(pixels)}' style='{style}'>"


def thumbnail(images: np.ndarray, image: int, *, height: int = 88) -> str:
    """One image, `height` pixels high, on white as in a gallery.

    Example:
        >>> "image 2" in thumbnail(np.zeros((3, 8, 8), np.uint8), 2)
        True
    """
    pixels = mosaic(thin(images[image : image + 1]))
    return f"<span style='{_LINE}'>{picture(pixels, f'image {image}', zoom=height / pixels.shape[0])}</span>"


def grid(
    images: np.ndarray, members: Int[np.ndarray, " m"], labels: Any = None, *, peak: int | None = None, width: int = 360
) -> str:
    """Images of a cluster in rows, evenly drawn where there are many; other classes than most framed in orange.

    Args:
        images: of the whole set.
        members: indices into it.
        labels: true classes of the whole set.
        peak: the image that stands for the cluster: comes first, in blue.
        width: pixels there is room for.

    Example:
        >>> grid(np.zeros((3, 8, 8), np.uint8), np.array([0, 2])).startswith("<img alt='2 images'")
        True
    """
    side = thin(images[:1]).shape[2] + 8
    columns = max(1, width // side)
    shown = members[np.unique(np.linspace(0, len(members) - 1, 8 * columns).astype(int))]
    if peak is not None:
        shown = np.concatenate([[peak], shown[shown != peak]])
    other = None
    if labels is not None:
        classes, counts = np.unique(check_labels(labels)[members], return_counts=True)
        other = check_labels(labels)[shown] != classes[counts.argmax()]
    pixels = mosaic(thin(images[shown]), columns=columns, other=other, peak=None if peak is None else 0)
    words = f"{len(shown):,} images" if len(shown) == len(members) else f"{len(shown):,} of {len(members):,} images"
    return picture(pixels, words)


def facts(title: str, rows: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> str:
    """A heading and a two-column table; numbers are rounded.

    Example:
        >>> "&lt;i&gt;" in facts("<i>", {"purity": 0.5})
        True
    """
    cells = "".join(
        f"<tr><th scope='row' style='{_FACT};white-space:nowrap;opacity:.75'>{escape(name)}</th>"
        f"<td style='{_FACT}'>{escape(_text(value))}</td></tr>"
        for name, value in dict(rows).items()
    )
    return f"<div style='line-height:1.4'><b>{escape(title)}</b><table>{cells}</table></div>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = ()) -> str:
    """Rows of finished HTML cells; the columns of `numbers` are aligned to the right.

    Example:
        >>> table(["a"], [["1"]]).count("<td")
        1
    """
    styles = [_NUMBER if i in numbers else _CELL for i in range(len(head))]
    top = "".join(
        f"<th scope='col' style='{s};text-align:left;white-space:normal'>{h}</th>"
        for h, s in zip(head, styles, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td style='{s};text-align:left'>{c}</td>" if s is _CELL else f"<td style='{s}'>{c}</td>"
                         for c, s in zip(row, styles, strict=True)) + "</tr>"
        for row in rows
    )  # fmt: skip
    return f"<table style='border-collapse:collapse;font-size:13px;line-height:1.25'><tr>{top}</tr>{body}</table>"


def frame_table(frame: pd.DataFrame) -> str:
    """A small frame as a table: numbers to the right, rounded; text escaped.

    Example:
        >>> "&lt;b&gt;" in frame_table(pd.DataFrame({"<b>": [1]}))
        True
    """
    numbers = [i for i, kind in enumerate(frame.dtypes) if pd.api.types.is_numeric_dtype(kind)]
    rows = [[escape(_text(value)) for value in row] for row in frame.itertuples(index=False)]
    return table([escape(name) for name in frame], rows, numbers=numbers)


def _text(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, (int, np.integer)) and not isinstance(value, bool) else str(value)
