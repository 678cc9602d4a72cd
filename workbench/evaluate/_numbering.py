"""Labels numbered without gaps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64


def number(labels: Int64[np.ndarray, " n"]) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " c"]]:
    """Labels renumbered 0 .. C-1, and the size of each.

    Example:
        >>> number(np.array([7, 3, 7]))[0].tolist()
        [1, 0, 1]
    """
    # Counting takes O(n + range) where sorting takes O(n log n), so it is used while the range stays of the order of n;
    # the 1,024 let a handful of items with labels in the hundreds count, too. Both ways give the same numbers.
    if not len(labels) or int(labels.max()) - int(labels.min()) > 4 * len(labels) + 1024:
        _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        return codes.astype(np.int64), sizes.astype(np.int64)

    shifted = labels - labels.min()
    sizes = np.bincount(shifted)
    occurs = sizes > 0
    return (np.cumsum(occurs) - 1)[shifted], sizes[occurs]
