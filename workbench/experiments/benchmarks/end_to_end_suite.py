"""Clustering end to end: `HiLander` and its models beside an exact k-NN search alone and other clusterers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ...cluster.hilander import HiLander
from ...evaluate.baselines import BASELINES
from ...evaluate.scores import FIGURES, scores
from ...graph.knn import knn
from .cases import Case, Figures, Setting, Suite, first, measured
from .elsewhere import METHODS, fit_elsewhere
from .gnn_suite import published_lander
from .knn_suite import K, faiss_flat, product_flops
from .peers import peer
from .stages import watched

Fit = Callable[[np.ndarray], Any]  # rows -> clusters


def _search(name: str, search: Callable[[Any], Any], *, ours: bool) -> Case:
    def run(setting: Setting) -> Figures:
        x, _ = setting.clusters()
        rows: Any = torch.from_numpy(x).to(setting.device) if ours else x
        cold = first(lambda: search(rows[: setting.warm]), setting.device)
        return {**measured(lambda: search(rows), setting.device)[1], **cold, "flops": product_flops(setting)}

    return Case(name, run, needs=() if ours else ("faiss",), cuda=ours)


def _ours(
    name: str,
    model: Callable[[Setting], HiLander],
    inputs: Callable[[Setting], tuple[Any, Any]] = Setting.clusters,
) -> Case:
    def run(setting: Setting) -> Figures:
        x, labels = inputs(setting)
        estimator = model(setting)
        few = x[: setting.warm]
        cold = first(lambda: (knn(torch.from_numpy(few), K, method="approximate"), estimator.fit(few)))
        with watched() as times:
            _, figures = measured(lambda: estimator.fit(x), setting.device)
        stages = {name: round(float(seconds), 3) for name, seconds in times.table().sum().items()}
        levels = len(estimator.hierarchy_.levels)
        return {**figures, **cold, **_scored(labels, estimator.labels_), "levels": levels, "stages": stages}

    return Case(name, run, cuda=True)


def _packaged(setting: Setting, name: str) -> HiLander:
    return HiLander(name, device=setting.device)


def _published(hidden: int) -> Case:
    return _ours(
        f"published, hidden {hidden}",
        lambda setting: HiLander(published_lander(hidden, setting.dim), device=setting.device),
    )


def _other(name: str, fit: Fit, needs: tuple[str, ...] = (), max_n: int | None = None) -> Case:
    def run(setting: Setting) -> Figures:
        x, labels = setting.clusters()
        cold = first(lambda: fit(x[: setting.warm]))
        found, figures = measured(lambda: fit(x))
        return {**figures, **cold, **_scored(labels, found)}

    return Case(name, run, needs=needs, max_n=max_n)


def _elsewhere(name: str) -> Case:
    def run(setting: Setting) -> Figures:
        x, labels = setting.clusters()
        found, figures = fit_elsewhere(name, x, setting.peer_python)
        return {**figures, **_scored(labels, found)}

    return Case(name, run, needs=METHODS[name][0], elsewhere=True)


def _scored(labels: np.ndarray, found: Any) -> Figures:
    row = scores(labels, np.asarray(found))
    return {name: round(float(row[name]), 3) for name in FIGURES}


def _finch(x: np.ndarray) -> Any:
    """The second finest partition, as our own baseline's default."""
    partitions = peer("finch").FINCH(x, distance="cosine", verbose=False)[0]
    return partitions[:, min(1, partitions.shape[1] - 1)]


SUITE = Suite(
    "end-to-end",
    "features to clusters, all at their defaults; published: random weights, its time does not depend on them",
    (10_000, 30_000, 100_000),
    "faiss flat k-NN alone",
    (
        _search("faiss flat k-NN alone", faiss_flat, ours=False),
        _search("our exact k-NN alone", lambda rows: knn(rows, K, method="exact"), ours=True),
        _ours("general", lambda setting: _packaged(setting, "general")),
        _ours("general, float16 file", lambda setting: _packaged(setting, "general"), Setting.clusters_in_file),
        _ours("glyphs-lander", lambda setting: _packaged(setting, "glyphs-lander")),
        _published(128),
        _published(512),
        _other("HDBSCAN (scikit-learn)", lambda x: BASELINES["HDBSCAN"]().fit_predict(x), max_n=10_000),
        *map(_elsewhere, METHODS),
        _other("FINCH (finch-clust)", _finch, ("finch",)),
        _other("Infomap, k = 10", lambda x: BASELINES["Infomap"](k=10).fit_predict(x), ("infomap",)),
    ),
)
