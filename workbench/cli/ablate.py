"""`workbench ablate`: what changes of the settings do, over several seeds."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .shell import FAILED, INTERRUPTED, Device, Quiet, check_output, check_writable, say, show

if TYPE_CHECKING:
    import pandas as pd

    from ..experiments.ablation.grid_file import GridFile
    from ..experiments.ablation.presets import Preset, Suite


def _show_presets(asked: bool | None) -> None:
    if not asked:
        return
    from ..experiments.ablation.presets import PRESETS

    for name, preset in PRESETS.items():
        show(f"{name}: {preset.question} ({', '.join(preset.arms)})")
        show(fill(preset.explanation, 96, initial_indent="    ", subsequent_indent="    "))
    raise typer.Exit


What = Annotated[
    str | None,
    typer.Argument(
        metavar="[GRID.toml|PRESET|all]", help="A file that declares a grid, a ready-made one, or all of these."
    ),
]
List = Annotated[
    bool | None,
    typer.Option("--list", callback=_show_presets, is_eager=True, help="Show the presets and what each asks."),
]
Data = Annotated[
    Literal["glyphs", "omniglot"] | None,
    typer.Option(help="What to train and test on; default: the file's, or glyphs."),
]
Copy = Annotated[Path | None, typer.Option(metavar="PATH", help="Local copy of the data: the zips' folder or an .npz.")]
Seeds = Annotated[int | None, typer.Option(min=1, metavar="N", help="Trainings of each; default: the file's, or 5.")]
Workers = Annotated[int, typer.Option(min=1, metavar="N", help="Runs side by side.")]
Place = Annotated[Path, typer.Option("--store", metavar="DIR", file_okay=False, help="Keeps each run; may be shared.")]
Table = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE.csv", dir_okay=False, help="Keep the runs.")]
Value = Annotated[
    Literal[
        "bcubed_f",
        "bcubed_precision",
        "bcubed_recall",
        "pairwise_f",
        "pairwise_precision",
        "pairwise_recall",
        "item_f",
        "nmi",
    ],
    typer.Option(help="The score to compare."),
]
Retry = Annotated[bool, typer.Option("--retry", help="Make runs again that failed.")]


def ablate(
    what: What = None,
    show: List = None,
    data: Data = None,
    path: Copy = None,
    seeds: Seeds = None,
    workers: Workers = 1,
    store: Place = Path("ablation"),
    out: Table = None,
    value: Value = "bcubed_f",
    retry: Retry = False,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Train every configuration of a grid with several seeds, compare.

    Prints the mean difference of each to the reference, paired by seed, with its 95 % interval. Each run is kept in
    DIR and never made twice: after Ctrl-C the same command goes on. First an encoder is trained: features must come
    from classes that neither training nor test has. A grid file is

    \b
    reference = {"lander.conv" = "gcn"}    # the others are compared with it
    [base]
    training.epochs = 40                   # changes to the base of the presets
    [grid]
    lander.conv = ["gcn", "gat"]           # every combination of the values; fields of LanderConfig (lander.),
    lander.layers = [1, 2]                 # TrainConfig (training.) and InferenceConfig (inference.)

    More: lesson 10 of the course, and datasets/results/README.md, which has the presets' tables.
    """
    if what is None:
        raise typer.BadParameter("name a GRID.toml, a preset or 'all'; --list shows the presets")
    from .._core.validation import check_choice
    from ..experiments.ablation.grid_file import GridFile
    from ..experiments.ablation.sets import NAMES, ablation_data

    plan = _plan(what)
    told = plan if isinstance(plan, GridFile) else None
    if out is not None:
        check_output(out, what, path, ending=".csv")
    name = check_choice(data or (told and told.data) or "glyphs", "name", NAMES)
    check_writable(store)
    sets = ablation_data(name, path=path, device=device, progress=not quiet)
    chosen = range(seeds) if seeds else (told and told.seeds) or range(5)
    try:
        runs = plan.run(sets, store, seeds=chosen, workers=workers, device=device, retry=retry, progress=not quiet)
    except KeyboardInterrupt:
        say(f"interrupted: what is done is kept in {store}; the same command goes on")
        raise typer.Exit(INTERRUPTED) from None
    _tell(plan, runs, out, value)


def _plan(what: str) -> GridFile | Preset | Suite:
    from ..experiments.ablation.grid_file import read_grid
    from ..experiments.ablation.presets import PRESETS, Suite, preset

    if what == "all":
        return Suite()
    if what.endswith(".toml"):
        return read_grid(what)
    if Path(what).is_file() and what not in PRESETS:
        raise ValueError(f"what: expected a grid's file to end in .toml, got {what}; or name a preset, see --list")
    return preset(what)


def _tell(plan: GridFile | Preset | Suite, runs: pd.DataFrame, out: Path | None, value: str) -> None:
    """Keep the runs, show the effects; an error at the end where runs failed."""
    from .._core.tables import write_csv
    from ..experiments.ablation.effects import verdicts
    from ..experiments.ablation.presets import Suite

    if out is not None:
        write_csv(runs, out, float_format="%.6g")
    failed = runs[runs["error"] != ""]
    for row in failed.itertuples():
        say(f"failed: {row.config}, seed {row.seed}: {row.error}")
    reference = "the reference" if isinstance(plan, Suite) else f"'{plan.reference}'"
    table = plan.effects(runs, value=value)
    show(f"{value} minus that of {reference}: mean over n seeds, 95 % interval")
    show(table.to_string(index=False, float_format="{:+.4f}".format))
    for sentence in verdicts(table):
        say(sentence)
    say("every preset with five seeds is shipped: workbench.ablation.ablation_results('glyphs'), or 'omniglot'")
    if len(failed):
        raise typer.Exit(FAILED)
