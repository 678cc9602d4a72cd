"""Pairs of rows that are tied: which groups they make, and how one row hangs together with another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

Pairs = Int64[np.ndarray, "_ 2"]
Rows = Int64[np.ndarray, " _"]


def chains(item: Rows, of: Rows) -> Pairs:
    """Every item tied to the next of its kind.

    Example:
        >>> chains(np.array([3, 4, 5]), np.array([0, 1, 0])).tolist()
        [[3, 5]]
    """
    order = np.argsort(of, kind="stable")
    following = np.flatnonzero(of[order][1:] == of[order][:-1])
    return np.stack([item[order][following], item[order][following + 1]], axis=1)


def connected(n: int, pairs: Pairs) -> Int64[np.ndarray, " n"]:
    """The group of each of n rows: those that a chain of pairs connects.

    Example:
        >>> connected(4, np.array([[0, 1], [1, 3]])).tolist()
        [0, 0, 1, 0]
    """
    found: Int64[np.ndarray, " n"] = connected_components(_adjacency(n, pairs), directed=False)[1].astype(np.int64)
    return found


def path(pairs: Pairs, a: int, b: int) -> list[int]:
    """Which of the pairs lead from a to b, the fewest.

    Example:
        >>> path(np.array([[0, 1], [5, 6], [3, 1]]), 0, 3)
        [0, 2]
    """
    number = {tuple(sorted(pair)): i for i, pair in enumerate(pairs.tolist())}
    _, before = breadth_first_order(_adjacency(int(pairs.max()) + 1, pairs), a, directed=False)
    chain = []
    while b != a:
        chain.append(number[tuple(sorted((b, int(before[b]))))])
        b = int(before[b])
    return chain[::-1]


def equal_rows(chain: Sequence[Any], node: Rows, a: Any, b: Any) -> Iterator[tuple[int, int]]:
    """The pairs of equal rows by which a chain goes on from one tie to the next, on its way from row a to row b.

    Args:
        chain: pairs of rows.
        node: of each row; equal rows have the same.

    Example: rows 0 and 3 are equal.
        >>> list(equal_rows([(0, 1)], np.array([0, 1, 2, 0]), 3, 1))
        [(3, 0)]
    """
    here = int(a)
    for pair in chain:
        first, second = (int(row) for row in pair)
        near, far = (first, second) if node[first] == node[here] else (second, first)
        if near != here:
            yield here, near
        here = far
    if here != b:
        yield here, int(b)


def _adjacency(n: int, pairs: Pairs) -> csr_array:
    return coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n)).tocsr()
