"""Exact search where rows repeat: only distinct rows are searched, and their lists are spread over all rows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .distinct import DistinctRows
from .exact import clipped, row_chunks

Search = Callable[[Tensor, int], tuple[Tensor, Tensor]]


def search_distinct(features: Tensor, k: int, search: Search) -> tuple[Tensor, Tensor]:
    """What `search(features, k)` gives: columns and similarities [n, k], best first, ties by index.

    Copies of a row are equally near to all: left in, their ties run past every list of candidates, and each row is
    read again. The list of one distinct row holds enough for all its copies: each of its k nearest others stands for
    one row or more, and of the rows that one stands for the first k + 1 suffice.

    Args:
        features: unit rows [n, d].
        k: neighbours per row, fewer than n.
        search: the exact search of rows in their own set.

    Example:
        >>> from workbench.graph.exact import search_itself
        >>> search_distinct(torch.eye(2).repeat(2, 1), 1, search_itself)[0].flatten().tolist()
        [2, 3, 0, 1]
    """
    repeats = DistinctRows.of(features)
    if repeats is None:
        return search(features, k)

    m = len(repeats.first)
    distinct = features[repeats.first]  # (m, d)
    near = torch.arange(m, device=features.device)[:, None]  # each is nearest to its own copies
    weight = clipped(distinct.square().sum(dim=1, keepdim=True))
    if m > 1:
        others, similarity = search(distinct, min(k, m - 1))
        near = torch.cat([near, others], dim=1)  # (m, l)
        weight = torch.cat([weight, similarity], dim=1)  # (m, l)

    by_group = torch.argsort(repeats.group, stable=True)  # equal rows side by side
    end = repeats.count.cumsum(0)
    copies = _copies(by_group, end, repeats.count, k + 1)  # (m, c)
    lists = near.new_full((len(features), k), -1)
    values = weight.new_zeros(len(features), k)
    for part in row_chunks(m, 4 * near.shape[1] * copies.shape[1], features.device):  # about four such tensors at once
        rows = by_group[end[part[0]] - repeats.count[part[0]] : end[part[-1]]]  # all rows of these groups
        place = repeats.group[rows] - part[0]
        first, value = _spread(near[part], weight[part], copies, k + 1)
        itself = first[place] == rows[:, None]
        kept = itself.long().argsort(dim=1, stable=True)[:, :k]  # the row itself moves to the end
        lists[rows] = first[place].gather(1, kept)
        values[rows] = value[place].gather(1, kept)
    return lists.masked_fill(values <= 0, -1), values


def _copies(by_group: Tensor, end: Tensor, count: Tensor, most: int) -> Tensor:
    """The first rows of each group [m, up to `most`]; -1 where it has fewer."""
    place = torch.arange(min(most, int(count.max())), device=by_group.device)
    at = (end - count)[:, None] + place  # (m, c)
    return torch.where(place < count[:, None], by_group[at.clamp(max=len(by_group) - 1)], -1)


def _spread(near: Tensor, weight: Tensor, copies: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Lists of distinct rows [q, l] -> lists of rows [q, k], best first, ties by index."""
    index = torch.where(near[:, :, None] >= 0, copies[near.clamp(min=0)], -1).flatten(1)  # (q, l c)
    value = weight[:, :, None].expand(-1, -1, copies.shape[1]).flatten(1).masked_fill(index < 0, 0)
    index, order = index.sort(dim=1)
    value, best = value.gather(1, order).sort(dim=1, descending=True, stable=True)
    return index.gather(1, best)[:, :k], value[:, :k]
