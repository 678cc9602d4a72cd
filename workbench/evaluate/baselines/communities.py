"""Baselines that cut the weighted k-NN graph where little flows: spectral clustering and the map equation (Infomap)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int64
from scipy.linalg import eigh
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import eigsh
from threadpoolctl import threadpool_limits
from torch import Tensor

from ..._core.validation import check_int
from ...graph.knn import KnnGraph, knn
from .base import Baseline, Grid
from .points import kmeans

DENSE_UP_TO = 500  # nodes: below, a dense eigensolver takes under 0.1 s


def symmetric(graph: KnnGraph) -> csr_array:
    """The similarity matrix of the graph, sparse [N, N]: an edge exists if either node lists the other.

    Example:
        >>> symmetric(KnnGraph.from_arrays([[1], [0]], [[0.8], [0.8]])).toarray().round(1).tolist()
        [[0.0, 0.8], [0.8, 0.0]]
    """
    target, source = graph.edge_index.numpy()[::-1]
    weight = graph.similarity[graph.mask].numpy().astype(np.float64)
    matrix = coo_array((weight, (target, source)), shape=(graph.n, graph.n)).tocsr()
    return csr_array(matrix.maximum(matrix.T))


def leading_eigenvectors(matrix: csr_array, count: int, seed: int | None) -> Float[np.ndarray, "n count"]:
    """Eigenvectors of the `count` largest eigenvalues of a symmetric sparse matrix, to 1e-3.

    Example:
        >>> leading_eigenvectors(csr_array(np.diag([1.0, 3.0, 2.0])), 1, seed=0).round(1).__abs__().tolist()
        [[0.0], [1.0], [0.0]]
    """
    n = matrix.shape[0]
    if n <= DENSE_UP_TO or count > n // 2:  # Lanczos needs count < n, and is slow where many eigenvalues are equal
        return np.asarray(eigh(matrix.toarray(), subset_by_index=[n - count, n - 1])[1])
    start = np.random.default_rng(seed).random(n, dtype=np.float32)
    width = count + max(20, count // 3)  # of the Krylov space: half of the usual 2 K, and twice as fast at K = 300
    with threadpool_limits(1, user_api="blas"):  # many small products: threads only wait for each other
        return np.asarray(
            eigsh(matrix.astype(np.float32), k=count, which="LA", v0=start, tol=1e-3, ncv=min(width, n))[1]
        )


class Spectral(Baseline):
    """Normalised cut of the k-NN graph; an oracle, for `n_clusters` is the true number of classes.

    Formula: k-means on the rows, scaled to length 1, of the K leading eigenvectors of D^-1/2 S D^-1/2, with S = the
    similarities and D = their row sums. The eigenvectors take O(N K^2) time.

    Args:
        n_clusters: K; at most N clusters come out.
        k: neighbours per node.
        random_state: seed of the eigensolver's and of k-means' start.

    Example:
        >>> rows = [[1, 0], [1, 0.1], [0.1, 1], [0, 1]]
        >>> Spectral(n_clusters=2, k=1).fit_predict(rows).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
        True

    Source: Ng, Jordan & Weiss 2002, "On spectral clustering: analysis and an algorithm".
    """

    oracle = True
    grid: ClassVar[Grid] = {"k": (5, 10, 20)}
    max_n = 8_000  # K grows with N where classes keep their size, so that time grows with N^3

    def __init__(self, *, n_clusters: int = 8, k: int = 10, random_state: int | None = 0) -> None:
        self.n_clusters = n_clusters
        self.k = k
        self.random_state = random_state

    def _assign(self, data: Float[Tensor, "n d"]) -> Int64[np.ndarray, " n"]:
        similarity = symmetric(knn(data, self.k))
        degree = similarity.sum(axis=1)  # (n,)
        scale = diags_array(1 / np.sqrt(np.where(degree > 0, degree, 1.0)))

        count = min(check_int(self.n_clusters, "n_clusters"), len(data))
        vectors = leading_eigenvectors(csr_array(scale @ similarity @ scale), count, self.random_state)

        # Length 1, as Ng, Jordan & Weiss do; a node without edges has no entry in these vectors and stays at 0.
        rows = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return kmeans(rows, self.n_clusters, self.random_state)


class Infomap(Baseline):
    """The map equation: the partition that gives the shortest description of a random walk on the weighted k-NN graph.

    Needs the `infomap` package, GPL-3, installed only on request: `pip install -c constraints.txt -e '.[infomap]'`.

    Args:
        k: neighbours per node; edges are undirected and weighted by similarity.
        random_state: seed of the search.

    Raises:
        ImportError: the package is missing.

    Example:
        >>> Infomap(k=1).get_params()
        {'k': 1, 'random_state': 1}

    Source: Rosvall & Bergstrom 2008, "Maps of random walks on complex networks reveal community structure".
    """

    grid: ClassVar[Grid] = {"k": (5, 10, 20)}
    extra = "infomap"

    def __init__(self, *, k: int = 10, random_state: int = 1) -> None:
        self.k = k
        self.random_state = random_state

    def _assign(self, data: Float[Tensor, "n d"]) -> Int64[np.ndarray, " n"]:
        try:
            import infomap
        except ImportError as error:
            raise ImportError(
                "Infomap: install the package with pip install -c constraints.txt -e '.[infomap]'"
            ) from error
        modules = infomap.run(symmetric(knn(data, self.k)), seed=self.random_state, two_level=True).modules()
        return np.array([modules[node] for node in range(len(data))], dtype=np.int64) - 1
