"""Clusters -> super-nodes: what a cluster is as a node of the next level."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..graph.knn import KnnGraph
from ..graph.nodes import Nodes


def aggregate(
    features: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    image: Int[Tensor, " c"],
    image_links: KnnGraph | None = None,
    level: int = 1,
) -> Nodes:
    """Super-nodes of the next level.

    Formula: identity_c = x_r(c), r(c) the representative's image; average_c = mean of x_i over images i in cluster c.

    Args:
        features: unit rows of all distinct images as they are compared (after the metric's map) [n, d].
        labels: cluster of each image, 0 .. c-1.
        image: the image that represents each cluster (its peak under the tree decode).
        image_links: the k-NN graph of the images, for the structural inputs of the super-nodes.
        level: of the super-nodes.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> nodes = aggregate(x, torch.tensor([0, 0, 1]), torch.tensor([1, 2]))
        >>> nodes.identity.tolist(), nodes.average.tolist(), nodes.size.tolist()
        ([[0.0, 1.0], [0.0, 1.0]], [[0.5, 0.5], [0.0, 1.0]], [2, 1])

    Source: paper section 3 (aggregation): super-node features; the official code averages over all images, not over
    the super-nodes below.
    """
    size = torch.bincount(labels, minlength=len(image))  # (c,)
    by_cluster = labels.argsort(stable=True)  # (n,), images of a cluster side by side
    first = size.cumsum(0) - size  # (c,), where each cluster begins there
    # A sum over bags adds in one order on every device, and forms no [n, d] of sorted rows.
    total = torch.nn.functional.embedding_bag(by_cluster, features, first, mode="sum")  # (c, d)
    return Nodes(image, features[image], total / size[:, None], size, labels, image_links, level)


def majority(clusters: Int[Tensor, " n"], labels: Int[Tensor, " n"]) -> Int[Tensor, " c"]:
    """The commonest label of each cluster 0 .. c-1, none of them empty; the lowest of equally common ones.

    Example:
        >>> majority(torch.tensor([0, 0, 0, 1]), torch.tensor([5, 7, 7, 5])).tolist()
        [7, 5]
    """
    classes, code = torch.unique(labels, return_inverse=True)
    cell, count = torch.unique(clusters * len(classes) + code, return_counts=True)
    owner = cell // len(classes)  # (cells,), cluster of each pair (cluster, label) that occurs
    label = cell % len(classes)
    most = torch.zeros_like(torch.unique(owner)).scatter_reduce(0, owner, count, "amax")
    candidate = torch.where(count == most[owner], label, len(classes))
    best = torch.full_like(most, len(classes)).scatter_reduce(0, owner, candidate, "amin")
    return torch.take(classes, best)
