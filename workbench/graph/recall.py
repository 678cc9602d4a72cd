"""How many of the true nearest neighbours a graph holds, asked of a sample of its nodes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .._core.chunks import even_steps
from .exact import TIE
from .knn import KnnGraph, query

SAMPLE = 200  # nodes asked: the estimate's standard error is below .01 where recall is .9; .3 s among a million rows


def sampled_recall(features: Float[Tensor, "n d"], graph: KnnGraph, *, sample: int = SAMPLE) -> float:
    """Share of the true neighbours of a sample of nodes that their lists hold; 1 where no node has any.

    Formula: of sampled node i with true k-th best similarity t_i, |{j in N(i): s_ij >= t_i}| / |true neighbours|, mean
    over all true neighbours; similarities within 1e-6 count as equal.

    Args:
        features: unit rows that the graph is of.
        graph: from any search.
        sample: nodes to ask, at even steps.

    Example:
        Lists that hold the second nearest instead of the nearest, and those of an exact search:
        >>> from workbench.graph import knn
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.3]]), dim=1)
        >>> graph = knn(x, 2)
        >>> round(sampled_recall(x, KnnGraph(graph.neighbors[:, [1]], graph.similarity[:, [1]])), 2)
        0.0
        >>> sampled_recall(x, knn(x, 1))
        1.0
    """
    if graph.k == 0:
        return 1.0
    rows = even_steps(graph.n, sample, graph.neighbors.device)
    true = query(features, features[rows], graph.k, itself=rows)
    wanted = true.mask.sum(dim=1)  # (sample,)
    last = true.similarity.gather(1, (wanted - 1).clamp(min=0)[:, None])  # (sample, 1)
    found = ((graph.similarity[rows] >= last - TIE) & graph.mask[rows]).sum(dim=1)
    total = int(wanted.sum())
    return float(torch.minimum(found, wanted).sum() / total) if total else 1.0
