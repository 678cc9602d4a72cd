"""Readers of the user's own data: feature files of five kinds, and folders of images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from pyarrow.parquet import ParquetFile

from .._core.files import reading, regular_file
from .._core.memmap import new_tensor
from .._core.npz import open_npz
from .._core.validation import check_int
from .pickled import read_array_pair
from .pictures import find_pictures, listed, read_picture
from .records import FeatureSet, ImageSet

BATCH = 2**18  # rows of a table that are read at once


def load_features(
    path: str | os.PathLike[str], *, dim: int | None = None, size: int | None = None, links: bool = False
) -> FeatureSet | ImageSet:
    """Your own data, by the kind of file.

    - `.npy`: features, memory-mapped, not read before they are needed; no labels;
    - `.npz`: arrays `features` (or `X`) and, if known, `labels` (or `y`);
    - `.parquet`: numeric columns, or one column `features` of equally long lists; an optional column `label`; of many
      rows the numbers are held in a temporary file, as float32;
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
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(f"path: no file or folder at {source}")
    if source.is_dir():
        return _read_folder(source, size, links)
    kind = source.suffix.lower()
    if kind != ".bin" and dim is not None:
        raise ValueError(f"dim: goes with .bin files only, got dim={dim} for {source}; leave it out")
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
        if pd.isna(labels).any():
            raise ValueError(f"{source}: labels: expected one per row, got missing ones")
        found, labels = np.unique(labels.astype(str), return_inverse=True)
        names = tuple(map(str, found))
    try:
        return FeatureSet(features, labels, names, source.stem)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{source}: {error}") from error


def _read_npy(source: Path) -> tuple[np.ndarray, None]:
    return np.load(source, mmap_mode="r", allow_pickle=False), None


def _read_npz(source: Path) -> tuple[np.ndarray, np.ndarray | None]:
    with open_npz(source) as stored:
        features = next((stored[key] for key in ("features", "X") if key in stored), None)
        labels = next((stored[key] for key in ("labels", "y") if key in stored), None)
        if features is None:
            raise ValueError(f"{source}: expected an array named features or X, got {', '.join(stored) or 'none'}")
    return features, labels


def _read_parquet(source: Path) -> tuple[np.ndarray, np.ndarray | None]:
    with ParquetFile(source) as file:
        if file.metadata.num_rows <= BATCH:
            return _of_frame(file.read().to_pandas())
        parts = (_of_frame(batch.to_pandas()) for batch in file.iter_batches(BATCH))
        return _joined(parts, file.metadata.num_rows)


def _joined(parts: Iterator[tuple[np.ndarray, np.ndarray | None]], n: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Numbers of many rows as float32 in a file of their own, so that memory holds one part; the labels of all."""
    rows: np.ndarray | None = None
    of_parts = []
    start = 0
    for features, labels in parts:
        if rows is None:
            rows = new_tensor((n, features.shape[1]), mapped=True).numpy()
        rows[start : start + len(features)] = features
        of_parts.append(labels)
        start += len(features)
    assert rows is not None
    known = [labels for labels in of_parts if labels is not None]
    return rows, np.concatenate(known) if known else None


def _of_frame(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
    labels = frame.pop("label").to_numpy() if "label" in frame else None
    if "features" in frame and frame["features"].dtype == object:
        return np.stack([np.asarray(row) for row in frame["features"]]), labels
    numbers = frame.select_dtypes("number")
    if numbers.empty:
        raise ValueError("expected numeric columns, or one column `features` of lists")
    return numbers.to_numpy(), labels


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
    labels = np.array(meta.read_text(encoding="utf-8").split("\n")) if meta.exists() else None
    if labels is not None:
        labels = labels[:-1] if labels[-1] == "" else labels
        labels = labels.astype(np.int64) if all(map(_is_integer, labels)) else labels
    numbers, rest = divmod(source.stat().st_size, 4)
    if dim is None and labels is None:
        raise ValueError(
            f"dim: how many numbers a row of {source} has cannot be told: there is no {meta.name} beside it"
        )
    rows = len(labels) if labels is not None else numbers // check_int(dim, "dim")
    columns = check_int(dim, "dim") if dim is not None else numbers // max(rows, 1)
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


def _is_integer(text: str) -> bool:
    return text.strip().lstrip("-").isdecimal()


def _read_folder(folder: Path, size: int | None, links: bool) -> ImageSet:
    """All pictures below `folder`; a picture's class is the folder it lies in, relative to `folder`."""
    found = find_pictures(folder, links=links)
    if not found.paths:
        raise ValueError(
            f"{folder}: expected images in folders named after their classes, found none; {found.report()}"
        )
    apart = [f.name for f in found.paths if f.parent == folder]
    if apart:
        raise ValueError(f"{folder}: images must lie in a folder named after their class; {listed(apart)} does not")
    images = _read_images(list(found.paths), size)
    if found.skipped:
        warnings.warn(f"{folder}: {found.report()}", UserWarning, stacklevel=3)
    if any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2) for image in images]
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        raise ValueError(f"size: images in {folder} have {len(shapes)} sizes; pass size=32 or so to scale them to one")
    names, labels = np.unique([_name(f.parent.relative_to(folder)) for f in found.paths], return_inverse=True)
    return ImageSet(np.stack(images), labels.astype(np.int64), tuple(map(str, names)), _name(Path(folder.name)))


def _name(path: Path) -> str:
    """A path as text that can be written to any file: bytes that are no UTF-8 as \\xff."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


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
