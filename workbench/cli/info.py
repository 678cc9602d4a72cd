"""`workbench info`: this installation, or one file."""

from __future__ import annotations

import platform
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

import typer

from .shell import show

SHOWN = ("torch", "torch-geometric", "numpy", "scikit-learn", "pandas", "plotly")
What = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A checkpoint, or a file of features.")]


def info(file: What = None) -> None:
    """Describe this installation, or a file.

    Versions, device, packaged models and cached data; or what the checkpoint or feature file FILE holds.
    """
    show("\n".join(_about_file(file) if file else _about_installation()))


def _about_installation() -> list[str]:
    import torch

    from .. import __version__
    from .._core.files import data_home
    from .._core.runtime import resolve_device
    from ..cluster.checkpoint import PACKAGED

    device = resolve_device()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    lines = [f"workbench {__version__}, Python {platform.python_version()}"]
    lines += [f"  {package} {version(package)}" for package in SHOWN]
    lines += [f"device: {device} ({name})", "packaged models:"]
    for model in PACKAGED:
        with as_file(files("workbench.lander") / "weights" / f"{model}.safetensors") as file:
            lines += [f"  {line}" for line in _about_checkpoint(file)] if file.exists() else [f"  {model}: missing"]
    return lines + _about_cache(data_home())


def _about_cache(home: Path) -> list[str]:
    """A line per folder: of photographs alone there may be thousands of files."""
    sizes: dict[str, list[int]] = {}
    for path in sorted(home.rglob("*")):
        if path.is_file():
            inside = path.relative_to(home).parts[:-1]
            sizes.setdefault("/".join(inside[:2]) or ".", []).append(path.stat().st_size)
    folders = [
        f"  {folder}  {len(of)} file{'' if len(of) == 1 else 's'}, {_size(sum(of))}" for folder, of in sizes.items()
    ]
    return [f"data: {home}" + ("" if sizes else " (nothing cached yet)"), *folders]


def _about_file(file: Path) -> list[str]:
    from .._core.state import holds_state

    if holds_state(file):
        return _about_checkpoint(file)
    from ..cluster.checkpoint import OFFICIAL

    if file.suffix in OFFICIAL:
        from ..lander.official import load_official

        return [f"{file.stem}: official LANDER, {_bytes(file)}", f"  config: {load_official(file).config}"]
    import numpy as np

    from ..data import load_features

    data = load_features(file)
    lines = [repr(data), f"  fingerprint: {data.fingerprint}"]
    if data.labels is None:
        return lines
    sizes = np.unique(data.labels, return_counts=True)[1]
    return [*lines, f"  items per class: {sizes.min()} to {sizes.max()}, median {np.median(sizes):g}"]


def _about_checkpoint(file: Path) -> list[str]:
    from .._core.state import read_state

    tensors, settings = read_state(file)
    numbers = sum(tensor.numel() for tensor in tensors.values())
    head = f"{file.stem}: {settings.pop('kind')}, {numbers:,} numbers, {_bytes(file)}"
    return [head, *(f"  {name}: {_flat(value)}" for name, value in settings.items())]


def _flat(value: Any) -> str:
    """A group of settings, or the size of a table, in one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name}={inner}" for name, inner in value.items())
    return f"{len(value)} rows" if isinstance(value, list) else str(value)


def _bytes(file: Path) -> str:
    return _size(file.stat().st_size)


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
