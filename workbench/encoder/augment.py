"""Random changes of a picture that leave its class as it was."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from .network import EncoderConfig


def _uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def augment(x: Float[Tensor, "n 1 s s"], config: EncoderConfig, generator: torch.Generator) -> Float[Tensor, "n 1 s s"]:
    """Turn, zoom, slant and shift each picture, fade its ink, add grain and erase a part, by its own random amounts.

    The amounts are drawn on the CPU, so that the same seed gives the same pictures on every device.

    Args:
        x: grey pictures in [0, 1]; left as they are.
        config: the largest amounts.
        generator: a CPU generator.

    Returns:
        New pictures in [0, 1].

    Example:
        >>> x = torch.ones(2, 1, 8, 8)
        >>> augment(x, EncoderConfig(), torch.Generator().manual_seed(0)).shape
        torch.Size([2, 1, 8, 8])
    """
    grid = F.affine_grid(_affine(len(x), config, generator).to(x.device), list(x.shape), align_corners=False)
    moved = F.grid_sample(x, grid, align_corners=False)  # (n, 1, s, s)

    ink = 1 - _uniform(generator, 0.0, config.contrast, len(x), 1, 1, 1)
    strength = _uniform(generator, 0.0, config.noise, len(x), 1, 1, 1)
    grain = strength * torch.randn(x.shape, generator=generator)
    visible = _visible(len(x), x.shape[-1], config.erase, generator)
    return ((moved * ink.to(x.device) + grain.to(x.device)) * visible.to(x.device)).clamp(0, 1)


def _affine(n: int, config: EncoderConfig, generator: torch.Generator) -> Float[Tensor, "n 2 3"]:
    """Where each output pixel comes from: rotation x shear x zoom, and a shift; the picture spans -1 to 1."""
    angle = _uniform(generator, -1.0, 1.0, n) * math.radians(config.rotation)
    shear = _uniform(generator, -config.shear, config.shear, n)
    zoom = torch.exp(_uniform(generator, -config.zoom, config.zoom, n, 1, 2))
    shift = 2 * _uniform(generator, -config.shift, config.shift, n, 2, 1)
    cos = angle.cos()
    sin = angle.sin()
    turned = torch.stack([cos, shear * cos - sin, sin, shear * sin + cos], dim=1).view(n, 2, 2)
    return torch.cat([turned * zoom, shift], dim=2)


def _visible(n: int, side: int, chance: float, generator: torch.Generator) -> Float[Tensor, "n 1 s s"]:
    """0 in the erased rectangle, 1 elsewhere; `chance` is the share of pictures that have one."""
    # Height and width are 0.1 to 0.4 of the side: enough to hide a stroke, not the character. Other ranges: no record.
    middle = _uniform(generator, 0.0, 1.0, n, 2, 1)
    half = _uniform(generator, 0.05, 0.2, n, 2, 1)
    erased = _uniform(generator, 0.0, 1.0, n, 1, 1) < chance
    centre = (torch.arange(side) + 0.5) / side
    row, column = ((centre - middle).abs() < half).unbind(1)
    inside = row[:, :, None] & column[:, None, :] & erased
    return 1 - inside[:, None].float()
