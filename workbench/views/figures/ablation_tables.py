"""Which rows and columns of a table of runs a picture shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..._core.tables import require
from ...experiments.ablation.settings import is_factor


def results(table: pd.DataFrame, columns: Sequence[str], test: str | None) -> pd.DataFrame:
    """The last rows of one test set, and of runs that failed.

    Raises:
        ValueError: a column is missing, or the test set is not said or not there.

    Example:
        >>> runs = pd.DataFrame({"test": ["a", "a"], "last": [False, True], "f": [1, 2]})
        >>> results(runs, ["f"], None)["f"].tolist()
        [2]
    """
    require(table, ("test", "last", *columns), "run_grid")
    last = table[table["last"].astype(bool)]
    tests = [name for name in dict.fromkeys(last["test"]) if name != ""]
    if test is None and len(tests) > 1:
        raise ValueError(f"test: the table has several test sets, {tests}; name one of them")
    if test is not None and test not in tests:
        raise ValueError(f"test: expected one of {tests}, got {test!r}")
    return last[last["test"].isin(["", test or (tests[0] if tests else "")])]


def factors_of(table: pd.DataFrame) -> list[str]:
    """Columns that hold settings.

    Example:
        >>> factors_of(pd.DataFrame({"lander.conv": ["gcn"], "seed": [0]}))
        ['lander.conv']
    """
    return [str(name) for name in table if is_factor(str(name))]


def ordered(values: pd.Series) -> list[Any]:
    """Each value once: numbers by size, others in the order in which they come.

    Example:
        >>> ordered(pd.Series([10, 1, 10])), ordered(pd.Series(["b", "a"]))
        ([1, 10], ['b', 'a'])
    """
    once: Mapping[str, Any] = {str(value): value for value in reversed(list(values))}
    found = [once[text] for text in dict.fromkeys(map(str, values))]
    numbers = all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in found)
    return sorted(found) if numbers else found


def as_text(values: pd.Series) -> pd.Series:
    """Values that can be grouped, whatever they are.

    Example:
        >>> as_text(pd.Series([1, (2, 3)])).tolist()
        ['1', '(2, 3)']
    """
    return values.map(str)


def differs(values: pd.Series) -> bool:
    """Whether there are two values.

    Example:
        >>> differs(pd.Series([1, 1])), differs(pd.Series([1, 2]))
        (False, True)
    """
    return bool(as_text(values).nunique() > 1)
