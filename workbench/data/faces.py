"""Clean drawings of characters in the faces that matplotlib ships."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

MASTER = 64  # side of a drawing: twice the samples' side, for smooth edges
GLYPH = 48  # longest side of the character in it
FACES = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
)


def faces_of(char: str) -> tuple[str, ...]:
    """Faces whose character map holds `char`, in the order of `FACES`.

    Example:
        >>> len(faces_of("a")), faces_of("\\ue000")
        (16, ())
    """
    return tuple(face for face in FACES if ord(char) in _charmap(face))


def draw(char: str, face: str) -> UInt8[np.ndarray, "64 64"]:
    """A clean drawing of `char`: ink 255, longest side 48, centred on 64x64.

    Raises:
        RuntimeError: the face draws nothing, or its box for missing characters.

    Example:
        >>> int(draw("I", "DejaVuSans").any(axis=1).sum())
        48
    """
    ink = _cut(char, face)
    if ink is None or ink == _missing(face):
        raise RuntimeError(f"glyphs: {face} has no drawing for {char!r} (U+{ord(char):04X})")
    scale = GLYPH / max(ink.size)
    ink = ink.resize((max(2, round(ink.width * scale)), max(2, round(ink.height * scale))), Image.Resampling.BICUBIC)
    out = Image.new("L", (MASTER, MASTER))
    out.paste(ink, ((MASTER - ink.width) // 2, (MASTER - ink.height) // 2))
    return np.asarray(out)


def _cut(char: str, face: str) -> Image.Image | None:
    """The character as drawn by Pillow at 96 pixels per em, cut to its ink."""
    left, top, right, bottom = _font(face).getbbox(char)
    canvas = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(canvas).text((1 - left, 1 - top), char, fill=255, font=_font(face))
    box = canvas.getbbox()
    return canvas.crop(box) if box else None


@cache
def _missing(face: str) -> Image.Image | None:
    return _cut("\U0010ffff", face)  # never a character, so every face draws its box for missing ones


@cache
def _font(face: str) -> ImageFont.FreeTypeFont:
    # Basic layout: the one that every Pillow has, and one character needs no shaping.
    return ImageFont.truetype(_file_of(face), 96, layout_engine=ImageFont.Layout.BASIC)


@cache
def _charmap(face: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font  # here and below: drawings are cached, and matplotlib is slow to import

    return frozenset(FT2Font(_file_of(face)).get_charmap())


def _file_of(face: str) -> str:
    import matplotlib

    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf")
