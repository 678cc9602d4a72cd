"""Images side by side: a cluster at a glance."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import UInt8
from PIL import Image

from ..._core.validation import check_int, check_labels
from ...encoder.network import check_images
from ..style import CLEAR, INK, escape, styled

_FRAME = {"peak": (0, 114, 178), "other": (213, 94, 0)}  # blue and vermilion of the palette
_EDGE = 2
_GAP = 2
_LARGEST = 64  # pixels of a thumbnail's longer side: larger images are thinned


def checked_images(images: Any, n: int) -> np.ndarray | None:
    """Images of a set of n, or None where there are none.

    Raises:
        ValueError: not uint8 images, or another number of them.

    Example:
        >>> checked_images(None, 5) is None
        True
    """
    if images is None:
        return None
    array = check_images(images)
    if len(array) != n:
        raise ValueError(f"images: expected {n}, one per image of the clustering, got {len(array)}")
    return array


def thin(images: np.ndarray) -> np.ndarray:
    """Images as thumbnails: of large ones every second, third ... row and column.

    Example:
        >>> thin(np.zeros((1, 130, 100), np.uint8)).shape
        (1, 44, 34)
    """
    step = max(1, -(-max(images.shape[1:3]) // _LARGEST))
    return images[:, ::step, ::step]


def mosaic(
    images: UInt8[np.ndarray, "n h w"] | UInt8[np.ndarray, "n h w c"],
    *,
    columns: int = 16,
    other: Any = None,
    peak: int | None = None,
) -> UInt8[np.ndarray, "H W 4"]:
    """Images in rows, on a transparent ground, in the order given.

    Args:
        images: grey (ink 255 on 0, drawn dark on light) or RGB.
        columns: images in a row.
        other: booleans [n]; these get an orange frame (another class than most).
        peak: index of the image to frame in blue.

    Raises:
        ValueError: no images, another number of booleans, or no image of this index.

    Example:
        >>> mosaic(np.zeros((3, 8, 8), np.uint8), columns=2).shape
        (32, 32, 4)
    """
    n, h, w = images.shape[:3]
    if not n:
        raise ValueError("images: expected at least one image, got none")
    columns = min(check_int(columns, "columns"), n)
    rows = -(-n // columns)
    cells = np.zeros((rows * columns, h + 2 * (_EDGE + _GAP), w + 2 * (_EDGE + _GAP), 4), dtype=np.uint8)
    inner = cells[:n, _GAP:-_GAP, _GAP:-_GAP]
    inner[..., 3] = 255
    inner[..., :3] = 236
    framed = np.zeros(n, dtype=bool) if other is None else np.asarray(other, dtype=bool)
    if framed.shape != (n,):
        raise ValueError(f"other: expected {n} booleans, one per image, got shape {framed.shape}")
    inner[framed, ..., :3] = _FRAME["other"]
    if peak is not None:
        inner[check_int(int(peak), "peak", 0, n - 1), ..., :3] = _FRAME["peak"]
    inner[:, _EDGE:-_EDGE, _EDGE:-_EDGE, :3] = 255 - images[..., None] if images.ndim == 3 else images[..., :3]
    grid = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    return grid.reshape(rows * cells.shape[1], columns * cells.shape[2], 4)


def png_uri(pixels: np.ndarray) -> str:
    """An RGB(A) array, uint8 [h, w, c], as a PNG data address, for a page or a figure that needs no other file.

    Raises:
        ValueError: another dtype.

    Example:
        >>> png_uri(np.zeros((1, 1, 3), np.uint8))[:22]
        'data:image/png;base64,'
    """
    if pixels.dtype != np.uint8:
        raise ValueError(f"pixels: expected uint8, 0 to 255, got {pixels.dtype}; (255 * pixels).astype(numpy.uint8)?")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", compress_level=3)  # a tenth of `optimize`'s time, and no larger
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def plot_cluster(
    images: UInt8[np.ndarray, "n h w"] | UInt8[np.ndarray, "n h w c"],
    members: Any,
    labels: Any = None,
    *,
    peak: int | None = None,
    max_images: int = 120,
    columns: int = 20,
    title: str = "Cluster",
) -> go.Figure:
    """The images of one cluster, its peak first (blue frame); images of another class than most have an orange frame.

    Args:
        images: of the whole set [N, H, W] or [N, H, W, 3].
        members: indices of the cluster's images, e.g. `hierarchy.levels[-1].members(7)`, or booleans [N].
        labels: true classes [N].
        peak: index of the image that stands for the cluster, e.g. `hierarchy.levels[-1].peaks[7]`.
        max_images: more are left out, which the title says.
        columns: images in a row.
        title: of the figure; may hold text from data.

    Raises:
        ValueError: no members, or an index of no image.

    Example:
        >>> figure = plot_cluster(np.zeros((5, 8, 8), np.uint8), [1, 3, 4], [0, 0, 0, 0, 1])
        >>> figure.layout.title.text
        'Cluster: 3 images, 1 of another class than most'
    """
    index = _indices(members, len(images))
    if peak is not None:
        first = check_int(int(peak), "peak", 0, len(images) - 1)
        index = np.concatenate([[first], index[index != first]])
    other = _other_class(check_labels(labels, len(images))[index]) if labels is not None else None
    shown = index[: check_int(max_images, "max_images")]
    grid = mosaic(
        images[shown],
        columns=columns,
        other=None if other is None else other[: len(shown)],
        peak=None if peak is None else 0,
    )
    number = f"{len(index):,} images" + (f", {len(shown)} shown" if len(shown) < len(index) else "")
    errors = "" if other is None else f", {int(other.sum()):,} of another class than most"
    figure = go.Figure(go.Image(source=png_uri(grid), hoverinfo="skip"))
    styled(figure, f"{escape(title)}: {number}{errors}", height=96 + int(1.1 * 860 * grid.shape[0] / grid.shape[1]))
    figure.update_layout(margin={"l": 8, "r": 8, "t": 56, "b": 8}, plot_bgcolor=CLEAR, font_color=INK)
    return figure.update_xaxes(visible=False).update_yaxes(visible=False)


def _indices(members: Any, n: int) -> np.ndarray:
    """Which of n images; booleans say it of each."""
    given = members.cpu() if isinstance(members, torch.Tensor) else members
    index = check_labels(given, name="members")
    if np.asarray(given).dtype == bool:
        index = np.flatnonzero(check_labels(given, n, "members"))
    if not len(index):
        raise ValueError("members: expected at least one image, got none")
    if index.min() < 0 or index.max() >= n:
        wrong = index[(index < 0) | (index >= n)][0]
        raise ValueError(f"members: expected indices of the {n} images, 0 to {n - 1}, got {wrong}")
    return index


def _other_class(labels: np.ndarray) -> np.ndarray:
    codes, counts = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    return np.asarray(codes != int(counts.argmax()))
