"""What a data set is here: arrays, integer labels and the names of the classes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from .._core.validation import check_array, check_class_names, check_labels


def _fingerprint(*arrays: np.ndarray | None) -> str:
    """A short hash of contents and shapes: results computed on different data are never mixed up."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()[:16]


@dataclass(frozen=True, repr=False)
class ImageSet:
    """Labelled images.

    Attributes:
        images: uint8 [N, H, W] (grey, ink 255 on 0) or [N, H, W, C].
        labels: int64 [N], class of each image, an index into `class_names`.
        class_names: one name per class, e.g. "alpha" or "Glagolitic/character03".
        name: data set and split, e.g. "glyphs/test-unseen".

    Example:
        >>> pair = ImageSet(np.zeros((2, 8, 8), np.uint8), np.array([0, 1]), ("a", "b"), "toy")
        >>> pair
        ImageSet('toy', 2 images of 8x8, 2 classes)
        >>> len(pair.take([1]))
        1
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...] = ()
    name: str = "images"

    def __post_init__(self) -> None:
        if self.images.ndim not in (3, 4) or self.images.dtype != np.uint8:
            raise ValueError(
                f"images: expected uint8 [N, H, W] or [N, H, W, C], got {self.images.dtype} {list(self.images.shape)}"
            )
        object.__setattr__(self, "labels", check_labels(self.labels, len(self.images)))
        check_class_names(self.class_names, self.labels)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        size = "x".join(map(str, self.images.shape[1:]))
        return f"ImageSet({self.name!r}, {len(self)} images of {size}, {self.n_classes} classes)"

    @property
    def n_classes(self) -> int:
        """Number of classes that have at least one image."""
        return len(np.unique(self.labels))

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change when an image or a label does."""
        return _fingerprint(self.images, self.labels)

    def take(self, index: np.ndarray | list[int]) -> ImageSet:
        """The same set restricted to the images `index`, in that order."""
        return replace(self, images=self.images[index], labels=self.labels[index])


@dataclass(frozen=True, repr=False)
class FeatureSet:
    """Feature vectors, labelled or not.

    Attributes:
        features: [N, D] of any float width, possibly memory-mapped; not normalised here.
        labels: int64 [N], or None where the truth is unknown.
        class_names: one name per class, or empty.
        name: where they came from.

    Example:
        >>> FeatureSet(np.eye(3, dtype=np.float32), name="toy")
        FeatureSet('toy', 3 x 3 float32, no labels)
    """

    features: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    name: str = "features"

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", check_array(self.features, "features"))
        if self.labels is not None:
            object.__setattr__(self, "labels", check_labels(self.labels, len(self.features)))
            check_class_names(self.class_names, self.labels)

    def __len__(self) -> int:
        return len(self.features)

    def __repr__(self) -> str:
        n, d = self.features.shape
        truth = "no labels" if self.labels is None else f"{len(np.unique(self.labels))} classes"
        return f"FeatureSet({self.name!r}, {n} x {d} {self.features.dtype}, {truth})"

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change when a feature or a label does."""
        return _fingerprint(self.features, self.labels)
