"""Do two sets share classes or images? Scores on test classes seen in training mean nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from .._core.validation import unit_rows
from .records import FeatureSet, ImageSet

_CELLS = 8  # a near-identical image has the same 8x8 means ...
_STEP = 16  # ... in steps of 16 grey levels
_ROUNDING = 1e-6  # of numbers in float32 below 1: they are computed to 1e-7


@dataclass(frozen=True, repr=False)
class Overlap:
    """What two sets share.

    Attributes:
        names: the two sets' names.
        shared_classes: names of classes that both have items of; None where a set has no class names to compare.
        shared_items: items of the first set that the second holds exactly.
        near_items: items of the first set that the second holds but for fine detail (these include the exact ones);
            a hint to look at, not counted by `ok`.

    Example:
        >>> Overlap(("a", "b"), ("alpha",), 3, 5)
        Overlap('a', 'b': 1 shared class (alpha), 3 identical items, 5 near-identical; NOT disjoint)
    """

    names: tuple[str, str]
    shared_classes: tuple[str, ...] | None
    shared_items: int
    near_items: int

    @property
    def ok(self) -> bool:
        """No class and no identical item in common."""
        return not self.shared_classes and self.shared_items == 0

    def __repr__(self) -> str:
        found = self.shared_classes
        if found is None:
            classes = "classes not compared, as they have no names"
        else:
            listed = f" ({', '.join(found[:3])}{', ...' if len(found) > 3 else ''})" if found else ""
            classes = f"{len(found)} shared class{'' if len(found) == 1 else 'es'}{listed}"
        verdict = "disjoint" if self.ok else "NOT disjoint"
        return (
            f"Overlap({self.names[0]!r}, {self.names[1]!r}: {classes}, {self.shared_items} identical items, "
            f"{self.near_items} near-identical; {verdict})"
        )


def check_disjoint(a: ImageSet | FeatureSet, b: ImageSet | FeatureSet) -> Overlap:
    """Which classes (by name) and how many items two sets have in common.

    Images are compared by a hash of their values, feature rows as methods compare them: by direction, to six decimals,
    so neither their length nor their kind of float counts. Nearly: by a hash of an image's 8x8 means in 16 steps of
    grey, or of a feature row's direction to two decimals.

    Raises:
        TypeError: one set of images and one of features, or something else.

    Example:
        >>> ink = np.arange(128, dtype=np.uint8).reshape(2, 8, 8)
        >>> one = ImageSet(ink, np.array([0, 1]), ("a", "b"), "one")
        >>> two = ImageSet(ink[1:], np.array([0]), ("c",), "two")
        >>> check_disjoint(one, two)
        Overlap('one', 'two': 0 shared classes, 1 identical items, 1 near-identical; NOT disjoint)
        >>> check_disjoint(one, two).ok
        False
    """
    for name, value in (("a", a), ("b", b)):
        if not isinstance(value, ImageSet | FeatureSet):
            raise TypeError(f"{name}: expected an ImageSet or a FeatureSet, got {type(value).__name__}")
    if isinstance(a, ImageSet) and isinstance(b, ImageSet):
        same = _count_in(_exact(a), _exact(b))
        near = _count_in(_near(a), _near(b))
    elif isinstance(a, FeatureSet) and isinstance(b, FeatureSet):
        x, y = (unit_rows(rows, warn=False).numpy() for rows in (a.features, b.features))
        same = _count_directions(x, y)
        near = _count_in(_rounded(x), _rounded(y))
    else:
        raise TypeError(f"a, b: expected two ImageSets or two FeatureSets, got {a!r} and {b!r}")
    return Overlap((a.name, b.name), _shared_classes(a, b), same, max(same, near))


def _shared_classes(a: ImageSet | FeatureSet, b: ImageSet | FeatureSet) -> tuple[str, ...] | None:
    used_a = _used_names(a)
    used_b = _used_names(b)
    return None if used_a is None or used_b is None else tuple(sorted(used_a & used_b))


def _used_names(data: ImageSet | FeatureSet) -> set[str] | None:
    """Names of the classes that have items; None where there are no names."""
    if data.labels is None or not data.class_names:
        return None
    return {data.class_names[i] for i in np.unique(data.labels)}


def _exact(data: ImageSet) -> list[bytes]:
    values = data.images
    tag = str(values.shape[1:]).encode()
    return [tag + hashlib.sha256(np.ascontiguousarray(row).data).digest() for row in values]


def _count_directions(x: np.ndarray, y: np.ndarray) -> int:
    """How many unit rows of x are rows of y, too, but for rounding: no number differs by `_ROUNDING`.

    Rows that are the same lie at the same place on a random axis: only those near each other there are compared.
    """
    if x.shape[1] != y.shape[1]:
        return 0
    axis = np.random.default_rng(0).standard_normal(x.shape[1:])
    axis /= np.linalg.norm(axis)
    place = y @ axis
    order = place.argsort()
    reach = _ROUNDING * x.shape[1] ** 0.5  # the distance of two such rows at most
    low = np.searchsorted(place[order], x @ axis - reach)
    high = np.searchsorted(place[order], x @ axis + reach, side="right")
    found = np.zeros(len(x), dtype=bool)
    left = np.flatnonzero(low < high)
    while len(left):
        found[left] = np.abs(x[left] - y[order[low[left]]]).max(axis=1) < _ROUNDING
        low[left] += 1
        left = left[~found[left] & (low[left] < high[left])]
    return int(found.sum())


def _rounded(rows: np.ndarray) -> list[bytes]:
    """Directions of unit rows to two decimals."""
    return [row.tobytes() for row in np.rint(rows * 100).astype(np.int8)]


def _near(data: ImageSet) -> list[bytes]:
    grey = data.images if data.images.ndim == 3 else data.images.mean(axis=3)
    cells = min(_CELLS, *grey.shape[1:])
    edges = [np.arange(cells) * side // cells for side in grey.shape[1:]]
    sums = np.add.reduceat(np.add.reduceat(grey, edges[0], axis=1, dtype=np.float64), edges[1], axis=2)
    areas = np.outer(*(np.diff([*edge, side]) for edge, side in zip(edges, grey.shape[1:], strict=True)))
    return [row.tobytes() for row in (sums / areas // _STEP).astype(np.uint8)]


def _count_in(items: list[bytes], others: list[bytes]) -> int:
    known = set(others)
    return sum(item in known for item in items)
