"""Who predicts a level: a model, similarity alone, or the truth; how its graph is built and decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .._core.validation import check_labels
from ..decode.cuts import CutDecoder
from ..decode.decoding import Decoder, Decoding
from ..decode.dendrogram import Dendrogram, build_dendrogram
from ..decode.edges import Edges
from ..decode.quality import QualityEnsemble
from ..decode.tree import DECODERS, get_decoder
from ..graph.density import density_target, link_labels, signed_density
from ..graph.discriminant import Metric
from ..graph.knn import KnnGraph
from ..graph.nodes import Nodes
from ..lander.model import Prediction

Predictor = Callable[[Nodes, KnnGraph], Prediction]
LevelDecoder = Callable[[Nodes, KnnGraph, Prediction, float], Decoding]
GraphBuilder = Callable[[Float[Tensor, "n d"], int], KnnGraph]
DendrogramBuilder = Callable[[Edges, Float[Tensor, "n d"]], Dendrogram]


def similarity_predictor(nodes: Nodes, graph: KnnGraph) -> Prediction:
    """The decode with no learning: linkage = similarity, density = mean similarity of the neighbours.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.8], [0.8]])
        >>> similarity_predictor(Nodes.of_images(torch.eye(2)), graph).linkage.flatten().tolist()
        [0.800000011920929, 0.800000011920929]
    """
    return Prediction(graph.similarity, signed_density(graph, torch.ones_like(graph.similarity)))


def oracle_predictor(labels: Any, *, links: bool = True, density: bool = True) -> Predictor:
    """Predicts from the truth: what the best possible model would reach with the same graph and decode.

    A node's class is its representative image's.

    Args:
        labels: class of each image, integers [N].
        links: linkage = 1 within a class, 0 between. False: linkage = similarity.
        density: the density target. False: mean similarity. With links=False this is the teacher that builds the
            training levels of the published recipe.

    Raises:
        TypeError, ValueError: `labels` are no classes; when it predicts: fewer of them than images.

    Example:
        >>> from workbench.cluster import build_hierarchy
        >>> from workbench.lander import InferenceConfig
        >>> x = torch.nn.functional.normalize(torch.ones(4, 4) + torch.eye(4), dim=1)
        >>> build_hierarchy(x, oracle_predictor(torch.tensor([0, 0, 1, 1])), InferenceConfig()).labels.tolist()
        [0, 0, 1, 1]
    """
    classes = torch.as_tensor(check_labels(labels))

    def predict(nodes: Nodes, graph: KnnGraph) -> Prediction:
        if len(nodes.image) and (last := int(nodes.image.max())) >= len(classes):
            raise ValueError(f"labels: expected one per image, got {len(classes)}, and none for image {last}")
        of_nodes = classes.to(nodes.image.device)[nodes.image]
        guess = similarity_predictor(nodes, graph)
        linkage = link_labels(graph, of_nodes).to(guess.linkage.dtype) if links else guess.linkage
        return Prediction(linkage, density_target(graph, of_nodes) if density else guess.density)

    return predict


def checked_builder(build: GraphBuilder) -> GraphBuilder:
    """A graph builder of the caller's, whose graphs must be of the nodes that it is given.

    Example:
        >>> checked_builder(lambda rows, k: KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]]))(torch.eye(3), 1)
        Traceback (most recent call last):
        ValueError: graph: expected a function that returns a KnnGraph of the 3 nodes given, got one of 2
    """

    def checked(rows: Float[Tensor, "n d"], k: int) -> KnnGraph:
        found = build(rows, k)
        if not isinstance(found, KnnGraph) or found.n != len(rows):
            got = f"one of {found.n}" if isinstance(found, KnnGraph) else f"a {type(found).__name__}"
            raise ValueError(
                f"graph: expected a function that returns a KnnGraph of the {len(rows)} nodes given, got {got}"
            )
        return found

    return checked


def level_decoder(
    decoder: str | Decoder,
    predict: Predictor,
    build_graph: GraphBuilder,
    ensemble: nn.Module | None,
    dendrogram: DendrogramBuilder = build_dendrogram,
    longest: int = 0,
) -> LevelDecoder:
    """A decoder's name or function as the level loop calls it: (nodes, graph, prediction, tau) -> Decoding.

    Raises:
        ValueError: an unknown name, or "cut" without an ensemble.

    Example:
        >>> from workbench.graph import knn
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> nodes = Nodes.of_images(torch.eye(2))
        >>> decode = level_decoder("tree", similarity_predictor, knn, None)
        >>> decode(nodes, graph, similarity_predictor(nodes, graph), 0.5).clusters.tolist()
        [0, 0]
    """
    if decoder == "cut":
        if not isinstance(ensemble, QualityEnsemble):
            raise ValueError(
                "decoder: 'cut' needs a model with a quality ensemble, as the packaged 'general' has; "
                f"choose another of {', '.join(DECODERS)}"
            )
        return CutDecoder(ensemble, predict, build_graph, dendrogram, longest)
    plain = get_decoder(decoder)
    return lambda nodes, graph, prediction, tau: plain(graph, prediction, tau)


def knowing(decode: LevelDecoder, metric: Metric) -> LevelDecoder:
    """The decoder, told which metric has mapped the rows if it needs to know.

    Example:
        >>> knowing(print, Metric()) is print
        True
    """
    return replace(decode, metric=metric) if isinstance(decode, CutDecoder) else decode
