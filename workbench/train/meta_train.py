"""Meta-training: learning, from labelled classes, to link and to judge density at every level of a hierarchy."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor
from tqdm.auto import tqdm

from .._core.files import reading
from .._core.runtime import usual_torch
from .._core.state import read_state, write_state
from ..cluster.checkpoint import upgraded
from ..graph.similarity_stats import Background
from ..lander.config import InferenceConfig, LanderConfig
from ..lander.model import Lander
from .config import TrainConfig
from .select_tau import best_tau
from .trainer import MetaTraining


class _Keeper:
    """Keeps the best model of a run, decides when it is over, saves the run and resumes it.

    Attributes:
        best: the best score so far, and `behind`, the validations since then.
        weights: of the best model; empty before the first validation.
    """

    def __init__(self, run: MetaTraining) -> None:
        self.run = run
        self.path = run.options.state
        self.best: dict[str, Any] = {"score": -1.0, "behind": 0}
        self.weights: dict[str, Tensor] = {}
        if self.path is not None and Path(self.path).exists():
            with reading(self.path, "saved run"):
                self._load(self.path)

    @property
    def finished(self) -> bool:
        training = self.run.training
        out_of_patience = training.patience is not None and self.best["behind"] >= training.patience
        return self.run.epoch >= training.epochs or out_of_patience

    def after_epoch(self) -> None:
        if not self.run.at_validation:
            return
        self._judge(self.run.rows[-1]["val_bcubed_f"])
        if self.path is not None:
            self._save(self.path)

    def _judge(self, score: float) -> None:
        if score > self.best["score"]:
            self.best = {"score": score, "behind": 0}
            self.weights = {name: value.detach().clone() for name, value in self.run.model.state_dict().items()}
        else:
            self.best["behind"] += 1

    def best_model(self) -> Lander:
        """The best model, with tau chosen on the held-out classes clustered among those of the training."""
        run = self.run
        model = copy.deepcopy(run.model)
        if self.weights:  # none yet if stopped before a validation
            model.load_state_dict(self.weights)
        model.tau_curve = run.curve_among_all(model.predict, model.inference)
        model.inference = replace(model.inference, tau=best_tau(model.tau_curve, model.inference.decoder))
        model.history = pd.DataFrame(run.rows)
        if model.config.inputs != "relative":
            model.background = Background.of(run.features).mean
        return model.eval()

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a saved run to be taken up."""
        run = self.run
        digest = hashlib.sha256()
        for tensor in (run.features, run.labels, *run.validation):
            digest.update(tensor.cpu().numpy().tobytes())

        settings = {**run.model.settings(), "training": asdict(run.training)}
        known = {"seed": run.options.seed, "data": digest.hexdigest()[:16], "trainer": type(run).__qualname__}
        whole = {**settings, **known}
        identity: dict[str, Any] = json.loads(json.dumps(whole))  # as a saved run gives it back: tuples are lists
        return identity

    def _save(self, path: str | Path) -> None:
        run = self.run
        tensors = {f"model.{name}": value for name, value in run.model.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.weights.items()}
        for i, slots in run.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{name}": value for name, value in slots.items()}
        tensors["generator"] = run.generator.get_state()

        settings = {"kind": "run", "of": self._identity(), "epoch": run.epoch, "rows": run.rows, "best": self.best}
        write_state(path, tensors, settings)

    def _load(self, path: str | Path) -> None:
        tensors, settings = read_state(path)
        if settings.get("kind") != "run":
            raise ValueError(f"state: {path} holds a {settings.get('kind')!r}, expected a saved run; name another file")

        mine = self._identity()
        _, saved = upgraded({}, settings["of"])  # a run that an earlier version saved is under earlier names
        saved = {"trainer": MetaTraining.__qualname__, **saved}  # the only one there was
        differ = [name for name in mine if mine[name] != saved[name]]
        if differ:
            cure = "go on with those, or start anew under another name"
            raise ValueError(f"state: {path} was saved by a run with other {', '.join(differ)}; {cure}")

        run = self.run
        run.model.load_state_dict(_part(tensors, "model."))
        self.weights = {name: value.to(run.device) for name, value in _part(tensors, "best.").items()}
        self.best = settings["best"]
        run.epoch = settings["epoch"]
        run.rows = settings["rows"]
        run.generator.set_state(tensors["generator"])

        # The optimizer is saved as its tensors only: groups and rates follow from the training's settings and epoch.
        state = run.optimizer.state_dict()
        for key, value in _part(tensors, "optimizer.").items():
            i, name = key.split(".", 1)
            state["state"].setdefault(int(i), {})[name] = value
        run.optimizer.load_state_dict(state)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


@usual_torch()
def meta_train(
    features: Any,
    labels: Any,
    config: LanderConfig | None = None,
    *,
    training: TrainConfig | None = None,
    inference: InferenceConfig | None = None,
    validation: tuple[Any, Any] | None = None,
    stop: Callable[[], bool] | None = None,
    on_epoch: Callable[[list[dict[str, Any]]], None] | None = None,
    progress: bool = True,
    trainer: type[MetaTraining] = MetaTraining,
    **options: Any,
) -> Lander:
    """Learn to cluster from labelled features; the classes of the test must be others.

    The best model by BCubed F on held-out classes is returned. Its `inference.tau` was chosen on those classes,
    clustered together with the training's (`tau_curve`, `best_tau`). Its `history` has one row per epoch and level:
    link_loss, density_loss, and val_bcubed_f (at the best tau) where it was validated.

    Args:
        features, labels, config, training, inference, validation: see `MetaTraining`.
        stop: asked before every epoch; True ends the run, with the best model so far. True at once: no epoch runs, and
            the model is untrained (its `history` is empty).
        on_epoch: called after every epoch with its rows of history.
        progress: show a progress bar.
        trainer: a `MetaTraining` of your own, with other losses (CONTRIBUTING, "Your own loss").
        options: seed, device, precision, state (`RunOptions`).

    Raises:
        ValueError: fewer than two classes, labels of another length, features that are not finite, or a `state` that
            was saved by a run with other settings or data.

    Example:
        >>> import torch, workbench as wb
        >>> random = torch.Generator().manual_seed(0)
        >>> centers = torch.randn(12, 8, generator=random)
        >>> x = centers.repeat(20, 1) + 0.1 * torch.randn(240, 8, generator=random)
        >>> quick = wb.TrainConfig(epochs=8, validate=8)
        >>> lander = wb.meta_train(x, torch.arange(12).repeat(20), training=quick, progress=False)
        >>> int(lander.history["epoch"].max()), lander.config.inputs
        (8, 'structural')

    Source: paper section 3.4 (joint training over all levels).
    """
    run = trainer(features, labels, config, training=training, inference=inference, validation=validation, **options)
    keeper = _Keeper(run)
    bar = tqdm(total=run.training.epochs, initial=run.epoch, desc="meta-training", unit="epoch", disable=not progress)
    with bar:
        while not keeper.finished and not (stop and stop()):
            rows = run.run_epoch()
            keeper.after_epoch()
            bar.update()
            best = {"val_F": f"{keeper.best['score']:.3f}"} if keeper.weights else {}
            bar.set_postfix(loss=f"{rows[0]['link_loss']:.3f}", **best)
            if on_epoch:
                on_epoch(rows)
    return keeper.best_model()
