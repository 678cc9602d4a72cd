"""`workbench cluster`: features in, labels of every level, tree, scores and a report out."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .shell import Device, Dim, EncoderName, Quiet, Seed, Size

if TYPE_CHECKING:
    from ..cluster.hilander import HiLander
    from ..lander.model import Lander

Features = Annotated[
    Path,
    typer.Argument(metavar="FEATURES", help=".npy, .npz, .parquet, .bin or .pkl file, or a folder of images by class."),
]
Folder = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", file_okay=False, help="Folder for the results.")]
LanderName = Annotated[str | None, typer.Option(metavar="NAME|FILE", help="Checkpoint; default general.")]
Official = Annotated[Path | None, typer.Option(metavar="FILE.pth", help="Official weights in its place.")]
Average = Annotated[
    bool | None, typer.Option("--average/--no-average", help="Official weights: do nodes read their average feature?")
]
Preset = Annotated[Literal["faces", "inat"] | None, typer.Option(help="Official weights: settings; default faces.")]
K = Annotated[int | None, typer.Option("--k", metavar="N", help="Neighbours per node, itself not counted.")]
Tau = Annotated[
    float | None, typer.Option(metavar="[0..1]", help="Higher gives finer clusters; default the model's own.")
]
DecoderName = Annotated[
    str | None, typer.Option("--decoder", metavar="NAME", help="cut, map-equation, excess-of-mass, tree ...")
]
MetricName = Annotated[
    str | None, typer.Option("--metric", metavar="NAME", help="cosine, or discriminant: shrink what varies nearby.")
]
Precision = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of the model's products: float32, or bfloat16 where it is faster.")
]
MaxLevels = Annotated[int | None, typer.Option(metavar="N", help="Most levels to run.")]
EarlyStop = Annotated[
    bool | None, typer.Option("--early-stop/--no-early-stop", help="Stop when links no longer shrink by the factor k.")
]
Format = Annotated[Literal["parquet", "csv"], typer.Option("--format", help="Of the tables.")]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Run on this Dask cluster, e.g. tcp://host:8786.")
]
Answers = Annotated[
    Path | None,
    typer.Option(
        "--constraints",
        metavar="FILE",
        help="Answers: .csv of first, second (rows), same (1 or 0); or saved corrections, .json.",
    ),
]
Report = Annotated[bool, typer.Option("--report/--no-report", help="Draw the map and write report.html.")]


def cluster(
    features: Features,
    out: Folder,
    lander: LanderName = None,
    official: Official = None,
    average: Average = None,
    preset: Preset = None,
    k: K = None,
    tau: Tau = None,
    max_levels: MaxLevels = None,
    early_stop: EarlyStop = None,
    decoder: DecoderName = None,
    metric: MetricName = None,
    precision: Precision = None,
    format: Format = "parquet",
    report: Report = True,
    encoder: EncoderName = "glyphs-encoder",
    size: Size = None,
    dim: Dim = None,
    device: Device = "auto",
    seed: Seed = 0,
    scheduler: Scheduler = None,
    constraints: Answers = None,
    quiet: Quiet = False,
) -> None:
    """Cluster features or images; no number of clusters needed.

    Settings that are not given are those stored with the model. Writes to DIR: labels (a row per item: cluster after
    each level, representative, confidence), clusters (a row per final cluster, the doubtful first), hierarchy (a row
    per cluster of every level), summary (a row per level), scores.json if classes are known, report.html.
    """
    from ..cluster.hilander import HiLander

    settings: dict[str, Any] = {"k": k, "max_levels": max_levels, "early_stop": early_stop, "decoder": decoder}
    settings |= {"metric": metric, "precision": precision, "device": device, "random_state": seed}
    model = _model(lander, official, average, preset)
    estimator = HiLander(model, tau="auto" if tau is None else tau, progress=not quiet, **settings)
    reading = {"encoder": encoder, "size": size, "dim": dim, "device": device, "progress": not quiet}
    with _cluster_of(scheduler) as estimator.client:
        said = _run(estimator, features, constraints, reading, out, {"format": format, "report": report, "seed": seed})
    if not quiet:
        typer.echo(f"{said}\nwritten to {out}")


def _run(
    estimator: HiLander,
    features: Path,
    constraints: Path | None,
    reading: dict[str, Any],
    out: Path,
    writing: dict[str, Any],
) -> str:
    """Read, cluster, write; in words what came of it."""
    from .reading import read_answers, read_items
    from .results import replacing, summary, write_results

    with replacing(out) as folder:
        pairs, corrections = read_answers(constraints)
        items = read_items(features, **reading)
        estimator.fit(items.features, **pairs)
        if corrections is not None:
            estimator.correct(corrections)
        write_results(folder, estimator, items, **writing)
    return summary(estimator, items)


def _cluster_of(scheduler: str | None) -> AbstractContextManager[Any]:
    """A client of the scheduler at this address; without one None."""
    if scheduler is None:
        return nullcontext()
    from .._core.provenance import need_dask

    need_dask("--scheduler")
    from ..cluster.dask.backend import connected

    return connected(scheduler)


def _model(
    lander: str | None, official: Path | None, average: bool | None, preset: Literal["faces", "inat"] | None
) -> Lander | str:
    if official is None:
        if average is not None or preset is not None:
            raise typer.BadParameter("--average and --preset go with --official weights only")
        return lander or "general"
    if lander is not None:
        raise typer.BadParameter("give --lander or --official, not both")
    from ..lander.official import load_official

    return load_official(official, average=average, preset=preset or "faces")
