"""Places for the images of a clustering: given, or laid out once from features, or from the k-NN graph alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD

from ...graph.knn import KnnGraph
from ..figures.maps import umap_map

_AXES = 16


def places_of(
    graph: KnnGraph, xy: Any = None, features: Any = None, *, seed: int = 0, max_points: int = 50_000
) -> Float[np.ndarray, "n 2"]:
    """`xy` as it is, else UMAP on `graph`, started from the features or, without them, from the graph's main axes.

    Args:
        graph: of the images: level 0's.
        xy: places [n, 2].
        features: [n, d].
        seed, max_points: as in `umap_map`.

    Raises:
        ValueError: places or features of another number of images, or features that are not finite numbers.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0], [0]], [[0.9], [0.9], [0.5]])
        >>> places_of(graph).shape, places_of(graph, xy=[[0, 1], [2, 3], [4, 5]])[1].tolist()
        ((3, 2), [2.0, 3.0])
    """
    if xy is not None:
        given = np.asarray(xy, dtype=np.float32)
        if given.shape != (graph.n, 2):
            raise ValueError(f"xy: expected shape ({graph.n}, 2), a place for each image, got {given.shape}")
        return given
    if features is None:
        return umap_map(graph_axes(graph, seed), graph=graph, seed=seed, max_points=max_points)
    if len(features) != graph.n:
        raise ValueError(f"features: expected {graph.n} rows, one per image of the clustering, got {len(features)}")
    return umap_map(features, graph=graph, seed=seed, max_points=max_points)


def graph_axes(graph: KnnGraph, seed: int = 0) -> Float[np.ndarray, "n a"]:
    """The main axes of the similarity matrix of a k-NN graph: a stand-in for features that are not at hand.

    Example:
        >>> graph_axes(KnnGraph.from_arrays([[1], [0], [0]], [[0.9], [0.9], [0.5]])).shape
        (3, 2)
    """
    node, slot = (axis.cpu().numpy() for axis in graph.mask.nonzero(as_tuple=True))
    near = graph.similarity.cpu().numpy()[node, slot]
    matrix = csr_array((near, (node, graph.neighbors.cpu().numpy()[node, slot])), shape=(graph.n, graph.n))
    symmetric = matrix + matrix.T
    if graph.n < 3 or not symmetric.nnz:
        return np.eye(graph.n, 2)
    axes = TruncatedSVD(min(_AXES, graph.n - 1), random_state=seed).fit_transform(symmetric)
    return np.asarray(axes, dtype=np.float64)
