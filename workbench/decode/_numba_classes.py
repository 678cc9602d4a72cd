"""Compiled loop over a dendrogram whose leaves have classes (numba): the true quality of every node."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.compiled import njit


@njit()
def _fold(small: int, node: int, code: Any, classes: Any, entry: Any, stamp: Any) -> None:
    """Add the classes of subtree `small` to those of `node`, whose entries are stamped."""
    count, follows, head, tail = classes
    i = head[small]
    while i >= 0:
        after = follows[i]
        if stamp[code[i]] == node:
            count[entry[code[i]]] += count[i]
        else:
            follows[tail[node]] = i
            follows[i] = -1
            tail[node] = i
        i = after


@njit()
def class_overlaps(n: int, larger: Any, smaller: Any, code: Any, of_class: Any, weights: Any) -> Any:
    """For each node [n + m, len(weights)]: mean over its items of 1 / (w / precision + (1 - w) / recall).

    `code` 0 .. c - 1 is each leaf's class and `of_class` the classes' sizes. Classes of a subtree are kept as a linked
    list, the smaller child's folded into the larger's.
    """
    nodes = n + len(larger)
    quality = np.empty((nodes, len(weights)))
    size = np.ones(nodes)
    count = np.ones(n)  # items of the class that stands at each leaf
    follows = np.full(n, -1)
    head = np.empty(nodes, np.int64)
    tail = np.empty(nodes, np.int64)
    entry = np.full(len(of_class), -1)  # where each class stands in the list at hand
    stamp = np.full(len(of_class), -1)
    for node in range(nodes):
        if node < n:
            head[node] = node
            tail[node] = node
        else:
            a = larger[node - n]
            b = smaller[node - n]
            size[node] = size[a] + size[b]
            head[node] = head[a]
            tail[node] = tail[a]
            i = head[a]
            while i >= 0:
                entry[code[i]] = i
                stamp[code[i]] = node
                i = follows[i]
            _fold(b, node, code, (count, follows, head, tail), entry, stamp)
        for q in range(len(weights)):
            total = 0.0
            i = head[node]
            while i >= 0:
                total += count[i] ** 2 / (weights[q] * size[node] + (1 - weights[q]) * of_class[code[i]])
                i = follows[i]
            quality[node, q] = total / size[node]
    return quality
