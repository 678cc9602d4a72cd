"""What a change does: differences to a reference configuration, paired by seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from scipy.stats import t as student

from ..._core.tables import require
from ...evaluate.intervals import intervals
from .settings import is_factor

_PAIRED = ["seed", "test"]
_MANY_SEEDS = 200


def differences(table: pd.DataFrame, reference: Mapping[str, Any] | str, *, value: str = "bcubed_f") -> pd.DataFrame:
    """Value of each run minus that of the reference's run with the same seed on the same test set.

    Formula: d = v(configuration, seed, test) - v(reference, seed, test), both after the last level.

    Args:
        table: from `run_grid`.
        reference: factor -> value, which one configuration of the table must fit; or its name in the column `config`.
        value: column to compare.

    Returns: a row per pair: config, seed, test, value, reference, difference. Runs that failed, or whose partner did,
        are left out.

    Raises:
        ValueError: a missing or empty column, runs on different data or with different code, a reference that fits no
            configuration or several, or no pair at all.

    Example:
        >>> rows = [("a", 0, 0.5), ("b", 0, 0.7), ("a", 1, 0.6), ("b", 1, 0.7)]
        >>> runs = pd.DataFrame(rows, columns=["lander.conv", "seed", "bcubed_f"])
        >>> runs = runs.assign(config=runs["lander.conv"], test="toy", last=True, data="d", code="c")
        >>> differences(runs, {"lander.conv": "a"})["difference"].round(2).tolist()
        [0.2, 0.1]
    """
    runs = _comparable(table, value)
    name = _one_configuration(runs, reference)
    last = runs[runs["last"]].dropna(subset=[value]).drop_duplicates(["config", *_PAIRED])
    known = last[last["config"] == name].set_index(_PAIRED)[value].rename("reference")
    others = last[last["config"] != name].join(known, on=_PAIRED).dropna(subset=["reference"])
    if others.empty:
        raise ValueError(f"table: expected another configuration with a seed of the reference {name!r}, got none")
    found = others.assign(difference=others[value] - others["reference"]).rename(columns={value: "value"})
    return found[["config", *_PAIRED, "value", "reference", "difference"]].reset_index(drop=True)


def effects(table: pd.DataFrame, reference: Mapping[str, Any] | str, *, value: str = "bcubed_f") -> pd.DataFrame:
    """Mean difference to the reference, with its 95 % t-interval over the seeds: `intervals` of `differences`.

    An interval that holds 0 says that these seeds do not show which is better; not that both are the same. It speaks
    of other seeds on the same data only.

    Args:
        table, reference, value: see `differences`.

    Returns: a row per configuration and test set: config, test, n (pairs), mean, low, high.

    Raises:
        ValueError: see `differences`.

    Example:
        >>> rows = [("a", 0, 0.5), ("b", 0, 0.7), ("a", 1, 0.6), ("b", 1, 0.7)]
        >>> runs = pd.DataFrame(rows, columns=["lander.conv", "seed", "bcubed_f"])
        >>> runs = runs.assign(config=runs["lander.conv"], test="toy", last=True, data="d", code="c")
        >>> effects(runs, {"lander.conv": "a"}).round(2).values.tolist()
        [['b', 'toy', 2, 0.15, -0.49, 0.79]]
    """
    return intervals(differences(table, reference, value=value), "difference", "config", by="test")


def verdicts(table: pd.DataFrame) -> list[str]:
    """One sentence for each row of `effects`: what these seeds show, or how many it would take.

    Formula: the seeds needed are the smallest n with t(0.975; n - 1) s / sqrt(n) <= |mean|, s the standard deviation
    of the differences; it is a guess, made from the same few seeds.

    Example:
        >>> table = pd.DataFrame([["b", "toy", 2, 0.15, -0.49, 0.79], ["c", "toy", 3, 0.2, 0.1, 0.3]])
        >>> print(*verdicts(table.set_axis(["config", "test", "n", "mean", "low", "high"], axis=1)), sep="\\n")
        b on toy: these 2 seeds do not show which is better; n needed: about 4.
        c on toy: better by +0.2000 (+0.1000 to +0.3000, 3 seeds).
    """
    return [_verdict(row) for _, row in table.iterrows()]


def _verdict(row: pd.Series) -> str:
    name = f"{row['config']} on {row['test']}"
    if row["low"] > 0 or row["high"] < 0:  # of one seed both are NaN
        side = "better" if row["mean"] > 0 else "worse"
        interval = f"{row['low']:+.4f} to {row['high']:+.4f}"
        return f"{name}: {side} by {row['mean']:+.4f} ({interval}, {row['n']} seeds)."
    needed = _seeds_needed(int(row["n"]), float(row["mean"]), float(row["high"] - row["mean"]))
    seeds = "one seed does" if row["n"] == 1 else f"these {row['n']} seeds do"
    return f"{name}: {seeds} not show which is better; n needed: {needed}."


def _seeds_needed(n: int, mean: float, half: float) -> str:
    """The n whose interval would just miss 0 if mean and spread stayed as they are."""
    if n < 2 or not abs(mean) > 0:
        return "more than one can guess from these"
    spread = half * n**0.5 / student.ppf(0.975, n - 1)
    for more in range(2, _MANY_SEEDS):
        if student.ppf(0.975, more - 1) * spread / more**0.5 <= abs(mean):
            return f"about {more}"
    return f"more than {_MANY_SEEDS}"


def _comparable(table: pd.DataFrame, value: str) -> pd.DataFrame:
    require(table, ("config", *_PAIRED, "last", "data", "code", value), "run_grid")
    for name, what in (("data", "on different data"), ("code", "of different versions of the code")):
        if (kinds := table[name].nunique()) != 1:
            raise ValueError(f"table: it mixes runs {what} ({kinds} kinds in {name!r}); compare each kind for itself")
    if len(table) and table[value].isna().all():
        raise ValueError(f"table: expected a number in {value!r} of at least one run, got none")
    return table


def _one_configuration(runs: pd.DataFrame, reference: Mapping[str, Any] | str) -> str:
    """Name of the only configuration that fits."""
    if isinstance(reference, str):
        if reference not in set(runs["config"]):
            there = ", ".join(map(repr, runs["config"].unique()))
            raise ValueError(f"reference: expected a configuration of the table ({there}), got {reference!r}")
        return reference
    factors = [name for name in runs if is_factor(str(name))]
    if unknown := [name for name in reference if name not in factors]:
        raise ValueError(f"reference: expected factors of the table ({', '.join(factors)}), got {unknown}")
    fits = pd.Series(True, index=runs.index)
    for name, wanted in reference.items():
        fits &= runs[name].map(lambda have, wanted=wanted: have == wanted)
    names = list(runs.loc[fits, "config"].unique())
    if len(names) != 1:
        told = ", ".join(map(repr, names or runs["config"].unique()))
        raise ValueError(
            f"reference: expected one configuration, {dict(reference)} fits {len(names)}; there is: {told}"
        )
    return str(names[0])
