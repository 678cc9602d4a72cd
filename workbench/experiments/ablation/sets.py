"""The data of the ready-made ablations: small enough for hundreds of runs, with seen and unseen cluster sizes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..._core.files import atomic_path, data_home
from ..._core.npz import open_npz
from ..._core.provenance import folders_hash
from ..._core.validation import check_choice
from ...data import FeatureSet, ImageSet, load
from ...encoder.train import train_encoder
from .run import AblationData

NAMES = ("glyphs", "omniglot")
SAME = "same classes"


@dataclass(frozen=True)
class _Images:
    """What an encoder is trained on, what is meta-trained on, and the tests; no class is in two of them."""

    encoder: ImageSet
    train: ImageSet
    tests: dict[str, ImageSet]


def ablation_data(
    name: str, *, path: str | os.PathLike[str] | None = None, device: str = "auto", progress: bool = True
) -> AblationData:
    """Features of a built-in data set, as the presets use them.

    | name | meta-train | test "seen" | test "unseen" |
    |---|---|---|---|
    | `glyphs` | split `meta-train` | every second class of `test-seen` | every fourth class of `test-unseen` |
    | `omniglot` | an eighth of `background` | a quarter of `evaluation`: 20 images each | half of it: 2 to 20 images |

    Seen and unseen speak of the sizes of the classes: like those of the meta-training, or not. No class is in two of
    the sets. The encoder is trained here on classes of its own; `others["same classes"]` are the same images through an
    encoder trained on the meta-training classes. Both are trained once, a few minutes on 2 CPU cores, and the features
    are kept in the cache.

    Args:
        name: "glyphs" or "omniglot".
        path: as in `workbench.data.load`.
        device: to train the encoders on.
        progress: show bars.

    Raises:
        ValueError: another name.

    Example:
        >>> ablation_data("faces")
        Traceback (most recent call last):
        ValueError: name: expected one of 'glyphs', 'omniglot', got 'faces'
    """
    check_choice(name, "name", NAMES)
    images = _glyphs(path) if name == "glyphs" else _omniglot(path)
    own, same = (_embedded(images, on, device, progress) for on in (images.encoder, images.train))
    return AblationData(own.train, own.tests, {SAME: same})


def _glyphs(path: str | os.PathLike[str] | None) -> _Images:
    def split(name: str, every: int = 1) -> ImageSet:
        return _classes(load("glyphs", split=name, path=path), every, 0)

    return _Images(
        split("encoder"), split("meta-train"), {"seen": split("test-seen", 2), "unseen": split("test-unseen", 4)}
    )


def _omniglot(path: str | os.PathLike[str] | None) -> _Images:
    background, evaluation = (load("omniglot", split=split, path=path) for split in ("background", "evaluation"))
    fewer = _thinned(evaluation.take(np.flatnonzero(evaluation.labels % 4 >= 2)))
    tests = {"seen": _classes(evaluation, 4, 0), "unseen": fewer}
    return _Images(_classes(background, 4, 0), _classes(background, 8, 1), tests)


def _classes(images: ImageSet, every: int, first: int) -> ImageSet:
    return images.take(np.flatnonzero(images.labels % every == first))


def _thinned(images: ImageSet) -> ImageSet:
    """Classes of 2 images up to all they have, every size as likely as its half: many small ones, few large."""
    drawn = np.random.default_rng(0)
    rows = []
    for label in np.unique(images.labels):
        own = drawn.permutation(np.flatnonzero(images.labels == label))
        rows.append(own[: round(2 * (len(own) / 2) ** drawn.random())])
    return images.take(np.sort(np.concatenate(rows)))


def _embedded(images: _Images, on: ImageSet, device: str, progress: bool) -> AblationData:
    """Train and tests through an encoder trained on one of the sets; kept in the cache."""
    parts = {"train": images.train, **images.tests}
    made_of = [on.fingerprint, *(part.fingerprint for part in parts.values())]
    key = hashlib.sha256("".join([*made_of, folders_hash("encoder")]).encode()).hexdigest()[:16]
    kept = data_home() / "ablation" / f"{key}.npz"
    features = _read_cache(kept, parts)
    if features is None:
        encoder = train_encoder(on, seed=0, device=device, progress=progress)
        features = {name: encoder.embed(part.images) for name, part in parts.items()}
        with atomic_path(kept) as file:
            np.savez(file, allow_pickle=False, **features)
    sets = {name: FeatureSet(features[name], part.labels, part.class_names, part.name) for name, part in parts.items()}
    return AblationData(sets.pop("train"), sets)


def _read_cache(file: Path, parts: Mapping[str, ImageSet]) -> dict[str, np.ndarray] | None:
    """What an earlier call kept; None where there is nothing whole."""
    try:
        with open_npz(file) as stored:
            features = {name: stored[name] for name in parts}
    except (OSError, ValueError):
        return None
    whole = all(features[name].shape[:1] == (len(part),) for name, part in parts.items())
    return features if whole else None
