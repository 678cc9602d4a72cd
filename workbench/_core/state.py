"""Tensors and settings in one safetensors file, written completely or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .files import atomic_path

_KEY = "workbench"


def write_state(path: str | Path, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> None:
    """Write tensors and JSON-able settings to one safetensors file; a failure leaves an existing file as it was."""
    # contiguous: safetensors takes no strides
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as part:
        try:
            save_file(plain, part, metadata={_KEY: json.dumps(settings)})
        except SafetensorError as error:  # a full disk, too, is reported as this
            raise OSError(f"path: {path} could not be written ({error})") from error


def read_state(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_state` wrote: tensors and settings.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a safetensors file, cut short, or not written by the workbench.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"path: no file of weights at {file}")
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            # opened is not a mapping: it has keys, but cannot be iterated over
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"path: {file} is not a whole safetensors file ({error}); fetch or save it again") from error
    if _KEY not in metadata:
        raise ValueError(
            f"path: {file} holds weights but no workbench settings; official weights are read by wb.load_official"
        )
    return tensors, json.loads(metadata[_KEY])
