"""What the typical wrong ideas of several lessons compute; the checks name them in `add_check(wrong=...)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import t as student
from torch import Tensor

from ...cluster.hilander import HiLander
from ...cluster.levels import Hierarchy
from ...decode.decoding import components
from ...evaluate.scores import contingency, scores
from ...experiments.ablation import differences
from ...graph.density import link_labels
from ...graph.knn import KnnGraph, knn
from ...train.episodes import TrainingLevel


def same_class(graph: KnnGraph, labels: Any) -> Tensor:
    """1 where a listed neighbour is of the node's class, else 0."""
    return link_labels(graph, torch.as_tensor(labels)).float()


def share_same(graph: KnnGraph, labels: Any) -> float:
    """Share of the links that join a class."""
    return float(same_class(graph, labels)[graph.mask].mean())


def mean_over_list(graph: KnnGraph, value: Tensor) -> Tensor:
    """Mean over a node's neighbours of similarity x value."""
    return (graph.similarity * value * graph.mask).sum(dim=1) / graph.mask.sum(dim=1).clamp(min=1)


def best_listed(graph: KnnGraph, linkage: Tensor, tau: float = 0.0) -> Tensor:
    """The neighbour of highest linkage, if that is above tau, whether it is denser or not; else the node itself."""
    best, slot = linkage.max(dim=1)
    chosen = graph.neighbors.gather(1, slot[:, None])[:, 0]
    return torch.where(best > tau, chosen, torch.arange(graph.n, device=chosen.device))


def share_of_two_without_square(features: Any) -> float:
    """Share of the two largest singular values among all, in place of their squares."""
    rows = torch.as_tensor(features, dtype=torch.float64)
    values = torch.linalg.svdvals(rows - rows.mean(dim=0))
    return float(values[:2].sum() / values.sum())


def densest(density: Tensor, labels: Any) -> list[int]:
    """The node of highest density of each class."""
    frame = pd.Series(density.cpu().numpy()).groupby(np.asarray(labels))
    return [int(i) for i in frame.idxmax()]


def weighted_sum(x: Tensor, graph: KnnGraph, weight: Tensor) -> Tensor:
    """ReLU of a node's own numbers and the sum of its neighbours', each times its weight."""
    return (x + (weight[..., None] * x[graph.padded] * graph.mask[..., None]).sum(dim=1)).relu()


def attention_over_all(x: Tensor, graph: KnnGraph, left: Tensor, right: Tensor) -> Tensor:
    """Attention whose softmax goes over all links of the graph."""
    e = torch.nn.functional.leaky_relu(x[graph.padded] @ left + (x @ right)[:, None], 0.2)
    weight = e.flatten().softmax(dim=0).reshape(e.shape)
    return (weight[..., None] * x[graph.padded]).sum(dim=1).relu()


def focal_of_the_sure(logits: Tensor, level: TrainingLevel) -> Tensor:
    """- p^2 ln p, the mean over the scored links; p is the probability given to what is true."""
    different, same = logits.log_softmax(dim=2).unbind(dim=2)
    log_p = torch.where(level.same, same, different)[level.scored]
    return -((2 * log_p).exp() * log_p).mean()


def mean_of_means(hierarchy: Hierarchy, x: Tensor) -> Tensor:
    """Mean of the super-nodes' averages in cluster 0 of level 1, each counting the same."""
    inside = (hierarchy.levels[1].decoding.clusters == 0).nonzero()[:, 0].tolist()
    return torch.stack([x[hierarchy.levels[0].members(node)].mean(dim=0) for node in inside]).mean(dim=0)


def pairwise_with_itself(labels_true: Any, labels_pred: Any) -> list[float]:
    """Pairwise precision, recall and F where each item is paired with itself, too."""
    table = contingency(labels_true, labels_pred)
    right = (table.counts.astype(float) ** 2).sum()
    precision, recall = (right / (size.astype(float) ** 2).sum() for size in (table.col_sizes, table.row_sizes))
    return [precision, recall, 2 * precision * recall / (precision + recall)]


def by_item(labels_true: Any, labels_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """BCubed precision and recall of every item, cell by cell of the contingency table."""
    table = contingency(labels_true, labels_pred)
    precision = np.repeat(table.counts / table.col_sizes[table.cols], table.counts)
    return precision, np.repeat(table.counts / table.row_sizes[table.rows], table.counts)


def bcubed_with_mean_f(labels_true: Any, labels_pred: Any) -> list[float]:
    """BCubed precision and recall, and the mean of the items' own F in place of the F of the means."""
    precision, recall = by_item(labels_true, labels_pred)
    f = 2 * precision * recall / (precision + recall)
    return [float(value.mean()) for value in (precision, recall, f)]


def interval_of_items(labels_true: Any, labels_pred: Any, draws: int = 200) -> np.ndarray:
    """95 % interval of BCubed F where items are drawn, not classes."""
    precision, recall = by_item(labels_true, labels_pred)
    picks = np.random.default_rng(1).integers(len(precision), size=(draws, len(precision)))
    p, r = (value[picks].mean(axis=1) for value in (precision, recall))
    return np.asarray(np.quantile(2 * p * r / (p + r), [0.025, 0.975]))


def joined_above(features: Any, tau: float) -> np.ndarray:
    """Connected components of all links with a similarity above tau."""
    graph = knn(torch.as_tensor(features), 10)
    return components(graph, graph.mask & (graph.similarity > tau)).cpu().numpy()


def listed(graph: KnnGraph) -> np.ndarray:
    """How many lists each row stands in."""
    return np.bincount(graph.neighbors[graph.mask].cpu().numpy(), minlength=graph.n)


def f_by_tau(features: Any, labels: Any, labelled: Any, taus: Sequence[float]) -> list[float]:
    """BCubed F on the labelled rows at each tau."""
    known = np.asarray(labelled)
    truth = np.asarray(labels)[known]
    return [float(scores(truth, HiLander(tau=tau).fit(features).labels_[known])["bcubed_f"]) for tau in taus]


def spread_of_runs(table: pd.DataFrame, reference: Any, config: str) -> np.ndarray:
    """Mean difference -+ t times the standard deviation, without the root of n."""
    found = differences(table, reference)
    values = found.loc[found["config"] == config, "difference"]
    half = student.ppf(0.975, len(values) - 1) * values.std()
    return np.asarray([values.mean(), values.mean() - half, values.mean() + half])
