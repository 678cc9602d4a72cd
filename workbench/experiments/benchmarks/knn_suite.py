"""k-NN graphs: ours, exact and approximate, beside faiss, hnswlib, PyNNDescent, scikit-learn and
plain PyTorch, which is the one that a GPU can be compared on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ...graph.knn import knn, query
from .cases import Case, Figures, Setting, Suite, first, measured
from .peers import peer

K = 10
SAMPLE = 500  # rows whose recall is taken
Search = Callable[[Any], Any]  # rows -> neighbour lists [n, K], the row itself left out


def product_flops(setting: Setting) -> float:
    """Floating point operations of the product of all rows with all: the floor of an exact search is these at peak.

    Formula: 2 n^2 D. A search that uses one block of products for both its sides needs half, so its share can pass 1.

    Example:
        >>> product_flops(Setting(10, 4))
        800.0
    """
    return 2.0 * setting.n**2 * setting.dim


def _case(
    name: str, search: Search, *, needs: tuple[str, ...] = (), exact: bool = False, torch_rows: bool = False
) -> Case:
    def run(setting: Setting) -> Figures:
        x, _ = setting.clusters()
        rows = torch.from_numpy(x).to(setting.device)
        given = rows if torch_rows else x
        cold = first(lambda: search(given[: setting.warm]), setting.device)
        lists, figures = measured(lambda: search(given), setting.device)
        flops = {"flops": product_flops(setting)} if exact else {}
        return {**figures, **cold, **flops, "recall": recall(rows, lists)}

    return Case(name, run, needs=needs, cuda=torch_rows and exact)


def recall(rows: torch.Tensor, lists: Any) -> float:
    """Share of the true neighbours of some rows that their lists hold.

    Example:
        >>> x = torch.eye(3) * 0.6 + 0.3
        >>> recall(x, [[1, 2], [0, 2], [0, 1]])
        1.0
    """
    chosen = np.random.default_rng(1).choice(len(rows), min(len(rows), SAMPLE), replace=False)
    found = torch.as_tensor(np.asarray(lists.cpu() if isinstance(lists, torch.Tensor) else lists, dtype=np.int64))
    truth = query(rows, rows[chosen], found.shape[1] + 1).neighbors[:, 1:, None].cpu()
    return round(float((found[chosen][:, None] == truth).any(dim=2).float().mean()), 4)


def _ours(method: str) -> Search:
    return lambda x: knn(x, K, method=method).neighbors


def faiss_flat(x: np.ndarray) -> np.ndarray:
    """Lists of faiss's exact index of inner products."""
    index = peer("faiss").IndexFlatIP(x.shape[1])
    index.add(x)
    found: np.ndarray = index.search(x, K + 1)[1][:, 1:]
    return found


def _plain_torch(x: torch.Tensor) -> torch.Tensor:
    """What one would write with PyTorch alone: blocks of products, and the highest of each row."""
    blocks = x.split(max(1, 2**28 // len(x)))
    return torch.cat([(rows @ x.T).topk(K + 1, dim=1).indices[:, 1:] for rows in blocks])


def _hnsw(x: np.ndarray) -> Any:
    index = peer("hnswlib").Index("ip", x.shape[1])
    index.init_index(len(x), ef_construction=100, M=16)
    index.set_num_threads(torch.get_num_threads())
    index.add_items(x)
    index.set_ef(64)
    return index.knn_query(x, K + 1)[0][:, 1:]


def _pynndescent(x: np.ndarray) -> Any:
    search = peer("pynndescent").NNDescent(x, metric="cosine", n_neighbors=K + 9, random_state=0)
    return search.neighbor_graph[0][:, 1 : K + 1]


def _sklearn(x: np.ndarray) -> Any:
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(algorithm="brute").fit(x).kneighbors(x, K + 1, return_distance=False)[:, 1:]


SUITE = Suite(
    "knn",
    f"k-NN graph, k = {K}; recall of {SAMPLE} rows",
    (10_000, 30_000, 100_000),
    "faiss flat",
    (
        _case("faiss flat", faiss_flat, needs=("faiss",), exact=True),
        _case("ours, exact", _ours("exact"), exact=True, torch_rows=True),
        _case("ours, approximate", _ours("approximate"), torch_rows=True),
        _case("PyTorch, products and topk", _plain_torch, exact=True, torch_rows=True),
        _case("hnswlib", _hnsw, needs=("hnswlib",)),
        _case("PyNNDescent", _pynndescent, needs=("pynndescent",)),
        _case("scikit-learn, brute", _sklearn, exact=True),
    ),
)
