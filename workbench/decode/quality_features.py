"""What the learned cut reads of every node of a dendrogram: the node, its children, their merge, where it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64
from torch import Tensor

from ..graph.knn import KnnGraph
from ..graph.similarity_stats import Background
from .cut_criteria import Found, excess_of_mass, map_equation
from .dendrogram import Dendrogram, Edges

# The packaged ensembles were trained with these. No measurement of other values is recorded.
TINY = 1e-6  # keeps ratios of nothing to nothing finite
BOUND = 25.0  # of every feature: logarithms of what hardly exists say no more beyond
LOWEST = 1e-9  # linkage: below, logarithms are cut off
FAINT = 0.05  # similarity above background that a divisor has at least: within a loose cluster it is near 0

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
CRITERIA = ("map equation of linkage", "map equation of similarity", "excess of mass")
LANDMARK_INPUTS = (
    *(f"size over that of the clusters by {criterion}" for criterion in CRITERIA),
    *(f"size of the clusters by {criterion} here over anywhere" for criterion in CRITERIA),
    *(f"{criterion}: {name}" for criterion in CRITERIA for name in ("gain as one cluster", "best below")),
)
QUALITY_FEATURES = (  # in the order in which the packaged ensemble reads them
    *(f"{side}: {name}" for side in ("own", "larger", "smaller") for name in OWN_INPUTS),
    *MERGE_INPUTS,
    *PLACE_INPUTS,
    *LANDMARK_INPUTS,
)
COLUMN = {name: i for i, name in enumerate(QUALITY_FEATURES)}

OfNodes = Float64[Tensor, " nodes"]
Columns = dict[str, Tensor]  # by name


@dataclass(frozen=True)
class QualityFeatures:
    """What is read of a dendrogram's nodes.

    Attributes:
        table: float32 [nodes, features], columns `QUALITY_FEATURES`, where the graph is.
        possible: bool [nodes], whether any of the criteria would put a node's images in a cluster as large. Where none
            would, no prediction is believed: they are least sure for large clusters.
    """

    table: Float32[Tensor, "nodes features"]
    possible: Bool[np.ndarray, " nodes"]


@dataclass(frozen=True)
class _Stats:
    """Sums over the images of every node, and means.

    Attributes:
        degree, volume, closeness: links, linkage and similarity at the images.
        inner_links, inner_volume, inner_closeness: of those that stay inside.
        square: squared length of the sum of the features.
        best_linkage, mean_linkage, best_similarity: means over the images.
    """

    degree: OfNodes
    volume: OfNodes
    closeness: OfNodes
    inner_links: OfNodes
    inner_volume: OfNodes
    inner_closeness: OfNodes
    square: OfNodes
    best_linkage: OfNodes
    mean_linkage: OfNodes
    best_similarity: OfNodes


def quality_features(
    dendrogram: Dendrogram,
    edges: Edges,
    graph: KnnGraph,
    linkage: Float[Tensor, "n k"],
    features: Float[Tensor, "n d"],
) -> QualityFeatures:
    """`QUALITY_FEATURES` of every node: shares, ratios and logarithms of ratios, free of the number of images and of
    what similarity means in this kind of data.

    "Similarity" is above the background (`Background`); heights are logarithms of mean linkage; sizes enter as
    logarithms of ratios only: to the sibling's, and to the sizes of the clusters that three criteria with no learning
    would make of the same images (`cut_criteria`). What is read of a merge is 0 for an image.

    Args:
        dendrogram: of `edges` and `features`.
        edges: of `graph` and `linkage`.
        graph, linkage, features: of the images.

    Example:
        >>> from workbench.decode import Edges, build_dendrogram
        >>> x, graph = torch.eye(2), KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> edges = Edges.of(graph, graph.similarity)
        >>> read = quality_features(build_dendrogram(edges, x), edges, graph, graph.similarity, x)
        >>> read.table.shape == (3, len(QUALITY_FEATURES)), round(float(read.table[2, COLUMN["own: links inside"]]), 3)
        (True, 1.0)
    """
    n = dendrogram.n
    background = Background.of(features)
    stats = _stats(dendrogram, graph, linkage, edges, background)
    pairs = _pair_similarity(dendrogram, stats, background)  # (nodes,)
    criteria = [
        map_equation(dendrogram, stats.volume, stats.inner_volume),
        map_equation(dendrogram, stats.closeness, stats.inner_closeness),
        excess_of_mass(dendrogram),
    ]

    tree = dendrogram.subtrees
    table = torch.zeros(dendrogram.n_nodes, len(QUALITY_FEATURES), device=pairs.device)
    for name, column in _own(stats, pairs).items():
        table[:, COLUMN[f"own: {name}"]] = column
        table[n:, COLUMN[f"larger: {name}"]] = column[tree.larger].float()
        table[n:, COLUMN[f"smaller: {name}"]] = column[tree.smaller].float()
    for name, column in _merge(dendrogram, stats, pairs, background).items():
        table[n:, COLUMN[name]] = column
    for name, column in {**_place(dendrogram, stats, background), **_landmarks(dendrogram, criteria)}.items():
        table[:, COLUMN[name]] = column

    table.nan_to_num_(nan=0.0, posinf=BOUND, neginf=-BOUND).clamp_(-BOUND, BOUND)
    possible = torch.stack([~tree.above(node) for _, node, _ in criteria]).any(dim=0)
    return QualityFeatures(table, possible.cpu().numpy())


def _stats(dendrogram: Dendrogram, graph: KnnGraph, linkage: Tensor, edges: Edges, background: Background) -> _Stats:
    n = dendrogram.n
    count = graph.mask.sum(dim=1).clamp(min=1)
    best = linkage.max(dim=1).values if graph.k else linkage.new_zeros(n)
    first = graph.similarity[:, 0] if graph.k else linkage.new_zeros(n)
    read = torch.stack([best, linkage.sum(dim=1) / count, background.above(first)], dim=1)  # (n, 3)

    nothing = edges.sums.new_zeros(n, 3)
    one = edges.sums.new_ones(n, 1)
    leaf = torch.cat([edges.at_images(), nothing, one, read.double()], dim=1)  # (n, 10)
    added = leaf.new_zeros(dendrogram.n_merges, leaf.shape[1])
    added[:, 3] = dendrogram.column("weight")
    added[:, 4] = dendrogram.column("links")
    added[:, 5] = dendrogram.column("closeness")
    added[:, 6] = 2 * dendrogram.column("product")
    sums = dendrogram.subtrees.sums(leaf, added)  # (nodes, 10)

    volume, degree, closeness, inner_volume, inner_links, inner_closeness, square = sums.T[:7].contiguous()
    means = sums.T[7:] / dendrogram.subtrees.size
    return _Stats(degree, volume, closeness, inner_links, inner_volume, inner_closeness, square, *means)


def _pair_similarity(dendrogram: Dendrogram, stats: _Stats, background: Background) -> OfNodes:
    """Mean similarity of the pairs of images in every node; that of an image with itself, 1, where there is no pair."""
    size = dendrogram.subtrees.size
    cosine = torch.where(size > 1, (stats.square - size) / (size * (size - 1)).clamp(min=1), 1.0)
    return background.above(cosine)


def _own(stats: _Stats, pairs: OfNodes) -> Columns:
    """`OWN_INPUTS` of every node."""
    leaving_volume = stats.volume - 2 * stats.inner_volume
    leaving_links = stats.degree - 2 * stats.inner_links
    return {
        "links inside": 2 * stats.inner_links / (stats.degree + TINY),
        "linkage inside": 2 * stats.inner_volume / (stats.volume + TINY),
        "mean linkage inside": stats.inner_volume / (stats.inner_links + TINY),
        "mean linkage leaving": leaving_volume / (leaving_links + TINY),
        "similarity of its pairs": pairs,
        "mean best linkage": stats.best_linkage,
        "mean linkage of its links": stats.mean_linkage,
        "mean best similarity": stats.best_similarity,
    }


def _merge(dendrogram: Dendrogram, stats: _Stats, pairs: OfNodes, background: Background) -> Columns:
    """`MERGE_INPUTS` of every merge."""
    n = dendrogram.n
    tree = dendrogram.subtrees
    larger = tree.larger
    smaller = tree.smaller
    size = tree.size
    links = dendrogram.column("links")  # (m,)
    weight = dendrogram.column("weight")  # (m,)
    leaving_links = stats.degree - 2 * stats.inner_links + TINY
    leaving_volume = stats.volume - 2 * stats.inner_volume + TINY

    across = background.above(dendrogram.column("product") / (size[larger] * size[smaller]))  # (m,)
    height = _log(dendrogram.column("height"))  # (m,)
    # The height of an image: its best link's, counted in both directions, as two images with that linkage would merge.
    own_height = torch.cat([_log(2 * stats.best_linkage[:n]), height])  # (nodes,)
    parent = tree.parent[n:]
    of_parent = torch.where(parent >= 0, own_height[parent], math.log(2 * LOWEST))
    return {
        "links across, of the larger's": links / (stats.degree[larger] + TINY),
        "links across, of the smaller's": links / (stats.degree[smaller] + TINY),
        "linkage across, of the larger's": weight / (stats.volume[larger] + TINY),
        "linkage across, of the smaller's": weight / (stats.volume[smaller] + TINY),
        "mean linkage across": weight / (links + TINY),
        "linkage across per image of the smaller": weight / size[smaller],
        "links across, of those that leave the larger": (links / leaving_links[larger]).clamp(max=1),
        "links across, of those that leave the smaller": (links / leaving_links[smaller]).clamp(max=1),
        "linkage across, of that leaving the larger": (weight / leaving_volume[larger]).clamp(max=1),
        "linkage across, of that leaving the smaller": (weight / leaving_volume[smaller]).clamp(max=1),
        "similarity across": across,
        "similarity across over within the larger": across / (pairs[larger].abs() + FAINT),
        "similarity across over within the smaller": across / (pairs[smaller].abs() + FAINT),
        "height": height,
        "height less the larger's": height - own_height[larger],
        "height less the smaller's": height - own_height[smaller],
        "height less the parent's": height - of_parent,
        "height less the larger's runner-up": height - _log(dendrogram.column("second_of_larger")),
        "height less the smaller's runner-up": height - _log(dendrogram.column("second_of_smaller")),
        "height times size": _log(dendrogram.column("height") * size[n:]),
        "size of the smaller over the larger": (size[smaller] / size[larger]).log(),
    }


def _log(linkage: Tensor) -> Tensor:
    return (linkage + LOWEST).log()


def _place(dendrogram: Dendrogram, stats: _Stats, background: Background) -> Columns:
    """`PLACE_INPUTS` of every node: what it is beside its sibling."""
    n = dendrogram.n
    tree = dendrogram.subtrees
    size = tree.size
    own = torch.cat([tree.larger, tree.smaller])  # all nodes that have a parent
    sibling = torch.cat([tree.smaller, tree.larger])
    weight = dendrogram.column("weight").repeat(2)  # across the merge of both
    cosine = dendrogram.column("product").repeat(2) / (size[own] * size[sibling])

    def spread(values: Tensor) -> OfNodes:
        """Values of the nodes that have a parent, 0 for the roots."""
        out = torch.zeros_like(size)
        out[own] = values
        return out

    return {
        "size of the sibling over its own": spread((size[sibling] / size[own]).log()),
        "linkage to the sibling": spread(weight / (stats.volume[own] + TINY)),
        "similarity to the sibling": spread(background.above(cosine)),
        "has a parent": tree.parent >= 0,
        "is an image": torch.arange(dendrogram.n_nodes, device=size.device) < n,
    }


def _landmarks(dendrogram: Dendrogram, criteria: list[Found]) -> Columns:
    """`LANDMARK_INPUTS` of every node: its size beside those of the criteria's clusters, and what these say of it."""
    tree = dendrogram.subtrees
    size = tree.size
    of_image = torch.stack([size[node].log() for _, node, _ in criteria], dim=1)  # (n, criteria)
    here = tree.sums(of_image) / size[:, None]  # (nodes, criteria), in one pass over the dendrogram
    anywhere = of_image.mean(dim=0)  # (criteria,)
    columns: Columns = {}
    for i, (criterion, (score, _, value)) in enumerate(zip(CRITERIA, criteria, strict=True)):
        below = torch.cat([value.new_zeros(dendrogram.n), value[tree.larger] + value[tree.smaller]])
        columns[f"size over that of the clusters by {criterion}"] = size.log() - here[:, i]
        columns[f"size of the clusters by {criterion} here over anywhere"] = here[:, i] - anywhere[i]
        columns[f"{criterion}: gain as one cluster"] = (score - below) / size
        columns[f"{criterion}: best below"] = below / size
    return columns
