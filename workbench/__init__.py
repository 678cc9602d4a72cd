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
    from .cluster import Hierarchy as Hierarchy
    from .cluster import HiLander as HiLander
    from .cluster import Level as Level
    from .cluster import build_hierarchy as build_hierarchy
    from .cluster import load_checkpoint as load_checkpoint
    from .cluster import save_checkpoint as save_checkpoint
    from .data import FeatureSet as FeatureSet
    from .data import ImageSet as ImageSet
    from .data import PhotoSet as PhotoSet
    from .data import check_disjoint as check_disjoint
    from .data import load as load
    from .data import load_features as load_features
    from .encoder import Encoder as Encoder
    from .encoder import EncoderConfig as EncoderConfig
    from .encoder import embed as embed
    from .encoder import train_encoder as train_encoder
    from .evaluate import scores as scores
    from .graph import KnnGraph as KnnGraph
    from .graph import knn as knn
    from .lander import InferenceConfig as InferenceConfig
    from .lander import Lander as Lander
    from .lander import LanderConfig as LanderConfig
    from .lander import load_official as load_official
    from .train import LossConfig as LossConfig
    from .train import TrainConfig as TrainConfig
    from .train import meta_train as meta_train
    from .train import meta_train_cut as meta_train_cut

__version__ = "0.1.0"

_HOME = {
    "cluster": ("HiLander", "Hierarchy", "Level", "build_hierarchy", "load_checkpoint", "save_checkpoint"),
    "data": ("FeatureSet", "ImageSet", "PhotoSet", "check_disjoint", "load", "load_features"),
    "encoder": ("Encoder", "EncoderConfig", "embed", "train_encoder"),
    "evaluate": ("scores",),
    "graph": ("KnnGraph", "knn"),
    "lander": ("InferenceConfig", "Lander", "LanderConfig", "load_official"),
    "train": ("LossConfig", "TrainConfig", "meta_train", "meta_train_cut"),
}
_WHERE = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted([*_WHERE, "views"])

_PACKAGES = {
    **{stage: stage for stage in (*_HOME, "decode", "experiments", "course", "views")},
    "ablation": "experiments.ablation",
    "baselines": "evaluate.baselines",
    "faces_species": "experiments.faces_species",
    "published": "experiments.published",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for (PEP 562): `workbench --help` must not wait for torch, nor clustering for plotly."""
    if name in _WHERE:
        return getattr(import_module(f".{_WHERE[name]}", __name__), name)
    if name in _PACKAGES:
        return import_module(f".{_PACKAGES[name]}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What is there, and what will be when it is asked for: completion by tab needs it."""
    return sorted({*globals(), *__all__, *_PACKAGES})
