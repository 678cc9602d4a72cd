"""Baselines that cut the weighted k-NN graph where little flows: spectral clustering and the map equation (Infomap)."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.sparse import coo_array, csr_array
from sklearn import cluster
from torch import Tensor

from workbench.baselines.base import Baseline
from workbench.graph import KnnGraph, knn


def symmetric(graph: KnnGraph) -> csr_array:
    """The similarity matrix of the graph, sparse [N, N]: an edge exists if either node lists the other.

    Example:
        >>> symmetric(knn(torch.tensor([[1.0, 0.0], [0.8, 0.6]]), k=1)).toarray().round(1).tolist()
        [[0.0, 0.8], [0.8, 0.0]]
    """
    target, source = graph.edge_index.numpy()[::-1]
    weight = graph.similarity[graph.present].numpy().astype(np.float64)
    matrix = coo_array((weight, (target, source)), shape=(graph.n, graph.n)).tocsr()
    return csr_array(matrix.maximum(matrix.T))


class Spectral(Baseline):
    """Normalised cut of the k-NN graph; an oracle, for `n_clusters` is the true number of classes.

    Formula: the first K eigenvectors of I - D^-1/2 S D^-1/2 (S = similarity, D = its row sums), then a pivoted QR
    decomposition assigns each row to one of K directions. The eigenvectors take O(N K^2) time.

    Args:
        n_clusters: K; at most N - 1 are used.
        k: neighbours per node.
        random_state: seed of the eigensolver's start.

    Example:
        >>> rows = [[1, 0], [1, 0.1], [0.1, 1], [0, 1]]
        >>> Spectral(n_clusters=2, k=2).fit_predict(rows).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
        True

    Source: Ng, Jordan & Weiss 2002; Damle, Minden & Ying 2019 for the assignment.
    """

    oracle = True
    max_n = 8_000

    def __init__(self, *, n_clusters: int = 8, k: int = 10, random_state: int | None = 0) -> None:
        self.n_clusters = n_clusters
        self.k = k
        self.random_state = random_state

    def _assign(self, data: Float[Tensor, "n d"]) -> Int64[np.ndarray, " n"]:
        if len(data) <= 3:
            pass
        model = cluster.SpectralClustering(
            min(self.n_clusters, len(data) - 1),
            affinity="precomputed",
            assign_labels="cluster_qr",
            random_state=self.random_state,
        )
        with warnings.catch_warnings():  # several components are what a graph of well-separated classes has
            warnings.filterwarnings("ignore", message="Graph is not fully connected")
            return model.fit_predict(symmetric(knn(data, self.k))).astype(np.int64)


class Infomap(Baseline):
    """The map equation: the partition that gives the shortest description of a random walk on the weighted k-NN graph.

    Needs the `infomap` package, GPL-3, installed only on request: `pip install hilander-workbench[infomap]`.

    Args:
        k: neighbours per node; edges are undirected and weighted by similarity.
        random_state: seed of the search.

    Raises:
        ImportError: the package is missing.

    Source: Rosvall & Bergstrom 2008, "Maps of random walks on complex networks reveal community structure".
    """

    grid = {"k": (5, 10, 20)}
    extra = "infomap"

    def __init__(self, *, k: int = 10, random_state: int = 1) -> None:
        self.k = k
        self.random_state = random_state

    def _assign(self, data: Float[Tensor, "n d"]) -> Int64[np.ndarray, " n"]:
        try:
            import infomap
        except ImportError as error:
            raise ImportError("Infomap: install the package with `pip install hilander-workbench[infomap]`") from error
        modules = infomap.run(symmetric(knn(data, self.k)), seed=self.random_state, two_level=True).modules()
        return np.array([modules[node] for node in range(len(data))], dtype=np.int64) - 1
