"""What the workers of a cluster do: functions of arrays, as arrays travel without being copied into a pickle."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ..._core.provenance import code_version
from ..._core.runtime import resolve_device
from ...graph import _numba
from ...graph.exact import best_products, pair_products
from ...graph.knn import KnnGraph, k_hop_subgraph
from ...graph.nn_descent import search_forest
from ...graph.nodes import Nodes
from ...lander.inputs import GraphInputs
from ...lander.model import Lander
from ...lander.relative_features import GraphContext

Done = TypeVar("Done")


@cache
def code_here() -> str:
    """Version of the code that this process has loaded: what results depend on, and this module."""
    return code_version()


def guarded(code: str, work: Callable[..., Done], *arguments: Any) -> Done:
    """`work(*arguments)`, if this worker has the same code as its caller.

    Raises:
        ImportError: it has another.

    Example:
        >>> guarded(code_here(), len, "abc")
        3
    """
    if (here := code_here()) != code:
        raise ImportError(f"a worker has the workbench {here}, expected {code}; install the same package there")
    return work(*arguments)


def has_cuda() -> bool:
    """Whether this worker sees a GPU."""
    return bool(torch.cuda.is_available())


def nearest(asked: tuple[Any, Any, Any], base: Any, first: int, m: int, device: str) -> tuple[Any, Any]:
    """The up to m highest products of some rows with a block of the base, falling.

    Args:
        asked: rows [q, d], their numbers [q] and their k-th products or None (`graph.exact.best_products`).
        base: the block, whose first row has the number `first`.
        m: length of the lists; a smaller block gives shorter ones.
        device: where to multiply.

    Returns:
        values [q, m] and the numbers [q, m] of those they are with.

    Example:
        >>> x = np.eye(3, dtype=np.float32)
        >>> nearest((x[:1], np.array([0]), None), x + 0.1, 0, 1, "cpu")[1].shape
        (1, 1)
    """
    where = resolve_device(device)
    rows, number, kth = (None if part is None else torch.from_numpy(part).to(where) for part in asked)
    assert rows is not None and number is not None  # noqa: PT018
    block = torch.from_numpy(base).to(where)
    value, index = best_products(rows, block, min(m, len(block)), number - first, kth)
    return value.cpu().numpy(), (index + first).cpu().numpy()


def merged(m: int, parts: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """The m best of lists from blocks in rising order, equal ones by number.

    Example:
        >>> one, other = (np.array([[0.9, 0.1]]), np.array([[4, 5]])), (np.array([[0.9]]), np.array([[7]]))
        >>> merged(2, [one, other])[1].tolist()
        [[4, 7]]
    """
    value, index = (np.concatenate(columns, axis=1) for columns in zip(*parts, strict=True))
    best = np.argsort(-value, axis=1, kind="stable")[:, :m]
    return np.take_along_axis(value, best, axis=1), np.take_along_axis(index, best, axis=1)


def searched(rows: Any, m: int, seed: int) -> tuple[Any, Any]:
    """Approximate neighbours of rows among themselves: products and numbers [n, m], -1 where fewer were found.

    Example:
        >>> searched(np.eye(3, dtype=np.float32), 2, 0)[1].shape
        (3, 2)
    """
    features = torch.from_numpy(rows)
    index = search_forest(features, min(m, len(rows) - 1), seed)
    return pair_products(features, features, index).numpy(), index.numpy().astype(np.int32)


def explored(part: tuple[Any, ...]) -> tuple[int, Any, Any]:
    """Compare rows with the neighbours of their neighbours.

    Args:
        part: numbers [m] of the nodes within two links of the rows, the rows first; their features [m, d]; of those
            within one link their links, in the order of these numbers, and which are new; the rows' best products and
            neighbours so far.

    Returns:
        how many were better; the rows' products and neighbours now.
    """
    nodes, features, links, new, best, ids = part
    order = np.argsort(nodes)
    at = order[np.searchsorted(nodes, ids, sorter=order).clip(max=len(nodes) - 1)]
    aside = np.broadcast_to(-2 - np.arange(ids.shape[1]), ids.shape)  # who is not here keeps its place, as -2 - slot
    local = np.where(nodes[at] == ids, at, aside).astype(np.int32)
    best = best.copy()
    better = _numba.explore(features, best, local, links, new, 0, len(ids))
    kept = np.take_along_axis(ids, (-2 - local).clip(min=0), axis=1)
    return better, best, np.where(local >= 0, nodes[local.clip(min=0)], kept).astype(np.int32)


def linked(k_hop_subgraph: tuple[Any, ...], lander: Lander, device: str) -> Any:
    """Linkage [b, k] of the first nodes of a k-hop subgraph (`packed`)."""
    where = resolve_device(device)
    lists, similarity, nodes, edges = (torch.from_numpy(column).to(where) for column in k_hop_subgraph[:4])
    graph = _whole(lists, similarity, len(nodes))
    inputs = GraphInputs(graph, nodes, pad(edges, (0, 0, 0, 0, 0, graph.n - len(edges))), k_hop_subgraph[4])
    return lander.on(where).linkage_from(inputs).cpu().numpy()


def packed(k_hop_subgraph: GraphInputs) -> tuple[Any, ...]:
    """A k-hop subgraph as arrays, without the empty lists of its outermost nodes, which are most of its nodes."""
    graph = k_hop_subgraph.graph
    inner = slice(k_hop_subgraph.hop_sizes[-2])
    columns = (graph.neighbors[inner].int(), graph.similarity[inner], k_hop_subgraph.nodes, k_hop_subgraph.edges[inner])
    return (*(column.cpu().numpy() for column in columns), k_hop_subgraph.hop_sizes)


def linked_by_lists(part: tuple[Any, ...], lander: Lander, device: str) -> Any:
    """`linked`, with the model's inputs computed here too (`packed_lists`)."""
    where = resolve_device(device)
    lists, similarity, in_degree = (torch.from_numpy(column).to(where) for column in part[:3])
    rows, background, distance = part[3:]
    graph = _whole(lists, similarity, len(in_degree))
    nodes = Nodes.of_images(similarity.new_zeros(graph.n, 0))  # inputs that have a context read no features
    inputs = lander.inputs(nodes, graph, GraphContext(background, distance, in_degree))
    near = inputs.k_hop_subgraph(torch.arange(rows, device=where), lander.config.layers + 1)
    return lander.on(where).linkage_from(near).cpu().numpy()


def packed_lists(graph: KnnGraph, context: GraphContext, block: Tensor, hops: int) -> tuple[Any, ...]:
    """What the inputs of a k-hop subgraph follow from, as arrays: lists of one hop more, and the context of all.

    An input of a node reads its neighbours' lists, so those of the last hop need their neighbours' too. These lists
    name nodes of yet another hop, of which nothing else is sent.
    """
    keep, lists, hop_sizes = k_hop_subgraph(graph.neighbors, block, hops + 2)
    inner = slice(hop_sizes[-2])
    columns = (lists[inner].int(), graph.similarity[keep[inner]], context.in_degree[keep].int())
    return (*(column.cpu().numpy() for column in columns), len(block), context.background, context.distance)


def _whole(lists: Tensor, similarity: Tensor, n: int) -> KnnGraph:
    """The graph of n nodes of which the last were sent without their lists."""
    missing = n - len(lists)
    return KnnGraph(pad(lists.long(), (0, 0, 0, missing), value=-1), pad(similarity, (0, 0, 0, missing)))
