"""LANDER, the model: k-NN graph -> linkage of every link, density of every node.

```
(Nodes, KnnGraph) -> Lander.inputs -> convolutions -> link logits -> Prediction: linkage [n, k], density [n]
```
"""

from .config import InferenceConfig, LanderConfig
from .convs import CONVS
from .inputs import GraphInputs, feature_inputs
from .model import Lander, Prediction
from .official import load_official
from .relative_features import RELATIVE_EDGE_INPUTS, RELATIVE_NODE_INPUTS, relative_inputs
from .structural_features import EDGE_INPUTS, NODE_INPUTS, structural_inputs

__all__ = [
    "CONVS",
    "EDGE_INPUTS",
    "NODE_INPUTS",
    "RELATIVE_EDGE_INPUTS",
    "RELATIVE_NODE_INPUTS",
    "GraphInputs",
    "InferenceConfig",
    "Lander",
    "LanderConfig",
    "Prediction",
    "feature_inputs",
    "load_official",
    "relative_inputs",
    "structural_inputs",
]
