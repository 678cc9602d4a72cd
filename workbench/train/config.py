"""How a LANDER is meta-trained: the default way and the published one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .._core.validation import check_choice, check_instance, check_int, check_number, check_seed, check_unit_interval
from ..lander.config import PRECISIONS
from .losses import LossConfig


@dataclass(frozen=True)
class TrainConfig:
    """How a LANDER is meta-trained.

    Attributes:
        policy: "on-policy": levels are built by the model being trained, again every `refresh` epochs, so that upper
            levels hold the graphs it will meet. "teacher": built once from the true density (published).
        ks: neighbours of the training graphs, the node itself not counted. A smaller k leaves more super-nodes per
            class, as larger classes do.
        levels: "teacher" only: levels built for each k.
        episodes: "on-policy" only: hierarchies built at every refresh. Each draws k, a tau, a share of the classes and
            a random projection of the features.
        taus: "on-policy" only: tau is drawn between these two. High ones leave many super-nodes per class to join.
        projections: "on-policy" only: dimensions drawn from, as shares of the features'; below 1 the features are
            projected at random, which makes classes overlap as unseen ones do.
        epochs: passes over all levels.
        refresh: "on-policy" only: epochs between two builds of the levels.
        validate: epochs between two validations and saves; a multiple of `refresh`, so that a saved run goes on alike.
        classes: "on-policy" only: least share of the classes in an episode; the share is drawn between it and 1.
        batch_size: nodes per step and level.
        optimizer: "adamw" or "sgd" (published, momentum 0.9).
        learning_rate: at the start; falls to `final_rate` along half a cosine.
        final_rate: at the end.
        weight_decay: of the optimizer.
        weigh_by: "links": every link counts the same over all levels; "levels": every level counts the same
            (published: tiny upper levels then weigh as much as level 0).
        loss: the loss's own settings.
        hold_out: share of the classes kept for choosing tau where no validation set is given.
        patience: stop after so many validations without a better BCubed F; None: never.

    Example:
        >>> TrainConfig().policy, TrainConfig.published().ks
        ('on-policy', (9, 4, 2))
    """

    policy: str = "on-policy"
    ks: tuple[int, ...] = (10, 5, 3)
    levels: tuple[int, ...] = ()
    episodes: int = 2
    taus: tuple[float, float] = (0.3, 0.95)  # about where tau is chosen (select_tau.TAUS); measured against (0.6, 0.95)
    projections: tuple[float, ...] = (1.0, 0.5, 0.25)
    epochs: int = 300  # two minutes on two cores for the 2,982 images of glyphs' meta-train split
    refresh: int = 4
    validate: int = 100  # each builds 36 hierarchies: 12 values of tau, 3 projections
    classes: float = 0.25
    batch_size: int = 4096
    optimizer: str = "adamw"
    learning_rate: float = 3e-3
    final_rate: float = 1e-5
    weight_decay: float = 1e-2  # AdamW's own default
    weigh_by: str = "links"
    loss: LossConfig = field(default_factory=LossConfig)
    hold_out: float = 0.2
    patience: int | None = None

    def __post_init__(self) -> None:
        check_choice(self.policy, "policy", ("on-policy", "teacher"))
        check_choice(self.optimizer, "optimizer", ("adamw", "sgd"))
        check_choice(self.weigh_by, "weigh_by", ("links", "levels"))
        for name in ("epochs", "refresh", "validate", "batch_size", "episodes"):
            check_int(getattr(self, name), name)
        for name in ("learning_rate", "final_rate", "weight_decay"):
            check_number(getattr(self, name), name)
        for name in ("classes", "hold_out"):
            check_unit_interval(getattr(self, name), name)
        if self.patience is not None:
            check_int(self.patience, "patience")
        check_instance(self.loss, "loss", LossConfig)
        self._check_lists()
        if self.policy == "on-policy" and self.validate % self.refresh:
            raise ValueError(f"validate: expected a multiple of refresh={self.refresh}, got {self.validate}")

    def _check_lists(self) -> None:
        for name in ("ks", "levels", "taus", "projections"):
            if not isinstance(getattr(self, name), (tuple, list)):
                raise TypeError(f"{name}: expected a tuple of numbers, got {getattr(self, name)!r}")
        if len(self.taus) != 2:
            raise ValueError(f"taus: expected the lowest and the highest, got {self.taus}")
        for name in ("ks", "projections"):
            if not getattr(self, name):
                raise ValueError(f"{name}: expected at least one value, got none")
        for k in (*self.ks, *self.levels):
            check_int(k, "ks, levels")
        for share in (*self.taus, *self.projections):
            check_unit_interval(share, "taus, projections")
        if self.policy == "teacher" and len(self.levels) != len(self.ks):
            raise ValueError(f"levels: expected one number per k in ks={self.ks}, got {self.levels}")

    @classmethod
    def published(cls, epochs: int = 250) -> TrainConfig:
        """The article's way: official k 10, 5, 3 (9, 4, 2 here) with 2, 3, 4 levels, balanced links to denser."""
        loss = LossConfig(links="denser")
        return cls(
            policy="teacher",
            ks=(9, 4, 2),
            levels=(2, 3, 4),
            epochs=epochs,
            validate=10,
            optimizer="sgd",
            learning_rate=1e-2,
            weight_decay=1e-5,
            weigh_by="levels",
            loss=loss,
        )


@dataclass(frozen=True)
class RunOptions:
    """Where a meta-training runs and what it starts from: the keyword arguments that `meta_train`, `MetaTraining`, the
    training in the background and its explorer all take.

    Attributes:
        seed: of everything random.
        device: "auto", "cpu" or "cuda".
        precision: of the products of matrices in training, "float32" or "bfloat16": faster where the processor has it;
            sums of losses, targets and validation stay in full precision.
        state: a file to save the run to every `TrainConfig.validate` epochs. If it exists the run goes on from there,
            to the same result as if it had never stopped.

    Example:
        >>> RunOptions(seed=3).device
        'auto'
    """

    seed: int = 0
    device: str = "auto"
    precision: str = "float32"
    state: str | Path | None = None

    def __post_init__(self) -> None:
        check_choice(self.precision, "precision", PRECISIONS)
        check_seed(self.seed)
