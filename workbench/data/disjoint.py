"""Do two sets share classes or images? Scores on test classes seen in training mean nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from .._core.validation import unit_rows
from .records import FeatureSet, ImageSet

_CELLS = 8  # a near-identical image has the same 8x8 means ...
_STEP = 16  # ... in steps of 16 grey levels


@dataclass(frozen=True, repr=False)
class Overlap:
    """What two sets share.

    Attributes:
        names: the two sets' names.
        shared_classes: names of classes that both have items of; None where a set has no class names to compare.
        shared_items: images of the first set that the second holds exactly; rows of the same direction.
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

    Images are compared by a hash of their pixels; nearly, of their 8x8 means in 16 steps of grey. Feature rows by their
    direction, as clustering does, whatever their length and type: to four decimals; nearly, to two.

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
    if isinstance(a, ImageSet) != isinstance(b, ImageSet):
        raise TypeError(f"a, b: expected two ImageSets or two FeatureSets, got {a!r} and {b!r}")
    return Overlap(
        (a.name, b.name), _shared_classes(a, b), _count_in(_exact(a), _exact(b)), _count_in(_near(a), _near(b))
    )


def _shared_classes(a: ImageSet | FeatureSet, b: ImageSet | FeatureSet) -> tuple[str, ...] | None:
    used_a = _used_names(a)
    used_b = _used_names(b)
    return None if used_a is None or used_b is None else tuple(sorted(used_a & used_b))


def _used_names(data: ImageSet | FeatureSet) -> set[str] | None:
    """Names of the classes that have items; None where there are no names."""
    if data.labels is None or not data.class_names:
        return None
    return {data.class_names[i] for i in np.unique(data.labels)}


def _exact(data: ImageSet | FeatureSet) -> list[bytes]:
    if isinstance(data, FeatureSet):
        return _directions(data, 10_000)
    tag = str(data.images.shape[1:]).encode()
    return [tag + hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in data.images]


def _near(data: ImageSet | FeatureSet) -> list[bytes]:
    if isinstance(data, FeatureSet):
        return _directions(data, 100)
    grey = data.images if data.images.ndim == 3 else data.images.mean(axis=3)
    cells = min(_CELLS, *grey.shape[1:])
    edges = [np.arange(cells) * side // cells for side in grey.shape[1:]]
    sums = np.add.reduceat(np.add.reduceat(grey, edges[0], axis=1, dtype=np.float64), edges[1], axis=2)
    areas = np.outer(*(np.diff([*edge, side]) for edge, side in zip(edges, grey.shape[1:], strict=True)))
    return [row.tobytes() for row in (sums / areas // _STEP).astype(np.uint8)]


def _directions(data: FeatureSet, steps: int) -> list[bytes]:
    """Each row scaled to length 1, in so many steps."""
    return [row.tobytes() for row in np.rint(unit_rows(data.features, warn=False).numpy() * steps).astype(np.int16)]


def _count_in(items: list[bytes], others: list[bytes]) -> int:
    known = set(others)
    return sum(item in known for item in items)
