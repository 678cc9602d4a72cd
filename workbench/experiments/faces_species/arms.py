"""What is trained for the experiment: the article's method by three recipes, and what there was before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.base import ClusterMixin

from ...cluster.hierarchy import build_hierarchy
from ...cluster.hilander import HiLander
from ...cluster.predictors import Predictor
from ...evaluate.baselines import BASELINES, Spectral, Tuned, tune_all
from ...lander.config import InferenceConfig, LanderConfig
from ...lander.model import Lander
from ...train.config import TrainConfig
from ...train.general.one_kind import meta_train_cut
from ...train.meta_train import meta_train
from ...train.select_tau import best_tau, tau_curve
from ..ablation.use import UseConfig
from .tasks import Labelled, Task

Clusterer = Callable[[np.ndarray], np.ndarray]
LEARNED = "learned"
BEFORE = "learned, before"  # what there was before the article: links and density apart, in subgraphs, one level
UNLEARNED = "unlearned"
GENERAL = "general model"


def _with_tau(predict: Predictor, inference: InferenceConfig, choose: Labelled, where: torch.device) -> InferenceConfig:
    x, y = choose
    curve = tau_curve(predict, inference, torch.from_numpy(x).to(where), torch.from_numpy(y).to(where))
    return replace(inference, tau=best_tau(curve, inference.decoder))


def _clusterer(predict: Predictor, inference: InferenceConfig, where: torch.device) -> Clusterer:
    def cluster(x: np.ndarray) -> np.ndarray:
        return build_hierarchy(torch.from_numpy(x).to(where), predict, inference).labels.cpu().numpy()

    return cluster


@dataclass(frozen=True)
class Training:
    """What the trainings of one seed share; `trial`: a few steps only, to see that all of it runs."""

    seed: int = 0
    device: str = "auto"
    trial: bool = False

    def meta_train(self, task: Task, config: LanderConfig, recipe: TrainConfig) -> Lander:
        """One LANDER on split 0, validated on split 1."""
        if self.trial:
            recipe = replace(recipe, epochs=4, validate=4)
        return meta_train(
            *task.learn,
            config,
            training=recipe,
            validation=task.choose,
            seed=self.seed,
            device=self.device,
            progress=False,
        )


def _published(task: Task, training: Training) -> dict[str, Clusterer]:
    return _levels_of(task, training, "published recipe", LanderConfig.published(), TrainConfig.published())


def _default(task: Task, training: Training) -> dict[str, Clusterer]:
    return _levels_of(task, training, "default recipe", LanderConfig(), TrainConfig())


def _levels_of(
    task: Task, training: Training, name: str, config: LanderConfig, recipe: TrainConfig
) -> dict[str, Clusterer]:
    """One training, used with all its levels and with one."""
    model = training.meta_train(task, config, recipe)
    every = _with_tau(model.predict, model.inference, task.choose, model.device)
    one = _with_tau(model.predict, model.inference.override(max_levels=1), task.choose, model.device)
    return {
        f"Hi-LANDER, {name}": _clusterer(model.predict, every, model.device),
        f"LANDER, {name}": _clusterer(model.predict, one, model.device),
    }


def _two_models(task: Task, training: Training) -> dict[str, Clusterer]:
    """Links and density learned apart and judged in subgraphs, one level: how it was done before."""
    recipe = TrainConfig()
    links = training.meta_train(task, LanderConfig(), replace(recipe, loss=replace(recipe.loss, density_weight=0.0)))
    density = training.meta_train(task, LanderConfig(), replace(recipe, loss=replace(recipe.loss, link_weight=0.0)))
    predict = UseConfig(hops=1).predictor(links, density)
    inference = _with_tau(predict, links.inference.override(max_levels=1), task.choose, links.device)
    return {"two models on subgraphs": _clusterer(predict, inference, links.device)}


def _learned_cut(task: Task, training: Training) -> dict[str, Clusterer]:
    few: dict[str, Any] = {"sets": 6, "epochs": 1} if training.trial else {}
    model = meta_train_cut(
        *task.learn,
        validation=task.choose,
        **few,
        seed=training.seed,
        device=training.device,
        progress=False,
    )
    return {"learned cut": HiLander(model, device=training.device).fit_predict}


Arm = Callable[[Task, Training], dict[str, Clusterer]]
ARMS: dict[str, tuple[str, Arm]] = {
    "cut": (LEARNED, _learned_cut),
    "default": (LEARNED, _default),
    "published": (LEARNED, _published),
    "before": (BEFORE, _two_models),
}


def untrained(task: Task, device: str) -> dict[str, ClusterMixin | Tuned]:
    """The general model, and every baseline with settings chosen on split 1 and at its defaults.

    Not spectral clustering: it needs as many eigenvectors as there are people, thousands, which takes hours.
    """
    baselines = {name: baseline for name, baseline in BASELINES.items() if baseline is not Spectral}
    tuned = tune_all(baselines, *task.choose, on="split 1")
    defaults = {f"{name}, defaults": baseline() for name, baseline in baselines.items() if not baseline.oracle}
    return {GENERAL: HiLander(device=device), **tuned, **defaults}
