"""Models in files: safetensors weights with their configuration in the same file, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ._checks import seeded
from ._files import atomic_path
from .config import InferenceConfig, LanderConfig, known_settings
from .encoder import Encoder, EncoderConfig
from .lander import Lander

PACKAGED = ("glyphs-encoder", "glyphs-lander", "general")
_KEY = "workbench"
_SUFFIX = ".safetensors"


def write_state(path: str | Path, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> None:
    """Tensors and JSON-able settings in one safetensors file; an existing file is replaced only by a whole one."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as part:
        try:
            save_file(whole, part, metadata={_KEY: json.dumps(settings)})
        except SafetensorError as error:  # how it tells of a full disk
            raise OSError(f"path: {path} could not be written ({error})") from error


def read_state(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write_state` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a safetensors file, cut short, or not written by the workbench.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"path: no checkpoint at {file}; packaged ones are {', '.join(PACKAGED)}")
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a mapping)
    except SafetensorError as error:
        raise ValueError(f"path: {file} is not a whole safetensors file ({error}); fetch or save it again") from error
    if _KEY not in metadata:
        raise ValueError(
            f"path: {file} holds weights but no workbench settings; official weights are read by wb.load_official"
        )
    return tensors, json.loads(metadata[_KEY])


def save_checkpoint(model: Lander | Encoder, path: str | Path) -> None:
    """Save a LANDER or an encoder with everything needed to use it again.

    Args:
        model: what to save.
        path: a file name; ".safetensors" by custom.

    Example:
        >>> import tempfile, workbench as wb
        >>> file = tempfile.mkdtemp() + "/mine.safetensors"
        >>> wb.save_checkpoint(wb.Lander(wb.LanderConfig(hidden=8)), file)
        >>> wb.load_checkpoint(file).config.hidden
        8
    """
    if isinstance(model, Encoder):
        settings: dict[str, Any] = {"kind": "encoder", "config": asdict(model.config)}
    else:
        settings = {"kind": "lander", **model.settings()}
        if callable(model.inference.decoder):
            raise ValueError("model: its decoder is a function, which cannot be saved; name one of DECODERS instead")
    write_state(path, model.state_dict(), settings)


def load_checkpoint(path: str | Path) -> Lander | Encoder:
    """A saved model, in evaluation mode, on the CPU.

    Args:
        path: a file, or the name of a packaged model: "general", "glyphs-lander" or "glyphs-encoder".

    Raises:
        FileNotFoundError: neither a file nor a packaged name.
        ValueError: a foreign, truncated or newer file; the message names what is wrong.

    Example:
        >>> import workbench as wb
        >>> wb.load_checkpoint("glyphs-lander").config.inputs
        'structural'
    """
    if str(path) in PACKAGED:
        with as_file(files("workbench") / "checkpoints" / f"{path}{_SUFFIX}") as file:
            return load_checkpoint(file)
    tensors, settings = read_state(path)
    model = _build(settings, path)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"path: the weights in {path} do not fit their own settings ({error})") from error
    return model.eval()


def load_encoder(path: str | Path) -> Encoder:
    """`load_checkpoint` where only an encoder will do.

    Raises:
        ValueError: the file holds a LANDER.

    Example:
        >>> load_encoder("glyphs-encoder").config.dim
        128
    """
    model = load_checkpoint(path)
    if isinstance(model, Encoder):
        return model
    raise ValueError(f"encoder: {path} holds a LANDER; expected an encoder, e.g. glyphs-encoder")


def load_lander(path: str | Path) -> Lander:
    """`load_checkpoint` where only a LANDER will do.

    Raises:
        ValueError: the file holds an encoder.

    Example:
        >>> load_lander("glyphs-lander").config.inputs
        'structural'
    """
    model = load_checkpoint(path)
    if isinstance(model, Lander):
        return model
    raise ValueError(f"lander: {path} holds an encoder; expected a LANDER, e.g. glyphs-lander")


def _build(settings: dict[str, Any], path: str | Path) -> Lander | Encoder:
    kind = settings.get("kind")
    if kind == "lander":
        inference = InferenceConfig.from_dict(settings["inference"])
        config = LanderConfig.from_dict(settings["config"])
        return seeded(lambda: Lander(config, inference), 0)  # the weights come next: leave the global generator alone
    if kind == "encoder":
        values: dict[str, Any] = known_settings(EncoderConfig, settings["config"])
        return Encoder(EncoderConfig(**{name: _tupled(value) for name, value in values.items()}))
    raise ValueError(f"path: {path} holds a {kind!r}; expected a 'lander' or an 'encoder'")


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
