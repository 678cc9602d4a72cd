"""Time and peak memory against the number of rows, both logarithmic: ours and every peer, each line with its name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..._core.files import atomic_path
from ..._core.validation import check_choice
from ...experiments.benchmarks.results import Results
from ...experiments.benchmarks.tables import machine_text

FORMATS = (".svg", ".png", ".pdf")
PANELS = {"seconds": "seconds (median)", "peak_mb": "peak memory of the process, MB"}
# Okabe & Ito's colours, the yellow left out: it does not show on white
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = "osD^vPX<>*h"
_GREY = "#9AA0A8"
_INK = "#22262C"
_OURS = ("our", "general", "glyphs-lander", "published")


def bench_medians(results: Sequence[Results]) -> pd.DataFrame:
    """Medians of all runs of some results: suite, case, n, seconds, peak_mb; the later file's word counts for a case.

    Raises:
        ValueError: no run in any of them.

    Example:
        >>> run = {"suite": "s", "case": "a", "n": 9, "peak_mb": 7}
        >>> bench_medians([{"runs": [{**run, "seconds": t} for t in (1.0, 2.0, 9.0)]}])["seconds"].tolist()
        [2.0]
    """
    frames = [pd.DataFrame(found["runs"]).assign(file=i) for i, found in enumerate(results) if found["runs"]]
    if not frames:
        raise ValueError("results: expected at least one run, got none; run workbench bench -o FILE.json first")
    runs = pd.concat(frames, ignore_index=True)
    last = runs.groupby(["suite", "case", "n"])["file"].transform("max")
    of_cases = runs[runs["file"] == last].groupby(["suite", "case", "n"], sort=False)
    return of_cases[list(PANELS)].median().reset_index()


def draw_bench(results: Sequence[Results], path: str | os.PathLike[str]) -> None:
    """Draw results into a file: a row per suite, time on the left, peak memory on the right.

    Ours are thick and coloured, peers thin and grey or pale; a line's name stands at its end.

    Args:
        results: of one or several files, e.g. of several days or sizes.
        path: ends in .svg, .png or .pdf.

    Raises:
        ValueError: another ending, or no run.

    Example:
        >>> import tempfile, pathlib
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "bench.svg"
        >>> run = {"suite": "s", "case": "ours", "peak_mb": 7}
        >>> draw_bench([{"runs": [{**run, "n": n, "seconds": n / 1e4} for n in (100, 1000)]}], file)
        >>> "<svg" in file.read_text()
        True
    """
    suffix = os.path.splitext(path)[1]
    check_choice(suffix, "path (its ending)", FORMATS)
    medians = bench_medians(results)
    from matplotlib import rc_context
    from matplotlib.figure import Figure  # without pyplot: nothing global

    suites = list(medians.groupby("suite", sort=False))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "workbench", "font.size": 10, "text.color": _INK}):
        figure = Figure(figsize=(12, 4.6 * len(suites)), layout="constrained", facecolor="white")
        axes = figure.subplots(len(suites), len(PANELS), squeeze=False)
        for row, (name, rows) in zip(axes, suites, strict=True):
            for panel, (value, words) in zip(row, PANELS.items(), strict=True):
                _panel(panel, rows, value)
                panel.set_title(f"{name}: {words}", loc="left", fontsize=11)
        if machine := results[-1].get("machine"):
            figure.supxlabel(machine_text({"machine": machine}), x=0.01, ha="left", fontsize=8)
        with atomic_path(path) as part:
            figure.savefig(part, metadata={"Date": None} if suffix == ".svg" else None, dpi=130)


def _panel(panel: Any, rows: pd.DataFrame, value: str) -> None:
    lines = dict(list(rows.groupby("case", sort=False)))
    ours = [name for name in lines if name.startswith(_OURS)]
    for i, (name, line) in enumerate(lines.items()):
        line = line.sort_values("n")
        colour = _COLOURS[ours.index(name) % len(_COLOURS)] if name in ours else _GREY
        width = 2.6 if name in ours else 1.3
        look = {"color": colour, "linewidth": width, "marker": _MARKERS[i % len(_MARKERS)], "markersize": 5}
        panel.plot(line["n"], line[value], linestyle="-" if name in ours else "--", zorder=2 + (name in ours), **look)
    panel.set(xscale="log", yscale="log", xlabel="rows")
    panel.grid(True, which="major", color="#E3E6EA", linewidth=0.8)
    panel.spines[["top", "right"]].set_visible(False)
    _ticks(panel, sorted(rows["n"].unique().tolist()))
    _names(panel, lines, value, ours)


def _ticks(panel: Any, sizes: list[int]) -> None:
    """The sizes measured, and round numbers beside them, in place of powers of ten."""
    panel.set_xlim(sizes[0] / 1.15, sizes[-1] * 1.15)
    low, high = panel.get_ylim()
    if high < 2 * low:  # a hair's breadth would fill the panel
        low, high = (low * high) ** 0.5 / 1.5, (low * high) ** 0.5 * 1.5
        panel.set_ylim(low, high)
    ticks = round_numbers(float(low), float(high))
    panel.minorticks_off()
    panel.set_xticks(sizes, [f"{n / 1e6:g}M" if n >= 10**6 else f"{n / 1e3:g}k" for n in sizes])
    panel.set_yticks(ticks, [f"{tick:,.0f}" if tick >= 1000 else f"{tick:g}" for tick in ticks])


def round_numbers(low: float, high: float) -> list[float]:
    """Ticks of a logarithmic axis: powers of ten, or with 2 and 5, or more of them, until there are three.

    Example:
        >>> round_numbers(0.5, 2000.0), round_numbers(300.0, 900.0)
        ([1.0, 10.0, 100.0, 1000.0], [300.0, 400.0, 600.0, 800.0])
    """
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    found: list[float] = []
    for digits in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 6, 8)):
        found = [float(f"{d}e{power}") for power in powers for d in digits if low <= float(f"{d}e{power}") <= high]
        if len(found) >= 3:
            break
    return found


def _names(panel: Any, lines: dict[str, pd.DataFrame], value: str, ours: list[str]) -> None:
    """Each line's name at its last point, pushed up where names would lie on each other."""
    bottom, top = np.log10(panel.get_ylim())
    last = {name: line.sort_values("n").iloc[-1] for name, line in lines.items()}
    place = {name: (np.log10(point[value]) - bottom) / (top - bottom) for name, point in last.items()}
    order = sorted(place, key=lambda name: place[name])
    spread = _spread([place[name] for name in order], 0.052)
    for name, height in zip(order, spread, strict=True):
        colour = panel.lines[list(lines).index(name)].get_color() if name in ours else _INK
        weight = "bold" if name in ours else "normal"
        start = (last[name]["n"], last[name][value])
        bend = {"arrowstyle": "-", "linewidth": 0.7, "shrinkA": 0, "relpos": (0, 0.5)}
        bend["color"] = colour if name in ours else _GREY
        panel.annotate(
            name, start, (1.03, height), textcoords="axes fraction", va="center", color=colour, fontweight=weight,
            fontsize=9, arrowprops=bend, annotation_clip=False,
        )  # fmt: skip


def _spread(heights: list[float], gap: float) -> list[float]:
    """Rising heights moved as little as it takes to stand `gap` apart, the whole around where it was.

    Example:
        >>> [round(height, 2) for height in _spread([0.5, 0.5], 0.1)]
        [0.45, 0.55]
    """
    groups: list[list[float]] = []  # [first height, how many]: neighbours that touch move together
    for height in heights:
        groups.append([height, 1])
        while len(groups) > 1 and groups[-2][0] + gap * groups[-2][1] > groups[-1][0]:
            (low, a), (high, b) = groups[-2:]
            center = (a * (low + gap * (a - 1) / 2) + b * (high + gap * (b - 1) / 2)) / (a + b)
            groups[-2:] = [[center - gap * (a + b - 1) / 2, a + b]]
    return [first + gap * i for first, count in groups for i in range(int(count))]
