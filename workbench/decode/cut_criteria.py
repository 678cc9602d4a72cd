"""Cuts of a dendrogram with no learning: the map equation and the excess of mass. Decoders by themselves, and the
landmarks that the learned cut starts from."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from .dendrogram import Dendrogram

OfNodes = Float[Tensor, " nodes"]
Found = tuple[OfNodes, Int64[Tensor, " n"], OfNodes]
# The packaged ensembles read what these give. No measurement of other values is recorded.
SMALLEST = 4  # images: smaller clusters have no mass of their own
ROUNDS = 5  # of the map equation's first term: how often Q is taken from the cut before
LEAVING = 0.3  # Q to begin with
ROOT_LIFE = 0.5  # how much longer than its last merge a root lives, in units of log linkage


def map_equation(dendrogram: Dendrogram, volume: OfNodes, inner: OfNodes) -> Found:
    """What each node saves of the description of a random walk, and the cut that saves most.

    Formula: L = plogp(Q) - 2 sum_m plogp(q_m) + sum_m plogp(q_m + p_m), plogp(x) = x log2 x, with p_m the share of all
    link weight at the images of cluster m, q_m the share that leaves it, Q = sum_m q_m. All terms but the first add up
    over clusters; the first is replaced by its tangent q_m (log2 Q + 1 / ln 2), Q from the cut before, five times.

    Args:
        dendrogram: to cut.
        volume: link weight at the images of each node [nodes].
        inner: link weight inside each node [nodes].

    Returns: score of every node (higher is better, negative); the best cut among those of the dendrogram: the node of
    each image, and the summed score of the best clusters at or below each node.

    Example:
        >>> from workbench.graph import KnnGraph
        >>> from workbench.decode import Edges, build_dendrogram
        >>> graph = KnnGraph.from_arrays([[1], [0], [3], [2]], [[0.9], [0.9], [0.8], [0.8]])
        >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(4))
        >>> volume = torch.tensor([1.8, 1.8, 1.6, 1.6, 3.6, 3.2], dtype=torch.float64)
        >>> map_equation(dendrogram, volume, torch.tensor([0, 0, 0, 0, 1.8, 1.6], dtype=torch.float64))[1].tolist()
        [4, 4, 5, 5]

    Source: Rosvall & Bergstrom, PNAS 2008; two levels, over the dendrogram's cuts only.
    """
    total = volume[: dendrogram.n].sum().clamp(min=1e-12)
    p = volume / total
    q = (volume - 2 * inner).clamp(min=0) / total  # (nodes,)
    local = 2 * _plogp(q) - _plogp(q + p)
    leaving = LEAVING
    for _ in range(ROUNDS):
        score = local - q * (math.log2(max(leaving, 1e-9)) + 1 / math.log(2))
        node, value, _ = dendrogram.subtrees.cut(score)
        chosen = torch.zeros_like(score, dtype=torch.bool)
        chosen[node] = True
        leaving = float(q[chosen].sum())
    return score, node, value


def excess_of_mass(dendrogram: Dendrogram) -> Found:
    """How long each node lives as a cluster of its own, times its size, and the cut of most mass.

    Formula: |C| (ln L(C) - ln L(parent of C)), L the mean linkage at which a node forms; 0 under four images; a root
    lives `ROOT_LIFE` longer than the last merge.

    Example:
        >>> from workbench.graph import KnnGraph
        >>> from workbench.decode import Edges, build_dendrogram
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> excess_of_mass(build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(2)))[0].tolist()
        [0.0, 0.0, 0.0]

    Source: Campello et al., "Hierarchical density estimates", TKDD 2015 (excess of mass), here on learned linkage.
    """
    height = (dendrogram.columns["height"] + 1e-12).log()  # (m,)
    floor = float(height.min()) - ROOT_LIFE if len(height) else 0.0
    born = torch.cat([height.new_zeros(dendrogram.n), height])  # (nodes,)
    parent = dendrogram.subtrees.parent
    died = torch.where(parent >= 0, born[parent], floor)
    size = dendrogram.subtrees.size
    score = torch.where(size >= SMALLEST, size * (born - died).clamp(min=0), 0.0)
    node, value, _ = dendrogram.subtrees.cut(score)
    return score, node, value


def _plogp(x: OfNodes) -> OfNodes:
    return torch.where(x > 0, x * x.clamp(min=1e-300).log2(), 0.0)
