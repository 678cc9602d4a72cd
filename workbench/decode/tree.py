"""Prediction -> clusters by a tree: where a link is decided; models with a quality ensemble cut instead (`cuts.py`).

The tree decode keeps, for every node, the one link with the highest linkage among those above the threshold that lead
to a denser neighbour. What is kept is a forest: its roots are the peaks, its trees the clusters.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from .._core.validation import check_choice, check_unit_interval
from ..graph.density import denser_neighbors
from ..graph.knn import KnnGraph
from ..lander.model import Prediction
from .cuts import UNLEARNED_CUTS
from .decoding import Decoder, Decoding, by_densest, components, densest, roots


def decode_tree(graph: KnnGraph, prediction: Prediction, threshold: float, *, strict: bool = False) -> Decoding:
    """Clusters as the trees of a forest of links to denser neighbours.

    Formula: parent_i = argmax over {j in N(i): d_j > d_i, r_ij > threshold} of r_ij, or i itself where that set is
    empty; equal linkages go to the lower index. Of equal densities the lower index counts as denser, unless `strict`.
    Clusters are the trees, peaks the roots.

    Args:
        graph: n nodes with k neighbours each.
        prediction: linkage [n, k] and density [n].
        threshold: the model's tau, in [0, 1]; links with r_ij <= threshold are dropped.
        strict: True follows the official code to the letter. False (the default) also links nodes of equal density,
            to the lower index, and puts exact duplicates (similarity 1) into one cluster whatever is predicted.

    Raises:
        TypeError, ValueError: `threshold` is not a number in [0, 1].

    Example:
        Node 0 is the densest; node 2's best link is dropped by the threshold:
        >>> graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5]])
        >>> guess = Prediction(torch.tensor([[0.9, 0.1], [0.9, 0.2], [0.3, 0.1]]), torch.tensor([0.8, 0.5, 0.1]))
        >>> decode_tree(graph, guess, 0.5).clusters.tolist(), decode_tree(graph, guess, 0.2).clusters.tolist()
        ([0, 0, 1], [0, 0, 0])

    Source: paper section 3.3 (density-aware decoding).
    """
    threshold = check_unit_interval(threshold, "threshold")
    kept = (prediction.linkage > threshold) & denser_neighbors(graph, prediction.density, strict=strict)
    parent = _best_parent(graph, prediction.linkage, kept)
    if not strict:
        parent = _join_duplicates(graph, prediction.density, parent)
    return _from_forest(parent)


def _best_parent(graph: KnnGraph, linkage: Tensor, kept: Bool[Tensor, "n k"]) -> Int[Tensor, " n"]:
    """The neighbour of the highest kept linkage, the lowest of equal ones; the node itself where none is kept."""
    itself = torch.arange(graph.n, device=linkage.device)
    if graph.k == 0:
        return itself
    strength = torch.where(kept, linkage, -1.0)  # (n, k)
    best = strength.max(dim=1, keepdim=True).values  # (n, 1)
    winner = torch.where(kept & (strength == best), graph.neighbors, graph.n).min(dim=1).values  # (n,); n: none
    return torch.where(winner < graph.n, winner, itself)


def _join_duplicates(graph: KnnGraph, density: Tensor, parent: Tensor) -> Tensor:
    """Link all but the densest of every group of duplicates to that one; the densest keeps its own link.

    No cycle arises: a link leads to the densest of a group, or to a node denser than the densest.
    """
    duplicate = graph.duplicates
    if not duplicate.any():
        return parent
    head = densest(components(graph, duplicate), density)
    itself = torch.arange(graph.n, device=head.device)
    return torch.where(head == itself, parent, head)


def _from_forest(parent: Int[Tensor, " n"]) -> Decoding:
    peaks, clusters = roots(parent).unique(return_inverse=True)
    return Decoding(clusters, peaks, parent)


def decode_best_links(graph: KnnGraph, prediction: Prediction, threshold: float) -> Decoding:
    """Clusters as the components of every node's best link, whichever end is denser: the tree decode without density.

    Formula: keep (i, j) with j = argmax r_ij if r_ij > threshold; clusters are the connected components of what is
    kept and of exact duplicates, each represented by its densest node.

    Args:
        graph, prediction, threshold: see `decode_tree`.

    Example:
        >>> graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5]])
        >>> guess = Prediction(torch.tensor([[0.9, 0.1], [0.9, 0.2], [0.3, 0.1]]), torch.tensor([0.8, 0.5, 0.1]))
        >>> decode_best_links(graph, guess, 0.5).clusters.tolist()
        [0, 0, 1]
    """
    threshold = check_unit_interval(threshold, "threshold")
    best = _best_parent(graph, prediction.linkage, (prediction.linkage > threshold) & graph.mask)
    joined = components(graph, (graph.neighbors == best[:, None]) | graph.duplicates)
    clusters, representative, _ = by_densest(joined, prediction.density)
    return Decoding(clusters, representative, None)


def decode_tree_by_similarity(graph: KnnGraph, prediction: Prediction, threshold: float) -> Decoding:
    """The official code's `--threshold sim`, of its commands for MS1M and DeepFashion: links are kept and chosen by
    their cosine similarity in place of their linkage, so tau is a cosine. What is left of the model is the density.

    Formula: parent_i = argmax over {j in N(i): d_j > d_i, s_ij > threshold} of s_ij, or i itself.

    Args:
        graph, prediction, threshold: see `decode_tree`; always strict.

    Example:
        >>> graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5]])
        >>> guess = Prediction(torch.zeros(3, 2), torch.tensor([0.8, 0.5, 0.1]))
        >>> decode_tree_by_similarity(graph, guess, 0.55).parent.tolist()
        [0, 0, 1]
    """
    return decode_tree(graph, Prediction(graph.similarity, prediction.density), threshold, strict=True)


TREES: dict[str, Decoder] = {"tree": decode_tree, "tree-strict": partial(decode_tree, strict=True)}
# All that need no more than a prediction; "cut" needs a model's ensemble (`cuts.CutDecoder`, made in `cluster`).
DECODERS: dict[str, Decoder] = {
    **TREES,
    "tree-similarity": decode_tree_by_similarity,
    "best-links": decode_best_links,
    **UNLEARNED_CUTS,
}
OFFICIAL = ("tree-strict", "tree-similarity")  # the rules of the authors' commands, kept to the letter


def get_decoder(decoder: str | Decoder) -> Decoder:
    """A decoder by its name in `DECODERS`, or any function (graph, prediction, threshold) -> Decoding.

    "cut", the learned one, is not among them: it needs a model's ensemble (`CutDecoder`).

    Raises:
        ValueError: an unknown name.
        TypeError: when it is called, a function that returns something else.

    Example:
        >>> get_decoder("tree") is decode_tree
        True
    """
    if callable(decoder):
        return decoder if decoder in DECODERS.values() else partial(_checked, decoder)
    if decoder == "cut":
        raise ValueError("decoder: 'cut' needs a model's ensemble; use HiLander or build_hierarchy, or a CutDecoder")
    return DECODERS[check_decoder(decoder)]


def check_decoder(decoder: Any, name: str = "decoder") -> str:
    """The name of a decoder, "cut" among them.

    Raises:
        ValueError: an unknown one.

    Example:
        >>> check_decoder("cut")
        'cut'
    """
    return check_choice(decoder, name, (*DECODERS, "cut"))


def _checked(decoder: Decoder, graph: KnnGraph, prediction: Prediction, threshold: float) -> Decoding:
    """What a function of the user's returns, if it is a Decoding."""
    found: Any = decoder(graph, prediction, threshold)
    if not isinstance(found, Decoding):
        name = getattr(decoder, "__name__", type(decoder).__name__)
        raise TypeError(
            f"decoder: expected {name} to return a Decoding, got {type(found).__name__}; "
            "return workbench.decode.Decoding(clusters, representative, parent=None)"
        )
    return found
