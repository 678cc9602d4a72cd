"""Compiled loops over neighbour lists (numba), for the CPU: what compares lists with lists costs n k^2 here and n k^3
number by number in torch, which only a GPU can afford."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, fastmath={"reassoc", "contract"})
def products(rows: Any, base: Any, index: Any) -> Any:
    """Inner products [q, m] of each row with the rows of `base` it lists; 0 for -1.

    Every pair is summed alike, so equal rows give equal products, whichever block they stand in.
    """
    out = np.zeros(index.shape, np.float32)
    for i in range(index.shape[0]):
        for slot in range(index.shape[1]):
            j = index[i, slot]
            if j >= 0:
                total = np.float32(0)
                for d in range(rows.shape[1]):
                    total += rows[i, d] * base[j, d]
                out[i, slot] = total
    return out


@njit(cache=True)
def rank_and_shared(neighbors: Any, similarity: Any) -> tuple[Any, Any]:
    """See `structure.rank_and_shared`; -1 marks a missing neighbour."""
    n, k = neighbors.shape
    rank, shared = np.zeros((n, k), np.float32), np.zeros((n, k), np.float32)
    stamp = np.full(n, -1)
    for i in range(n):
        for slot in range(k):
            if neighbors[i, slot] >= 0:
                stamp[neighbors[i, slot]] = i
        for slot in range(k):
            j = neighbors[i, slot]
            listed, above, common = 0, 0, 0
            for other in range(k):
                theirs = neighbors[max(j, 0), other]
                if theirs >= 0:
                    listed += 1
                    above += similarity[max(j, 0), other] > similarity[i, slot]
                    common += stamp[theirs] == i
            rank[i, slot] = above / max(1, listed)
            shared[i, slot] = common / k
    return rank, shared
