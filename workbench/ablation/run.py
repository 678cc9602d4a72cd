"""One run of an ablation: settings, seed, data and code in; scores of every level out."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import numpy as np

from ..clusterer import HiLander
from ..data import FeatureSet
from ..lander import Lander
from ..metrics import scores
from ..training import meta_train
from .settings import Settings

SOURCES = (  # the code that a result depends on
    *("_checks", "aggregate", "clusterer", "config", "convs", "decode", "episodes", "graph", "hierarchy", "lander"),
    *(
        "losses",
        "metrics",
        "nested",
        "_expected",
        "recipe",
        "structure",
        "targets",
        "trainer",
        "training",
        "validation",
    ),
    "ablation/run",
)


class Cancelled(Exception):
    """`stop` said so in the middle of a run."""


@dataclass(frozen=True)
class AblationData:
    """What every run of a sweep learns from and is judged on.

    Attributes:
        train: labelled features to meta-train on.
        tests: name -> labelled features of other classes.

    Example:
        >>> x = FeatureSet(np.eye(4), np.array([0, 0, 1, 1]))
        >>> len(AblationData(x, {"toy": x}).fingerprint)
        16
    """

    train: FeatureSet
    tests: Mapping[str, FeatureSet]

    def __post_init__(self) -> None:
        if not self.tests:
            raise ValueError("tests: expected at least one labelled test set, got none")
        for name, part in {"train": self.train, **self.tests}.items():
            if part.labels is None:
                raise ValueError(f"{name}: expected labels, as every run is scored; got {part!r}")

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change when a feature, a label or a test's name does."""
        parts = [self.train.fingerprint, *(f"{name}:{test.fingerprint}" for name, test in sorted(self.tests.items()))]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def code_version() -> str:
    """The package's version and a hash of the code that results depend on.

    Example:
        >>> import workbench
        >>> code_version().split("-")[0] == workbench.__version__
        True
    """
    package = files("workbench")
    sources = b"".join((package / f"{name}.py").read_bytes() for name in SOURCES)
    return f"{version('hilander-workbench')}-{hashlib.sha256(sources).hexdigest()[:8]}"


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
        whole = {"settings": asdict(self.settings), "seed": self.seed, "data": self.data, "code": self.code}
        plain: dict[str, Any] = json.loads(json.dumps(whole, default=_plain))
        return plain

    @property
    def key(self) -> str:
        """20 hex digits, the same for the same run, whatever grid it stands in."""
        return hashlib.sha256(json.dumps(self.made_of, sort_keys=True).encode()).hexdigest()[:20]


def computed(run: Run, data: AblationData, device: str, stop: Callable[[], bool] | None) -> dict[str, Any]:
    """Train, cluster every test set, score every level.

    Raises:
        Cancelled: `stop` said so after an epoch.
    """

    def watch(rows: list[dict[str, Any]]) -> None:
        if stop and stop():
            raise Cancelled

    settings, start = run.settings, time.perf_counter()
    lander = meta_train(
        data.train.features,
        data.train.labels,
        settings.lander,
        training=settings.training,
        inference=settings.inference,
        seed=run.seed,
        device=device,
        on_epoch=watch,
        progress=False,
    )
    trained = time.perf_counter() - start
    rows = [row for name, test in data.tests.items() for row in _scored(lander, settings, name, test, device)]
    tau = lander.inference.tau if settings.tau == "auto" else settings.tau
    told = {"tau_used": tau, "n_parameters": lander.n_parameters, "seconds_training": trained}
    return {"rows": [{**row, **told} for row in rows], "error": ""}


def _scored(lander: Lander, settings: Settings, name: str, test: FeatureSet, device: str) -> list[dict[str, Any]]:
    """A row per level of the clustering of one test set."""
    start = time.perf_counter()
    tree = HiLander(lander, tau=settings.tau, device=device).fit(test.features).hierarchy_
    seconds = time.perf_counter() - start
    rows = []
    for i, level in enumerate(tree.levels):
        row = {"test": name, "level": i, "last": i == len(tree.levels) - 1, "nodes": level.n_nodes}
        row |= {"links_added": level.links_added, **scores(test.labels, level.labels)}
        rows.append({**row, "seconds_clustering": seconds})
    return rows


def _plain(value: Any) -> Any:
    """NumPy's numbers as JSON knows them."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"grid: a setting of type {type(value).__name__} cannot be saved; use numbers and words")
