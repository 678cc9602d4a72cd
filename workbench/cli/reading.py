"""What a command gets from a user's file: features, and what is known about them."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .._core.files import naming_file, reading, regular_file
from ..cluster.checkpoint import load_encoder
from ..cluster.constraints import Constraints
from ..cluster.correction import Contradiction
from ..cluster.corrections import Corrections
from ..data import FeatureSet, load_features

if TYPE_CHECKING:
    from ..cluster.hilander import HiLander

COLUMNS = ["first", "second", "same"]
SAME = {"1": True, "0": False, "1.0": True, "0.0": False, "true": True, "false": False}  # as tables are written


@dataclass(frozen=True)
class Items:
    """Features [N, D] to cluster or to learn from.

    Attributes:
        features: the rows.
        labels: classes [N], or None where unknown.
        class_names: one name per class, or empty.
        images: the pictures the features were made of, or None.
        name: of the file or folder.
    """

    features: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    images: np.ndarray | None
    name: str


def read_items(
    path: Path, *, encoder: str, size: int | None = None, dim: int | None = None, device: str, progress: bool
) -> Items:
    """Any file that `load_features` reads; a folder of images is embedded with the encoder.

    Raises:
        FileNotFoundError, ValueError: as `load_features`, or `encoder` is no encoder.
    """
    embedder = load_encoder(encoder) if path.is_dir() else None  # a wrong one is told before the pictures are read
    data = load_features(path, size=size, dim=dim)
    if isinstance(data, FeatureSet):
        return Items(data.features, data.labels, data.class_names, None, data.name)
    assert embedder is not None  # images come of a folder only
    features = embedder.embed(data.images, device=device, progress=progress)
    return Items(features, data.labels, data.class_names, data.images, data.name)


def read_answers(path: Path | None) -> tuple[dict[str, np.ndarray], Corrections | None]:
    """What a person said: pairs for `HiLander.fit` from a .csv, or corrections from a .json.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another suffix, other columns, or a line that is no pair of row numbers with 1 or 0; names the file.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "said.csv")
        >>> _ = file.write_text("first,second,same\\n0,1,1\\n0,2,0\\n")
        >>> read_answers(file)[0]["cannot_link"].tolist()
        [[0, 2]]
    """
    if path is None:
        return {}, None
    if path.suffix == ".json":
        return {}, Corrections.load(path)
    if path.suffix != ".csv":
        raise ValueError(f"constraints: expected a .csv or a .json file, got {path}")
    with reading(path, ".csv of answers"), open(regular_file(path), newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file, strict=True)
        if (columns := next(lines, [])) != COLUMNS:
            said = ", ".join(columns) or "none"
            raise ValueError(f"constraints: expected the columns {', '.join(COLUMNS)} in {path}, got {said[:99]}")
        pairs: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        for cells in lines:
            if cells:
                first, second, same = _answer(cells, f"{path}, line {lines.line_num}")
                pairs[same].append((first, second))
    together, apart = (np.array(pairs[same], dtype=np.int64).reshape(-1, 2) for same in (True, False))
    return {"must_link": together, "cannot_link": apart}, None


def _answer(cells: list[str], where: str) -> tuple[int, int, bool]:
    """A line of a file of answers."""
    if len(cells) != len(COLUMNS):
        raise ValueError(f"constraints: {where}: expected {', '.join(COLUMNS)}, got {len(cells)} cells")
    first, second, same = (cell.strip() for cell in cells)
    for name, cell in (("first", first), ("second", second)):
        if not re.fullmatch("[0-9]{1,18}", cell):
            raise ValueError(f"constraints: {where}: expected a row number as {name}, got {cell[:99]!r}")
    if same.lower() not in SAME:
        raise ValueError(f"constraints: {where}: expected 1 or 0 as same, got {same[:99]!r}")
    return int(first), int(second), SAME[same.lower()]


def fit_answered(
    estimator: HiLander,
    features: np.ndarray,
    path: Path | None,
    pairs: dict[str, np.ndarray],
    corrections: Corrections | None,
) -> None:
    """Fit with what `read_answers` found in the file at `path`.

    Raises:
        ValueError: rows that are not there, answers that cannot all be true, corrections of other data; names the file.
        TypeError, ImportError, OSError: as `HiLander.fit`.
    """
    where = path or ""
    with naming_file(where):
        Constraints.of(len(features), **pairs)  # before the work
    with naming_file(where, Contradiction):  # which rows are equal is known later
        estimator.fit(features, **pairs)
    if corrections is not None:
        with naming_file(where):
            estimator.correct(corrections)
