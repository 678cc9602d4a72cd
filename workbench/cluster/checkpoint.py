"""Models in files: safetensors weights with their configuration in the same file, written whole or not at all."""

from __future__ import annotations

import zipfile
from dataclasses import asdict
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._core.files import reading
from .._core.runtime import seeded, usual_torch
from .._core.state import SUFFIX, check_place, read_state, write_state
from .._core.validation import check_int, check_number
from ..decode.quality import QualityEnsemble
from ..decode.tree import check_decoder
from ..encoder.train import Encoder, EncoderConfig
from ..lander.config import InferenceConfig, LanderConfig, checked_settings
from ..lander.model import Lander

PACKAGED = ("glyphs-encoder", "glyphs-lander", "general", "faces-lander", "photos-lander")
OFFICIAL = (".pth", ".pt")  # endings of files that torch.save wrote
_NAMES = {"members": "ensemble_size"}  # of settings in older files


def save_checkpoint(model: Any, path: str | Path) -> None:
    """Save a LANDER or an encoder with everything needed to use it again.

    Args:
        model: the `Lander` or `Encoder` to save; of a fitted `HiLander` that is `lander_`.
        path: a file name; ".safetensors" by custom, and always where a file is replaced.

    Raises:
        TypeError: it is neither.
        ValueError: its decoder is a function.
        FileExistsError: at `path` is a file that does not end in ".safetensors".

    Example:
        >>> import tempfile, workbench as wb
        >>> file = tempfile.mkdtemp() + "/mine.safetensors"
        >>> wb.save_checkpoint(wb.Lander(wb.LanderConfig(hidden=8)), file)
        >>> wb.load_checkpoint(file).config.hidden
        8
    """
    if not isinstance(model, (Lander, Encoder)):
        cure = "; pass model.lander_ of the fitted one" if hasattr(type(model), "fit_predict") else ""
        raise TypeError(f"model: expected a Lander or an Encoder, got {type(model).__name__}{cure}")
    if isinstance(model, Encoder):
        settings: dict[str, Any] = {"kind": "encoder", "config": asdict(model.config)}
    else:
        settings = {"kind": "lander", **model.settings()}
        if callable(model.inference.decoder):
            raise ValueError("model: its decoder is a function, which cannot be saved; name one of DECODERS instead")
    check_place(path)
    write_state(path, model.state_dict(), settings)


def load_checkpoint(path: Any) -> Lander | Encoder:
    """A saved model, in evaluation mode, on the CPU.

    Args:
        path: a file, or the name of a packaged model: "general", "faces-lander", "photos-lander",
            "glyphs-lander" or "glyphs-encoder".

    Raises:
        FileNotFoundError: neither a file nor a packaged name.
        ValueError: a foreign, truncated or newer file; the message names what is wrong.

    Example:
        >>> import workbench as wb
        >>> wb.load_checkpoint("glyphs-lander").config.inputs
        'structural'
    """
    return _load(path, "path")


def _load(path: Any, name: str) -> Lander | Encoder:
    """`load_checkpoint`; errors call what was given by the argument that it came as."""
    expected = f"the path of a checkpoint or one of {', '.join(PACKAGED)}"
    if not isinstance(path, (str, Path)):
        raise TypeError(f"{name}: expected {expected}, got {path!r} ({type(path).__name__})")
    if str(path) in PACKAGED:
        with as_file(files("workbench.lander") / "weights" / f"{path}{SUFFIX}") as file:
            return _load(file, name)
    place = Path(path)
    if place.is_dir():  # an empty text, too, is one
        raise ValueError(f"{name}: expected {expected}, got the folder {str(path)!r}")
    if not place.exists():
        raise FileNotFoundError(f"{name}: no checkpoint at {path}; packaged ones are {', '.join(PACKAGED)}")
    if place.suffix in OFFICIAL and zipfile.is_zipfile(place):  # what torch.save writes
        raise ValueError(f"{name}: {place} looks like official weights; read them with workbench.lander.load_official")
    with usual_torch(), reading(place, "checkpoint"):
        tensors, settings = upgraded(*read_state(place))
        with torch.device("meta"):  # no memory is taken for sizes that the settings claim and the weights do not have
            _check_fit(tensors, _build(settings, len(tensors), f"{name}: {place}"), f"{name}: the weights in {place}")
        model = _build(settings, len(tensors), f"{name}: {place}")
        model.load_state_dict(tensors)
    return model.eval()


def _check_fit(tensors: dict[str, Tensor], model: Lander | Encoder, what: str) -> None:
    """Names, shapes and kinds of numbers of the weights in a file are those that its settings ask for."""
    wanted = model.state_dict()
    shapes = {name: list(value.shape) for name, value in wanted.items()}
    for name in sorted(shapes.keys() | tensors.keys()):
        there = list(tensors[name].shape) if name in tensors else None
        if there != shapes.get(name):
            raise ValueError(
                f"{what} do not fit their own settings: {name[:99]} is {there or 'missing'}, "
                f"{shapes.get(name) or 'unknown to them'} was expected; save or fetch the file anew"
            )
        if tensors[name].is_floating_point() != wanted[name].is_floating_point():
            kinds = f"{tensors[name].dtype}, {wanted[name].dtype} was expected"
            raise ValueError(f"{what} are of another kind: {name[:99]} is {kinds}; save or fetch the file anew")


def new_lander(config: LanderConfig, inference: InferenceConfig | None = None) -> Lander:
    """A LANDER with fresh weights, and with the quality ensemble that its config asks for.

    Example:
        >>> len(new_lander(LanderConfig.general()).ensemble.networks)
        4
    """
    model = Lander(config, inference)
    if config.ensemble_size:
        model.ensemble = QualityEnsemble(config.ensemble_size)
    return model


def upgraded(tensors: dict[str, Tensor], settings: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What a file holds under today's names: version 0.1 called the ensemble "forecaster", its networks "members" and
    the decoder "excess-of-mass" "mass".

    Example:
        >>> upgraded({}, {"kind": "lander", "config": {"members": 4}})[1]["config"]
        {'ensemble_size': 4}
    """
    renamed = {name.replace("forecaster.members.", "ensemble.networks."): value for name, value in tensors.items()}
    renamed = {name.replace("forecaster.", "ensemble."): value for name, value in renamed.items()}
    config = {_NAMES.get(name, name): value for name, value in settings.get("config", {}).items()}
    settings = {**settings, "config": config}
    if settings.get("inference", {}).get("decoder") == "mass":
        settings["inference"] = {**settings["inference"], "decoder": "excess-of-mass"}
    return renamed, settings


def load_encoder(path: Any) -> Encoder:
    """`load_checkpoint` where only an encoder will do.

    Raises:
        ValueError: the file holds a LANDER.

    Example:
        >>> load_encoder("glyphs-encoder").config.dim
        128
    """
    model = _load(path, "encoder")
    if isinstance(model, Encoder):
        return model
    raise ValueError(f"encoder: {path} holds a LANDER; expected an encoder, e.g. glyphs-encoder")


def load_lander(path: Any) -> Lander:
    """`load_checkpoint` where only a LANDER will do.

    Raises:
        ValueError: the file holds an encoder.

    Example:
        >>> load_lander("glyphs-lander").config.inputs
        'structural'
    """
    model = _load(path, "lander")
    if isinstance(model, Lander):
        return model
    raise ValueError(f"lander: {path} holds an encoder; expected a LANDER, e.g. glyphs-lander")


def _build(settings: dict[str, Any], most: int, what: str) -> Lander | Encoder:
    """The model that the settings ask for; never of more layers or networks than there are tensors."""
    kind = settings.get("kind")
    sizes = settings.get("config", {})
    for name in ("layers", "ensemble_size"):
        if sizes.get(name, 0) > most:
            raise ValueError(f"{what} claims {name}={sizes[name]} and holds {most} tensors only")
    if kind == "lander":
        inference = InferenceConfig.from_dict(settings["inference"])
        check_decoder(inference.decoder)
        config = LanderConfig.from_dict(settings["config"])
        lander: Lander = seeded(lambda: new_lander(config, inference), 0)  # leaves the global generator alone
        if "background" in settings:
            lander.background = check_number(settings["background"], "background", high=1.01)  # a mean cosine
        if "whitening" in settings:
            columns = check_int(settings["whitening"], "whitening")
            lander.whitening = torch.empty(columns, columns)
        return lander
    if kind == "encoder":
        values: dict[str, Any] = checked_settings(EncoderConfig, settings["config"])
        return Encoder(EncoderConfig(**{name: _tupled(value) for name, value in values.items()}))
    raise ValueError(f"{what} holds a {kind!r}; expected a 'lander' or an 'encoder'")


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # JSON has lists only, configs are hashable


def as_lander(given: Any) -> Lander:
    """A model as it is, or loaded from the path or name of its checkpoint.

    Raises:
        TypeError: it is neither.

    Example:
        >>> as_lander("general").inference.decoder
        'cut'
    """
    if isinstance(given, (str, Path)):
        return load_lander(given)
    if not isinstance(given, Lander):
        raise TypeError(
            f"lander: expected a Lander, a checkpoint of one, or None, got {type(given).__name__}; "
            f"train one with workbench.meta_train or load one with workbench.load_checkpoint"
        )
    return given
