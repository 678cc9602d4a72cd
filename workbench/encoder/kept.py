"""Features of photographs on disk: computed once for every content of a picture."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from .._core.files import atomic_path, regular_file
from .._core.npz import open_npz
from .faces import Found


class Kept:
    """Features on disk, by encoder and by the content of the picture."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name if name else None

    def file(self, picture: Path | np.ndarray | Image.Image) -> Path | None:
        """Where the features of this picture lie; None: they are not kept."""
        if self.folder is None:
            return None
        if isinstance(picture, Path):
            with regular_file(picture).open("rb") as opened:
                key = hashlib.file_digest(opened, "sha256").hexdigest()
        else:
            pixels = np.ascontiguousarray(picture)
            key = hashlib.sha256(f"{pixels.dtype}{pixels.shape}".encode() + pixels.tobytes()).hexdigest()
        return self.folder / key[:2] / f"{key}.npz"

    @staticmethod
    def read(file: Path | None) -> Found | None:
        """What was kept; None: nothing, or nothing whole."""
        if file is None or not file.exists():
            return None
        try:
            with open_npz(file) as stored:
                # older versions kept rows that are NaN
                return (stored["features"], stored["boxes"]) if np.isfinite(stored["features"]).all() else None
        except (OSError, ValueError):
            return None  # damaged: it is computed and written anew

    @staticmethod
    def write(file: Path | None, found: Found) -> None:
        """Keep it, if there is a place."""
        if file is not None:
            with atomic_path(file) as part:
                np.savez(part, features=found[0], boxes=found[1])
