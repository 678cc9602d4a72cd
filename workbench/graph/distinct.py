"""Rows that occur more than once: each distinct row is one node of the graph, and results are spread over its copies.

Copies of a row are each other's nearest neighbours. Left in, they fill the lists of neighbours: nobody sees beyond
them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .._core.chunks import chunks
from .._core.memmap import take_rows
from .exact import TIE

if TYPE_CHECKING:
    from .knn import KnnGraph

GRID = 256.0  # steps of a number that its content is rounded to: another processor rounds the last digits differently
_CELLS = 2**19  # numbers of the rows hashed or compared at a time: 4 MB as integers


@dataclass(frozen=True)
class DistinctRows:
    """Which rows are the same.

    Attributes:
        first: int64 [n], the rows that are kept: of every group of equal rows the first, rising.
        group: int64 [N], the group of each row: 0 .. n - 1.

    Example:
        >>> found = DistinctRows.of(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
        >>> found.first.tolist(), found.group.tolist(), found.count.tolist()
        ([0, 1], [0, 1, 0], [2, 1])
    """

    first: Int[Tensor, " n"]
    group: Int[Tensor, " rows"]

    @classmethod
    def of(cls, rows: Float[Tensor, "rows d"], code: Int[Tensor, " rows"] | None = None) -> DistinctRows | None:
        """The groups of equal rows; None if no row occurs twice.

        Equal means equal in every number. Zero rows have no direction, so no two of them are the same.

        Args:
            rows: on any device.
            code: their `row_codes`, if they are known.
        """
        return cls._grouped(rows, row_codes(rows) if code is None else code, _equal)

    @classmethod
    def nearly(cls, rows: Float[Tensor, "rows d"]) -> DistinctRows | None:
        """The groups of unit rows that are equal or differ by rounding (cosine over 1 - 1e-6); None: there are none.

        Formula: numbers are rounded to steps of 1 / (1000 sqrt(D)), so rows that round alike have a cosine of at least
        1 - 5e-7. A few copies round differently; a search for neighbours shows these, but where copies are many it is
        slow and sees nothing else.

        Example:
            >>> DistinctRows.nearly(torch.tensor([[0.6, 0.8], [0.8, 0.6], [0.6000001, 0.7999999]])).group.tolist()
            [0, 1, 0]
        """
        return cls._grouped(rows, row_codes(rows, 1000 * rows.shape[1] ** 0.5), _alike)

    @classmethod
    def _grouped(cls, rows: Tensor, code: Tensor, same: Callable[[Tensor, Tensor], Tensor]) -> DistinctRows | None:
        """Rows of one code are one group, but for those that are not the same as the first of it."""
        zero = code == row_codes(rows.new_zeros(1, rows.shape[1]))
        distinct, place = torch.unique(code, return_inverse=True)
        if len(distinct) == len(rows):
            return None

        every = torch.arange(len(rows), device=rows.device)
        first = torch.full_like(distinct, len(rows)).scatter_reduce_(0, place, every, "amin")[place]  # (rows,)
        # Different rows may have one code, if only once in 2^64 pairs: such a row stands for itself.
        first = torch.where(zero | ~_to_first(rows, first, same), every, first)
        kept, group = torch.unique(first, return_inverse=True)
        return None if len(kept) == len(rows) else cls(kept, group)

    def within(self, outer: DistinctRows | None) -> DistinctRows:
        """The groups of all rows, where these are groups among the distinct rows of `outer`.

        Example:
            >>> outer = DistinctRows(torch.tensor([0, 1, 3]), torch.tensor([0, 1, 0, 2]))
            >>> DistinctRows(torch.tensor([0, 2]), torch.tensor([0, 0, 1])).within(outer).group.tolist()
            [0, 0, 0, 1]
        """
        return self if outer is None else DistinctRows(outer.first[self.first], self.group[outer.group])

    @cached_property
    def count(self) -> Int[Tensor, " n"]:
        """How many rows each group has."""
        return torch.bincount(self.group, minlength=len(self.first))

    @cached_property
    def is_copy(self) -> Bool[Tensor, " rows"]:
        """True for every row but the first of its group."""
        every = torch.arange(len(self.group), device=self.group.device)
        return self.first[self.group] != every

    def spread_graph(self, graph: KnnGraph) -> KnnGraph:
        """The graph of all rows: a copy lists the first of its group, with similarity 1, and then what that one lists.

        Example:
            >>> from workbench.graph import KnnGraph
            >>> found = DistinctRows(torch.tensor([0, 1]), torch.tensor([0, 1, 0]))
            >>> found.spread_graph(KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])).neighbors.tolist()
            [[1], [0], [0]]
        """
        lists = torch.where(graph.mask, self.first[graph.padded], -1)  # (n, k)
        itself = self.first[self.group]  # (rows,)
        return type(graph)(self._spread(lists, itself, -1), self.spread_links(graph.similarity))

    def spread_links(self, values: Float[Tensor, "n k"]) -> Float[Tensor, "rows l"]:
        """Values of the graph's links -> those of the spread graph's; a link from a copy to the first has 1.

        Example:
            >>> found = DistinctRows(torch.tensor([0, 1]), torch.tensor([0, 1, 0]))
            >>> found.spread_links(torch.tensor([[0.5], [0.5]])).tolist()
            [[0.5], [0.5], [1.0]]
        """
        return self._spread(values, torch.ones(len(self.group), device=values.device), 0)

    def _spread(self, values: Tensor, to_first: Tensor, missing: int) -> Tensor:
        """Lists of the distinct rows [n, k] -> of all rows [rows, max(1, k)]; a copy's list starts with `to_first`."""
        if values.shape[1] == 0:  # all rows are equal
            values = values.new_full((len(values), 1), missing)
        own = values[self.group]  # (rows, k)
        shifted = torch.cat([to_first[:, None].to(own.dtype), own[:, :-1]], dim=1)  # (rows, k)
        return torch.where(self.is_copy[:, None], shifted, own)


def map_distinct(
    function: Callable[[Tensor], Tensor], rows: Float[Tensor, "rows d"], code: Int[Tensor, " rows"] | None = None
) -> Tensor:
    """A function of rows, asked once per distinct row: a product may round equal rows in two ways.

    Args:
        function: of rows, row by row.
        rows, code: as for `DistinctRows.of`.

    Example:
        >>> map_distinct(lambda rows: rows * 2, torch.tensor([[1.0], [3.0], [1.0]])).flatten().tolist()
        [2.0, 6.0, 2.0]
    """
    repeats = DistinctRows.of(rows, code)
    return function(rows) if repeats is None else take_rows(function(take_rows(rows, repeats.first)), repeats.group)


def row_codes(rows: Float[Tensor, "rows d"], grid: float | None = None) -> Int[Tensor, " rows"]:
    """A number of 64 bits per row: equal rows have equal numbers, different rows almost surely different ones.

    Args:
        rows: on any device.
        grid: rows count as equal that are so once their numbers are rounded to steps of 1 / grid; None: not rounded.

    Formula: sum over i of (b_i + c_i)(b_h+i + c_h+i) mod 2^64, b the bits of a float32, c constants drawn once, h half
    the columns.

    Example:
        >>> a, b, c = row_codes(torch.tensor([[1.0, 0.0], [1.0, -0.0], [0.0, 1.0]])).tolist()
        >>> a == b, a == c
        (True, False)

    Source: Lemire & Kaser, "Strongly universal string hashing is fast", 2014 (multilinear-HM).
    """
    n, dim = rows.shape
    half = (dim + 1) // 2
    drawn = torch.Generator().manual_seed(0)
    constant = torch.randint(-(2**62), 2**62, (2 * half,), generator=drawn).to(rows.device)
    out = torch.empty(n, dtype=torch.int64, device=rows.device)

    for part in chunks(n, max(1, _CELLS // dim)):
        values = rows[part].float()
        if grid is not None:
            values = (values * grid).round()
        values = values + 0.0  # -0.0 becomes 0.0: the same number with other bits
        mixed = values.view(torch.int32).long()  # (b, d)
        mixed += constant[:dim]
        products = mixed[:, :half]
        products[:, : dim - half] *= mixed[:, half:]  # of an odd number of columns the last first half has no partner
        out[part] = products.sum(dim=1)
    return out


def sampled(rows: Float[Tensor, "n d"], most: int) -> Int[Tensor, " m"]:
    """Numbers of all rows, or of `most` that do not depend on the order of the rows: those of the lowest `row_codes`.
    Zero rows, which are like no other, are left out.

    Example:
        >>> rows = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
        >>> there = sampled(rows.flip(0), 5)
        >>> torch.equal(rows.flip(0)[there], rows[sampled(rows, 5)])
        True
        >>> sampled(torch.eye(3)[[0, 1]] - torch.eye(3)[[0, 2]], 5).tolist()
        [1]
    """
    if len(rows) <= most:
        return rows.any(dim=1).nonzero()[:, 0]
    code = row_codes(rows, GRID)
    there = (code != row_codes(rows.new_zeros(1, rows.shape[1]), GRID)).nonzero()[:, 0]
    return there[code[there].topk(min(most, len(there)), largest=False).indices]


def find_rows(known: Int[Tensor, " n"], asked: Int[Tensor, " m"]) -> Int[Tensor, " m"]:
    """For each code the number of the first row that has it; -1: none.

    Example:
        >>> find_rows(torch.tensor([30, 10, 30]), torch.tensor([10, 20, 30])).tolist()
        [1, -1, 0]
    """
    order = known.argsort(stable=True)
    place = torch.searchsorted(known[order], asked).clamp(max=len(known) - 1)
    row = order[place]
    return torch.where(known[row] == asked, row, -1)


def _to_first(
    rows: Tensor, first: Int[Tensor, " rows"], same: Callable[[Tensor, Tensor], Tensor]
) -> Bool[Tensor, " rows"]:
    """Whether each row is the same as the row of the number given."""
    found = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    every = torch.arange(len(rows), device=rows.device)
    asked = (first != every).nonzero()[:, 0]
    for part in chunks(len(asked), max(1, _CELLS // rows.shape[1])):
        row = asked[part]
        found[row] = same(rows[row], rows[first[row]])
    return found


def _equal(rows: Tensor, others: Tensor) -> Bool[Tensor, " rows"]:
    return (rows == others).all(dim=1)


def _alike(rows: Tensor, others: Tensor) -> Bool[Tensor, " rows"]:
    return (rows * others).sum(dim=1) > 1 - TIE
