"""Everything together: `HiLander`, and the level loop `build_hierarchy` that it, training and the oracle share.

```
features -> (graph -> prediction -> decoding -> aggregate) level by level -> Hierarchy
```
"""

from .checkpoint import load_checkpoint, load_encoder, load_lander, save_checkpoint
from .constraints import Constraints, enforce
from .correction import Contradiction, Correction
from .corrections import Corrections
from .hierarchy import build_hierarchy, rebuild
from .hilander import HiLander
from .levels import Hierarchy, Level
from .memberships import Memberships
from .naming import cluster_terms
from .predictors import GraphBuilder, Predictor, oracle_predictor, similarity_predictor

__all__ = [
    "Constraints",
    "Contradiction",
    "Correction",
    "Corrections",
    "GraphBuilder",
    "HiLander",
    "Hierarchy",
    "Level",
    "Memberships",
    "Predictor",
    "build_hierarchy",
    "cluster_terms",
    "enforce",
    "load_checkpoint",
    "load_encoder",
    "load_lander",
    "oracle_predictor",
    "rebuild",
    "save_checkpoint",
    "similarity_predictor",
]
