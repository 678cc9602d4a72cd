"""Which pairs of images to show a person: those whose answer is expected to raise BCubed F most."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int64

from .._core.runtime import usual_torch
from ..decode.decoding import Decoding
from ..decode.dendrogram import NEVER
from ..decode.edges import Edges
from ..graph.density import link_labels
from ..graph.knn import KnnGraph
from .constraints import Constraints, pieces
from .diagnostics import confidence
from .levels import Hierarchy, Level

Rows = Int64[np.ndarray, " _"]
Numbers = Float[np.ndarray, " _"]
COLUMNS = ["first", "second", "cluster", "other", "same", "gain"]

# Log odds that the representatives of two linked clusters are of one class, from mean linkage across (log odds), share
# of links across among those of the cluster that has fewer (log), 1. How they were fitted is not recorded, nor are
# trials of other values of the two constants below.
ODDS = (0.46, 0.81, 0.80)
# Log odds that the sides of a cluster are two classes, from doubt in it (log odds), 1: logistic regression on 967 first
# questions about one cluster, of 17 sets that weigh alike, no test set. Its calibration error on sets left out is .05.
PARTED = (1.11, 0.50)
LEAST = 0.02  # least probability of any answer, least precision and recall
DOUBT = 0.5  # what each answer "the same" leaves of the doubt in a cluster


@dataclass(frozen=True)
class Clusters:
    """What is expected of the clusters of distinct images.

    Attributes:
        label: cluster of each node.
        peak: node that stands for each cluster.
        size: nodes of each.
        precision, recall: expected, of each as it is.
    """

    label: Rows
    peak: Rows
    size: Numbers
    precision: Numbers
    recall: Numbers

    @classmethod
    def of(cls, tree: Hierarchy) -> Clusters:
        """From the predicted quality of the dendrogram's nodes that the clusters were made of, or, of a model without,
        from linkage: precision is then confidence, recall the share of linkage that stays inside."""
        level = tree.levels[0]
        label = tree.labels.cpu().numpy()
        size = np.bincount(label).astype(float)
        if cut := tree.learned_cut:
            quality, node = cut
            origin = node.cpu().numpy()
            whole = np.bincount(origin, minlength=len(quality.recall))[origin]  # images of the node each was cut as
            precision = np.bincount(label, quality.precision[origin]) / size
            recall: Numbers = np.bincount(label, quality.recall[origin] / whole)  # that of joined nodes adds up
        else:
            linkage = level.prediction.linkage
            inside = link_labels(level.graph, tree.labels)
            sure = confidence(level.graph, linkage, tree.labels).cpu().numpy()
            precision = np.bincount(label, sure) / size
            within = np.bincount(label, (linkage * inside).sum(dim=1).cpu().numpy())
            recall = within / np.maximum(np.bincount(label, linkage.sum(dim=1).cpu().numpy()), 1e-12)
        peak = tree.levels[-1].peaks.cpu().numpy()
        return cls(label, peak, size, np.clip(precision, LEAST, 1), np.clip(recall, LEAST, 1))


@dataclass(frozen=True)
class LinkedPairs:
    """Pairs of clusters with links between them: low < high, and the probability that their peaks are of one class."""

    low: Rows
    high: Rows
    same: Numbers

    @classmethod
    def of(cls, clusters: Clusters, graph: KnnGraph, linkage: torch.Tensor) -> LinkedPairs:
        """Of all pairs of clusters that an edge of the graph connects, by `ODDS`."""
        edges = Edges.of(graph, linkage)
        a = clusters.label[edges.low.cpu().numpy()]  # (e,), the clusters at both ends of an edge
        b = clusters.label[edges.high.cpu().numpy()]
        sums = edges.sums.cpu().numpy()  # (e, 3): linkage, links, similarity
        degree = np.bincount(clusters.label, edges.at_images()[:, 1].cpu().numpy())  # links of each cluster
        across = a != b

        # A pair of clusters is one number, low * count + high.
        count = len(clusters.size)
        code = np.minimum(a, b)[across].astype(np.int64) * count + np.maximum(a, b)[across]
        pair, place = np.unique(code, return_inverse=True)
        weight = np.bincount(place, sums[across, 0])  # (pairs,)
        links = np.bincount(place, sums[across, 1])
        low, high = np.divmod(pair, count)
        mean = np.clip(weight / links, 1e-4, 1 - 1e-4)  # so that its log odds are finite
        share = links / np.minimum(degree[low], degree[high])
        inputs = np.stack([np.log(mean / (1 - mean)), np.log(share), np.ones(len(low))], axis=1)  # (pairs, 3)
        return cls(low, high, 1 / (1 + np.exp(-(inputs @ np.array(ODDS)))))

    def unanswered(self, clusters: Clusters, known: Constraints) -> LinkedPairs:
        """Those that no answer keeps apart: no cannot-link lies between them, and not both are of a known class."""
        count = len(clusters.size)
        answered = np.sort(clusters.label[known.cannot_link], axis=1)
        parted = np.isin(self.low * count + self.high, answered[:, 0] * count + answered[:, 1])  # (pairs,)
        has_class = np.zeros(count, bool)
        has_class[clusters.label[known.row]] = True
        kept = ~(parted | (has_class[self.low] & has_class[self.high]))
        return LinkedPairs(self.low[kept], self.high[kept], self.same[kept])


@usual_torch()
def questions(tree: Hierarchy, constraints: Constraints, n: int) -> pd.DataFrame:
    """The pairs of images to ask about, the best first; no cluster is asked about twice.

    Formula: expected gain = P(answer) * (sum over images of F after it - sum before), of two kinds of question. Two
    clusters A, B, shown by their peaks: if they are the same, recall becomes R_A + R_B, precision the mean. One cluster
    C, shown by the densest images of the two sides where linkage is weakest: if they differ, precision, which was that
    of two classes in one cluster, becomes 1. F is the harmonic mean of expected precision and recall. Pairs of clusters
    whose answer follows from earlier ones are left out; of models that predict no quality the second kind, too. The
    gain of the second kind takes it that all that is wrong in a cluster are these two sides. More often than that they
    are one class: `same` is as it was seen (`PARTED`). A gain by it asks in another order, and F is no higher.

    Args:
        tree: the clustering, with all answers so far.
        constraints: these answers, on the images.
        n: how many questions at most.

    Returns: first, second (images), cluster, other (their clusters; the same for a question within one), same
        (probability), gain (expected, of BCubed F).

    Example:
        >>> import workbench as wb
        >>> random = np.random.default_rng(0)
        >>> x = random.normal(size=(9, 16))[np.arange(180) % 9] + 0.8 * random.normal(size=(180, 16))
        >>> model = wb.HiLander().fit(x)
        >>> asked = model.questions(3)
        >>> len(asked), bool((asked["gain"].diff().dropna() <= 0).all())
        (3, True)
    """
    computed = tree.distinct
    level = computed.levels[0]
    clusters = Clusters.of(computed)
    known = constraints.of_nodes(tree.group.cpu().numpy())
    table = _joins(clusters, level, known)
    if level.decoding.quality is not None:  # without, nothing tells how mixed a cluster is
        within = _partings(clusters, computed, level, known, n)
        table = pd.concat([table, within.astype(table.dtypes)])  # an empty table's columns would be no integers
    table = table.sort_values(["gain", "first", "second"], ascending=[False, True, True])
    rows = list(_each_cluster_once(table, n))
    asked = table.iloc[rows].reset_index(drop=True)
    asked["gain"] /= len(clusters.label)
    if tree.repeats is not None:
        image = tree.repeats.first.cpu().numpy()
        asked["first"] = image[asked["first"]]
        asked["second"] = image[asked["second"]]
    return asked


def _each_cluster_once(table: pd.DataFrame, n: int) -> Iterator[int]:
    seen: set[int] = set()
    for place, (a, b) in enumerate(zip(table["cluster"], table["other"], strict=True)):
        if n == 0:
            return
        if a not in seen and b not in seen:
            seen |= {a, b}
            n -= 1
            yield place


def _joins(clusters: Clusters, level: Level, known: Constraints) -> pd.DataFrame:
    """Questions about two clusters."""
    pairs = LinkedPairs.of(clusters, level.graph, level.prediction.linkage).unanswered(clusters, known)
    low = pairs.low
    high = pairs.high
    same = pairs.same
    size = clusters.size
    both = size[low] + size[high]
    precision = (size * clusters.precision)[low] + (size * clusters.precision)[high]
    recall = np.minimum(clusters.recall[low] + clusters.recall[high], 1)
    before = size * _f(clusters.precision, clusters.recall)
    gain = both * _f(precision / both, recall) - before[low] - before[high]
    columns = (clusters.peak[low], clusters.peak[high], low, high, same, same * np.maximum(gain, 0))
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def _partings(clusters: Clusters, tree: Hierarchy, level: Level, known: Constraints, n: int) -> pd.DataFrame:
    """Questions about one cluster, of the clusters where most may be gained."""
    ties = np.bincount(clusters.label[known.ties[:, 0]], minlength=len(clusters.size))
    doubt = (1 - clusters.precision) * DOUBT**ties
    most = clusters.size * doubt
    chosen = np.argsort(-most, kind="stable")[: 2 * n]
    rows = [_parting(int(c), clusters, tree, level, known, float(doubt[c])) for c in chosen if clusters.size[c] > 1]
    return pd.DataFrame([row for row in rows if row is not None], columns=COLUMNS)


def _parting(
    cluster: int, clusters: Clusters, tree: Hierarchy, level: Level, known: Constraints, doubt: float
) -> tuple[Any, ...] | None:
    sides = weakest_sides(cluster, tree, level, known)
    if sides is None:
        return None
    density = level.prediction.density.cpu().numpy()
    a, b = (int(side[density[side].argmax()]) for side in sides)
    few, many = map(len, sides)
    n = few + many
    mixed = (few**2 + many**2) / n**2  # precision, should the sides be two classes
    differ = min(doubt / (1 - mixed), 1 - LEAST)
    recall = clusters.recall[cluster]
    gain = n * float(_f(np.ones(1), recall)[0] - _f(np.array([mixed]), recall)[0])
    return a, b, cluster, cluster, 1 - _parted(doubt), differ * gain


def _parted(doubt: float) -> float:
    """The probability that the sides are two classes, as it was seen (`PARTED`)."""
    share = min(max(doubt, LEAST), 1 - LEAST)
    slope, even = PARTED
    return 1 / (1 + math.exp(-even - slope * math.log(share / (1 - share))))


@usual_torch()
def weakest_sides(cluster: int, tree: Hierarchy, level: Level, known: Constraints) -> tuple[Rows, Rows] | None:
    """A cluster's nodes on each side of where its linkage is weakest; None: it is one node, or answers tie all of it.

    Args:
        cluster: of `tree`, the hierarchy of the distinct images.
        tree: it.
        level: its first level.
        known: all answers, on the nodes.
    """
    row = (tree.labels == cluster).nonzero()[:, 0].cpu()
    found = Decoding(tree.labels, tree.levels[-1].peaks, None)
    dendrogram, piece = pieces(row.numpy(), found, level.graph, level.prediction, known)
    if dendrogram.n_merges == 0:
        return None
    score = np.full(dendrogram.n_nodes, NEVER)
    score[: dendrogram.n] = 0
    score[[dendrogram.larger[-1], dendrogram.smaller[-1]]] = 1
    side = torch.from_numpy(dendrogram.cut(score).node[piece])
    first = side == side.min()
    return row[first].numpy(), row[~first].numpy()


def _f(precision: Numbers, recall: Any) -> Numbers:
    total: Numbers = 2 * precision * recall / (precision + recall)
    return total
