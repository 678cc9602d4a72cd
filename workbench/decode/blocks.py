"""Average linkage by blocks of images, which may be merged apart, on many machines; what is left is merged in one.

A merge brings no cluster nearer to a third one. So two clusters of a block that are each other's nearest, among all
that links tie them to, may merge whatever happens in other blocks. Clusters that are nearest to one of another block
wait for the end. In the end all merges are put in the order in which one machine would have them.

Source: as for `rounds`: Murtagh & Contreras, 2012 (reducibility); Sumengen et al., 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .dendrogram import Dendrogram, by_falling_height, merge_all, tops
from .edges import Edges

Part = tuple[Any, ...]  # low, high, sums of the edges at a block's images, rows of these, how many others are tied
Merged = tuple[Any, Any, Any]
# Calls a function with what each of these makes; the number of each and its result, as they come.
Run = Callable[[Callable[[Part], Merged], list[Callable[[], Part]]], Iterable[tuple[int, Merged]]]


def run_here(work: Callable[[Part], Merged], parts: list[Callable[[], Part]]) -> Iterator[tuple[int, Merged]]:
    """Block after block, in this process.

    Example:
        >>> list(run_here(sum, [lambda: (1, 2)]))
        [(0, 3)]
    """
    for number, make in enumerate(parts):
        yield number, work(make())


def dendrogram_in_blocks(
    edges: Edges, features: Float[Tensor, "n d"], blocks: list[Tensor], run: Run = run_here
) -> Dendrogram:
    """`build_dendrogram`, first in every block of images, then among the clusters that are left.

    Args:
        edges, features: see `build_dendrogram`; on the CPU.
        blocks: every image in one; the fewer links run between them, the less is left for the end.
        run: who merges the blocks: this process, or the workers of a cluster.

    Example:
        >>> from workbench.graph import KnnGraph
        >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
        >>> halves = [torch.tensor([0, 1]), torch.tensor([2])]
        >>> dendrogram_in_blocks(Edges.of(graph, graph.similarity), torch.eye(3), halves).size.tolist()
        [1.0, 1.0, 1.0, 2.0, 3.0]
    """
    edges.check()
    n = edges.n
    take = _Cut(edges, features, blocks)
    parts: list[Callable[[], Part]] = [partial(take, number) for number in range(len(blocks))]
    found = dict(run(merged_block, parts))  # they come in any order

    cluster = torch.empty(n, dtype=torch.int64)  # of each image
    node: list[np.ndarray] = []
    total: list[np.ndarray] = []
    columns: list[list[np.ndarray]] = []
    count = clusters = 0
    for number, block in enumerate(blocks):
        (larger, smaller, *measured), top, sums = found.pop(number)
        # A block numbers its images 0 .. b - 1, and its merges from b on.
        of_all = np.concatenate([block.numpy(), n + count + np.arange(len(larger))])
        tops, which = np.unique(top, return_inverse=True)
        cluster[block] = torch.from_numpy(clusters + which)
        columns.append([of_all[larger], of_all[smaller], *measured])
        node.append(of_all[tops])
        total.append(sums)
        count += len(larger)
        clusters += len(tops)

    low = cluster[edges.low.long()]
    high = cluster[edges.high.long()]
    apart = low != high
    rows, nodes = (torch.from_numpy(np.concatenate(part)) for part in (total, node))
    size = torch.bincount(cluster).double()
    columns.append(merge_all(low[apart], high[apart], edges.sums[apart], rows, size, nodes, n + count))
    merges = [np.concatenate(column) for column in zip(*columns, strict=True)]
    return Dendrogram(n, *by_falling_height(edges, torch.ones(n).double(), merges))


class _Cut:
    """The edges at the images of each block: those within it, and those that tie it to others."""

    def __init__(self, edges: Edges, features: Tensor, blocks: list[Tensor]) -> None:
        self.edges = edges
        self.features = features
        self.blocks = blocks
        self.place = torch.empty(edges.n, dtype=torch.int64)  # of each image within its block
        self.block = torch.empty(edges.n, dtype=torch.int64)
        for number, images in enumerate(blocks):
            self.place[images] = torch.arange(len(images))
            self.block[images] = number
        self.ends = [self._sorted(end) for end in (edges.low, edges.high)]

    def _sorted(self, end: Tensor) -> tuple[Tensor, Tensor]:
        """The edges sorted by the block of one of their ends, and where the blocks begin and end."""
        block, order = self.block[end.long()].sort(stable=True)
        return order, torch.searchsorted(block, torch.arange(len(self.blocks) + 1))

    def __call__(self, number: int) -> Part:
        by_low, by_high = (order[bounds[number] : bounds[number + 1]] for order, bounds in self.ends)
        entering = by_high[self.block[self.edges.low[by_high].long()] != number]
        chosen = torch.cat([by_low, entering])
        low, high = (end[chosen].long() for end in (self.edges.low, self.edges.high))
        images = self.blocks[number]
        others, place = torch.cat([low, high]).unique(return_inverse=True)
        here = self.block[others] == number
        local = torch.where(here, self.place[others], len(images) + (~here).cumsum(0) - 1)[place].int()
        sums = self.edges.sums[chosen]
        rows = self.features[images].detach().float()
        ends = local.chunk(2)
        return ends[0].numpy(), ends[1].numpy(), sums.numpy(), rows.numpy(), int((~here).sum())


def merged_block(part: Part) -> Merged:
    """The merges that a block can make by itself.

    Returns:
        columns of the merges (`FOUND`), the first being node b of b images; the node that each image is in at the
        end; the sums of the rows of these nodes, by rising number.

    Example:
        >>> one = (np.array([0], np.int32), np.array([1], np.int32), np.array([[1.0, 2.0, 1.0]]), np.eye(2, 3), 0)
        >>> merged_block(one)[1].tolist()
        [2, 2]
    """
    *edges, rows, outside = part
    b = len(rows)
    low, high, sums = map(torch.from_numpy, edges)
    total = torch.from_numpy(np.array(rows, np.float32))
    size = torch.ones(b + outside, dtype=torch.float64)
    node = torch.arange(b + outside)
    done = (node >= b).numpy()
    merges = merge_all(low, high, sums, total, size, node, b, done=done)

    top = tops(b, *merges[:2])
    image = torch.empty(b + len(merges[0]), dtype=torch.int64)  # that a cluster goes by
    image[node[:b]] = torch.arange(b)
    return merges, top, total[image[torch.from_numpy(np.unique(top))]].numpy()
