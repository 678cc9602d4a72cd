"""Checks of the notebooks 08, 09, 11 and 12: scores, baselines, errors, own data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64
from sklearn.metrics import rand_score

from ...cluster.hilander import HiLander
from ...cluster.levels import Hierarchy
from ...evaluate.baselines import AverageLinkage, Baseline, NoLearningOneLevel, tune
from ...evaluate.errors import false_merges, false_splits
from ...evaluate.interventions import Edit, Intervention, InterventionStudy
from ...evaluate.scores import ari, bcubed, contingency, nmi, pairwise, scores
from ...graph.knn import KnnGraph
from ...views.figures.score_plots import by_class
from . import ideas
from .registry import add_check

# ---------------------------------------------------------------- 08 scores

DRAWS = 2_000


@add_check(
    "08-pairwise",
    hint="Count pairs, not images: no image is paired with itself.",
    wrong={"each image paired with itself, too": ideas.pairwise_with_itself},
)
def pairwise_by_hand(labels_true: Any, labels_pred: Any) -> tuple[float, float, float]:
    """pairwise precision, recall and F"""
    return pairwise(contingency(labels_true, labels_pred))


@add_check(
    "08-bcubed",
    hint="Each image counts itself, too; take the mean over images before you combine into F.",
    wrong={"the mean of the images' F, not the F of the means": ideas.bcubed_with_mean_f},
)
def bcubed_by_hand(labels_true: Any, labels_pred: Any) -> tuple[float, float, float]:
    """BCubed precision, recall and F"""
    return bcubed(contingency(labels_true, labels_pred))


@add_check(
    "08-ari",
    within=0.005,
    hint="Expected by chance: pairs within classes times pairs within clusters / pairs.",
    wrong={"the Rand index, not adjusted": rand_score},
)
def ari_by_hand(labels_true: Any, labels_pred: Any) -> float:
    """Rand index adjusted for chance"""
    return ari(contingency(labels_true, labels_pred))


@add_check(
    "08-interval",
    within=0.015,
    hint="Draw whole classes, as many as there are, again and again.",
    wrong={"images drawn, not classes": ideas.interval_of_items},
)
def interval(labels_true: Any, labels_pred: Any) -> Float[np.ndarray, " 2"]:
    """95 % interval of BCubed F when other classes might have come"""
    classes = by_class(labels_true, labels_pred)
    return np.asarray(np.quantile(_f_of_draws(classes, _draws(len(classes))), [0.025, 0.975]))


def _draws(n: int, times: int = DRAWS) -> Int64[np.ndarray, "draws n"]:
    """Numbers of as many classes as there are, drawn with replacement, again and again."""
    return np.random.default_rng(1).integers(n, size=(times, n))


def _f_of_draws(classes: pd.DataFrame, draws: Int64[np.ndarray, "draws n"]) -> Float[np.ndarray, " draws"]:
    """BCubed F of the drawn classes."""
    size = classes["size"].to_numpy()
    total = size[draws].sum(axis=1)
    precision, recall = ((size * classes[side].to_numpy())[draws].sum(axis=1) / total for side in _SIDES)
    return np.asarray(2 * precision * recall / (precision + recall))


_SIDES = ("precision", "recall")


@add_check(
    "08-apart",
    how="property",
    hint="Keep the large class whole.",
    wrong={"all in one cluster": np.zeros_like},
)
def apart(answer: Any, labels_true: Any) -> str:
    """a clustering that the pairs like at least 0.1 better than the images do"""
    try:
        row = scores(labels_true, answer)
    except (TypeError, ValueError) as error:
        return str(error)
    gap = row["pairwise_f"] - row["bcubed_f"]
    told = f"pairwise F {row['pairwise_f']:.3f}, BCubed F {row['bcubed_f']:.3f}"
    return "" if gap >= 0.1 else f"{told}: pairwise F is to be at least 0.1 higher"


@add_check(
    "08-singletons",
    within=0.002,
    hint="wb.scores takes np.arange(len(labels)) as clusters.",
    wrong={"AMI, which takes chance off": lambda y: 0.0},
)
def singletons(labels_true: Any) -> float:
    """NMI of a clustering that joins nothing"""
    return nmi(contingency(labels_true, np.arange(len(labels_true))))


@add_check(
    "08-better",
    within=0.002,  # sums in another order may decide a draw in which both are equal
    hint="Use the same draw of classes for both clusterings.",
    wrong={
        "the share of draws in which it is worse": lambda *given: 1 - better(*given),
        "each clustering on draws of its own": lambda truth, a, b, draw: _share(
            truth, (a, draw), (b, _draws(draw.shape[1], len(draw)))
        ),
    },
)
def better(labels_true: Any, labels_a: Any, labels_b: Any, draw: Int64[np.ndarray, "draws n"]) -> float:
    """share of draws in which the first clustering is better"""
    return _share(labels_true, (labels_a, draw), (labels_b, draw))


def _share(labels_true: Any, *drawn: tuple[Any, Int64[np.ndarray, "draws n"]]) -> float:
    """Share of draws in which the first of two clusterings, each with its draws, has the higher BCubed F."""
    first, second = (_f_of_draws(by_class(labels_true, labels), draws) for labels, draws in drawn)
    return float((first > second).mean())


# ---------------------------------------------------------------- 09 baselines


@add_check(
    "09-chosen",
    hint="Choose by the mean of the three F on the meta-training classes; the test plays no part.",
    wrong={"the F, not the setting": lambda b, x, y, setting: tune(b, x, y).tried["bcubed_f"].max()},
)
def chosen(baseline: type[Baseline], features: Any, labels: Any, setting: str) -> float:
    """setting chosen on the meta-training classes"""
    return float(tune(baseline, features, labels).settings[setting])


@add_check(
    "09-no-learning",
    how="partition",
    within=0.002,
    hint="A link must exceed tau and lead to a denser image.",
    wrong={"all links above tau": ideas.joined_above},
)
def no_learning(features: Any, tau: float) -> Int64[np.ndarray, " n"]:
    """one level of the decode with no learning"""
    return np.asarray(NoLearningOneLevel(tau=tau).fit(features).labels_)


@add_check(
    "09-tuned",
    within=0.002,
    hint="tune on the first two arrays; fit its .estimator on the third.",
    wrong={"the F on meta-training": lambda b, x, y, *test: tune(b, x, y).tried["bcubed_f"].max()},
)
def honest_score(baseline: type[Baseline], features: Any, labels: Any, test_features: Any, test_labels: Any) -> float:
    """BCubed F on the test with the setting of the meta-training classes"""
    return _score(tune(baseline, features, labels).estimator, test_features, test_labels)


@add_check(
    "09-optimism",
    within=0.002,
    hint="Score both on the test; one setting is chosen there, the other not.",
    wrong={"the F itself": lambda b, x, y, x2, y2: tune(b, x2, y2).tried["bcubed_f"].max()},
)
def optimism(baseline: type[Baseline], features: Any, labels: Any, test_features: Any, test_labels: Any) -> float:
    """BCubed F gained by choosing the setting on the test"""
    cheat = float(tune(baseline, test_features, test_labels).tried["bcubed_f"].max())
    return cheat - float(honest_score(baseline, features, labels, test_features, test_labels))


@add_check(
    "09-crowd",
    within=0.005,
    hint="The mean of the parts' thresholds, less the threshold chosen on all.",
    wrong={"all less few": lambda *given: -crowd(*given)},
)
def crowd(features: Any, labels: Any, parts: int) -> float:
    """by how much the threshold of few classes is looser than that of all"""
    rows = np.asarray(features)
    truth = np.asarray(labels)
    inside = [truth % parts == part for part in range(parts)]
    return float(np.mean([_threshold(rows[part], truth[part]) for part in inside]) - _threshold(rows, truth))


def _threshold(features: Any, labels: Any) -> float:
    return float(tune(AverageLinkage, features, labels).settings["distance_threshold"])


def _score(estimator: Any, features: Any, labels: Any) -> float:
    return float(scores(labels, estimator.fit(features).labels_)["bcubed_f"])


# ---------------------------------------------------------------- 11 errors


@add_check(
    "11-merge",
    hint="Pairs across the link: below times rest, less those of one class. Score before and after.",
    wrong={"images, not pairs": lambda tree, y: [*_images_joined(tree, y)]},
)
def merge(hierarchy: Hierarchy, labels: Any) -> Float[np.ndarray, " 2"]:
    """false pairs of the costliest link, and the pairwise F that cutting it would add"""
    return np.asarray(false_merges(hierarchy, labels).loc[0, ["false_pairs", "f_gain"]], dtype=np.float64)


def _images_joined(hierarchy: Hierarchy, labels: Any) -> tuple[float, float]:
    dearest = false_merges(hierarchy, labels).iloc[0]
    return float(dearest["below"] + dearest["rest"]), float(dearest["f_gain"])


@add_check(
    "11-split",
    hint="For every class: its images in one cluster times its images in the other.",
    wrong={"images, not pairs": lambda tree, y: false_splits(tree, y).loc[0, ["size_a", "size_b"]].sum()},
)
def split(hierarchy: Hierarchy, labels: Any) -> float:
    """pairs that the costliest split misses"""
    return float(false_splits(hierarchy, labels).loc[0, "pairs_missed"])


@add_check(
    "11-dominates",
    hint="Of all pairs: those of one cluster but two classes, and those of one class but two clusters.",
    wrong={"the two the other way round": lambda y, c: dominates(y, c)[::-1]},
)
def dominates(labels_true: Any, labels_pred: Any) -> list[int]:
    """pairs wrongly together, and pairs wrongly apart"""
    table = contingency(labels_true, labels_pred)
    right, together, in_class = (_n_pairs(sizes) for sizes in (table.counts, table.col_sizes, table.row_sizes))
    return [together - right, in_class - right]


def _n_pairs(sizes: Int64[np.ndarray, " groups"]) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


@add_check(
    "11-cuts",
    hint="Intervention(edits=[Edit(level, child_image, parent_image, 0)]); compare F after the last level.",
    wrong={"all of them": lambda study, y, n: n},
)
def lasting_cuts(study: InterventionStudy, labels: Any, n: int) -> int:
    """number of cuts whose gain is still there after the last level"""
    links = false_merges(study.own, labels).head(n)
    return sum(_final_gain(study, labels, link) > link.f_gain / 2 for link in links.itertuples())


def _final_gain(study: InterventionStudy, labels: Any, link: Any) -> float:
    """What cutting this one link adds to pairwise F after the last level."""
    cut = study.hierarchy(Intervention(edits=[Edit(link.level, link.child_image, link.parent_image, 0)]))
    after, before = (pairwise(contingency(labels, tree.labels.cpu().numpy())).f for tree in (cut, study.own))
    return after - before


@add_check(
    "11-ceiling",
    within=0.002,
    hint="Intervention(links=range(10), density=range(10)) has both heads right.",
    wrong={"true links alone": lambda study: study.bcubed_f(study.hierarchy(Intervention(links=range(10))))},
)
def ceiling(study: InterventionStudy) -> float:
    """BCubed F with true links and true densities at every level"""
    levels = range(max(10, study.settings.max_levels))
    return study.bcubed_f(study.hierarchy(Intervention(links=levels, density=levels)))


# ---------------------------------------------------------------- 12 your data


@add_check(
    "12-duplicates",
    how="set",
    hint="The nearest neighbour's similarity is 1, up to rounding.",
    wrong={"the copies without the first of each": lambda graph: duplicates(graph)[1::2]},
)
def duplicates(graph: KnnGraph) -> list[int]:
    """rows that have an exact duplicate"""
    nearest = (graph.similarity * graph.mask).amax(dim=1)
    return [int(i) for i in (nearest >= 1 - 1e-6).nonzero()[:, 0]]


@add_check(
    "12-labels",
    how="partition",
    within=0.02,
    hint="Read the last level's column of the table of labels.",
    wrong={"the finest clustering": lambda x: HiLander().fit(x).cluster_layers_[0]},
)
def labels_of_file(features: Any) -> Int64[np.ndarray, " n"]:
    """clusters that the command line wrote"""
    return np.asarray(HiLander().fit(features).labels_)


@add_check(
    "12-orphans",
    within=0.001,
    hint="Count how often each row stands in graph.neighbors, then the zeros.",
    wrong={"listed at most once": lambda graph: float((ideas.listed(graph) <= 1).mean())},
)
def orphans(graph: KnnGraph) -> float:
    """share of rows that no other row lists"""
    return float((ideas.listed(graph) == 0).mean())


@add_check(
    "12-strangers",
    within=0.01,
    hint="Fit on the rows of known classes, predict the others, count -1.",
    wrong={"the rows that did get a cluster": lambda *given: 1 - strangers(*given)},
)
def strangers(features: Any, labels: Any, first_new: int) -> float:
    """share of out-of-sample rows of new classes that predict gives to no cluster"""
    rows = np.asarray(features)
    known = np.asarray(labels) < first_new
    return float((HiLander().fit(rows[known]).predict(rows[~known]) == -1).mean())


@add_check(
    "12-tau",
    hint="Cluster all rows at each tau, but score only the labelled ones; of several best ones take the lowest.",
    wrong={"the F, not the tau": lambda x, y, some, taus: max(ideas.f_by_tau(x, y, some, taus))},
)
def tau_of_few(features: Any, labels: Any, labelled: Any, taus: Sequence[float]) -> float:
    """lowest tau of highest BCubed F on the labelled rows"""
    return float(taus[int(np.argmax(ideas.f_by_tau(features, labels, labelled, taus)))])
