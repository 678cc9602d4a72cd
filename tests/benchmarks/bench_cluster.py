"""Clustering end to end: `HiLander`, its models, beside an exact k-NN alone (faiss, ours) and HDBSCAN, stage by stage.

python tests/benchmarks/bench_cluster.py --n 10000 30000 100000
The published model has random weights: its time does not depend on them, and tau is set so that levels follow.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from bench_knn import faiss_flat
from side_by_side import clusters, main, timed
from stages import watched

from workbench import HiLander, scores
from workbench._checks import seeded
from workbench.config import InferenceConfig, LanderConfig
from workbench.graph import knn
from workbench.lander import Lander


def peer(n: int) -> dict[str, Any]:
    x, _ = clusters(n)
    faiss_flat(x[:2000])  # imports
    return {"seconds": timed(lambda: faiss_flat(x))[1]}


def flat(n: int) -> dict[str, Any]:
    x = torch.from_numpy(clusters(n)[0])
    return {"seconds": timed(lambda: knn(x, 10, method="exact"))[1]}


def estimator(n: int, model: HiLander) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    x, labels = clusters(n)
    knn(torch.from_numpy(x[:2000]), 10, method="approximate")  # compiles or loads
    model.fit(x[:2000])
    with watched() as ledger:
        _, seconds = timed(lambda: model.fit(x))
    stages = ledger.table().sum().round(2).to_dict()
    score = round(float(scores(labels, model.labels_)["bcubed_f"]), 3)
    return {"seconds": seconds, "bcubed_f": score, "levels": len(model.hierarchy_.levels), **stages}


def packaged(name: str) -> Callable[[int], dict[str, Any]]:
    return lambda n: estimator(n, HiLander(name, device="cpu"))


def published(n: int, hidden: int) -> dict[str, Any]:
    config = LanderConfig.published(hidden=hidden).for_features(128)
    lander = seeded(lambda: Lander(config, InferenceConfig.published(tau=0.5)), 0)
    return estimator(n, HiLander(lander, device="cpu"))


def hdbscan(n: int) -> dict[str, Any]:
    from sklearn.cluster import HDBSCAN

    if n > 10_000:
        raise SystemExit("more than a minute beyond 10,000 rows")
    x, labels = clusters(n)
    found, seconds = timed(lambda: HDBSCAN(min_cluster_size=3, copy=True).fit_predict(x))
    return {"seconds": seconds, "bcubed_f": round(float(scores(labels, found)["bcubed_f"]), 3)}


if __name__ == "__main__":
    cases = {
        "faiss flat k-NN alone": peer,
        "our exact k-NN alone": flat,
        "general": packaged("general"),
        "glyphs-lander": packaged("glyphs-lander"),
        "published 128": lambda n: published(n, 128),
        "published 512": lambda n: published(n, 512),
        "HDBSCAN": hdbscan,
    }
    main(cases, sizes=(10_000, 30_000, 100_000))
