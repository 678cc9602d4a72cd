"""Learning to cluster: LANDER and Hi-LANDER (ICCV 2021), to be taught, measured and used.

images --encoder--> features --graph--> k-NN graph --LANDER--> linkage, density
    --decode--> clusters --aggregate--> super-nodes, and again from `graph`, level by level

>>> import workbench as wb
>>> test = wb.load("digits", split="test")
>>> features = wb.load_checkpoint("glyphs-encoder").embed(test.images)
>>> labels = wb.HiLander().fit_predict(features)
>>> wb.scores(test.labels, labels)["bcubed_f"] > 0.5
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for readers, editors and type checkers; at run time each name is imported when it is first used
    from .checkpoint import load_checkpoint as load_checkpoint
    from .checkpoint import save_checkpoint as save_checkpoint
    from .clusterer import HiLander as HiLander
    from .config import InferenceConfig as InferenceConfig
    from .config import LanderConfig as LanderConfig
    from .data import FeatureSet as FeatureSet
    from .data import ImageSet as ImageSet
    from .data import check_disjoint as check_disjoint
    from .data import load as load
    from .data import load_features as load_features
    from .encoder import Encoder as Encoder
    from .encoder import EncoderConfig as EncoderConfig
    from .encoder import train_encoder as train_encoder
    from .graph import KnnGraph as KnnGraph
    from .graph import knn as knn
    from .hierarchy import Hierarchy as Hierarchy
    from .hierarchy import Level as Level
    from .hierarchy import build_hierarchy as build_hierarchy
    from .lander import Lander as Lander
    from .losses import LossConfig as LossConfig
    from .metrics import scores as scores
    from .official import load_official as load_official
    from .recipe import TrainConfig as TrainConfig
    from .training import meta_train as meta_train

__version__ = "0.1.0"

_HOME = {
    "checkpoint": (
        "load_checkpoint",
        "save_checkpoint",
    ),
    "clusterer": ("HiLander",),
    "config": (
        "InferenceConfig",
        "LanderConfig",
    ),
    "data": (
        "FeatureSet",
        "ImageSet",
        "check_disjoint",
        "load",
        "load_features",
    ),
    "encoder": (
        "Encoder",
        "EncoderConfig",
        "train_encoder",
    ),
    "graph": (
        "KnnGraph",
        "knn",
    ),
    "hierarchy": (
        "Hierarchy",
        "Level",
        "build_hierarchy",
    ),
    "lander": ("Lander",),
    "losses": ("LossConfig",),
    "metrics": ("scores",),
    "official": ("load_official",),
    "recipe": ("TrainConfig",),
    "training": ("meta_train",),
}
_WHERE = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted([*_WHERE, "views"])


def __getattr__(name: str) -> Any:
    """Import what is asked for (PEP 562): `workbench --help` must not wait for torch, nor clustering for plotly."""
    if name in _WHERE:
        return getattr(import_module(f".{_WHERE[name]}", __name__), name)
    if name in (*_HOME, "ablation", "baselines", "course", "published", "views"):
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
