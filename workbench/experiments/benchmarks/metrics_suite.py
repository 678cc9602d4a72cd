"""Scores of a clustering: ours beside scikit-learn's and an obvious BCubed; all must give the same values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import pair_confusion_matrix

from ...evaluate.scores import FIGURES, PRF, ami, ari, bcubed, contingency, nmi, pairwise, scores
from .cases import Case, Figures, Setting, Suite, first, measured
from .inputs import labelings

SHOWN = (*FIGURES, "ari", "nmi", "ami")
Score = Callable[[np.ndarray, np.ndarray], dict[str, float]]


def _case(name: str, score: Score, beside: str = "", max_n: int | None = None) -> Case:
    def run(setting: Setting) -> Figures:
        true, pred = labelings(setting.n)
        cold = first(lambda: score(true[: setting.warm], pred[: setting.warm]))
        values, figures = measured(lambda: score(true, pred))
        return {**figures, **cold, **{name: round(float(value), 9) for name, value in values.items()}}

    return Case(name, run, beside=beside, max_n=max_n)


def obvious_bcubed(true: np.ndarray, pred: np.ndarray) -> PRF:
    """BCubed item by item, as it is defined.

    Formula: precision = mean over items of |class & cluster| / |cluster|, recall = mean of |class & cluster| / |class|.

    Example:
        >>> obvious_bcubed(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2]))
        PRF(precision=1.0, recall=0.75, f=0.8571428571428571)
    """
    classes = _members(true)
    clusters = _members(pred)
    precision = recall = 0.0
    for of_class, of_cluster in zip(true.tolist(), pred.tolist(), strict=True):
        own_class = classes[of_class]
        own_cluster = clusters[of_cluster]
        both = len(own_class & own_cluster)
        precision += both / len(own_cluster)
        recall += both / len(own_class)
    precision = precision / len(true)
    recall = recall / len(true)
    return PRF(precision, recall, 2 * precision * recall / (precision + recall))


def _members(labels: np.ndarray) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for item, label in enumerate(labels.tolist()):
        found[label].add(item)
    return found


def _ours(true: np.ndarray, pred: np.ndarray) -> dict[str, float]:
    table = contingency(true, pred)
    return {"pairwise_f": pairwise(table).f, "ari": ari(table), "nmi": nmi(table)}


def _all(true: np.ndarray, pred: np.ndarray) -> dict[str, float]:
    return {name: value for name, value in scores(true, pred).items() if name in SHOWN}


def _sklearn(true: np.ndarray, pred: np.ndarray) -> dict[str, float]:
    (_, false_pairs), (missed, together) = pair_confusion_matrix(true, pred).tolist()
    f = 2 * together / (2 * together + false_pairs + missed)
    return {"pairwise_f": f, "ari": adjusted_rand_score(true, pred), "nmi": normalized_mutual_info_score(true, pred)}


_SKLEARN = "scikit-learn, pairs and NMI"
_SKLEARN_AMI = "scikit-learn, AMI"
_OBVIOUS = "obvious BCubed"
SUITE = Suite(
    "metrics",
    "scores of a clustering of n items, 40 a class",
    (100_000, 5_000_000),
    _SKLEARN,
    (
        _case(_SKLEARN, _sklearn),
        _case("ours, pairs and NMI", _ours),
        _case(_SKLEARN_AMI, lambda a, b: {"ami": adjusted_mutual_info_score(a, b)}, _SKLEARN_AMI, max_n=100_000),
        _case("ours, AMI", lambda a, b: {"ami": ami(contingency(a, b))}, _SKLEARN_AMI),
        _case(_OBVIOUS, lambda a, b: {"bcubed_f": obvious_bcubed(a, b).f}, _OBVIOUS, max_n=1_000_000),
        _case("ours, BCubed", lambda a, b: {"bcubed_f": bcubed(contingency(a, b)).f}, _OBVIOUS),
        _case("ours, all scores", _all),
    ),
)
