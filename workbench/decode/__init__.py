"""Prediction -> clusters, and clusters -> the nodes of the next level.

```
(KnnGraph, Prediction, tau) -> decode_tree and the other DECODERS -> Decoding: clusters [n], representative [c]
(features, labels, images) -> aggregate -> Nodes
```
"""

from .aggregate import aggregate, majority
from .cuts import decode_cut, decode_map_equation, decode_mass
from .decoding import Decoder, Decoding, components, densest
from .dendrogram import Cut, Edges, MergeTree, merge_tree
from .quality import Forecast, Forecaster, true_forecast
from .tree import DECODERS, TREES, decode_best_links, decode_tree, get_decoder

__all__ = [
    "DECODERS",
    "TREES",
    "Cut",
    "Decoder",
    "Decoding",
    "Edges",
    "Forecast",
    "Forecaster",
    "MergeTree",
    "aggregate",
    "components",
    "decode_best_links",
    "decode_cut",
    "decode_map_equation",
    "decode_mass",
    "decode_tree",
    "densest",
    "get_decoder",
    "majority",
    "merge_tree",
    "true_forecast",
]
