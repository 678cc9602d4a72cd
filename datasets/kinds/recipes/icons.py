"""Icons: the same symbol in many icon families, class = icon name. Needs: resvg-py.

Iconify's collection (square, one-colour sets). Names carried by 12 or more sets; 150 names drawn, one icon a set, at
most 60; drawn black on white at 64x64. Features: HOG, PCA 96.
"""

import io
import json
from pathlib import Path

import numpy as np
import resvg_py
from common import SEED, Kind, hog, keep_classes, npm, pca
from PIL import Image

STYLES = (
    *("outline", "line", "fill", "filled", "solid", "bold", "linear"),
    *("24", "16", "20", "regular", "rounded", "icon"),
)


def read_icons(folder: Path) -> dict[str, dict[str, tuple]]:
    """Name without its style -> set -> (drawing, left, top, width, height)."""
    about = json.loads((folder / "collections.json").read_text(encoding="utf8"))
    found: dict[str, dict[str, tuple]] = {}
    for path in sorted((folder / "json").glob("*.json")):
        prefix = path.stem
        if about.get(prefix, {}).get("palette", True) or about[prefix].get("hidden"):
            continue
        data = json.loads(path.read_text(encoding="utf8"))
        for name, icon in data["icons"].items():
            w, h = (icon.get(k, data.get(k, 16)) for k in ("width", "height"))
            for style in STYLES:
                name = name.removesuffix(f"-{style}")
            if w == h:
                drawing = (icon["body"], icon.get("left", 0), icon.get("top", 0), w, h)
                found.setdefault(name, {}).setdefault(prefix, drawing)
    return found


def draw(body: str, left: float, top: float, w: float, h: float) -> np.ndarray | None:
    """The icon cut to its ink and centred on 64x64 pixels; None where nothing can be drawn."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="56" height="56" '
        f'viewBox="{left} {top} {w} {h}" color="black">{body}</svg>'
    )
    try:
        png = resvg_py.svg_to_bytes(svg_string=svg, background="white")
        mark = Image.open(io.BytesIO(bytes(png))).convert("L")
    except Exception:  # noqa: BLE001 (whatever a broken drawing raises)
        return None
    box = Image.eval(mark, lambda v: 255 - v).getbbox()
    if box is None:
        return None
    mark = mark.crop(box)
    size = [max(1, round(s * 56 / max(mark.size))) for s in mark.size]
    mark = mark.resize(size, Image.Resampling.BICUBIC)
    ground = Image.new("L", (64, 64), 255)
    ground.paste(mark, tuple((64 - s) // 2 for s in mark.size))
    return np.asarray(ground, np.float32) / 255


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    folder, source = npm("@iconify/json", "2.2.535")
    found = read_icons(folder)
    names = sorted(name for name, sets in found.items() if len(sets) >= 12)
    images, y = [], []
    for name in sorted(rng.choice(names, 150, replace=False)):
        for prefix in rng.permutation(sorted(found[name]))[:60]:
            picture = draw(*found[name][prefix])
            if picture is not None:
                images.append(picture)
                y.append(name)
    x, y = hog(np.asarray(images)), np.asarray(y)
    rows = np.sort(np.unique(x, axis=0, return_index=True)[1])  # one drawing in two sets counts once
    rows = rows[keep_classes(y[rows], 5)]
    return Kind(
        pca(x[rows], 96),
        y[rows],
        "icons by meaning",
        source,
        "per set: mostly MIT, Apache-2.0, CC-BY",
        "HOG, PCA 96",
        "some sets are versions of one another (near-duplicates); one name can be drawn in quite different ways",
    )
