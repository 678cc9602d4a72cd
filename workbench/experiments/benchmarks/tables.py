"""Results as tables: a row per case, medians of its runs, its ratio to the case it is measured beside."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .results import Results

_FIRST = ("ratio", "beside", "seconds", "min", "max", "first", "peak_mb", "gpu_mb", "of_peak")
_HIDDEN = ("suite", "n", "case", "repeat", "before_mb", "flops", "load", "stages", "version")


def bench_table(results: Results, suite: str, n: int) -> pd.DataFrame:
    """A suite at one size: a row per case, in the order they ran.

    Columns: `ratio` of the seconds to those of the case `beside` (where that did not run: of the first row); seconds
    (median), their min and max; `first` (a first call: imports, compilation; for "train" the epoch that builds the
    levels); peak memory of the process; `of_peak`, the share of the measured peak of matrix products, in float32 on the
    CPU, in bfloat16 on a GPU; then what the cases tell themselves.

    Example:
        >>> row = {"suite": "s", "n": 9, "beside": "b", "repeat": 0}
        >>> runs = [{**row, "case": c, "seconds": t} for c, t in (("a", 1.0), ("b", 2.0))]
        >>> bench_table({"runs": runs, "machine": {}}, "s", 9)["ratio"].to_dict()
        {'a': 0.5, 'b': 1.0}
    """
    runs = _runs(results, suite, n)
    if runs.empty:
        return runs
    by_case = runs.groupby("case", sort=False)
    shown = [name for name in runs if name not in _HIDDEN]
    table = by_case[shown].agg(_middle)
    table["min"] = by_case["seconds"].min()
    table["max"] = by_case["seconds"].max()
    table["beside"] = table["beside"].where(table["beside"].isin(table.index), table.index[0])
    table["ratio"] = table["seconds"] / table["seconds"].loc[table["beside"]].to_numpy()
    peak = results["machine"].get("peak_gflops", {}).get("bf16" if results["machine"].get("gpu") else "fp32")
    if peak and "flops" in runs and runs["flops"].notna().any():
        table["of_peak"] = by_case["flops"].median() / table["seconds"] / peak / 1e9
    order = [name for name in _FIRST if name in table]
    return table[[*order, *(name for name in table if name not in order)]]


def stage_table(results: Results, suite: str, n: int) -> pd.DataFrame:
    """Median seconds of every stage, a row per case that tells them; empty where none does.

    Example:
        >>> run = {"suite": "s", "n": 9, "case": "a", "stages": {"knn": 0.5}}
        >>> float(stage_table({"runs": [run]}, "s", 9).loc["a", "knn"])
        0.5
    """
    runs = _runs(results, suite, n)
    if "stages" not in runs:
        return pd.DataFrame()
    told = runs.dropna(subset=["stages"])
    stages = pd.DataFrame(list(told["stages"]), index=told["case"])
    return stages.groupby(level=0, sort=False).median()


def bench_text(results: Results, suite: str, n: int, about: str = "") -> str:
    """A suite at one size, to be printed: table, stages, what was skipped or failed.

    Example:
        >>> run = {"suite": "s", "n": 9, "case": "a", "beside": "a", "repeat": 0, "seconds": 0.5}
        >>> print(bench_text({"runs": [run], "machine": {}, "skipped": [], "failed": []}, "s", 9))
        s, n = 9; ratio to a; medians of 1
              ratio  seconds  min  max
        case
        a         1      0.5  0.5  0.5
    """
    table = bench_table(results, suite, n)
    stages = stage_table(results, suite, n)
    lines = [f"{suite}, n = {n:,}" + (f": {about}" if about else "")]
    if not table.empty:
        beside = table["beside"].unique()
        repeats = len({run["repeat"] for run in results["runs"] if (run["suite"], run["n"]) == (suite, n)})
        lines[0] += f"; ratio to {beside[0] if len(beside) == 1 else 'the case beside'}; medians of {repeats}"
        lines.append(_text(table.drop(columns="beside") if len(beside) == 1 else table))
    if not stages.empty:
        lines += ["seconds of the stages", _text(stages)]
    for kind in ("skipped", "failed"):
        there = [row for row in results[kind] if (row["suite"], row["n"]) == (suite, n)]
        lines += [f"{kind}: {row['case']}: {row['reason']}" for row in there]
    return "\n".join(lines)


def machine_text(results: Results) -> str:
    """The machine in a line.

    Example:
        >>> facts = {"cpu": "abacus", "cores": 2, "threads": 1, "ram_gb": 8.0, "load": 0.5, "gpu": None}
        >>> machine_text({"machine": {**facts, "peak_gflops": {"fp32": 99.0}}})
        'abacus, 2 cores, 1 threads, 8.0 GB, load 0.5; matrix products: fp32 99 GFLOP/s'
    """
    facts = results["machine"]
    head = f"{facts['cpu']}, {facts['cores']} cores, {facts['threads']} threads, {facts['ram_gb']} GB"
    gpu = f", {facts['gpu']}" if facts.get("gpu") else ""
    peaks = ", ".join(f"{kind} {value:,.0f}" for kind, value in facts["peak_gflops"].items())
    return f"{head}, load {facts['load']}{gpu}; matrix products: {peaks} GFLOP/s"


def _runs(results: Results, suite: str, n: int) -> pd.DataFrame:
    return pd.DataFrame([run for run in results["runs"] if (run["suite"], run["n"]) == (suite, n)])


def _middle(values: pd.Series) -> Any:
    """Median of numbers; of words each that was said, so that one run that disagrees is seen."""
    if pd.api.types.is_numeric_dtype(values):
        return values.median()
    words = [str(value) for value in values.dropna().unique()]
    return "/".join(words) if words else None


def _text(table: pd.DataFrame) -> str:
    text = table.to_string(float_format=_number, na_rep="")
    return "\n".join(line.rstrip() for line in text.splitlines())


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
