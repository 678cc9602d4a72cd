"""Checks of the notebooks 08, 09, 11 and 12: scores, baselines, errors, own data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

from ...cluster.hilander import HiLander
from ...cluster.levels import Hierarchy
from ...evaluate.baselines import AverageLinkage, Baseline, NoLearningOneLevel, tune
from ...evaluate.errors import false_merges, false_splits
from ...evaluate.interventions import Edit, Intervention, InterventionStudy
from ...evaluate.scores import ari, bcubed, contingency, nmi, pairwise, scores
from ...graph.knn import KnnGraph
from ...views.figures.score_plots import by_class
from .registry import add_check

# ---------------------------------------------------------------- 08 scores

DRAWS = 2_000


@add_check("08-pairwise", hint="Count pairs, not images: no image is paired with itself.")
def pairwise_by_hand(labels_true: Any, labels_pred: Any) -> tuple[float, float, float]:
    """pairwise precision, recall and F"""
    return pairwise(contingency(labels_true, labels_pred))


@add_check("08-bcubed", hint="Each image counts itself, too; take the mean over images before you combine into F.")
def bcubed_by_hand(labels_true: Any, labels_pred: Any) -> tuple[float, float, float]:
    """BCubed precision, recall and F"""
    return bcubed(contingency(labels_true, labels_pred))


@add_check("08-ari", within=0.005, hint="Expected by chance: pairs within classes times pairs within clusters / pairs.")
def ari_by_hand(labels_true: Any, labels_pred: Any) -> float:
    """Rand index adjusted for chance"""
    return ari(contingency(labels_true, labels_pred))


@add_check("08-interval", within=0.015, hint="Draw whole classes, as many as there are, again and again.")
def interval(labels_true: Any, labels_pred: Any) -> Float[np.ndarray, " 2"]:
    """95 % interval of BCubed F when other classes might have come"""
    return np.asarray(np.quantile(_f_of_draws(by_class(labels_true, labels_pred)), [0.025, 0.975]))


def _f_of_draws(classes: pd.DataFrame, seed: int = 1) -> Float[np.ndarray, " draws"]:
    """BCubed F of classes drawn with replacement, the same draws for every clustering of the same classes."""
    size = classes["size"].to_numpy()
    draws = np.random.default_rng(seed).integers(len(size), size=(DRAWS, len(size)))
    total = size[draws].sum(axis=1)
    precision, recall = ((size * classes[side].to_numpy())[draws].sum(axis=1) / total for side in _SIDES)
    return np.asarray(2 * precision * recall / (precision + recall))


_SIDES = ("precision", "recall")


@add_check("08-apart", how="property", wrong=[0] * 20, hint="Keep the large class whole.")
def apart(answer: Any, labels_true: Any) -> str:
    """a clustering that the pairs like at least 0.1 better than the images do"""
    try:
        row = scores(labels_true, answer)
    except (TypeError, ValueError) as error:
        return str(error)
    gap = row["pairwise_f"] - row["bcubed_f"]
    told = f"pairwise F {row['pairwise_f']:.3f}, BCubed F {row['bcubed_f']:.3f}"
    return "" if gap >= 0.1 else f"{told}: pairwise F is to be at least 0.1 higher"


@add_check("08-singletons", within=0.002, hint="wb.scores takes np.arange(len(labels)) as clusters.")
def singletons(labels_true: Any) -> float:
    """NMI of a clustering that joins nothing"""
    return nmi(contingency(labels_true, np.arange(len(labels_true))))


@add_check("08-better", within=0.05, hint="Use the same draw of classes for both clusterings.")
def better(labels_true: Any, labels_a: Any, labels_b: Any) -> float:
    """share of draws in which the first clustering is better"""
    first, second = (_f_of_draws(by_class(labels_true, labels)) for labels in (labels_a, labels_b))
    return float((first > second).mean())


# ---------------------------------------------------------------- 09 baselines


@add_check("09-chosen", hint="Choose by BCubed F on the meta-training classes; the test plays no part.")
def chosen(baseline: type[Baseline], features: Any, labels: Any, setting: str) -> float:
    """setting chosen on the meta-training classes"""
    return float(tune(baseline, features, labels).settings[setting])


@add_check("09-no-learning", how="partition", within=0.002, hint="A link must exceed tau and lead to a denser image.")
def no_learning(features: Any, tau: float) -> Int64[np.ndarray, " n"]:
    """one level of the decode with no learning"""
    return np.asarray(NoLearningOneLevel(tau=tau).fit(features).labels_)


@add_check("09-tuned", within=0.002, hint="tune on the first two arrays; fit its .estimator on the third.")
def honest_score(baseline: type[Baseline], features: Any, labels: Any, test_features: Any, test_labels: Any) -> float:
    """BCubed F on the test with the setting of the meta-training classes"""
    return _score(tune(baseline, features, labels).estimator, test_features, test_labels)


@add_check("09-optimism", within=0.002, hint="Score both on the test; one setting is chosen there, the other not.")
def optimism(baseline: type[Baseline], features: Any, labels: Any, test_features: Any, test_labels: Any) -> float:
    """BCubed F gained by choosing the setting on the test"""
    cheat = float(tune(baseline, test_features, test_labels).tried["bcubed_f"].max())
    return cheat - float(honest_score(baseline, features, labels, test_features, test_labels))


@add_check("09-crowd", how="choice", hint="Print all settings; a lower distance threshold joins less.")
def crowd(features: Any, labels: Any, parts: int) -> str:
    """where average linkage is tuned to join less"""
    rows = np.asarray(features)
    truth = np.asarray(labels)
    inside = [truth % parts == part for part in range(parts)]
    few = [_threshold(rows[part], truth[part]) for part in inside]
    return "all" if _threshold(rows, truth) < np.mean(few) else "few"


def _threshold(features: Any, labels: Any) -> float:
    return float(tune(AverageLinkage, features, labels).settings["distance_threshold"])


def _score(estimator: Any, features: Any, labels: Any) -> float:
    return float(scores(labels, estimator.fit(features).labels_)["bcubed_f"])


# ---------------------------------------------------------------- 11 errors


@add_check("11-merge", hint="Pairs across the link: below times rest, less those of one class. Score before and after.")
def merge(hierarchy: Hierarchy, labels: Any) -> Float[np.ndarray, " 2"]:
    """false pairs of the costliest link, and the pairwise F that cutting it would add"""
    return np.asarray(false_merges(hierarchy, labels).loc[0, ["false_pairs", "f_gain"]], dtype=np.float64)


@add_check("11-split", hint="For every class: its images in one cluster times its images in the other.")
def split(hierarchy: Hierarchy, labels: Any) -> float:
    """pairs that the costliest split misses"""
    return float(false_splits(hierarchy, labels).loc[0, "pairs_missed"])


@add_check("11-dominates", how="choice", hint="Count pairs put together wrongly, and pairs of one class left apart.")
def dominates(labels_true: Any, labels_pred: Any) -> str:
    """kind of error that costs more pairs"""
    score = pairwise(contingency(labels_true, labels_pred))  # same right pairs: the lower share has more wrong ones
    return "merges" if score.precision < score.recall else "splits"


@add_check(
    "11-cuts", hint="Intervention(edits=[Edit(level, child_image, parent_image, 0)]); compare F after the last level."
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


@add_check("11-ceiling", within=0.002, hint="Intervention(links=range(10), density=range(10)) has both heads right.")
def ceiling(study: InterventionStudy) -> float:
    """BCubed F with true links and true densities at every level"""
    levels = range(max(10, study.settings.max_levels))
    return study.bcubed_f(study.hierarchy(Intervention(links=levels, density=levels)))


# ---------------------------------------------------------------- 12 your data


@add_check("12-duplicates", how="set", hint="The nearest neighbour's similarity is 1, up to rounding.")
def duplicates(graph: KnnGraph) -> list[int]:
    """rows that have an exact duplicate"""
    nearest = (graph.similarity * graph.mask).amax(dim=1)
    return [int(i) for i in (nearest >= 1 - 1e-6).nonzero()[:, 0]]


@add_check("12-labels", how="partition", within=0.02, hint="Read the last level's column of the table of labels.")
def labels_of_file(features: Any) -> Int64[np.ndarray, " n"]:
    """clusters that the command line wrote"""
    return np.asarray(HiLander().fit(features).labels_)


@add_check("12-orphans", within=0.001, hint="Count how often each row stands in graph.neighbors, then the zeros.")
def orphans(graph: KnnGraph) -> float:
    """share of rows that no other row lists"""
    listed = np.bincount(graph.neighbors[graph.mask].cpu().numpy(), minlength=graph.n)
    return float((listed == 0).mean())


@add_check("12-strangers", within=0.01, hint="Fit on the rows of known classes, predict the others, count -1.")
def strangers(features: Any, labels: Any, first_new: int) -> float:
    """share of out-of-sample rows of new classes that predict gives to no cluster"""
    rows = np.asarray(features)
    known = np.asarray(labels) < first_new
    return float((HiLander().fit(rows[known]).predict(rows[~known]) == -1).mean())


@add_check("12-tau", hint="Cluster all rows at each tau, but score only the labelled ones.")
def tau_of_few(features: Any, labels: Any, labelled: Any, taus: Sequence[float]) -> float:
    """tau of highest BCubed F on the labelled rows"""
    known = np.asarray(labelled)
    truth = np.asarray(labels)
    found = [HiLander(tau=tau).fit(features).labels_ for tau in taus]
    return float(taus[int(np.argmax([scores(truth[known], clusters[known])["bcubed_f"] for clusters in found]))])
