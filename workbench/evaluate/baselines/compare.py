"""Choose settings on labelled meta-training classes, then compare clusterers on others: one tidy row per method."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int64
from sklearn.base import ClusterMixin, clone
from tqdm.auto import tqdm

from ..._core.runtime import usual_torch
from ..._core.validation import check_array, check_int, check_labels
from ..scores import FIGURES, scores
from .base import Baseline, Prepared


@dataclass(frozen=True)
class Tuned:
    """An unfitted estimator with the chosen settings, what was chosen, on which set, and every setting tried.

    `tried` has one row per setting: the settings, `pairwise_f`, `bcubed_f`, `item_f`, `n_clusters`.
    """

    estimator: Baseline
    settings: dict[str, Any]
    on: str
    tried: pd.DataFrame
    seconds: float


@usual_torch()
def tune(
    baseline: Baseline | type[Baseline],
    features: Any,
    labels: Any,
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    on: str = "meta-val",
) -> Tuned:
    """The settings of highest mean of the three F on labelled classes, meta-training ones, never the test's.

    Of equals the first. An oracle is told the true number of classes. What does not depend on a setting is computed
    once (`prepared_by`).

    Args:
        baseline: an estimator, whose other settings are kept, or its class.
        features: [N, D], scaled to unit rows by the estimator.
        labels: classes [N].
        grid: values to try for each setting; None = the baseline's own.
        on: name of the labelled set, for the record.

    Raises:
        ValueError: a setting that the baseline does not have, labels of another length, or bad features.

    Example:
        >>> from workbench.evaluate.baselines import AverageLinkage
        >>> rows = [[1, 0], [1, 0.2], [0.2, 1], [0, 1]]
        >>> tune(AverageLinkage, rows, [0, 0, 1, 1], grid={"distance_threshold": (0.001, 0.5)}).settings
        {'distance_threshold': 0.5}
    """
    start = time.perf_counter()
    features = check_array(features, "features")
    labels = check_labels(labels, len(features))

    base = informed(baseline() if isinstance(baseline, type) else baseline, labels)
    candidates = list(_candidates(base, base.grid if grid is None else grid))
    fitted = _fit_each([clone(base).set_params(**settings) for settings in candidates], features)
    tried = pd.DataFrame(
        [{**settings, **_short(scores(labels, f))} for settings, f in zip(candidates, fitted, strict=True)]
    )

    settings = candidates[int(tried[list(FIGURES)].mean(axis=1).to_numpy().argmax())]
    return Tuned(clone(base).set_params(**settings), settings, on, tried, time.perf_counter() - start)


def tune_all(
    baselines: Mapping[str, type[Baseline]], features: Any, labels: Any, *, on: str = "meta-val", progress: bool = False
) -> dict[str, Baseline | Tuned]:
    """`tune` for each; a baseline whose optional package is missing stays untuned, and `compare` says what to install.

    Example:
        >>> from workbench.evaluate.baselines import Dbscan
        >>> tuned = tune_all({"DBSCAN": Dbscan}, [[1, 0], [1, 0.2], [0.2, 1], [0, 1]], [0, 0, 1, 1])
        >>> tuned["DBSCAN"].settings
        {'min_samples': 2, 'eps': 0.02}
    """
    chosen: dict[str, Baseline | Tuned] = {}
    for name, baseline in tqdm(baselines.items(), desc="tuning baselines", disable=not progress):
        try:
            chosen[name] = tune(baseline, features, labels, on=on)
        except ImportError:
            chosen[name] = baseline()
    return chosen


def _candidates(base: Baseline, grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    unknown = set(grid) - set(base.get_params())
    if unknown:
        known = ", ".join(base.get_params())
        raise ValueError(f"grid: {type(base).__name__} has no setting {', '.join(sorted(unknown))}; it has {known}")
    if empty := [name for name, values in grid.items() if not len(values)]:
        raise ValueError(f"grid: expected at least one value to try for {', '.join(empty)}, got none")
    return (dict(zip(grid, values, strict=True)) for values in product(*grid.values()))


def _fit_each(estimators: Sequence[Baseline], features: np.ndarray) -> Iterator[Int64[np.ndarray, " n"]]:
    """Labels by each estimator; estimators alike in `prepared_by` share what they prepare."""
    key = None
    prepared = None
    for estimator in estimators:  # only the last preparation is kept: grids list what it depends on first
        own_key = tuple(estimator.get_params()[name] for name in estimator.prepared_by)
        if prepared is None or own_key != key:
            key = own_key
            prepared = estimator.prepare(features)
        yield _labels(estimator, prepared)


def _labels(estimator: Baseline, prepared: Prepared) -> Int64[np.ndarray, " n"]:
    return estimator.fit_prepared(prepared).labels_


def _short(row: dict[str, float | int]) -> dict[str, float | int]:
    return {name: row[name] for name in (*FIGURES, "n_clusters")}


def informed(estimator: Any, labels: Int64[np.ndarray, " n"]) -> Any:
    """An unfitted copy; an oracle's copy has `n_clusters` = the number of classes in `labels`.

    Example:
        >>> from workbench.evaluate.baselines import KMeans
        >>> informed(KMeans(), np.array([4, 4, 7])).n_clusters
        2
    """
    copy = clone(estimator)
    return copy.set_params(n_clusters=len(np.unique(labels))) if getattr(copy, "oracle", False) else copy


@usual_torch()
def compare(
    features: Any, labels: Any, estimators: Mapping[str, ClusterMixin | Tuned], *, progress: bool = False
) -> pd.DataFrame:
    """Fit each estimator on `features` and score it against `labels`: one tidy row per method.

    A method that fails keeps its row, with the error's text in `error` and no scores; the others go on.

    Args:
        features: [N, D].
        labels: true classes [N]; used for scores and for the number of clusters of oracles, nothing else.
        estimators: name -> any scikit-learn style clusterer, or what `tune` returned.
        progress: show a progress bar.

    Returns: a frame with columns `method, settings, oracle, tuned_on`, all of `evaluate.scores`, `seconds, error`.

    Raises:
        ValueError: features or labels that no method could use.

    Example:
        >>> from workbench.evaluate.baselines import AverageLinkage
        >>> table = compare([[1, 0], [1, 0.2], [0, 1]], [0, 0, 1], {"average linkage": AverageLinkage()})
        >>> table[["method", "bcubed_f", "n_clusters"]].values.tolist()
        [['average linkage', 1.0, 2]]
    """
    features = check_array(features, "features")
    labels = check_labels(labels, len(features))
    named = tqdm(estimators.items(), desc="baselines", disable=not progress)
    table = pd.DataFrame([_row(name, estimator, features, labels) for name, estimator in named])
    columns = ["method", "settings", "oracle", "tuned_on", *scores([0], [0]), "seconds", "error"]
    return table.reindex(columns=columns).astype({"n_clusters": "Int64", "n_noise": "Int64"})


def _row(name: str, given: Any, features: np.ndarray, labels: Int64[np.ndarray, " n"]) -> dict[str, Any]:
    estimator = given.estimator if isinstance(given, Tuned) else given
    row = {
        "method": name,
        "settings": ", ".join(f"{key}={value}" for key, value in _settings(estimator).items()),
        "oracle": bool(getattr(estimator, "oracle", False)),
        "tuned_on": given.on if isinstance(given, Tuned) else "",
        "error": "",
    }
    start = time.perf_counter()
    try:
        found = informed(estimator, labels).fit_predict(features)
    except Exception as error:  # noqa: BLE001  # a table of many methods must not be lost to one of them
        return {**row, "seconds": time.perf_counter() - start, "error": f"{type(error).__name__}: {error}"}
    seconds = time.perf_counter() - start
    return {**row, **scores(labels, found), "seconds": seconds}


def _settings(estimator: Any) -> dict[str, Any]:
    """The settings that a reader needs to repeat the row: plain values, without the true K that an oracle is told."""
    plain = (str, int, float, bool)
    hidden = {"device", "progress", "client", *(["n_clusters"] if getattr(estimator, "oracle", False) else [])}
    names = [name for name in inspect.signature(type(estimator).__init__).parameters if name not in {"self", *hidden}]
    return {name: value for name in names if isinstance(value := getattr(estimator, name, None), plain)}


def stratified_sample(labels: Any, n: int, seed: int = 0) -> Int64[np.ndarray, " sample"]:
    """Indices of at most `n` items, made of WHOLE classes, with class sizes spread as in the full set.

    Whole classes, because clusters of thinned classes are another, harder or easier problem: each class keeps its size.
    Classes are ordered by size and drawn along the golden-ratio sequence, of which every beginning is even.

    Args:
        labels: classes [N].
        n: items wanted; N or more gives all.
        seed: of the sequence's start and of the order among equal sizes.

    Raises:
        ValueError: `n` is smaller than the first class drawn.

    Example:
        >>> labels = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 3])
        >>> index = stratified_sample(labels, 6)
        >>> np.unique(labels[index], return_counts=True)[1].tolist()
        [2, 3]
    """
    labels = check_labels(labels)
    check_int(n, "n")
    if n >= len(labels):
        return np.arange(len(labels))

    classes, sizes = np.unique(labels, return_counts=True)
    rng = np.random.default_rng(seed)
    by_size = np.lexsort((rng.random(len(classes)), sizes))
    # Multiples of the golden ratio modulo 1 fall evenly into [0, 1), however early one stops: small and large classes
    # are drawn alike, whatever `n` is.
    golden = (rng.random() + np.arange(len(classes)) * (np.sqrt(5) - 1) / 2) % 1
    drawn = by_size[golden.argsort()]
    taken = drawn[np.cumsum(sizes[drawn]) <= n]
    if not len(taken):
        raise ValueError(f"n: expected at least {sizes[drawn[0]]}, the size of the first class drawn, got {n}")
    return np.flatnonzero(np.isin(labels, classes[taken]))
