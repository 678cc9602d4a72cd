"""Of every node of a dendrogram: links, linkage and similarity of its images, of those inside it, and means."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float64
from torch import Tensor

from ..graph.knn import KnnGraph
from ..graph.similarity_stats import Background
from .dendrogram import Dendrogram
from .edges import Edges

# The packaged ensembles were trained with it. No measurement of other values is recorded.
LOWEST = 1e-9  # linkage: below, logarithms are cut off

OfNodes = Float64[Tensor, " nodes"]


@dataclass(frozen=True)
class NodeStats:
    """Sums over the images of every node, means, and what follows from them: the columns of one table, written through.

    Attributes:
        volume, degree, closeness: linkage, links and similarity at the images.
        inner_volume, inner_links, inner_closeness: of those that stay inside.
        square: squared length of the sum of the features.
        size: images.
        best_linkage, mean_linkage, best_similarity: means over the images.
        pairs: mean similarity of the pairs of images; 1, that of an image with itself, where there is no pair.
        height: logarithm of the mean linkage at which the node forms. That of an image is its best link's, counted in
            both directions, as two images with that linkage would merge.
    """

    volume: OfNodes
    degree: OfNodes
    closeness: OfNodes
    inner_volume: OfNodes
    inner_links: OfNodes
    inner_closeness: OfNodes
    square: OfNodes
    size: OfNodes
    best_linkage: OfNodes
    mean_linkage: OfNodes
    best_similarity: OfNodes
    pairs: OfNodes
    height: OfNodes

    @classmethod
    def of(cls, table: Float64[Tensor, "nodes stats"]) -> NodeStats:
        """The columns of a table."""
        return cls(*table.unbind(1))


SIZE, HEIGHT = (tuple(field.name for field in fields(NodeStats)).index(name) for name in ("size", "height"))


def node_stats(
    dendrogram: Dendrogram, graph: KnnGraph, linkage: Tensor, edges: Edges, background: Background
) -> Float64[Tensor, "nodes stats"]:
    """The table of `NodeStats`: values of images and of merges, which are then added up over subtrees."""
    n = dendrogram.n
    table = edges.sums.new_zeros(dendrogram.n_nodes, len(fields(NodeStats)))
    image = NodeStats.of(table[:n])
    for column, values in zip((image.volume, image.degree, image.closeness), edges.at_images().T, strict=True):
        column.copy_(values)
    image.square.fill_(1)
    image.size.fill_(1)
    if graph.k:
        image.best_linkage.copy_(linkage.max(dim=1).values)
    image.mean_linkage.copy_(linkage.sum(dim=1) / graph.mask.sum(dim=1).clamp(min=1))
    image.best_similarity.copy_(background.above(graph.similarity[:, 0] if graph.k else linkage.new_zeros(n)))

    merge = NodeStats.of(table[n:])
    merge.inner_volume.copy_(dendrogram.columns["weight"])
    merge.inner_links.copy_(dendrogram.columns["links"])
    merge.inner_closeness.copy_(dendrogram.columns["closeness"])
    merge.square.copy_(2 * dendrogram.columns["product"])

    table = dendrogram.subtrees.sums(table)
    every = NodeStats.of(table)
    for mean in (every.best_linkage, every.mean_linkage, every.best_similarity):
        mean.div_(every.size)
    size = every.size
    cosine = torch.where(size > 1, (every.square - size) / (size * (size - 1)).clamp(min=1), 1.0)
    every.pairs.copy_(background.above(cosine))
    every.height[:n] = log_linkage(2 * every.best_linkage[:n])
    every.height[n:] = log_linkage(dendrogram.columns["height"])
    return table


def log_linkage(linkage: Tensor) -> Tensor:
    """Logarithm of a linkage, which may be 0.

    Example:
        >>> round(float(log_linkage(torch.ones(1))), 6)
        0.0
    """
    return (linkage + LOWEST).log()
