"""The learned cut: how good every node of a merge tree would be as a cluster, forecast without labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from .._core.progress import tracked
from .._core.validation import check_unit_interval
from ._numba import class_overlaps
from .dendrogram import NEVER, Cut, MergeTree
from .quality_features import CLUSTER_INPUTS, ClusterInputs

TAUS = (0.0, 0.25, 0.5, 0.75, 1.0)  # what is forecast; worths between are interpolated
LAYERS = (0.9, 0.7, 0.3, 0.1)  # tau of the cuts shown beside the chosen one
ROWS = 2**16  # nodes per pass


@dataclass(frozen=True)
class Forecast:
    """A merge tree and what each of its nodes would be worth as a cluster.

    Attributes:
        tree: n images, m merges.
        worth: [nodes, 5], forecast worth at each of `TAUS`.
        trust: [nodes], what part of a forecast counts; 0: no cluster can be made of the node; None: all counts. Where
            data are unlike all that was trained on forecasts of large clusters fail first (`cluster_inputs.TRUST`).

    The worth of cluster C at tau is the mean over its images i of 1 / (tau / P_i + (1 - tau) / R_i), with
    P_i = |C & K_i| / |C|, R_i = |C & K_i| / |K_i|, K_i the class of i: recall at 0, F at 0.5, precision at 1 (BCubed).

    Example:
        >>> from workbench.graph import KnnGraph
        >>> from workbench.decode import Edges, merge_tree
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> tree = merge_tree(Edges.of(graph, graph.similarity), torch.eye(2))
        >>> true_forecast(tree, np.array([0, 0])).cut(0.5).node.tolist()
        [2, 2]
    """

    tree: MergeTree
    worth: Float[np.ndarray, "nodes taus"]
    trust: Float[np.ndarray, " nodes"] | None = None

    def at(self, tau: float) -> Float[np.ndarray, " nodes"]:
        """Forecast worth of every node at any tau in [0, 1], between two of `TAUS` linear in tau."""
        tau = check_unit_interval(tau, "tau")
        place = tau * (len(TAUS) - 1)
        low = min(int(place), len(TAUS) - 2)
        share = place - low
        worth: Float[np.ndarray, " nodes"] = (1 - share) * self.worth[:, low] + share * self.worth[:, low + 1]
        return worth

    def cut(self, tau: float) -> Cut:
        """The clusters of highest worth, summed over images."""
        return self.tree.cut(self._of_cluster(tau))

    def _of_cluster(self, tau: float) -> Float[np.ndarray, " nodes"]:
        worth: Float[np.ndarray, " nodes"] = self.tree.size * self.at(tau)
        return worth if self.trust is None else np.where(self.trust > 0, self.trust * worth, NEVER)

    def layers(self, tau: float) -> list[Cut]:
        """Nested cuts, finest first: at tau 0.9 and 0.7, at `tau` itself as `cut` gives it, at 0.3 and 0.1.

        Each lies within the next; a tau of `LAYERS` that is on the wrong side of `tau` is left out.

        Example:
            >>> from workbench.graph import KnnGraph
            >>> from workbench.decode import Edges, merge_tree
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
            >>> forecast = true_forecast(merge_tree(Edges.of(graph, graph.similarity), torch.eye(2)), np.array([0, 0]))
            >>> [cut.node.tolist() for cut in forecast.layers(0.5)]
            [[2, 2], [2, 2], [2, 2], [2, 2], [2, 2]]
        """
        own = self.cut(tau)
        found = [own]
        for finer in sorted(at for at in LAYERS if at > tau):
            found.insert(0, self.tree.under(found[0], self._of_cluster(finer)))
        for coarser in sorted((at for at in LAYERS if at < tau), reverse=True):
            found.append(self.tree.over(found[-1], self._of_cluster(coarser)))
        return found

    def expected(self, node: Int64[np.ndarray, " n"]) -> dict[str, float]:
        """BCubed precision, recall and their F that clusters (the node of each image) are forecast to have.

        Example:
            >>> from workbench.graph import KnnGraph
            >>> from workbench.decode import Edges, merge_tree
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
            >>> forecast = true_forecast(merge_tree(Edges.of(graph, graph.similarity), torch.eye(2)), np.array([0, 1]))
            >>> forecast.expected(np.array([2, 2]))["precision"], forecast.expected(np.array([0, 1]))["precision"]
            (0.5, 1.0)
        """
        precision, recall = (float(self.worth[node, column].mean()) for column in (-1, 0))
        total = precision + recall
        return {"precision": precision, "recall": recall, "f": 2 * precision * recall / total if total else 0.0}


def true_forecast(tree: MergeTree, labels: Int64[np.ndarray, " n"]) -> Forecast:
    """The forecast that true labels give: the target of training, and the best that any cut of the tree can reach.

    Example: see `Forecast`.
    """
    code, of_class = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    worth = class_overlaps(tree.n, tree.larger, tree.smaller, code, of_class.astype(float), np.array(TAUS))
    return Forecast(tree, worth)


class Forecaster(nn.Module):
    """A committee of small networks: `CLUSTER_INPUTS` of a node -> its worth at each of `TAUS`.

    Formula: sigmoid of the mean over members of MLP(standardised inputs); MLP = two hidden layers, LayerNorm, GELU.

    Why a committee: the cut picks the highest of many forecasts, so one that errs upwards gets picked; members that
    were trained apart err upwards in different places.

    Args:
        members: networks.
        hidden: their width.

    Example:
        >>> Forecaster(members=2)(torch.zeros(3, len(CLUSTER_INPUTS))).shape
        torch.Size([3, 5])
    """

    def __init__(self, members: int, hidden: int = 64) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        width = len(CLUSTER_INPUTS)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.members = nn.ModuleList(
            nn.Sequential(
                *(nn.Linear(width, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(0.1)),
                *(nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Linear(hidden, len(TAUS))),
            )
            for _ in range(members)
        )

    def standardise(self, inputs: Float[Tensor, "rows inputs"]) -> None:
        """Take mean and deviation from training inputs."""
        self.mean.copy_(inputs.mean(dim=0))
        self.scale.copy_(inputs.std(dim=0) + 1e-3)

    def logits(self, inputs: Float[Tensor, "rows inputs"]) -> Float[Tensor, "members rows taus"]:
        """What each member says, before the sigmoid."""
        rows = nn.functional.dropout((inputs - self.mean) / self.scale, 0.1, self.training)
        return torch.stack([member(rows) for member in self.members])

    def forward(self, inputs: Float[Tensor, "rows inputs"]) -> Float[Tensor, "rows taus"]:
        """Forecast worths in (0, 1)."""
        return self.logits(inputs).mean(dim=0).sigmoid()

    @torch.no_grad()
    def forecast(self, tree: MergeTree, inputs: ClusterInputs) -> Forecast:
        """Worths of all nodes of a tree, in blocks; a single image's precision is 1, which needs no forecast."""
        rows = torch.from_numpy(inputs.table).split(ROWS)
        parts = [self(part.to(self.mean.device)).cpu() for part in tracked(rows, "worth of clusters")]
        worth = torch.cat(parts).double().numpy()
        worth[: tree.n, -1] = 1.0
        return Forecast(tree, worth, inputs.trust)
