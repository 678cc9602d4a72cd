"""How good is a clustering? Every score comes from one sparse contingency table of true classes and found clusters.

labels_true [N], labels_pred [N] -> contingency -> pairwise, bcubed, nmi, ami, ari -> scores (one row). For every score:

- a predicted -1 (noise of a density-based baseline) is a cluster of one item; `n_noise` counts them, `n_clusters` does
  not. In the truth -1 is a class like any other;
- a precision or recall over no pair at all is 1 (nothing was claimed, so nothing claimed is wrong): all singletons
  predicted for all-singleton truth score 1 everywhere. F is 0 where precision and recall are both 0;
- equal partitions score exactly 1, also where NMI, AMI or ARI would be 0 / 0 (one cluster; all singletons).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from .._core.validation import check_labels
from ._numbering import number
from .expected_mi import expected_information

FIGURES = ("pairwise_f", "bcubed_f", "item_f")  # what is reported everywhere; settings are chosen by their mean


@dataclass(frozen=True)
class Contingency:
    """The non-zero cells of the table "true class x found cluster": `counts[m]` items are in `rows[m]`, `cols[m]`.

    Shapes: rows, cols, counts [M], sorted by row, then column; row_sizes [R], the items of each class; col_sizes [C],
    the items of each cluster, every noise item being one.
    """

    rows: Int64[np.ndarray, " cells"]
    cols: Int64[np.ndarray, " cells"]
    counts: Int64[np.ndarray, " cells"]
    row_sizes: Int64[np.ndarray, " classes"]
    col_sizes: Int64[np.ndarray, " clusters"]
    n_noise: int

    @property
    def n_items(self) -> int:
        """N, the number of items."""
        return int(self.row_sizes.sum())

    @property
    def n_clusters(self) -> int:
        """Found clusters, without the singletons made of noise."""
        return len(self.col_sizes) - self.n_noise

    @property
    def perfect(self) -> bool:
        """Whether both partitions are the same: each class meets one cluster and each cluster one class."""
        return len(self.counts) == len(self.row_sizes) == len(self.col_sizes)


class PRF(NamedTuple):
    """Precision, recall and their harmonic mean, each in [0, 1]."""

    precision: float
    recall: float
    f: float


def contingency(labels_true: Any, labels_pred: Any) -> Contingency:
    """Count how many items of each true class lie in each found cluster.

    Both labelings are numbered 0, 1, ...; a cell's key is class * C + cluster, and one sort of the keys counts the
    cells: O(N log N) time and a few arrays of N numbers, however many classes and clusters there are.

    Args:
        labels_true: class of each item, integers [N].
        labels_pred: cluster of each item, integers [N]; -1 = noise, a cluster of its own.

    Raises:
        ValueError: no items, not integers, or two lengths.

    Example:
        >>> table = contingency([0, 0, 1, 1], [5, 5, 5, -1])
        >>> table.counts.tolist(), table.row_sizes.tolist(), table.col_sizes.tolist(), table.n_noise
        ([2, 1, 1], [2, 2], [3, 1], 1)
    """
    items = _Items.of(labels_true, labels_pred)
    key = np.sort(items.cells)

    first = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))  # where a new cell begins
    counts = np.diff(first, append=len(key))
    rows, cols = np.divmod(key[first], len(items.col_sizes))
    return Contingency(rows, cols, counts, items.row_sizes, items.col_sizes, items.n_noise)


@dataclass(frozen=True)
class _Items:
    """Both labelings numbered without gaps: the row and column of the table that each item is in."""

    row: Int64[np.ndarray, " n"]
    col: Int64[np.ndarray, " n"]
    row_sizes: Int64[np.ndarray, " classes"]
    col_sizes: Int64[np.ndarray, " clusters"]
    n_noise: int

    @staticmethod
    def of(labels_true: Any, labels_pred: Any) -> _Items:
        """Checked labels, every noise item a cluster of its own after the found ones."""
        true = check_labels(labels_true, name="labels_true")
        pred = check_labels(labels_pred, n=len(true), name="labels_pred")
        if not len(true):
            raise ValueError("labels_true: expected at least one item, got none")

        row, row_sizes = number(true)
        found = pred != -1
        n_noise = len(pred) - int(found.sum())

        col = pred.copy()
        col[found], found_sizes = number(pred[found])
        col[~found] = len(found_sizes) + np.arange(n_noise)
        col_sizes = np.concatenate([found_sizes, np.ones(n_noise, dtype=np.int64)])
        return _Items(row, col, row_sizes, col_sizes, n_noise)

    @property
    def cells(self) -> Int64[np.ndarray, " n"]:
        """One number for each item's cell: class * number of clusters + cluster."""
        cell: Int64[np.ndarray, " n"] = self.row * len(self.col_sizes) + self.col
        return cell


def pairwise(table: Contingency) -> PRF:
    """Pairs of items: how many of the pairs put together belong together (precision), and the other way round (recall).

    Formula: with pairs(n) = n (n - 1) / 2 and T = sum of pairs over cells, precision = T / sum of pairs over clusters,
    recall = T / sum of pairs over classes; 0 / 0 = 1.

    Example:
        >>> pairwise(contingency([0, 0, 1, 1], [0, 0, 0, 1]))
        PRF(precision=0.3333333333333333, recall=0.5, f=0.4)

    Source: Hi-LANDER, evaluation metrics (F_P).
    """
    together = pairs_within(table.counts)
    predicted = pairs_within(table.col_sizes)
    true = pairs_within(table.row_sizes)
    return _prf(together / predicted if predicted else 1.0, together / true if true else 1.0)


def bcubed(table: Contingency) -> PRF:
    """The mean over items of `bcubed_items`: each item's precision and recall, itself counted.

    Formula: precision = 1/N sum over cells n_ij^2 / cluster size_j, recall = 1/N sum n_ij^2 / class size_i.

    Example:
        >>> bcubed(contingency([0, 0, 1, 1], [0, 0, 1, 2]))
        PRF(precision=1.0, recall=0.75, f=0.8571428571428571)

    Source: Hi-LANDER, evaluation metrics (F_B); Amigo et al. 2009, doi 10.1007/s10791-008-9066-8.
    """
    if table.perfect:
        return PRF(1.0, 1.0, 1.0)
    squares = table.counts.astype(np.float64) ** 2
    precision = (squares / table.col_sizes[table.cols]).sum() / table.n_items
    recall = (squares / table.row_sizes[table.rows]).sum() / table.n_items
    return _prf(float(precision), float(recall))


def item_f(table: Contingency) -> float:
    """The mean over items of the F of their own precision and recall; half alone, half in one heap do not do well.

    Formula: 1/N sum over items of 2 p r / (p + r) = 1/N sum over cells of 2 n_ij^2 / (class size_i + cluster size_j).

    Example:
        >>> table = contingency([0, 1, 2, 3, 0, 1, 2, 3], [0, 1, 2, 3, 4, 4, 4, 4])
        >>> round(bcubed(table).f, 3), round(item_f(table), 3)
        (0.556, 0.5)
    """
    if table.perfect:
        return 1.0
    squares = table.counts.astype(np.float64) ** 2
    sizes = table.row_sizes[table.rows] + table.col_sizes[table.cols]
    return float(2 * (squares / sizes).sum() / table.n_items)


def bcubed_items(labels_true: Any, labels_pred: Any) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """BCubed precision and recall of every item; their means are `bcubed`'s.

    Formula: an item of class i in cluster j has precision n_ij / cluster size_j and recall n_ij / class size_i, with
    n_ij the items that share both with it, itself included: neither is ever 0.

    Args:
        labels_true: class of each item, integers [N].
        labels_pred: cluster of each item, integers [N]; -1 = noise, a cluster of its own.

    Returns: precision [N] and recall [N], in the order of the items.

    Raises:
        ValueError: no items, not integers, or two lengths.

    Example:
        >>> precision, recall = bcubed_items([0, 0, 1, 1], [0, 0, 0, 1])
        >>> precision.round(2).tolist(), recall.tolist()
        ([0.67, 0.67, 0.33, 1.0], [1.0, 1.0, 0.5, 0.5])
    """
    items = _Items.of(labels_true, labels_pred)
    _, cell, counts = np.unique(items.cells, return_inverse=True, return_counts=True)
    shared = counts[cell]  # (n,)
    return shared / items.col_sizes[items.col], shared / items.row_sizes[items.row]


def pairs_within(sizes: Int64[np.ndarray, " c"]) -> int:
    """Number of pairs inside groups of these sizes: exact, however many items there are.

    Formula: sum over groups of n (n - 1) / 2.

    Example:
        >>> pairs_within(np.array([4, 2, 1]))
        7
    """
    if int(sizes.sum()) > 3_000_000_000:
        sizes = sizes.astype(object)  # Python integers: the square of one size may pass 2^63
    return int((sizes * (sizes - 1) // 2).sum())


def harmonic_mean(precision: float, recall: float) -> float:
    """F of a precision and a recall; 0 where both are 0.

    Formula: F = 2 P R / (P + R).

    Example:
        >>> harmonic_mean(0.5, 1.0), harmonic_mean(0.0, 0.0)
        (0.6666666666666666, 0.0)
    """
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def _prf(precision: float, recall: float) -> PRF:
    return PRF(precision, recall, harmonic_mean(precision, recall))


def _information(table: Contingency) -> tuple[float, float]:
    """Mutual information H(classes) + H(clusters) - H(cells) and mean (H(classes) + H(clusters)) / 2, in nats."""

    def entropy(sizes: Int64[np.ndarray, " groups"]) -> float:
        return float(np.log(table.n_items) - (sizes * np.log(sizes)).sum() / table.n_items)

    classes = entropy(table.row_sizes)
    clusters = entropy(table.col_sizes)
    cells = entropy(table.counts)

    # Rounding may take the difference of three entropies a little below 0, which no mutual information is.
    return max(classes + clusters - cells, 0.0), (classes + clusters) / 2


def nmi(table: Contingency) -> float:
    """Normalised mutual information I / mean(H(classes), H(clusters)), in [0, 1].

    It grows with the number of clusters even where they mean nothing: read it beside `ami`.

    Example:
        >>> round(nmi(contingency([0, 0, 1, 1], [0, 0, 1, 2])), 4)
        0.8

    Source: Strehl & Ghosh 2002; arithmetic mean, as scikit-learn's default.
    """
    if table.perfect:
        return 1.0
    information, mean = _information(table)
    return min(information / mean, 1.0)


def ami(table: Contingency) -> float:
    """Mutual information adjusted for chance: 0 = chance, 1 = equal.

    Formula: (I - E[I]) / (mean(H(classes), H(clusters)) - E[I]); E[I] is `expected_information` of the sizes.

    Example:
        >>> round(ami(contingency([0, 0, 1, 1], [0, 0, 1, 2])), 4)
        0.5714

    Source: Vinh, Epps & Bailey 2010, JMLR 11.
    """
    if table.perfect:
        return 1.0
    information, mean = _information(table)
    expected = expected_information(table.row_sizes, table.col_sizes)
    return (information - expected) / (mean - expected)


def ari(table: Contingency) -> float:
    """Rand index adjusted for chance: 0 = chance, 1 = equal, below 0 = worse than chance.

    Formula: (T - A B / P) / ((A + B) / 2 - A B / P) with the pairs T in cells, A in classes, B in clusters, P in all.

    Example:
        >>> round(ari(contingency([0, 0, 1, 1], [0, 0, 1, 2])), 4)
        0.5714

    Source: Hubert & Arabie 1985.
    """
    if table.perfect:
        return 1.0
    cells = pairs_within(table.counts)
    classes = pairs_within(table.row_sizes)
    clusters = pairs_within(table.col_sizes)
    total = table.n_items * (table.n_items - 1) // 2

    # Python integers, of any length: A B passes 2^63 already at a hundred thousand items.
    return 2 * (total * cells - classes * clusters) / (total * (classes + clusters) - 2 * classes * clusters)


def scores(labels_true: Any, labels_pred: Any) -> dict[str, float | int]:
    """All scores of one clustering as a row.

    Args:
        labels_true: class of each item, integers [N]; -1 is a class like any other: leave items of unknown class out.
        labels_pred: cluster of each item, integers [N]; -1 = noise, scored as singletons and counted in `n_noise`.

    Returns: `pairwise_precision, pairwise_recall, pairwise_f, bcubed_precision, bcubed_recall, bcubed_f, item_f, nmi,
        ami, ari` (floats, 1 is best), then `n_clusters, n_noise` (integers).

    Raises:
        ValueError: no items, not integers, or two lengths.

    Example:
        >>> row = scores([0, 0, 1, 1], [7, 7, 3, 3])
        >>> row["bcubed_f"], row["ari"], row["n_clusters"]
        (1.0, 1.0, 2)
    """
    return scores_of(contingency(labels_true, labels_pred))


def scores_of(table: Contingency) -> dict[str, float | int]:
    """`scores` of a table that is counted already.

    Example:
        >>> scores_of(contingency([0, 0, 1, 1], [7, 7, 3, 3]))["item_f"]
        1.0
    """
    return {
        **{f"pairwise_{name}": value for name, value in pairwise(table)._asdict().items()},
        **{f"bcubed_{name}": value for name, value in bcubed(table)._asdict().items()},
        "item_f": item_f(table),
        "nmi": nmi(table),
        "ami": ami(table),
        "ari": ari(table),
        "n_clusters": table.n_clusters,
        "n_noise": table.n_noise,
    }
