"""The published model computed link by link, the obvious way: what the fast one is measured and tested against.

Every link carries both its ends' embeddings side by side through the whole head, and every message is made and added on
its own. The weights are a LANDER's, so both must say the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import linear

from ...graph.knn import KnnGraph
from ...graph.nodes import Nodes
from ...lander.inputs import GraphInputs, feature_inputs
from ...lander.model import Lander, Prediction
from ...train.episodes import TrainingLevel
from ...train.trainer import MetaTraining


def per_edge_logits(lander: Lander, inputs: GraphInputs, rows: int | None = None) -> Float[Tensor, "b k 2"]:
    """Logits (different, same) of the links of the first `rows` nodes; None: of all. Zeros where no neighbour is.

    Formula: h_i = ReLU(W [x_i ; sum_j a_ij x_j] + b), a_ij = s_ij / sum_j s_ij; z_ij = MLP(W' [h_j ; h_i] + b').

    Args:
        lander: with features as inputs and convolutions "gcn"; its weights are used, nothing else of it.
        inputs: a whole graph, or a k-hop subgraph around the first `rows` nodes.
        rows: how many nodes.

    Raises:
        ValueError: another kind of model.

    Example:
        >>> from workbench.lander import LanderConfig
        >>> from workbench.graph import knn
        >>> x = torch.nn.functional.normalize(torch.randn(30, 5, generator=torch.Generator().manual_seed(0)), dim=1)
        >>> nodes, graph = Nodes.of_images(x), knn(x, k=4)
        >>> lander = Lander(LanderConfig.published(hidden=8).for_features(5))
        >>> inputs = feature_inputs(nodes, graph, average=True)
        >>> torch.allclose(per_edge_logits(lander, inputs), lander(inputs), atol=1e-5)
        True

    Source: official code, `LANDER.forward`; its library fuses the messages with their sum, this does not.
    """
    config = lander.config
    if (config.inputs, config.conv) != ("features", "gcn"):
        raise ValueError(
            f"lander: expected inputs='features' and conv='gcn', got {config.inputs!r} and {config.conv!r}; "
            "use LanderConfig.published()"
        )
    return _link_logits(lander, _embedding(lander, inputs), inputs, inputs.graph.n if rows is None else rows)


def _embedding(lander: Lander, inputs: GraphInputs) -> Float[Tensor, "m h"]:
    copies = (lander.config.in_dim or 0) // inputs.nodes.shape[1]
    h = inputs.nodes.repeat(1, copies)  # (n, in); of single images one feature stands for both
    for steps, conv in zip(range(len(lander.convs), 0, -1), lander.convs, strict=True):
        h = _convolved(conv, h, inputs.graph, inputs.within(steps))
    return h


def _link_logits(lander: Lander, h: Float[Tensor, "m h"], inputs: GraphInputs, rows: int) -> Float[Tensor, "b k 2"]:
    lists = inputs.graph.neighbors[:rows]
    target, slot = (lists >= 0).nonzero(as_tuple=True)
    ends = torch.cat([h.index_select(0, lists[target, slot]), h.index_select(0, target)], dim=1)
    weight = torch.cat([lander.of_source.weight, lander.of_target.weight], dim=1)
    of_links: Tensor = lander.head(linear(ends, weight, lander.of_source.bias + lander.of_target.bias))
    return of_links.new_zeros(*lists.shape, 2).index_put((target, slot), of_links)


def _convolved(conv: Any, x: Tensor, graph: KnnGraph, rows: int) -> Tensor:
    """One convolution into the first `rows` nodes, message by message."""
    lists = graph.neighbors[:rows]
    target, slot = (lists >= 0).nonzero(as_tuple=True)
    similarity = graph.similarity[target, slot]
    total = similarity.new_zeros(rows).index_add(0, target, similarity)
    share = similarity / total[target].clamp(min=torch.finfo(similarity.dtype).tiny)
    messages = share[:, None] * x.index_select(0, lists[target, slot])
    gathered = x.new_zeros(rows, x.shape[1]).index_add(0, target, messages)
    h: Tensor = linear(torch.cat([x[:rows], gathered], dim=1), conv.mlp.weight, conv.mlp.bias).relu()
    return h


@torch.no_grad()
def per_edge_prediction(lander: Lander, nodes: Nodes, graph: KnnGraph) -> Prediction:
    """What `Lander.predict` says of a level, computed link by link.

    Example: see `per_edge_logits`.
    """
    inputs = feature_inputs(nodes, graph, average=bool(lander.config.average), identity=lander.config.identity)
    linkage = per_edge_logits(lander, inputs).softmax(dim=2)[..., 1] * graph.mask
    return Prediction.of(graph, linkage)


class PerEdgeTraining(MetaTraining):
    """Meta-training whose losses are computed link by link: the same levels, batches and optimiser.

    Every minibatch convolves the k-hop subgraph of its own nodes, as the official code does.

    Example:
        >>> from workbench import LanderConfig, TrainConfig
        >>> from workbench.experiments.benchmarks.inputs import clusters
        >>> given = {"config": LanderConfig.published(hidden=8), "training": TrainConfig.published(), "device": "cpu"}
        >>> ours, theirs = (kind(*clusters(300, 8), **given).run_epoch() for kind in (MetaTraining, PerEdgeTraining))
        >>> all(abs(a["link_loss"] - b["link_loss"]) < 1e-4 for a, b in zip(ours, theirs))
        True
    """

    def _build_levels(self) -> list[TrainingLevel]:
        """The same levels; nothing is gathered beforehand."""
        levels = super()._build_levels()
        return [replace(level, inputs=replace(level.inputs, gathered=None)) for level in levels]

    def embed(self, part: GraphInputs) -> Float[Tensor, "e h"]:
        """Message by message."""
        return _embedding(self.model, part)

    def link_logits(self, embedding: Float[Tensor, "e h"], part: GraphInputs, n: int) -> Float[Tensor, "n k 2"]:
        """Link by link."""
        return _link_logits(self.model, embedding, part, n)
