"""Readers of the user's own data: feature files of five kinds, and folders of images."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from pyarrow.parquet import ParquetFile

from .._core.files import naming_file, reading, regular_file
from .._core.memmap import new_tensor
from .._core.names import check_path, readable
from .._core.npz import open_npz
from .._core.validation import check_int
from .pickled import read_array_pair
from .pictures import find_pictures, listed, read_picture
from .records import FeatureSet, ImageSet

FEATURES = ("features", "x", "embeddings")  # usual names, whatever their case
LABELS = ("labels", "label", "y", "class", "target")
IDS = ("id", "ids", "index", "row", "unnamed: 0", "__index_level_0__")  # numbers that say nothing about a row
BATCH = 2**18  # rows of a table that are read at once


def load_features(
    path: str | os.PathLike[str], *, dim: int | None = None, size: int | None = None, links: bool = False
) -> FeatureSet | ImageSet:
    """Your own data, by the kind of file.

    - `.npy`: features, memory-mapped, not read before they are needed; no labels;
    - `.npz`: an array `features` (`X`, `embeddings`) and, if known, `labels` (`label`, `y`, `class`, `target`);
    - `.parquet`: numeric columns, or one of lists named as in an .npz; labels so, too; columns of numbers named `id` or
      `index`, and of text, are left out with a warning, other whole numbers that differ in each row are read with one;
      of many rows the numbers are held in a file, as float32;
    - `.bin`: raw float32 rows, memory-mapped, with labels one per line in a `.meta` beside it, or in a folder
      `labels` beside its folder `features` (learn-to-cluster);
    - `.pkl`: a pickle of two numpy arrays, features and labels (official example); anything else in it is refused;
    - a folder: images, each in a folder named after its class; gives an `ImageSet` to embed;
      `read_picture` says what is read of each; what `find_pictures` leaves out is warned of by name.

    Labels that are names become numbers, in the names' order.

    Args:
        path: file or folder.
        dim: numbers per row of a `.bin`; found from the number of labels where there is a `.meta`.
        size: pixels of a side that a folder's images are scaled to (Lanczos); without it all must have one size.
        links: in a folder, follow links that lead out of it, too.

    Raises:
        FileNotFoundError: nothing at `path`.
        ValueError: an unknown kind, a truncated or foreign file, lengths that do not match; names the file.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "mine.npz"
        >>> np.savez(file, features=np.eye(3, dtype=np.float32), labels=["b", "a", "b"])
        >>> mine = load_features(file)
        >>> mine, mine.labels.tolist()
        (FeatureSet('mine', 3 x 3 float32, 2 classes), [1, 0, 1])
    """
    source = check_path(path)
    if not source.exists():
        raise FileNotFoundError(f"path: no file or folder at {source}")
    kind = source.suffix.lower()
    if dim is not None and (kind != ".bin" or source.is_dir()):
        raise ValueError(f"dim: goes with .bin files only, got dim={dim} for {source}; leave it out")
    if source.is_dir():
        return _read_folder(source, size, links)
    for name, given in {"size": size, "links": links or None}.items():
        if given is not None:
            raise ValueError(f"{name}: goes with folders of images only, got {name}={given} for {source}; leave it out")
    if dim is not None:
        check_int(dim, "dim")
    with reading(source, f"{kind} file with features"):
        regular_file(source)
        if kind == ".bin":
            return _feature_set(source, *_read_bin(source, dim))
        if kind not in _READERS:
            raise ValueError(
                f"{source}: expected a folder of images or a file ending in {', '.join(_READERS)} or .bin, "
                f"got {kind or 'no ending'}"
            )
        return _feature_set(source, *_READERS[kind](source))


def _feature_set(source: Path, features: np.ndarray, labels: np.ndarray | None) -> FeatureSet:
    names: tuple[str, ...] = ()
    if labels is not None and labels.dtype.kind in "OUS":
        missing = pd.isna(labels)
        labels = labels.astype(str)
        missing |= np.char.strip(labels) == ""
        if missing.any():
            raise ValueError(f"{source}: labels: expected one per row, got none in row {missing.argmax()}; add it")
        found, labels = np.unique(labels, return_inverse=True)
        names = tuple(map(str, found))
    elif labels is not None and labels.dtype.kind in "if" and (unknown := int((labels == -1).sum())):
        warnings.warn(
            f"{source}: labels: {unknown:,} of {len(labels):,} rows are -1, which counts as one class in scores; if it "
            "stands for an unknown one, leave these rows out",
            UserWarning,
            stacklevel=3,
        )
    with naming_file(source):
        return FeatureSet(features, labels, names, readable(source.stem))


def _read_npy(source: Path) -> tuple[np.ndarray, None]:
    return np.load(source, mmap_mode="r", allow_pickle=False), None


def _read_npz(source: Path) -> tuple[np.ndarray, np.ndarray | None]:
    with open_npz(source) as stored:
        with naming_file(source):
            features_at = _one_of(list(stored), FEATURES, "features")
            labels_at = _one_of(list(stored), LABELS, "labels")
        if features_at is None:
            raise ValueError(
                f"{source}: expected an array named {' or '.join(FEATURES)}, got {', '.join(stored) or 'none'}"
            )
        features = stored[features_at]
        labels = None if labels_at is None else stored[labels_at]
    return features, labels


def _read_parquet(source: Path) -> tuple[np.ndarray, np.ndarray | None]:
    with source.open("rb") as opened, ParquetFile(opened) as file:  # Arrow opens no name that is not UTF-8
        n = file.metadata.num_rows
        if not n:
            raise ValueError(f"{source}: expected at least one row, got none")
        if n <= BATCH:
            return _of_frame(file.read().to_pandas(), source)
        parts = (_of_frame(batch.to_pandas(), source) for batch in file.iter_batches(BATCH))
        return _joined(parts, n, source)


def _joined(
    parts: Iterator[tuple[np.ndarray, np.ndarray | None]], n: int, source: Path
) -> tuple[np.ndarray, np.ndarray | None]:
    """Numbers of many rows as float32 in a file of their own, so that memory holds one part; the labels of all."""
    rows: np.ndarray | None = None
    of_parts = []
    start = 0
    for features, labels in parts:
        if rows is None:
            rows = new_tensor((n, features.shape[1]), mapped=True).numpy()
        if features.shape[1] != rows.shape[1]:
            raise ValueError(
                f"{source}: features: expected rows of {rows.shape[1]} numbers, got {features.shape[1]} from {start} on"
            )
        rows[start : start + len(features)] = features
        of_parts.append(labels)
        start += len(features)
    assert rows is not None
    known = [labels for labels in of_parts if labels is not None]
    return rows, np.concatenate(known) if known else None


def _of_frame(frame: pd.DataFrame, source: Path) -> tuple[np.ndarray, np.ndarray | None]:
    with naming_file(source):
        return _columns_of(frame)


def _columns_of(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
    if str(frame.index.name).lower() in LABELS:  # any other index names the rows
        frame = frame.reset_index()
    names = list(map(str, frame.columns))
    labels_at = _one_of(names, LABELS, "labels")
    features_at = _one_of(names, FEATURES, "features")
    labels = None if labels_at is None else frame.pop(labels_at).to_numpy()
    if features_at is not None and frame[features_at].dtype == object:
        _tell_left_out([name for name in map(str, frame.columns) if name != features_at])
        return _stacked(frame[features_at]), labels
    numbers = frame.select_dtypes("number")
    numbers = numbers.loc[:, [str(name).lower() not in IDS for name in numbers]]  # two columns may have one name
    if numbers.empty:
        there = ", ".join(names) or "none"
        raise ValueError(f"expected numeric columns, or one column `features` of lists, got {there}")
    _tell_left_out([str(name) for name in frame.columns if name not in numbers])
    _tell_doubtful(numbers)
    return numbers.to_numpy(), labels


def _stacked(lists: pd.Series) -> np.ndarray:
    """A column of lists as rows.

    Raises:
        ValueError: a row without a list, or with a longer, shorter or nested one.
    """
    rows = [np.asarray(row) for row in lists]
    width = rows[0].shape
    for i, row in enumerate(rows):
        if row.ndim != 1 or row.dtype == object:
            raise ValueError(
                f"features: expected a list of numbers in each row, got {str(lists.iloc[i])[:40]!r} in row {i}"
            )
        if row.shape != width:
            raise ValueError(f"features: expected lists of {width[0]} numbers, got {len(row)} in row {i}")
    return np.stack(rows)


def _one_of(names: list[str], usual: tuple[str, ...], what: str) -> str | None:
    """The name that is one of the usual ones; None: there is none.

    Raises:
        ValueError: several are there.
    """
    found = [name for name in names if name.lower() in usual]
    if len(found) > 1:
        raise ValueError(f"{what}: expected one of {', '.join(usual)}, got {', '.join(found)}; rename all but one")
    return found[0] if found else None


def _tell_left_out(names: list[str]) -> None:
    if names:
        warnings.warn(f"columns that are no features are left out: {listed(names)}", UserWarning, stacklevel=2)


def _tell_doubtful(numbers: pd.DataFrame) -> None:
    """Whole numbers beside fractions: more often numbers of the rows, or of their classes, than features."""
    columns = [numbers.iloc[:, i] for i in range(numbers.shape[1])]  # two may have one name
    if any(column.dtype.kind == "f" for column in columns):
        named = [str(column.name) for column in columns if column.dtype.kind in "iu"]
        if named:
            warnings.warn(
                f"columns of whole numbers beside fractions are taken for features: {listed(named)}; if they number "
                "rows or classes, name one 'id', one 'label', or drop them",
                UserWarning,
                stacklevel=2,
            )


_READERS: dict[str, Callable[[Path], tuple[np.ndarray, np.ndarray | None]]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".parquet": _read_parquet,
    ".pkl": read_array_pair,
    ".pickle": read_array_pair,
}


def _read_bin(source: Path, dim: int | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Raw float32 rows; their number comes from `dim` or from the labels beside."""
    meta = _labels_of(source)
    labels = _read_meta(meta) if meta.exists() else None
    numbers, rest = divmod(source.stat().st_size, 4)
    if dim is None and labels is None:
        raise ValueError(
            f"dim: how many numbers a row of {source} has cannot be told: there is no {meta.name} beside it"
        )
    rows = len(labels) if labels is not None else numbers // check_int(dim, "dim")
    columns = dim if dim is not None else numbers // max(rows, 1)
    if rest or not numbers or rows * columns != numbers:
        raise ValueError(
            f"{source}: {source.stat().st_size} bytes are not whole float32 rows: "
            f"{rows} rows{f' by {meta.name}' if labels is not None else ''} x {columns} numbers x 4 bytes"
        )
    return np.memmap(source, np.float32, mode="r", shape=(rows, columns)), labels


def _labels_of(source: Path) -> Path:
    """Where the labels of `features/NAME.bin` lie: `labels/NAME.meta` if it is there, else beside the file."""
    apart = source.parent.parent / "labels" / f"{source.stem}.meta"
    return apart if source.parent.name == "features" and apart.exists() else source.with_suffix(".meta")


def _read_meta(meta: Path) -> np.ndarray:
    """One label per line: integers if all are, else names."""
    content = regular_file(meta).read_bytes()
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{meta}: labels: expected text in UTF-8, got byte {error.object[error.start]:#x}; save it so"
        ) from None
    lines = [line.strip() for line in text.rstrip().split("\n")]
    if "" in lines:
        raise ValueError(f"{meta}: labels: expected one in each line, got none in line {lines.index('') + 1}; add it")
    if not all(re.fullmatch(r"[+-]?[0-9]+", line) for line in lines):
        return np.array(lines)
    numbers = [int(line) for line in lines]
    if max(map(abs, numbers)) >= 2**63:
        raise ValueError(f"{meta}: labels: {max(numbers, key=abs)} is too large; number the classes 0, 1, ...")
    return np.array(numbers, dtype=np.int64)


def _read_folder(folder: Path, size: int | None, links: bool) -> ImageSet:
    """All pictures below `folder`; a picture's class is the folder it lies in, relative to `folder`."""
    found = find_pictures(folder, links=links)
    if not found.paths:
        why = f"; {found.report()}" if found.skipped else ""
        raise ValueError(f"{folder}: expected images in folders named after their classes, found none{why}")
    apart = [f.name for f in found.paths if f.parent == folder]
    if apart:
        raise ValueError(f"{folder}: images must lie in a folder named after their class, not {listed(apart)}")
    images = _read_images(list(found.paths), size)
    if found.skipped:
        warnings.warn(f"{folder}: {found.report()}", UserWarning, stacklevel=3)
    if any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2) for image in images]
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        raise ValueError(
            f"size: images in {folder} have {len(shapes)} sizes; scale them to one: size=32, in the shell --size 32"
        )
    classes = [readable(file.parent.relative_to(folder).as_posix()) for file in found.paths]
    names, labels = np.unique(classes, return_inverse=True)
    return ImageSet(np.stack(images), labels.astype(np.int64), tuple(map(str, names)), readable(folder.name))


def _read_images(files: list[Path], size: int | None) -> list[np.ndarray]:
    """Each uint8 [H, W] if it is grey, else [H, W, 3]. All are read before one that cannot be is an error."""
    images = []
    broken = []
    animated = []
    for file in files:
        try:
            picture = read_picture(file)
        except (ValueError, OSError) as error:
            broken.append(str(error))
            continue
        if picture.info["animated"]:
            animated.append(file)
        images.append(np.asarray(picture if size is None else _scaled(picture, size)))
    if broken:
        more = f"; {len(broken)} of {len(files)} pictures cannot be read" if len(broken) > 1 else ""
        raise ValueError(f"{listed(broken)}{more}; take them away or save them anew")
    if animated:
        warnings.warn(f"the first of several frames is taken of {listed(animated)}", UserWarning, stacklevel=4)
    return images


def _scaled(picture: Image.Image, size: int) -> Image.Image:
    side = check_int(size, "size")
    return picture.resize((side, side), Image.Resampling.LANCZOS)
