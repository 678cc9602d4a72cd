"""Prediction -> clusters, and clusters -> the nodes of the next level.

```
(KnnGraph, Prediction, tau) -> decode_tree and the other DECODERS -> Decoding: clusters [n], representative [c]
(features, labels, images) -> aggregate -> Nodes
```
"""

from .aggregate import aggregate, majority
from .cuts import CutDecoder, cut_at, cut_layers, decode_excess_of_mass, decode_map_equation
from .decoding import Decoder, Decoding, components, densest
from .dendrogram import Cut, Dendrogram, build_dendrogram
from .edges import Edges
from .quality import Quality, QualityEnsemble, true_quality
from .tree import DECODERS, OFFICIAL, TREES, decode_best_links, decode_tree, decode_tree_by_similarity, get_decoder

__all__ = [
    "DECODERS",
    "OFFICIAL",
    "TREES",
    "Cut",
    "CutDecoder",
    "Decoder",
    "Decoding",
    "Dendrogram",
    "Edges",
    "Quality",
    "QualityEnsemble",
    "aggregate",
    "build_dendrogram",
    "components",
    "cut_at",
    "cut_layers",
    "decode_best_links",
    "decode_excess_of_mass",
    "decode_map_equation",
    "decode_tree",
    "decode_tree_by_similarity",
    "densest",
    "get_decoder",
    "majority",
    "true_quality",
]
