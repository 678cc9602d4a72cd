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

if TYPE_CHECKING:
    from .knn import KnnGraph

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
        code = row_codes(rows) if code is None else code
        zero = code == row_codes(rows.new_zeros(1, rows.shape[1]))
        distinct, place = torch.unique(code, return_inverse=True)
        if len(distinct) == len(rows):
            return None

        every = torch.arange(len(rows), device=rows.device)
        first = torch.full_like(distinct, len(rows)).scatter_reduce_(0, place, every, "amin")[place]  # (rows,)
        # Different rows may have one code, if only once in 2^64 pairs: such a row stands for itself.
        first = torch.where(zero | ~_equal(rows, first), every, first)
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


def row_codes(rows: Float[Tensor, "rows d"]) -> Int[Tensor, " rows"]:
    """A number of 64 bits per row: equal rows have equal numbers, different rows almost surely different ones.

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
        values = rows[part].float() + 0.0  # -0.0 becomes 0.0: the same number with other bits
        mixed = values.view(torch.int32).long()  # (b, d)
        mixed += constant[:dim]
        products = mixed[:, :half]
        products[:, : dim - half] *= mixed[:, half:]  # of an odd number of columns the last first half has no partner
        out[part] = products.sum(dim=1)
    return out


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


def _equal(rows: Tensor, other: Int[Tensor, " rows"]) -> Bool[Tensor, " rows"]:
    """Whether each row equals the row of the number given."""
    equal = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    every = torch.arange(len(rows), device=rows.device)
    asked = (other != every).nonzero()[:, 0]
    for part in chunks(len(asked), max(1, _CELLS // rows.shape[1])):
        row = asked[part]
        equal[row] = (rows[row] == rows[other[row]]).all(dim=1)
    return equal
