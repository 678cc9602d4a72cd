"""How far the mean of a few runs can be trusted: Student's t-interval, group by group."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from .._core.tables import require


def intervals(table: pd.DataFrame, value: str, group: str, by: str | None = None) -> pd.DataFrame:
    """Mean and 95 % t-interval of each group, in the order in which the groups first appear.

    Formula: mean -+ t(0.975; n - 1) s / sqrt(n), s with n - 1 in the denominator; NaN bounds where n = 1.

    Args:
        table: tidy, a row per run.
        value: column of the numbers; rows without one (NaN) are left out.
        group, by: columns that say which rows belong together.

    Returns: a row per group: its columns, n, mean, low, high.

    Raises:
        TypeError: no pandas table.
        ValueError: a column the table does not have, or no row with a value; group and by are one.

    Example:
        >>> runs = pd.DataFrame({"tau": ["a", "a", "b"], "f": [0.5, 0.7, 0.9]})
        >>> intervals(runs, "f", "tau").round(2).values.tolist()
        [['a', 2, 0.6, -0.67, 1.87], ['b', 1, 0.9, nan, nan]]
    """
    keys = [group] if by is None else [group, by]
    require(table, (value, *keys), "the runs")
    if by == group:
        raise ValueError(f"by: expected another column than group, got {by!r} for both")

    runs = table.dropna(subset=[value])
    if runs.empty:
        raise ValueError(f"table: expected at least one row with a number in {value!r}, got none")
    found = runs.groupby(keys, sort=False)[value].agg(n="count", mean="mean", spread="std").reset_index()

    # stdtrit is the t-distribution's quantile; `scipy.stats.t.ppf` gives the same, but scipy.stats is slow to import.
    # A group of one run has no spread (NaN), so its degrees of freedom, raised to 1, do not matter.
    half = stdtrit(np.maximum(found["n"] - 1, 1), 0.975) * found.pop("spread") / np.sqrt(found["n"])
    return found.assign(low=found["mean"] - half, high=found["mean"] + half)
