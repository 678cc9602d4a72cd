"""`workbench cluster`: features in, labels of every level, tree, scores and a report out."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .shell import Device, Dim, EncoderName, Quiet, Seed, Size, show

if TYPE_CHECKING:
    from ..cluster.hilander import HiLander
    from ..encoder import Embedded
    from ..lander.model import Lander
    from .reading import Items

Features = Annotated[
    Path | None,
    typer.Argument(metavar="FEATURES", help=".npy, .npz, .parquet, .bin or .pkl file, or a folder of images by class."),
]
Faces = Annotated[
    Path | None,
    typer.Option(
        metavar="PHOTOS", file_okay=False, exists=True, help="In place of FEATURES: a folder of photographs, to people."
    ),
]
Photos = Annotated[
    Path | None,
    typer.Option(
        metavar="PHOTOS", file_okay=False, exists=True, help="In place of FEATURES: a folder of photographs, to kinds."
    ),
]
Cut = Annotated[bool, typer.Option("--cut", help="With --faces: each picture is one face that is cut already.")]
PersonalData = Annotated[
    bool, typer.Option("--personal-data", help="With --faces, once: you may process these people's faces.")
]
Links = Annotated[bool, typer.Option("--links", help="With --faces or --photos: a folder of links per cluster.")]
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
    out: Folder,
    features: Features = None,
    faces: Faces = None,
    photos: Photos = None,
    cut: Cut = False,
    personal_data: PersonalData = False,
    links: Links = False,
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
    """Cluster features, images or photographs; no number of clusters needed.

    Settings that are not given are those stored with the model. Writes to DIR: labels (a row per item: cluster after
    each level, representative, confidence), clusters (a row per final cluster, the doubtful first), hierarchy (a row
    per cluster of every level), summary (a row per level), scores.json if classes are known, report.html. Of
    photographs also photographs.csv (file, box, cluster, confidence) and skipped.csv.
    """
    source = _Source(features, faces, photos, cut, personal_data, links)
    settings: dict[str, Any] = {"k": k, "max_levels": max_levels, "early_stop": early_stop, "decoder": decoder}
    settings |= {"metric": metric, "precision": precision, "device": device, "random_state": seed}
    estimator = _estimator(_model(lander, official, average, preset), tau, quiet, settings)
    reading = {"encoder": encoder, "size": size, "dim": dim, "device": device, "progress": not quiet}
    writing = {"format": format, "report": report, "seed": seed}
    with _cluster_of(scheduler) as estimator.client:
        said = _run(estimator, source, constraints, reading, out, writing)
    if not quiet:
        show(f"{said}\nwritten to {out}")


def _estimator(model: Lander | str, tau: float | None, quiet: bool, settings: dict[str, Any]) -> HiLander:
    from ..cluster.checkpoint import as_lander
    from ..cluster.hilander import HiLander
    from ..cluster.predictors import level_decoder
    from ..graph.knn import knn

    model = as_lander(model)
    changes = {name: settings[name] for name in ("k", "max_levels", "early_stop", "decoder", "metric", "precision")}
    chosen = model.inference.override(tau=tau, **changes)  # refuses a wrong one before anything is read or embedded
    level_decoder(chosen.decoder, model.predict, knn, model.ensemble)  # likewise
    return HiLander(model, tau="auto" if tau is None else tau, progress=not quiet, **settings)


@dataclass(frozen=True)
class _Source:
    """What is clustered: one of a file of features, photographs with faces, photographs of anything."""

    features: Path | None
    faces: Path | None
    photos: Path | None
    cut: bool
    personal_data: bool
    links: bool

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.features, self.faces, self.photos)) != 1:
            raise typer.BadParameter("give one of FEATURES, --faces PHOTOS, --photos PHOTOS")
        if self.faces is None and (self.cut or self.personal_data):
            raise typer.BadParameter("--cut and --personal-data go with --faces only")
        if self.features is not None and self.links:
            raise typer.BadParameter("--links goes with --faces or --photos only")

    def read(self, reading: dict[str, Any]) -> tuple[Items, Embedded | None]:
        """The items and, of photographs, which file and box each is."""
        from .photographs import check_personal_data, read_photographs
        from .reading import read_items

        if self.features is not None:
            return read_items(self.features, **reading), None
        if self.faces is not None:
            check_personal_data(self.personal_data)
        folder = self.faces or self.photos
        options = {name: reading[name] for name in ("device", "progress")}
        return read_photographs(Path(folder or ""), faces=self.faces is not None, cut=self.cut, **options)


def _run(
    estimator: HiLander,
    source: _Source,
    constraints: Path | None,
    reading: dict[str, Any],
    out: Path,
    writing: dict[str, Any],
) -> str:
    """Read, cluster, write; in words what came of it."""
    from .photographs import SKIPPED, write_photographs
    from .reading import fit_answered, read_answers
    from .results import check_inputs, replacing, summary, write_results

    check_inputs(out, source.features, source.faces, source.photos, constraints)
    with replacing(out) as folder:
        pairs, corrections = read_answers(constraints)
        items, photographs = source.read(reading)
        fit_answered(estimator, items.features, constraints, pairs, corrections)
        write_results(folder, estimator, items, **writing)
        if photographs is not None:
            write_photographs(folder, estimator, photographs, links=source.links)
    said = summary(estimator, items)
    if photographs is not None and len(photographs.skipped):
        said += f"\n{len(photographs.skipped)} files skipped: see {out / SKIPPED}"
    return said


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
