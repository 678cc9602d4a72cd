"""Tables: which columns they need, and how they are written for people to open elsewhere."""

from __future__ import annotations

import numbers
import os
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from .files import atomic_path, check_kind

# The wide forms count too where a spreadsheet runs in Japanese or Chinese.
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")


def require(table: Any, columns: Sequence[str], source: str, name: str = "table") -> None:
    """Refuse what is no table, a table without these columns, and one without rows.

    Raises:
        TypeError: not a pandas table.
        ValueError: names the columns that are missing, and those that are there.

    Example:
        >>> require(pd.DataFrame({"a": [1]}), ["a"], "run_grid")
        >>> require(pd.DataFrame({"a": [1]}), ["b"], "run_grid")
        Traceback (most recent call last):
        ValueError: table: expected the columns of run_grid, missing ['b']; there is: a
    """
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"{name}: expected a pandas table, the rows of {source}, got {type(table).__name__}")
    if missing := [column for column in columns if column not in table]:
        there = ", ".join(map(str, table.columns)) or "none"
        raise ValueError(f"{name}: expected the columns of {source}, missing {missing}; there is: {there}")
    if table.empty:
        raise ValueError(f"{name}: expected at least one row of {source}, got none")


def safe_cells(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a quote before text that a spreadsheet would take for a formula, in cells and names of columns.

    Example:
        >>> safe_cells(pd.DataFrame({"name": ["=1+1", "a"], "n": [-1, 2]})).values.tolist()
        [["'=1+1", -1], ['a', 2]]

    Source: OWASP, "CSV Injection".
    """
    safe = table.set_axis([_quoted(name) for name in table.columns], axis=1)
    for place, dtype in enumerate(table.dtypes):
        if not (pd.api.types.is_numeric_dtype(dtype) or dtype.kind in "mM"):
            cells = [_quoted(cell) for cell in safe.iloc[:, place]]
            safe.isetitem(place, pd.Series(cells, safe.index, dtype=object))
    return safe


def _quoted(cell: Any) -> Any:
    formula = not isinstance(cell, numbers.Number) and _FORMULA.match(str(cell))
    return f"'{cell}" if formula else cell


def write_csv(table: pd.DataFrame, path: str | os.PathLike[str], *, float_format: str | None = None) -> None:
    r"""Write a table without its index, whole or not at all, by `safe_cells`.

    A name that comes from a file ("=cmd|...") would else be run by the spreadsheet that opens the table.

    Raises:
        OSError: the file cannot be written, or one of another ending than .csv is there.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
        >>> write_csv(pd.DataFrame({"name": ["=1+1", None], "n": [-1, 2]}), file)
        >>> file.read_text()
        "name,n\n'=1+1,-1\n,2\n"
    """
    check_kind(path, ".csv")
    with atomic_path(path) as part:
        safe_cells(table).to_csv(part, index=False, float_format=float_format)


def write_parquet(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table without its index, whole or not at all.

    Raises:
        OSError: the file cannot be written.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.parquet"
        >>> write_parquet(pd.DataFrame({"n": [1]}), file)
        >>> pd.read_parquet(file)["n"].tolist()
        [1]
    """
    with atomic_path(path) as part, part.open("wb") as opened:  # Arrow opens no name that is not UTF-8
        table.to_parquet(opened, index=False)
