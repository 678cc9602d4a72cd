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

from .checkpoint import load_checkpoint, save_checkpoint
from .clusterer import HiLander
from .config import InferenceConfig, LanderConfig, TrainConfig
from .data import FeatureSet, ImageSet, load
from .encoder import Encoder, EncoderConfig, train_encoder
from .graph import KnnGraph, knn
from .hierarchy import Hierarchy, Level, build_hierarchy
from .lander import Lander
from .losses import LossConfig
from .metrics import scores
from .official import load_official
from .training import meta_train

__version__ = "0.1.0"

__all__ = [
    "Encoder",
    "EncoderConfig",
    "FeatureSet",
    "HiLander",
    "Hierarchy",
    "ImageSet",
    "InferenceConfig",
    "KnnGraph",
    "Lander",
    "LanderConfig",
    "Level",
    "LossConfig",
    "TrainConfig",
    "build_hierarchy",
    "knn",
    "load",
    "load_checkpoint",
    "load_official",
    "meta_train",
    "save_checkpoint",
    "scores",
    "train_encoder",
]
