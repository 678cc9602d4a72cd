"""Clusters -> super-nodes: what a cluster is as a node of the next level."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .graph import KnnGraph


@dataclass(frozen=True)
class Nodes:
    """The nodes of one level: single images at level 0, clusters above.

    Attributes:
        image: int64 [n], the image that represents each node: itself at level 0, the cluster's peak above.
        identity: [n, d] feature of each node's representative image (unit rows).
        average: [n, d] mean of the original features of all images in the node (not normalised again).
        size: int64 [n], number of images in the node.
        members: int64 [images], the node each image lies in.
        image_links: the k-NN graph of the images; None at level 0, where the level's own graph is that one.
    """

    image: Int[Tensor, " n"]
    identity: Float[Tensor, "n d"]
    average: Float[Tensor, "n d"]
    size: Int[Tensor, " n"]
    members: Int[Tensor, " images"]
    image_links: KnnGraph | None = None

    @property
    def center(self) -> Float[Tensor, "n d"]:
        """Average features scaled to length 1; of single images: their features as they are."""
        return self.average if self.average is self.identity else torch.nn.functional.normalize(self.average, dim=1)

    @classmethod
    def of_images(cls, features: Float[Tensor, "n d"]) -> Nodes:
        """Level 0: every image is a node, its identity and average feature are its own.

        Example:
            >>> Nodes.of_images(torch.eye(2)).size.tolist()
            [1, 1]
        """
        image = torch.arange(len(features), device=features.device)
        return cls(image, features, features, torch.ones_like(image), image)


def aggregate(
    features: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    image: Int[Tensor, " c"],
    image_links: KnnGraph | None = None,
) -> Nodes:
    """Super-nodes of the next level.

    Formula: identity_c = x_r(c), r(c) the representative's image; average_c = mean of x_i over images i in cluster c.

    Args:
        features: original unit rows of all images [n, d].
        labels: cluster of each image, 0 .. c-1.
        image: the image that represents each cluster (its peak under the tree decode).
        image_links: the k-NN graph of the images, for the structural inputs of the super-nodes.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> nodes = aggregate(x, torch.tensor([0, 0, 1]), torch.tensor([1, 2]))
        >>> nodes.identity.tolist(), nodes.average.tolist(), nodes.size.tolist()
        ([[0.0, 1.0], [0.0, 1.0]], [[0.5, 0.5], [0.0, 1.0]], [2, 1])

    Source: paper section 3 (aggregation): super-node features; the official code averages over all images, not over
    the super-nodes below.
    """
    size = torch.bincount(labels, minlength=len(image))
    by_cluster, first = labels.argsort(stable=True), size.cumsum(0) - size  # summed in one order on every device
    total = torch.nn.functional.embedding_bag(by_cluster, features, first, mode="sum")
    return Nodes(image, features[image], total / size[:, None], size, labels, image_links)


def majority(clusters: Int[Tensor, " n"], labels: Int[Tensor, " n"]) -> Int[Tensor, " c"]:
    """The commonest label of each cluster 0 .. c-1, none of them empty; the lowest of equally common ones.

    Example:
        >>> majority(torch.tensor([0, 0, 0, 1]), torch.tensor([5, 7, 7, 5])).tolist()
        [7, 5]
    """
    classes, code = torch.unique(labels, return_inverse=True)
    cell, count = torch.unique(clusters * len(classes) + code, return_counts=True)
    owner, label = cell // len(classes), cell % len(classes)
    most = torch.zeros_like(torch.unique(owner)).scatter_reduce(0, owner, count, "amax")
    candidate = torch.where(count == most[owner], label, len(classes))
    best = torch.full_like(most, len(classes)).scatter_reduce(0, owner, candidate, "amin")
    return torch.take(classes, best)
