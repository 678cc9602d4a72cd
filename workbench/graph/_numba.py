"""Compiled loops over neighbour lists (numba), for the CPU.

Comparing every list with its neighbours' lists costs n k^2 here and n k^3 in torch, which compares all numbers at once;
only a GPU can afford that. The best of a block of products are found in one pass, without a sort.

All loops release the GIL (`nogil`), so that `Threads` can share the rows; each call writes only rows low .. high - 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.compiled import njit

# Values compared at once: one branch for all, which vectorises. Longer pieces are skipped less often, as a single value
# that enters a list is enough to look at the whole piece. No measurement of other lengths is recorded.
LANES = 64

# "reassoc" lets a sum run in several lanes, "contract" fuses multiply and add. The rest of fast math stays off: empty
# places of lists hold -inf, and "ninf" would allow the compiler to assume that there is no infinity.


@njit(nogil=True, fastmath={"reassoc", "contract"})
def products(rows: Any, base: Any, index: Any, out: Any, low: int, high: int) -> None:
    """Inner products [q, m] of the rows low .. high - 1 with the rows of `base` that they list; none for -1.

    Every pair is summed in the same order, so equal rows give equal products, wherever they stand.
    """
    for i in range(low, high):
        for slot in range(index.shape[1]):
            j = index[i, slot]
            if j >= 0:
                total = np.float32(0)
                for d in range(rows.shape[1]):
                    total += rows[i, d] * base[j, d]
                out[i, slot] = total


@njit(nogil=True)
def _insert(best: Any, ids: Any, value: Any, which: int) -> None:
    """Insert a value that exceeds the last one of a falling list; the last one drops out."""
    place = len(best) - 1
    while place > 0 and best[place - 1] < value:
        best[place] = best[place - 1]
        ids[place] = ids[place - 1]
        place -= 1

    best[place] = value
    ids[place] = which


@njit(nogil=True)
def _contains(row: Any, which: Any) -> bool:
    for one in row:  # noqa: SIM110 -- numba compiles no any() of a generator
        if one == which:
            return True
    return False


@njit(nogil=True)
def best_of_rows(block: Any, first: int, best: Any, ids: Any, low: int, high: int) -> None:
    """Update the lists (best, ids) [rows, m] of the rows low .. high - 1 of a block with its columns, numbered from
    `first`. Most pieces of `LANES` values are skipped at once, because none exceeds the last of the list."""
    for i in range(low, high):
        for start in range(0, block.shape[1], LANES):
            part = block[i, start : start + LANES]
            exceed = 0
            for c in range(len(part)):
                exceed += part[c] > best[i, -1]

            if exceed > 0:
                for c in range(len(part)):
                    if part[c] > best[i, -1]:
                        _insert(best[i], ids[i], part[c], first + start + c)


@njit(nogil=True)
def best_of_columns(block: Any, first: int, best: Any, ids: Any, low: int, high: int) -> None:
    """`best_of_rows` for the lists of the columns low .. high - 1 with the block's rows, numbered from `first`.

    The block is read row by row, as it lies in memory: one product serves both of its nodes.
    """
    last = best[low:high, -1].copy()  # the last value of every list side by side, to be compared at once
    for i in range(block.shape[0]):
        for start in range(0, high - low, LANES):
            part = block[i, low + start : min(low + start + LANES, high)]
            bound = last[start : start + LANES]
            exceed = 0
            for c in range(len(part)):
                exceed += part[c] > bound[c]

            if exceed > 0:
                for c in range(len(part)):
                    if part[c] > bound[c]:
                        column = low + start + c
                        _insert(best[column], ids[column], part[c], first + i)
                        bound[c] = best[column, -1]


@njit(nogil=True)
def rank_and_shared(neighbors: Any, similarity: Any, rank: Any, shared: Any, low: int, high: int) -> None:
    """See `similarity_stats.rank_and_shared`, for the nodes low .. high - 1; -1 marks a missing neighbour."""
    n, k = neighbors.shape
    stamp = np.full(n, -1, np.int32)  # stamp[j] == i: node i lists j. Never cleared, so a node costs k steps, not n

    for i in range(low, high):
        for slot in range(k):
            if neighbors[i, slot] >= 0:
                stamp[neighbors[i, slot]] = i

        for slot in range(k):
            j = neighbors[i, slot]
            listed = 0
            above = 0
            common = 0
            for other in range(k):
                theirs = neighbors[max(j, 0), other]
                if theirs >= 0:
                    listed += 1
                    above += similarity[max(j, 0), other] > similarity[i, slot]
                    common += stamp[theirs] == i

            rank[i, slot] = above / max(1, listed)
            shared[i, slot] = common / k


@njit(nogil=True, fastmath={"reassoc", "contract"})
def grow(rows: Any, order: Any, depth: int, drawn: Any) -> Any:
    """Sort `order` in place so that its halves, their halves and so on are the nodes of a random projection tree.

    Every node is split at the median of its rows' products with the difference of two of its rows. `drawn` [m, 2] in
    [0, 1) says which two: numba's own generator would be global state. Returns `order`.
    """
    value = np.empty(len(order), np.float32)
    side = np.empty(len(order), np.int32)
    todo = [(0, len(order), 0)]
    count = 0

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
        # Of the rows exactly at the median this many go left, so that halves stay equal among duplicates, too.
        ties = middle - low - (value[low:high] < bound).sum()
        left = low
        right = middle
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


@njit(nogil=True)
def join_leaves(products: Any, which: Any, own: Any, size: Any, best: Any, ids: Any, low: int, high: int) -> None:
    """Update the lists of the rows of the leaves low .. high - 1 with the products [leaf, w, w] within each leaf.

    A leaf is read at the width w of the widest one; its own rows are own .. own + size - 1. The other rows read with it
    are compared, too, since their products exist already.
    """
    for leaf in range(low, high):
        for a in range(own[leaf], own[leaf] + size[leaf]):
            i = which[leaf, a]
            for start in range(0, products.shape[2], LANES):
                part = products[leaf, a, start : start + LANES]
                exceed = 0
                for c in range(len(part)):
                    exceed += part[c] > best[i, -1]

                if exceed > 0:
                    for c in range(len(part)):
                        j = which[leaf, start + c]
                        if part[c] > best[i, -1] and j != i and not _contains(ids[i], j):
                            _insert(best[i], ids[i], part[c], j)


@njit(nogil=True)
def both_ways(ids: Any, seen: Any, out: Any, new: Any, low: int, high: int) -> None:
    """See `nn_descent.both_ways`, for the rows low .. high - 1.

    Every thread reads all lists and writes its own rows only, so the result is the same for any number of threads.
    Slots are the outer loop: of the rows that list a node, those that list it nearest to the front come first.
    """
    n, k = ids.shape
    end = np.full(high - low, k)  # next free place of each row's list; the first k places are its own neighbours
    for slot in range(k):
        for i in range(n):
            j = ids[i, slot]
            own = low <= i < high and j >= 0
            listed = low <= j < high and end[j - low] < 2 * k

            if own or listed:
                fresh = not _contains(seen[i], j)
                if own:
                    out[i, slot] = j
                    new[i, slot] = fresh
                if listed:
                    out[j, end[j - low]] = i
                    new[j, end[j - low]] = fresh
                    end[j - low] += 1


@njit(nogil=True, fastmath={"reassoc", "contract"})
def explore(rows: Any, best: Any, ids: Any, links: Any, new: Any, low: int, high: int) -> int:
    """Compare the rows low .. high - 1 with the rows two links away; returns how many entered a list.

    At least one of the two links must be new: the other pairs were compared in an earlier round (Dong et al.).
    """
    seen = np.full(len(rows), -1, np.int32)  # seen[j] == i: row i was compared with j already; never cleared
    better = 0

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


@njit()
def merge_lists(best: Any, ids: Any, value: Any, which: Any) -> None:
    """Update the lists (best, ids) of all rows with other lists (value, which) of the same rows."""
    for i in range(ids.shape[0]):
        for slot in range(which.shape[1]):
            j = which[i, slot]
            if j >= 0 and value[i, slot] > best[i, -1] and not _contains(ids[i], j):
                _insert(best[i], ids[i], value[i, slot], j)
