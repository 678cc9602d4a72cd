"""Picture files: which files of a folder are pictures, and what a picture shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from .._core.files import reading, regular_file
from .._core.names import check_path, readable

# Formats that Pillow decodes by itself and people keep pictures in. Of the others EPS starts Ghostscript on the file,
# and most are hardly ever met and so hardly ever tested.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF")
_TURNS = {  # by the orientation tag
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PAPER = (255, 255, 255, 255)  # what shows through where a picture is transparent: viewers take white


@dataclass(frozen=True)
class Pictures:
    """What `find_pictures` found.

    Attributes:
        paths: the picture files, sorted.
        skipped: why every other file or folder was left out, by its path.

    Example:
        >>> Pictures((Path("a/1.png"),), {Path("a/notes.txt"): "no picture by its ending"}).report()
        '1 left out: no picture by its ending: a/notes.txt'
    """

    paths: tuple[Path, ...]
    skipped: dict[Path, str]

    def report(self) -> str:
        """What was left out and why, in one line; empty if nothing was."""
        reasons = sorted(set(self.skipped.values()))
        groups = (f"{why}: {listed([path for path, of in self.skipped.items() if of == why])}" for why in reasons)
        return f"{len(self.skipped)} left out: {'; '.join(groups)}" if self.skipped else ""


def listed(paths: list[Path] | list[str], most: int = 3) -> str:
    """The first paths, and how many more there are.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(map(readable, paths[:most])) + more


def find_pictures(folder: str | os.PathLike[str], *, links: bool = False) -> Pictures:
    """All pictures below a folder, by their endings; what is no picture, hidden or a link is left out by name.

    A link is followed if it leads to something inside the folder; every folder is entered once, so no circle of links
    goes on for ever.

    Args:
        folder: where to look.
        links: follow links that lead out of the folder, too.

    Raises:
        NotADirectoryError, FileNotFoundError: no folder is there.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("b.png", "a.jpg", ".hidden.png", "notes.txt"):
        ...     _ = (folder / name).write_bytes(b"")
        >>> found = find_pictures(folder)
        >>> [path.name for path in found.paths], [path.name for path in found.skipped]
        (['a.jpg', 'b.png'], ['.hidden.png', 'notes.txt'])
    """
    root = check_path(folder, "folder")
    search = _Search(root.resolve(), links)
    search.enter(root)
    return Pictures(tuple(sorted(search.paths)), dict(sorted(search.skipped.items())))


class _Search:
    """One walk through a folder, link targets last."""

    def __init__(self, root: Path, links: bool) -> None:
        self.root = root
        self.links = links
        self.paths: list[Path] = []
        self.skipped: dict[Path, str] = {}
        self._entered: set[Path] = set()  # where they really lie
        self._endings = {end for end, kind in Image.registered_extensions().items() if kind in FORMATS}

    def enter(self, start: Path) -> None:
        os.scandir(start).close()  # that it cannot be read is an error here, a line of `skipped` further below
        waiting = [start]
        linked: list[Path] = []
        while waiting or linked:
            folder = waiting.pop() if waiting else linked.pop(0)
            real = folder.resolve()
            if real in self._entered:
                self.skipped[folder] = "a link to a folder that is read already"
                continue
            self._entered.add(real)
            for path in self._inside(folder):
                (linked if path.is_symlink() else waiting).append(path)

    def _inside(self, folder: Path) -> Iterator[Path]:
        """Takes the pictures of a folder; yields the folders in it."""
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            self.skipped[folder] = f"cannot be read ({error.strerror})"
            return
        for path in entries:
            try:
                why = self._why_not(path)
                if why:
                    self.skipped[path] = why
                elif path.is_dir():
                    yield path
                else:
                    self.paths.append(path)
            except (OSError, RuntimeError) as error:  # Python 3.11 calls a circle of links a RuntimeError
                self.skipped[path] = f"cannot be read ({getattr(error, 'strerror', None) or 'a circle of links'})"

    def _why_not(self, path: Path) -> str:
        if path.name.startswith(".") or path.name == "__MACOSX":
            return "hidden"
        real = path.resolve(strict=True)
        if path.is_symlink() and not self.links and not real.is_relative_to(self.root):
            return "a link out of the folder"
        if path.is_dir():
            return ""
        if path.suffix.lower() not in self._endings:
            return "no picture by its ending"
        return "" if path.is_file() else "not an ordinary file"


def read_picture(path: str | os.PathLike[str]) -> Image.Image:
    """One picture as a viewer shows it, with 8 bits a value: mode "L" if it is grey, else "RGB".

    Who needs one mode only takes `read_picture(path).convert("RGB")`. The picture is turned as its orientation tag
    says. Transparent parts show white. 12 and 16 bits become their upper 8. CMYK, palettes and other colours become
    RGB. Of several frames or pages the first is taken, and `info["animated"]` of the result is True.

    Raises:
        FileNotFoundError, PermissionError: it cannot be opened.
        ValueError: not an ordinary file, not one of `FORMATS`, damaged, of numbers that are no grey values (32 bits,
            floats), or of more pixels than Pillow's limit (2 * `PIL.Image.MAX_IMAGE_PIXELS`, 179 million).

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "clear.png"
        >>> Image.new("RGBA", (3, 2), (255, 0, 0, 0)).save(file)
        >>> picture = read_picture(file)
        >>> picture.mode, picture.size, picture.getpixel((0, 0))
        ('RGB', (3, 2), (255, 255, 255))
    """
    with reading(path, "picture"), regular_file(path).open("rb") as file, _opened(file) as image:
        picture = _upright(_flat(_eight_bits(image)), image)
        # A JPEG's further pictures (MPO) are the same in another size, or its depth.
        picture.info = {"animated": getattr(image, "is_animated", False) and image.format != "MPO"}
        return picture


def _opened(file: BinaryIO) -> Image.Image:
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        raise ValueError(f"none of {', '.join(FORMATS)}") from None


def _eight_bits(image: Image.Image) -> Image.Image:
    """The same picture with 8 bits a value; Pillow would clip 16 bits at 255."""
    if image.mode.startswith("I;16"):
        tags = getattr(image, "tag_v2", {})
        grey = np.asarray(image) >> (max(tags.get(258, (16,))) - 8)  # BitsPerSample
        grey = grey.astype(np.uint8)
        return Image.fromarray(255 - grey if tags.get(262) == 0 else grey)  # PhotometricInterpretation: white is zero
    if image.mode == "I" and image.format == "PPM":  # Pillow has scaled any range to 16 bits
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"expected 8, 12 or 16 bits per value, got mode {image.mode!r}; convert it first")
    return image


def _flat(image: Image.Image) -> Image.Image:
    """Grey or RGB, on white paper where it is transparent."""
    grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, _PAPER), image.convert("RGBA"))
    return image.convert("L" if grey else "RGB")


def _upright(picture: Image.Image, image: Image.Image) -> Image.Image:
    """Turned as the image's tags say. Damaged tags are common, and the picture is whole without them."""
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001  # Pillow raises a dozen kinds here
        return picture
    return picture if turn is None else picture.transpose(turn)
