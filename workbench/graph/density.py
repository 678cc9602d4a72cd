"""Labels -> what the model learns to predict: the links within a class and the density of each node."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .knn import KnnGraph


def link_labels(graph: KnnGraph, labels: Int[Tensor, " n"]) -> Bool[Tensor, "n k"]:
    """True where a neighbour has the node's own label; False where there is no neighbour.

    Example:
        >>> graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5]])
        >>> link_labels(graph, torch.tensor([7, 7, 8])).tolist()
        [[True, False], [True, False], [False, False]]
    """
    return (labels[graph.padded] == labels[:, None]) & graph.mask


def signed_density(graph: KnnGraph, coefficient: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """Mean over a node's neighbours of similarity times edge coefficient; 0 for a node without neighbours.

    Formula: d_i = 1/|N(i)| * sum_j s_ij e_ij, with e_ij in [-1, 1]. With e_ij = +1 (same class) or -1 (different) this
    is the density target; with the predicted 2 r_ij - 1 it is the model's density.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.8], [0.8]])
        >>> signed_density(graph, torch.tensor([[1.0], [-0.5]])).tolist()
        [0.800000011920929, -0.4000000059604645]

    Source: paper section 3.2. The paper's text calls it the proportion of neighbours of the same type; the official
    code weighs by similarity and counts other classes negatively, and this function follows the code.
    """
    count = graph.mask.sum(dim=1).clamp(min=1)  # (n,); absent neighbours have similarity 0 and add nothing
    return (graph.similarity * coefficient).sum(dim=1) / count


def density_target(graph: KnnGraph, labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """True density in [-1, 1]: high inside a class, low or negative between classes.

    Example:
        >>> graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5]])
        >>> [round(d, 2) for d in density_target(graph, torch.tensor([7, 7, 8])).tolist()]
        [0.2, 0.15, -0.55]
    """
    return signed_density(graph, link_labels(graph, labels).to(graph.similarity.dtype) * 2 - 1)


def denser_neighbors(graph: KnnGraph, density: Float[Tensor, " n"], *, strict: bool = True) -> Bool[Tensor, "n k"]:
    """True where a neighbour is denser than the node. Only such links may be kept, so no cycle can arise.

    Args:
        density: of each node [n].
        strict: equal densities never count (the official rule). Otherwise the lower index counts as denser, so that
            exact duplicates can be linked, still without a cycle.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> density = torch.tensor([0.5, 0.5])
        >>> denser_neighbors(graph, density).tolist(), denser_neighbors(graph, density, strict=False).tolist()
        ([[False], [False]], [[False], [True]])
    """
    theirs = density[graph.padded]  # (n, k)
    own = density[:, None]  # (n, 1)
    denser = theirs > own
    if not strict:
        node = torch.arange(graph.n, device=density.device)[:, None]
        denser |= (theirs == own) & (graph.neighbors < node)
    return denser & graph.mask
