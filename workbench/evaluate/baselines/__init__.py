"""The other clusterers, all as `fit(X)` and `labels_`: `tune` chooses their settings, `compare` scores them.

```
tune_all(BASELINES, meta_val features, labels) -> {name: Tuned} -> compare(test features, labels, ...) -> table
```
A new baseline subclasses `Baseline` and writes `_assign`; see there.
"""

from .base import Baseline, Prepared
from .communities import Infomap, Spectral
from .compare import Tuned, compare, stratified_sample, tune, tune_all
from .graphs import ApproximateRankOrder, Finch, ThresholdedComponents
from .points import AverageLinkage, Dbscan, Hdbscan, KMeans
from .unlearned import NoLearning, NoLearningOneLevel

BASELINES: dict[str, type[Baseline]] = {
    "k-means (true K)": KMeans,
    "spectral (true K)": Spectral,
    "average linkage": AverageLinkage,
    "DBSCAN": Dbscan,
    "HDBSCAN": Hdbscan,
    "FINCH": Finch,
    "approximate rank-order": ApproximateRankOrder,
    "thresholded components": ThresholdedComponents,
    "Infomap": Infomap,
    "no learning, one level": NoLearningOneLevel,
    "no learning, many levels": NoLearning,
}

__all__ = [
    "BASELINES",
    "ApproximateRankOrder",
    "AverageLinkage",
    "Baseline",
    "Dbscan",
    "Finch",
    "Hdbscan",
    "Infomap",
    "KMeans",
    "NoLearning",
    "NoLearningOneLevel",
    "Prepared",
    "Spectral",
    "ThresholdedComponents",
    "Tuned",
    "compare",
    "stratified_sample",
    "tune",
    "tune_all",
]
