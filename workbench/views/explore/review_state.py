"""What the review explorer knows, without widgets: the clusters in order, the question, what was done, the file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int64
from sklearn.utils.validation import check_is_fitted

from ..._core.files import link_groups, naming_file, new_folder, regular_file
from ..._core.tables import write_csv, write_parquet
from ...cluster.correction import Correction
from ...cluster.corrections import Corrections, check_row_ids
from ...cluster.hilander import HiLander
from ..style import counted

Rows = Int64[np.ndarray, " _"]


class Review:
    """A clustering under review. Every step is saved at once, if there is a file.

    Args:
        model: fitted; it is changed.
        path: of the corrections; those that a file holds are taken over first.
        ids: a name per row, for `export`, and for a file of corrections that calls rows by them.
        files: a file per row, for `export`; several rows may be of one.

    Raises:
        ValueError: the file holds corrections of other data; another number of ids or files, an id that is missing or
            that several rows have.

    Example:
        >>> review = Review(HiLander().fit(np.eye(4)[[0, 0, 1, 1, 2, 3]]))
        >>> review.counts()
        '4 clusters of 6 rows; 0 confirmed (0 rows), 0 corrections'
    """

    def __init__(self, model: HiLander, path: str | Path | None = None, *, ids: Any = None, files: Any = None) -> None:
        check_is_fitted(model)
        n = len(model.labels_)
        ids = None if ids is None else check_row_ids(ids)
        for name, given in {"ids": ids, "files": files}.items():
            if given is not None and len(given) != n:
                raise ValueError(f"{name}: expected {n}, one per row, got {len(given)}")
        self.model = model
        self.path = None if path is None else Path(path)
        self._ids = ids
        self._files = files
        # Pairs of which nobody is sure, each with the number of steps before it.
        self._passed: dict[tuple[int, int], int] = {}
        self._kept = self._file()  # as this review knows it
        if self.path is not None and self._kept is not None:
            said = Corrections.load(self.path, ids)
            with naming_file(self.path):
                model.correct(said)
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
            self._passed[a, b] = len(self.model.corrections_)
            self._ask()
            return f"Not sure about rows {a} and {b}."
        said = f"Rows {a} and {b} are {'one class' if same else 'two classes'}."
        return self._step(said, self.model.answer, a, b, same=same)

    def merge(self, cluster: int, rows: list[int]) -> str:
        """Make one cluster of it and those of the selected rows."""
        others = sorted({int(self.model.labels_[row]) for row in rows} - {cluster})
        if not others:
            raise ValueError("rows: expected rows of other clusters, which are merged with this one; select some first")
        return self._step(f"{1 + len(others)} clusters are one.", self.model.merge, cluster, *others)

    def split(self, cluster: int, rows: list[int]) -> str:
        """Take the selected rows of a cluster out of it; without any it is parted where linkage is weakest."""
        chosen = [row for row in rows if self.model.labels_[row] == cluster]
        return self._step(f"Cluster {cluster} is parted.", self.model.split, cluster, chosen or None)

    def move(self, rows: list[int], cluster: int) -> str:
        """Take rows into a cluster."""
        others = [row for row in rows if self.model.labels_[row] != cluster]
        if rows and not others:
            return "They are there."
        return self._step(f"{len(others):,} rows are moved.", self.model.move, others, cluster)

    def label(self, rows: list[int], name: str) -> str:
        """Make one cluster of this name of rows, or put them into the one that has it."""
        return self._step(f"{len(rows):,} rows are {name}.", self.model.label, rows, name)

    def confirm(self, cluster: int) -> str:
        """A cluster is right."""
        return self._step(f"Cluster {cluster} is confirmed.", self.model.confirm, cluster)

    def reopen(self, cluster: int) -> str:
        """Take the last confirmation of a cluster back."""
        steps = self.model.corrections_.steps
        own = [i for i, step in enumerate(steps) if step.action == "confirm" and self._holds(cluster, step)]
        if not own:
            return f"Cluster {cluster} is not confirmed."
        return self._step(f"Cluster {cluster} is open again.", self.model.undo, own[-1])

    def _holds(self, cluster: int, step: Correction) -> bool:
        return bool(self.model.labels_[step.together[0][0]] == cluster)

    def name(self, cluster: int, name: str) -> str:
        """Name a cluster."""
        return self._step(f"Cluster {cluster} is called {name}.", self.model.name, cluster, name)

    def undo(self, step: int | None = None) -> str:
        """Take a step back; None: the last one, or the last "not sure" if that was later."""
        steps = self.model.corrections_.steps
        if isinstance(step, int) and 0 <= step < len(steps):
            said = f"Taken back: {steps[step].action}. Now say again what stood against it."
            return self._step(said, self.model.undo, step)
        last = next(reversed(self._passed), None)
        if step is None and last is not None and self._passed[last] == len(steps):
            del self._passed[last]
            self._ask()
            return "Asked again."
        return self._step(f"Undone: {steps[-1].action if steps else ''}.", self.model.undo, step)

    def counts(self) -> str:
        """How far the review is."""
        confirmed = self.model.confirmed_
        rows = int(np.isin(self.model.labels_, list(confirmed)).sum())
        found = f"{counted(self.model.n_clusters_, 'cluster')} of {counted(len(self.model.labels_), 'row')}"
        done = f"{len(confirmed):,} confirmed ({counted(rows, 'row')})"
        return f"{found}; {done}, {counted(len(self.model.corrections_), 'correction')}"

    def table(self) -> pd.DataFrame:
        """A row per item: id (if there are ids), file (if there are files), row, cluster, name, confirmed."""
        labels = self.model.labels_
        columns: dict[str, Any] = {} if self._ids is None else {"id": self._ids}
        if self._files is not None:
            columns["file"] = list(map(str, self._files))
        table = pd.DataFrame({**columns, "row": np.arange(len(labels)), "cluster": labels})
        names = self.model.names_
        table["name"] = [names.get(int(cluster), "") for cluster in labels]
        table["confirmed"] = table["cluster"].isin(self.model.confirmed_)
        return table

    def export(self, path: str | Path) -> str:
        """Write `table` to a .csv or .parquet file, or to a folder links to the files, a folder per cluster; whole or
        not at all.

        Raises:
            ValueError: another suffix, or no files to link to.
            FileExistsError: the folder is there and holds something.
        """
        suffix = Path(path).suffix
        if not suffix and self._files is not None and str(path):
            with new_folder(path) as part:
                link_groups(part, self._files, self._folders())
            return f"Links written to {path}."
        if suffix not in (".csv", ".parquet"):
            folder = "" if self._files is None else ", or a new folder for links"
            raise ValueError(f"path: expected a .csv or a .parquet file{folder}, got {str(path)!r}")
        if suffix == ".csv":
            write_csv(self.table(), path)
        else:
            write_parquet(self.table(), path)
        return f"Written to {path}."

    def _folders(self) -> list[str]:
        """The folder of each row: its cluster's number, and its name in letters that every disk takes."""
        model = self.model
        width = len(str(model.n_clusters_ - 1))
        name = {cluster: "-" + re.sub(r"[^\w -]+", "_", text)[:60] for cluster, text in model.names_.items()}
        return [f"{cluster:0{width}d}{name.get(int(cluster), '')}" for cluster in model.labels_]

    def _step(self, said: str, change: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
        """Change the model, save, ask anew."""
        if self._file() not in (None, self._kept):
            raise ValueError(
                f"path: {self.path} was changed elsewhere, by another window or program, so nothing is done here; run "
                "the cell of this board again, which takes over what is there"
            )
        change(*args, **kwargs)
        if self.path is not None:
            self.model.corrections_.save(self.path)
            self._kept = self._file()
        self._ask()
        elsewhere = self.model.changes_
        others = int(elsewhere.loc[~elsewhere["asked"], "before"].nunique()) if len(elsewhere) else 0
        return said if not others else f"{said} {others} other clusters changed: see model.changes_."

    def _file(self) -> bytes | None:
        """What the file holds, shortened to a hash; None: there is none."""
        if self.path is None or not self.path.exists():
            return None
        return hashlib.sha256(regular_file(self.path).read_bytes()).digest()

    def _ask(self) -> None:
        """The next question, as two rows; None: nothing is worth asking."""
        asked = self.model.questions(len(self._passed) + 1)
        pairs = [(int(a), int(b)) for a, b in asked[["first", "second"]].to_numpy()]
        self.question: tuple[int, int] | None = next((pair for pair in pairs if pair not in self._passed), None)
