"""Digits: the values of scikit-learn, at the encoder's size."""

import numpy as np
import pytest
from sklearn.datasets import load_digits as sklearn_digits

from workbench.data import load, splits
from workbench.data.digits import load_digits


def test_digits_are_scikit_learn_s():
    digits = load("digits", split="test")
    assert splits("digits") == ("test",)
    assert digits.images.shape == (1797, 32, 32)
    assert np.array_equal(digits.labels, sklearn_digits().target)
    assert digits.class_names == tuple("0123456789")


def test_at_their_own_size_only_the_scale_changes():
    digits = load_digits(size=8)
    assert np.array_equal(digits.images, np.rint(sklearn_digits().images / 16 * 255).astype(np.uint8))
    assert digits.images.max() == 255


def test_too_small_a_size_is_refused():
    with pytest.raises(ValueError, match="size"):
        load_digits(size=4)
