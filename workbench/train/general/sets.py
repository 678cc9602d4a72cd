"""What the general model is trained on: sets with their graphs, and nodes of dendrograms with their true quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..._core.validation import check_int, check_unit_interval
from ...decode.aggregate import majority
from ...decode.dendrogram import build_dendrogram
from ...decode.edges import Edges
from ...decode.quality import true_quality
from ...decode.quality_features import quality_features
from ...graph.discriminant import Metric
from ...graph.distinct import DistinctRows
from ...graph.knn import KnnGraph, knn
from ...graph.nodes import Nodes
from ...lander.inputs import GraphInputs
from ...lander.model import Lander
from .kinds import draw_real_set
from .synthetic import Labelled, SyntheticConfig, draw_set


@dataclass(frozen=True)
class GeneralConfig:
    """How the general model is trained.

    Attributes:
        sets: training sets; each is seen whole, one after another.
        real: share of them that is drawn of real kinds, where these are given; the others of characters and Gaussians.
        small: share of these that have a few images of a kind only.
        k: neighbours in their graphs.
        epochs: passes over the sets for the links.
        learning_rate: at the start; falls to almost nothing along half a cosine.
        quality_epochs: passes over the nodes of all dendrograms for the ensemble.
        quality_rate: its learning rate at the start.
        batch: nodes per step of the ensemble.
        images: share of single images among those nodes that is trained on; they are half of all nodes and alike.
        weight: of the sets of real kinds together in the ensemble's loss; that of the others is 1 - weight.
        synthetic: what sets are drawn.
    """

    sets: int = 1120
    real: float = 4 / 7
    small: float = 0.25
    k: int = 15
    epochs: int = 3
    learning_rate: float = 3e-3
    quality_epochs: int = 4
    quality_rate: float = 2e-3
    batch: int = 8192
    images: float = 0.3
    weight: float = 0.8
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)

    def __post_init__(self) -> None:
        for name in ("sets", "k", "epochs", "quality_epochs", "batch"):
            check_int(getattr(self, name), name)
        for name in ("real", "small", "images", "weight"):
            check_unit_interval(getattr(self, name), name)


@dataclass(frozen=True)
class GeneralSet:
    """One training set as both stages read it; in half precision, because all are held in memory.

    Attributes:
        features: unit rows [n, d].
        labels: classes [n].
        graph: of k neighbours [n, k].
        nodes, edges: the model's inputs [n, ...], [n, k, ...].
    """

    features: Tensor
    labels: Tensor
    graph: KnnGraph
    nodes: Tensor
    edges: Tensor

    def inputs(self, device: torch.device) -> GraphInputs:
        """What the model reads of it, in full precision on a device."""
        graph = self.graph.to(device)
        full = KnnGraph(graph.neighbors.long(), graph.similarity)
        return GraphInputs(full, self.nodes.to(device).float(), self.edges.to(device).float())


def draw_sets(
    seeds: np.ndarray, real: bool, labelled: Sequence[Labelled], training: GeneralConfig, model: Lander
) -> list[GeneralSet]:
    """One training set per seed, with its exact graph and the model's inputs.

    Args:
        seeds: of the sets.
        real: drawn of real kinds (`draw_real_set`), else of characters or Gaussians (`draw_set`).
        labelled: the kinds, or the characters.
        training, model: see `train_general`.

    Rows are compared by cosine, though in use the general model maps them first (`graph.discriminant`). Links trained
    on mapped sets, whose classes overlap less, were tried: their linkages lay closer to 0 and 1 and were no better.
    """
    drawn = []
    for seed in seeds.tolist():
        if real:
            rows, labels = draw_real_set(seed, labelled, training.small)
        else:
            rows, labels = draw_set(seed, labelled, training.synthetic)
        graph = knn(rows, training.k, method="exact")
        inputs = model.inputs(Nodes.of_images(rows), graph)
        compact = KnnGraph(graph.neighbors.int(), graph.similarity)
        drawn.append(GeneralSet(rows.half(), labels, compact, inputs.nodes.half(), inputs.edges.half()))
    return drawn


Table = tuple[np.ndarray, np.ndarray, np.ndarray]


def quality_table(drawn: GeneralSet, metric: str, model: Lander, share: float) -> Table:
    """Features, true quality and weight of the nodes of a set's dendrogram; of single images only a share.

    Every set weighs the same, so that large ones do not decide alone. Rows that repeat are one image, as in use.

    Most rows are mapped, as the model compares them in use. Against an ensemble trained on unmapped rows BCubed F rose
    from .495 to .500 and pairwise F from .367 to .375, the mean of 18 sets of other kinds.
    """
    rows = drawn.features.float()
    labels = drawn.labels
    repeats = DistinctRows.of(rows)
    if repeats is not None:
        rows = rows[repeats.first]
        labels = majority(repeats.group, labels)
    rows = Metric.of(metric, rows)(rows)
    graph = knn(rows, drawn.graph.k, method="exact")
    linkage = model.linkage(Nodes.of_images(rows), graph)
    edges = Edges.of(graph, linkage)
    dendrogram = build_dendrogram(edges, rows)

    quality = true_quality(dendrogram, labels.numpy()).values
    weight = np.sqrt(dendrogram.size)  # between counting every node alike, mostly tiny ones, and every image alike
    # Seeded by the set's size, not by a shared generator: the same nodes whichever process the set goes to.
    kept = np.random.default_rng(len(rows)).random(dendrogram.n_nodes) < np.where(dendrogram.size > 1, 1, share)

    features = quality_features(dendrogram, edges, graph, linkage, rows).table.numpy()  # (nodes, 62)
    weight = weight / max(1.0, weight[kept].sum())  # of no node at all the sum is 0, else at least 1
    columns = (features, quality, weight)
    return tuple(column[kept].astype(np.float32) for column in columns)  # type: ignore[return-value]
