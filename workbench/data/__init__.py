"""Images and features with labels: built-in data sets, your own files, and a check that two sets share no class."""

from __future__ import annotations

import os

from .._core.validation import check_choice
from .digits import load_digits
from .disjoint import Overlap, check_disjoint
from .features import load_features
from .glyph_classes import CLASSES
from .glyphs import load_glyphs
from .omniglot import REMOTES, load_omniglot
from .pictures import Pictures, find_pictures, read_picture
from .records import FeatureSet, ImageSet

__all__ = [
    "FeatureSet",
    "ImageSet",
    "Overlap",
    "Pictures",
    "check_disjoint",
    "find_pictures",
    "load",
    "load_features",
    "read_picture",
    "splits",
]

_SPLITS = {"glyphs": tuple(CLASSES), "digits": ("test",), "omniglot": tuple(REMOTES)}


def splits(name: str) -> tuple[str, ...]:
    """Splits of a built-in data set, with pairwise disjoint classes.

    Raises:
        ValueError: an unknown data set; lists the known ones.

    Example:
        >>> splits("omniglot")
        ('background', 'evaluation')
    """
    return _SPLITS[check_choice(name, "name", tuple(_SPLITS))]


def load(name: str, split: str, *, seed: int = 0, path: str | os.PathLike[str] | None = None) -> ImageSet:
    """A split of a built-in data set; your own files go through `load_features`.

    | name | what | splits |
    |---|---|---|
    | `glyphs` | printed characters, drawn here | `encoder`, `meta-train`, `meta-val`, `test-seen`, `test-unseen` |
    | `digits` | handwritten digits in scikit-learn | `test` |
    | `omniglot` | handwritten characters, downloaded once | `background`, `evaluation` |

    Args:
        name: the data set.
        split: one of `splits(name)`.
        seed: `glyphs` draws its images by it; the other sets are fixed.
        path: where files are kept (`glyphs`: its cache; `omniglot`: a local copy), else the environment's
            WORKBENCH_DATA, else the user's cache folder.

    Shapes:
        images uint8 [N, H, W], ink 255 on 0, H = W = 32 (`glyphs`, `digits`) or 28 (`omniglot`); labels [N].

    Raises:
        ValueError: an unknown data set or split; lists the known ones.

    Example:
        >>> load("digits", split="test")
        ImageSet('digits/test', 1797 images of 32x32, 10 classes)
    """
    check_choice(split, "split", splits(name))
    if name == "glyphs":
        return load_glyphs(split, seed=seed, path=path)
    return load_digits() if name == "digits" else load_omniglot(split, path=path)
