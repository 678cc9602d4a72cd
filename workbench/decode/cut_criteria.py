"""Cuts of a dendrogram with no learning: the map equation and the excess of mass. Decoders by themselves, and the
landmarks that the learned cut starts from."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from .dendrogram import Cut, Dendrogram

OfNodes = Float[np.ndarray, " nodes"]
SMALLEST = 4  # images: smaller clusters have no mass of their own
ROUNDS = 5  # of the map equation's index term


def map_equation(dendrogram: Dendrogram, volume: OfNodes, inner: OfNodes) -> tuple[OfNodes, Cut]:
    """What each node saves of the description of a random walk, and the cut that saves most.

    Formula: L = plogp(Q) - 2 sum_m plogp(q_m) + sum_m plogp(q_m + p_m), plogp(x) = x log2 x, with p_m the share of all
    link weight at the images of cluster m, q_m the share that leaves it, Q = sum_m q_m. All terms but the first add up
    over clusters; the first is replaced by its tangent q_m (log2 Q + 1 / ln 2), Q from the cut before, five times.

    Args:
        dendrogram: to cut.
        volume: link weight at the images of each node [nodes].
        inner: link weight inside each node [nodes].

    Returns: score of every node (higher is better, negative) and the best cut among those of the dendrogram.

    Example:
        >>> import torch
        >>> from workbench.graph import KnnGraph
        >>> from workbench.decode import Edges, build_dendrogram
        >>> graph = KnnGraph.from_arrays([[1], [0], [3], [2]], [[0.9], [0.9], [0.8], [0.8]])
        >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(4))
        >>> volume = dendrogram.sums(np.array([[1.8], [1.8], [1.6], [1.6]]))[:, 0]
        >>> map_equation(dendrogram, volume, np.array([0, 0, 0, 0, 1.8, 1.6]))[1].node.tolist()
        [4, 4, 5, 5]

    Source: Rosvall & Bergstrom, PNAS 2008; two levels, over the dendrogram's cuts only.
    """
    total = max(volume[: dendrogram.n].sum(), 1e-12)
    p = volume / total
    q = np.maximum(volume - 2 * inner, 0) / total
    local = 2 * _plogp(q) - _plogp(q + p)
    leaving = 0.3
    for _ in range(ROUNDS):
        score = local - q * (np.log2(max(leaving, 1e-9)) + 1 / np.log(2))
        cut = dendrogram.cut(score)
        chosen = np.zeros(dendrogram.n_nodes, bool)
        chosen[cut.node] = True
        leaving = q[chosen].sum()
    return score, cut


def excess_of_mass(dendrogram: Dendrogram) -> tuple[OfNodes, Cut]:
    """How long each node lives as a cluster of its own, times its size, and the cut of most mass.

    Formula: |C| (ln L(C) - ln L(parent of C)), L the mean linkage at which a node forms; 0 under four images; a root
    lives half a unit longer than the last merge.

    Example:
        >>> import torch
        >>> from workbench.graph import KnnGraph
        >>> from workbench.decode import Edges, build_dendrogram
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> excess_of_mass(build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(2)))[0].tolist()
        [0.0, 0.0, 0.0]

    Source: Campello et al., "Hierarchical density estimates", TKDD 2015 (excess of mass), here on learned linkage.
    """
    height = np.log(dendrogram.height + 1e-12)
    floor = height.min() - 0.5 if len(height) else 0.0
    born = np.concatenate([np.zeros(dendrogram.n), height])
    died = np.where(dendrogram.parent >= 0, born[dendrogram.parent], floor)
    score = np.where(dendrogram.size >= SMALLEST, dendrogram.size * np.maximum(born - died, 0), 0.0)
    return score, dendrogram.cut(score)


def _plogp(x: OfNodes) -> OfNodes:
    logarithm: OfNodes = np.log2(np.maximum(x, 1e-300))
    return np.where(x > 0, x * logarithm, 0.0)
