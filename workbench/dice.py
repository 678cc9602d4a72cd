"""Draws from one seeded generator, as training sets are made of: numbers on a scale, sizes of classes."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Dice:
    """Draws from one seeded generator."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def uniform(self, low: float | int = 0, high: float | int = 1) -> float:
        """Evenly between two numbers."""
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def scale(self, low: float | int, high: float | int) -> float:
        """Evenly between two positive numbers on a logarithmic scale."""
        return math.exp(self.uniform(math.log(low), math.log(max(low, high))))

    def happens(self, share: float | int) -> bool:
        """True in that share of draws."""
        return self.uniform() < share

    def below(self, n: int, *shape: int) -> Int[Tensor, ...]:
        """Integers 0 .. n - 1."""
        return torch.randint(max(1, n), shape, generator=self.generator)

    def normal(self, *shape: int) -> Float[Tensor, ...]:
        """Standard normal numbers."""
        return torch.randn(*shape, generator=self.generator)

    def even(self, *shape: int) -> Float[Tensor, ...]:
        """Numbers evenly in [0, 1)."""
        return torch.rand(*shape, generator=self.generator)

    def order(self, n: int) -> Int[Tensor, " n"]:
        """A permutation."""
        return torch.randperm(n, generator=self.generator)


def class_sizes(dice: Dice, classes: int, n: int) -> Int[Tensor, " classes"]:
    """Sizes that sum to about n: equal, log-normal or by a power law; at least 1.

    Example:
        >>> int(class_sizes(Dice(0), 4, 100).sum()) in range(96, 105)
        True
    """
    kind = int(dice.below(3))
    if kind == 0:
        weight = torch.ones(classes)
    elif kind == 1:
        weight = torch.exp(dice.normal(classes) * dice.uniform(0.3, 1.5))
    else:
        weight = torch.arange(1.0, classes + 1) ** -dice.uniform(0.5, 1.3)
    return (weight / weight.sum() * n).round().long().clamp(min=1)
