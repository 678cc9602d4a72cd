"""Decoders that cut a dendrogram: where the predicted quality is best (models with a quality ensemble), or by a
criterion without learning.

The tree decode follows single links; these weigh all links between two clusters together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from .._core.memmap import take_rows
from .._core.validation import check_unit_interval
from ..graph.discriminant import Metric
from ..graph.knn import KnnGraph
from ..graph.nodes import Nodes
from ..lander.model import Prediction
from .cut_criteria import excess_of_mass, map_equation
from .decoding import Decoder, Decoding, by_densest, components
from .dendrogram import Dendrogram, build_dendrogram
from .edges import Edges
from .near_duplicates import are_unlinked, crowding_near_duplicates, expand_near_duplicates, groups_apart
from .parts import expected_f, is_better_alone, parts_of, with_parts
from .quality import Quality, QualityEnsemble, leaves_alone
from .quality_features import quality_features

# Chosen on large round and stretched classes (.1 and more of the likely links severed where these fell apart) and on
# kinds and unions of kinds by models that had not seen them (.07 at most).
LIKELY = 0.75
SEVERED = 0.1
LINKS = 2**25  # of longer lists, and of sets that are looked at by parts: some 3 GB with all that is computed of them

UNMAPPED = Metric()

_Level = tuple[Nodes, KnnGraph, Tensor]  # nodes, their graph, linkages


@dataclass(frozen=True)
class CutDecoder:
    """The decode of models with a quality ensemble: the clusters of highest predicted quality.

    Formula: among all cuts of the dendrogram the one that maximises sum_C |C| q_w(C), q_w the predicted mean over the
    cluster's images of 1 / (w / precision + (1 - w) / recall); at w = 0.5 of BCubed F per image.

    Attributes:
        ensemble: predicts the quality of a dendrogram's nodes.
        predict: (nodes, graph) -> Prediction: who gave the linkages. Asked again where near-duplicates crowd the lists
            of neighbours: then each group of them counts as one node, with lists and linkages anew.
        knn: (rows, k) -> KnnGraph: who builds that graph.
        dendrogram: (edges, rows) -> Dendrogram: who merges.
        longest: neighbours up to which lists are made longer; see `InferenceConfig`.
        metric: that has mapped the rows; a part that is a set of its own is mapped anew.

    Example:
        >>> from workbench.graph import knn
        >>> from workbench.cluster import load_lander
        >>> model = load_lander("general")
        >>> x = torch.nn.functional.normalize(torch.randn(90, 8, generator=torch.Generator().manual_seed(0)), dim=1)
        >>> nodes, graph = Nodes.of_images(x), knn(x, k=15)
        >>> decode = CutDecoder(model.ensemble, model.predict, knn)
        >>> len(decode(nodes, graph, model.predict(nodes, graph), 0.5).clusters)
        90
    """

    ensemble: QualityEnsemble
    predict: Callable[[Nodes, KnnGraph], Prediction]
    knn: Callable[[Tensor, int], KnnGraph]
    dendrogram: Callable[[Edges, Tensor], Dendrogram] = build_dendrogram
    longest: int = 0
    metric: Metric = UNMAPPED

    def __call__(self, nodes: Nodes, graph: KnnGraph, prediction: Prediction, precision_weight: float) -> Decoding:
        """The clusters of one level's nodes.

        Args:
            nodes: n of them.
            graph: theirs.
            prediction: of that graph.
            precision_weight: in [0, 1], what precision counts against recall; higher gives finer clusters.
        """
        quality = self.quality(nodes, graph, prediction)
        return cut_at(graph, prediction, quality, precision_weight)

    def quality(self, nodes: Nodes, graph: KnnGraph, prediction: Prediction) -> Quality:
        """The dendrogram of the nodes and the predicted quality of each of its nodes."""
        groups = groups_apart(graph)
        if groups is not None:
            (thinned, links, linkage), group = self._thinned(nodes, graph.k, groups)
            if are_unlinked(linkage):
                return expand_near_duplicates(self._all_alone(thinned, links, linkage), group)

        stands_for = crowding_near_duplicates(graph)
        if stands_for is None:
            return self._best_quality(nodes, graph, prediction.linkage)
        level, group = self._thinned(nodes, graph.k, stands_for)
        return expand_near_duplicates(self._quality_of_thinned(*level, graph.n), group)

    def _quality_of_thinned(self, nodes: Nodes, graph: KnnGraph, linkage: Tensor, n: int) -> Quality:
        """The quality for those that stand for n nodes in all."""
        if 2 * graph.n >= n:
            return self._best_quality(nodes, graph, linkage)
        if are_unlinked(linkage):  # they are classes, among images that are alone
            return self._all_alone(nodes, graph, linkage)
        return self._quality_of(nodes, graph, linkage)

    def _all_alone(self, nodes: Nodes, graph: KnnGraph, linkage: Tensor) -> Quality:
        return leaves_alone(self.dendrogram(Edges.of(graph, linkage), nodes.center))

    def _thinned(self, nodes: Nodes, k: int, stands_for: Tensor) -> tuple[_Level, Int64[np.ndarray, " n"]]:
        """The nodes that stand for others, with graph and linkages; and which of them stands for each node."""
        kept, group = stands_for.unique(return_inverse=True)
        thinned = replace(Nodes.of_images(nodes.center[kept]), image=nodes.image[kept])
        graph = self.knn(thinned.center, k)
        return (thinned, graph, self.predict(thinned, graph).linkage), group.cpu().numpy()

    def _best_quality(self, nodes: Nodes, graph: KnnGraph, linkage: Tensor) -> Quality:
        """The quality: of longer lists where links contradict it, and of parts as sets of their own."""
        return self._by_parts(nodes, graph.k, self._agreeing_quality(nodes, graph, linkage))

    def _agreeing_quality(self, nodes: Nodes, graph: KnnGraph, linkage: Tensor) -> Quality:
        """The quality; with longer lists where the best cut would sever links that are likely.

        Of large classes in few dimensions short lists show small pieces only. Twice the neighbours join them, at most
        half of all nodes, and no more links than memory holds.
        """
        quality = self._quality_of(nodes, graph, linkage)
        most = min(self.longest, graph.n // 2, LINKS // max(1, graph.n))
        if 2 * graph.k > most:
            return quality
        while severs_likely_links(graph, linkage, quality):
            longer = self.knn(nodes.center, 2 * graph.k) if 2 * graph.k <= most else graph
            if longer.k <= graph.k:  # they are long, or come from elsewhere
                warnings.warn(
                    "X: the best cut severs likely links, so it is not known how fine the clusters are; compare "
                    "metric='cosine', other tau, or decoder='excess-of-mass'",
                    stacklevel=2,
                )
                break
            graph = longer
            linkage = self.predict(nodes, graph).linkage
            quality = self._quality_of(nodes, graph, linkage)
        return quality

    def _by_parts(self, nodes: Nodes, k: int, quality: Quality) -> Quality:
        """The quality in which each part that no link ties to the rest is a set of its own, where that is expected to
        have the higher F."""
        if quality.dendrogram.n * k > LINKS:
            return quality
        expected = expected_f(quality)
        better = []
        for rows in parts_of(quality.dendrogram):
            index = torch.from_numpy(rows).to(nodes.image.device)
            metric, features = self.metric.anew(take_rows(nodes.center, index))
            part = replace(Nodes.of_images(features), image=nodes.image[index])
            graph = self.knn(features, k)
            alone = self._quality_of(part, graph, self.predict(part, graph).linkage)
            alone = replace(self, metric=metric)._by_parts(part, k, alone)
            if is_better_alone(alone, expected[rows]):
                better.append((rows, alone))
        return with_parts(quality, better)

    def _quality_of(self, nodes: Nodes, graph: KnnGraph, linkage: Tensor) -> Quality:
        edges = Edges.of(graph, linkage)
        rows = nodes.center
        dendrogram = self.dendrogram(edges, rows)
        features = quality_features(dendrogram, edges, graph, linkage, rows)
        return self.ensemble.predict(dendrogram, features)


def severs_likely_links(graph: KnnGraph, linkage: Tensor, quality: Quality) -> bool:
    """Whether more than a tenth of the links of linkage 0.75 and more run between clusters of the best cut.

    Then links and quality contradict each other. Fewer likely links than half of the nodes say nothing.

    Example:
        >>> from workbench.decode import true_quality
        >>> graph = KnnGraph.from_arrays([[1], [0], [3], [2]], [[0.9]] * 4)
        >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(4))
        >>> severs_likely_links(graph, graph.similarity, true_quality(dendrogram, np.arange(4)))
        True
    """
    likely = linkage >= LIKELY
    if 2 * likely.sum() < graph.n:
        return False
    cluster = torch.from_numpy(quality.cut(0.5).node).to(linkage.device)
    severed = likely & (cluster[graph.padded] != cluster[:, None])
    return bool(severed.sum() > SEVERED * likely.sum())


def cut_at(graph: KnnGraph, prediction: Prediction, quality: Quality, precision_weight: float) -> Decoding:
    """The best cut at a precision weight, of a quality that is known; exact duplicates share a cluster, which its
    densest node represents.

    Example:
        >>> import numpy as np
        >>> from workbench.decode import true_quality
        >>> graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
        >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(3))
        >>> truth = true_quality(dendrogram, np.array([7, 7, 8]))
        >>> cut_at(graph, Prediction.of(graph, graph.similarity), truth, 0.5).clusters.tolist()
        [0, 0, 1]
    """
    found = _clusters_of(graph, prediction.density, torch.from_numpy(quality.cut(precision_weight).node))
    return replace(found, quality=quality)


def cut_layers(graph: KnnGraph, prediction: Prediction, quality: Quality, precision_weight: float) -> list[Decoding]:
    """`cut_at` with the nested cuts around it, finest first (`Quality.layers`)."""
    return [
        _clusters_of(graph, prediction.density, torch.from_numpy(cut.node)) for cut in quality.layers(precision_weight)
    ]


def decode_map_equation(graph: KnnGraph, prediction: Prediction, threshold: float) -> Decoding:
    """The cut of the dendrogram that describes a random walk along linkage in the fewest bits; see `cut_criteria`.

    Args:
        graph, prediction: see `decode_tree`.
        threshold: links with linkage <= threshold are dropped before the walk.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0], [3], [2]], [[0.9], [0.9], [0.8], [0.8]])
        >>> decode_map_equation(graph, Prediction(graph.similarity, torch.zeros(4)), 0.0).clusters.tolist()
        [0, 0, 1, 1]
    """
    edges = _edges_above(graph, prediction.linkage, threshold)
    dendrogram = _bare_dendrogram(edges)
    values = edges.sums.new_zeros(dendrogram.n_nodes, 2)
    values[: edges.n, 0] = edges.at_images()[:, 0]  # linkage of the edges at each image
    values[edges.n :, 1] = dendrogram.columns["weight"]
    volume, inner = dendrogram.subtrees.sums(values).T  # (nodes,) each
    _, node, _ = map_equation(dendrogram, volume, inner)
    return _clusters_of(graph, prediction.density, node)


def decode_excess_of_mass(graph: KnnGraph, prediction: Prediction, threshold: float) -> Decoding:
    """The cut of the dendrogram with the most excess of mass, as HDBSCAN chooses clusters; see `cut_criteria`.

    Args:
        graph, prediction: see `decode_tree`.
        threshold: links with linkage <= threshold are dropped first.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> decode_excess_of_mass(graph, Prediction(graph.similarity, torch.zeros(2)), 0.0).clusters.tolist()
        [0, 0]
    """
    dendrogram = _bare_dendrogram(_edges_above(graph, prediction.linkage, threshold))
    _, node, _ = excess_of_mass(dendrogram)
    return _clusters_of(graph, prediction.density, node)


def _edges_above(graph: KnnGraph, linkage: Tensor, threshold: float) -> Edges:
    return Edges.of(graph, linkage * (linkage > check_unit_interval(threshold, "tau")))


def _bare_dendrogram(edges: Edges) -> Dendrogram:
    """The dendrogram where nobody reads the features' products."""
    return build_dendrogram(edges, torch.zeros(edges.n, 1, device=edges.sums.device))


def _clusters_of(graph: KnnGraph, density: Tensor, node: Int64[Tensor, " n"]) -> Decoding:
    """Clusters named by nodes of a dendrogram, exact duplicates joined, each represented by its densest image."""
    name = node.to(density.device)
    duplicate = graph.duplicates
    if duplicate.any():
        name = name[components(graph, duplicate)]

    clusters, representative, _ = by_densest(name, density)
    return Decoding(clusters, representative, parent=None, node=name)


UNLEARNED_CUTS: dict[str, Decoder] = {"map-equation": decode_map_equation, "excess-of-mass": decode_excess_of_mass}
