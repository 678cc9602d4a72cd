"""A person's answers: rows that belong together, rows that do not, rows of known classes; honoured by every decoder.

```
(must_link, cannot_link, partial_labels) -> Constraints
(Decoding of any decoder, graph, linkage, Constraints) -> enforce -> Decoding that honours every answer
```

An answer speaks for the clusters of its rows: a must-link joins both clusters whole. Where that would put together what
must stay apart, the clusters concerned are built anew by constrained average linkage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from .._core.validation import check_labels
from ..decode.decoding import Decoding, by_densest
from ..decode.dendrogram import Dendrogram, constrained_dendrogram
from ..decode.edges import Edges
from ..graph.knn import KnnGraph
from ..lander.model import Prediction
from .correction import Contradiction
from .ties import chains, connected, equal_rows, path

Pairs = Int64[np.ndarray, "_ 2"]
Rows = Int64[np.ndarray, " _"]
Why = tuple[str, list[Rows]]
FAINT = 1e-9  # linkage that holds a decoder's cluster together where no link does: below any that a model predicts
SHOWN = 5  # pairs that an error lists


@dataclass(frozen=True)
class Constraints:
    """What is known of pairs of rows.

    Attributes:
        must_link: pairs of rows of one class.
        cannot_link: pairs of rows of two classes.
        row, label: rows of known class, and their classes: one class is one cluster, two classes never share one.

    Example:
        >>> known = Constraints.of(4, must_link=[(0, 1), (1, 2)], cannot_link=[(2, 3)])
        >>> known.groups(4).tolist()
        [0, 0, 0, 1]
    """

    must_link: Pairs
    cannot_link: Pairs
    row: Rows
    label: Rows

    @classmethod
    def of(cls, n: int, must_link: Any = None, cannot_link: Any = None, partial_labels: Any = None) -> Constraints:
        """Checked constraints on n rows; a pair that is given twice counts once.

        Args:
            n: rows.
            must_link, cannot_link: pairs of row numbers [m, 2]; None: none.
            partial_labels: [n] integers, -1 where unknown; None: all unknown.

        Raises:
            ValueError: a pair out of range or of a row with itself, another shape, a contradiction.
        """
        ties = _checked_pairs(must_link, n, "must_link")
        apart = _checked_pairs(cannot_link, n, "cannot_link")
        known = np.full(n, -1) if partial_labels is None else partial_labels
        label = check_labels(known, n, "partial_labels", cure="write -1 where a class is unknown")
        if (label < -1).any():
            raise ValueError(f"partial_labels: expected classes >= 0 and -1 for unknown, got {label.min()}")
        row = np.flatnonzero(label >= 0)
        found = cls(ties, apart, row, label[row])
        found.check(np.arange(n))
        return found

    @property
    def empty(self) -> bool:
        """True if nothing is known."""
        return not (len(self.must_link) or len(self.cannot_link) or len(self.row))

    @property
    def named(self) -> Rows:
        """The rows that something is known of, rising."""
        return np.unique(np.concatenate([self.must_link.ravel(), self.cannot_link.ravel(), self.row]))

    def __add__(self, other: Constraints) -> Constraints:
        """Both together, unchecked."""
        return Constraints(
            np.concatenate([self.must_link, other.must_link]),
            np.concatenate([self.cannot_link, other.cannot_link]),
            np.concatenate([self.row, other.row]),
            np.concatenate([self.label, other.label]),
        )

    def of_nodes(self, node: Rows) -> Constraints:
        """The same said of nodes that hold the rows: `node` [rows] is each row's."""
        return Constraints(node[self.must_link], node[self.cannot_link], node[self.row], self.label)

    def tied(self, cluster: Rows) -> Constraints:
        """With the rows of every cluster tied together."""
        return replace(self, must_link=np.concatenate([self.must_link, chains(np.arange(len(cluster)), cluster)]))

    @property
    def ties(self) -> Pairs:
        """The must-links, and rows of one known class each tied to the next."""
        return np.concatenate([self.must_link, chains(self.row, self.label)])

    def groups(self, n: int) -> Int64[np.ndarray, " n"]:
        """Closure: the group of each of n rows, those that a chain of ties connects."""
        return connected(n, self.ties)

    def check(self, node: Rows) -> None:
        """Whether all answers can be true at once.

        Args:
            node: the node of the graph that each row is; equal rows are one node.

        Raises:
            Contradiction: rows of a cannot-link, or of two known classes, are equal or tied; the pairs are named.
        """
        here = self.of_nodes(node)
        group = here.groups(int(node.max(initial=-1)) + 1)
        first, second = group[here.cannot_link].T
        if (wrong := np.flatnonzero(first == second)).size:
            why = [self._why(node, a, b) for a, b in self.cannot_link[wrong[:SHOWN]]]
            raise _contradiction("cannot_link", why, len(wrong), self.cannot_link[wrong])

        order = np.lexsort([self.label, group[here.row]])
        owner = group[here.row][order]
        label = self.label[order]
        wrong = np.flatnonzero((owner[1:] == owner[:-1]) & (label[1:] != label[:-1]))
        if wrong.size:
            row = self.row[order]
            heads = [(i, f"classes {label[i]} and {label[i + 1]}: ") for i in wrong[:SHOWN]]
            why = [self._why(node, row[i], row[i + 1], head) for i, head in heads]
            raise _contradiction("partial_labels", why, len(wrong), [])

    def _why(self, node: Rows, a: Any, b: Any, head: str = "") -> Why:
        """What makes two rows one, in words after a head, and the fewest must-links that tie them."""
        if node[a] == node[b]:
            return f"{head}rows {a} and {b} are equal but for rounding, so nothing can tell them apart", []
        ties = self.ties
        places = path(node[ties], int(node[a]), int(node[b]))  # costs a walk through all ties
        chain = [ties[i] for i in places]
        said = ", ".join("({}, {})".format(*pair) for pair in chain[:SHOWN])
        by = {"must_link ties" if i < len(self.must_link) else "partial_labels tie" for i in places}
        equal = [f"; rows {one} and {other} are equal" for one, other in equal_rows(chain, node, a, b)]
        text = f"rows {a} and {b} are apart, but {' and '.join(sorted(by))} them: {said}{_and_more(len(chain))}"
        return head + text + "".join(equal[:SHOWN]), chain


def enforce(found: Decoding, graph: KnnGraph, prediction: Prediction, constraints: Constraints) -> Decoding:
    """The clusters of any decoder, changed as little as the answers demand.

    Formula: clusters that a tie connects join. Joined clusters that hold two nodes which must stay apart are taken to
    pieces, groups of tied nodes staying whole, and joined again by `constrained_dendrogram` over the links within each
    cluster; pieces without a link hang on their cluster's representative by a linkage next to nothing. All else stays
    as it is. The order of the answers does not matter.

    Args:
        found: of any decoder.
        graph, prediction: what it decoded.
        constraints: on the nodes of the graph (`Constraints.of_nodes`), without contradiction.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0], [3], [2]], [[0.9], [0.9], [0.8], [0.8]])
        >>> two = Decoding(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 2]), None)
        >>> guess = Prediction(graph.similarity, torch.tensor([0.9, 0.9, 0.8, 0.8]))
        >>> enforce(two, graph, guess, Constraints.of(4, must_link=[(1, 2)])).clusters.tolist()
        [0, 0, 0, 0]
        >>> enforce(two, graph, guess, Constraints.of(4, must_link=[(1, 2)], cannot_link=[(0, 1)])).clusters.tolist()
        [0, 1, 1, 1]
    """
    cluster = found.clusters.cpu().numpy()
    joined = connected(len(found.representative), cluster[constraints.ties])[cluster]  # (n,)
    in_conflict = np.isin(joined, _conflicts(joined, constraints))  # (n,)
    if len(np.unique(joined)) == len(found.representative) and not in_conflict.any():
        return found

    name = torch.from_numpy(joined)
    if in_conflict.any():
        row = np.flatnonzero(in_conflict)
        tree, piece = pieces(row, found, graph, prediction, constraints)
        name[torch.from_numpy(row)] = len(joined) + torch.from_numpy(tree.tops[piece])
    return _renamed(found, name.to(found.clusters.device), prediction.density, torch.from_numpy(in_conflict))


def enforce_layers(
    layers: Sequence[Decoding], own: Decoding, graph: KnnGraph, prediction: Prediction, constraints: Constraints
) -> list[Decoding]:
    """Nested layers that honour the answers, finest first; the one that `own` was made of becomes `own`.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0], [3], [2]], [[0.9], [0.9], [0.8], [0.8]])
        >>> guess = Prediction(graph.similarity, torch.tensor([0.9, 0.9, 0.8, 0.8]))
        >>> every = torch.arange(4)
        >>> fine = Decoding(every, every, None, every)
        >>> coarse = Decoding(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 2]), None, torch.tensor([4, 4, 5, 5]))
        >>> answers = Constraints.of(4, must_link=[(1, 2)])
        >>> own = enforce(fine, graph, guess, answers)
        >>> [layer.clusters.tolist() for layer in enforce_layers([fine, coarse], own, graph, guess, answers)]
        [[0, 1, 1, 2], [0, 0, 0, 0]]
    """
    place = max(i for i, layer in enumerate(layers) if _same(layer, own))
    out = [own]
    for finer in reversed(layers[:place]):  # what the coarser layer has parted is parted here
        both = finer.clusters * len(out[0].representative) + out[0].clusters
        anew = torch.ones(len(both), dtype=torch.bool)
        out.insert(0, enforce(_renamed(finer, both, prediction.density, anew), graph, prediction, constraints))
    for coarser in layers[place + 1 :]:  # what the finer layer has joined is joined here
        tied = constraints.tied(out[-1].clusters.cpu().numpy())
        out.append(enforce(coarser, graph, prediction, tied))
    return out


def _same(layer: Decoding, own: Decoding) -> bool:
    return layer.node is not None and own.node is not None and torch.equal(layer.node, own.node)


def _conflicts(joined: Rows, constraints: Constraints) -> Rows:
    """The joined clusters that hold what must stay apart."""
    first, second = joined[constraints.cannot_link].T
    low = np.full(len(joined), np.iinfo(np.int64).max)
    high = np.full(len(joined), -1)
    np.minimum.at(low, joined[constraints.row], constraints.label)
    np.maximum.at(high, joined[constraints.row], constraints.label)
    return np.concatenate([first[first == second], np.flatnonzero(low < high)])


def pieces(
    row: Rows, found: Decoding, graph: KnnGraph, prediction: Prediction, constraints: Constraints
) -> tuple[Dendrogram, Int64[np.ndarray, " rows"]]:
    """Some clusters taken to pieces, groups of tied nodes, and joined again as far as the answers allow.

    Args:
        row: the nodes of these clusters, rising.
        found, graph, prediction, constraints: as for `enforce`.

    Returns: the dendrogram of the pieces, and the piece that each node is part of.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
        >>> one = Decoding(torch.zeros(3, dtype=torch.long), torch.tensor([0]), None)
        >>> guess = Prediction(graph.similarity, torch.zeros(3))
        >>> pieces(np.arange(3), one, graph, guess, Constraints.of(3))[0].larger.tolist()
        [1, 3]
    """
    n = graph.n
    local = np.full(n + 1, -1)  # number of a node among these; the last one for neighbours that do not exist
    local[row] = np.arange(len(row))
    place = torch.from_numpy(row).to(found.clusters.device)
    neighbor = graph.neighbors[place]  # (rows, k)
    inside = (found.clusters[neighbor.clamp(min=0)] == found.clusters[place, None]) & (neighbor >= 0)
    lists = torch.from_numpy(local[torch.where(inside, neighbor, n).cpu().numpy()])
    linkage = (prediction.linkage[place] * inside).cpu()
    edges = Edges.of(KnnGraph(lists, linkage), linkage)

    # Edges of the graph, and one from every node to its cluster's representative, are now those of the pieces.
    _, piece = np.unique(constraints.groups(n)[row], return_inverse=True)  # (rows,)
    of_node = torch.from_numpy(piece)
    representative = torch.from_numpy(local[found.representative[found.clusters[place]].cpu().numpy()])
    faint = torch.tensor([[FAINT, 0.0, 0.0]], dtype=torch.float64).expand(len(row), 3)
    first = of_node[torch.cat([edges.low, representative])]
    second = of_node[torch.cat([edges.high, torch.arange(len(row))])]
    differ = first != second
    low = torch.minimum(first, second)[differ]
    high = torch.maximum(first, second)[differ]
    size = torch.bincount(of_node).double()
    between = Edges(len(size), low, high, torch.cat([edges.sums, faint])[differ])

    classes = np.full(len(size), -1)
    labelled = local[constraints.row] >= 0
    classes[piece[local[constraints.row[labelled]]]] = constraints.label[labelled]
    apart = local[constraints.cannot_link]
    apart = piece[apart[(apart >= 0).all(axis=1)]]
    return constrained_dendrogram(between, size, classes, np.unique(apart.reshape(-1, 2), axis=0)), piece


def _renamed(found: Decoding, name: Tensor, density: Tensor, anew: Tensor) -> Decoding:
    """The decoding with clusters by these names.

    A cluster is represented by the densest of the representatives that it has had, and where its nodes are `anew` [n],
    since it may have none, by its densest node.
    """
    candidate = anew.to(name.device).clone()
    candidate[found.representative] = True
    clusters, representative, head = by_densest(name, torch.where(candidate, density, -torch.inf))
    every = torch.arange(len(name), device=name.device)
    parent = found.parent
    if parent is not None:  # a node whose link is cut is linked to its cluster's representative
        root = (clusters[parent] != clusters) | (parent == every)
        parent = torch.where(root | (every == head), head, parent)
    return Decoding(clusters, representative, parent, found.node, found.quality)


def _checked_pairs(pairs: Any, n: int, name: str) -> Pairs:
    if pairs is None:
        return np.empty((0, 2), np.int64)
    array = pairs.detach().cpu().numpy() if isinstance(pairs, Tensor) else np.asarray(pairs)
    if array.size == 0:
        return np.empty((0, 2), np.int64)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected pairs of row numbers [m, 2], got shape {array.shape} of {array.dtype}")
    if array.min() < 0 or array.max() >= n:
        wrong = array[((array < 0) | (array >= n)).any(axis=1)][0]
        raise ValueError(f"{name}: expected rows 0 to {n - 1}, got the pair ({wrong[0]}, {wrong[1]})")
    array = np.sort(array.astype(np.int64), axis=1)
    if (itself := array[array[:, 0] == array[:, 1], 0]).size:
        raise ValueError(f"{name}: expected pairs of two rows, got row {itself[0]} with itself")
    return np.unique(array, axis=0)


def _contradiction(name: str, why: Sequence[Why], count: int, pairs: Any) -> Contradiction:
    """Of so many that cannot be true, those that are shown, with the pairs that they come from."""
    said = "; ".join(words for words, _ in why)
    known = [*pairs, *(pair for _, chain in why for pair in chain)]
    return Contradiction(f"{name}: {said}{_and_more(count)}; take one of these answers back", known)


def _and_more(count: int) -> str:
    return f" and {count - SHOWN} more" if count > SHOWN else ""
