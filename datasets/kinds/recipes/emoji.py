"""Products: emoji as drawn by four vendors, class = emoji.

900 emoji drawn among those that all four vendors draw, without skin tones and flags. Of each vendor's picture 1 to 6
"photos" (geometric): random turn, scale, place, brightness and colour cast, on a nearly white background, cut at the
frame. Features: HOG and colour histograms of 64x64 pixels, each block scaled to equal variance, PCA 128.
"""

import json
from pathlib import Path

import numpy as np
from common import SEED, Kind, colour_grid, hog, npm, pca
from PIL import Image

VENDORS = ("apple", "google", "twitter", "facebook")


def photo(picture: Image.Image, rng: np.random.Generator) -> np.ndarray:
    size = int(64 * rng.uniform(0.9, 1.05))
    turned = picture.rotate(rng.uniform(-8, 8), Image.Resampling.BICUBIC)
    turned = turned.resize((size, size), Image.Resampling.BICUBIC)
    ground = Image.new("RGBA", (64, 64), (*rng.integers(235, 256, 3), 255))
    layer = Image.new("RGBA", (64, 64))
    layer.paste(turned, tuple(int(c) for c in (64 - size) // 2 + rng.integers(-3, 4, 2)))
    ground.alpha_composite(layer)
    cast = rng.uniform(0.85, 1.1) * rng.uniform(0.94, 1.06, 3)
    return np.clip(np.asarray(ground.convert("RGB")) * cast, 0, 255).astype(np.float32)


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    fetched = {vendor: npm(f"emoji-datasource-{vendor}", "16.0.0") for vendor in VENDORS}

    def drawing(vendor: str, emoji: dict) -> Path:
        return fetched[vendor][0] / f"img/{vendor}/64/{emoji['image']}"

    table = [
        emoji
        for emoji in json.loads((fetched["apple"][0] / "emoji.json").read_text(encoding="utf8"))
        if emoji["category"] not in ("Flags", "Component") and all(drawing(v, emoji).exists() for v in VENDORS)
    ]
    images, y = [], []
    for i in sorted(rng.choice(len(table), 900, replace=False)):
        for vendor in VENDORS:
            picture = Image.open(drawing(vendor, table[i])).convert("RGBA")
            for _ in range(min(int(rng.geometric(0.4)), 6)):
                images.append(photo(picture, rng))
                y.append(table[i]["unified"])
    images = np.asarray(images)
    shape, colour = hog(images.mean(3) / 255), colour_grid(images)
    shape, colour = ((b - b.mean(0)) / b.std() / np.sqrt(b.shape[1]) for b in (shape, colour))
    return Kind(
        pca(np.hstack([shape, colour]), 128),
        y,
        "product pictures (emoji)",
        "; ".join(source for _, source in fetched.values()),
        "MIT (data); artwork: Apple and Facebook proprietary, Google Apache-2.0, Twitter CC-BY 4.0: test use only",
        "HOG + colour histograms, PCA 128",
        "random views of one vendor's picture are near; vendors differ",
    )
