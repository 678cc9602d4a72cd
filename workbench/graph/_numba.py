"""Compiled loops over neighbour lists (numba), for the CPU: what compares lists with lists costs n k^2 here and n k^3
number by number in torch, which only a GPU can afford; the best of a block of products takes one pass, no sort."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

LANES = 64  # values compared at once


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def products(rows: Any, base: Any, index: Any, out: Any, low: int, high: int) -> None:
    """Inner products [q, m] of the rows low .. high - 1 with the rows of `base` they list; none for -1.

    Every pair is summed alike, so equal rows give equal products, whichever block they stand in.
    """
    for i in range(low, high):
        for slot in range(index.shape[1]):
            j = index[i, slot]
            if j >= 0:
                total = np.float32(0)
                for d in range(rows.shape[1]):
                    total += rows[i, d] * base[j, d]
                out[i, slot] = total


@njit(cache=True, nogil=True)
def _insert(best: Any, ids: Any, value: Any, which: int) -> None:
    """Put a value that exceeds the last into its place; the values fall."""
    place = len(best) - 1
    while place > 0 and best[place - 1] < value:
        best[place], ids[place] = best[place - 1], ids[place - 1]
        place -= 1
    best[place], ids[place] = value, which


@njit(cache=True, nogil=True)
def _lists_it(row: Any, which: Any) -> bool:
    for one in row:  # noqa: SIM110 -- numba compiles no any() of a generator
        if one == which:
            return True
    return False


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
                        _insert(best[i], ids[i], part[c], first + start + c)


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
                        _insert(best[column], ids[column], part[c], first + i)
                        bound[c] = best[column, -1]


@njit(cache=True, nogil=True)
def rank_and_shared(neighbors: Any, similarity: Any, rank: Any, shared: Any, low: int, high: int) -> None:
    """See `structure.rank_and_shared`, of the nodes low .. high - 1; -1 marks a missing neighbour."""
    n, k = neighbors.shape
    stamp = np.full(n, -1, np.int32)
    for i in range(low, high):
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


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def grow(rows: Any, order: Any, depth: int, drawn: Any) -> Any:
    """Sort `order` in place so that its halves, their halves and so on are the nodes of a tree: every node is halved at
    the median of its rows' products with the difference of two of them, `drawn` in [0, 1). Returns it."""
    value, side = np.empty(len(order), np.float32), np.empty(len(order), np.int32)
    todo, count = [(0, len(order), 0)], 0
    while len(todo) > 0:
        low, high, level = todo.pop()
        if level == depth or high - low < 2:
            continue
        one, other = drawn[count] * (high - low)
        direction = rows[order[low + int(one)]] - rows[order[low + int(other)]]
        count += 1
        for i in range(low, high):
            total = np.float32(0)
            for d in range(rows.shape[1]):
                total += rows[order[i], d] * direction[d]
            value[i] = total
        middle = (low + high) // 2
        bound = np.partition(value[low:high], middle - low)[middle - low]
        ties = middle - low - (value[low:high] < bound).sum()  # of those at the bound so many go left
        left, right = low, middle
        for i in range(low, high):
            if value[i] < bound or (value[i] == bound and ties > 0):
                ties -= value[i] == bound
                side[left] = order[i]
                left += 1
            else:
                side[right] = order[i]
                right += 1
        order[low:high] = side[low:high]
        todo.append((low, middle, level + 1))
        todo.append((middle, high, level + 1))
    return order


@njit(cache=True, nogil=True)
def join_leaves(products: Any, which: Any, own: Any, size: Any, best: Any, ids: Any, low: int, high: int) -> None:
    """Update the lists of the rows of the leaves low .. high - 1 with their products [leaf, w, w]."""
    for leaf in range(low, high):
        for a in range(own[leaf], own[leaf] + size[leaf]):
            i = which[leaf, a]
            for start in range(0, products.shape[2], LANES):
                part, exceed = products[leaf, a, start : start + LANES], 0
                for c in range(len(part)):
                    exceed += part[c] > best[i, -1]
                if exceed > 0:
                    for c in range(len(part)):
                        j = which[leaf, start + c]
                        if part[c] > best[i, -1] and j != i and not _lists_it(ids[i], j):
                            _insert(best[i], ids[i], part[c], j)


@njit(cache=True, nogil=True)
def both_ways(ids: Any, known: Any, out: Any, new: Any, low: int, high: int) -> None:
    """See `_forest.both_ways`, for the rows low .. high - 1."""
    n, k = ids.shape
    filled = np.full(high - low, k)
    for slot in range(k):
        for i in range(n):
            j = ids[i, slot]
            own, listed = low <= i < high and j >= 0, low <= j < high and filled[j - low] < 2 * k
            if own or listed:
                fresh = not _lists_it(known[i], j)
                if own:
                    out[i, slot], new[i, slot] = j, fresh
                if listed:
                    out[j, filled[j - low]], new[j, filled[j - low]] = i, fresh
                    filled[j - low] += 1


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def explore(rows: Any, best: Any, ids: Any, links: Any, new: Any, low: int, high: int) -> int:
    """Compare the rows low .. high - 1 with those two links away, one of them new; returns how many were better."""
    seen, better = np.full(len(rows), -1, np.int32), 0
    for i in range(low, high):
        seen[i] = i
        for j in ids[i]:
            if j >= 0:
                seen[j] = i
        for one in range(links.shape[1]):
            j = links[i, one]
            for two in range(links.shape[1] if j >= 0 else 0):
                other = links[j, two]
                if other >= 0 and (new[i, one] or new[j, two]) and seen[other] != i:
                    seen[other] = i
                    total = np.float32(0)
                    for d in range(rows.shape[1]):
                        total += rows[i, d] * rows[other, d]
                    if total > best[i, -1]:
                        _insert(best[i], ids[i], total, other)
                        better += 1
    return better


@njit(cache=True)
def merge_lists(best: Any, ids: Any, value: Any, which: Any) -> None:
    """Update the lists of all rows with others of the same rows."""
    for i in range(ids.shape[0]):
        for slot in range(which.shape[1]):
            j = which[i, slot]
            if j >= 0 and value[i, slot] > best[i, -1] and not _lists_it(ids[i], j):
                _insert(best[i], ids[i], value[i, slot], j)
