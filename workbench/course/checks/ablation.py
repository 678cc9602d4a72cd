"""Checks of the notebooks 10 and 13: an ablation of one's own, published results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import stdtrit

from ...experiments.ablation import AblationData, Settings, differences, effects, run_grid
from . import ideas
from .registry import add_check

# ---------------------------------------------------------------- 10 ablation


@add_check(
    "10-interval",
    within=1e-3,
    hint="Mean -+ t(0.975; n - 1) s / sqrt(n) of the differences, seed by seed.",
    wrong={"the spread of the runs, not of their mean": ideas.spread_of_runs},
)
def interval_of_effect(table: pd.DataFrame, reference: Mapping[str, Any], config: str) -> Float[np.ndarray, " 3"]:
    """mean difference to the reference, and the ends of its interval"""
    found = effects(table, reference).set_index("config")
    return np.asarray(found.loc[config, ["mean", "low", "high"]], dtype=np.float64)


@add_check(
    "10-unpaired",
    within=1e-3,
    hint="t(0.975; 2 n - 2) times the root of (s_a^2 + s_b^2) / n.",
    wrong={"the interval of the differences": lambda *given: float(np.ptp(interval_of_effect(*given)[1:]) / 2)},
)
def unpaired_half(table: pd.DataFrame, reference: Mapping[str, Any], config: str) -> float:
    """half width of the interval if nobody knew which runs share a seed"""
    pairs = _pairs(table, reference, config)
    variance = pairs["value"].var() + pairs["reference"].var()
    return float(stdtrit(2 * len(pairs) - 2, 0.975) * np.sqrt(variance / len(pairs)))


@add_check(
    "10-seeds",
    hint="Try n = 2, 3, 4, ...: t depends on n, too.",
    wrong={"the spread without t and root": lambda table, reference, config, half: 1},
)
def seeds_needed(table: pd.DataFrame, reference: Mapping[str, Any], config: str, half: float) -> int:
    """number of seeds that makes the interval that narrow"""
    spread = _pairs(table, reference, config)["difference"].std()
    n = 2
    while stdtrit(n - 1, 0.975) * spread / np.sqrt(n) > half:
        n += 1
    return n


@add_check(
    "10-own",
    within=1e-3,
    hint="effects(run_grid(...), reference) has a column mean.",
    wrong={"the reference less the new value": lambda *given: -own_effect(*given)},
)
def own_effect(
    grid: Mapping[str, Sequence[Any]],
    data: AblationData,
    store: str,
    seeds: Sequence[int],
    base: Settings,
    reference: Mapping[str, Any],
) -> float:
    """mean effect of the new factor"""
    table = run_grid(grid, data, store, seeds=seeds, base=base, progress=False)
    return float(effects(table, reference)["mean"].iloc[0])


def _pairs(table: pd.DataFrame, reference: Mapping[str, Any], config: str) -> pd.DataFrame:
    found = differences(table, reference)
    return found[found["config"] == config]


# ---------------------------------------------------------------- 13 published results


@add_check(
    "13-points",
    within=1e-4,
    hint="Infomap minus GCN-V+E, for each part of MS1M, smallest part first.",
    wrong={"GCN-V+E minus Infomap": lambda *given: -points_over(*given)},
)
def points_over(table: pd.DataFrame, method: str, other: str, metric: str) -> Float[np.ndarray, " parts"]:
    """how far one method lies above the other on each part of MS1M"""
    grown = _wide(table[table["images"].notna()], metric, "images")
    return np.asarray((grown[method] - grown[other]).sort_index(), dtype=np.float64)


@add_check(
    "13-comparable",
    hint="A data set counts if the method and at least one other have a figure on it.",
    wrong={"all its data sets": lambda t, name: t.loc[t["method"].str.startswith(name), "data"].nunique()},
)
def comparable_sets(table: pd.DataFrame, method: str) -> int:
    """number of data sets on which the method can be compared with another one"""
    others = table[~table["method"].str.startswith(method)]
    return len(set(table.loc[table["method"] == method, "data"]) & set(others["data"]))


@add_check(
    "13-relative",
    within=1e-4,
    hint="Per data set: ours / theirs - 1; then the mean over the data sets.",
    wrong={"the difference, not the ratio": lambda *given: _mean_difference(*given)},
)
def relative_gain(table: pd.DataFrame, method: str, other: str, metric: str) -> float:
    """mean relative gain over the other method"""
    wide = _wide(table, metric, "data")
    return float((wide[method] / wide[other] - 1).mean())


@add_check(
    "13-fall",
    how="choice",
    hint="Divide the figure on 5.21M by the one on 584K; the lowest share falls most.",
    wrong={"the one that keeps most": lambda t, metric: str(_kept(t, metric).idxmax())},
)
def falls_most(table: pd.DataFrame, metric: str) -> str:
    """method that loses the largest share of its score from 584K to 5.21M"""
    return str(_kept(table, metric).idxmin())


def _kept(table: pd.DataFrame, metric: str) -> pd.Series:
    """Share of its score on the smallest part of MS1M that each method keeps on the largest."""
    grown = _by_size(table, metric)
    return grown.iloc[-1] / grown.iloc[0]


@add_check(
    "13-beaten",
    hint="Compare figures on the same part of MS1M only.",
    wrong={"those above it": lambda *given: _figures(*given).gt(_figures(*given)[given[1]]).sum()},
)
def beaten_by(table: pd.DataFrame, method: str, data: str, metric: str) -> int:
    """number of methods with a lower figure"""
    figures = _figures(table, method, data, metric)
    return int((figures < figures[method]).sum())


def _figures(table: pd.DataFrame, method: str, data: str, metric: str) -> pd.Series:
    """A figure per method."""
    return _wide(table[table["data"] == data], metric, "data").iloc[0]


def _by_size(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A column per method, a row per part of MS1M, the smallest first."""
    return _wide(table[table["images"].notna()], metric, "images").sort_index()


def _mean_difference(table: pd.DataFrame, method: str, other: str, metric: str) -> float:
    wide = _wide(table, metric, "data")
    return float((wide[method] - wide[other]).mean())


def _wide(table: pd.DataFrame, metric: str, rows: str) -> pd.DataFrame:
    """A column per method, a row per data set."""
    return table[table["metric"] == metric].pivot(index=rows, columns="method", values="value")
