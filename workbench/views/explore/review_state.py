"""What the review explorer knows, without widgets: the clusters in order, the question, what was done, the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int64

from ..._core.files import atomic_path
from ...cluster.corrections import Corrections
from ...cluster.hilander import HiLander

Rows = Int64[np.ndarray, " _"]


class Review:
    """A clustering under review. Every step is saved at once, if there is a file.

    Args:
        model: fitted; it is changed.
        path: of the corrections; those that a file holds are taken over first.

    Raises:
        ValueError: the file holds corrections of other data.

    Example:
        >>> review = Review(HiLander().fit(np.eye(4)[[0, 0, 1, 1, 2, 3]]))
        >>> review.counts()
        '4 clusters of 6 rows; 0 confirmed (0 rows), 0 corrections'
    """

    def __init__(self, model: HiLander, path: str | Path | None = None) -> None:
        self.model = model
        self.path = None if path is None else Path(path)
        self._passed: set[tuple[int, int]] = set()
        if self.path is not None and self.path.exists():
            model.correct(Corrections.load(self.path))
        self._ask()

    def order(self) -> Rows:
        """The clusters, those to doubt first; confirmed ones last."""
        cluster = self.model.clusters_["cluster"].to_numpy()
        confirmed = np.isin(cluster, list(self.model.confirmed_))
        return np.concatenate([cluster[~confirmed], cluster[confirmed]]).astype(np.int64)

    def members(self, cluster: int) -> Rows:
        """The rows of a cluster, the one that stands for it first, then those to doubt."""
        rows = np.flatnonzero(self.model.labels_ == cluster)
        peak = int(self.model.hierarchy_.levels[-1].peaks[cluster])
        rest = rows[rows != peak]
        return np.concatenate([[peak], rest[np.argsort(self.model.confidence_[rest], kind="stable")]]).astype(np.int64)

    def answer(self, same: bool | None) -> str:
        """Answer the question that is shown; None: not sure, it is not asked again."""
        if self.question is None:
            return "No question is open."
        a, b = self.question
        if same is None:
            self._passed.add((a, b))
            self._ask()
            return f"Not sure about rows {a} and {b}."
        self.model.answer(a, b, same=same)
        return self._done(f"Rows {a} and {b} are {'one class' if same else 'two classes'}.")

    def merge(self, clusters: list[int]) -> str:
        """Make one cluster of several."""
        rows = [int(self.model.hierarchy_.levels[-1].peaks[cluster]) for cluster in clusters]
        for row in rows[1:]:
            self.model.merge(self.model.labels_[rows[0]], self.model.labels_[row])
        return self._done(f"{len(clusters)} clusters are one.")

    def split(self, cluster: int, rows: list[int]) -> str:
        """Take the selected rows of a cluster out of it; without any it is parted where linkage is weakest."""
        chosen = [row for row in rows if self.model.labels_[row] == cluster]
        self.model.split(cluster, chosen or None)
        return self._done(f"Cluster {cluster} is parted.")

    def move(self, rows: list[int], cluster: int) -> str:
        """Take rows into a cluster."""
        self.model.move([row for row in rows if self.model.labels_[row] != cluster], cluster)
        return self._done(f"{len(rows)} rows are moved.")

    def confirm(self, cluster: int) -> str:
        """A cluster is right."""
        self.model.confirm(cluster)
        return self._done(f"Cluster {cluster} is confirmed.")

    def name(self, cluster: int, name: str) -> str:
        """Name a cluster."""
        self.model.name(cluster, name)
        return self._done(f"Cluster {cluster} is called {name}.")

    def undo(self) -> str:
        """Take the last step back."""
        action = self.model.corrections_.steps[-1].action if len(self.model.corrections_) else ""
        self.model.undo()
        return self._done(f"Undone: {action}.")

    def counts(self) -> str:
        """How far the review is."""
        confirmed = self.model.confirmed_
        rows = int(np.isin(self.model.labels_, list(confirmed)).sum())
        return (
            f"{self.model.n_clusters_:,} clusters of {len(self.model.labels_):,} rows; {len(confirmed):,} confirmed "
            f"({rows:,} rows), {len(self.model.corrections_):,} corrections"
        )

    def table(self, ids: Any = None) -> pd.DataFrame:
        """A row per item: row, id, cluster, name, confirmed."""
        labels = self.model.labels_
        columns = {"row": np.arange(len(labels)), "cluster": labels}
        table = pd.DataFrame(columns if ids is None else {"id": list(ids), **columns})
        names = self.model.names_
        table["name"] = [names.get(int(cluster), "") for cluster in labels]
        table["confirmed"] = table["cluster"].isin(self.model.confirmed_)
        return table

    def export(self, path: str | Path, ids: Any = None) -> None:
        """Write `table` to a .csv or .parquet file, whole or not at all.

        Raises:
            ValueError: another suffix.
        """
        suffix = Path(path).suffix
        if suffix not in (".csv", ".parquet"):
            raise ValueError(f"path: expected a .csv or a .parquet file, got {path}")
        with atomic_path(path) as part:
            if suffix == ".csv":
                self.table(ids).to_csv(part, index=False)
            else:
                self.table(ids).to_parquet(part, index=False)

    def _done(self, said: str) -> str:
        if self.path is not None:
            self.model.corrections_.save(self.path)
        self._ask()
        elsewhere = self.model.changes_
        others = int(elsewhere.loc[~elsewhere["asked"], "before"].nunique()) if len(elsewhere) else 0
        return said if not others else f"{said} {others} other clusters changed: see model.changes_."

    def _ask(self) -> None:
        """The next question, as two rows; None: nothing is worth asking."""
        asked = self.model.questions(len(self._passed) + 1)
        pairs = [(int(a), int(b)) for a, b in asked[["first", "second"]].to_numpy()]
        self.question: tuple[int, int] | None = next((pair for pair in pairs if pair not in self._passed), None)
