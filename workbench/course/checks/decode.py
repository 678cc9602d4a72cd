"""Checks of the notebooks 06 and 07: from links to clusters, level by level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ...cluster.hierarchy import build_hierarchy
from ...cluster.levels import Hierarchy, Level
from ...decode.aggregate import aggregate
from ...decode.decoding import components
from ...decode.tree import decode_tree
from ...evaluate.interventions import HEADS, InterventionStudy
from ...evaluate.scores import bcubed, contingency, pairwise
from ...evaluate.tau_sweep import best_links, nested_scores
from ...graph.knn import KnnGraph
from ...lander.model import Lander, Prediction
from .ideas import best_listed, mean_of_means
from .registry import add_check

# ---------------------------------------------------------------- 06 from links to clusters


@add_check(
    "06-tree",
    how="partition",
    hint="A parent must be denser, and its linkage above tau.",
    wrong={"all links above tau": lambda level, tau: components(level.graph, level.prediction.linkage > tau)},
)
def tree(level: Level, tau: float) -> np.ndarray:
    """clusters of the tree decode"""
    return decode_tree(level.graph, level.prediction, tau).clusters.cpu().numpy()


@add_check(
    "06-nested",
    hint="A link is kept where its strength is above tau; all other nodes are their own parents.",
    wrong={"the parents at tau = 0": lambda graph, guess, tau: _parents(graph, guess, 0.0)},
)
def nested(graph: KnnGraph, prediction: Prediction, tau: float) -> Tensor:
    """parents at this tau, from those at tau = 0"""
    return _parents(graph, prediction, tau)


@add_check(
    "06-six",
    hint="A denser neighbour counts only if its linkage is above 0.85.",
    wrong={"the best neighbour above tau, denser or not": lambda graph, guess: best_listed(graph, guess.linkage, 0.85)},
)
def six(graph: KnnGraph, prediction: Prediction) -> Tensor:
    """parents of the six nodes at tau = 0.85"""
    return _parents(graph, prediction, 0.85)


@add_check(
    "06-part",
    within=1e-4,
    hint="Follow the parents to the peak: the weakest link on the way breaks first.",
    wrong={
        "the image's own link, not the weakest on its way": lambda graph, guess, i: best_links(graph, guess).strength[i]
    },
)
def part(graph: KnnGraph, prediction: Prediction, image: int) -> float:
    """tau at which the image parts from the peak"""
    strength = best_links(graph, prediction).strength
    parent = _parents(graph, prediction, 0.0).tolist()
    weakest = 1.0
    while parent[image] != image:
        weakest = min(weakest, float(strength[image]))
        image = parent[image]
    return weakest


@add_check(
    "06-best",
    within=0.005,
    hint="idxmax of the column bcubed_f gives the row.",
    wrong={"the F, not the tau": lambda graph, guess, y: _curve(graph, guess, y)["bcubed_f"].max()},
)
def best(graph: KnnGraph, prediction: Prediction, labels: Any) -> float:
    """tau with the best BCubed F of level 0"""
    curve = _curve(graph, prediction, labels)
    return float(curve.loc[curve["bcubed_f"].idxmax(), "tau"])


def _curve(graph: KnnGraph, prediction: Prediction, labels: Any) -> pd.DataFrame:
    return nested_scores(best_links(graph, prediction), np.asarray(labels))


@add_check(
    "06-price",
    hint="Every image of the one tree is now together with every image of the other.",
    wrong={"all pairs of the new tree": lambda a, b: (a + b) * (a + b - 1) // 2},
)
def price(a: int, b: int) -> int:
    """wrong pairs that one link makes"""
    apart = contingency(np.repeat([0, 1], [a, b]), np.zeros(a + b, dtype=int))
    n_pairs = (a + b) * (a + b - 1) // 2
    right = pairwise(apart).precision
    return round(n_pairs * (1 - right))


def _parents(graph: KnnGraph, prediction: Prediction, tau: float) -> Tensor:
    parent = decode_tree(graph, prediction, tau).parent
    assert parent is not None  # the tree decode gives parents
    return parent


# ---------------------------------------------------------------- 07 level by level


@add_check(
    "07-super",
    within=1e-4,
    hint="First the peaks' features, then the means over all images of each cluster.",
    wrong={"the averages first": lambda x, clusters, peaks: super_nodes(x, clusters, peaks).roll(x.shape[1], dims=1)},
)
def super_nodes(x: Tensor, clusters: Tensor, peaks: Tensor) -> Tensor:
    """identity and average features of the super-nodes"""
    nodes = aggregate(x, clusters, peaks)
    return torch.cat([nodes.identity, nodes.average], dim=1)


@add_check(
    "07-loop",
    how="partition",
    within=0.01,
    hint="Look the clusters up for every image: clusters[labels].",
    wrong={"the clusters of the first level": lambda net, x: _hierarchy(net, x).levels[0].labels},
)
def loop(lander: Lander, x: Tensor) -> np.ndarray:
    """clusters after the last level"""
    return _hierarchy(lander, x).labels.cpu().numpy()


def _hierarchy(lander: Lander, x: Tensor) -> Hierarchy:
    return build_hierarchy(x, lander.predict, lander.inference, ensemble=lander.ensemble)


@add_check(
    "07-average",
    within=1e-4,
    hint="Weigh each super-node's average by its number of images.",
    wrong={"the mean of the means, small nodes weighed like large ones": lambda tree, x: mean_of_means(tree, x)},
)
def average(hierarchy: Hierarchy, x: Tensor) -> Tensor:
    """average feature of cluster 0 after level 1"""
    return x[hierarchy.levels[1].members(0)].mean(dim=0)


@add_check(
    "07-best-level",
    hint="idxmax of the column bcubed_f gives the row.",
    wrong={"levels counted from 1": lambda tree, labels: best_level(tree, labels) + 1},
)
def best_level(hierarchy: Hierarchy, labels: Any) -> int:
    """level after which BCubed F was highest"""
    found = [bcubed(contingency(labels, level.labels.cpu().numpy())).f for level in hierarchy.levels]
    return int(np.argmax(found))


@add_check(
    "07-links",
    how="function",
    hint="Every kept link makes one cluster of two.",
    wrong={"the links of one single cluster": lambda n, n_clusters: n - 1},
)
def links_in_all(n: int, n_clusters: int) -> int:
    """links kept in all"""
    return n - n_clusters


@add_check(
    "07-head",
    within=0.002,
    hint="Group the table by head and take the largest gain of each.",
    wrong={"the F itself, not what it gains": lambda study, n: _by_head(study.gains(n), "bcubed_f")},
)
def head(study: InterventionStudy, n_levels: int) -> list[float]:
    """largest gain by true links at one level, and by true densities"""
    return _by_head(study.gains(n_levels), "gain")


def _by_head(gains: pd.DataFrame, column: str) -> list[float]:
    highest = gains.groupby("head")[column].max()
    return [float(highest[head]) for head in HEADS]
