"""Candidates for neighbours from products in half precision, for GPUs, which take those many times faster."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import Tensor

GROUP = 16  # columns that one maximum stands for
ROUNDING = 1.5e-3  # of such a product of unit rows, at most: 2^-10 of its factors, 2^-12 of the result, some to spare


def many(n: int, m: int) -> bool:
    """Whether groups of so many columns are worth while: they are many times the lists' length."""
    return n // GROUP >= 4 * m


def top_k(block: Tensor, m: int) -> tuple[Tensor, Tensor]:
    """The m highest values of each row, falling, and their columns: those of wide rows lie in the m groups of columns
    of highest maxima, which are found in the same way. (PyTorch's own `topk` reads its input many times.)

    Example:
        >>> [part.tolist() for part in top_k(torch.arange(1000.0)[None], 2)]
        [[[999.0, 998.0]], [[999, 998]]]
    """
    n = block.shape[1]
    if not many(n, m):
        return block.topk(m, dim=1)
    columns = _members(top_k(_maxima(block, n // GROUP), m)[1], n)
    value, place = block.gather(1, columns).topk(m, dim=1)
    return value, columns.gather(1, place)


def half_candidates(rows: Tensor, base: Tensor, m: int, itself: Tensor | None) -> tuple[Tensor, Tensor]:
    """The m highest products [q, m] of each row with `base`, falling, and their columns, but for `ROUNDING`.

    No product is kept: the best groups of columns are found by their maxima, products with those taken again.

    Args:
        rows, base: unit rows [q, d] and [b, d] in half precision; `many(b, m + 1)`.
        m: length of the lists.
        itself: each row's own column, to be left out.
    """
    n, wide = len(base), m + (itself is not None)
    columns = _members(top_k(group_maxima(rows, base, n // GROUP), wide)[1], n)
    value = torch.bmm(base[columns], rows[:, :, None])[..., 0].float()
    if itself is not None:
        value.masked_fill_(columns == itself[:, None], -torch.inf)
    value, place = value.topk(m, dim=1)
    return value, columns.gather(1, place)


def group_maxima(rows: Tensor, base: Tensor, n_groups: int) -> Tensor:
    """Highest product [q, g] of each row with each group of columns; group j: j, j + g ... j + (`GROUP` - 1) g."""
    if rows.is_cuda and find_spec("triton"):
        from ._triton import maxima_in_one

        return maxima_in_one(rows.contiguous(), base.contiguous(), n_groups, GROUP)
    return _maxima(rows @ base[: n_groups * GROUP].T, n_groups)


def _maxima(block: Tensor, n_groups: int) -> Tensor:
    best: Tensor = block[:, : n_groups * GROUP].unflatten(1, (GROUP, n_groups)).amax(dim=1)
    return best


def _members(groups: Tensor, n: int) -> Tensor:
    """Columns of each row's groups of n columns, and those at the end that are in no group."""
    g = n // GROUP
    inside = (groups[:, None] + g * torch.arange(GROUP, device=groups.device)[:, None]).flatten(1)
    rest = torch.arange(g * GROUP, n, device=groups.device).expand(len(groups), -1)
    return torch.cat([inside, rest], dim=1)
