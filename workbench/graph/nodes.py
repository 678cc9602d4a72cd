"""The nodes of one level: single images, or the clusters of the level below."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .knn import KnnGraph


@dataclass(frozen=True)
class Nodes:
    """The nodes of one level: single images at level 0 (`of_images`), clusters above: super-nodes, which
    `workbench.decode.aggregate` makes.

    Attributes:
        image: int64 [n], the image that represents each node: itself at level 0, the cluster's peak above.
        identity: [n, d] feature of each node's representative image (unit rows).
        average: [n, d] mean of the features of all images in the node, not of its parts; not normalised again.
        size: int64 [n], number of images in the node.
        members: int64 [images], the node that each image belongs to.
        image_links: the k-NN graph of the images; None at level 0, where it is the level's own graph.
        level: 0 for images.
    """

    image: Int[Tensor, " n"]
    identity: Float[Tensor, "n d"]
    average: Float[Tensor, "n d"]
    size: Int[Tensor, " n"]
    members: Int[Tensor, " images"]
    image_links: KnnGraph | None = None
    level: int = 0

    @property
    def center(self) -> Float[Tensor, "n d"]:
        """Average features scaled to length 1; for single images their features as they are."""
        # Unit rows must not be normalised again: rounding would change equal rows and copy all features.
        return self.average if self.average is self.identity else torch.nn.functional.normalize(self.average, dim=1)

    @classmethod
    def of_images(cls, features: Float[Tensor, "n d"]) -> Nodes:
        """Level 0: every image is a node; its own feature is both its identity and its average feature.

        Example:
            >>> Nodes.of_images(torch.eye(2)).size.tolist()
            [1, 1]
        """
        image = torch.arange(len(features), device=features.device)
        return cls(image, features, features, torch.ones_like(image), image)
