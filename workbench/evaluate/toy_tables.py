"""A clustering as a small table "true class x found cluster": its scores, and in words why they disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from .._core.validation import check_choice
from .scores import Contingency, scores_of

LARGEST = 6  # classes and clusters of a table: more cells than 36 are a burden to read and to edit by hand
MOST = 1_000_000_000  # items of a cell
CLASS_NAMES = "ABCDEF"
_SIDES = ("precision", "recall")
AGREE = 0.02  # pairwise and BCubed F closer than this count as agreeing: about where two digits look alike

PRESETS: dict[str, tuple[tuple[int, ...], ...]] = {
    "almost right": ((5, 1), (1, 5)),
    "one giant cluster": ((12,), (4,), (4,), (2,)),
    "all singletons": ((1, 1, 1, 0, 0, 0), (0, 0, 0, 1, 1, 1)),
    "one class split": ((6, 6, 0, 0), (0, 0, 6, 0), (0, 0, 0, 6)),
    "two classes merged": ((8, 0, 0), (8, 0, 0), (0, 8, 0), (0, 0, 8)),
    "many tiny classes": ((30, 0, 0), (0, 2, 0), (0, 2, 0), (0, 2, 0), (0, 0, 2), (0, 0, 2)),
    "NMI's blind spot": tuple(tuple(int(j in (i, (i + 1) % LARGEST)) for j in range(LARGEST)) for i in range(LARGEST)),
}


def check_table(table: Any, name: str = "table") -> Int64[np.ndarray, "r c"]:
    """Counts [classes, clusters] of up to 6 x 6, each up to a billion.

    Raises:
        ValueError: another shape, numbers that are not whole, below 0 or above a billion.

    Example:
        >>> check_table([[5, 1], [1, 5]]).sum()
        np.int64(12)
    """
    expected = f"{name}: expected whole numbers >= 0 in 1 to {LARGEST} rows (classes) of 1 to {LARGEST} (clusters)"
    try:
        array = np.asarray(table)
    except ValueError as error:
        raise ValueError(f"{expected}, got rows of unequal length") from error
    if array.ndim != 2 or not all(1 <= length <= LARGEST for length in array.shape):
        raise ValueError(f"{expected}, got shape {array.shape}")
    if array.dtype.kind not in "iu" or (array < 0).any():
        raise ValueError(f"{expected}, got {array.tolist()}")
    if (array > MOST).any():
        raise ValueError(f"{expected}, each up to {MOST:,}, got {array.max()}")
    return array.astype(np.int64)


def items_of(table: Int64[np.ndarray, "r c"]) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """The items a table counts: class and cluster of each, class by class.

    Example:
        >>> [labels.tolist() for labels in items_of(check_table([[2, 1], [0, 1]]))]
        [[0, 0, 0, 1], [0, 0, 1, 1]]
    """
    row, col = np.nonzero(table)
    return np.repeat(row, table[row, col]), np.repeat(col, table[row, col])


def table_scores(table: Any) -> dict[str, float | int]:
    """`scores` of a table of counts; a cell of a billion takes no longer than one of 2.

    Raises:
        ValueError: see `check_table`; also a table without any item.

    Example:
        >>> round(table_scores(PRESETS["NMI's blind spot"])["nmi"], 2), table_scores(PRESETS["NMI's blind spot"])["ari"]
        (0.61, -0.1)
    """
    counts = check_table(table)
    if not counts.any():
        raise ValueError("table: expected at least one item, got zeros only; put a number into a cell")
    counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]  # a class or cluster without an item is none
    rows, cols = np.nonzero(counts)
    return scores_of(Contingency(rows, cols, counts[rows, cols], counts.sum(axis=1), counts.sum(axis=0), n_noise=0))


@dataclass(frozen=True)
class Share:
    """One cluster's part in precision, or one class's in recall.

    Attributes:
        group: number of the cluster or class.
        items: its share of all items: what it counts in BCubed.
        pairs: its share of all pairs within such groups: what it counts in the pairwise score.
        right: share of its own pairs that are right; 1 where it has none.
        right_items: the same for the mean item, which counts itself: its part of the BCubed score.
    """

    group: int
    items: float
    pairs: float
    right: float
    right_items: float

    @property
    def by_weight(self) -> float:
        """What it adds to pairwise less BCubed score because pairs weigh it otherwise than items do."""
        return (self.pairs - self.items) * self.right_items

    @property
    def by_itself(self) -> float:
        """What it adds because BCubed counts every item with itself; never above 0."""
        return self.pairs * (self.right - self.right_items)


def shares(table: Any, side: str) -> list[Share]:
    """The part of every cluster (that has an item) in precision, or of every class in recall.

    Formula: pairwise precision = sum_j pairs_j right_j with pairs_j = n_j (n_j - 1) / sum_l n_l (n_l - 1) and right_j =
    sum_i n_ij (n_ij - 1) / n_j (n_j - 1); BCubed precision = sum_j items_j right_items_j with items_j = n_j / N and
    right_items_j = sum_i n_ij^2 / n_j^2. Recall: the same over the classes. Where no group has a pair, all pairs_j = 0.

    Args:
        table: counts [classes, clusters].
        side: "precision" or "recall".

    Example:
        >>> [round(share.pairs, 3) for share in shares([[5, 0], [0, 2]], "recall")]
        [0.909, 0.091]
    """
    counts = check_table(table).astype(np.float64)
    if check_choice(side, "side", _SIDES) == "precision":
        counts = counts.T

    sizes = counts.sum(axis=1)  # (groups,)
    pairs = sizes * (sizes - 1)  # ordered pairs, twice as many as unordered ones: only their ratios are used
    right = (counts * (counts - 1)).sum(axis=1)
    squares = (counts**2).sum(axis=1)

    return [
        Share(
            group=int(g),
            items=float(sizes[g] / sizes.sum()),
            pairs=float(pairs[g] / max(pairs.sum(), 1)),
            right=float(right[g] / pairs[g]) if pairs[g] else 1.0,
            right_items=float(squares[g] / sizes[g] ** 2),
        )
        for g in np.flatnonzero(sizes)
    ]


def disagreement(table: Any) -> str:
    """Why pairwise and BCubed F of this table differ, and the class or cluster that contributes most, in words.

    Formula: pairwise - BCubed = sum (pairs - items) right_items + sum pairs (right - right_items), over clusters for
    precision or classes for recall: unequal weights, and items that BCubed counts with themselves. The text names the
    side and the term that pull F the way it differs, and the group that adds most to that term.

    Example:
        >>> disagreement([[5], [1]])[:55]
        'Pairwise F 0.80 and BCubed F 0.84 differ in precision ('
    """
    row = table_scores(table)
    both = f"Pairwise F {row['pairwise_f']:.2f} and BCubed F {row['bcubed_f']:.2f}"
    difference = row["pairwise_f"] - row["bcubed_f"]
    if abs(difference) < AGREE:
        return f"{both} agree on this table."

    way = 1 if difference > 0 else -1
    side = max(_SIDES, key=lambda s: way * (row[f"pairwise_{s}"] - row[f"bcubed_{s}"]))
    parts = shares(table, side)
    where = f"{both} differ in {side} ({row[f'pairwise_{side}']:.2f} and {row[f'bcubed_{side}']:.2f})."

    weights = sum(p.by_weight for p in parts)
    itself = sum(p.by_itself for p in parts)
    reason = _weight_reason if way * weights >= way * itself else _itself_reason
    return f"{where} {reason(parts, side)}"


def _weight_reason(parts: list[Share], side: str) -> str:
    most = max(parts, key=lambda part: part.pairs - part.items)
    what = "pairs put together" if side == "precision" else "pairs that belong together"
    return (
        f"Pairs grow with the square of the size: {_name(most, side)} holds {most.pairs:.0%} of the {what} but only "
        f"{most.items:.0%} of the items, and {most.right:.0%} of its pairs are right. In BCubed every item counts "
        "alike."
    )


def _itself_reason(parts: list[Share], side: str) -> str:
    most = min(parts, key=lambda part: part.by_itself)
    return (
        f"BCubed counts every item with itself, pairs do not: in {_name(most, side)} ({most.items:.0%} of the items) "
        f"{most.right:.0%} of the pairs are right, for the mean item {most.right_items:.0%}."
    )


def _name(share: Share, side: str) -> str:
    return f"cluster {share.group + 1}" if side == "precision" else f"class {CLASS_NAMES[share.group]}"
