"""One run of an ablation: settings, seed, data and code in; scores of every level out."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from ..._core.memory import peak_mb
from ..._core.provenance import code_version
from ..._core.runtime import resolve_device
from ..._core.validation import unit_rows
from ...cluster.hierarchy import build_hierarchy
from ...cluster.predictors import Predictor
from ...data import FeatureSet
from ...evaluate.scores import scores
from ...lander.config import InferenceConfig
from ...train.select_tau import best_tau
from ...train.trainer import MetaTraining
from .settings import Settings
from .store import Store
from .trainings import Cancelled, trained

__all__ = ["AblationData", "Cancelled", "Run", "code_version", "computed"]


@dataclass(frozen=True)
class AblationData:
    """What every run of a sweep learns from and is judged on.

    Attributes:
        train: labelled features to meta-train on.
        tests: name -> labelled features of other classes.
        others: name -> the same seen otherwise, e.g. through another encoder; the setting `features` takes one.

    Example:
        >>> x = FeatureSet(np.eye(4), np.array([0, 0, 1, 1]))
        >>> len(AblationData(x, {"toy": x}).fingerprint)
        16
    """

    train: FeatureSet
    tests: Mapping[str, FeatureSet]
    others: Mapping[str, AblationData] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.tests:
            raise ValueError("tests: expected at least one labelled test set, got none")
        for name, part in {"train": self.train, **self.tests}.items():
            if part.labels is None:
                raise ValueError(f"{name}: expected labels, as every run is scored; got {part!r}")

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change when a feature, a label or a name does."""
        parts = [self.train.fingerprint, *(f"{name}:{test.fingerprint}" for name, test in sorted(self.tests.items()))]
        parts += [f"{name}/{other.fingerprint}" for name, other in sorted(self.others.items())]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]

    def seen(self, features: str) -> AblationData:
        """The data that the setting `features` names.

        Raises:
            ValueError: there is none of this name.
        """
        if features and features not in self.others:
            there = ", ".join(map(repr, ["", *self.others]))
            raise ValueError(f"features: expected one that the data has ({there}), got {features!r}")
        return self.others[features] if features else self


@dataclass(frozen=True)
class Run:
    """What is to be computed.

    Attributes:
        factors: the settings that its grid varies, for the table; not part of the key.
        settings: all settings.
        seed: of the training.
        data: fingerprint of the data.
        code: `code_version()`.
    """

    factors: dict[str, Any]
    settings: Settings
    seed: int
    data: str
    code: str

    @property
    def made_of(self) -> dict[str, Any]:
        """All of it but the grid's words, as JSON gives it back."""
        settings = asdict(self.settings)
        if not self.settings.inference.longest:
            del settings["inference"]["longest"]  # came after results were shipped: left out, it leaves their keys
        whole = {"settings": settings, "seed": self.seed, "data": self.data, "code": self.code}
        plain: dict[str, Any] = json.loads(json.dumps(whole, default=_plain))
        return plain

    @property
    def key(self) -> str:
        """20 hex digits, the same for the same run, whatever grid it stands in."""
        return hashlib.sha256(json.dumps(self.made_of, sort_keys=True).encode()).hexdigest()[:20]

    @property
    def trainings(self) -> tuple[Run, ...]:
        """What is to be trained for it, as runs with settings of training only: runs that share them train once."""
        return tuple(replace(self, settings=settings) for settings in self.settings.trainings)

    @property
    def training_key(self) -> str:
        """The key of its first training: runs that share it are best made one after the other."""
        return self.trainings[0].key if self.trainings else self.key


def computed(
    run: Run, data: AblationData, place: Store | None, device: str, stop: Callable[[], bool] | None
) -> dict[str, Any]:
    """Train, or take the trained models of another run; cluster every test set; score every level.

    Args:
        place: where trained models are kept; None: nowhere, every run trains.

    Raises:
        Cancelled: `stop` said so after an epoch.
    """
    settings = run.settings
    part = data.seen(run.settings.features)
    where = resolve_device(device)
    learned = _learned_from(part.train, settings, run.seed)
    made = [
        trained(one.settings, run.seed, learned, device, stop, (place, one.key) if place else None)
        for one in run.trainings
    ]
    models = [model for model, _ in made]
    predict = settings.use.predictor(*models)
    inference = settings.use.over(settings.inference)
    if settings.tau != "auto":
        inference = inference.override(tau=settings.tau)
    elif settings.trainings == (settings,):
        inference = models[0].inference
    else:  # not used as it was trained, so tau is chosen for this use
        curve = _curve(settings, run.seed, learned, predict, inference, device)
        inference = inference.override(tau=best_tau(curve, inference.decoder))
    rows = [row for name, test in part.tests.items() for row in _scored(predict, inference, name, test, where)]
    told = {
        "tau_used": inference.tau,
        "n_parameters": sum(model.n_parameters for model in models),
        "seconds_training": sum(seconds for _, seconds in made),
        "peak_mb": peak_mb(),
    }
    return {"rows": [{**row, **told} for row in rows], "error": ""}


def _learned_from(data: FeatureSet, settings: Settings, seed: int) -> FeatureSet:
    """The share of the classes and of their images that this run may learn from, drawn by its seed."""
    assert data.labels is not None  # `AblationData` has checked it
    drawn = np.random.default_rng(seed)
    classes = drawn.permutation(np.unique(data.labels))
    order = drawn.permutation(len(data))
    of_class = [order[data.labels[order] == c] for c in classes[: max(3, round(settings.classes * len(classes)))]]
    rows = np.sort(np.concatenate([own[: max(2, round(settings.images * len(own)))] for own in of_class]))
    return FeatureSet(data.features[rows], data.labels[rows], data.class_names, data.name)


def _curve(
    settings: Settings, seed: int, data: FeatureSet, predict: Predictor, inference: InferenceConfig, device: str
) -> pd.DataFrame:
    """Scores for every tau on the classes that the training with this seed holds out."""
    training = MetaTraining(
        data.features, data.labels, settings.lander, training=settings.training, seed=seed, device=device
    )
    return training.curve_among_all(predict, inference)


def _scored(
    predict: Predictor, inference: InferenceConfig, name: str, test: FeatureSet, device: torch.device
) -> list[dict[str, Any]]:
    """A row per level of the clustering of one test set."""
    start = time.perf_counter()
    tree = build_hierarchy(unit_rows(test.features, device=device), predict, inference)
    seconds = time.perf_counter() - start
    rows = []
    for i, level in enumerate(tree.levels):
        row = {"test": name, "level": i, "last": i == len(tree.levels) - 1, "nodes": level.n_nodes}
        row |= {"links_added": level.links_added, **scores(test.labels, level.labels.cpu())}
        rows.append({**row, "seconds_clustering": seconds})
    return rows


def _plain(value: Any) -> Any:
    """NumPy's numbers as JSON knows them."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"grid: a setting of type {type(value).__name__} cannot be saved; use numbers and words")
