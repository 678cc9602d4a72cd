"""Omniglot: 1,623 handwritten characters of 50 alphabets, each drawn by 20 people."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from .._core.files import data_home, reading
from .._core.npz import open_npz
from .._core.validation import check_choice
from .download import Remote, check_md5, fetch
from .records import ImageSet

SIDE = 28
_BASE = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"
REMOTES: Mapping[str, Remote] = {
    "background": Remote(f"{_BASE}/images_background.zip", "68d2efa1b9178cc56df9314c21c6e718", 9464212),
    "evaluation": Remote(f"{_BASE}/images_evaluation.zip", "6b91aef0f799c5bb55b94e3f2daec811", 6462886),
}
_ARRAYS = {"images", "labels", "alphabet", "alphabet_names", "drawer", "split"}
# Folder names in the zips of alphabets that copies spell in another way (compared by letters only, in small type).
_SPELLINGS = {
    "japanesehiragana": "Japanese_(hiragana)",
    "japanesekatakana": "Japanese_(katakana)",
    "malayjawiarabic": "Malay_(Jawi_-_Arabic)",
    "oldchurchslavoniccryllic": "Old_Church_Slavonic_(Cyrillic)",
    "tifinaghs": "Tifinagh",
}


def load_omniglot(
    split: str, *, path: str | os.PathLike[str] | None = None, remotes: Mapping[str, Remote] = REMOTES
) -> ImageSet:
    """Omniglot's images of a split: uint8, ink 255 on 0.

    Formula: 255 minus the 105x105 drawing (ink 0), then 28x28 pixels by Lanczos resampling. Classes are sorted by
    alphabet and character, images by class and drawer, wherever they were read from.

    Args:
        split: "background" (964 classes) or "evaluation" (659), each class with 20 images.
        path: a local copy: a folder with the original zips or an .npz, or one such file. Without it
            WORKBENCH_DATA or the user's cache folder is looked at first, then the zip is downloaded into it.
        remotes: per split, the zip's address and checksum.

    Shapes:
        images [N, 28, 28], labels [N].

    Raises:
        FileNotFoundError: `path` holds no copy of the split.
        ConnectionError: nothing local and no network; names the file to fetch and where to put it.
        PermissionError: nothing local, and the folder to download into cannot be written to.
        ValueError: an unknown split, another checksum, an .npz of another form.

    Example:
        >>> load_omniglot("evaluation", path="/no/such/folder")
        Traceback (most recent call last):
        FileNotFoundError: path: found no Omniglot at /no/such/folder; expected images_evaluation.zip or omniglot28.npz

    Source: B. Lake, R. Salakhutdinov, J. Tenenbaum, Science 350 (2015), 1332-1338; MIT licence.
    """
    check_choice(split, "split", tuple(remotes))
    found = _find(split, path, remotes)
    if found.suffix == ".npz":
        images, classes = _read_npz(found, split)
    else:
        check_md5(found, remotes[split])
        images, classes = _read_zip(found)
    names, labels = np.unique(classes, return_inverse=True)
    return ImageSet(images, labels.astype(np.int64), tuple(map(str, names)), f"omniglot/{split}")


def _find(split: str, path: str | os.PathLike[str] | None, remotes: Mapping[str, Remote]) -> Path:
    """The local file to read; downloaded where no path was given and none is there."""
    home = data_home(path)
    if home.is_file():
        return home
    names = (remotes[split].name, "omniglot28.npz")
    for candidate in (folder / name for folder in (home / "omniglot", home) for name in names):
        if candidate.is_file():
            return candidate
    if path is not None:
        raise FileNotFoundError(f"path: found no Omniglot at {path}; expected {' or '.join(names)}")
    return fetch(remotes[split], home / "omniglot")


def _read_zip(path: Path) -> tuple[np.ndarray, list[str]]:
    """Images and "alphabet/character" names, sorted, of the layout `images_*/alphabet/character/number_drawer.png`."""
    with reading(path, "zip of Omniglot"), zipfile.ZipFile(path) as archive:
        members = [name.split("/") for name in archive.namelist() if name.endswith(".png")]
        members = sorted(m for m in members if len(m) == 4 and m[0] != "__MACOSX")
        images = [_shrink(archive.read("/".join(member))) for member in members]
        if not images:
            raise ValueError(f"{path}: expected images_*/alphabet/character/*.png inside, found none")
    return np.stack(images), [f"{alphabet}/{character}" for _, alphabet, character, _ in members]


def _shrink(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as drawing:
        ink = Image.eval(drawing.convert("L"), lambda grey: 255 - grey)
    return np.asarray(ink.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _read_npz(path: Path, split: str) -> tuple[np.ndarray, list[str]]:
    """The same from arrays images, labels, alphabet, alphabet_names, drawer, split."""
    with open_npz(path) as stored:
        missing = sorted(_ARRAYS - set(stored))
        if missing:
            raise ValueError(f"{path}: expected arrays {', '.join(sorted(_ARRAYS))}; {', '.join(missing)} missing")
        rows = np.flatnonzero(stored["split"] == split)
        images, labels, drawer = (stored[key][rows] for key in ("images", "labels", "drawer"))
        if images.dtype != np.uint8 or labels.dtype.kind not in "iu" or drawer.shape != labels.shape:
            raise ValueError(f"{path}: expected images of uint8, a label and a drawer each, as integers")
        alphabets = [_folder_name(str(name)) for name in stored["alphabet_names"]]
        alphabet = np.array(alphabets)[stored["alphabet"][rows]]
        if not len(rows):
            raise ValueError(f"{path}: holds no images of the split {split!r}")
        first = {name: labels[alphabet == name].min() for name in np.unique(alphabet)}
        classes = [f"{a}/character{label - first[a] + 1:02d}" for a, label in zip(alphabet, labels, strict=True)]
        order = np.lexsort((drawer, np.array(classes)))
        return images[order], [classes[i] for i in order]


def _folder_name(name: str) -> str:
    return _SPELLINGS.get(re.sub("[^a-z]", "", name.lower()), name.replace(" ", "_"))
