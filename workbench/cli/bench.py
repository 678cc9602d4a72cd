"""`workbench bench`: speed, memory and quality beside the peers, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .shell import FAILED, INTERRUPTED, Device, Quiet, check_output, say, show, silent

if TYPE_CHECKING:
    from ..experiments.benchmarks.results import Results
    from ..experiments.benchmarks.run import BenchPlan

Files = Annotated[
    list[Path] | None, typer.Argument(metavar="[FILE.json ...]", help="With --plot: results of earlier runs.")
]
Which = Annotated[
    list[str] | None,
    typer.Option("--suite", "-s", metavar="NAME", help="knn, gnn, train, end-to-end or metrics; may be repeated."),
]
Sizes = Annotated[
    list[str] | None,
    typer.Option("--n", metavar="N[,N...]", help="Rows; may be repeated. Default: each suite's own sizes."),
]
CaseNames = Annotated[list[str] | None, typer.Option("--case", metavar="NAME", help="Only this; may be repeated.")]
Repeats = Annotated[int, typer.Option(min=1, metavar="N", help="Runs of every case.")]
Columns = Annotated[int, typer.Option(min=2, metavar="D", help="Numbers per row.")]
Threads = Annotated[int | None, typer.Option(min=1, metavar="N", help="Of every library; default: as it is set.")]
PeerPython = Annotated[
    str | None,
    typer.Option("--peer-python", metavar="PATH", help="Python that has EVoC and fast-hdbscan; default: this one."),
]
Plot = Annotated[bool, typer.Option("--plot", help="Measure nothing; draw FILE.json ... into the file of -o.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE", dir_okay=False, help="All runs (.json); with --plot: .svg, .png or .pdf."
    ),
]


def bench(
    files: Files = None,
    suite: Which = None,
    n: Sizes = None,
    case: CaseNames = None,
    device: Device = "auto",
    repeats: Repeats = 3,
    dim: Columns = 128,
    threads: Threads = None,
    peer_python: PeerPython = None,
    plot: Plot = False,
    out: Out = None,
    quiet: Quiet = False,
) -> None:
    """Measure the library beside its peers.

    Every case runs in a process of its own, cases in turns. Prints a table per suite and number of rows: ratio to the
    case it stands beside, seconds (median, min, max), first call, peak memory, quality. Peers that are not installed
    are skipped by name. All suites at their own sizes take an hour or more.
    """
    if plot:
        _draw(files, out)
        return
    if files:
        raise typer.BadParameter(f"{files[0]}: files are read with --plot only (several sizes: --n 10000,30000)")
    from ..experiments.benchmarks.run import BenchPlan

    plan = BenchPlan(tuple(suite or ()), _sizes(n), tuple(case or ()), device, repeats, dim, threads, peer_python)
    if out is not None:
        if out.suffix != ".json":
            raise ValueError(f"out: expected a file ending in .json, got {out}")
        check_output(out)
    results = _measure(plan, out, quiet)
    if results["failed"]:
        raise typer.Exit(FAILED)


def _sizes(given: list[str] | None) -> tuple[int, ...]:
    words = [word for text in given or () for word in text.split(",")]
    try:
        return tuple(int(word) for word in words)
    except ValueError:
        raise typer.BadParameter(f"--n: expected integers, e.g. --n 10000,30000, got {','.join(words)!r}") from None


def _measure(plan: BenchPlan, out: Path | None, quiet: bool) -> Results:
    """Run it; each table is shown and kept as soon as it is done."""
    from ..experiments.benchmarks.results import write_results
    from ..experiments.benchmarks.run import run_bench
    from ..experiments.benchmarks.suites import suite
    from ..experiments.benchmarks.tables import bench_text, machine_text

    shown: list[str] = []

    def keep(results: Results, name: str, n: int) -> None:
        if not shown:
            show(machine_text(results))
        shown.append(name)
        show(f"\n{bench_text(results, name, n, suite(name).about)}")
        if out is not None:
            write_results(out, results)

    try:
        results = run_bench(plan, tell=silent if quiet else say, keep=keep)
    except KeyboardInterrupt:
        if out is None or not shown:
            raise
        say(f"interrupted: {len(shown)} table(s) are kept in {out}")
        raise typer.Exit(INTERRUPTED) from None
    if out is not None:
        write_results(out, results)
    return results


def _draw(files: list[Path] | None, out: Path | None) -> None:
    if not files or out is None:
        raise typer.BadParameter("--plot needs FILE.json ... and -o FILE.svg")
    check_output(out, *files)
    from ..experiments.benchmarks.results import read_results
    from ..views.figures.benchmark_plots import draw_bench

    draw_bench([read_results(file) for file in files], out)
