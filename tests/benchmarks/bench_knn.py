"""k-NN graphs: ours, exact and approximate, beside scikit-learn, faiss, hnswlib and PyNNDescent; recall on 500 rows.

    python tests/benchmarks/bench_knn.py --n 10000 100000 --repeats 3
Peers that are not installed are named and skipped. Everything runs on 2,000 rows first: compilation stands apart.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from side_by_side import clusters, main, timed

from workbench.graph import knn, query

K = 10
Search = Callable[[np.ndarray], np.ndarray]


def measured(search: Search) -> Callable[[int], dict[str, Any]]:
    """The case of a search (x) -> neighbour lists [n, K], the row itself left out."""

    def case(n: int) -> dict[str, Any]:
        warnings.simplefilter("ignore")
        x, _ = clusters(n)
        _, cold = timed(lambda: search(x[:2000]))
        lists, seconds = timed(lambda: search(x))
        rows = np.random.default_rng(1).choice(n, min(n, 500), replace=False)
        features = torch.from_numpy(x)
        truth = query(features, features[rows], K + 1).neighbors[:, 1:, None]
        found = (torch.from_numpy(lists[rows].astype(np.int64))[:, None] == truth).any(dim=2)
        return {"seconds": seconds, "recall": round(float(found.float().mean()), 4), "first_2000": cold}

    return case


def ours(method: str) -> Search:
    return lambda x: knn(torch.from_numpy(x), K, method=method).neighbors.numpy()


def sklearn_brute(x: np.ndarray) -> np.ndarray:
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(algorithm="brute").fit(x).kneighbors(x, K + 1, return_distance=False)[:, 1:]


def faiss_flat(x: np.ndarray) -> np.ndarray:
    import faiss

    index = faiss.IndexFlatIP(x.shape[1])
    index.add(x)
    return index.search(x, K + 1)[1][:, 1:]


def hnsw(x: np.ndarray) -> np.ndarray:
    import hnswlib

    index = hnswlib.Index("ip", x.shape[1])
    index.init_index(len(x), ef_construction=100, M=16)
    index.add_items(x)
    index.set_ef(64)
    return index.knn_query(x, K + 1)[0][:, 1:]


def pynndescent(x: np.ndarray) -> np.ndarray:
    from pynndescent import NNDescent

    return NNDescent(x, metric="cosine", n_neighbors=K + 9, random_state=0).neighbor_graph[0][:, 1 : K + 1]


if __name__ == "__main__":
    searches = {
        "faiss flat": faiss_flat,
        "ours exact": ours("exact"),
        "ours approximate": ours("approximate"),
        "scikit-learn brute": sklearn_brute,
        "hnswlib": hnsw,
        "pynndescent": pynndescent,
    }
    main({name: measured(search) for name, search in searches.items()}, sizes=(10_000, 30_000, 100_000))
