"""Rows in small groups that are far apart: a gap between the distances within groups and those to the next group."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

# Chosen on round classes of 2 to 8 rows and on the kinds of data that may be looked at. In such classes hardly any
# distance lies in the gap. Of the kinds none has seven rows of ten without one there, but for two unions of kinds.
APART = 0.3  # of the reach: nearer neighbours are of one group; none is expected up to twice that
SCALES = (APART, 0.1, 0.03, 0.01)  # where a gap is looked for: of tight classes in few dimensions it lies lower
MOSTLY = 0.7  # of the rows: so many must have a near neighbour, and so many none in the gap


def near_before_gap(
    distance: Float[Tensor, "n k"], mask: Bool[Tensor, "n k"], reach: Float[Tensor, ""]
) -> Bool[Tensor, "n k"] | None:
    """Which neighbours are near, where nearly all rows lie in small groups far apart; None: they do not.

    Formula: near is what is nearer than s times the reach, s the first of 0.3, 0.1, 0.03, 0.01 that leaves a gap: seven
    rows of ten have such a neighbour, and seven of ten none between s and 2 s times the reach.

    Args:
        distance: of neighbours.
        mask: which of them there are.
        reach: the distance of rows of other groups.

    Example:
        >>> import torch
        >>> every = torch.ones(2, 2, dtype=torch.bool)
        >>> near_before_gap(torch.tensor([[0.1, 0.9], [0.1, 0.8]]), every, torch.tensor(1.0)).tolist()
        [[True, False], [True, False]]
        >>> near_before_gap(torch.tensor([[0.2, 0.4], [0.2, 0.4]]), every, torch.tensor(1.0)) is None
        True
    """
    for scale in SCALES:
        near = (distance < scale * reach) & mask
        in_gap = (distance < 2 * scale * reach) & mask & ~near
        if near.any(dim=1).sum() < MOSTLY * len(near):
            return None  # still fewer at smaller scales
        if in_gap.any(dim=1).sum() <= (1 - MOSTLY) * len(near):
            return near
    return None
