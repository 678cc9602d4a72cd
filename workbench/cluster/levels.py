"""What the level loop gives: its levels, and the hierarchy that they make up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .._core.memmap import take_rows
from .._core.validation import check_int
from ..decode.decoding import Decoding
from ..decode.quality import Quality
from ..graph.discriminant import Metric
from ..graph.distinct import DistinctRows
from ..graph.knn import KnnGraph
from ..lander.model import Prediction
from .constraints import Constraints
from .overlaps import overlaps


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
        repeats: at level 0, which images are the same; None where no two are.
        distinct: with repeats, the level as it was computed: its nodes are the distinct images.
        constraints: a person's answers, said of the nodes; None: none.
    """

    image: Int[Tensor, " n"]
    size: Int[Tensor, " n"]
    graph: KnnGraph
    prediction: Prediction
    decoding: Decoding
    labels: Int[Tensor, " images"]
    repeats: DistinctRows | None = None
    distinct: Level | None = None
    constraints: Constraints | None = None

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
        """Images of one cluster, 0 to n_clusters - 1."""
        check_int(cluster, "cluster", 0, self.n_clusters - 1)
        return (self.labels == cluster).nonzero()[:, 0]


@dataclass(frozen=True)
class Hierarchy:
    """All levels of one clustering, finest first.

    Attributes:
        levels: at least one; the last may have added no link, which is what ended the loop.
        stop_reason: why the loop ended: "no link added", "max_levels", "early stop", "one cluster" or "few nodes".
        features: the images' unit rows as they were compared [N, D].
        metric: what made them of the rows given.
        code: a number per image [N] by which equal rows are known (`row_codes`).
        recall: share of the true nearest neighbours that level 0's graph holds, estimated (`sampled_recall`).
        computed: where images repeat, the hierarchy of the distinct images, as it was computed (see `distinct`).
        unmapped: the unit rows as they came, of sets that are small enough to keep them: with later rows they give a
            map of all; None: the map stays.

    Example:
        >>> from workbench.cluster import build_hierarchy, similarity_predictor
        >>> from workbench.lander import InferenceConfig
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> tree = build_hierarchy(x, similarity_predictor, InferenceConfig(k=2, tau=0.9))
        >>> tree.labels.tolist(), tree.stop_reason
        ([0, 0, 1, 1], 'no link added')
    """

    levels: tuple[Level, ...]
    stop_reason: str
    features: Float[Tensor, "n d"]
    metric: Metric
    code: Int[Tensor, " images"]
    recall: float
    computed: Hierarchy | None = None
    unmapped: Float[Tensor, "n w"] | None = None

    @property
    def repeats(self) -> DistinctRows | None:
        """Which images are the same; None where no two are."""
        return self.levels[0].repeats

    @property
    def distinct(self) -> Hierarchy:
        """The hierarchy of the distinct images, as it was computed: this one where no image repeats."""
        return self.computed or self

    @property
    def group(self) -> Int[Tensor, " images"]:
        """The distinct image that each image equals, by its number among the distinct ones."""
        return self.levels[0].image if self.repeats is None else self.repeats.group

    def spread(self, values: Tensor) -> Tensor:
        """Values per distinct image [n, ...] -> per image [N, ...]."""
        return values if self.repeats is None else values[self.repeats.group]

    @property
    def learned_cut(self) -> tuple[Quality, Int[Tensor, " images"]] | None:
        """The predicted quality of the dendrogram's nodes, and the node that each image's cluster was cut as.

        None unless the clusters are those of a single level of the decoder "cut".
        """
        found = self.levels[0].decoding
        if found.quality is None or found.node is None or len(self.levels) > 1:
            return None
        return found.quality, found.node

    @cached_property
    def as_cut(self) -> Bool[np.ndarray, " images"]:
        """Which images are in a cluster as the learned cut made it: no answer of a person changed it."""
        own = np.zeros(self.n_clusters, dtype=bool)
        labels = self.labels.cpu().numpy()
        if self.learned_cut is not None:
            shared = overlaps(self.learned_cut[1].cpu().numpy(), labels)
            own[shared.other[shared.alike]] = True
        of_image: Bool[np.ndarray, " images"] = own[labels]
        return of_image

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
            >>> from workbench.cluster import build_hierarchy, similarity_predictor
            >>> from workbench.lander import InferenceConfig
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

    def to_networkx(self) -> Any:
        """The tree as a graph: nodes (level, cluster) with `size` and `peak`, edges from parent to child.

        Example:
            >>> from workbench.cluster import build_hierarchy, similarity_predictor
            >>> from workbench.lander import InferenceConfig
            >>> x = torch.eye(3)
            >>> build_hierarchy(x, similarity_predictor, InferenceConfig()).to_networkx().number_of_nodes()
            3
        """
        import networkx as nx  # imported here: few fits need it

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


def check_hierarchy(hierarchy: Any) -> Hierarchy:
    """The argument, if it is a hierarchy; the estimator that holds one is not.

    Raises:
        TypeError: something else.

    Example:
        >>> check_hierarchy(None)
        Traceback (most recent call last):
        TypeError: hierarchy: expected a Hierarchy, got NoneType; of a fitted model pass model.hierarchy_
    """
    if not isinstance(hierarchy, Hierarchy):
        raise TypeError(
            f"hierarchy: expected a Hierarchy, got {type(hierarchy).__name__}; of a fitted model pass model.hierarchy_"
        )
    return hierarchy


def of_all_images(tree: Hierarchy, repeats: DistinctRows | None, code: Int[Tensor, " images"]) -> Hierarchy:
    """The hierarchy of the distinct images as one of all images: at level 0 a copy's parent is the image it equals."""
    if repeats is None:
        return tree

    group = repeats.group
    size = torch.ones_like(group)  # images in each node of a level
    levels = []
    for i, level in enumerate(tree.levels):
        labels = level.labels[group]  # (images,)
        if i == 0:
            levels.append(_level_of_all_images(level, repeats))
        else:
            levels.append(replace(level, image=repeats.first[level.image], size=size, labels=labels))
        size = torch.bincount(labels, minlength=level.n_clusters)
    return Hierarchy(
        tuple(levels), tree.stop_reason, take_rows(tree.features, group), tree.metric, code, tree.recall, tree
    )


def _level_of_all_images(level: Level, repeats: DistinctRows) -> Level:
    image = torch.arange(len(repeats.group), device=repeats.group.device)
    prediction = Prediction(repeats.spread_links(level.prediction.linkage), level.prediction.density[repeats.group])
    return Level(
        image,
        torch.ones_like(image),
        repeats.spread_graph(level.graph),
        prediction,
        decoding_of_all_images(level.decoding, repeats),
        level.labels[repeats.group],
        repeats,
        level,
    )


def decoding_of_all_images(found: Decoding, repeats: DistinctRows) -> Decoding:
    """Clusters of distinct images -> clusters of all; a copy's parent is the first image equal to it."""
    group = repeats.group
    parent = None
    if found.parent is not None:
        parent = torch.where(repeats.is_copy, repeats.first[group], repeats.first[found.parent[group]])
    node = None if found.node is None else found.node[group]
    return Decoding(found.clusters[group], repeats.first[found.representative], parent, node, found.quality)
