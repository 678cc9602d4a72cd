"""Images and features with labels: built-in data sets, your own files, and a check that two sets share no class."""

from __future__ import annotations

from .glyphs import load_glyphs
from .records import FeatureSet, ImageSet

__all__ = ["FeatureSet", "ImageSet", "load"]


def load(name: str, split: str, *, seed: int = 0, path: str | None = None) -> ImageSet:
    """A built-in data set."""
    return load_glyphs(split, seed=seed, path=path)
