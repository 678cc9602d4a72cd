"""Feature files behind published figures: what each is, where its authors put it, where to place it, how it is read."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from ...data import FeatureSet, load_features

HILANDER = (  # whether the links still work was not checked
    "in data.tar.gz at https://dgl-data.s3.us-west-2.amazonaws.com/dataset/hilander/ "
    "(copies are linked in the README of dmlc/dgl, examples/pytorch/hilander)"
)
LEARN_TO_CLUSTER = "in the archives linked in DATASET.md of https://github.com/yl-1993/learn-to-cluster"
TOLERANCE = 0.005  # some numbers of images are known rounded only


@dataclass(frozen=True)
class FeatureFile:
    """A file of labelled features that a published run was trained or tested on.

    Attributes:
        path: its place and name in the user's folder, as the authors' archive has it.
        what: what the features are of.
        dim: numbers per row.
        source: where the authors put it.
        images, classes: rows and classes, the rows rounded for the larger parts of MS1M; None: not stated.
        named: its name stands in a document of the authors that was read; False: the name is a guess.

    Example:
        >>> FeatureFile("features/part0_train.bin", "faces", 256, LEARN_TO_CLUSTER, 576_494, 8_573).size
        '576,494 x 256 numbers (590 MB), 8,573 classes'
    """

    path: str
    what: str
    dim: int
    source: str
    images: int | None = None
    classes: int | None = None
    named: bool = True

    @property
    def size(self) -> str:
        """Rows, columns and classes in words, as far as they are known."""
        if self.images is None:
            return f"{self.dim} numbers a row, number of rows not stated"
        classes = f", {self.classes:,} classes" if self.classes else ""
        about = "" if self.images % 1000 else "about "  # rounded
        return f"{about}{self.images:,} x {self.dim} numbers ({self.images * self.dim * 4 / 1e6:,.0f} MB){classes}"

    @property
    def where(self) -> str:
        """Where its authors put it."""
        return self.source if self.named else f"{self.source}; its name there was not checked"

    def find(self, folder: str | os.PathLike[str]) -> Path | None:
        """The file in the folder, at its place or directly in it; None if it is not there.

        Example:
            >>> FeatureFile("a.pkl", "nothing", 2, HILANDER).find("/nowhere") is None
            True
        """
        places = (Path(folder) / self.path, Path(folder) / Path(self.path).name)
        return next((place for place in places if place.is_file()), None)

    def locate(self, folder: str | os.PathLike[str], given: str | os.PathLike[str] | None, role: str) -> Path:
        """The file that was `given` in place of this one, else the one in the folder.

        Raises:
            FileNotFoundError: neither is there; says what the file is, its size, where it can be had, where to put it.
        """
        found = self.find(folder) if given is None else Path(given)
        if found is None:
            target = Path(folder) / self.path
            raise FileNotFoundError(
                f"{role}: no file at {target}: {self.what}, {self.size}. Its authors put it {self.where}. "
                f"Place it at {target}{self._labels(target)}, or give another file as {role}"
            )
        if not found.is_file():
            raise FileNotFoundError(f"{role}: no file at {found}")
        return found

    def _labels(self, target: Path) -> str:
        """Where the labels go, if they are a file of their own."""
        if target.suffix != ".bin":
            return ""
        return f" and its labels at {target.parent.parent / 'labels' / target.with_suffix('.meta').name}"

    def load(self, path: Path) -> FeatureSet:
        """Features and labels of the file at `path`.

        Raises:
            ValueError: another dimension, no labels, or no file of features.

        Warns:
            UserWarning: another number of rows than the published set has.
        """
        data = load_features(path, dim=self.dim if path.suffix == ".bin" else None)
        if not isinstance(data, FeatureSet) or data.labels is None:
            raise ValueError(f"{path}: expected features with labels{self._labels(path)}, got none: {self.what}")
        rows, columns = data.features.shape
        if columns != self.dim:
            raise ValueError(
                f"{path}: expected {self.dim} numbers a row ({self.what}), got {columns}; is it another set?"
            )
        if self.images is not None and abs(rows - self.images) > TOLERANCE * self.images:
            warnings.warn(
                f"{path}: {rows:,} rows, the published set has {self.images:,}; figures on it are not comparable",
                UserWarning,
                stacklevel=2,
            )
        return data
