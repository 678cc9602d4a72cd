"""Features -> k-NN graph: what may be linked at all.

```
features [n, d] -> Metric (cosine, or after a discriminant map) -> knn -> KnnGraph: neighbors, similarity [n, k]
labels [n] -> link_labels, density_target: what a model learns to predict of the graph
```
`knn` is the one door: exact or approximate, on the CPU or a GPU.
"""

from .density import denser_neighbors, density_target, link_labels, signed_density
from .discriminant import METRICS, Metric, local_discriminant
from .knn import KnnGraph, k_hop_subgraph, knn, precomputed, query
from .nodes import Nodes
from .recall import sampled_recall
from .similarity_stats import Background, rank_and_shared
from .whitening import mean_average_precision, within_class_whitening

__all__ = [
    "METRICS",
    "Background",
    "KnnGraph",
    "Metric",
    "Nodes",
    "denser_neighbors",
    "density_target",
    "k_hop_subgraph",
    "knn",
    "link_labels",
    "local_discriminant",
    "mean_average_precision",
    "precomputed",
    "query",
    "rank_and_shared",
    "sampled_recall",
    "signed_density",
    "within_class_whitening",
]
