"""What is learned from, chosen on and tested on: faces and species, with the article's questions about class sizes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..._core.files import naming_file
from ..._core.npz import open_npz
from ..._core.validation import check_array, check_labels, unit_rows
from ...data.photo_sets import SPLITS, load_photo_set
from ...encoder.photographs import embed

Labelled = tuple[np.ndarray, np.ndarray]  # features [n, d], classes [n]
MOST = 20  # images a person of the capped test
FEW = 5  # least images of a person of the balanced tests


@dataclass(frozen=True)
class SplitFeatures:
    """Features of one set with classes and splits; no class is in two splits.

    Attributes:
        features: [N, D].
        labels: classes [N].
        splits: 0 to learn from, 1 to choose settings on, 2 to test on [N].

    Example:
        >>> SplitFeatures(np.eye(3), np.array([7, 8, 8]), np.array([0, 2, 2])).part(2)[1].tolist()
        [0, 0]
    """

    features: np.ndarray
    labels: np.ndarray
    splits: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", check_array(self.features, "features"))
        n = len(self.features)
        object.__setattr__(self, "labels", check_labels(self.labels, n))
        object.__setattr__(self, "splits", check_labels(self.splits, n, "split"))
        shared = [c for c in np.unique(self.labels) if len(np.unique(self.splits[self.labels == c])) > 1]
        if shared:
            raise ValueError(f"split: expected no class in two splits, got {len(shared)}, among them {shared[0]}")

    def part(self, split: int) -> Labelled:
        """Unit rows and classes 0 .. c - 1 of one split.

        Raises:
            ValueError: no row has it.
        """
        rows = self.splits == split
        if not rows.any():
            raise ValueError(f"split: no row of split {split}; rows of 0 are learned from, of 1 chosen on, of 2 tested")
        return unit_rows(self.features[rows]).numpy(), np.unique(self.labels[rows], return_inverse=True)[1]


def read_split_features(path: str | os.PathLike[str]) -> SplitFeatures:
    """An .npz with arrays features [N, D], labels [N] and split [N] (0, 1, 2).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another kind of file, or an array is missing.
    """
    with open_npz(path) as stored:
        missing = [name for name in ("features", "labels", "split") if name not in stored]
        if missing:
            raise ValueError(f"{path}: expected arrays features, labels and split, {missing[0]} is missing")
        arrays = stored["features"].astype(np.float32), stored["labels"], stored["split"]
        with naming_file(path):
            return SplitFeatures(*arrays)


def embedded_set(name: str, root: str | os.PathLike[str] | None = None, *, progress: bool = True) -> SplitFeatures:
    """Features of a public set of photographs (`workbench.load`), by dlib for "lfw", by EfficientNet-Lite0 for others.

    They are kept on disk, so only the first call computes them.
    """
    photos = load_photo_set(name, root=root)
    encoder = "faces" if name == "lfw" else "photos"
    found = embed(photos, encoder=encoder, detect=False, progress=progress)
    assert found.labels is not None  # those of a PhotoSet
    names = photos.splits[found.rows["image"].to_numpy()]
    return SplitFeatures(found.features, found.labels, np.array([SPLITS.index(one) for one in names]))


def face_tests(test: Labelled, seed: int) -> dict[str, Labelled]:
    """The test people as they are; at most 20 images each; those with five and more, all their images; the same people,
    half of them, drawn by the seed, with one image only.

    Example:
        >>> tests = face_tests((np.eye(12), np.repeat([0, 1, 2], [5, 6, 1])), seed=0)
        >>> {name: len(y) for name, (_, y) in tests.items()}
        {'faces': 12, 'faces, at most 20 a person': 12, 'faces, five and more': 11, 'faces, half with one': 6}
    """
    x, y = test
    drawn = np.random.default_rng(seed)
    place = _place_in_class(y, drawn)
    size = np.bincount(y)[y]
    many = size >= FEW
    people = np.unique(y[many])
    lone = drawn.permutation(people)[: len(people) // 2]
    half = many & (~np.isin(y, lone) | (place == 0))
    chosen = {
        "faces": np.ones(len(y), bool),
        f"faces, at most {MOST} a person": place < MOST,
        "faces, five and more": many,
        "faces, half with one": half,
    }
    return {name: (x[rows], np.unique(y[rows], return_inverse=True)[1]) for name, rows in chosen.items() if rows.any()}


def _place_in_class(labels: np.ndarray, drawn: np.random.Generator) -> np.ndarray:
    """Each row's number 0, 1, ... in a random order of its class."""
    order = np.lexsort((drawn.random(len(labels)), labels))
    size = np.bincount(labels)
    place = np.empty(len(labels), np.int64)
    place[order] = np.arange(len(labels)) - np.repeat(size.cumsum() - size, size)
    return place


@dataclass(frozen=True)
class Task:
    """Where to learn, where to choose, and what to test on for a seed."""

    learn: Labelled
    choose: Labelled
    tests: Callable[[int], Mapping[str, Labelled]]

    @classmethod
    def faces(cls, data: SplitFeatures) -> Task:
        """People: see `face_tests`."""
        test = data.part(2)
        return cls(data.part(0), data.part(1), lambda seed: face_tests(test, seed))

    @classmethod
    def species(cls, flowers: SplitFeatures, butterflies: SplitFeatures | None = None) -> Task:
        """Flowers, and butterflies as a test only."""
        tests = {"flowers": flowers.part(2)}
        if butterflies is not None:
            tests["butterflies"] = butterflies.part(2)
        return cls(flowers.part(0), flowers.part(1), lambda seed: tests)

    @property
    def digest(self) -> str:
        """The same for the same data: runs of other data are not taken for these."""
        digest = hashlib.sha256()
        for x, y in (self.learn, self.choose, *self.tests(0).values()):
            digest.update(np.ascontiguousarray(x).tobytes() + np.ascontiguousarray(y).tobytes())
        return digest.hexdigest()[:12]
