"""Handwritten digits that come with scikit-learn: a test set of another kind than printed characters."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .._core.validation import check_int
from .records import ImageSet


def load_digits(*, size: int = 32) -> ImageSet:
    """1,797 handwritten digits: uint8, ink 255 on 0, ten classes.

    Formula: the 8x8 counts 0 to 16 become round(255 / 16 * count), then `size` x `size`
    pixels by bicubic interpolation.

    Args:
        size: pixels of a side; 32 is what the encoder trained on glyphs expects.

    Shapes:
        images [1797, size, size], labels [1797].

    Raises:
        ValueError: `size` below 8.

    Example:
        >>> load_digits()
        ImageSet('digits/test', 1797 images of 32x32, 10 classes)

    Source: E. Alpaydin, C. Kaynak (1998), UCI "Optical Recognition of Handwritten Digits", the part in scikit-learn.
    """
    from sklearn.datasets import load_digits as stored_digits  # imported here: it takes half a second

    check_int(size, "size", low=8)
    stored = stored_digits()
    grey = np.rint(stored.images * (255 / 16)).astype(np.uint8)
    images = np.stack([np.asarray(Image.fromarray(g).resize((size, size), Image.Resampling.BICUBIC)) for g in grey])
    return ImageSet(images, stored.target.astype(np.int64), tuple("0123456789"), "digits/test")
