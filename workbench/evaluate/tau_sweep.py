"""The scores of level 0 at every tau, from one pass over the links of a tree decode.

A node's best link (to the denser neighbour of highest linkage) does not depend on tau, which only says whether it is
kept. So the clusters at a lower tau are unions of those at a higher one, and one pass, the strongest link first, gives
all scores. Decoders whose clusters are not nested like that are decoded anew at each tau (`swept_scores`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from scipy.cluster.hierarchy import DisjointSet
from torch import Tensor

from .._core.runtime import usual_torch
from .._core.validation import check_labels
from ..cluster.hierarchy import decode_level
from ..cluster.levels import Level
from ..decode.decoding import Decoder
from ..decode.tree import TREES, get_decoder
from ..graph.knn import KnnGraph
from ..lander.model import Prediction
from .scores import FIGURES, bcubed, contingency, harmonic_mean, item_f, pairwise

ALWAYS = 2.0  # strength of a link between exact duplicates, kept whatever tau is: any number above 1 would do
SWEPT = 51  # values of tau where each is decoded anew: steps of .02, a finer curve against one decode for each step


@dataclass(frozen=True)
class BestLinks:
    """The one link that each node may keep.

    Attributes:
        parent: int64 [n]; the node itself where it has no denser neighbour.
        strength: float64 [n]: the link is kept where strength > tau; 0 where there is none.
    """

    parent: Int[np.ndarray, " n"]
    strength: Float[np.ndarray, " n"]

    @property
    def thresholds(self) -> Float[np.ndarray, " t"]:
        """The values of tau in [0, 1] at which the clusters change, rising, and 0: between two of them nothing does."""
        inside = self.strength[(self.strength > 0) & (self.strength <= 1)]
        return np.unique(np.concatenate([[0.0], inside]))

    def counts(self) -> pd.DataFrame:
        """Clusters at every tau: columns tau (rising from 0) and n_clusters; a row holds up to the next one's tau.

        Example:
            >>> BestLinks(np.array([0, 0, 1]), np.array([0.0, 0.75, 0.5])).counts()["n_clusters"].tolist()
            [1, 2, 3]
        """
        kept = len(self.strength) - np.searchsorted(np.sort(self.strength), self.thresholds, side="right")
        return pd.DataFrame({"tau": self.thresholds, "n_clusters": len(self.strength) - kept})


@usual_torch()
def best_links(graph: KnnGraph, prediction: Prediction, *, decoder: str | Decoder = "tree") -> BestLinks:
    """The links that the tree decode keeps at tau = 0, with the tau at which each is lost.

    Raises:
        ValueError: a decoder that is not a tree decode.

    Example:
        >>> graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5]])
        >>> guess = Prediction(torch.tensor([[0.9, 0.1], [0.75, 0.2], [0.5, 0.1]]), torch.tensor([0.8, 0.5, 0.1]))
        >>> links = best_links(graph, guess)
        >>> links.parent.tolist(), links.strength.tolist()
        ([0, 0, 1], [0.0, 0.75, 0.5])
    """
    decode = get_decoder(decoder)
    if decode not in TREES.values():
        raise ValueError(
            f"decoder: expected {' or '.join(map(repr, TREES))}, got {decoder!r}, whose forests need not be nested"
        )
    itself = torch.arange(graph.n, device=graph.neighbors.device)
    parent = _parents(decode, graph, prediction, 0.0)  # (n,)
    always = _parents(decode, graph, prediction, 1.0) != itself  # no linkage exceeds 1: only duplicates are left

    found = (graph.neighbors == parent[:, None]) & graph.mask  # (n, k)
    strength = torch.where(found, prediction.linkage, 0.0).double().amax(dim=1) if graph.k else torch.zeros(graph.n)
    return BestLinks(parent.cpu().numpy(), torch.where(always, ALWAYS, strength).double().cpu().numpy())


def _parents(decode: Decoder, graph: KnnGraph, prediction: Prediction, tau: float) -> Int[Tensor, " n"]:
    parent = decode(graph, prediction, tau).parent
    assert parent is not None  # tree decodes give a forest
    return parent


def nested_scores(links: BestLinks, labels: Int[np.ndarray, " n"]) -> pd.DataFrame:
    """Scores of level 0 for every tau, exactly: a row holds from its tau up to the next row's.

    Formula: links in order of falling strength join two clusters A and B each. With n_c items of class c, T = sum of
    pairs of one class inside clusters grows by sum_c A_c B_c, the pairs put together by |A| |B|. With s = |cluster| and
    Q_m = sum of n_c^2 over the classes of size m, BCubed precision is 1/N sum over clusters and m of Q_m / s, recall
    that of Q_m / m, item F that of 2 Q_m / (s + m). The smaller cluster's counts are added to the larger's: O(n log n)
    steps in all, and at each join one for each size that a class of the cluster has.

    Args:
        links: of level 0 (`best_links`).
        labels: true classes [n].

    Returns: columns tau (rising from 0), pairwise_f, bcubed_f, item_f, n_clusters.

    Example:
        >>> links = BestLinks(np.array([0, 0, 1]), np.array([0.0, 0.75, 0.5]))
        >>> nested_scores(links, np.array([4, 4, 9])).round(3).values.tolist()
        [[0.0, 0.5, 0.714, 0.7, 1.0], [0.5, 1.0, 1.0, 1.0, 2.0], [0.75, 0.0, 0.8, 0.778, 3.0]]
    """
    truth = check_labels(labels, len(links.parent))
    clusters = _Clusters(truth)
    linked = np.flatnonzero(links.strength > 0)
    order = linked[np.argsort(-links.strength[linked], kind="stable")]
    strength = links.strength[order]

    done = 0
    rows = []
    for tau in links.thresholds[::-1]:
        while done < len(order) and strength[done] > tau:
            clusters.join(int(order[done]), int(links.parent[order[done]]))
            done += 1
        rows.append((tau, *clusters.scores(), len(truth) - done))
    return pd.DataFrame(rows[::-1], columns=["tau", *FIGURES, "n_clusters"])


def swept_scores(first: Level, decoder: str | Decoder, labels: Int[np.ndarray, " n"] | None = None) -> pd.DataFrame:
    """Level 0 decoded at tau = 0, 0.02 .. 1: for decoders whose clusters at two tau need not be nested.

    Args:
        first: level 0 of a hierarchy; its prediction does not depend on tau.
        decoder: that is asked at every tau.
        labels: true classes [n].

    Returns: columns tau, n_clusters and with labels pairwise_f, bcubed_f, item_f.

    Example:
        >>> from workbench.cluster import build_hierarchy, similarity_predictor
        >>> from workbench.lander import InferenceConfig
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> first = build_hierarchy(x, similarity_predictor, InferenceConfig(k=2, tau=0.5)).levels[0]
        >>> float(swept_scores(first, "excess-of-mass", np.array([0, 0, 1, 1]))["bcubed_f"].max())
        1.0
    """
    rows = []
    for tau in np.linspace(0, 1, SWEPT).round(2):
        found = decode_level(first, decoder, float(tau))
        row = {"tau": tau, "n_clusters": len(found.representative)}
        rows.append(row if labels is None else row | cluster_f(labels, found.clusters))
    return pd.DataFrame(rows)


def cluster_f(labels: Int[np.ndarray, " n"], clusters: Int[Tensor, " n"]) -> dict[str, float]:
    """The three F of clusters, without the scores that take longer.

    Example:
        >>> cluster_f(np.array([4, 4, 9]), torch.tensor([0, 0, 0]))
        {'pairwise_f': 0.5, 'bcubed_f': 0.7142857142857143, 'item_f': 0.7000000000000001}
    """
    table = contingency(labels, clusters.cpu().numpy())
    return dict(zip(FIGURES, (pairwise(table).f, bcubed(table).f, item_f(table)), strict=True))


class _Clusters:
    """Clusters that are joined two by two, with the sums that the scores are made of.

    Not `cluster_f` at each tau: that takes O(n) each time, and there may be n values of tau.

    Attributes:
        sets: which items lie together; what follows is kept at the item that stands for each set (its root).
        counts: images of each class in the cluster.
        size: images in the cluster.
        squares: class size -> sum of the squared counts of the classes of that size.
        parts: what the cluster adds to `sums`.
        pairs, together: pairs in one cluster, and those of them that are of one class.
        sums: over all items, of their BCubed precision, recall and F.
    """

    def __init__(self, truth: Int[np.ndarray, " n"]) -> None:
        _, codes, counts = np.unique(truth, return_inverse=True, return_counts=True)
        self.n = len(truth)
        self.class_size = counts.tolist()
        self.sets = DisjointSet(range(self.n))
        self.counts = [Counter({int(c): 1}) for c in codes]
        self.size = [1] * self.n
        self.squares = [Counter({self.class_size[c]: 1}) for c in codes]
        self.parts = [self._part(i) for i in range(self.n)]
        self.true_pairs = sum(c * (c - 1) // 2 for c in self.class_size)
        self.pairs = 0
        self.together = 0
        self.sums = [sum(part) for part in zip(*self.parts, strict=True)]

    def _part(self, root: int) -> tuple[float, float, float]:
        """Sums over the items of one cluster, of their precision, recall and F."""
        size = self.size[root]
        squares = self.squares[root].items()
        return (
            sum(self.squares[root].values()) / size,
            sum(square / m for m, square in squares),
            sum(2 * square / (size + m) for m, square in squares),
        )

    def join(self, i: int, j: int) -> None:
        """Put the clusters of two items together."""
        roots = (self.sets[i], self.sets[j])
        few, many = sorted(
            roots, key=lambda root: len(self.counts[root])
        )  # by classes: the shorter list is gone through
        counts = self.counts[many]
        squares = self.squares[many]
        squares.update(self.squares[few])
        for c, m in self.counts[few].items():
            if c in counts:
                self.together += m * counts[c]
                squares[self.class_size[c]] += 2 * m * counts[c]
        counts.update(self.counts[few])
        self.pairs += self.size[few] * self.size[many]

        before = [a + b for a, b in zip(self.parts[few], self.parts[many], strict=True)]
        size = self.size[few] + self.size[many]
        self.counts[few].clear()  # each image is then counted once, in one cluster
        self.squares[few].clear()
        self.sets.merge(i, j)
        root = self.sets[i]
        self.counts[root] = counts
        self.squares[root] = squares
        self.size[root] = size
        self.parts[root] = self._part(root)
        self.sums = [a - b + c for a, b, c in zip(self.sums, before, self.parts[root], strict=True)]

    def scores(self) -> tuple[float, float, float]:
        """Pairwise F, BCubed F and item F."""
        of_pairs = self.together / self.pairs if self.pairs else 1.0
        of_class = self.together / self.true_pairs if self.true_pairs else 1.0
        precision, recall, f = (value / self.n for value in self.sums)
        return harmonic_mean(of_pairs, of_class), harmonic_mean(precision, recall), f
