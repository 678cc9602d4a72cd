"""What the general model is meta-trained on: printed and handwritten characters, each seen in three ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8

from ..._core.runtime import resolve_device
from ..._core.validation import unit_rows
from ...data import ImageSet, load
from ...encoder.train import Encoder
from .synthetic import Labelled

BINS = 8  # directions of a gradient, up to its sign; Dalal & Triggs use 9
CELL = 4  # pixels a side: 32 x 32 images give 8 x 8 cells, so 512 numbers
COMPONENTS = 64  # of the pixels: another dimension than that of the other two views


def general_sources(
    encoder: Encoder,
    *,
    omniglot: str | Path | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
) -> list[Labelled]:
    """Glyphs (splits `encoder` and `meta-train`) and Omniglot's `background`, as encoder features, gradients, pixels.

    No class of `meta-val`, of the test splits, of Omniglot's `evaluation` or of any other data set is among them.

    Args:
        encoder: of images, e.g. the packaged "glyphs-encoder".
        omniglot: where a local copy lies; None: downloaded once.
        seed: of the glyphs.
        device: where the encoder runs.
        progress: show progress bars.
    """
    resolve_device(device)
    characters = load("omniglot", split="background", path=omniglot)  # before the work: it may not be there
    sets = [*(load("glyphs", split=split, seed=seed) for split in ("encoder", "meta-train")), characters]
    return [view for images in sets for view in _views(images, encoder, device, progress)]


def _views(images: ImageSet, encoder: Encoder, device: str, progress: bool) -> list[Labelled]:
    labels = torch.from_numpy(np.unique(images.labels, return_inverse=True)[1])
    views = (
        encoder.embed(images.images, device=device, progress=progress),
        gradients(images.images),
        pixels(images.images),
    )
    return [(unit_rows(view), labels) for view in views]


def gradients(images: UInt8[np.ndarray, "n h w"]) -> Float32[np.ndarray, "n d"]:
    """Histograms of the directions of the gradient in cells of 4 x 4 pixels, unit rows, then square roots.

    Example:
        >>> gradients(np.eye(8, dtype=np.uint8)[None] * 255).shape
        (1, 32)

    Source: Dalal & Triggs, CVPR 2005, without overlapping blocks.
    """
    ink = images.astype(np.float32) / 255
    down, right = np.gradient(ink, axis=(1, 2))
    strength = np.hypot(right, down)  # (n, h, w)
    angle = np.arctan2(down, right) % np.pi / np.pi * BINS  # in bins: dark on light and light on dark are the same
    n, height, width = ink.shape
    rows = height // CELL
    columns = width // CELL

    cells = []
    for direction in range(BINS):
        # Shared between the two nearest directions: a turn by a degree must not move the whole stroke to another bin.
        apart = np.abs(angle - direction)
        share = strength * np.clip(1 - np.minimum(apart, BINS - apart), 0, None)
        whole = share[:, : rows * CELL, : columns * CELL].reshape(n, rows, CELL, columns, CELL)
        cells.append(whole.sum(axis=(2, 4)).reshape(n, -1))

    table = np.concatenate(cells, axis=1)  # (n, BINS * rows * columns)
    unit: Float32[np.ndarray, "n d"] = np.sqrt(table / (np.linalg.norm(table, axis=1, keepdims=True) + 1e-6))
    return unit


def pixels(images: UInt8[np.ndarray, "n h w"]) -> Float[np.ndarray, "n d"]:
    """The first 64 principal components of the pixels.

    Example:
        >>> pixels(np.random.default_rng(0).integers(0, 255, (100, 8, 8), dtype=np.uint8)).shape
        (100, 64)
    """
    from sklearn.decomposition import PCA

    flat = images.reshape(len(images), -1) / 255
    rows: Float[np.ndarray, "n d"] = PCA(min(COMPONENTS, *flat.shape), random_state=0).fit_transform(flat)
    return rows
