"""The k-NN graph on a cluster: exact by blocks, or approximate by parts of random projection trees.

Every task is a pure function, whose result for a row does not depend on the block that it stands in; parts depend on
the rows alone. So the lists are the same for any number of workers, and after any loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from distributed import Future
from torch import Tensor

from ..._core.runtime import Threads
from ...graph import _numba
from ...graph.exact import NEXT, SPARE, rank_itself, undecided_rows
from ...graph.knn import KnnGraph, k_hop_subgraph
from ...graph.nn_descent import REACH, ROUNDS, SETTLED, both_ways, leaf_ends, tree_order
from .pool import WorkerPool
from .tasks import explored, merged, nearest, searched

LEAST = 4096  # rows of a task, where a large cluster would have fewer for each thread
SPLITS = 6  # ways in which all rows are split into parts, each searched in itself


@dataclass(frozen=True)
class Sizes:
    """How work is cut: what memory and traffic depend on (docs/many-machines.md).

    Labels depend on `part` and `merged` alone, and only where there are more rows.

    Attributes:
        alone: levels of fewer nodes are not worth sending: they run here.
        queries: most rows whose neighbours one task looks for.
        base: rows among which it looks.
        part: most rows that one task searches approximately.
        nodes: most nodes whose links one task judges, or whose neighbours' neighbours it compares.
        merged: most images that one task merges.
    """

    alone: int = 4096
    queries: int = 2**16
    base: int = 2**19
    part: int = 2**17
    nodes: int = 2**16
    merged: int = 2**17


def exact_lists(pool: WorkerPool, features: Tensor, k: int, sizes: Sizes, device: str) -> KnnGraph:
    """The exact k-NN graph: every block of queries meets every block of the base, the best of each are merged.

    Rows whose ties run past the candidates are looked for once more, their ties settled by index. Products of pairs are
    then computed here, by the same function as on one machine.

    Args:
        pool: of the cluster.
        features: unit rows [n, d], n > k.
        k: neighbours per node.
        sizes: of the blocks.
        device: of the workers.
    """
    n = len(features)
    rows = features.cpu().contiguous()
    m = min(k + NEXT, n - 1)
    base = [(first, pool.share(partial(_rows, rows, first, sizes.base))) for first in range(0, n, sizes.base)]

    def job(asked: Tensor, kth: Tensor | None) -> Future[Any]:
        sent = pool.send((rows[asked].numpy(), asked.numpy(), None if kth is None else kth.numpy()))
        return pool.submit(merged, m, [pool.submit(nearest, sent, block, first, m, device) for first, block in base])

    value = torch.empty(n, m)
    index = torch.empty(n, m, dtype=torch.long)

    def look_up(asked: Tensor, kth: Tensor | None) -> None:
        parts = torch.arange(len(asked)).split(pool.fair(len(asked), LEAST, sizes.queries))
        jobs = [partial(job, asked[part], None if kth is None else kth[part]) for part in parts]
        for which, found in pool.run(jobs, "k-NN graph: products", len(base) + 1):
            value[asked[parts[which]]], index[asked[parts[which]]] = map(torch.from_numpy, found)

    look_up(torch.arange(n), None)
    if m < n - 1 and len(again := undecided_rows(value, k)):
        look_up(again, value[again, k - 1])
    return KnnGraph(*rank_itself(features, index.to(features.device), k))


def approximate_lists(pool: WorkerPool, features: Tensor, k: int, sizes: Sizes, seed: int) -> KnnGraph:
    """The approximate k-NN graph, on the workers' CPUs; of no more rows than a part what one machine finds.

    All rows are split into parts in several ways, each by a random projection tree; every part is searched in itself;
    the lists are merged; then rounds of neighbours of neighbours, as within `graph.nn_descent`, across the parts.

    Args:
        pool, features, k, sizes: see `exact_lists`.
        seed: of the trees.
    """
    rows = features.cpu().contiguous()
    m = min(k + SPARE, len(features) - 1)
    depth = depth_for(len(rows), sizes.part)
    with Threads() as threads:
        grown = threads.map(partial(tree_order, rows.numpy(), depth, seed), range(SPLITS if depth else 1))
        orders = list(grown)
    best = np.full((len(rows), m), -np.inf, np.float32)
    ids = np.full((len(rows), m), -1, np.int32)
    for order in orders:
        parts = [part.numpy() for part in blocks_of(order, depth)]
        jobs = [pool.task(searched, partial(_rows_at, rows, part), m, seed) for part in parts]
        for which, (value, index) in pool.run(jobs, "k-NN graph: parts"):
            part = parts[which]
            lists = best[part], ids[part]
            _numba.merge_lists(*lists, value, np.where(index >= 0, part[index], -1).astype(np.int32))
            best[part], ids[part] = lists
    if depth:
        _explore(pool, rows, best, ids, near_blocks(rows, pool.fair(len(rows), LEAST, sizes.nodes), seed))
    found = torch.from_numpy(ids).long().to(features.device)
    return KnnGraph(*rank_itself(features, found, k))


def depth_for(n: int, most: int) -> int:
    """Levels of a tree whose leaves hold at most so many of n rows.

    Example:
        >>> depth_for(1000, 300), depth_for(10, 300)
        (2, 0)
    """
    return max(0, int(np.ceil(np.log2(max(1, n) / most))))


def blocks_of(order: Any, depth: int) -> list[Tensor]:
    """The rows of each leaf of a tree, from its order.

    Example:
        >>> [block.tolist() for block in blocks_of(np.array([3, 1, 0, 2]), 1)]
        [[3, 1], [0, 2]]
    """
    whole = torch.from_numpy(order).long()
    return list(whole.tensor_split(leaf_ends(len(order), depth)[1:-1].tolist()))


def near_blocks(rows: Tensor, most: int, seed: int) -> list[Tensor]:
    """All rows in blocks of at most so many, near ones together: less lies around such a block than around any other.

    Example:
        >>> sorted(len(block) for block in near_blocks(torch.eye(5), 3, 0))
        [2, 3]
    """
    depth = depth_for(len(rows), most)
    return blocks_of(tree_order(rows.cpu().contiguous().numpy(), depth, seed, 0), depth)


def _explore(pool: WorkerPool, rows: Tensor, best: Any, ids: Any, blocks: list[Tensor]) -> None:
    """Rounds of neighbours of neighbours, as in `graph.nn_descent`; a round reads the links as they were before it."""
    seen = np.full((len(ids), 1), -1, np.int32)
    for _ in range(ROUNDS):
        near = ids[:, : max(1, int(REACH * ids.shape[1]))].copy()
        links, new = map(torch.from_numpy, both_ways(near, seen))
        around = partial(_around, rows, links, new, best, ids)
        better = 0
        jobs = [pool.task(explored, partial(around, block)) for block in blocks]
        for which, (more, value, index) in pool.run(jobs, "k-NN graph: neighbours"):
            block = blocks[which].numpy()
            better += more
            best[block] = value
            ids[block] = index
        if better < SETTLED * len(ids):
            return
        seen = near


def _around(rows: Tensor, links: Tensor, new: Tensor, best: Any, ids: Any, block: Tensor) -> tuple[Any, ...]:
    """What `explored` reads of a block."""
    nodes, local, hop_sizes = k_hop_subgraph(links, block, 2)
    near = slice(hop_sizes[1])  # the block and the nodes one link away: whose links are followed
    own = block.numpy()
    part = (nodes.int(), rows[nodes], local[near].int(), new[nodes[near]])
    return (*(column.numpy() for column in part), best[own], ids[own])


def _rows(rows: Tensor, first: int, count: int) -> Any:
    return rows[first : first + count].numpy()


def _rows_at(rows: Tensor, numbers: Any) -> Any:
    return rows[torch.from_numpy(numbers)].numpy()
