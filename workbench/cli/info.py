"""`workbench info`: this installation, or one file."""

from __future__ import annotations

import platform
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

import typer

SHOWN = ("torch", "torch-geometric", "numpy", "scikit-learn", "pandas", "plotly")
OFFICIAL = (".pth", ".pt")
What = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A checkpoint, or a file of features.")]


def info(file: What = None) -> None:
    """Describe this installation, or a file.

    Versions, device, packaged models and cached data; or what the checkpoint or feature file FILE holds.
    """
    typer.echo("\n".join(_about_file(file) if file else _about_installation()))


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
    home = data_home()
    cached = sorted(path for path in home.rglob("*") if path.is_file())
    lines += [f"data: {home}" + ("" if cached else " (nothing cached yet)")]
    return lines + [f"  {path.relative_to(home)}  {_bytes(path)}" for path in cached]


def _about_file(file: Path) -> list[str]:
    if file.suffix == ".safetensors":
        return _about_checkpoint(file)
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
    size = file.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
