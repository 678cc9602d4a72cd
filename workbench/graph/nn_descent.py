"""Approximate neighbours within one set, on the CPU: the rows of each leaf of some random projection trees are compared
all with all, as block products; then every row with the neighbours of its neighbours, until little changes.

Nothing depends on the number of threads: a row's list is written by one of them, from lists that no one changes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._core.chunks import chunks
from .._core.memmap import is_memmap, new_tensor
from .._core.progress import progress_bar
from .._core.runtime import Threads
from . import _numba

TREES = 10
LEAF = 384  # most rows of a leaf
REACH = 2 / 3  # share of a list, the nearest, whose lists are looked through
PRODUCTS = 2**24  # at a time
ROUNDS = 10  # at most
STRETCH = 2**17  # rows explored before one may interrupt
SETTLED = 0.5  # new neighbours per row: fewer end the search


def search_forest(features: Tensor, k: int, seed: int) -> Tensor:
    """Lists [n, k] of candidates, best first, -1 where fewer were found; deterministic.

    Args:
        features: unit rows [n, d] on the CPU.
        k: length of the lists, below n.
        seed: of the trees.

    Source: Dasgupta & Freund, STOC 2008 (random projection trees); Dong et al., WWW 2011 (neighbours of neighbours).
    """
    features, n = features.contiguous(), len(features)
    depth = max(0, int(np.ceil(np.log2(n / LEAF))))
    with Threads() as threads:
        planted = [threads.submit(tree_order, features.numpy(), depth, seed, tree) for tree in range(TREES)]
        first, *others = (tree.result() for tree in progress_bar(planted, "k-NN graph: trees"))
        place = np.empty(n, np.int32)
        place[first] = np.arange(n, dtype=np.int32)
        rows = new_tensor(features.shape, mapped=is_memmap(features))  # near rows now lie side by side
        torch.index_select(features, 0, torch.from_numpy(first), out=rows)
        best, ids = np.full((n, k), -np.inf, np.float32), np.full((n, k), -1, np.int32)
        orders = [np.arange(n, dtype=np.int32), *(place[other] for other in others)]
        for order in progress_bar(orders, "k-NN graph: leaves"):
            _join_leaves(threads, rows, order, depth, best, ids)
        known = np.full((n, 1), -1, np.int32)
        for _ in range(ROUNDS):
            near = ids[:, : max(1, int(REACH * k))].copy()
            if _explore(threads, rows, best, ids, both_ways(near, known)) < SETTLED * n:
                break
            known = near
    found = torch.from_numpy(np.where(ids >= 0, first[ids], -1)).long()
    return found[torch.from_numpy(place).long()]


def both_ways(ids: Any, known: Any) -> tuple[Any, Any]:
    """Lists [n, 2 k]: whom a row lists, then up to k of those that list it, the nearest first; -1 where there is none.
    And which of these links are new: not in `known`, the lists that were looked through before."""
    n, k = ids.shape
    out, new = np.full((n, 2 * k), -1, np.int32), np.zeros((n, 2 * k), np.bool_)
    with Threads(k * ids.size) as threads:
        threads.share(partial(_numba.both_ways, ids, known, out, new), n)
    return out, new


def _explore(threads: Threads, rows: Tensor, best: Any, ids: Any, links: tuple[Any, Any]) -> int:
    """`_lists.explore` for all rows, which may be interrupted; how many neighbours were better."""
    work = partial(_numba.explore, rows.numpy(), best, ids, *links)
    parts = progress_bar(chunks(len(rows), STRETCH), "k-NN graph: neighbours")
    return sum(threads.share(work, part.stop, part.start) for part in parts)


def tree_order(rows: Any, depth: int, seed: int, which: int) -> Any:
    """The order of the rows in which the leaves of one tree lie side by side."""
    drawn = np.random.default_rng([seed, which]).random((2**depth, 2))
    return _numba.grow(rows, np.arange(len(rows), dtype=np.int32), depth, drawn)


def leaf_ends(n: int, depth: int) -> Any:
    """Where the leaves of a tree over n rows begin and end in its order."""
    ends = np.array([0, n])
    for _ in range(depth):
        ends = np.unique(np.concatenate([ends, (ends[:-1] + ends[1:]) // 2]))
    return ends


def _join_leaves(threads: Threads, rows: Tensor, order: Any, depth: int, best: Any, ids: Any) -> None:
    """Compare the rows of every leaf of one tree. Leaves differ by a row at most: all are read at one width."""
    ends = leaf_ends(len(order), depth)
    size = np.diff(ends)
    width = int(size.max())
    start = np.minimum(ends[:-1], len(order) - width)
    own = ends[:-1] - start  # the leaf's first row within what is read
    step = max(1, PRODUCTS // width**2)
    block, products = torch.empty(step, width, rows.shape[1]), torch.empty(step, width, width)  # fresh memory is slow
    for leaves in np.split(np.arange(len(size)), range(step, len(size), step)):
        which, some = order[start[leaves, None] + np.arange(width)], slice(len(leaves))
        torch.index_select(rows, 0, torch.from_numpy(which).flatten(), out=block[some].flatten(0, 1))
        torch.bmm(block[some], block[some].transpose(1, 2), out=products[some])
        joined = partial(_numba.join_leaves, products.numpy(), which, own[leaves], size[leaves], best, ids)
        threads.share(joined, len(leaves))
