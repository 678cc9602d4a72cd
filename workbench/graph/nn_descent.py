"""Approximate neighbours within one set, on the CPU.

First the rows of each leaf of a few random projection trees are compared with each other, as block products. Then every
row is compared with the neighbours of its neighbours, until little changes.

The result does not depend on the number of threads: each row's list is written by one thread, and what it is compared
with is fixed before a round begins.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._core.chunks import chunks
from .._core.memmap import new_like
from .._core.progress import progress_bar
from .._core.runtime import Threads
from . import _numba

# TREES, LEAF, REACH, ROUNDS and SETTLED were set together. With them 100,000 rows take 2.5 s at a recall of 1.000 where
# PyNNDescent takes 3.0 s at .9996, and a million 78 s at .990 (tests/benchmarks/README.md). More trees and larger
# leaves cost products and give better first lists; more reach and rounds cost single comparisons and mend more.
TREES = 10
LEAF = 384  # rows of a leaf at most
REACH = 2 / 3  # share of a list, the nearest part, whose own lists are explored
ROUNDS = 10  # at most
SETTLED = 0.5  # new neighbours per row; a round that finds fewer is the last

PRODUCTS = 2**24  # products held at a time: 64 MB
STRETCH = 2**17  # rows explored between two chances to interrupt


def search_forest(features: Tensor, k: int, seed: int) -> Tensor:
    """Lists [n, k] of candidates, best first, -1 where fewer were found; deterministic.

    Args:
        features: unit rows [n, d] on the CPU.
        k: length of the lists, below n.
        seed: of the trees.

    Source: Dasgupta & Freund, STOC 2008 (random projection trees); Dong et al., WWW 2011 (neighbours of neighbours).
    """
    features = features.contiguous()
    n = len(features)
    depth = max(0, int(np.ceil(np.log2(n / LEAF))))

    with Threads() as threads:
        trees = [threads.submit(tree_order, features.numpy(), depth, seed, tree) for tree in range(TREES)]
        first, *others = (tree.result() for tree in progress_bar(trees, "k-NN graph: trees"))

        # Rows are copied in the order of the first tree: near rows then lie side by side, in memory and in the cache.
        place = np.empty(n, np.int32)
        place[first] = np.arange(n, dtype=np.int32)
        rows = new_like(features, features.shape)
        torch.index_select(features, 0, torch.from_numpy(first), out=rows)

        best = np.full((n, k), -np.inf, np.float32)
        ids = np.full((n, k), -1, np.int32)
        orders = [np.arange(n, dtype=np.int32), *(place[other] for other in others)]
        for order in progress_bar(orders, "k-NN graph: leaves"):
            _join_leaves(threads, rows, order, depth, best, ids)

        seen = np.full((n, 1), -1, np.int32)
        for _ in range(ROUNDS):
            near = ids[:, : max(1, int(REACH * k))].copy()
            if _explore(threads, rows, best, ids, both_ways(near, seen)) < SETTLED * n:
                break
            seen = near

    found = torch.from_numpy(np.where(ids >= 0, first[ids], -1)).long()  # (n, k), back to the caller's numbers
    return found[torch.from_numpy(place).long()]


def both_ways(ids: Any, seen: Any) -> tuple[Any, Any]:
    """Links in both directions [n, 2 k], and which of them are new [n, 2 k].

    Each list holds the row's own neighbours, then up to k rows that list it, the nearest first; -1 where there is none.
    A link is new if it is not in `seen`, the lists that were explored in the round before.
    """
    n, k = ids.shape
    out = np.full((n, 2 * k), -1, np.int32)
    new = np.zeros((n, 2 * k), np.bool_)
    with Threads(k * ids.size) as threads:
        threads.share(partial(_numba.both_ways, ids, seen, out, new), n)
    return out, new


def _explore(threads: Threads, rows: Tensor, best: Any, ids: Any, links: tuple[Any, Any]) -> int:
    """`_numba.explore` for all rows, in parts that can be interrupted; returns how many neighbours were better."""
    work = partial(_numba.explore, rows.numpy(), best, ids, *links)
    parts = progress_bar(chunks(len(rows), STRETCH), "k-NN graph: neighbours")
    return sum(threads.share(work, part.stop, part.start) for part in parts)


def tree_order(rows: Any, depth: int, seed: int, which: int) -> Any:
    """The order of the rows in which the leaves of one tree lie side by side."""
    drawn = np.random.default_rng([seed, which]).random((2**depth, 2))  # a tree of this depth has 2^depth - 1 splits
    return _numba.grow(rows, np.arange(len(rows), dtype=np.int32), depth, drawn)


def leaf_ends(n: int, depth: int) -> Any:
    """Where the leaves of a tree over n rows begin and end: it splits at the middle, so sizes follow from n alone."""
    ends = np.array([0, n])
    for _ in range(depth):
        ends = np.unique(np.concatenate([ends, (ends[:-1] + ends[1:]) // 2]))
    return ends


def _join_leaves(threads: Threads, rows: Tensor, order: Any, depth: int, best: Any, ids: Any) -> None:
    """Compare the rows of every leaf of one tree with each other.

    Leaves differ by one row at most, so all are read at the width of the widest, as one batch of products.
    """
    ends = leaf_ends(len(order), depth)
    size = np.diff(ends)
    width = int(size.max())
    start = np.minimum(ends[:-1], len(order) - width)  # (leaves,)
    own = ends[:-1] - start  # the leaf's first row within what is read
    step = max(1, PRODUCTS // width**2)

    # Buffers serve all batches, as fresh memory is slow: with them leaves take a third less time.
    block = torch.empty(step, width, rows.shape[1])
    products = torch.empty(step, width, width)
    for leaves in np.split(np.arange(len(size)), range(step, len(size), step)):
        which = order[start[leaves, None] + np.arange(width)]  # (leaves, width)
        used = slice(len(leaves))
        torch.index_select(rows, 0, torch.from_numpy(which).flatten(), out=block[used].flatten(0, 1))
        torch.bmm(block[used], block[used].transpose(1, 2), out=products[used])
        joined = partial(_numba.join_leaves, products.numpy(), which, own[leaves], size[leaves], best, ids)
        threads.share(joined, len(leaves))
