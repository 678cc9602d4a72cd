"""Baselines that work on the points themselves: k-means, average linkage, DBSCAN, HDBSCAN.

Cosine geometry for all: on unit rows the squared Euclidean distance is 2 (1 - cosine), so Euclidean methods order pairs
as cosine does. Distances in settings are cosine distances 1 - cosine, in [0, 2].
"""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int64
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn import cluster
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from ..._core.validation import check_int, check_number
from .base import Baseline, Grid

NEAR = (0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08)  # where cosines fill a narrow band near 1, as those of faces do


def kmeans(rows: Float[np.ndarray, "n d"], n_clusters: int, seed: int | None) -> Int64[np.ndarray, " n"]:
    """Labels of Lloyd's k-means from one k-means++ start; fewer clusters where there are fewer distinct rows.

    Example:
        >>> kmeans(np.array([[0.0], [0.1], [9.0]]), 2, seed=0).tolist() in ([0, 0, 1], [1, 1, 0])
        True
    """
    model = cluster.KMeans(min(n_clusters, len(rows)), n_init=1, random_state=seed)
    with warnings.catch_warnings():  # it warns of fewer distinct rows than K; fewer clusters are the right answer
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(model.fit_predict(rows), dtype=np.int64)


class KMeans(Baseline):
    """Lloyd's k-means on unit rows; an oracle, for `n_clusters` is the true number of classes.

    Formula: minimise sum_i |x_i - mean of its cluster|^2.

    Args:
        n_clusters: K; at most N clusters come out.
        random_state: seed of the k-means++ start.

    Example:
        >>> KMeans(n_clusters=2).fit_predict([[1, 0], [1, 0.1], [0, 1]]).tolist() in ([0, 0, 1], [1, 1, 0])
        True

    Source: Lloyd 1982; Arthur & Vassilvitskii 2007.
    """

    oracle = True

    def __init__(self, *, n_clusters: int = 8, random_state: int | None = 0) -> None:
        self.n_clusters = n_clusters
        self.random_state = random_state

    def _assign(self, data: Float[Tensor, "n d"]) -> Int64[np.ndarray, " n"]:
        return kmeans(data.numpy(), check_int(self.n_clusters, "n_clusters"), self.random_state)


class AverageLinkage(Baseline):
    """Agglomerative clustering: merge the two clusters of least mean cosine distance until it exceeds a threshold.

    Formula: distance(A, B) = mean over a in A, b in B of 1 - cos(a, b). About 12 N^2 bytes of memory, O(N^2) time.

    Args:
        distance_threshold: clusters farther apart are not merged.

    Example:
        >>> AverageLinkage(distance_threshold=0.5).fit_predict([[1, 0], [1, 0.1], [0, 1]]).tolist()
        [0, 0, 1]

    Source: Sokal & Michener 1958 (UPGMA); Muellner 2011 for the nearest-neighbour chain.
    """

    grid: ClassVar[Grid] = {"distance_threshold": (*NEAR, *np.round(np.arange(0.1, 1.0, 0.05), 2).tolist())}
    max_n = 15_000  # 2.7 GB

    def __init__(self, *, distance_threshold: float = 0.5) -> None:
        self.distance_threshold = distance_threshold

    def _prepare(self, rows: Float[Tensor, "n d"]) -> Float[np.ndarray, "merges 4"]:
        square = (1 - rows @ rows.T).clamp_(min=0).fill_diagonal_(0).numpy()
        return np.asarray(linkage(squareform(square, checks=False), method="average"))

    def _assign(self, data: Float[np.ndarray, "merges 4"]) -> Int64[np.ndarray, " n"]:
        return np.asarray(fcluster(data, self.distance_threshold, criterion="distance") - 1, dtype=np.int64)


class Dbscan(Baseline):
    """Connected components of dense points; a point is dense if `min_samples` points lie within `eps` of it.

    Args:
        eps: radius, a cosine distance.
        min_samples: points within the radius, the point itself counted. Other points out of reach are noise, -1.

    Example:
        >>> Dbscan(eps=0.1, min_samples=2).fit_predict([[1, 0], [1, 0.1], [0, 1]]).tolist()
        [0, 0, -1]

    Source: Ester et al. 1996.
    """

    grid: ClassVar[Grid] = {
        "min_samples": (2, 3, 5, 10),
        "eps": (*NEAR, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5),
    }
    max_n = 20_000

    def __init__(self, *, eps: float = 0.3, min_samples: int = 2) -> None:
        self.eps = eps
        self.min_samples = min_samples

    def _assign(self, data: Float[Tensor, "n d"]) -> Int64[np.ndarray, " n"]:
        # |x - y|^2 = 2 (1 - cosine) on unit rows: the radius as a Euclidean distance.
        model = cluster.DBSCAN(
            eps=float(np.sqrt(2 * check_number(self.eps, "eps"))), min_samples=self.min_samples, algorithm="brute"
        )
        return np.asarray(model.fit_predict(data.numpy()), dtype=np.int64)


class Hdbscan(Baseline):
    """DBSCAN at every radius at once: the clusters of the density tree that last longest; the rest is noise, -1.

    About 16 N^2 bytes of memory, O(N^2) time.

    Args:
        min_cluster_size: smaller groups are noise.
        min_samples: neighbours in the core distance, the point itself counted; None = `min_cluster_size`.

    Example:
        >>> Hdbscan(min_cluster_size=2).fit_predict([[1, 0], [1, 0], [0, 1], [0, 1], [-1, 0]]).tolist()
        [0, 0, 1, 1, -1]

    Source: Campello, Moulavi & Sander 2013.
    """

    grid: ClassVar[Grid] = {"min_cluster_size": (2, 3, 5, 8)}
    max_n = 15_000  # 3.6 GB

    def __init__(self, *, min_cluster_size: int = 3, min_samples: int | None = None) -> None:
        self.min_cluster_size = min_cluster_size
        self.min_samples = min_samples

    def _assign(self, data: Float[Tensor, "n d"]) -> Int64[np.ndarray, " n"]:
        # All pairs: in 100 dimensions and more its space trees took nine times as long (7,500 rows: 40 s against 4.6).
        min_samples = min(self.min_samples or self.min_cluster_size, len(data))
        model = cluster.HDBSCAN(self.min_cluster_size, min_samples=min_samples, algorithm="brute", copy=True)
        return np.asarray(model.fit_predict(data.numpy()), dtype=np.int64)
