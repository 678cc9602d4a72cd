"""What the error explorer knows: both tables of mistakes, and its sentences; no widgets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from ..._core.validation import check_int
from ...cluster.levels import Hierarchy
from ...evaluate.errors import false_merges, false_splits, links_between, sides
from ...evaluate.link_decisions import WHY, read_rule
from .link_panes import Names

KINDS = {"merges": "False merges", "splits": "False splits"}
Row = dict[str, Any]  # of a table of mistakes
Images = Int[np.ndarray, " _"]  # numbers of images


class Mistakes:
    """The false merges and the costliest false splits of a clustering.

    Args:
        hierarchy: of the tree decode.
        names: of images and classes, with the true labels.
        n: mistakes listed.
        tau: of the hierarchy; None: read off its links.

    Attributes:
        tables: kind -> all mistakes that were looked for, the costliest first.
        listed: kind -> the first `n` of them.
        rule: by which links are kept.
    """

    def __init__(self, hierarchy: Hierarchy, names: Names, *, n: int = 200, tau: float | None = None) -> None:
        self.names = names
        self.rule = read_rule(hierarchy.levels, tau)
        self._hierarchy = hierarchy
        splits = false_splits(hierarchy, names.labels, n=check_int(n, "n"), tau=self.rule.tau)
        self.tables = {"merges": false_merges(hierarchy, names.labels), "splits": splits}
        self.listed: dict[str, list[Row]] = {kind: _rows(table.head(n)) for kind, table in self.tables.items()}
        self._history = links_between(hierarchy, splits, self.rule)

    def named(self, kind: str) -> pd.DataFrame:
        """The whole table of a kind, with the names of images and classes."""
        table = self.tables[kind].copy()
        for end in ("child", "parent"):
            table[f"{end}_name"] = [self.names.image(i) if i >= 0 else "" for i in table[f"{end}_image"]]
        if "label" in table:
            table["class_name"] = [self.names.label(c) for c in table["label"]]
        return table

    def line(self, kind: str, row: Row) -> str:
        """A mistake in one line."""
        lost = f"F lost {row['f_gain']:.4f}"
        if kind == "merges":
            ends = " → ".join(self._class_of(row[f"{end}_image"]) for end in ("child", "parent"))
            return f"{lost}   {row['false_pairs']:,} false pairs   level {row['level']}   {ends}"
        parts = f"{row['images_a']:,} + {row['images_b']:,} images of {self.names.label(row['label'])}"
        return f"{lost}   {row['pairs_missed']:,} pairs missed   {parts}"

    def _class_of(self, image: int) -> str:
        assert self.names.labels is not None  # mistakes are counted from them
        return self.names.label(int(self.names.labels[image]))

    def status(self, kind: str, number: int) -> str:
        """Which of how many is shown, in a sentence; `number` from 1."""
        found = len(self.tables[kind])
        if not found:
            return f"{KINDS[kind]}: none."
        shown = len(self.listed[kind])
        listed = "all listed" if shown == found else f"the {shown:,} costliest listed, all in .table"
        of = f"{found:,} found" if kind == "merges" else f"the {found:,} costliest looked for"
        return f"{KINDS[kind]}: number {number} of {of}, {listed}."

    def of_merge(self, row: Row) -> tuple[Images, Images]:
        """The images below the link of a false merge, and the rest of the cluster that it made."""
        return sides(self._hierarchy, row["level"], row["child"])

    def of_split(self, row: Row) -> tuple[Images, Images]:
        """The images of the two clusters of a false split."""
        last = self._hierarchy.levels[-1]
        first, second = (last.members(row[f"cluster_{x}"]).cpu().numpy() for x in "ab")
        return first, second

    def history(self, row: Row) -> pd.DataFrame:
        """The candidate links between the two clusters of a false split, level by level."""
        of = (self._history["cluster_a"] == row["cluster_a"]) & (self._history["cluster_b"] == row["cluster_b"])
        return self._history[of]


def _rows(table: pd.DataFrame) -> list[Row]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def why_kept(row: Row) -> str:
    """Why the link of a false merge was kept: it had the highest linkage, or joins duplicates without any.

    Example:
        >>> why_kept({"linkage": 0.9}) == WHY[0]
        True
    """
    return WHY[1] if np.isnan(row["linkage"]) else WHY[0]
