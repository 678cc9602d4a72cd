"""The level loop: graph, predict, decode, aggregate, and again, until no link is added.

Training, inference, oracle and the decode with no learning all use this one loop; they differ in who predicts.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor, nn

from .._core.memmap import take_rows
from .._core.rows import check_unit_rows
from .._core.runtime import usual_torch
from ..decode.aggregate import aggregate
from ..decode.cuts import cut_at, cut_layers
from ..decode.decoding import Decoder, Decoding, components
from ..decode.dendrogram import build_dendrogram
from ..decode.tree import OFFICIAL, get_decoder
from ..graph.discriminant import SAMPLE, Metric, near_rows
from ..graph.distinct import DistinctRows, row_codes
from ..graph.knn import KnnGraph, knn, precomputed
from ..graph.nodes import Nodes
from ..graph.recall import sampled_recall
from ..lander.config import InferenceConfig
from ..lander.model import Prediction
from .constraints import Constraints, enforce, enforce_layers
from .levels import Hierarchy, Level, decoding_of_all_images, of_all_images
from .predictors import (
    DendrogramBuilder,
    GraphBuilder,
    LevelDecoder,
    Predictor,
    checked_builder,
    knowing,
    level_decoder,
)

LOW_RECALL = 0.9  # below, a fit warns


def build_hierarchy(
    features: Any,
    predict: Predictor,
    settings: InferenceConfig,
    *,
    ensemble: nn.Module | None = None,
    graph: GraphBuilder | None = None,
    dendrogram: DendrogramBuilder = build_dendrogram,
    mapped: Metric | None = None,
    whitening: Float[Tensor, "w w"] | None = None,
    constraints: Constraints | None = None,
) -> Hierarchy:
    """Cluster level by level.

    Images that are the same, or differ by rounding only (cosine over 1 - 1e-6), are one node and share all results:
    copies would fill each other's lists of neighbours. The official decoders ("tree-strict", "tree-similarity") alone
    keep them, as the official code does, and warn.

    Formula: the metric maps the features; level l: G = knn(averages of length 1, or identities: `settings.search`);
    (r, d) = predict(nodes, G); clusters = decode(G, r, d, tau); nodes of level l + 1 = aggregate(clusters). It ends
    when a level adds no link, leaves one cluster, is the last of `max_levels`, or (early_stop) links of the
    last level / links of this one < k.

    Args:
        features: unit rows of the images [n, d], a tensor or an array; everything runs on their device.
        predict: (nodes, graph) -> Prediction: `Lander.predict`, `similarity_predictor`, `oracle_predictor(labels)`.
        settings: metric, k, tau, decoder and stopping rules.
        ensemble: `Lander.ensemble`; needed by the decoder "cut".
        graph: (features of the nodes, k) -> KnnGraph, in place of `knn`; e.g. to give neighbour lists from elsewhere.
        dendrogram: (edges, features) -> Dendrogram: who merges for the decoder "cut".
        mapped: the metric that has mapped the features; None: one is fitted to them here, and maps them.
        whitening: `Lander.whitening`, which the metric that is fitted here starts with.
        constraints: a person's answers on the images, which every level honours.

    Raises:
        ValueError: rows of another length than 1, an unknown decoder, "cut" without an ensemble, or a cannot-link
            between rows that are the same.

    Example:
        >>> import torch
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.rand(20, 4, generator=torch.Generator().manual_seed(0)), dim=1)
        >>> build_hierarchy(x, similarity_predictor, InferenceConfig(k=3, tau=1.0)).n_clusters
        20

    Source: paper section 3 and algorithm 1.
    """
    if not isinstance(settings, InferenceConfig):
        raise TypeError(f"settings: expected an InferenceConfig, got {type(settings).__name__}")
    features = check_unit_rows(features)
    if not len(features):
        raise ValueError("features: expected at least one row, got none")
    unmapped = features if mapped is None and len(features) <= SAMPLE else None
    with usual_torch():  # as a decorator it would hold the features to the end
        build_graph = knn if graph is None else checked_builder(graph)
        decode = level_decoder(settings.decoder, predict, build_graph, ensemble, dendrogram, settings.longest)
        code = row_codes(features)
        repeats = _repeats(features, code, settings)

        # One name for the rows before and after: those that are not needed any more are freed.
        rows = features if repeats is None else take_rows(features, repeats.first)
        del features
        if mapped is None:
            rows, repeats, mapped = _mapped(rows, repeats, settings, whitening, build_graph)
        decode = knowing(decode, mapped)
        first = build_graph(rows, settings.k)

        if settings.decoder not in OFFICIAL and (copies := _copies(first)) is not None:
            rows = take_rows(rows, copies.first)
            repeats = copies.within(repeats)
            first = build_graph(rows, settings.k)

        answers = _of_distinct(constraints, repeats)
        start = _Start(rows, mapped, first, _checked_recall(rows, first), repeats, code, answers)
        return replace(_run_levels(start, predict, decode, settings, build_graph), unmapped=unmapped)


def _mapped(
    rows: Float[Tensor, "n d"],
    repeats: DistinctRows | None,
    settings: InferenceConfig,
    whitening: Float[Tensor, "w w"] | None,
    build_graph: GraphBuilder,
) -> tuple[Float[Tensor, "m e"], DistinctRows | None, Metric]:
    """The rows by a metric that is fitted to them, without copies that rounding hid before: these would change it."""
    near = None
    if settings.metric == "discriminant" and settings.decoder not in OFFICIAL:
        near = near_rows(rows)
        if near[1].duplicates.any() and (copies := _copies(build_graph(rows, settings.k))) is not None:
            rows = take_rows(rows, copies.first)
            repeats = copies.within(repeats)
            near = None
    metric = Metric.of(settings.metric, rows, whitening, near)
    return metric(rows), repeats, metric


@dataclass(frozen=True)
class _Start:
    """What level 0 starts from: mapped features of the distinct images with their graph, which images these are, and
    what a person has said of them."""

    features: Float[Tensor, "n d"]
    metric: Metric
    graph: KnnGraph
    recall: float
    repeats: DistinctRows | None
    code: Int[Tensor, " images"]
    constraints: Constraints | None = None


def _of_distinct(constraints: Constraints | None, repeats: DistinctRows | None) -> Constraints | None:
    """Answers on images -> on the distinct ones."""
    if constraints is None or constraints.empty:
        return None
    if repeats is None:
        return constraints
    group = repeats.group.cpu().numpy()
    constraints.check(group)
    return constraints.of_nodes(group)


def _checked_recall(rows: Float[Tensor, "n d"], graph: KnnGraph) -> float:
    """The recall of a graph; warned of where it is low."""
    recall = sampled_recall(rows, graph)
    if recall < LOW_RECALL:
        warnings.warn(
            f"X: the search for neighbours found about {recall:.0%} of the nearest ones of these {graph.n:,} rows, so "
            "clusters may fall apart; search exactly: on a GPU (device='cuda'), or by "
            "build_hierarchy(..., graph=functools.partial(workbench.knn, method='exact'))",
            UserWarning,
            stacklevel=3,
        )
    return recall


def _copies(graph: KnnGraph) -> DistinctRows | None:
    """Which distinct rows differ by rounding only; None: none."""
    if not graph.duplicates.any():
        return None
    return DistinctRows(*components(graph, graph.duplicates).unique(return_inverse=True))


def _repeats(features: Float[Tensor, "n d"], code: Int[Tensor, " n"], settings: InferenceConfig) -> DistinctRows | None:
    """Which images are to be one node; None: none."""
    if settings.decoder not in OFFICIAL:
        return DistinctRows.nearly(features)
    found = DistinctRows.of(features, code)
    if found is None:
        return None
    n = len(found.group)
    warnings.warn(
        f"X: {n - len(found.first):,} of {n:,} rows repeat another row; decoder {settings.decoder!r} (published) keeps "
        "them all, as the official code does, and their copies fill the lists of neighbours; drop them, or use another "
        "decoder, which counts each distinct row once",
        UserWarning,
        stacklevel=3,
    )
    return None


def _run_levels(
    start: _Start, predict: Predictor, decode: LevelDecoder, settings: InferenceConfig, build_graph: GraphBuilder
) -> Hierarchy:
    """The level loop on the distinct images; then results for all images."""
    features = start.features
    nodes = Nodes.of_images(features)
    image = nodes.image  # among the distinct ones
    row = image if start.repeats is None else start.repeats.first
    nodes = replace(nodes, image=row)
    graph = start.graph
    labels = image
    levels: list[Level] = []
    while True:
        prediction = predict(nodes, graph)
        decoding = decode(nodes, graph, prediction, settings.tau)
        answers = None
        if start.constraints is not None:
            answers = start.constraints.of_nodes(nodes.members.cpu().numpy())
            decoding = enforce(decoding, graph, prediction, answers)
        labels = decoding.clusters[labels]
        levels.append(Level(image, nodes.size, graph, prediction, decoding, labels, constraints=answers))
        if reason := _stop_reason(levels, settings):
            tree = Hierarchy(tuple(levels), reason, features, start.metric, start.code[row], start.recall)
            return of_all_images(tree, start.repeats, start.code)
        image = image[decoding.representative]
        # Who predicts from labels knows images by their numbers among all.
        nodes = replace(aggregate(features, labels, image, start.graph, len(levels)), image=row[image])
        graph = build_graph(nodes.identity if settings.search == "identity" else nodes.center, settings.k)


def decode_level(level: Level, decoder: str | Decoder, tau: float) -> Decoding:
    """The clusters of a level at another tau; its graph, prediction and quality do not depend on it, and a person's
    answers hold at any.

    Example:
        >>> import torch
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> level = build_hierarchy(x, similarity_predictor, InferenceConfig(k=2, tau=1.0)).levels[0]
        >>> level.n_clusters, len(decode_level(level, "tree", 0.9).representative)
        (4, 2)
    """
    if level.repeats is not None and level.distinct is not None:
        return decoding_of_all_images(decode_level(level.distinct, decoder, tau), level.repeats)
    if level.constraints is not None:
        free = decode_level(replace(level, constraints=None), decoder, tau)
        return enforce(free, level.graph, level.prediction, level.constraints)
    if level.decoding.quality is not None:
        return cut_at(level.graph, level.prediction, level.decoding.quality, tau)
    return get_decoder(decoder)(level.graph, level.prediction, tau)


@usual_torch()
def rebuild(
    hierarchy: Hierarchy,
    predict: Predictor,
    settings: InferenceConfig,
    tau: float,
    *,
    ensemble: nn.Module | None = None,
    constraints: Constraints | None = None,
) -> Hierarchy:
    """The hierarchy at another tau or with other answers of a person.

    Metric, graph, prediction and dendrogram of level 0 depend on neither and are taken over; the levels above run anew.

    Args:
        hierarchy: at any tau.
        predict: who predicted it: a LANDER's `predict`, or another predictor.
        settings: k, decoder and stopping rules; their tau is replaced.
        tau: in [0, 1].
        ensemble: as in `build_hierarchy`.
        constraints: on the images, in place of those of the hierarchy; None: those stay.

    Example:
        >>> import torch
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> settings = InferenceConfig(k=2, tau=0.9)
        >>> rebuild(build_hierarchy(x, similarity_predictor, settings), similarity_predictor, settings, 0.05).n_clusters
        1
    """
    computed = hierarchy.distinct
    first = computed.levels[0]
    answers = first.constraints if constraints is None else _of_distinct(constraints, hierarchy.repeats)
    first = replace(first, constraints=None)  # decoded without answers, which the level loop then enforces
    build_graph = precomputed(first.graph)
    decode_anew = level_decoder(settings.decoder, predict, build_graph, ensemble, longest=settings.longest)
    decode_anew = knowing(decode_anew, computed.metric)

    def guess(nodes: Nodes, graph: KnnGraph) -> Prediction:
        return predict(nodes, graph) if nodes.level else first.prediction

    def decode(nodes: Nodes, graph: KnnGraph, prediction: Prediction, tau: float) -> Decoding:
        if nodes.level:
            return decode_anew(nodes, graph, prediction, tau)
        return decode_level(first, settings.decoder, tau)

    changed = replace(settings, tau=tau)
    start = _Start(
        computed.features, computed.metric, first.graph, hierarchy.recall, hierarchy.repeats, hierarchy.code, answers
    )
    return replace(_run_levels(start, guess, decode, changed, build_graph), unmapped=hierarchy.unmapped)


def nested_layers(tree: Hierarchy, tau: float) -> list[np.ndarray]:
    """Labels of all images after each level, finest first; of a single level of the learned cut, at tau and around it.

    Example:
        >>> import torch
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.eye(3)
        >>> tree = build_hierarchy(x, similarity_predictor, InferenceConfig())
        >>> [layer.tolist() for layer in nested_layers(tree, 0.5)]
        [[0, 1, 2]]
    """
    cut = tree.distinct.learned_cut
    if cut is None:
        return tree.layers
    first = tree.distinct.levels[0]
    layers = cut_layers(first.graph, first.prediction, cut[0], tau)
    if first.constraints is not None:
        layers = enforce_layers(layers, first.decoding, first.graph, first.prediction, first.constraints)
    return [tree.spread(layer.clusters).cpu().numpy() for layer in layers]


def _stop_reason(levels: list[Level], settings: InferenceConfig) -> str:
    """Why no further level is run; empty to go on."""
    last = levels[-1]
    if last.links_added == 0:
        return "no link added"
    if last.n_clusters == 1:
        return "one cluster"
    if len(levels) == settings.max_levels:
        return "max_levels"
    if settings.early_stop and len(levels) > 1 and levels[-2].links_added / last.links_added < settings.k:
        return "early stop"
    if settings.complete_lists and last.n_clusters <= settings.k + 1:
        return "few nodes"
    return ""
