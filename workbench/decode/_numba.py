"""Compiled loops over dendrograms (numba): sums over subtrees, the best cut, labels.

A dendrogram of n leaves and m <= n - 1 merges: leaves are 0 .. n - 1, merge t makes node n + t of two children, which
have lower numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.compiled import njit


@njit()
def subtree_sums(n: int, larger: Any, smaller: Any, values: Any) -> Any:
    """Values of leaves and merges [n + m, f] -> their sums over subtrees, in place."""
    for t in range(len(larger)):
        for column in range(values.shape[1]):
            values[n + t, column] += values[larger[t], column] + values[smaller[t], column]
    return values


@njit()
def best_cut(n: int, larger: Any, smaller: Any, score: Any) -> tuple[Any, Any]:
    """The disjoint subtrees of highest summed score, by dynamic programming from the leaves up. Of every node: value of
    the best cut at or below it, and whether that is the node itself (of equals the node)."""
    value = score.copy()
    whole = np.ones(len(score), np.bool_)
    for t in range(len(larger)):
        below = value[larger[t]] + value[smaller[t]]
        if score[n + t] < below:
            value[n + t] = below
            whole[n + t] = False
    return value, whole


@njit()
def nodes_of_cut(n: int, larger: Any, smaller: Any, whole: Any) -> Any:
    """The cluster of each leaf: the highest of its ancestors, itself included, where `whole`."""
    owner = np.full(n + len(larger), -1)
    for i in range(len(owner) - 1, -1, -1):
        if owner[i] < 0 and whole[i]:
            owner[i] = i
        if i >= n and owner[i] >= 0:
            owner[larger[i - n]] = owner[smaller[i - n]] = owner[i]
    return owner[:n]


@njit()
def merge_levels(n: int, larger: Any, smaller: Any) -> Any:
    """Level of each merge [m]: 0 where it joins two leaves, else one more than the higher of the merges it joins."""
    level = np.full(n + len(larger), -1)
    for t in range(len(larger)):
        level[n + t] = 1 + max(level[larger[t]], level[smaller[t]])
    return level[n:]
