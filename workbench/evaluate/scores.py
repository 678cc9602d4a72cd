"""How good is a clustering? Every score comes from one sparse contingency table of true classes and found clusters.

```
labels_true [N], labels_pred [N] -> contingency -> pairwise, bcubed, nmi, ami, ari -> scores (one row)
```
Conventions, the same for every score:

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
from jaxtyping import Int64

from .._core.validation import check_labels
from .expected_mi import expected_information


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
    true = check_labels(labels_true, name="labels_true")
    pred = check_labels(labels_pred, n=len(true), name="labels_pred")
    if not len(true):
        raise ValueError("labels_true: expected at least one item, got none")
    true, row_sizes = _number(true)
    found = pred != -1
    n_noise = len(pred) - int(found.sum())
    pred = pred.copy()
    pred[found], found_sizes = _number(pred[found])
    pred[~found] = len(found_sizes) + np.arange(n_noise)
    col_sizes = np.concatenate([found_sizes, np.ones(n_noise, dtype=np.int64)])
    key = np.sort(true * len(col_sizes) + pred)
    first = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    rows, cols = np.divmod(key[first], len(col_sizes))
    return Contingency(rows, cols, np.diff(first, append=len(key)), row_sizes, col_sizes, n_noise)


def _number(labels: Int64[np.ndarray, " n"]) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " c"]]:
    """Labels renumbered 0 .. C-1, and the size of each; by counting where their range allows, else by sorting."""
    if not len(labels) or int(labels.max()) - int(labels.min()) > 4 * len(labels) + 1024:
        _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        return codes.astype(np.int64), sizes.astype(np.int64)
    shifted = labels - labels.min()
    sizes = np.bincount(shifted)
    present = sizes > 0
    return (np.cumsum(present) - 1)[shifted], sizes[present]


def pairwise(table: Contingency) -> PRF:
    """Pairs of items: how many of the pairs put together belong together (precision), and the other way round (recall).

    Formula: with pairs(n) = n (n - 1) / 2 and T = sum of pairs over cells, precision = T / sum of pairs over clusters,
    recall = T / sum of pairs over classes; 0 / 0 = 1.

    Example:
        >>> pairwise(contingency([0, 0, 1, 1], [0, 0, 0, 1]))
        PRF(precision=0.3333333333333333, recall=0.5, f=0.4)

    Source: Hi-LANDER, evaluation metrics (F_P).
    """
    together, predicted, true = (_pairs(sizes) for sizes in (table.counts, table.col_sizes, table.row_sizes))
    return _prf(together / predicted if predicted else 1.0, together / true if true else 1.0)


def bcubed(table: Contingency) -> PRF:
    """For the mean item: which share of its cluster is of its class (precision), of its class in its cluster (recall).

    Formula: precision = 1/N sum over cells n_ij^2 / cluster size_j, recall = 1/N sum n_ij^2 / class size_i.

    Example:
        >>> bcubed(contingency([0, 0, 1, 1], [0, 0, 1, 2]))
        PRF(precision=1.0, recall=0.75, f=0.8571428571428571)

    Source: Hi-LANDER, evaluation metrics (F_B); Amigo et al. 2009, doi 10.1007/s10791-008-9066-8.
    """
    if table.perfect:
        return PRF(1.0, 1.0, 1.0)
    squares = table.counts.astype(np.float64) ** 2
    by_cluster, by_class = table.col_sizes[table.cols], table.row_sizes[table.rows]
    return _prf(float((squares / by_cluster).sum() / table.n_items), float((squares / by_class).sum() / table.n_items))


def _pairs(sizes: Int64[np.ndarray, " c"]) -> int:
    """Number of pairs inside groups of these sizes: exact, below 2^63 for up to 3 billion items."""
    return int((sizes * (sizes - 1) // 2).sum())


def _prf(precision: float, recall: float) -> PRF:
    total = precision + recall
    return PRF(precision, recall, 2 * precision * recall / total if total else 0.0)


def _information(table: Contingency) -> tuple[float, float]:
    """Mutual information H(classes) + H(clusters) - H(cells) and mean (H(classes) + H(clusters)) / 2, in nats."""
    n = table.n_items
    classes, clusters, cells = (
        float(np.log(n) - (sizes * np.log(sizes)).sum() / n)
        for sizes in (table.row_sizes, table.col_sizes, table.counts)
    )
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
    cells, classes, clusters = (_pairs(sizes) for sizes in (table.counts, table.row_sizes, table.col_sizes))
    total = table.n_items * (table.n_items - 1) // 2
    # Python integers, of any length: A B passes 2^63 already at a hundred thousand items
    return 2 * (total * cells - classes * clusters) / (total * (classes + clusters) - 2 * classes * clusters)


def scores(labels_true: Any, labels_pred: Any) -> dict[str, float | int]:
    """All scores of one clustering as a row: pairwise and BCubed precision, recall, F; NMI, AMI, ARI; two counts.

    Args:
        labels_true: class of each item, integers [N].
        labels_pred: cluster of each item, integers [N]; -1 = noise, scored as singletons and counted in `n_noise`.

    Returns: `pairwise_precision, pairwise_recall, pairwise_f, bcubed_precision, bcubed_recall, bcubed_f, nmi, ami, ari`
        (floats, 1 is best), then `n_clusters, n_noise` (integers).

    Raises:
        ValueError: no items, not integers, or two lengths.

    Example:
        >>> row = scores([0, 0, 1, 1], [7, 7, 3, 3])
        >>> row["bcubed_f"], row["ari"], row["n_clusters"]
        (1.0, 1.0, 2)
    """
    table = contingency(labels_true, labels_pred)
    pairs, items = pairwise(table)._asdict(), bcubed(table)._asdict()
    return {
        **{f"pairwise_{name}": value for name, value in pairs.items()},
        **{f"bcubed_{name}": value for name, value in items.items()},
        "nmi": nmi(table),
        "ami": ami(table),
        "ari": ari(table),
        "n_clusters": table.n_clusters,
        "n_noise": table.n_noise,
    }
