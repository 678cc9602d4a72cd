"""Candidate neighbours from products in half precision, for GPUs, which compute those many times faster."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import Tensor

# Columns that one maximum stands for. Larger groups write fewer maxima, but m groups of them are multiplied once more.
GROUP = 16

# Largest error of such a product of unit rows: 2^-10 from rounding its factors and 2^-12 from rounding the result make
# 1.22e-3; the rest is margin. A test builds the worst case.
ROUNDING = 1.5e-3


def groups_pay_off(n: int, m: int) -> bool:
    """Whether maxima of groups of n columns save work when the m best are wanted.

    The m best groups hold 16 m columns, which are read again: at most a quarter of all.
    """
    return n // GROUP >= 4 * m


def top_k(block: Tensor, m: int) -> tuple[Tensor, Tensor]:
    """The m highest values of each row, falling, and their columns.

    In wide rows they lie in the m groups of columns with the highest maxima, and those are found in the same way: the
    block is read once, while PyTorch's own `topk` reads it many times.

    Example:
        >>> [part.tolist() for part in top_k(torch.arange(1000.0)[None], 2)]
        [[[999.0, 998.0]], [[999, 998]]]
    """
    n = block.shape[1]
    if not groups_pay_off(n, m):
        return block.topk(m, dim=1)

    columns = _columns_of(top_k(_maxima(block, n // GROUP), m)[1], n)  # (q, 16 m + rest)
    value, place = block.gather(1, columns).topk(m, dim=1)
    return value, columns.gather(1, place)


def half_candidates(rows: Tensor, base: Tensor, m: int, itself: Tensor | None) -> tuple[Tensor, Tensor]:
    """The m highest products [q, m] of each row with `base`, falling, and their columns; errors are up to `ROUNDING`.

    Products are not kept: the best groups of columns are found by their maxima, then multiplied once more.

    Args:
        rows, base: unit rows [q, d] and [b, d] in half precision; `groups_pay_off(b, m + 1)`.
        m: length of the lists.
        itself: each row's own column, to be left out.
    """
    n = len(base)
    wide = m + (itself is not None)  # one group more: a row's own column may take the first place
    columns = _columns_of(top_k(group_maxima(rows, base, n // GROUP), wide)[1], n)  # (q, c)
    value = torch.bmm(base[columns], rows[:, :, None])[..., 0].float()  # (q, c)

    if itself is not None:
        value.masked_fill_(columns == itself[:, None], -torch.inf)
    value, place = value.topk(m, dim=1)
    return value, columns.gather(1, place)


def group_maxima(rows: Tensor, base: Tensor, n_groups: int) -> Tensor:
    """Highest product [q, g] of each row with each group of columns; group j: j, j + g ... j + (`GROUP` - 1) g.

    Groups are strided: their maxima are then elementwise maxima of `GROUP` contiguous slices of a block.
    """
    if rows.is_cuda and find_spec("triton"):
        from ._triton import maxima_in_one

        return maxima_in_one(rows.contiguous(), base.contiguous(), n_groups, GROUP)
    return _maxima(rows @ base[: n_groups * GROUP].T, n_groups)


def _maxima(block: Tensor, n_groups: int) -> Tensor:
    best: Tensor = block[:, : n_groups * GROUP].unflatten(1, (GROUP, n_groups)).amax(dim=1)  # (q, g)
    return best


def _columns_of(groups: Tensor, n: int) -> Tensor:
    """The columns of each row's groups, out of n columns, and the last few that are in no group."""
    g = n // GROUP
    inside = (groups[:, None] + g * torch.arange(GROUP, device=groups.device)[:, None]).flatten(1)
    rest = torch.arange(g * GROUP, n, device=groups.device).expand(len(groups), -1)
    return torch.cat([inside, rest], dim=1)
