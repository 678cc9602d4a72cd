"""Images and features with labels: built-in data sets, your own files, and a check that two sets share no class."""

from __future__ import annotations

import os
from typing import Literal, overload

from .._core.validation import check_choice
from .digits import load_digits
from .disjoint import Overlap, check_disjoint
from .features import load_features
from .glyph_classes import CLASSES
from .glyphs import load_glyphs
from .omniglot import REMOTES, load_omniglot
from .photo_sets import SOURCES, SPLITS, PhotoSet, load_photo_set
from .pictures import Pictures, find_pictures, read_picture
from .records import FeatureSet, ImageSet

__all__ = [
    "FeatureSet",
    "ImageSet",
    "Overlap",
    "PhotoSet",
    "Pictures",
    "check_disjoint",
    "find_pictures",
    "load",
    "load_features",
    "read_picture",
    "splits",
]

_SPLITS = {"glyphs": tuple(CLASSES), "digits": ("test",), "omniglot": tuple(REMOTES), **dict.fromkeys(SOURCES, SPLITS)}
_SPLITS["butterflies"] = ("test",)  # ten species: too few to be split


def splits(name: str) -> tuple[str, ...]:
    """Splits of a built-in data set, with pairwise disjoint classes.

    Raises:
        ValueError: an unknown data set; lists the known ones.

    Example:
        >>> splits("omniglot")
        ('background', 'evaluation')
    """
    return _SPLITS[check_choice(name, "name", tuple(_SPLITS))]


_Folder = str | os.PathLike[str] | None


@overload
def load(  # type: ignore[overload-overlap]
    name: Literal["lfw", "flowers102", "butterflies"],
    split: str | None = None,
    *,
    seed: int = 0,
    path: _Folder = None,
    root: _Folder = None,
) -> PhotoSet:
    """Photographs."""


@overload
def load(name: str, split: str, *, seed: int = 0, path: _Folder = None, root: _Folder = None) -> ImageSet:
    """Images."""


def load(
    name: str,
    split: str | None = None,
    *,
    seed: int = 0,
    path: _Folder = None,
    root: _Folder = None,
) -> ImageSet | PhotoSet:
    """A built-in data set; your own files go through `load_features`, your own photographs through `wb.embed`.

    | name | what | splits |
    |---|---|---|
    | `glyphs` | printed characters, drawn here | `encoder`, `meta-train`, `meta-val`, `test-seen`, `test-unseen` |
    | `digits` | handwritten digits in scikit-learn | `test` |
    | `omniglot` | handwritten characters, downloaded once | `background`, `evaluation` |
    | `lfw`, `flowers102` | photographs, downloaded once: a `PhotoSet` | `meta-train`, `meta-val`, `test` |
    | `butterflies` | the same | `test` |

    Args:
        name: the data set.
        split: one of `splits(name)`; photographs: None: all of them.
        seed: `glyphs` draws its images by it, photographs their splits by class; the other sets are fixed.
        path: where files are kept (`glyphs`: its cache; `omniglot`: a local copy), else the environment's
            WORKBENCH_DATA, else the user's cache folder.
        root: photographs: the folder that holds them, or is to hold them; else as `path`.

    Shapes:
        ImageSet: images uint8 [N, H, W], ink 255 on 0, H = W = 32 (`glyphs`, `digits`) or 28 (`omniglot`); labels [N].
        PhotoSet: paths, labels [N], splits [N].

    Raises:
        ValueError: an unknown data set or split; lists the known ones.
        ConnectionError: it must be downloaded, and there is no network; says what to put where.

    Example:
        >>> load("digits", split="test")
        ImageSet('digits/test', 1797 images of 32x32, 10 classes)
    """
    known = splits(name)
    if name in SOURCES:
        if split is not None:
            check_choice(split, "split", known)  # before anything is downloaded
        photographs = load_photo_set(name, root=root if root is not None else path, seed=seed)
        return photographs if split is None else photographs.split(split)
    check_choice(split, "split", known)
    if root is not None:
        raise ValueError(f"root: {name!r} has no folder of photographs; pass path={str(root)!r}")
    if name == "glyphs":
        return load_glyphs(str(split), seed=seed, path=path)
    return load_digits() if name == "digits" else load_omniglot(str(split), path=path)
