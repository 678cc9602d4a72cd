"""Ready-made ablations: the design choices of the paper and of this package, one factor at a time from one base."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pandas as pd

from ..._core.validation import check_choice
from ...lander.config import InferenceConfig, LanderConfig
from ...train.config import TrainConfig
from ...train.losses import LossConfig
from .designs import DESIGNS
from .effects import effects
from .run import AblationData
from .sets import NAMES
from .settings import Changes, Settings, configurations, describe, is_factor
from .sweep import run_grid

# Frozen: every field is named, so that results stay comparable when the package's defaults change. Half as wide and
# trained at three times the rate of the default, for a third of its epochs: nearly its scores in a fifth of its time.
ABLATION_BASE = Settings(
    LanderConfig(
        inputs="structural", conv="gated", layers=2, hidden=32, heads=1, average=True, identity=True, ensemble_size=0
    ),
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
    InferenceConfig(
        k=10,
        metric="cosine",
        precision="float32",
        search="average",
        decoder="tree",
        max_levels=10,
        early_stop=False,
        complete_lists=False,
        longest=0,
    ),
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

    def run(self, data: AblationData, store: str | os.PathLike[str], **settings: Any) -> pd.DataFrame:
        """`run_grid` of its arms from the frozen base, `named`.

        Args:
            data, store, settings: see `run_grid`.
        """
        return self.named(run_grid(self.grid, data, store, base=ABLATION_BASE, **settings))

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


@dataclass(frozen=True)
class Suite:
    """Several presets as one; runs that they share are made once.

    Attributes:
        names: of `PRESETS`; all of them unless told otherwise.

    Example:
        >>> found = Suite().effects(ablation_results("glyphs"))
        >>> found.columns.tolist()
        ['preset', 'reference', 'config', 'test', 'n', 'mean', 'low', 'high']
    """

    names: tuple[str, ...] = tuple(PRESETS)

    def run(self, data: AblationData, store: str | os.PathLike[str], **settings: Any) -> pd.DataFrame:
        """The last level of every run, without the columns of the factors: small enough to keep.

        Args:
            data, store, settings: see `run_grid`.

        Returns: a row per preset, arm, seed and test set: preset, arm, and the columns of `run_grid` but the factors.
        """
        tables = []
        for name in self.names:
            runs = preset(name).run(data, store, **settings)
            tables.append(runs.loc[runs["last"], [name for name in runs if not is_factor(str(name))]])
        return pd.concat(tables, ignore_index=True)

    def effects(self, runs: pd.DataFrame, *, value: str = "bcubed_f") -> pd.DataFrame:
        """`Preset.effects` of each preset, one below the other.

        Args:
            runs: from `run` or `ablation_results`.
            value: the score to compare.

        Returns: a row per arm and test set: preset, reference (its arm), config (the arm), test, n, mean, low, high.
        """
        tables = []
        for name in self.names:
            found = preset(name).effects(runs, value=value)
            found.insert(0, "preset", name)
            found.insert(1, "reference", preset(name).reference)
            tables.append(found)
        return pd.concat(tables, ignore_index=True)


def ablation_results(data: str) -> pd.DataFrame:
    """What `workbench ablate all` gave, as shipped: every preset with five seeds, on two cores.

    Args:
        data: "glyphs" or "omniglot", see `ablation_data`.

    Returns: the table of `Suite.run`. Seconds and megabytes are those of the machine that made it.

    Raises:
        ValueError: another name.

    Example:
        >>> ablation_results("omniglot")["seed"].nunique()
        5
    """
    check_choice(data, "data", NAMES)
    with (files("workbench.experiments.ablation") / "results" / f"{data}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False, na_values=[""])
