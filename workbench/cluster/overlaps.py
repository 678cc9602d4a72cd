"""Which clusters of two clusterings share rows: what changed, what went on, what is as it was."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64


class Overlaps(NamedTuple):
    """The pairs of a cluster of one clustering and a cluster of another that share rows, rising.

    Attributes:
        one, other: int64 [pairs], the two clusters.
        rows: int64 [pairs], how many they share.
    """

    one: Int64[np.ndarray, " pairs"]
    other: Int64[np.ndarray, " pairs"]
    rows: Int64[np.ndarray, " pairs"]

    @property
    def alike(self) -> Bool[np.ndarray, " pairs"]:
        """Which pairs are the same rows: neither cluster shares any with a third one.

        Example:
            >>> overlaps(np.array([0, 0, 1, 2]), np.array([5, 5, 6, 6])).alike.tolist()
            [True, False, False]
        """
        single: Bool[np.ndarray, " pairs"] = np.bincount(self.one)[self.one] == 1
        single &= np.bincount(self.other)[self.other] == 1
        return single


def overlaps(one: Int64[np.ndarray, " n"], other: Int64[np.ndarray, " n"]) -> Overlaps:
    """The overlaps of two clusterings of the same rows, numbered from 0 on.

    Example:
        >>> [column.tolist() for column in overlaps(np.array([0, 0, 1]), np.array([3, 3, 3]))]
        [[0, 1], [3, 3], [2, 1]]
    """
    count = int(other.max(initial=0)) + 1
    pair, rows = np.unique(one * count + other, return_counts=True)  # one number a pair sorts faster than two
    return Overlaps(*np.divmod(pair, count), rows)
