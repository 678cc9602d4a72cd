"""Overlap of two sets, against a slow obvious count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data import FeatureSet, ImageSet, check_disjoint


def images(pixels, labels, names, name="set"):
    return ImageSet(np.asarray(pixels, np.uint8), np.asarray(labels), names, name)


def noise(n, seed=0, side=16):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side)).astype(np.uint8)


def test_disjoint_sets_are_ok():
    report = check_disjoint(images(noise(3), [0, 1, 1], ("a", "b")), images(noise(3, 1), [0, 0, 0], ("c",)))
    assert report.ok
    assert (report.shared_classes, report.shared_items, report.near_items) == ((), 0, 0)
    assert repr(report).endswith("disjoint)")


def test_only_classes_with_items_count():
    one = images(noise(1), [0], ("a", "b"))
    two = images(noise(1, 1), [1], ("a", "b"))
    assert check_disjoint(one, two).ok
    report = check_disjoint(one, images(noise(1, 1), [0], ("a", "b")))
    assert not report.ok
    assert report.shared_classes == ("a",)
    assert "1 shared class (a)" in repr(report)


def test_a_faint_change_is_near_but_not_identical():
    dark = np.full((1, 16, 16), 100, np.uint8)
    spot = dark.copy()
    spot[0, 3, 3] += 5
    report = check_disjoint(images(dark, [0], ("a",)), images(spot, [0], ("b",)))
    assert (report.shared_items, report.near_items, report.ok) == (0, 1, True)


def test_colour_images_compare():
    colour = np.random.default_rng(0).integers(0, 256, (2, 9, 9, 3)).astype(np.uint8)
    report = check_disjoint(images(colour, [0, 1], ("a", "b")), images(colour[1:], [0], ("c",)))
    assert (report.shared_items, report.near_items) == (1, 1)


def test_another_shape_is_another_image():
    blank = np.zeros((1, 8, 16), np.uint8)
    assert check_disjoint(images(blank, [0], ("a",)), images(blank.reshape(1, 16, 8), [0], ("b",))).ok


def test_feature_rows_and_unnamed_classes():
    one = FeatureSet(np.eye(3), np.array([0, 1, 2]), name="one")
    report = check_disjoint(one, FeatureSet(np.eye(3)[1:] * 2, name="two"))
    assert (report.shared_classes, report.shared_items, report.near_items) == (None, 2, 2)
    assert "classes not compared" in repr(report)
    assert not check_disjoint(one, FeatureSet(np.eye(3)[1:])).ok


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_counts_equal_the_obvious_ones(a, b):
    bank = noise(4, side=8)
    report = check_disjoint(
        images(bank[a], [0] * len(a), ("a",)), ImageSet(bank[b], np.zeros(len(b), int), ("b",), "two")
    )
    assert report.shared_items == sum(any((bank[i] == bank[j]).all() for j in b) for i in a)


def test_other_things_are_refused():
    one = images(noise(1), [0], ("a",))
    with pytest.raises(TypeError):
        check_disjoint(one, one.images)
    with pytest.raises(TypeError, match="two ImageSets or two FeatureSets"):
        check_disjoint(one, FeatureSet(np.eye(2)))


def test_rows_of_one_direction_are_identical_whatever_their_length_and_kind():
    rows = np.random.default_rng(0).normal(size=(40, 16))
    sets = [FeatureSet(x, None) for x in (rows.astype(np.float32), rows, 3 * rows.astype(np.float32), rows * 1e-3)]
    for other in sets[1:]:
        assert check_disjoint(sets[0], other).shared_items == 40
    apart = FeatureSet(rows + 1e-3 * np.random.default_rng(1).normal(size=rows.shape), None)
    assert check_disjoint(sets[0], apart).shared_items == 0
