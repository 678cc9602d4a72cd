"""Compiled loops that make dendrograms (numba): the edges of a graph, agglomeration, what is known of each merge.

Average linkage is inherently one merge after another, so these loops are compiled, not vectorised.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.compiled import njit

MERGE = np.dtype(  # what `agglomerate` records of every merge; see `Dendrogram`
    [
        ("larger", np.int64),
        ("smaller", np.int64),
        ("height", np.float64),
        ("weight", np.float64),
        ("links", np.float64),
        ("closeness", np.float64),
        ("product", np.float64),
    ]
)
LINKS = 1  # column of the sums of a pair: how many links it has, which may be none where a person tied its ends
ADDED = -1  # in place of them: the pair counts with another one


@njit(nogil=True)
def undirected(neighbors: Any, weight: Any, similarity: Any, start: int, stop: int) -> tuple[Any, Any, Any]:
    """The undirected edges of a k-NN graph that belong to the nodes start .. stop - 1: low, high, and sums [edges, 3]
    over the one or two links of an edge: weight, number of links, similarity. Edges of weight 0 are left out.

    An edge of two links belongs to its lower node, one of a single link to the node that lists the other. The link back
    is found in the other node's list, so no edge is looked up among all others.
    """
    k = neighbors.shape[1]
    most = (stop - start) * k
    low = np.empty(most, np.int32)  # long enough for any graph: pages that are never written take no memory
    high = np.empty(most, np.int32)
    sums = np.empty((most, 3))
    count = 0
    for i in range(start, stop):
        for slot in range(k):
            j = neighbors[i, slot]
            back = -1
            for other in range(k if j >= 0 else 0):
                if neighbors[j, other] == i:
                    back = other
            if j < 0 or (back >= 0 and j < i):  # no neighbour, or an edge of the other node
                continue

            both = np.float64(weight[i, slot]) + (np.float64(weight[j, back]) if back >= 0 else 0.0)
            if not both <= 0:  # what is no number stays, to be refused
                low[count] = min(i, j)
                high[count] = max(i, j)
                sums[count, 0] = both
                sums[count, 1] = 2 if back >= 0 else 1
                sums[count, 2] = np.float64(similarity[i, slot])
                if back >= 0:
                    sums[count, 2] += np.float64(similarity[j, back])
                count += 1
    return low[:count], high[:count], sums[:count]


@njit()
def _root(above: Any, i: int) -> int:
    """The cluster that image `i` is in now, by union-find; paths are halved on the way."""
    while above[i] != i:
        above[i] = above[above[i]]
        i = above[i]
    return i


@njit()
def _linked_lists(n: int, low: Any, high: Any) -> tuple[Any, ...]:
    """Every pair (low, high) twice, as one linked list per node: entries 2 e and 2 e + 1 are pair e.

    Returns: of every entry the node at the other end and the entry that follows (-1: the last one); of every node its
    first and last entry. Two lists are joined in one step, which arrays side by side would not allow.
    """
    m = len(low)
    to = np.empty(2 * m, np.int32)
    follows = np.full(2 * m, -1, np.int32)
    head = np.full(n, -1)
    tail = np.full(n, -1)
    for e in range(m):
        for side in range(2):
            i = 2 * e + side
            own = low[e] if side == 0 else high[e]
            to[i] = high[e] if side == 0 else low[e]
            follows[i] = head[own]
            head[own] = i
            if tail[own] < 0:
                tail[own] = i
    return to, follows, head, tail


@njit()
def _gather(a: int, clock: int, above: Any, lists: Any, w: Any, stamp: Any, first: Any) -> None:
    """Shorten the list of cluster `a`: one entry per neighbouring cluster, sums added up, none to itself.

    Both entries of a pair share its sums. A pair that was added to another is marked: whoever meets its other entry
    drops it. stamp[b] == clock: cluster b was met in this very call, as pair first[b]. So nothing is
    cleared between calls.
    """
    to, follows, head, tail = lists
    before = -1
    i = head[a]
    while i >= 0:
        b = _root(above, to[i])
        pair = i // 2
        after = follows[i]
        if b == a or stamp[b] == clock or w[pair, LINKS] == ADDED:
            if b != a and w[pair, LINKS] != ADDED:
                for column in range(3):
                    w[first[b], column] += w[pair, column]
                w[pair, LINKS] = ADDED
            if before < 0:
                head[a] = after
            else:
                follows[before] = after
            if after < 0:
                tail[a] = before
        else:
            stamp[b] = clock
            first[b] = pair
            to[i] = b
            before = i
        i = after


@njit()
def _ban(a: int, clock: int, above: Any, apart: Any, banned: Any) -> None:
    """Stamp the clusters that cluster `a` must not join (`apart`: linked lists)."""
    to, follows, head, _tail = apart
    i = head[a]
    while i >= 0:
        banned[_root(above, to[i])] = clock
        i = follows[i]


@njit()
def _nearest(a: int, lists: Any, w: Any, size: Any, classes: Any, banned: Any, clock: int) -> tuple[int, float]:
    """The neighbour of highest mean linkage that cluster `a` may join (the lower of equals), and its mean linkage."""
    to, follows, head, _tail = lists
    best = -1
    top = -1.0
    i = head[a]
    while i >= 0:
        b = to[i]
        s = w[i // 2, 0] / (size[a] * size[b])
        if banned[b] == clock or (classes[a] >= 0 and classes[b] >= 0 and classes[a] != classes[b]):
            s = -2.0  # below `top` at its start, so never the best
        if s > top or (s == top and b < best):
            top = s
            best = b
        i = follows[i]
    return best, top


@njit()
def _record(merge: Any, larger: int, smaller: int, height: float, sums: Any) -> None:
    """Write down a merge; `sums`: weight, links and similarity across."""
    merge["larger"] = larger
    merge["smaller"] = smaller
    merge["height"] = height
    merge["weight"] = sums[0]
    merge["links"] = sums[1]
    merge["closeness"] = sums[2]


@njit()
def _append(a: int, b: int, lists: Any) -> None:
    """Put the list of cluster `b` behind that of `a`, which is not empty."""
    _to, follows, head, tail = lists
    if head[b] >= 0:
        follows[tail[a]] = head[b]
        tail[a] = tail[b]


@njit()
def _join(a: int, b: int, lists: Any, size: Any, total: Any) -> float:
    """Add cluster `b` to `a`: sums, size, and its list behind the other; the product of their sums before."""
    product: float = np.dot(total[a], total[b])
    total[a] += total[b]
    size[a] += size[b]
    _append(a, b, lists)
    return product


@njit()
def _inherit(a: int, b: int, classes: Any, apart: Any) -> None:
    """Cluster `a` takes over the class of cluster `b`, and what `b` must stay apart from."""
    _to, follows, head, tail = apart
    classes[a] = max(classes[a], classes[b])
    if head[b] >= 0:
        follows[tail[b]] = head[a]
        if head[a] < 0:
            tail[a] = tail[b]
        head[a] = head[b]


@njit()
def _begin(start: int, above: Any, done: Any) -> int:
    """The first cluster, from `start` on, that may still merge; `len(above)` if none may. A cluster goes by one of its
    images, the root of its union-find tree."""
    while start < len(above) and (above[start] != start or done[start]):
        start += 1
    return start


@njit()
def _clusters(n: int) -> tuple[Any, ...]:
    """Every image a cluster: the union-find tree, whose root is the cluster, and what `_gather` writes into."""
    above = np.arange(n)
    first = np.full(n, -1)
    stamp = np.full(n, -1)
    return above, first, stamp


@njit()
def _chain(n: int) -> tuple[Any, ...]:
    """What `_ban` writes into, and a chain of clusters, each with the height to the next."""
    return np.full(n, -1), np.empty(n, np.int64), np.empty(n)


@njit()
def agglomerate(
    low: Any, high: Any, w: Any, start: Any, start_node: int, merges: Any, classes: Any, apart_pairs: Any, done: Any
) -> int:
    """Average linkage over a sparse graph by nearest-neighbour chains; returns the number of merges.

    A chain goes from a cluster to its nearest neighbour, from that to its own, and so on; heights along it never fall,
    so it ends with two that are each other's nearest, and these may merge at once, whatever else is still to come. That
    holds where some must not join, too: their height counts as lowest, and what they join must not join either.

    Args:
        low, high: edges [e], low < high.
        w: [e, 3], sums over the links of each edge: linkage, number of links, similarity.
        start: of every cluster at the start, sum of its rows [n, d], number of images [n], node of the dendrogram [n].
        start_node: merge t is node `start_node` + t of the dendrogram.
        merges: [n], dtype `MERGE`, filled from the start.
        classes: [n], class of each cluster, -1: unknown; clusters of two classes never join.
        apart_pairs: two arrays [c]; the clusters one[i] and other[i] never join.
        done: [n], clusters that are not merged here. A cluster that is nearest to such a one waits with it, and so does
            one that is nearest to that: no merge brings anything nearer, so nothing else becomes its nearest.

    `w`, `start`, `classes` and `done` are changed in place: pass copies.
    """
    total, size, node = start
    n = len(size)
    lists = _linked_lists(n, low, high)
    apart = _linked_lists(n, *apart_pairs)
    above, first, stamp = _clusters(n)
    banned, chain, height = _chain(n)
    count = top = clock = begin = 0
    while True:
        if top == 0:
            begin = _begin(begin, above, done)
            if begin == n:
                return count
            chain[0] = begin
            top = 1
        a = chain[top - 1]
        clock += 1
        _gather(a, clock, above, lists, w, stamp, first)
        _ban(a, clock, above, apart, banned)
        best, s = _nearest(a, lists, w, size, classes, banned, clock)
        if best < 0 or done[best]:  # a root, alone in its chain, or one that waits, with all that lead to it
            done[chain[:top]] = True
            top = 0
        elif top > 1 and (chain[top - 2] == best or height[top - 2] >= s):  # each other's nearest
            b = chain[top - 2]
            top -= 2
            large, small = (a, b) if size[a] >= size[b] else (b, a)
            _record(merges[count], node[large], node[small], height[top], w[first[b]])
            merges[count]["product"] = _join(large, small, lists, size, total)
            _inherit(large, small, classes, apart)
            above[small] = large
            node[large] = start_node + count
            count += 1
        else:
            height[top - 1] = s
            chain[top] = best
            top += 1


@njit()
def falling(n: int, larger: Any, smaller: Any, height: Any) -> Any:
    """Heights that never rise from a merge to the one above it, as rounding may let them."""
    bound = height.copy()
    for t in range(len(height)):
        for child in (larger[t], smaller[t]):
            if child >= n:
                bound[t] = min(bound[t], bound[child - n])
    return bound


@njit()
def _runner_up(a: int, b: int, lists: Any, w: Any, size: Any) -> float:
    """The highest mean linkage of cluster `a` to any other one than `b`; 0 if links tie it to no other."""
    to, follows, head, _tail = lists
    highest: float = 0.0
    i = head[a]
    while i >= 0:
        if to[i] != b:
            highest = max(highest, w[i // 2, 0] / (size[a] * size[to[i]]))
        i = follows[i]
    return highest


@njit()
def rank_sides(low: Any, high: Any, w: Any, start: Any, larger: Any, smaller: Any) -> Any:
    """Mean linkage of both sides of every merge to their second best neighbours [m, 2], when all merges before it are
    done and no other. Sides of equal size change places where the smaller has the greater volume.

    Args:
        low, high, w: see `agglomerate`.
        start: of every leaf number of images [n] and linkage at them [n].
        larger, smaller: sides of the merges [m], leaves being 0 .. n - 1.

    `w`, `start`, `larger` and `smaller` are changed in place: pass copies.
    """
    size, volume = start
    n = len(size)
    lists = _linked_lists(n, low, high)
    above, first, stamp = _clusters(n)
    image = np.concatenate((above, np.empty(len(larger), np.int64)))  # that the cluster of each node goes by
    seconds = np.empty((len(larger), 2))
    for t in range(len(larger)):
        a = image[larger[t]]
        b = image[smaller[t]]
        if size[a] == size[b] and volume[a] < volume[b]:
            larger[t], smaller[t] = smaller[t], larger[t]
            a, b = b, a
        _gather(a, 2 * t, above, lists, w, stamp, first)
        seconds[t, 0] = _runner_up(a, b, lists, w, size)
        _gather(b, 2 * t + 1, above, lists, w, stamp, first)
        seconds[t, 1] = _runner_up(b, a, lists, w, size)
        size[a] += size[b]
        volume[a] += volume[b]
        _append(a, b, lists)
        above[b] = a
        image[n + t] = a
    return seconds
