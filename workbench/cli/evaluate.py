"""`workbench demo` and `workbench evaluate`: Hi-LANDER beside the baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .shell import Device, Quiet, Seed, check_output, check_writable, show, silent

Folder = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", file_okay=False, help="Folder for the results.")]
Packaged = Annotated[bool, typer.Option("--packaged", help="Use the packaged models instead of training.")]
Data = Annotated[Literal["glyphs", "digits", "omniglot"], typer.Option(help="Whose test classes to cluster.")]
Copy = Annotated[Path | None, typer.Option(metavar="PATH", help="Local copy of the data: the zips' folder or an .npz.")]
Table = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE.csv", dir_okay=False, help="Keep the table.")]
Encoder = Annotated[str, typer.Option(metavar="NAME|FILE", help="Checkpoint that embeds the images.")]
Lander = Annotated[str, typer.Option(metavar="NAME|FILE", help="Checkpoint that clusters.")]
Baselines = Annotated[
    list[str] | None, typer.Option("--baseline", "-b", metavar="NAME", help="Only this one; may be repeated.")
]


def demo(
    out: Folder = Path("demo"),
    packaged: Packaged = False,
    device: Device = "auto",
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Train, cluster unseen classes, compare: a few minutes.

    Needs no network: the images are glyphs drawn here. Writes DIR/report.html, scores.csv and both models.
    """
    from .demo import run_demo

    check_writable(out)
    run_demo(out, packaged=packaged, seed=seed, device=device, progress=not quiet, say=silent if quiet else show)


def evaluate(
    data: Data = "glyphs",
    path: Copy = None,
    out: Table = None,
    encoder: Encoder = "glyphs-encoder",
    lander: Lander = "glyphs-lander",
    baseline: Baselines = None,
    device: Device = "auto",
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Score Hi-LANDER beside every baseline.

    On whole test sets, so the slow methods take their time. Baselines are tuned on meta-training classes, never on the
    test's. Prints the table.
    """
    from ..experiments.comparison import run_evaluation

    if out is not None:
        check_output(out, path, encoder, lander, ending=".csv")
    table = run_evaluation(
        out,
        data=data,
        path=path,
        encoder=encoder,
        lander=lander,
        baselines=baseline,
        seed=seed,
        device=device,
        progress=not quiet,
    )
    show(table.to_string(index=False, float_format="{:.3f}".format))
