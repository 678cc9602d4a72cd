"""One run of meta-training, epoch by epoch: levels with targets, steps over all of them, validation."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .._core.runtime import resolve_device, seeded, usual_torch
from .._core.schedule import half_cosine
from .._core.validation import check_array, check_instance, check_labels, unit_rows
from ..cluster.predictors import Predictor
from ..graph.knn import KnnGraph
from ..lander.config import InferenceConfig, LanderConfig
from ..lander.inputs import GraphInputs
from ..lander.model import Lander, Prediction, linkage_of, products_in
from .config import RunOptions, TrainConfig
from .episodes import TrainingLevel, draw_classes, held_out, on_policy_levels, random_projection, teacher_levels
from .losses import balance, density_loss, link_loss
from .select_tau import TAUS, tau_curve


@dataclass(frozen=True)
class Batch:
    """Some nodes of a level, and what the model says of them: what the losses of a step are computed from.

    Attributes:
        level: the level and its targets.
        rows: the nodes [b].
        part: the model's inputs: these nodes first, then those around them that their links depend on.
        embedding: of these nodes and, after them, of their neighbours [e, h]; `neighbors` are places in it.
        logits: (different, same) of the b nodes' links [b, k, 2].
    """

    level: TrainingLevel
    rows: Int[Tensor, " b"]
    part: GraphInputs
    embedding: Float[Tensor, "e h"]
    logits: Float[Tensor, "b k 2"]

    @property
    def neighbors(self) -> Int[Tensor, "b k"]:
        """The nodes' neighbours, as places in `embedding`; -1: no neighbour."""
        return self.part.graph.neighbors[: len(self.rows)]

    @property
    def same(self) -> Bool[Tensor, "b k"]:
        """Whether a link joins two nodes of one class."""
        return self.level.same[self.rows]

    @property
    def count(self) -> Float[Tensor, " b"] | None:
        """How many images each node counts for in a mean; None: all alike."""
        return None if self.level.count is None else self.level.count[self.rows]


Labelled = tuple[Float[Tensor, "n d"], Int[Tensor, " n"]]


class MetaTraining:
    """A training run that can be advanced epoch by epoch, watched, saved and taken up again to the same result.

    Args:
        features: of the meta-training images [N, D]; rows are scaled to length 1.
        labels: their classes [N].
        config: architecture; None: `LanderConfig()`.
        training: how; None: `TrainConfig()`.
        inference: k, decoder and stopping rules the model will be applied with. None: `InferenceConfig()` for
            structural inputs, `InferenceConfig.published()` for features.
        validation: (features, labels) of other classes; None: a share `training.hold_out` of the classes is held out.
        options: seed, device, precision (`RunOptions`); who saves the run reads `state` too.

    Attributes:
        model: the LANDER being trained.
        epoch: epochs done.
        rows: the history, one dictionary per epoch and level.
        weights: term of the loss -> what it counts in the sum, those of `LossConfig.weights`.

    Raises:
        ValueError: fewer than two classes, labels of another length, features that are not finite.
    """

    def __init__(
        self,
        features: Any,
        labels: Any,
        config: LanderConfig | None = None,
        *,
        training: TrainConfig | None = None,
        inference: InferenceConfig | None = None,
        validation: tuple[Any, Any] | None = None,
        **options: Any,
    ) -> None:
        self.options = RunOptions(**options)
        self.training = TrainConfig() if training is None else check_instance(training, "training", TrainConfig)
        self.device = resolve_device(self.options.device)
        self.generator = torch.Generator().manual_seed(self.options.seed)

        x, y = labelled_rows(features, labels, self.device, "")
        config = check_instance(config or LanderConfig(), "config", LanderConfig).for_features(x.shape[1])
        if config.ensemble_size:
            trained_by = "workbench.train.general.train_general"
            raise ValueError(f"ensemble_size: the ensemble is trained by {trained_by}; give ensemble_size=0 here")
        if inference is None:
            inference = InferenceConfig() if config.inputs != "features" else InferenceConfig.published()
        check_instance(inference, "inference", InferenceConfig)
        self.model: Lander = seeded(lambda: Lander(config, inference), self.options.seed).to(self.device)

        if validation is None:
            held = held_out(y, self.training.hold_out, self.generator)
            self.validation = (x[held], y[held])
            x, y = x[~held], y[~held]
        else:
            self.validation = validation_rows(validation, x.shape[1], self.device)

        self.features = x
        self.labels = y
        self.weights = self.training.loss.weights
        self.optimizer = _optimizer(self.model, self.training)
        self.epoch = 0
        self.rows: list[dict[str, Any]] = []
        self.levels: list[TrainingLevel] = []

    @property
    def at_validation(self) -> bool:
        """True after every `training.validate` epochs and at the end: where the run is validated and saved."""
        return self.epoch % self.training.validate == 0 or self.epoch == self.training.epochs

    @usual_torch()
    def run_epoch(self) -> list[dict[str, Any]]:
        """One pass over all levels; returns its rows of history, which `rows` keeps."""
        started = time.perf_counter()
        if not self.levels or (self.training.policy == "on-policy" and self.epoch % self.training.refresh == 0):
            self.levels = self._build_levels()

        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        common = {"epoch": self.epoch + 1, "learning_rate": self._rate()}
        rows = [{**common, **row} for row in self._pass_over_levels()]
        self.epoch += 1

        if self.at_validation:
            # Every second tau: half the time, and only models are compared here; the final choice sees all of TAUS.
            curve = self.curve_among_all(self.model.predict, self.model.inference, TAUS[1::2])
            rows = [{**row, "val_bcubed_f": curve["bcubed_f"].max()} for row in rows]
        rows = [{**row, "seconds": time.perf_counter() - started} for row in rows]
        self.rows += rows
        return rows

    def curve_among_all(
        self, predict: Predictor, inference: InferenceConfig, taus: tuple[float, ...] = TAUS
    ) -> pd.DataFrame:
        """`tau_curve`, a mean over the training's projections: validation classes clustered among the training's.

        Alone they are too easy to tell a good model from a better one: few classes, far apart. Projected, classes
        overlap as unseen ones do, and the mean of several curves is steadier than one.
        """
        held_x, held_y = self.validation
        n_own = len(self.labels)
        features = torch.cat([self.features, held_x])  # (n, d)
        labels = torch.cat([self.labels, held_y + self.labels.max() + 1])  # (n,)
        scored = torch.arange(len(labels), device=labels.device) >= n_own

        # From the seed each time, not from the run's generator: all validations see the same projections, so the models
        # of two epochs can be compared.
        drawn = torch.Generator().manual_seed(self.options.seed)
        views = [random_projection(features, share, drawn) for share in self._projections]

        curves = [tau_curve(predict, inference, view, labels, scored, taus) for view in views]
        mean = pd.concat(curves).groupby("tau", as_index=False).mean()
        return mean.assign(error=mean["error"] / math.sqrt(len(curves)))

    @property
    def _projections(self) -> tuple[float, ...]:
        """A model that reads the features themselves is bound to their dimension."""
        return self.training.projections if self.model.config.inputs != "features" else (1.0,)

    def _build_levels(self) -> list[TrainingLevel]:
        t = self.training
        if t.policy == "teacher":
            return teacher_levels(self.model, self.features, self.labels, t.ks, t.levels, links=t.loss.links)
        levels = [level for _ in range(t.episodes) for level in self._episode()]
        if not levels:
            raise ValueError("features: expected different rows to learn from, got copies of one row in every episode")
        return levels

    def _episode(self) -> list[TrainingLevel]:
        """The levels of one hierarchy that the model builds over some of the classes, under drawn settings."""
        t = self.training
        k = t.ks[self._draw(len(t.ks))]
        projection = self._projections[self._draw(len(self._projections))]
        tau = self._uniform(*t.taus)
        share = self._uniform(t.classes, 1.0)

        kept = draw_classes(self.labels, max(2, round(share * len(self.labels.unique()))), self.generator)
        x = random_projection(self.features[kept], projection, self.generator)
        return on_policy_levels(self.model, x, self.labels[kept], k, tau, links=t.loss.links)

    def _draw(self, n: int) -> int:
        return int(torch.randint(n, (), generator=self.generator))

    def _uniform(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def _rate(self) -> float:
        t = self.training
        return t.final_rate + (t.learning_rate - t.final_rate) * half_cosine(self.epoch, t.epochs)

    def _pass_over_levels(self) -> list[dict[str, Any]]:
        """Steps that each take a batch of nodes from every level; mean losses of each level."""
        self.model.train()
        n_steps = max(math.ceil(level.n / self.training.batch_size) for level in self.levels)
        batches = [self._shuffled(level.n, n_steps) for level in self.levels]
        shares = self._shares()  # (levels,)
        weights = torch.tensor([*self.weights.values()], device=self.device)  # (terms,)
        sums = torch.zeros(len(self.levels), len(self.weights), device=self.device)

        for step in range(n_steps):
            with products_in(self.options.precision, self.device):
                of_levels = [self.batch(level, rows[step]) for level, rows in zip(self.levels, batches, strict=True)]
                losses = torch.stack([self._in_order(self.losses(batch)) for batch in of_levels])  # (levels, terms)

            self.optimizer.zero_grad()
            (losses @ weights).dot(shares).backward()
            self.optimizer.step()
            sums += losses.detach()  # on the device: a `float` here would make every step wait for it

        means = (sums / n_steps).tolist()
        return [
            {
                "level": level.level,
                "nodes": level.n,
                "k": level.inputs.graph.k,
                **dict(zip(self.weights, of_level, strict=True)),
            }
            for level, of_level in zip(self.levels, means, strict=True)
        ]

    def _in_order(self, terms: dict[str, Tensor]) -> Float[Tensor, " terms"]:
        if terms.keys() != self.weights.keys():
            raise ValueError(
                f"losses: expected the terms that `weights` names, {[*self.weights]}, got {[*terms]}; a term of your "
                "own needs a weight in `LossConfig.weights` and a `trainer` that computes it"
            )
        return torch.stack([terms[name] for name in self.weights])

    def _shuffled(self, n: int, n_batches: int) -> tuple[Tensor, ...]:
        """Batches of a level's nodes in random order; a level of fewer nodes than batches is gone through again."""
        rows = torch.randperm(n, generator=self.generator).to(self.device).tensor_split(min(n, n_batches))
        return tuple(rows[i % len(rows)] for i in range(n_batches))

    def _shares(self) -> Float[Tensor, " levels"]:
        """What each level counts in the loss; they sum to 1."""
        by_links = self.training.weigh_by == "links"
        counts = [level.n * level.inputs.graph.k if by_links else 1 for level in self.levels]
        return torch.tensor(counts, dtype=torch.float32, device=self.device) / sum(counts)

    def batch(self, level: TrainingLevel, rows: Int[Tensor, " b"]) -> Batch:
        """The nodes `rows` of a level with what the model says of them; the order of a whole level is its own."""
        if len(rows) == level.n:  # nothing need be gathered then
            part = level.inputs
            rows = torch.arange(level.n, device=rows.device)
        else:  # a link is read at both its ends, and each end needs `layers` hops: one more from the rows themselves
            known = level.inputs.gathered is not None  # the outermost hop is then there already
            part = level.inputs.k_hop_subgraph(rows, self.model.config.layers + 1 - known)

        embedding = self.embed(part)  # (e, h)
        logits = self.link_logits(embedding, part, len(rows)).float()  # (b, k, 2)
        return Batch(level, rows, part, embedding, logits)

    def embed(self, part: GraphInputs) -> Float[Tensor, "e h"]:
        """The model's embedding of a part's first nodes and of their neighbours."""
        return self.model.embed(part)

    def link_logits(self, embedding: Float[Tensor, "e h"], part: GraphInputs, n: int) -> Float[Tensor, "n k 2"]:
        """What the model says of the links of a part's first n nodes."""
        return self.model.link_logits(embedding, part, slice(0, n))

    def losses(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Each term of the loss, by its column in the history; `weights` says what it counts in the sum.

        It runs within the training's autocast: in bfloat16 products are rounded, and logits come as float32.
        """
        scored = batch.level.scored[batch.rows]  # (b, k)
        if self.training.loss.balanced:
            scored = balance(batch.same, scored, self.generator)

        graph = KnnGraph(batch.neighbors, batch.part.graph.similarity[: len(batch.rows)])
        density = Prediction.of(graph, linkage_of(batch.logits, graph.mask)).density  # (b,)
        truth = batch.level.density[batch.rows]
        return {
            "link_loss": link_loss(batch.logits, batch.same, scored, self.training.loss.gamma, batch.count),
            "density_loss": density_loss(density, truth, batch.count),
        }


def labelled_rows(features: Any, labels: Any, device: torch.device, which: str) -> Labelled:
    """Checked unit rows and labels 0 .. classes-1 on the device."""
    x = check_array(features, f"{which}features")
    given = check_labels(labels, len(x), f"{which}labels")
    if noise := int((given == -1).sum()):
        raise ValueError(f"{which}labels: expected a class for every item, got -1 (none) for {noise}; drop such items")
    y = np.unique(given, return_inverse=True)[1]
    if y.max() == 0:
        raise ValueError(f"{which}labels: expected at least 2 classes to learn from, got 1")
    if y.max() == len(y) - 1:
        raise ValueError(f"{which}labels: expected a class of two items or more, got {len(y)} items of a class each")
    rows = unit_rows(x, f"{which}features", device=device)
    if (rows - rows[:1]).abs().max() < 1e-6:
        raise ValueError(f"{which}features: expected different rows to learn from, got {len(rows)} copies of one row")
    return rows, torch.from_numpy(y).to(device)


def validation_rows(validation: Any, dim: int, device: torch.device) -> Labelled:
    """`labelled_rows` of the argument `validation`, which must fit features of this dimension."""
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        got = f"{len(validation)} things" if isinstance(validation, (tuple, list)) else f"a {type(validation).__name__}"
        raise TypeError(f"validation: expected (features, labels), got {got}")
    features, classes = validation
    rows, labels = labelled_rows(features, classes, device, "validation ")
    if rows.shape[1] != dim:
        raise ValueError(f"validation features: expected dimension {dim} as of the features, got {rows.shape[1]}")
    return rows, labels


def _optimizer(model: Lander, training: TrainConfig) -> torch.optim.Optimizer:
    if training.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(), lr=training.learning_rate, momentum=0.9, weight_decay=training.weight_decay
        )
    return torch.optim.AdamW(model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
