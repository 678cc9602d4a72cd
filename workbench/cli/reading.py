"""What a command gets from a user's file: features, and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from .._core.files import reading, regular_file
from ..cluster.checkpoint import load_encoder
from ..cluster.corrections import Corrections
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
    embedder = load_encoder(encoder) if path.is_dir() else None  # a wrong one is told before the pictures are read
    data = load_features(path, size=size, dim=dim)
    if isinstance(data, FeatureSet):
        return Items(data.features, data.labels, data.class_names, None, data.name)
    assert embedder is not None  # images come of a folder only
    features = embedder.embed(data.images, device=device, progress=progress)
    return Items(features, data.labels, data.class_names, data.images, data.name)


def read_answers(path: Path | None) -> tuple[dict[str, np.ndarray], Corrections | None]:
    """What a person said: pairs for `HiLander.fit` from a .csv, or corrections from a .json.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another suffix, other columns, or answers that are not 0 or 1.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "said.csv")
        >>> _ = file.write_text("first,second,same\\n0,1,1\\n0,2,0\\n")
        >>> read_answers(file)[0]["cannot_link"].tolist()
        [[0, 2]]
    """
    if path is None:
        return {}, None
    if path.suffix == ".json":
        return {}, Corrections.load(path)
    if path.suffix != ".csv":
        raise ValueError(f"constraints: expected a .csv or a .json file, got {path}")
    with reading(path, ".csv of answers"):
        table = pd.read_csv(regular_file(path))
        if list(table.columns) != ["first", "second", "same"] or not table["same"].isin([0, 1]).all():
            raise ValueError(f"constraints: expected the columns first, second, same (1 or 0) in {path}")
    pairs = table[["first", "second"]].to_numpy()
    same = table["same"].to_numpy() == 1
    return {"must_link": pairs[same], "cannot_link": pairs[~same]}, None
