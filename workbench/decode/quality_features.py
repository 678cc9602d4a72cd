"""What the learned cut reads of every node of a merge tree: the node, its children, their merge, where it stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from ..graph.knn import KnnGraph
from ..graph.similarity_stats import Background
from ._numba import inner_edges
from .cut_criteria import map_equation_worth, mass_worth
from .dendrogram import Cut, Edges, MergeTree

TINY = 1e-6
TRUST = np.array([0.0, 0.7, 1.0, 1.0])  # in a forecast of what none, one, two or all three criteria would make
LOWEST = 1e-9  # linkage: below, logarithms are cut off
OWN_INPUTS = (
    "links inside",
    "linkage inside",
    "mean linkage inside",
    "mean linkage leaving",
    "similarity of its pairs",
    "mean best linkage",
    "mean linkage of its links",
    "mean best similarity",
)
MERGE_INPUTS = (
    "links across, of the larger's",
    "links across, of the smaller's",
    "linkage across, of the larger's",
    "linkage across, of the smaller's",
    "mean linkage across",
    "linkage across per image of the smaller",
    "links across, of those that leave the larger",
    "links across, of those that leave the smaller",
    "linkage across, of that leaving the larger",
    "linkage across, of that leaving the smaller",
    "similarity across",
    "similarity across over within the larger",
    "similarity across over within the smaller",
    "height",
    "height less the larger's",
    "height less the smaller's",
    "height less the parent's",
    "height less the larger's runner-up",
    "height less the smaller's runner-up",
    "height times size",
    "size of the smaller over the larger",
)
PLACE_INPUTS = (
    "size of the sibling over its own",
    "linkage to the sibling",
    "similarity to the sibling",
    "has a parent",
    "is an image",
)
CRITERIA = ("map equation of linkage", "map equation of similarity", "mass")
CLUSTER_INPUTS = (
    *(f"{who}: {name}" for who in ("own", "larger", "smaller") for name in OWN_INPUTS),
    *MERGE_INPUTS,
    *PLACE_INPUTS,
    *(f"{name}: size over that of the {criterion}'s clusters" for name in ("own",) for criterion in CRITERIA),
    *(f"size of the {criterion}'s clusters here over anywhere" for criterion in CRITERIA),
    *(f"{criterion}: {name}" for criterion in CRITERIA for name in ("gain as one cluster", "best below")),
)


@dataclass(frozen=True)
class ClusterInputs:
    """What is read of a tree's nodes.

    Attributes:
        table: float32 [nodes, inputs], columns `CLUSTER_INPUTS`.
        trust: [nodes], what part of a forecast counts, by how many criteria would put a node's images in a cluster as
            large (`TRUST`).
    """

    table: Float32[np.ndarray, "nodes inputs"]
    trust: Float[np.ndarray, " nodes"]


@dataclass(frozen=True)
class _Stats:
    """Sums over the images of every node: links, linkage and similarity at them and inside, and means."""

    degree: Float[np.ndarray, " nodes"]
    volume: Float[np.ndarray, " nodes"]
    closeness: Float[np.ndarray, " nodes"]
    inner_links: Float[np.ndarray, " nodes"]
    inner_volume: Float[np.ndarray, " nodes"]
    inner_closeness: Float[np.ndarray, " nodes"]
    square: Float[np.ndarray, " nodes"]
    means: Float[np.ndarray, "nodes 3"]


def cluster_inputs(
    tree: MergeTree, edges: Edges, graph: KnnGraph, linkage: Float[Tensor, "n k"], features: Float[Tensor, "n d"]
) -> ClusterInputs:
    """`CLUSTER_INPUTS` of every node: shares, ratios and logarithms of ratios, free of the number of images and of what
    similarity means in this kind of data.

    "Similarity" is above the background (`Background`); heights are logarithms of mean linkage; sizes enter as
    logarithms of ratios only: to the sibling's, and to the sizes of the clusters that three criteria with no learning
    would make of the same images (`workbench.decode.cut_criteria`). Merge inputs of an image are 0.

    Args:
        tree: of `edges` and `features`.
        edges: of `graph` and `linkage`.
        graph, linkage, features: of the images.

    Example:
        >>> from workbench.decode import Edges, merge_tree
        >>> x, graph = torch.eye(2), KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> edges = Edges.of(graph, graph.similarity)
        >>> tree = merge_tree(edges, x)
        >>> cluster_inputs(tree, edges, graph, graph.similarity, x).table.shape == (3, len(CLUSTER_INPUTS))
        True
    """
    background = Background.of(features)
    near = Edges.of(graph, graph.similarity)
    stats = _stats(tree, graph, linkage, edges, near, background)
    own, pairs = _own(tree, stats, background)
    criteria = [
        map_equation_worth(tree, stats.volume, stats.inner_volume),
        map_equation_worth(tree, stats.closeness, stats.inner_closeness),
        mass_worth(tree),
    ]
    table = np.zeros((tree.n_nodes, len(CLUSTER_INPUTS)), np.float32)
    ends = np.cumsum([*[own.shape[1]] * 3, len(MERGE_INPUTS), len(PLACE_INPUTS)])
    itself, *sides, merges, place, landmarks = np.split(table, ends, axis=1)  # views
    itself[:] = own
    for part, side in zip(sides, (tree.larger, tree.smaller), strict=True):
        part[tree.n :] = own[side]
    merges[tree.n :] = _merge(tree, stats, pairs, background)
    place[:] = _place(tree, stats, background)
    landmarks[:] = _landmarks(tree, criteria)
    np.nan_to_num(table, copy=False, nan=0.0, posinf=25.0, neginf=-25.0)
    np.clip(table, -25, 25, out=table)
    return ClusterInputs(table, TRUST[sum((~tree.above(cut)).astype(int) for _, cut in criteria)])


def _stats(
    tree: MergeTree, graph: KnnGraph, linkage: Tensor, edges: Edges, near: Edges, background: Background
) -> _Stats:
    n = tree.n
    count = graph.present.sum(dim=1).clamp(min=1)
    best = linkage.max(dim=1).values if graph.k else linkage.new_zeros(n)
    first = graph.similarity[:, 0] if graph.k else linkage.new_zeros(n)
    read = torch.stack([best, linkage.sum(dim=1) / count, background.above(first)], dim=1).cpu().numpy()
    at = [edges.at(edges.links), edges.at(edges.weight), near.at(near.weight)]
    leaf = np.column_stack([*at, *np.zeros((2, n)), np.ones(n), read])
    added = np.zeros((len(tree.larger), leaf.shape[1]))
    added[:, 3], added[:, 4], added[:, 5] = tree.links, tree.weight, 2 * tree.product
    sums = tree.sums(leaf, added)
    closed = inner_edges(n, tree.parent, near.low, near.high, near.weight)
    inner_closeness = tree.sums(closed[:n, None], closed[n:, None])[:, 0]
    degree, volume, closeness, inner_links, inner_volume, square = sums[:, :6].T
    means = sums[:, 6:] / tree.size[:, None]
    return _Stats(degree, volume, closeness, inner_links, inner_volume, inner_closeness, square, means)


def _own(tree: MergeTree, s: _Stats, background: Background) -> tuple[np.ndarray, np.ndarray]:
    """`OWN_INPUTS` of every node, and the similarity of its pairs (1 for an image)."""
    size = tree.size
    cosine = np.where(size > 1, (s.square - size) / np.maximum(size * (size - 1), 1), 1.0)
    pairs = (cosine - background.mean) / (1 - background.mean + TINY)
    leaving = (s.volume - 2 * s.inner_volume) / (s.degree - 2 * s.inner_links + TINY)
    inside = [2 * s.inner_links / (s.degree + TINY), 2 * s.inner_volume / (s.volume + TINY)]
    columns = [*inside, s.inner_volume / (s.inner_links + TINY), leaving, pairs, s.means]
    return np.column_stack(columns), pairs


def _merge(tree: MergeTree, s: _Stats, pairs: np.ndarray, background: Background) -> np.ndarray:
    """`MERGE_INPUTS` of every merge."""
    a, b, size = tree.larger, tree.smaller, tree.size
    sides = (a, b)
    across = (tree.product / (size[a] * size[b]) - background.mean) / (1 - background.mean + TINY)
    height = np.log(tree.linkage + LOWEST)
    grown = np.concatenate([np.log(2 * s.means[: tree.n, 0] + LOWEST), height])
    parent = tree.parent[tree.n :]
    above = np.where(parent >= 0, np.concatenate([np.zeros(tree.n), height])[parent], np.log(2 * LOWEST))
    columns = [tree.links / (s.degree[side] + TINY) for side in sides]
    columns += [tree.weight / (s.volume[side] + TINY) for side in sides]
    columns += [tree.weight / (tree.links + TINY), tree.weight / np.minimum(size[a], size[b])]
    leaving = [s.degree[side] - 2 * s.inner_links[side] + TINY for side in sides]
    columns += [np.minimum(tree.links / one, 1) for one in leaving]
    leaving = [s.volume[side] - 2 * s.inner_volume[side] + TINY for side in sides]
    columns += [np.minimum(tree.weight / one, 1) for one in leaving]
    columns += [across, *(across / (np.abs(pairs[side]) + 0.05) for side in sides), height]
    columns += [height - grown[side] for side in sides]
    columns += [height - above, height - np.log(tree.ahead + LOWEST), height - np.log(tree.behind + LOWEST)]
    columns += [np.log(tree.linkage * size[tree.n :] + LOWEST), np.log(size[b] / size[a])]
    return np.column_stack(columns)


def _place(tree: MergeTree, s: _Stats, background: Background) -> np.ndarray:
    """`PLACE_INPUTS` of every node: what it is beside its sibling."""
    nodes, n = np.arange(tree.n_nodes), tree.n
    has = tree.parent >= 0
    out = np.zeros((tree.n_nodes, len(PLACE_INPUTS)))
    out[:, 3], out[:n, 4] = has, 1
    merge, own = tree.parent[has] - n, nodes[has]
    sibling = np.where(tree.larger[merge] == own, tree.smaller[merge], tree.larger[merge])
    size = tree.size
    cosine = tree.product[merge] / (size[own] * size[sibling])
    out[has, 0] = np.log(size[sibling] / size[own])
    out[has, 1] = tree.weight[merge] / (s.volume[own] + TINY)
    out[has, 2] = (cosine - background.mean) / (1 - background.mean + TINY)
    return out


def _landmarks(tree: MergeTree, criteria: list[tuple[np.ndarray, Cut]]) -> np.ndarray:
    """Sizes beside those of the criteria's clusters, and what the criteria say of every node."""
    size = tree.size[:, None]
    of_image = np.column_stack([np.log(tree.size[cut.node]) for _, cut in criteria])
    here = tree.sums(of_image) / size
    verdicts = []
    for worth, cut in criteria:
        below = np.concatenate([np.zeros(tree.n), cut.value[tree.larger] + cut.value[tree.smaller]])
        verdicts += [worth - below, below]
    verdict = np.column_stack(verdicts) / size
    return np.concatenate([np.log(size) - here, here - of_image.mean(axis=0), verdict], axis=1)
