"""How learning rates fall over a training."""

from __future__ import annotations

import math


def half_cosine(done: float | int, total: float | int = 1) -> float:
    """Part of the highest rate that is left: 1 at the start, 0 at the end, the steepest fall halfway.

    Formula: (1 + cos(pi done / total)) / 2. A function of the step alone, where torch's `CosineAnnealingLR` goes from
    one rate to the next: a run taken up again finds its rate from its epoch, bit by bit, with no schedule to be saved.

    Args:
        done: steps or epochs done, 0 to `total`.
        total: of the whole training; 1 where `done` is a share.

    Example:
        >>> [round(half_cosine(step, 4), 3) for step in range(5)]
        [1.0, 0.854, 0.5, 0.146, 0.0]

    Source: Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, without restarts.
    """
    return (1 + math.cos(math.pi * done / total)) / 2
