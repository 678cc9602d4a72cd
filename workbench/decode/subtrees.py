"""Sums over the subtrees of a dendrogram and its best cut, as tensors: compiled loops on the CPU, whole levels of
merges at once on a GPU. Both add in the same order, so their results are equal bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from . import _numba

# Levels of merges beyond which a GPU leaves a dendrogram to the CPU: a level costs some launches of 10 microseconds,
# a compiled loop over a million merges a tenth of a second.
DEEPEST = 1000

OfNodes = Float[Tensor, " nodes"]


@dataclass(frozen=True)
class Subtrees:
    """A dendrogram's merges, where its nodes' values are.

    Attributes:
        n: images.
        larger, smaller: the two nodes of each merge.
    """

    n: int
    larger: Int[Tensor, " m"]
    smaller: Int[Tensor, " m"]

    @cached_property
    def levels(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """`in_levels` on a GPU; none where the compiled loops are faster."""
        found = self.in_levels() if self.larger.is_cuda else []
        return found if len(found) <= DEEPEST else []

    def in_levels(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """The merges level by level: node, larger, smaller. A level joins leaves and merges of earlier levels only."""
        level = torch.from_numpy(_numba.merge_levels(self.n, self.larger.cpu().numpy(), self.smaller.cpu().numpy()))
        merges = level.argsort(stable=True).to(self.larger.device).split(level.bincount().tolist())
        return [(self.n + part, self.larger[part], self.smaller[part]) for part in merges if len(part)]

    @cached_property
    def parent(self) -> Int[Tensor, " nodes"]:
        """The node that each node becomes part of; -1 at a root."""
        m = len(self.larger)
        above = self.larger.new_full((self.n + m,), -1)  # (nodes,)
        above[torch.cat([self.larger, self.smaller])] = torch.arange(self.n, self.n + m, device=above.device).repeat(2)
        return above

    @cached_property
    def size(self) -> OfNodes:
        """Images under each node."""
        one = torch.zeros(self.n + len(self.larger), 1, dtype=torch.float64, device=self.larger.device)
        one[: self.n] = 1
        return self.sums(one)[:, 0]

    def sums(self, values: Float[Tensor, "nodes f"]) -> Float[Tensor, "nodes f"]:
        """Sums over every subtree of values of its leaves and of its merges (float64); `values` are changed to them."""
        if not self.levels:
            found: Tensor = self._compiled(_numba.subtree_sums, values)
            return found
        for node, larger, smaller in self.levels:
            values[node] += values[larger] + values[smaller]
        return values

    def cut(self, score: OfNodes) -> tuple[Int[Tensor, " n"], OfNodes, Bool[Tensor, " nodes"]]:
        """The disjoint subtrees of highest summed score: the node of each leaf, the value of the best cut at or below
        each node, and where that is the node itself as one cluster (of no less score than what lies below it)."""
        if not self.levels:
            value, whole = self._compiled(_numba.best_cut, score)
            return self._compiled(_numba.nodes_of_cut, whole), value, whole

        value = score.clone()
        for node, larger, smaller in self.levels:
            value[node] = torch.maximum(score[node], value[larger] + value[smaller])
        whole = value == score
        owner = torch.where(whole, torch.arange(len(score), device=score.device), -1)
        for node, larger, smaller in reversed(self.levels):
            above = owner[node]
            for part in (larger, smaller):
                owner[part] = torch.where(above >= 0, above, owner[part])
        return owner[: self.n], value, whole

    def above(self, node: Int[Tensor, " n"]) -> Bool[Tensor, " nodes"]:
        """True for nodes that are larger than the clusters of a cut (the node of each leaf) below them."""
        larger = self.holds(node)
        larger[node] = False
        return larger

    def holds(self, node: Int[Tensor, " n"]) -> Bool[Tensor, " nodes"]:
        """True for nodes that hold a whole cluster of a cut: the clusters themselves and what is above them."""
        chosen = torch.zeros(self.n + len(self.larger), 1, dtype=torch.float64, device=node.device)
        chosen[node] = 1
        return self.sums(chosen)[:, 0] > 0

    def _compiled(self, loop: Callable[..., Any], *values: Tensor) -> Any:
        """The result of a compiled loop, back where the values came from."""
        arrays = [column.cpu().numpy() for column in (self.larger, self.smaller, *values)]
        found = loop(self.n, *arrays)
        device = values[0].device
        if isinstance(found, tuple):
            return tuple(torch.from_numpy(part).to(device) for part in found)
        return torch.from_numpy(found).to(device)
