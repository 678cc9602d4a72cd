"""Compiled loops over neighbour lists (numba), for the CPU: what compares lists with lists costs n k^2 here and n k^3
number by number in torch, which only a GPU can afford; the best of a block of products takes one pass, no sort."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

LANES = 64  # values compared at once


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


@njit(cache=True, nogil=True)
def insert(best: Any, ids: Any, value: Any, which: int) -> None:
    """Put a value that exceeds the last into its place; the values fall."""
    place = len(best) - 1
    while place > 0 and best[place - 1] < value:
        best[place], ids[place] = best[place - 1], ids[place - 1]
        place -= 1
    best[place], ids[place] = value, which


@njit(cache=True, nogil=True)
def best_of_rows(block: Any, first: int, best: Any, ids: Any, low: int, high: int) -> None:
    """Update the lists (best, ids) [rows, m] of the rows low .. high - 1 of a block with its columns, numbered from
    `first`. Most of `LANES` values at a time are passed over: none exceeds the last of the list."""
    for i in range(low, high):
        for start in range(0, block.shape[1], LANES):
            part, exceed = block[i, start : start + LANES], 0
            for c in range(len(part)):
                exceed += part[c] > best[i, -1]
            if exceed > 0:
                for c in range(len(part)):
                    if part[c] > best[i, -1]:
                        insert(best[i], ids[i], part[c], first + start + c)


@njit(cache=True, nogil=True)
def best_of_columns(block: Any, first: int, best: Any, ids: Any, low: int, high: int) -> None:
    """The same for the lists of the columns low .. high - 1 with the block's rows, numbered from `first`."""
    last = best[low:high, -1].copy()
    for i in range(block.shape[0]):
        for start in range(0, high - low, LANES):
            part, bound, exceed = block[i, low + start : min(low + start + LANES, high)], last[start : start + LANES], 0
            for c in range(len(part)):
                exceed += part[c] > bound[c]
            if exceed > 0:
                for c in range(len(part)):
                    if part[c] > bound[c]:
                        column = low + start + c
                        insert(best[column], ids[column], part[c], first + i)
                        bound[c] = best[column, -1]


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
