"""Tensors and settings in one safetensors file, written completely or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .files import atomic_path, check_kind, reading, regular_file
from .full_disk import of_compiled
from .names import readable

_KEY = "workbench"
SUFFIX = ".safetensors"


def write_state(path: str | Path, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> None:
    """Write tensors and JSON-able settings to one safetensors file; a failure leaves an existing file as it was."""
    check_name(path)
    # contiguous: safetensors takes no strides
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as part:
        try:
            save_file(plain, part, metadata={_KEY: json.dumps(settings)})
        except SafetensorError as error:  # a full disk, too, is reported as this
            raise of_compiled(error, path) from error


def read_state(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_state` wrote: tensors and settings.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a safetensors file, cut short, not written by the workbench, or with a number that is none.
    """
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"path: no file of weights at {file}")
    check_name(file)
    with reading(file, "safetensors file"):
        with safe_open(regular_file(file), framework="pt") as opened:
            metadata = opened.metadata() or {}
            # opened is not a mapping: it has keys, but cannot be iterated over
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if _KEY not in metadata:
            raise ValueError(
                f"path: {file} holds weights but no workbench settings; official weights are read by wb.load_official"
            )
        settings = json.loads(metadata[_KEY])
        if not isinstance(settings, dict):
            raise ValueError(f"expected settings by name, got a {type(settings).__name__}")
        check_finite(tensors, file)
    return tensors, settings


def check_name(file: str | Path) -> None:
    """The library of these files opens no name that is not UTF-8.

    Raises:
        ValueError: this is one.

    Example:
        >>> check_name("café.safetensors")
    """
    if readable(file) != str(file):
        raise ValueError(f"path: expected a name in UTF-8 for a file of weights, got {readable(file)}; rename it")


def holds_state(file: str | Path) -> bool:
    """Whether a file is one of weights, by its name or, whatever its name, by how it begins: the length of a header in
    eight bytes, then JSON.

    Example:
        >>> holds_state("a.safetensors"), holds_state("not-there")
        (True, False)
    """
    place = Path(file)
    if place.suffix == SUFFIX:
        return True
    if not place.is_file():
        return False
    with place.open("rb") as opened:
        head = opened.read(9)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") <= place.stat().st_size


def check_place(file: str | Path) -> None:
    """What a file of weights would replace is one, too.

    Raises:
        FileExistsError: it is a file of another kind.

    Example:
        >>> check_place("not-there.npz")
    """
    if not holds_state(file):
        check_kind(file, SUFFIX)


def check_finite(tensors: Mapping[str, Tensor], where: object) -> None:
    """Refuse weights with NaN or infinity: every number that follows from them would be wrong, or never come.

    Raises:
        ValueError: names the tensor.

    Example:
        >>> import torch
        >>> check_finite({"w": torch.tensor([1.0, float("nan")])}, "a.safetensors")
        Traceback (most recent call last):
        ValueError: a.safetensors: w holds NaN or infinity; train or fetch these weights anew
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"{where}: {name} holds NaN or infinity; train or fetch these weights anew")
