"""Tensors and settings in one safetensors file, written whole or not at all."""

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
        raise FileNotFoundError(f"path: no file of weights at {file}")
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
