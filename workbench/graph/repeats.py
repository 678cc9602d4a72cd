"""Exact search where rows repeat: one row of each kind is searched, and its list is spread over its copies."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .distinct import DistinctRows
from .exact import clipped, row_chunks

Search = Callable[[Tensor, int], tuple[Tensor, Tensor]]


def search_kinds(features: Tensor, k: int, search: Search) -> tuple[Tensor, Tensor]:
    """What `search(features, k)` gives: columns and similarities [n, k], best first, ties by index.

    Copies of a row are equally near to all: left in, their ties run past every list of candidates, and each row is
    read again. The list of one holds enough for all: each of the k nearest other kinds brings one row or more, and of
    one kind the first k + 1 rows suffice.

    Args:
        features: unit rows [n, d].
        k: neighbours per row, fewer than n.
        search: the exact search of rows in their own set.

    Example:
        >>> from workbench.graph.exact import search_itself
        >>> search_kinds(torch.eye(2).repeat(2, 1), 1, search_itself)[0].flatten().tolist()
        [2, 3, 0, 1]
    """
    repeats = DistinctRows.of(features)
    if repeats is None:
        return search(features, k)

    n = len(repeats.first)
    kinds = features[repeats.first]  # (n, d)
    near = torch.arange(n, device=features.device)[:, None]
    weight = clipped(kinds.square().sum(dim=1, keepdim=True))
    if n > 1:
        others, similarity = search(kinds, min(k, n - 1))
        near = torch.cat([near, others], dim=1)  # (n, l): a kind's own rows are nearest to each other
        weight = torch.cat([weight, similarity], dim=1)

    order = torch.argsort(repeats.group, stable=True)  # rows by kind
    end = repeats.count.cumsum(0)
    members = _members(order, end, repeats.count, k + 1)  # (n, c)
    lists = near.new_full((len(features), k), -1)
    values = weight.new_zeros(len(features), k)
    for part in row_chunks(n, 4 * near.shape[1] * members.shape[1], features.device):
        rows = order[end[part[0]] - repeats.count[part[0]] : end[part[-1]]]  # of these kinds
        kind = repeats.group[rows] - part[0]
        first, value = _of_kinds(near[part], weight[part], members, k + 1)
        itself = first[kind] == rows[:, None]
        others = itself.long().argsort(dim=1, stable=True)[:, :k]
        lists[rows] = first[kind].gather(1, others)
        values[rows] = value[kind].gather(1, others)
    return lists.masked_fill(values <= 0, -1), values


def _members(order: Tensor, end: Tensor, count: Tensor, most: int) -> Tensor:
    """The first rows of each kind [n, up to `most`]; -1 where it has fewer."""
    place = torch.arange(min(most, int(count.max())), device=order.device)
    at = (end - count)[:, None] + place  # (n, c)
    return torch.where(place < count[:, None], order[at.clamp(max=len(order) - 1)], -1)


def _of_kinds(near: Tensor, weight: Tensor, members: Tensor, m: int) -> tuple[Tensor, Tensor]:
    """Lists of kinds [q, l] -> lists of rows [q, m], best first, ties by index."""
    index = torch.where(near[:, :, None] >= 0, members[near.clamp(min=0)], -1).flatten(1)  # (q, l c)
    value = weight[:, :, None].expand(-1, -1, members.shape[1]).flatten(1).masked_fill(index < 0, 0)
    index, order = index.sort(dim=1)
    value, best = value.gather(1, order).sort(dim=1, descending=True, stable=True)
    return index.gather(1, best)[:, :m], value[:, :m]
