"""How likely a row is to belong to its cluster and to the next ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64
from scipy.special import expit, logit

from .levels import Hierarchy

SHOWN = 3  # clusters of each row
# Log odds that a row and another of the cluster are of one class, from mean linkage to it (log odds), own cluster, 1.
# Fitted to 26 kinds by links that had not seen the kind (datasets/kinds): calibration error .017 over all of them
# together, .17 within one kind on the mean: in an unknown set all of a kind are too sure, or too unsure, together.
ODDS = (0.44, 0.94, -1.41)
LEAST = 0.01  # mean linkages are kept in [.01, .99], whose log odds are finite


@dataclass(frozen=True)
class Memberships:
    """The cluster of each row, and the two others that it is linked to most, the likelier first.

    Attributes:
        cluster: int64 [N, 3], -1 where a row is linked to fewer.
        probability: [N, 3], that the row and another one of the cluster, drawn at random, are of one class; 0 where
            there is no cluster. Two clusters may both be of the row's class, so a row need not sum to 1.

    Example:
        >>> one = Memberships(np.array([[0, 1, -1]]), np.array([[0.9, 0.2, 0.0]]))
        >>> one.to_pandas().to_numpy().tolist()
        [[0.0, 0.0, 0.0, 0.9], [0.0, 1.0, 1.0, 0.2]]
    """

    cluster: Int64[np.ndarray, "n 3"]
    probability: Float64[np.ndarray, "n 3"]

    def to_pandas(self) -> pd.DataFrame:
        """A line per row and cluster: row, rank (0: its own), cluster, probability."""
        row, rank = np.nonzero(self.cluster >= 0)
        values = {"cluster": self.cluster[row, rank], "probability": self.probability[row, rank]}
        return pd.DataFrame({"row": row, "rank": rank, **values})


def memberships(tree: Hierarchy) -> Memberships:
    """The three clusters of each row.

    Formula: P(i, c) = 1 / (1 + exp(-z)), z = .44 log(m / (1 - m)) + .94 [c is i's own] - 1.41, with m the mean linkage
    of i's links into c, kept in [.01, .99]. Of a row alone in its cluster: 1 - the highest of the others.

    Example:
        >>> import torch
        >>> from workbench.cluster import build_hierarchy, similarity_predictor
        >>> from workbench.lander import InferenceConfig
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> found = memberships(build_hierarchy(x, similarity_predictor, InferenceConfig(k=2, tau=0.9)))
        >>> found.cluster.tolist(), bool((found.probability[:, 0] > 2 * found.probability[:, 1]).all())
        ([[0, 1, -1], [0, 1, -1], [1, 0, -1], [1, 0, -1]], True)
    """
    computed = tree.distinct
    level = computed.levels[0]
    label = computed.labels.cpu().numpy()
    n = len(label)
    count = computed.n_clusters
    node, slot = level.graph.mask.cpu().numpy().nonzero()  # (links,) each
    linkage = level.prediction.linkage.cpu().numpy()[node, slot]
    neighbour = level.graph.neighbors.cpu().numpy()[node, slot]

    # A pair of row and cluster is one number, row * count + cluster. A row's own cluster is always there, links or not.
    own = np.arange(n) * count + label  # (n,)
    pair, place = np.unique(np.concatenate([own, node * count + label[neighbour]]), return_inverse=True)
    weight = np.bincount(place, np.concatenate([np.zeros(n), linkage]))  # (pairs,)
    links = np.bincount(place) - np.isin(pair, own)
    row, cluster = np.divmod(pair, count)
    mean = np.clip(weight / np.maximum(links, 1), LEAST, 1 - LEAST)
    is_own = label[row] == cluster
    probability = expit(ODDS[0] * logit(mean) + ODDS[1] * is_own + ODDS[2])

    order = np.lexsort([-weight, ~is_own, row])  # by row, its own cluster first, then by falling linkage
    rank = np.arange(len(order)) - np.searchsorted(row[order], row[order])
    kept = rank < SHOWN
    clusters = np.full((n, SHOWN), -1)
    values = np.zeros((n, SHOWN))
    clusters[row[order][kept], rank[kept]] = cluster[order][kept]
    values[row[order][kept], rank[kept]] = probability[order][kept]
    likelier = 1 + np.argsort(-values[:, 1:], axis=1, kind="stable")
    for table in (clusters, values):
        table[:, 1:] = np.take_along_axis(table, likelier, axis=1)
    alone = np.bincount(label)[label] == 1
    values[alone, 0] = 1 - values[alone, 1:].max(axis=1)
    group = tree.group.cpu().numpy()
    return Memberships(clusters[group], values[group])
