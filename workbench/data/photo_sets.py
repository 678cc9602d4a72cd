"""Public sets of photographs, as files with labels and splits: faces (LFW), flowers (Oxford-102), butterflies (Leeds).

Nothing of them is shipped. An archive is downloaded once, resumed where a transfer broke off, checked where its
publisher or a well-known library states a checksum, and unpacked beside itself; or the folder is put there by hand.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64
from PIL import Image

from .._core.files import data_home, reading, regular_file
from .._core.validation import check_choice, check_labels, check_seed
from .download import Remote, fetch
from .pictures import find_pictures, read_picture

SPLITS = ("meta-train", "meta-val", "test")
SHARES = (0.5, 0.1)  # of the classes; the rest is the test
_FLOWERS = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102"


@dataclass(frozen=True)
class Source:
    """Where a set comes from.

    Attributes:
        remotes: its files.
        folder: the folder of pictures once they are unpacked, by its name.
        elsewhere: folders below the user's home in which other libraries keep the same pictures.
    """

    remotes: tuple[Remote, ...]
    folder: str
    elsewhere: tuple[str, ...] = ()


SOURCES: Mapping[str, Source] = {
    # Address and checksum as in scikit-learn 1.9, sklearn/datasets/_lfw.py (FUNNELED_ARCHIVE).
    "lfw": Source(
        (
            Remote(
                "https://ndownloader.figshare.com/files/5976015",
                "b47c8422c8cded889dc5a13418c4bc2abbda121092b3533a83306f90d900100a",
                file="lfw-funneled.tgz",
            ),
        ),
        "lfw_funneled",
        ("scikit_learn_data/lfw_home",),
    ),
    # Checksums as in torchvision 0.20, torchvision/datasets/flowers102.py.
    "flowers102": Source(
        (
            Remote(f"{_FLOWERS}/102flowers.tgz", "52808999861908f626f3c1f4e79d11fa"),
            Remote(f"{_FLOWERS}/imagelabels.mat", "e0620be6f572b9609742df49c70aed4d"),
        ),
        "jpg",
    ),
    "butterflies": Source(
        (Remote("https://zenodo.org/records/7559420/files/leedsbutterfly_dataset_v1.1.zip"),), "leedsbutterfly/images"
    ),
}


@dataclass(frozen=True, repr=False)
class PhotoSet:
    """Labelled photographs of any size, read when they are asked for.

    Attributes:
        paths: the files.
        labels: int64 [N], class of each, an index into `class_names`.
        class_names: one name per class.
        splits: split of each photograph [N], a name in `SPLITS`; no two splits share a class.
        name: of the set.

    Example:
        >>> pair = PhotoSet((Path("a.jpg"), Path("b.jpg")), np.array([0, 1]), ("rose", "tulip"), np.array(["test"] * 2))
        >>> pair
        PhotoSet('photographs', 2 photographs, 2 classes)
        >>> len(pair.take(pair.labels == 1)), len(pair.split("meta-val"))
        (1, 0)
    """

    paths: tuple[Path, ...]
    labels: Int64[np.ndarray, " n"]
    class_names: tuple[str, ...]
    splits: np.ndarray
    name: str = "photographs"

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", check_labels(self.labels, len(self.paths)))

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        return f"PhotoSet({self.name!r}, {len(self)} photographs, {len(np.unique(self.labels))} classes)"

    def take(self, index: np.ndarray | list[int]) -> PhotoSet:
        """The same set restricted to the photographs `index` (numbers, or one True or False each), in that order."""
        rows = np.arange(len(self))[np.asarray(index)]
        paths = tuple(self.paths[i] for i in rows)
        return replace(self, paths=paths, labels=self.labels[rows], splits=self.splits[rows])

    def split(self, name: str) -> PhotoSet:
        """The photographs of one split."""
        part = self.take(self.splits == check_choice(name, "split", SPLITS))
        return replace(part, name=f"{self.name}/{name}")

    def read(self, i: int) -> Image.Image:
        """One photograph; see `read_picture`."""
        return read_picture(self.paths[i])


def class_splits(class_names: tuple[str, ...], labels: Int64[np.ndarray, " n"], seed: int = 0) -> np.ndarray:
    """The split of each photograph: 50, 10 and 40 % of the classes, by a seeded shuffle of their sorted names.

    Example:
        >>> names = tuple("abcdefghij")
        >>> class_splits(names, np.arange(10)).tolist().count("test")
        4
    """
    order = np.random.default_rng(seed).permutation(np.argsort(class_names))
    train, held = (round(share * len(order)) for share in SHARES)
    of_class = np.full(len(order), SPLITS[2], dtype=object)
    of_class[order[:train]] = SPLITS[0]
    of_class[order[train : train + held]] = SPLITS[1]
    return np.asarray(of_class.astype(str)[labels])


def load_photo_set(
    name: str,
    *,
    root: str | os.PathLike[str] | None = None,
    seed: int = 0,
    sources: Mapping[str, Source] = SOURCES,
) -> PhotoSet:
    """A public set of photographs; downloaded into `root` unless its pictures lie there.

    Args:
        name: "lfw", "flowers102" or "butterflies".
        root: a folder that holds, or shall hold, the set's files; None: a folder of the set's name in WORKBENCH_DATA,
            else in the user's cache folder.
        seed: of the splits. "butterflies" has too few classes for splits: all of it is "test".
        sources: addresses and checksums.

    Raises:
        ConnectionError: not there and no network; names the file to fetch and where to put it.
        PermissionError: not there, and the folder cannot be written to.
        ValueError: an unknown name, another checksum, or files of another layout.
    """
    source = sources[check_choice(name, "name", tuple(sources))]
    home = Path(root).expanduser() if root is not None else data_home() / name
    pictures = _unpacked(source, home)
    if name == "flowers102":
        paths, classes = _flowers(pictures)
    else:
        paths = list(find_pictures(pictures).paths)
        # LFW: a folder per person. Leeds: the first three of seven digits are the species.
        classes = [path.parent.name if name == "lfw" else path.name[:3] for path in paths]
    if not paths:
        raise ValueError(f"root: found no pictures in {pictures}; delete it and load again")

    names, labels = np.unique(classes, return_inverse=True)
    class_names = tuple(map(str, names))
    check_seed(seed)
    splits = np.full(len(paths), SPLITS[2]) if name == "butterflies" else class_splits(class_names, labels, seed)
    return PhotoSet(tuple(paths), labels, class_names, splits, name)


def _unpacked(source: Source, home: Path) -> Path:
    """The folder of pictures: found, or downloaded and unpacked."""
    elsewhere = [Path.home() / folder for folder in source.elsewhere]
    for place in (home, *elsewhere):
        if place.name == Path(source.folder).name and place.is_dir():
            return place
        found = [path for above in ("", "*/", "*/*/") for path in place.glob(above + source.folder)]
        if found:
            return found[0]

    files = [fetch(remote, home) for remote in source.remotes]
    archive = files[0]
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=home) as name:
        part = Path(name)
        try:
            _unpack(archive, part)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
            raise ValueError(f"{archive}: not a whole archive ({error}); delete it and load again") from error
        found = sorted(part.glob(f"**/{source.folder}"))
        if not found:
            raise ValueError(f"{archive}: expected a folder {source.folder!r} inside, found none")
        target = home / source.folder
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(found[0], target)  # last: a folder of that name is whole
    return target


def _unpack(archive: Path, folder: Path) -> None:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)  # zipfile drops leading slashes and ".."
    else:
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
            while opened.fileobj and opened.fileobj.read(1 << 20):  # one that is cut between two files looks whole
                pass


def _flowers(pictures: Path) -> tuple[list[Path], list[str]]:
    """Files image_00001.jpg ... and their classes: numbers in imagelabels.mat beside the folder."""
    from scipy.io import loadmat  # only here: half a second

    table = pictures.parent / "imagelabels.mat"
    paths = list(find_pictures(pictures).paths)
    if not table.exists():
        raise ValueError(f"root: expected imagelabels.mat beside {pictures}; fetch {_FLOWERS}/imagelabels.mat")
    with reading(table, "file of labels"):
        numbers = loadmat(regular_file(table))["labels"].ravel()
        places = [int(path.stem.removeprefix("image_")) - 1 for path in paths]
        if not all(0 <= place < len(numbers) for place in places):
            raise ValueError(f"{table}: expected a label for each picture, got {len(numbers)} for {len(paths)}")
    return paths, [f"{numbers[place]:03d}" for place in places]
