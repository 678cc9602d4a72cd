"""Choose the classes of `glyphs`: drop look-alikes, split the rest, write `workbench/data/glyph_classes.py`.

Run from the repository's root: `python datasets/glyphs/recipe.py` (some minutes on two cores).
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from fontTools import unicodedata as scripts

from workbench.data.faces import FACES, draw, faces_of
from workbench.data.glyphs import MIN_FACES

THRESHOLD = 0.95
ANGLES = (-10, -5, 0, 5, 10)  # degrees: the samples turn by up to 12
TRAIN = ("Latn", "Grek", "Cyrl")
SEEN = ("Geor", "Armn", "Arab", "Cans")
UNSEEN = ("Hebr", "Nkoo", "Laoo", "Tfng", "Ital", "Copt", "Ogam", "Lisu", "Math")
LONG_OR_W = re.compile(r" ([A-Z-]+ )*[A-Z]*(W[EIOA]+|II|OO|AA|W)$")  # marks beside a base sign of the syllabics


def candidates(script: str) -> list[str]:
    """Base letters and digits of a script (no canonical or other decomposition) that two faces or more can draw."""
    points = range(0x2200, 0x2300) if script == "Math" else range(0x370 if script == "Grek" else 0, 0x20000)
    return [c for c in map(chr, points) if _is_candidate(c, script) and len(faces_of(c)) >= MIN_FACES]


def _is_candidate(char: str, script: str) -> bool:
    if unicodedata.decomposition(char):
        return False
    if script == "Math":
        return len(faces_of(char)) >= 13  # the common operators; the rest are one symbol font's many near-duplicates
    if scripts.script(char) != script or unicodedata.category(char) not in ("Ll", "Lu", "Lo", "Nd"):
        return False
    return not (script == "Cans" and LONG_OR_W.search(unicodedata.name(char)))


def similarity(chars: list[str], faces: tuple[str, ...] = FACES) -> np.ndarray:
    """How alike characters look, [n, n]: the highest correlation over all pairs of `faces` and small rotations.

    Of clean drawings, scaled to their longest side, at 32x32, slightly blurred. Each character needs one of `faces`.
    """
    per_char = [[draw(c, f) for f in faces_of(c) if f in faces] for c in chars]
    first = np.cumsum([0, *map(len, per_char[:-1])])
    drawings = torch.from_numpy(np.stack([d for own in per_char for d in own])).float()
    upright = torch.cat([_unit(block) for block in drawings.split(512)])
    alike = np.full((len(drawings), len(chars)), -1, np.float32)
    for angle in ANGLES:
        for start, block in zip(range(0, len(drawings), 512), drawings.split(512), strict=True):
            close = (_unit(_turn(block, angle)) @ upright.T).numpy()
            alike[start : start + 512] = np.maximum(
                alike[start : start + 512], np.maximum.reduceat(close, first, axis=1)
            )
    best = np.maximum.reduceat(alike, first, axis=0)
    return np.maximum(best, best.T)


def _turn(clean: torch.Tensor, degrees: float) -> torch.Tensor:
    t = np.deg2rad(degrees)
    theta = torch.tensor([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0]], dtype=torch.float32)
    grid = torch.nn.functional.affine_grid(theta.expand(len(clean), 2, 3), [len(clean), 1, 64, 64], align_corners=False)
    return torch.nn.functional.grid_sample(clean[:, None], grid, align_corners=False)[:, 0]


def _unit(clean: torch.Tensor) -> torch.Tensor:
    small = torch.nn.functional.avg_pool2d(clean[:, None], 2)
    for _ in range(2):
        small = torch.nn.functional.avg_pool2d(small, 3, stride=1, padding=1)
    flat = small.flatten(1)
    return torch.nn.functional.normalize(flat - flat.mean(1, keepdim=True), dim=1)


def keep_distinct(
    chars: list[str], alike: np.ndarray, threshold: float = THRESHOLD
) -> tuple[list[str], dict[str, str]]:
    """Go through `chars` in order; keep one unless it looks like one already kept. Also: what was dropped for what."""
    kept: list[int] = []
    dropped = {}
    for i, char in enumerate(chars):
        if kept and alike[i, kept].max() > threshold:
            dropped[char] = chars[kept[int(alike[i, kept].argmax())]]
        else:
            kept.append(i)
    return [chars[i] for i in kept], dropped


def split(kept: list[str], script_of: dict[str, str]) -> dict[str, str]:
    """The letters of the training scripts shuffled into three splits, the others by script."""
    train = [c for c in kept if script_of[c] in TRAIN]
    train = [train[i] for i in np.random.default_rng(0).permutation(len(train))]
    n_val = 40
    half = (len(train) - n_val + 1) // 2
    parts = {"encoder": train[:half], "meta-train": train[half:-n_val], "meta-val": train[-n_val:]}
    parts["test-seen"] = [c for c in kept if script_of[c] in SEEN]
    parts["test-unseen"] = [c for c in kept if script_of[c] in UNSEEN]
    return {name: "".join(sorted(chars)) for name, chars in parts.items()}


def table_source(parts: dict[str, str]) -> str:
    """The text of `glyph_classes.py`."""
    lines = ['"""The characters of each split of `glyphs`; written by datasets/glyphs/recipe.py."""', "", "CLASSES = {"]
    for name, chars in parts.items():
        lines += [f'    "{name}": (', *(f'        "{chars[i : i + 60]}"' for i in range(0, len(chars), 60)), "    ),"]
    return "\n".join([*lines, "}", ""])


def main() -> None:
    """Measure, print what was dropped, write the table."""
    script_of = {c: s for s in TRAIN + SEEN + UNSEEN for c in candidates(s)}
    kept, dropped = keep_distinct(list(script_of), similarity(list(script_of)))
    print("dropped:", " ".join(f"{a}~{b}" for a, b in dropped.items()))
    print("candidates", Counter(script_of.values()), "kept", Counter(script_of[c] for c in kept), file=sys.stderr)
    target = Path(__file__).parents[2] / "workbench" / "data" / "glyph_classes.py"
    target.write_text(table_source(split(kept, script_of)), encoding="utf-8")


if __name__ == "__main__":
    main()
