"""The level loop: graph, predict, decode, aggregate, and again, until no link is added.

Training, inference, oracle and the decode with no learning all use this one loop; they differ in who predicts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import networkx as nx
import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..decode.aggregate import aggregate
from ..decode.cuts import CutDecoder, cut_at
from ..decode.decoding import Decoder, Decoding
from ..decode.quality import QualityEnsemble
from ..decode.tree import DECODERS, get_decoder
from ..graph.discriminant import Metric
from ..graph.knn import KnnGraph, knn, precomputed
from ..graph.nodes import Nodes
from ..lander.config import InferenceConfig
from ..lander.model import Prediction
from .predictors import GraphBuilder, LevelDecoder, Predictor


@dataclass(frozen=True)
class Level:
    """One pass of the loop.

    Attributes:
        image: int64 [n], image whose feature is each node's identity feature.
        size: int64 [n], images in each node.
        graph: k-NN graph of the n nodes.
        prediction: linkage [n, k] and density [n].
        decoding: cluster of each node, representative of each cluster, parents.
        labels: int64 [N], cluster of each IMAGE after this level.
    """

    image: Int[Tensor, " n"]
    size: Int[Tensor, " n"]
    graph: KnnGraph
    prediction: Prediction
    decoding: Decoding
    labels: Int[Tensor, " images"]

    @property
    def n_nodes(self) -> int:
        """Nodes that entered this level."""
        return len(self.image)

    @property
    def n_clusters(self) -> int:
        """Clusters that left it."""
        return len(self.decoding.representative)

    @property
    def links_added(self) -> int:
        """Links kept at this level."""
        return self.decoding.n_links

    @property
    def peaks(self) -> Int[Tensor, " c"]:
        """Image that stands for each cluster."""
        return self.image[self.decoding.representative]

    def members(self, cluster: int) -> Int[Tensor, " m"]:
        """Images of one cluster."""
        return (self.labels == cluster).nonzero()[:, 0]


@dataclass(frozen=True)
class Hierarchy:
    """All levels of one clustering, finest first.

    Attributes:
        levels: at least one; the last may have added no link, which is what ended the loop.
        stop_reason: why the loop ended: "no link added", "max_levels", "early stop", "one cluster" or "few nodes".
        features: the images' unit rows as they were compared [N, D].
        metric: what made them of the rows given.

    Example:
        >>> import torch
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> tree = build_hierarchy(x, similarity_predictor, InferenceConfig(k=2, tau=0.9))
        >>> tree.labels.tolist(), tree.stop_reason
        ([0, 0, 1, 1], 'no link added')
    """

    levels: tuple[Level, ...]
    stop_reason: str
    features: Float[Tensor, "n d"]
    metric: Metric

    @property
    def labels(self) -> Int[Tensor, " images"]:
        """Cluster of each image after the last level."""
        return self.levels[-1].labels

    @property
    def n_clusters(self) -> int:
        """Clusters after the last level."""
        return self.levels[-1].n_clusters

    @property
    def layers(self) -> list[np.ndarray]:
        """Labels [N] after every level that changed anything, finest first; at least the first level."""
        kept = [level for i, level in enumerate(self.levels) if i == 0 or level.links_added]
        return [level.labels.cpu().numpy() for level in kept]

    def to_pandas(self) -> pd.DataFrame:
        """The tree, one row per cluster of each level: level, cluster, parent (its cluster a level up; -1 at the top),
        size (images), peak (image).

        Example:
            >>> import torch
            >>> from workbench.cluster import similarity_predictor
            >>> x = torch.eye(3)
            >>> build_hierarchy(x, similarity_predictor, InferenceConfig()).to_pandas()["size"].tolist()
            [1, 1, 1]
        """
        frames = []
        for i, labels in enumerate(self.layers):
            peaks = self.levels[i].peaks.cpu().numpy()
            above = self.layers[i + 1][peaks] if i + 1 < len(self.layers) else np.full(len(peaks), -1)
            columns = {"level": i, "cluster": np.arange(len(peaks)), "parent": above}
            frames.append(pd.DataFrame({**columns, "size": np.bincount(labels, minlength=len(peaks)), "peak": peaks}))
        return pd.concat(frames, ignore_index=True)

    def to_networkx(self) -> nx.DiGraph:
        """The tree as a graph: nodes (level, cluster) with `size` and `peak`, edges from parent to child.

        Example:
            >>> import torch
            >>> from workbench.cluster import similarity_predictor
            >>> x = torch.eye(3)
            >>> build_hierarchy(x, similarity_predictor, InferenceConfig()).to_networkx().number_of_nodes()
            3
        """
        tree = nx.DiGraph()
        for row in self.to_pandas().itertuples():
            tree.add_node((row.level, row.cluster), size=row.size, peak=row.peak)
            if row.parent >= 0:
                tree.add_edge((row.level + 1, row.parent), (row.level, row.cluster))
        return tree

    def summary(self) -> pd.DataFrame:
        """What happened at each level: nodes in, k, links added, clusters out."""
        rows = []
        for i, level in enumerate(self.levels):
            row = {"level": i, "nodes": level.n_nodes, "k": level.graph.k}
            rows.append({**row, "links_added": level.links_added, "clusters": level.n_clusters})
        return pd.DataFrame(rows)


def build_hierarchy(
    features: Float[Tensor, "n d"],
    predict: Predictor,
    settings: InferenceConfig,
    *,
    ensemble: nn.Module | None = None,
    graph: GraphBuilder | None = None,
    mapped: Metric | None = None,
) -> Hierarchy:
    """Cluster level by level.

    Formula: the metric maps the features; level l: G = knn(identity or average features); (r, d) = predict(nodes, G);
    clusters = decode(G, r, d, tau); nodes of level l + 1 = aggregate(clusters). It ends when a level adds no link,
    leaves one cluster, is the last of `max_levels`, or (early_stop) links of the last level / links of this one < k.

    Args:
        features: unit rows of the images [n, d]; everything runs on their device.
        predict: (nodes, graph) -> linkage and density: `Lander.predict`, `similarity_predictor` or
            `oracle_predictor(labels)`.
        settings: metric, k, tau, decoder and stopping rules.
        ensemble: `Lander.ensemble`; needed by the decoder "cut".
        graph: (features of the nodes, k) -> KnnGraph, in place of `knn`; e.g. to give neighbour lists from elsewhere.
        mapped: the metric that has mapped the features; None: one is fitted to them here, and maps them.

    Raises:
        ValueError: an unknown decoder, or "cut" without an ensemble.

    Example:
        >>> import torch
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.rand(20, 4, generator=torch.Generator().manual_seed(0)), dim=1)
        >>> build_hierarchy(x, similarity_predictor, InferenceConfig(k=3, tau=1.0)).n_clusters
        20

    Source: paper section 3 and algorithm 1.
    """
    search = graph or knn
    decode = level_decoder(settings.decoder, predict, search, ensemble)
    metric = mapped or Metric.of(settings.metric, features)
    rows = features if mapped else metric(features)
    return _run_levels(rows, metric, predict, decode, settings, search)


def _run_levels(
    features: Float[Tensor, "n d"],
    metric: Metric,
    predict: Predictor,
    decode: LevelDecoder,
    settings: InferenceConfig,
    search: GraphBuilder,
) -> Hierarchy:
    """The level loop, on mapped features."""
    nodes = Nodes.of_images(features)
    labels = nodes.image
    levels: list[Level] = []
    while True:
        graph = search(nodes.identity if settings.search == "identity" else nodes.center, settings.k)
        prediction = predict(nodes, graph)
        decoding = decode(nodes, graph, prediction, settings.tau)
        labels = decoding.clusters[labels]
        levels.append(Level(nodes.image, nodes.size, graph, prediction, decoding, labels))
        if reason := _stop_reason(levels, settings):
            return Hierarchy(tuple(levels), reason, features, metric)
        nodes = aggregate(features, labels, nodes.image[decoding.representative], levels[0].graph)


def level_decoder(
    decoder: str | Decoder, predict: Predictor, search: GraphBuilder, ensemble: nn.Module | None
) -> LevelDecoder:
    """A decoder's name or function as the level loop calls it: (nodes, graph, prediction, tau) -> Decoding.

    Raises:
        ValueError: an unknown name, or "cut" without an ensemble.

    Example:
        >>> import torch
        >>> from workbench.cluster import similarity_predictor
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
        return CutDecoder(ensemble, predict, search)
    plain = get_decoder(decoder)
    return lambda nodes, graph, prediction, tau: plain(graph, prediction, tau)


def decode_level(level: Level, decoder: str | Decoder, tau: float) -> Decoding:
    """The clusters of a level at another tau; its graph, prediction and quality do not depend on it.

    Example:
        >>> import torch
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> level = build_hierarchy(x, similarity_predictor, InferenceConfig(k=2, tau=1.0)).levels[0]
        >>> level.n_clusters, len(decode_level(level, "tree", 0.9).representative)
        (4, 2)
    """
    if level.decoding.quality is not None:
        return cut_at(level.graph, level.prediction, level.decoding.quality, tau)
    return get_decoder(decoder)(level.graph, level.prediction, tau)


def rebuild(
    hierarchy: Hierarchy,
    predict: Predictor,
    settings: InferenceConfig,
    tau: float,
    *,
    ensemble: nn.Module | None = None,
) -> Hierarchy:
    """The hierarchy at another tau: metric, graph and prediction of level 0, which do not depend on tau, are taken
    over, the levels above run anew.

    Args:
        hierarchy: at any tau.
        predict: who predicted it: a LANDER's `predict`, or another predictor.
        settings: k, decoder and stopping rules; their tau is replaced.
        tau: in [0, 1].
        ensemble: as in `build_hierarchy`.

    Example:
        >>> import torch
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> settings = InferenceConfig(k=2, tau=0.9)
        >>> rebuild(build_hierarchy(x, similarity_predictor, settings), similarity_predictor, settings, 0.05).n_clusters
        1
    """
    first = hierarchy.levels[0]
    search = precomputed(first.graph)
    decode_anew = level_decoder(settings.decoder, predict, search, ensemble)

    def is_first(nodes: Nodes) -> bool:
        return len(nodes.image) == first.n_nodes  # above level 0 there are fewer

    def guess(nodes: Nodes, graph: KnnGraph) -> Prediction:
        return first.prediction if is_first(nodes) else predict(nodes, graph)

    def decode(nodes: Nodes, graph: KnnGraph, prediction: Prediction, tau: float) -> Decoding:
        if is_first(nodes):
            return decode_level(first, settings.decoder, tau)
        return decode_anew(nodes, graph, prediction, tau)

    changed = replace(settings, tau=tau)
    return _run_levels(hierarchy.features, hierarchy.metric, guess, decode, changed, search)


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
