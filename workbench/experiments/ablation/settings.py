"""What one run is: the settings of a model, its training and its use, and a grid of changes to them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from itertools import product
from typing import Any

from ..._core.validation import check_choice, check_unit_interval
from ...decode.tree import check_decoder
from ...lander.config import InferenceConfig, LanderConfig
from ...train.config import TrainConfig
from .use import UseConfig

MOST = 10_000  # configurations of a grid; more are a slip of the pen, and are counted before they are made
Changes = Mapping[str, Any]
Grid = Mapping[str, Sequence[Any]] | Sequence[Changes]


@dataclass(frozen=True)
class Settings:
    """Everything that a run is made of, but its seed and its data.

    Attributes:
        lander: the model.
        training: how it is meta-trained.
        inference: how it is applied, in training and on the tests.
        use: what is changed in its use only; runs that differ in nothing else share one training.
        models: "joint": one model for links and density. "separate": one for each, trained apart. "none": raw
            similarity, nothing is learned but tau.
        tau: "auto": chosen on held-out classes, for the very use of the run; or a number, the same for every run.
        classes: share of the meta-training classes that are learned from.
        images: share of the images of each of them, at least two.
        features: which of the data's `others` to take; "": the data itself.

    Example:
        >>> Settings().change("lander.hidden", 32).lander.hidden
        32
    """

    lander: LanderConfig = field(default_factory=LanderConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
    inference: InferenceConfig = field(default_factory=InferenceConfig)
    use: UseConfig = field(default_factory=UseConfig)
    models: str = "joint"
    tau: float | str = "auto"
    classes: float = 1.0
    images: float = 1.0
    features: str = ""

    def __post_init__(self) -> None:
        if self.tau != "auto":
            check_unit_interval(self.tau, "tau")
        check_choice(self.models, "models", ("joint", "separate", "none"))
        for name in ("classes", "images"):
            if not check_unit_interval(getattr(self, name), name) > 0:
                raise ValueError(f"{name}: expected a share above 0, got {getattr(self, name)}")
        if callable(self.inference.decoder):
            raise ValueError("inference.decoder: expected a name in DECODERS, got a function, which cannot be saved")
        check_decoder(self.inference.decoder, "inference.decoder")

    def change(self, name: str, value: Any) -> Settings:
        """The same settings with one of them replaced; lists become tuples.

        Raises:
            ValueError: no such setting (names the nearest), or a value that it does not take.
        """
        if name == "inference.tau":
            raise ValueError("grid: training chooses inference.tau on held-out classes; to fix it, vary 'tau'")
        if name not in _names(self):
            near = difflib.get_close_matches(name, _names(self), n=3, cutoff=0.3) or _names(self)[:3]
            raise ValueError(f"grid: there is no setting {name!r}; did you mean {', '.join(map(repr, near))}?")
        changed: Settings = _replaced(self, name.split("."), tuple(value) if isinstance(value, list) else value)
        return changed

    @property
    def trainings(self) -> tuple[Settings, ...]:
        """What is to be trained for it, with nothing in them that concerns the use: none, one, or links and density."""
        alone = replace(self, use=UseConfig(), tau="auto", models="joint")
        if self.models == "joint":
            return (alone,)
        parts = ("training.loss.density_weight", "training.loss.link_weight") if self.models == "separate" else ()
        return tuple(alone.change(name, 0.0) for name in parts)

    def get(self, name: str) -> Any:
        """The value of a setting, e.g. "training.loss.gamma"."""
        value: Any = self
        for part in name.split("."):
            value = getattr(value, part)
        return value


def _names(record: Any, prefix: str = "") -> list[str]:
    """Dotted names of all settings."""
    names = []
    for part in fields(record):
        value = getattr(record, part.name)
        name = f"{prefix}{part.name}"
        names += _names(value, f"{name}.") if is_dataclass(value) else [name]
    return names


def _replaced(record: Any, path: Sequence[str], value: Any) -> Any:
    first, *rest = path
    return replace(record, **{first: _replaced(getattr(record, first), rest, value) if rest else value})


def configurations(grid: Grid, base: Settings | None = None) -> list[tuple[dict[str, Any], Settings]]:
    """Every configuration of a grid: the value of each factor, and the whole settings.

    Args:
        grid: name of a setting -> the values to try, every combination of them; or a list of changes to `base`, one
            dictionary per configuration (`{}` is the base itself).
        base: what the grid changes; None: the defaults.

    Raises:
        ValueError: an unknown setting, a value or a combination that it does not take, no configuration, or the same
            one twice.

    Example:
        >>> [factors for factors, _ in configurations({"lander.hidden": [32, 64], "tau": ["auto", 0.5]})][:2]
        [{'lander.hidden': 32, 'tau': 'auto'}, {'lander.hidden': 32, 'tau': 0.5}]
        >>> [factors for factors, _ in configurations([{}, {"lander.layers": 1}])]
        [{'lander.layers': 2}, {'lander.layers': 1}]
    """
    base = base or Settings()
    found = [_changed(base, changes) for changes in _listed(grid)]
    factors = list(dict.fromkeys(name for changes in _listed(grid) for name in changes))
    if not found:
        raise ValueError("grid: expected at least one configuration, got none")
    if len(set(found)) < len(found):
        raise ValueError("grid: the same configuration stands in it twice; name each value once")
    return [({name: settings.get(name) for name in factors}, settings) for settings in found]


def _listed(grid: Grid) -> list[Changes]:
    if not isinstance(grid, Mapping):
        return list(grid)
    for name, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise ValueError(f"grid: expected a list of values for {name!r}, got {values!r}; write [{values!r}]")
    if math.prod(map(len, grid.values())) > MOST:
        raise ValueError(f"grid: expected at most {MOST:,} combinations of values, got more; vary fewer at a time")
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def _changed(settings: Settings, changes: Changes) -> Settings:
    """The settings with all changes made; in an order in which each step is allowed, if there is one."""
    left = dict(changes)
    refused = ValueError()
    while left:
        for name, value in list(left.items()):
            try:
                settings = settings.change(name, value)
            except ValueError as error:
                refused = error  # perhaps another change makes room for it
            else:
                del left[name]
                break
        else:
            raise ValueError(f"grid: {dict(changes)} cannot be: {refused}") from refused
    return settings


def describe(factors: Mapping[str, Any]) -> str:
    """The factors' values in words, the name of a configuration in tables and pictures.

    Example:
        >>> describe({"lander.hidden": 32, "training.policy": "teacher"})
        'hidden=32, policy=teacher'
    """
    last = [name.rsplit(".", 1)[-1] for name in factors]
    names = [short if last.count(short) == 1 else name for short, name in zip(last, factors, strict=True)]
    return ", ".join(f"{name}={value}" for name, value in zip(names, factors.values(), strict=True)) or "base"


def is_factor(column: str) -> bool:
    """Whether a column of a table of runs holds a setting.

    Example:
        >>> is_factor("lander.hidden"), is_factor("bcubed_f")
        (True, False)
    """
    return column in _names(Settings())
