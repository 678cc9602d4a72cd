"""`workbench train`: a LANDER, and on glyphs the encoder before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .._core.files import naming_file
from .shell import (
    INTERRUPTED,
    Device,
    Dim,
    EncoderName,
    Quiet,
    Seed,
    Size,
    check_output,
    say,
    show,
    stop_on_interrupt,
)

if TYPE_CHECKING:
    from ..encoder.train import Encoder
    from ..lander.config import LanderConfig
    from ..train.config import TrainConfig

Data = Annotated[Literal["glyphs"] | None, typer.Option(help="Built-in data set (the default).")]
Features = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Your own labelled features, or a folder of images by class.")
]
General = Annotated[bool, typer.Option("--general", help="The general model, for embeddings of any kind.")]
Omniglot = Annotated[
    Path | None, typer.Option(metavar="PATH", help="With --general: a local copy of Omniglot; else it is downloaded.")
]
Kinds = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="With --general: real kinds, NAME.npz with features and labels (datasets/kinds builds some).",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="DIR|FILE", help="Glyphs: a folder [models]; else a file [NAME-lander]."),
]
Preset = Annotated[
    Literal["default", "published", "cut"],
    typer.Option(
        help="published: the article's model and recipe. cut: links and a learned cut, for many small classes."
    ),
]
Epochs = Annotated[int | None, typer.Option(min=1, metavar="N", help="Of the LANDER; default: the preset's.")]
EncoderEpochs = Annotated[int | None, typer.Option(min=1, metavar="N", help="Of the glyphs encoder.")]
Precision = Annotated[
    Literal["float32", "bfloat16"],
    typer.Option(help="Of training's matrix products; bfloat16: faster on some machines."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run, to the same result.")]


@dataclass(frozen=True)
class _Run:
    """What the parts of a run have in common."""

    preset: str
    epochs: int | None
    resume: bool
    device: str
    seed: int
    progress: bool
    precision: str

    def recipe(self) -> tuple[LanderConfig, TrainConfig]:
        from .. import LanderConfig, TrainConfig

        published = self.preset == "published"
        config = LanderConfig.published() if published else LanderConfig()
        training = TrainConfig.published() if published else TrainConfig()
        return config, training if self.epochs is None else replace(training, epochs=self.epochs)


def train(
    data: Data = None,
    features: Features = None,
    general: General = False,
    omniglot: Omniglot = None,
    kinds: Kinds = None,
    out: Out = None,
    preset: Preset = "default",
    epochs: Epochs = None,
    encoder_epochs: EncoderEpochs = None,
    resume: Resume = False,
    encoder: EncoderName = "glyphs-encoder",
    size: Size = None,
    dim: Dim = None,
    device: Device = "auto",
    seed: Seed = 0,
    precision: Precision = "float32",
    quiet: Quiet = False,
) -> None:
    """Train an encoder and a LANDER, a LANDER on your features, or the general model.

    The classes that you cluster later must be others. Without --features: an encoder on the glyphs classes `encoder`,
    then a LANDER on `meta-train`, validated on `meta-val`; writes DIR/glyphs-encoder.safetensors and
    DIR/glyphs-lander.safetensors. With --features: a LANDER that keeps a fifth of the classes aside for validation.
    Ctrl-C saves the best model so far; --resume goes on (--preset cut: neither). With --general:
    DIR/general.safetensors, links and cut learned on sets drawn from glyphs, Omniglot's background and nothing, and
    with --kinds more than half of them from real kinds, as the packaged model was; in one go.
    """
    run = _Run(preset, epochs, resume, device, seed, not quiet, precision)
    _check_general(general, kinds, (features, data, encoder_epochs), run)
    if general:
        _train_general(out or Path("models"), omniglot, kinds, encoder, run)
        return
    if features is None:
        _train_on_glyphs(out or Path("models"), encoder_epochs, run)
        return
    if data is not None or encoder_epochs is not None:
        raise typer.BadParameter("--data and --encoder-epochs do not go with --features")
    from .reading import read_items

    place = out or Path(f"{features.stem}-lander.safetensors")
    _check_place(place, run, features, encoder)
    items = read_items(features, encoder=encoder, size=size, dim=dim, device=device, progress=not quiet)
    if items.labels is None:
        raise ValueError(f"features: {features} has no labels to learn from; see workbench.data.load_features")
    _check_classes(features, len(set(items.labels.tolist())), 4 if preset == "cut" else 3)
    with naming_file(features, ValueError):
        _train_lander(place, (items.features, items.labels), None, run)


def _check_classes(file: Path, n: int, least: int) -> None:
    """That some classes can be held out, and two are left."""
    if n < least:
        held = "of which some are held out for validation"
        raise ValueError(f"features: expected at least {least} classes in {file}, {held}, got {n}; add classes")


def _check_general(general: bool, kinds: Path | None, others: tuple[Any, ...], run: _Run) -> None:
    """Refuse options that do not go together with --general, or without it."""
    if not general and kinds is not None:
        raise typer.BadParameter("--kinds goes with --general only")
    plain = run.preset == "default" and not run.resume and run.precision == "float32"
    if run.preset == "cut" and (run.epochs is not None or run.resume or run.precision != "float32"):
        raise typer.BadParameter("--epochs, --resume and --precision do not go with --preset cut")
    if general and (any(one is not None for one in others) or not plain):
        named = "--omniglot, --kinds, --out, --epochs, --encoder, --device and --seed"
        raise typer.BadParameter(f"--general goes with {named} only")


def _train_on_glyphs(folder: Path, encoder_epochs: int | None, run: _Run) -> None:
    from .. import load

    place = folder / "glyphs-lander.safetensors"
    _check_place(place, run)
    encoder = _glyphs_encoder(folder / "glyphs-encoder.safetensors", encoder_epochs, run)
    sets = (load("glyphs", split, seed=run.seed) for split in ("meta-train", "meta-val"))
    learn, held_out = ((encoder.embed(s.images, device=run.device, progress=run.progress), s.labels) for s in sets)
    _train_lander(place, learn, held_out, run)


def _train_general(folder: Path, omniglot: Path | None, kinds: Path | None, encoder: str | Path, run: _Run) -> None:
    from .. import save_checkpoint
    from .._core.tables import write_csv
    from ..cluster.checkpoint import load_encoder
    from ..train.general.kinds import read_kinds
    from ..train.general.sets import GeneralConfig
    from ..train.general.sources import general_sources
    from ..train.general.train import train_general

    for name in ("general.safetensors", "general-history.csv"):
        check_output(folder / name, encoder, omniglot)
    recipe = GeneralConfig() if run.epochs is None else GeneralConfig(epochs=run.epochs)
    real = [] if kinds is None else list(read_kinds(kinds).values())
    where: dict[str, Any] = {"seed": run.seed, "device": run.device, "progress": run.progress}
    sources = general_sources(load_encoder(encoder), omniglot=omniglot, **where)
    lander = train_general(sources, kinds=real, training=recipe, **where)
    save_checkpoint(lander, folder / "general.safetensors")
    write_csv(lander.history, folder / "general-history.csv")
    if run.progress:
        show(f"{folder / 'general.safetensors'}: {lander.n_parameters} parameters")


def _glyphs_encoder(path: Path, epochs: int | None, run: _Run) -> Encoder:
    from .. import EncoderConfig, load, save_checkpoint, train_encoder
    from ..cluster.checkpoint import load_encoder

    if run.resume and path.exists():
        return load_encoder(path)
    check_output(path)
    config = EncoderConfig() if epochs is None else EncoderConfig(epochs=epochs)
    images = load("glyphs", "encoder", seed=run.seed)
    encoder = train_encoder(images, config=config, seed=run.seed, device=run.device, progress=run.progress)
    save_checkpoint(encoder, path)
    return encoder


def _train_cut(path: Path, learn: tuple[Any, Any], held_out: tuple[Any, Any] | None, run: _Run) -> None:
    from .. import save_checkpoint
    from ..train.general.one_kind import meta_train_cut

    lander = meta_train_cut(*learn, validation=held_out, seed=run.seed, device=run.device, progress=run.progress)
    save_checkpoint(lander, path)
    if run.progress:
        best = lander.tau_curve["bcubed_f"].max()
        chosen = f"tau {lander.inference.tau:g}, metric {lander.inference.metric}"
        show(f"{path}: validation BCubed F {best:.4f} at {chosen}")


def _state(path: Path) -> Path:
    """Where an interrupted run is kept: beside the model."""
    return path.with_suffix(".run.safetensors")


def _check_place(path: Path, run: _Run, *inputs: Path | str) -> None:
    """That the model can be written there, and that no input, no other file and no interrupted run would be lost."""
    from .._core.state import check_name, check_place

    if run.preset != "cut" and _state(path).exists() and not run.resume:
        raise FileExistsError(f"resume: {_state(path)} holds an interrupted run; go on with --resume, or remove it")
    check_name(path)
    check_output(path, *inputs)
    check_output(_state(path), *inputs)
    check_place(path)


def _train_lander(path: Path, learn: tuple[Any, Any], held_out: tuple[Any, Any] | None, run: _Run) -> None:
    """Meta-train and save; the run's state lies beside the model until the run is complete."""
    if run.preset == "cut":
        _train_cut(path, learn, held_out, run)
        return
    from .. import meta_train, save_checkpoint

    state = _state(path)
    if run.resume and not state.exists():
        say(f"--resume: no interrupted run at {state}; training from the start")
    config, training = run.recipe()
    with stop_on_interrupt() as stopped:
        lander = meta_train(
            *learn,
            config,
            training=training,
            validation=held_out,
            seed=run.seed,
            device=run.device,
            precision=run.precision,
            state=state,
            stop=stopped,
            progress=run.progress,
        )
    save_checkpoint(lander, path)
    if stopped():
        say(f"interrupted: the best model so far is {path}; --resume goes on")
        raise typer.Exit(INTERRUPTED)
    state.unlink(missing_ok=True)
    if run.progress:
        best = lander.history["val_bcubed_f"].max()
        show(f"{path}: validation BCubed F {best:.4f} at tau {lander.inference.tau:g}")
