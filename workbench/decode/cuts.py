"""Decoders that cut a merge tree: where a forecast is best (the general model's), or a criterion with no learning.

The tree decode follows single links; these weigh all links between two clusters together.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from .._core.validation import check_unit_interval
from ..graph.knn import KnnGraph
from ..lander.prediction import Prediction
from .cut_criteria import map_equation_worth, mass_worth
from .decoding import Decoder, Decoding, components, densest
from .dendrogram import Edges, MergeTree, merge_tree
from .quality import Forecast


def decode_cut(graph: KnnGraph, prediction: Prediction, tau: float) -> Decoding:
    """The clusters of highest forecast worth; exact duplicates share one, which its densest node represents.

    Formula: among all cuts of the merge tree the one that maximises sum_C |C| w_tau(C), w the forecast mean over the
    cluster's images of 1 / (tau / precision + (1 - tau) / recall); at tau = 0.5 of BCubed F per image.

    Args:
        graph: n nodes with k neighbours each.
        prediction: with a forecast.
        tau: in [0, 1], what precision counts against recall; higher gives finer clusters.

    Raises:
        ValueError: the prediction holds no forecast.

    Example:
        >>> import numpy as np
        >>> from workbench.decode import true_forecast
        >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
        >>> tree = merge_tree(Edges.of(graph, graph.similarity), torch.eye(3))
        >>> guess = Prediction(graph.similarity, torch.zeros(3), true_forecast(tree, np.array([7, 7, 8])))
        >>> decode_cut(graph, guess, tau=0.5).clusters.tolist()
        [0, 0, 1]
    """
    return _of_nodes(graph, prediction.density, _forecast(prediction).cut(tau).node)


def _forecast(prediction: Prediction) -> Forecast:
    if prediction.forecast is None:
        raise ValueError(
            "decoder: 'cut' needs a model that forecasts (LanderConfig.members > 0), as the packaged 'general' does; "
            "choose another of DECODERS"
        )
    forecast: Forecast = prediction.forecast
    return forecast


def decode_map_equation(graph: KnnGraph, prediction: Prediction, tau: float) -> Decoding:
    """The cut of the merge tree that describes a random walk along linkage in the fewest bits; see `criteria`.

    Args:
        graph, prediction: see `decode_tree`.
        tau: links with linkage <= tau are dropped before the walk.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0], [3], [2]], [[0.9], [0.9], [0.8], [0.8]])
        >>> decode_map_equation(graph, Prediction(graph.similarity, torch.zeros(4)), tau=0.0).clusters.tolist()
        [0, 0, 1, 1]
    """
    edges = _edges_above(graph, prediction.linkage, tau)
    tree = _unread_tree(edges)
    leaf, merged = np.zeros((graph.n, 2)), np.zeros((len(tree.larger), 2))
    leaf[:, 0], merged[:, 1] = edges.at(edges.weight), tree.weight
    volume, inner = tree.sums(leaf, merged).T
    return _of_nodes(graph, prediction.density, map_equation_worth(tree, volume, inner)[1].node)


def decode_mass(graph: KnnGraph, prediction: Prediction, tau: float) -> Decoding:
    """The cut of the merge tree with the most excess of mass, as HDBSCAN chooses clusters; see `criteria`.

    Args:
        graph, prediction: see `decode_tree`.
        tau: links with linkage <= tau are dropped first.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> decode_mass(graph, Prediction(graph.similarity, torch.zeros(2)), tau=0.0).clusters.tolist()
        [0, 0]
    """
    tree = _unread_tree(_edges_above(graph, prediction.linkage, tau))
    return _of_nodes(graph, prediction.density, mass_worth(tree)[1].node)


def _edges_above(graph: KnnGraph, linkage: Tensor, tau: float) -> Edges:
    return Edges.of(graph, linkage * (linkage > check_unit_interval(tau, "tau")))


def _unread_tree(edges: Edges) -> MergeTree:
    """The merge tree where nobody reads the features' products."""
    return merge_tree(edges, torch.zeros(edges.n, 1))


def cut_layers(graph: KnnGraph, prediction: Prediction, tau: float) -> list[Decoding]:
    """`decode_cut` at `tau` with the nested cuts around it, finest first (`Forecast.layers`)."""
    forecast = _forecast(prediction)
    return [_of_nodes(graph, prediction.density, cut.node) for cut in forecast.layers(check_unit_interval(tau, "tau"))]


def _of_nodes(graph: KnnGraph, density: Tensor, node: Int64[np.ndarray, " n"]) -> Decoding:
    """Clusters named by nodes of a merge tree, duplicates joined, each represented by its densest image."""
    name = torch.from_numpy(node).to(density.device)
    twin = graph.present & (graph.similarity >= 1)
    if twin.any():
        name = name[components(graph, twin)]
    _, which = torch.unique(name, return_inverse=True)
    every = torch.arange(graph.n, device=which.device)
    first = torch.full_like(which, graph.n).scatter_reduce_(0, which, every, "amin")
    head = densest(first[which], density)
    representative = head.unique()
    return Decoding(torch.searchsorted(representative, head), representative, None, name)


CUTS: dict[str, Decoder] = {"cut": decode_cut, "map-equation": decode_map_equation, "mass": decode_mass}
