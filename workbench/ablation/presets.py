"""Ready-made ablations: the design choices of the paper and of this package, one factor at a time from one base."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from .._checks import check_choice
from ..config import InferenceConfig, LanderConfig
from ..losses import LossConfig
from ..recipe import TrainConfig
from .designs import DESIGNS
from .effects import effects
from .run import AblationData
from .settings import Changes, Settings, configurations, describe, is_factor
from .sweep import run_grid

# Frozen: every field is named, so that results stay comparable when the package's defaults change. Half as wide and
# trained at three times the rate of the default, for a third of its epochs: nearly its scores in a fifth of its time.
ABLATION_BASE = Settings(
    LanderConfig(inputs="structural", conv="gated", layers=2, hidden=32, heads=1, average=True, identity=True),
    TrainConfig(
        policy="on-policy",
        ks=(10, 5, 3),
        levels=(),
        episodes=1,
        taus=(0.3, 0.95),
        projections=(1.0, 0.5, 0.25),
        epochs=100,
        refresh=4,
        validate=100,
        classes=0.25,
        batch_size=4096,
        optimizer="adamw",
        learning_rate=1e-2,
        final_rate=1e-5,
        weight_decay=1e-2,
        weigh_by="links",
        loss=LossConfig(links="all", gamma=0.0, balanced=True, density_weight=1.0, link_weight=1.0),
        hold_out=0.2,
        patience=None,
    ),
    InferenceConfig(k=10, search="average", decoder="tree", max_levels=10, early_stop=False, complete_lists=False),
)


@dataclass(frozen=True)
class Preset:
    """One question and the configurations that answer it.

    Attributes:
        name: in `PRESETS`.
        question: what is asked.
        explanation: what the paper says or does, and what is compared here.
        arms: name -> changes to `ABLATION_BASE`; the first is the reference.

    Example:
        >>> PRESETS["hierarchy"].reference
        'all levels'
    """

    name: str
    question: str
    explanation: str
    arms: Mapping[str, Changes]

    @property
    def reference(self) -> str:
        """The arm that the others are compared with."""
        return next(iter(self.arms))

    @property
    def grid(self) -> list[Changes]:
        """For `run_grid`."""
        return list(self.arms.values())

    def named(self, runs: pd.DataFrame) -> pd.DataFrame:
        """The rows of `run_grid` for this preset's grid, with the columns `preset` and `arm` in front."""
        words = {describe(factors): arm for arm, factors in zip(self.arms, self._factors(), strict=True)}
        head = {"preset": self.name, "arm": runs["config"].map(words)}
        return pd.concat([pd.DataFrame(head, index=runs.index), runs], axis=1)

    def effects(self, runs: pd.DataFrame, *, value: str = "bcubed_f") -> pd.DataFrame:
        """What each arm does: `ablation.effects` against the reference, paired by seed.

        Args:
            runs: rows with the columns arm, seed, test, last, data, code and `value`; those of other presets are left
                out. A table that was shipped will do.
            value: the score to compare.

        Returns: a row per arm and test set: config (the arm), test, n, mean, low, high.
        """
        own = runs[runs["preset"] == self.name] if "preset" in runs else runs
        return effects(own.assign(config=own["arm"]), self.reference, value=value)

    def _factors(self) -> list[dict[str, Any]]:
        return [factors for factors, _ in configurations(self.grid, ABLATION_BASE)]


PRESETS = {design[0]: Preset(*design) for design in DESIGNS}


def preset(name: str) -> Preset:
    """A preset by its name.

    Raises:
        ValueError: there is none of this name.

    Example:
        >>> list(preset("ties").arms)
        ['by index', 'strict']
    """
    return PRESETS[check_choice(name, "preset", tuple(PRESETS))]


def run_presets(
    names: Sequence[str], data: AblationData, store: str | os.PathLike[str], **settings: Any
) -> pd.DataFrame:
    """The last level of every run of some presets, without the columns of their factors: small enough to keep.

    Args:
        names: of `PRESETS`; runs that they share are made once.
        data, store, settings: see `run_grid`.

    Returns: a row per preset, arm, seed and test set: preset, arm and the columns of `run_grid` that are no factors.
    """
    tables = []
    for one in map(preset, names):
        runs = one.named(run_grid(one.grid, data, store, base=ABLATION_BASE, **settings))
        tables.append(runs.loc[runs["last"], [name for name in runs if not is_factor(str(name))]])
    return pd.concat(tables, ignore_index=True).drop(columns="config")
