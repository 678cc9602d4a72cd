"""Wallpapers: pieces of photographs and drawings, class = picture.

The desktop pictures of five Debian packages, the largest version of each, 1,024 pixels wide; 64x64 pieces side by side,
flat ones (grey deviation 4 of 255 or less) left out; 8 to 80 of a picture (log-uniform). Features: means, deviations
of the sizes of Gaussian derivatives (3 scales, 4 orientations) and of luminance and two opponent colours; standardised.
"""

from pathlib import Path

import numpy as np
from common import SEED, Kind, deb, log_uniform, standardise
from PIL import Image
from scipy.ndimage import gaussian_filter

PACKAGES = (
    "gnome-backgrounds",
    "mate-backgrounds",
    "plasma-workspace-wallpapers",
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
)


def title(path: Path) -> str:
    """Versions of one picture (sizes, dark and light) share a title."""
    if "contents" in path.parts:
        return path.parts[path.parts.index("contents") - 1]
    return path.stem.split("_")[0].removesuffix("-l").removesuffix("-d")


def responses(picture: np.ndarray) -> np.ndarray:
    """Per pixel: luminance, two opponent colours, and 12 magnitudes of oriented derivatives [h, w, 15]."""
    grey = picture.mean(2)
    out = [grey, picture[..., 0] - picture[..., 1], picture[..., 2] - picture[..., :2].mean(2)]
    for scale in (1, 2, 4):
        gy, gx = (gaussian_filter(grey, scale, order=order) * scale for order in ((1, 0), (0, 1)))
        out += [np.abs(np.cos(a) * gx + np.sin(a) * gy) for a in np.pi * np.arange(4) / 4]
    return np.stack(out, 2)


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    largest: dict[str, Path] = {}
    sources = []
    for package in PACKAGES:
        folder, source = deb(package)
        sources.append(source)
        for path in sorted(folder.rglob("*.*")):
            if path.suffix.lower() in (".jpg", ".png", ".webp") and path.stem != "screenshot" and not path.is_symlink():
                name = f"{package}/{title(path)}"
                if name not in largest or path.stat().st_size > largest[name].stat().st_size:
                    largest[name] = path
    x, y = [], []
    for name, path in sorted(largest.items()):
        picture = Image.open(path).convert("RGB")
        height = max(64, round(1024 * picture.height / picture.width))
        picture = picture.resize((1024, height), Image.Resampling.LANCZOS)
        maps = responses(np.asarray(picture, np.float32))
        pieces = [
            maps[i : i + 64, j : j + 64] for i in range(0, len(maps) - 63, 64) for j in range(0, maps.shape[1] - 63, 64)
        ]
        pieces = [piece for piece in pieces if piece[..., 0].std() > 4]
        want = log_uniform(rng, 8, 80)
        if len(pieces) >= 8:
            for i in rng.permutation(len(pieces))[:want]:
                mean, deviation = pieces[i].mean((0, 1)), pieces[i].std((0, 1))
                x.append(np.concatenate([mean[:3], deviation[:3], np.log(mean[3:] + 0.1), np.log(deviation[3:] + 0.1)]))
                y.append(name)
    return Kind(
        standardise(x),
        y,
        "pieces of pictures",
        "; ".join(sources),
        "CC BY-SA 3.0 and 4.0, CC0, GPL-2+ (by picture)",
        "oriented filter energies and colour moments, standardised",
        "one picture holds several things; drawings beside photographs",
    )
