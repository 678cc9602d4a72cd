"""Prediction -> clusters: the place where a link is decided.

The tree decode keeps, for every node, the one link with the highest linkage among those above tau that lead to a
denser neighbour. What is kept is a forest: its roots are the peaks, its trees the clusters. The cut decodes weigh all
links between two clusters together: they cut a merge tree where a forecast, or a criterion with no learning, is best.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor

from ._checks import check_choice, check_unit_interval
from .criteria import map_equation_worth, mass_worth
from .forecast import Forecast
from .graph import KnnGraph
from .merges import Edges, MergeTree, merge_tree
from .targets import denser_neighbors


@dataclass(frozen=True)
class Prediction:
    """What is predicted of a graph.

    Attributes:
        linkage: float [n, k], r_ij = P(label_i = label_j); 0 where there is no neighbour.
        density: float [n].
        forecast: what clusters of a merge tree of the nodes would be worth; None from models that do not forecast.
    """

    linkage: Float[Tensor, "n k"]
    density: Float[Tensor, " n"]
    forecast: Forecast | None = None


@dataclass(frozen=True)
class Decoding:
    """The clusters of one level's nodes.

    Attributes:
        clusters: int64 [n], 0 .. c-1, numbered by rising representative.
        representative: int64 [c], the node that stands for each cluster (tree decode: its peak).
        parent: int64 [n], tree decode only: the node each node is linked to, itself at a peak; None for decoders that
            give no forest.
        node: int64 [n], decodes of a merge tree only: the tree's node that each node's cluster is.
    """

    clusters: Int[Tensor, " n"]
    representative: Int[Tensor, " c"]
    parent: Int[Tensor, " n"] | None
    node: Int[Tensor, " n"] | None = None

    @property
    def n_links(self) -> int:
        """Links kept: every one merges two clusters, so nodes - clusters."""
        return len(self.clusters) - len(self.representative)


Decoder = Callable[[KnnGraph, Prediction, float], Decoding]


def decode_tree(graph: KnnGraph, prediction: Prediction, tau: float, *, strict: bool = False) -> Decoding:
    """Clusters as the trees of a forest of links to denser neighbours.

    Formula: parent_i = argmax over {j in N(i): d_j > d_i, r_ij > tau} of r_ij, or i itself where that set is empty;
    equal linkages go to the lower index. Clusters are the trees, peaks the roots.

    Args:
        graph: n nodes with k neighbours each.
        prediction: linkage [n, k] and density [n].
        tau: in [0, 1]; links with r_ij <= tau are dropped.
        strict: True follows the official code to the letter. False (the default) also links nodes of equal density,
            to the lower index, and puts exact duplicates (similarity 1) into one cluster whatever is predicted.

    Raises:
        TypeError, ValueError: `tau` is not a number in [0, 1].

    Example:
        Node 0 is the densest; node 2's best link is dropped by tau:
        >>> graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5]])
        >>> guess = Prediction(torch.tensor([[0.9, 0.1], [0.9, 0.2], [0.3, 0.1]]), torch.tensor([0.8, 0.5, 0.1]))
        >>> decode_tree(graph, guess, tau=0.5).clusters.tolist(), decode_tree(graph, guess, tau=0.2).clusters.tolist()
        ([0, 0, 1], [0, 0, 0])

    Source: paper section 3.3 (density-aware decoding).
    """
    tau = check_unit_interval(tau, "tau")
    kept = (prediction.linkage > tau) & denser_neighbors(graph, prediction.density, strict=strict)
    parent = _best_parent(graph, prediction.linkage, kept)
    if not strict:
        parent = _join_duplicates(graph, prediction.density, parent)
    return _from_forest(parent)


def _best_parent(graph: KnnGraph, linkage: Tensor, kept: Bool[Tensor, "n k"]) -> Int[Tensor, " n"]:
    itself = torch.arange(graph.n, device=linkage.device)
    if graph.k == 0:
        return itself
    strength = torch.where(kept, linkage, -1.0)
    best = strength.max(dim=1, keepdim=True).values
    winner = torch.where(kept & (strength == best), graph.neighbors, graph.n).min(dim=1).values
    return torch.where(winner < graph.n, winner, itself)


def _join_duplicates(graph: KnnGraph, density: Tensor, parent: Tensor) -> Tensor:
    """Link all but the densest of every group of duplicates to that one; the densest keeps its own link.

    No cycle arises: a link leads to the densest of a group, or to a node denser than the densest.
    """
    twin = graph.present & (graph.similarity >= 1)
    if not twin.any():
        return parent
    head = _densest(_components(graph, twin), density)
    itself = torch.arange(graph.n, device=head.device)
    return torch.where(head == itself, parent, head)


def _densest(group: Int[Tensor, " n"], density: Float[Tensor, " n"]) -> Int[Tensor, " n"]:
    """The densest node of each node's group, the lowest of equally dense ones; a group is named by one of its nodes."""
    by_density = torch.argsort(density, descending=True, stable=True)
    rank = torch.empty_like(by_density)
    rank[by_density] = torch.arange(len(group), device=rank.device)
    first = torch.full_like(rank, len(group)).scatter_reduce_(0, group, rank, "amin")
    return by_density[first[group]]


def _components(graph: KnnGraph, kept: Bool[Tensor, "n k"]) -> Int[Tensor, " n"]:
    """Smallest index in each node's connected component, by label propagation with pointer jumping."""
    node, slot = kept.nonzero(as_tuple=True)
    other = graph.neighbors[node, slot]
    label = torch.arange(graph.n, device=node.device)
    while True:
        low = torch.minimum(label[node], label[other])
        new = label.scatter_reduce(0, label[node], low, "amin").scatter_reduce(0, label[other], low, "amin")
        new = new[new]
        if torch.equal(new, label):
            return label
        label = new


def _from_forest(parent: Int[Tensor, " n"]) -> Decoding:
    """Follow the parents to the peaks: each round doubles the distance covered."""
    root = parent
    while not torch.equal(above := root[root], root):
        root = above
    peaks = (parent == torch.arange(len(parent), device=parent.device)).nonzero()[:, 0]
    return Decoding(torch.searchsorted(peaks, root), peaks, parent)


def decode_best_links(graph: KnnGraph, prediction: Prediction, tau: float) -> Decoding:
    """Clusters as the components of every node's best link, whichever end is denser: the tree decode without density.

    Formula: keep (i, j) with j = argmax r_ij if r_ij > tau; clusters are the connected components of what is kept and
    of exact duplicates, each represented by its densest node.

    Args:
        graph, prediction, tau: see `decode_tree`.

    Example:
        >>> graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5]])
        >>> guess = Prediction(torch.tensor([[0.9, 0.1], [0.9, 0.2], [0.3, 0.1]]), torch.tensor([0.8, 0.5, 0.1]))
        >>> decode_best_links(graph, guess, tau=0.5).clusters.tolist()
        [0, 0, 1]
    """
    tau = check_unit_interval(tau, "tau")
    best = _best_parent(graph, prediction.linkage, (prediction.linkage > tau) & graph.present)
    twin = graph.present & (graph.similarity >= 1)
    head = _densest(_components(graph, (graph.neighbors == best[:, None]) | twin), prediction.density)
    representative = head.unique()
    return Decoding(torch.searchsorted(representative, head), representative, None)


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
        >>> from workbench.forecast import true_forecast
        >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
        >>> tree = merge_tree(graph, graph.similarity, torch.eye(3))
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
    return prediction.forecast


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
    kept = _above(prediction.linkage, tau)
    tree, edges = _unread_tree(graph, kept), Edges.of(graph, kept)
    leaf, merged = np.zeros((graph.n, 2)), np.zeros((len(tree.larger), 2))
    leaf[:, 0], merged[:, 1] = edges.at(graph.n, edges.weight), tree.weight
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
    return _of_nodes(
        graph, prediction.density, mass_worth(_unread_tree(graph, _above(prediction.linkage, tau)))[1].node
    )


def _above(linkage: Tensor, tau: float) -> Tensor:
    return linkage * (linkage > check_unit_interval(tau, "tau"))


def _unread_tree(graph: KnnGraph, linkage: Tensor) -> MergeTree:
    """The merge tree where nobody reads the features' products."""
    return merge_tree(graph, linkage, linkage.new_zeros(graph.n, 1))


def cut_layers(graph: KnnGraph, prediction: Prediction, tau: float) -> list[Decoding]:
    """`decode_cut` at `tau` with the nested cuts around it, finest first (`Forecast.layers`)."""
    forecast = _forecast(prediction)
    return [_of_nodes(graph, prediction.density, cut.node) for cut in forecast.layers(check_unit_interval(tau, "tau"))]


def _of_nodes(graph: KnnGraph, density: Tensor, node: Int64[np.ndarray, " n"]) -> Decoding:
    """Clusters named by nodes of a merge tree, duplicates joined, each represented by its densest image."""
    name = torch.from_numpy(node).to(density.device)
    twin = graph.present & (graph.similarity >= 1)
    if twin.any():
        name = name[_components(graph, twin)]
    _, which = torch.unique(name, return_inverse=True)
    every = torch.arange(graph.n, device=which.device)
    first = torch.full_like(which, graph.n).scatter_reduce_(0, which, every, "amin")
    head = _densest(first[which], density)
    representative = head.unique()
    return Decoding(torch.searchsorted(representative, head), representative, None, name)


TREES: dict[str, Decoder] = {"tree": decode_tree, "tree-strict": partial(decode_tree, strict=True)}
CUTS: dict[str, Decoder] = {"cut": decode_cut, "map-equation": decode_map_equation, "mass": decode_mass}
DECODERS: dict[str, Decoder] = {**TREES, "best-links": decode_best_links, **CUTS}


def get_decoder(decoder: str | Decoder) -> Decoder:
    """A decoder by its name in `DECODERS`, or any function (graph, prediction, tau) -> Decoding.

    Example:
        >>> get_decoder("tree") is decode_tree
        True
    """
    return decoder if callable(decoder) else DECODERS[check_choice(decoder, "decoder", tuple(DECODERS))]
