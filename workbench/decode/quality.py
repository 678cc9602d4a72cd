"""The learned cut: how good every node of a dendrogram would be as a cluster, predicted without labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from .._core.progress import progress_bar
from .._core.validation import check_unit_interval
from ._numba_classes import class_overlaps
from .dendrogram import NEVER, Cut, Dendrogram
from .quality_features import QUALITY_FEATURES, QualityFeatures

PRECISION_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # what is predicted; in between it is interpolated
LAYERS = (0.9, 0.7, 0.3, 0.1)  # precision weights of the cuts shown beside the chosen one

# Of the networks. BCubed F over 18 sets is .500 with these, .499 at width 32, .503 at 128, .499 without dropout.
HIDDEN = 64
DROPOUT = 0.1


@dataclass(frozen=True)
class Quality:
    """A dendrogram and how good each of its nodes would be as a cluster.

    Attributes:
        dendrogram: n images, m merges.
        values: [nodes, 5], quality at each of `PRECISION_WEIGHTS`.
        possible: bool [nodes], whether a cluster can be made of the node at all; None: of every node.

    The quality of cluster C at precision weight w is the mean over its images i of 1 / (w / P_i + (1 - w) / R_i), with
    P_i = |C & K_i| / |C|, R_i = |C & K_i| / |K_i|, K_i the class of i: recall at 0, F at 0.5, precision at 1 (BCubed).

    Example:
        >>> from workbench.decode import Edges, build_dendrogram
        >>> from workbench.graph import KnnGraph
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(2))
        >>> true_quality(dendrogram, np.array([0, 0])).cut(0.5).node.tolist()
        [2, 2]
    """

    dendrogram: Dendrogram
    values: Float[np.ndarray, "nodes weights"]
    possible: Bool[np.ndarray, " nodes"] | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.values).all():
            raise ValueError("quality: expected finite numbers, got others; are the ensemble's weights finite?")

    @property
    def precision(self) -> Float[np.ndarray, " nodes"]:
        """Predicted BCubed precision of every node as one cluster."""
        return self.values[:, -1]

    @property
    def recall(self) -> Float[np.ndarray, " nodes"]:
        """Predicted BCubed recall of every node as one cluster."""
        return self.values[:, 0]

    @property
    def allowed(self) -> Bool[np.ndarray, " nodes"]:
        """`possible`, all True where it is None."""
        return np.ones(self.dendrogram.n_nodes, bool) if self.possible is None else self.possible

    def at(self, precision_weight: float) -> Float[np.ndarray, " nodes"]:
        """Quality of every node at any precision weight in [0, 1], linear between two of `PRECISION_WEIGHTS`."""
        weight = check_unit_interval(precision_weight, "tau")
        place = weight * (len(PRECISION_WEIGHTS) - 1)
        low = min(int(place), len(PRECISION_WEIGHTS) - 2)
        share = place - low
        quality: Float[np.ndarray, " nodes"] = (1 - share) * self.values[:, low] + share * self.values[:, low + 1]
        return quality

    def cut(self, precision_weight: float) -> Cut:
        """The clusters of highest quality, summed over images."""
        return self.dendrogram.cut(self._summed(precision_weight))

    def _summed(self, precision_weight: float) -> Float[np.ndarray, " nodes"]:
        """What each node adds to the sum over images."""
        total: Float[np.ndarray, " nodes"] = self.dendrogram.size * self.at(precision_weight)
        return total if self.possible is None else np.where(self.possible, total, NEVER)

    def layers(self, precision_weight: float) -> list[Cut]:
        """Nested cuts, finest first: at 0.9 and 0.7, at `precision_weight` itself as `cut` gives it, at 0.3 and 0.1.

        Each lies within the next; one of `LAYERS` that is on the wrong side of `precision_weight` is left out.

        Example:
            >>> from workbench.decode import Edges, build_dendrogram
            >>> from workbench.graph import KnnGraph
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
            >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(2))
            >>> quality = true_quality(dendrogram, np.array([0, 0]))
            >>> [cut.node.tolist() for cut in quality.layers(0.5)]
            [[2, 2], [2, 2], [2, 2], [2, 2], [2, 2]]
        """
        found = [self.cut(precision_weight)]
        for finer in sorted(weight for weight in LAYERS if weight > precision_weight):
            found.insert(0, self.dendrogram.under(found[0], self._summed(finer)))
        for coarser in sorted((weight for weight in LAYERS if weight < precision_weight), reverse=True):
            found.append(self.dendrogram.over(found[-1], self._summed(coarser)))
        return found

    def expected(self, node: Int64[np.ndarray, " n"]) -> dict[str, float]:
        """BCubed precision, recall and their F that clusters (the node of each image) are expected to have.

        Example:
            >>> from workbench.decode import Edges, build_dendrogram
            >>> from workbench.graph import KnnGraph
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
            >>> dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(2))
            >>> quality = true_quality(dendrogram, np.array([0, 1]))
            >>> quality.expected(np.array([2, 2]))["precision"], quality.expected(np.array([0, 1]))["precision"]
            (0.5, 1.0)
        """
        precision = float(self.precision[node].mean())
        recall = float(self.recall[node].mean())
        total = precision + recall
        return {"precision": precision, "recall": recall, "f": 2 * precision * recall / total if total else 0.0}


def leaves_alone(dendrogram: Dendrogram) -> Quality:
    """The quality where every leaf is known to be a cluster by itself: 1 for each, and no merge is possible.

    Example:
        >>> from workbench.decode import Edges, build_dendrogram
        >>> from workbench.graph import KnnGraph
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> leaves_alone(build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(2))).cut(0.0).node.tolist()
        [0, 1]
    """
    values = np.ones((dendrogram.n_nodes, len(PRECISION_WEIGHTS)))
    return Quality(dendrogram, values, np.arange(dendrogram.n_nodes) < dendrogram.n)


def true_quality(dendrogram: Dendrogram, labels: Int64[np.ndarray, " n"]) -> Quality:
    """The quality that true labels give: the target of training, and what the best possible cut is made from.

    Example: see `Quality`.
    """
    _, of_leaf, class_size = np.unique(labels, return_inverse=True, return_counts=True)
    values = class_overlaps(
        dendrogram.n,
        dendrogram.larger,
        dendrogram.smaller,
        of_leaf,
        class_size.astype(float),
        np.array(PRECISION_WEIGHTS),
    )
    return Quality(dendrogram, values)


class QualityEnsemble(nn.Module):
    """Small networks that vote: `QUALITY_FEATURES` of a node -> its quality at each of `PRECISION_WEIGHTS`.

    Formula: sigmoid of the mean over networks of MLP(standardised inputs); MLP = two hidden layers, LayerNorm, GELU.

    Why several: the cut picks the highest of many predictions, so one that errs upwards gets picked; networks that were
    trained apart err upwards in different places.

    Args:
        size: how many networks.

    Example:
        >>> QualityEnsemble(size=2)(torch.zeros(3, len(QUALITY_FEATURES))).shape
        torch.Size([3, 5])
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        width = len(QUALITY_FEATURES)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.networks = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width, HIDDEN),
                nn.LayerNorm(HIDDEN),
                nn.GELU(),
                nn.Dropout(DROPOUT),
                nn.Linear(HIDDEN, HIDDEN),
                nn.LayerNorm(HIDDEN),
                nn.GELU(),
                nn.Linear(HIDDEN, len(PRECISION_WEIGHTS)),
            )
            for _ in range(size)
        )

    def standardise(self, inputs: Float[Tensor, "rows inputs"]) -> None:
        """Take mean and deviation from training inputs."""
        self.mean.copy_(inputs.mean(dim=0))
        self.scale.copy_(inputs.std(dim=0) + 1e-3)

    def logits(self, inputs: Float[Tensor, "rows inputs"]) -> Float[Tensor, "networks rows weights"]:
        """What each network says, before the sigmoid."""
        rows = nn.functional.dropout((inputs - self.mean) / self.scale, DROPOUT, self.training)  # (rows, inputs)
        return torch.stack([network(rows) for network in self.networks])

    def forward(self, inputs: Float[Tensor, "rows inputs"]) -> Float[Tensor, "rows weights"]:
        """Predicted quality in (0, 1)."""
        return self.logits(inputs).mean(dim=0).sigmoid()

    @torch.no_grad()
    def predict(self, dendrogram: Dendrogram, features: QualityFeatures) -> Quality:
        """Quality of all nodes of a dendrogram, in blocks; a single image's precision is 1, which needs no guess."""
        training = self.training
        self.eval()
        values = np.empty((dendrogram.n_nodes, len(PRECISION_WEIGHTS)))
        for part in progress_bar(features.blocks, "quality of clusters"):
            values[part] = self(features.rows(part).to(self.mean.device)).cpu().numpy()
        self.train(training)
        values[: dendrogram.n, -1] = 1.0
        if dendrogram.n == 1:  # its class has no other images
            values[:] = 1.0
        return Quality(dendrogram, values, features.possible)
