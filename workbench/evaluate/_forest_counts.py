"""What hangs on each node of a forest of links, counted by class."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Int64

Counts = tuple[Int64[np.ndarray, " u"], Int64[np.ndarray, " u"]]


def subtree_pairs(
    parent: Int64[np.ndarray, " n"],
    clusters: Int64[np.ndarray, " n"],
    node: Int64[np.ndarray, " images"],
    classes: Int64[np.ndarray, " images"],
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Of every node: images in its subtree, and pairs (one in the subtree, one in the rest of its tree) of one class.

    Formula: with a_c images of class c in the subtree and t_c in the tree, sum a_c and sum a_c (t_c - a_c). The counts
    a_c are summed from the deepest nodes up, one step of depth at a time.

    Args:
        parent: parent of each node, itself at a root.
        clusters: tree of each node.
        node: node of each image.
        classes: class of each image, 0, 1, ...

    Example:
        Node 1 hangs on node 0; it holds two images of class 0, node 0 one of each class:
        >>> subtree_pairs(np.array([0, 0]), np.array([0, 0]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 0]))
        (array([4, 2]), array([0, 2]))
    """
    width = int(classes.max()) + 1  # key of a node's class: node * width + class
    in_tree = pd.Series(clusters[node] * width + classes).value_counts()
    depth = _depth(parent)
    own_key, own_count = _counted(node * width + classes, np.ones(len(node), dtype=np.int64))
    deep = depth[own_key // width]

    below = np.zeros_like(parent)
    right = np.zeros_like(parent)
    # A node's class counts are needed only until its parent has added them. So memory holds one depth at a time, never
    # a table of nodes by classes.
    from_below = own_key[:0]
    count_below = own_count[:0]

    for d in range(int(depth.max()), -1, -1):
        here = deep == d
        keys = np.concatenate([own_key[here], from_below])
        key, count = _counted(keys, np.concatenate([own_count[here], count_below]))
        at, label = np.divmod(key, width)
        total = in_tree.reindex(clusters[at] * width + label).to_numpy()

        np.add.at(below, at, count)  # `below[at] += count` would count a repeated node once
        np.add.at(right, at, count * (total - count))

        from_below = parent[at] * width + label
        count_below = count
    return below, right


def _counted(key: Int64[np.ndarray, " m"], count: Int64[np.ndarray, " m"]) -> Counts:
    """Each key once, with the sum of its counts."""
    unique, place = np.unique(key, return_inverse=True)
    total = np.zeros_like(unique)
    np.add.at(total, place, count)
    return unique, total


def _depth(parent: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Links from each node to its root; each round doubles the distance covered."""
    depth: Int64[np.ndarray, " n"] = (parent != np.arange(len(parent))).astype(np.int64)
    above = parent
    while not np.array_equal(above[above], above):
        depth = depth + depth[above]
        above = above[above]
    return depth
