"""What a command gets from a user's file: features, and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..cluster.checkpoint import load_encoder
from ..data import FeatureSet, load_features


@dataclass(frozen=True)
class Items:
    """Features [N, D] to cluster or to learn from.

    Attributes:
        features: the rows.
        labels: classes [N], or None where unknown.
        class_names: one name per class, or empty.
        images: the pictures the features were made of, or None.
        name: of the file or folder.
    """

    features: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    images: np.ndarray | None
    name: str


def read_items(
    path: Path, *, encoder: str, size: int | None = None, dim: int | None = None, device: str, progress: bool
) -> Items:
    """Any file that `load_features` reads; a folder of images is embedded with the encoder.

    Raises:
        FileNotFoundError, ValueError: as `load_features`, or `encoder` is no encoder.
    """
    data = load_features(path, size=size, dim=dim)
    if isinstance(data, FeatureSet):
        return Items(data.features, data.labels, data.class_names, None, data.name)
    features = load_encoder(encoder).embed(data.images, device=device, progress=progress)
    return Items(features, data.labels, data.class_names, data.images, data.name)
