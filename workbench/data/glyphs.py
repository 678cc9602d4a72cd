"""Images of printed characters, drawn on the fly from the fonts that matplotlib ships; a class is a character."""

from __future__ import annotations

import os
import unicodedata
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch.nn import functional

from .._core.files import atomic_path, data_home
from .._core.npz import open_npz
from .._core.validation import check_choice, check_labels, check_seed
from .faces import MASTER, draw, faces_of
from .glyph_classes import CLASSES
from .records import ImageSet

RECIPE = 5  # part of the cache's file name: raise it with every change that changes a pixel
SIZE = 32  # pixels of an image's side
BLOCK = 512  # images warped at once: few enough to stay in a processor's cache
MIN_FACES = 2  # a class drawn from one face alone would hold copies only


@dataclass(frozen=True)
class SizeLaw:
    """Images per class: round(exp(Normal(ln median, spread))), clipped to [low, high].

    Example:
        >>> SizeLaw(16.0, 0.8, 4, 120).draw(3, np.random.default_rng(0)).tolist()
        [18, 14, 27]
    """

    median: float
    spread: float
    low: int
    high: int

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """`n` seeded class sizes, int64 [n]."""
        sizes = np.exp(rng.normal(np.log(self.median), self.spread, n))
        return np.clip(np.rint(sizes), self.low, self.high).astype(np.int64)


SEEN_SIZES = SizeLaw(median=16.0, spread=0.8, low=4, high=120)  # mean about 22
UNSEEN_SIZES = SizeLaw(median=34.0, spread=1.25, low=2, high=600)  # mean about 70, a heavier tail at both ends
SIZES = {split: UNSEEN_SIZES if split == "test-unseen" else SEEN_SIZES for split in CLASSES}


def load_glyphs(split: str, *, seed: int = 0, path: str | os.PathLike[str] | None = None) -> ImageSet:
    """Images of printed characters: 32x32 uint8, ink 255 on 0.

    Each image is a clean drawing x in one face, warped and inked:
    `image = 255 * clip(contrast * clip((warp(blur(x)) - threshold) * gain + 1/2) + noise)`.
    Drawings are scaled to their longest side first, so size never tells c from C; such look-alikes are one class.

    Args:
        split: "encoder", "meta-train", "meta-val", "test-seen" or "test-unseen"; their classes are disjoint.
        seed: settles class sizes and every image; the classes themselves are fixed.
        path: folder for the cache, else the environment's WORKBENCH_DATA, else the user's cache folder.

    Shapes:
        images [N, 32, 32], labels [N].

    Raises:
        ValueError: an unknown split.
        RuntimeError: matplotlib's fonts lack a character of the split.

    Example:
        >>> import tempfile
        >>> glyphs = load_glyphs("meta-val", path=tempfile.mkdtemp())
        >>> glyphs.images.shape[1:], glyphs.n_classes
        ((32, 32), 40)

    Source: own recipe; fonts DejaVu 2.35 and STIX 1.0 (see datasets/glyphs/README.md).
    """
    check_choice(split, "split", tuple(CLASSES))
    check_seed(seed)
    target = data_home(path) / "glyphs" / f"{split}-seed{seed}-v{RECIPE}.npz"
    arrays = _read_cache(target)
    if arrays is None:
        arrays = render_split(split, seed)
        _write_cache(target, *arrays)
    return ImageSet(*arrays, class_names=tuple(map(class_name, CLASSES[split])), name=f"glyphs/{split}")


def class_name(char: str) -> str:
    """The character and its Unicode name.

    Example:
        >>> class_name("a")
        'a latin small letter a'
    """
    return f"{char} {unicodedata.name(char).lower()}"


def render_split(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [N, 32, 32] and labels int64 [N] of a split, sorted by class; no cache."""
    rng = np.random.default_rng([seed, list(CLASSES).index(split)])
    classes = CLASSES[split]
    labels = np.repeat(np.arange(len(classes)), SIZES[split].draw(len(classes), rng))
    drawings, first, n_faces = _draw_all(classes)
    which = first[labels] + rng.integers(0, n_faces[labels])
    return render(drawings, which, rng), labels


def render(
    drawings: UInt8[np.ndarray, "d 64 64"], which: np.ndarray, rng: np.random.Generator
) -> UInt8[np.ndarray, "n 32 32"]:
    """One sample of each drawing in `which`: warped, inked, noisy."""
    extent = _half_extent(drawings)
    clean = torch.from_numpy(drawings).float().div_(255).unsqueeze(1)
    smooth = functional.avg_pool2d(clean, 3, stride=1, padding=1)  # so that halving the size loses no thin stroke
    out = np.empty((len(which), SIZE, SIZE), np.uint8)
    for start in range(0, len(which), BLOCK):
        block = which[start : start + BLOCK]
        grid = torch.from_numpy(_grid(_random_warp(extent[block], rng)))
        warped = functional.grid_sample(smooth[torch.from_numpy(block)], grid, align_corners=False)
        out[start : start + BLOCK] = _ink(warped[:, 0].numpy(), rng)
    return out


def _grid(inverse: Float32[np.ndarray, "n 2 3"]) -> Float32[np.ndarray, "n 32 32 2"]:
    """Where each output pixel's centre comes from, both in [-1, 1] from edge to edge."""
    centre = (2 * np.arange(SIZE, dtype=np.float32) + 1) / SIZE - 1
    right, down, shift = (inverse[:, None, None, :, i] for i in range(3))
    grid: np.ndarray = right * centre[None, None, :, None] + down * centre[None, :, None, None] + shift
    return grid


def _random_warp(extent: Float[np.ndarray, "n 2"], rng: np.random.Generator) -> Float32[np.ndarray, "n 2 3"]:
    """Inverse maps (output to input, in [-1, 1] coordinates) of small rotations, shears, scalings and shifts.

    The scale gives way where the warped character would leave the image.
    """
    n = len(extent)
    angle = np.deg2rad(rng.uniform(-12, 12, n))
    shear = rng.uniform(-0.15, 0.15, n)
    width, height = (s * rng.uniform(0.9, 1.1, n) for s in np.repeat(rng.uniform(0.75, 1.05, (1, n)), 2, axis=0))
    cos = np.cos(angle)
    sin = np.sin(angle)
    zero = np.zeros(n)
    turn = np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1)
    forward = turn @ np.stack([np.stack([width, shear * height], 1), np.stack([zero, height], 1)], 1)
    reach = np.einsum("nij,nj->ni", np.abs(forward), extent)
    fit = np.minimum(1, 0.94 / reach.max(axis=1))
    room = np.minimum(0.96 - reach * fit[:, None], 0.14)  # 0.14 is 2.2 of the 16 pixels to each side
    shift = rng.uniform(-1, 1, (n, 2)) * room
    inverse = np.linalg.inv(forward * fit[:, None, None])
    maps: np.ndarray = np.concatenate([inverse, -inverse @ shift[:, :, None]], axis=2).astype(np.float32)
    return maps


def _half_extent(drawings: np.ndarray) -> Float[np.ndarray, "n 2"]:
    """Half width and half height of the centred ink, as a share of half the drawing's side."""
    columns = (drawings > 0).any(axis=1)
    rows = (drawings > 0).any(axis=2)
    return np.stack([1 - 2 * columns.argmax(axis=1) / MASTER, 1 - 2 * rows.argmax(axis=1) / MASTER], axis=1)


def _ink(smooth: Float32[np.ndarray, "n 32 32"], rng: np.random.Generator) -> UInt8[np.ndarray, "n 32 32"]:
    """Stroke weight (threshold on a blurred drawing), edge softness, contrast, then additive noise."""
    threshold, gain, contrast, noise = (
        rng.uniform(low, high, (len(smooth), 1, 1)).astype(np.float32)
        for low, high in ((0.15, 0.55), (1.5, 4.0), (0.65, 1.0), (0.0, 0.08))
    )
    near = np.minimum(smooth * 8, 1)  # 0 on bare ground, which a low threshold must not darken
    inked = np.clip((smooth - threshold) * gain + 0.5, 0, 1) * near * contrast
    grain = rng.standard_normal(smooth.shape, dtype=np.float32) * noise
    grey: np.ndarray = np.rint(np.clip(inked + grain, 0, 1) * 255).astype(np.uint8)
    return grey


def _draw_all(classes: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clean drawings [D, 64, 64] in class order, with each class's first drawing [C] and number of faces [C]."""
    per_class = [[draw(char, face) for face in faces_of(char)] for char in classes]
    n_faces = np.array([len(drawings) for drawings in per_class])
    if (n_faces < MIN_FACES).any():
        lacking = [class_name(c) for c, n in zip(classes, n_faces, strict=True) if n < MIN_FACES]
        raise RuntimeError(
            f"glyphs: matplotlib {version('matplotlib')} ships fewer than {MIN_FACES} faces with "
            f"{', '.join(lacking[:3])} ({len(lacking)} in all); install a matplotlib release from 3.9 on"
        )
    return np.stack([d for drawings in per_class for d in drawings]), np.cumsum(n_faces) - n_faces, n_faces


def _read_cache(target: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """What an earlier call drew, or None where there is nothing whole to read."""
    try:
        with open_npz(target) as stored:
            images = stored["images"]
            labels = check_labels(stored["labels"])
            whole = images.dtype == np.uint8 and images.shape == (len(labels), SIZE, SIZE)
    except (OSError, ValueError):
        return None
    return (images, labels) if whole else None


def _write_cache(target: Path, images: np.ndarray, labels: np.ndarray) -> None:
    try:
        with atomic_path(target) as part:
            np.savez(part, images=images, labels=labels)
    except OSError as error:
        warnings.warn(f"glyphs: not cached, so drawn anew next time: {error}", UserWarning, stacklevel=3)
