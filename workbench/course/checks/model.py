"""Checks of the notebooks 04 and 05: LANDER, joint training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...graph.density import signed_density
from ...graph.knn import KnnGraph
from ...graph.nodes import Nodes
from ...lander.convs import AttentionConv, MeanConv
from ...lander.inputs import GraphInputs
from ...lander.model import Lander, linkage_of
from ...train.episodes import TrainingLevel
from ...train.losses import balance, density_loss, link_loss
from .ideas import attention_over_all, focal_of_the_sure, mean_over_list, weighted_sum
from .registry import add_check

# ---------------------------------------------------------------- 04 LANDER


@add_check(
    "04-layer",
    hint="Each row of the weights sums to 1; the node's own numbers are added before the ReLU.",
    wrong={"a sum with the similarities as they are": lambda x, graph: weighted_sum(x, graph, graph.similarity)},
)
@torch.no_grad()
def layer(x: Tensor, graph: KnnGraph) -> Tensor:
    """one layer with identity weights, as MeanConv computes it"""
    width = x.shape[1]
    conv = MeanConv(width, width)
    conv.mlp.weight.copy_(torch.eye(width).repeat(1, 2))
    return _applied(conv, x, graph)


@add_check(
    "04-attention",
    hint="The softmax goes over the neighbours of a node, not over all links.",
    wrong={"a softmax over all links": lambda x, graph, left, right: attention_over_all(x, graph, left, right)},
)
@torch.no_grad()
def attention(x: Tensor, graph: KnnGraph, left: Tensor, right: Tensor) -> Tensor:
    """attention with W = I, as AttentionConv computes it"""
    width = x.shape[1]
    conv = AttentionConv(width, width)
    conv.fc.weight.copy_(torch.eye(width))
    conv.attn_l.copy_(left.view(1, 1, -1))
    conv.attn_r.copy_(right.view(1, 1, -1))
    return _applied(conv, x, graph)


def _applied(conv: Any, x: Tensor, graph: KnnGraph) -> Tensor:
    h: Tensor = conv((x, x), graph.edge_index, graph.on_edges(graph.similarity)[:, None])
    return h


@add_check(
    "04-gated",
    within=1e-3,
    hint="Gates of places without a neighbour must be 0; the skip adds at the end.",
    wrong={"the layer without its skip": lambda net, given: gated(net, given) - net.convs[0].skip(given.nodes)},
)
@torch.no_grad()
def gated(lander: Lander, inputs: GraphInputs) -> Tensor:
    """the first gated layer of the trained model"""
    graph = inputs.graph
    h: Tensor = lander.convs[0]((inputs.nodes, inputs.nodes), graph.edge_index, graph.on_edges(inputs.edges))
    return h


@add_check(
    "04-linkage",
    within=1e-4,
    hint="The second of the two logits is 'same'.",
    wrong={"the first of the two logits": lambda net, x, graph: (1 - linkage(net, x, graph)) * graph.mask},
)
def linkage(lander: Lander, features: Tensor, graph: KnnGraph) -> Tensor:
    """linkage of every link, as the model predicts it"""
    return lander.predict(Nodes.of_images(features), graph).linkage


@add_check(
    "04-density",
    within=1e-4,
    hint="Divide by the number of neighbours that are there.",
    wrong={"the linkage as it is, from 0 to 1": lambda net, x, graph: mean_over_list(graph, linkage(net, x, graph))},
)
def density(lander: Lander, features: Tensor, graph: KnnGraph) -> Tensor:
    """density of every node, as the model predicts it"""
    return lander.predict(Nodes.of_images(features), graph).density


@add_check(
    "04-reach",
    how="set",
    hint="The neighbours of a neighbour reach it through the first layer.",
    wrong={"the neighbours alone, one layer": lambda graph, node: {node, *graph.neighbors[node].tolist()}},
)
def reach(graph: KnnGraph, node: int) -> set[int]:
    """nodes of the 2-hop subgraph: those that two layers can hear"""
    numbers = torch.arange(graph.n, dtype=torch.float64)[:, None]  # GraphInputs takes rows of numbers
    seen = GraphInputs(graph, numbers, graph.similarity[..., None]).k_hop_subgraph(torch.tensor([node]), hops=2)
    return set(seen.nodes[:, 0].long().tolist())


@add_check(
    "04-saved",
    within=0.05,
    hint="m and the width of the head cancel; what is left are links and nodes.",
    wrong={"one half a node, though there are two": lambda graph: 2 * saved(graph)},
)
def saved(graph: KnnGraph) -> float:
    """times fewer multiplications by halves"""
    return int(graph.mask.sum()) / graph.n


@add_check(
    "04-static",
    how="choice",
    hint="Add the same number to both, apply LeakyReLU: which is larger now?",
    wrong={"a": lambda *given: "a", "b": lambda *given: "b", "d": lambda *given: "d"},
)
def static(x: Tensor, graph: KnnGraph, left: Tensor) -> str:
    """whether nodes can disagree about the order of the same neighbours, and why"""
    random = torch.Generator().manual_seed(0)
    rights = torch.randn(50, 1, 1, x.shape[1], generator=random)
    own = x[graph.padded] @ left
    scores = torch.nn.functional.leaky_relu(own + (rights * x[:, None]).sum(dim=-1), 0.2)
    order = (scores[..., :, None] > scores[..., None, :]) == (own[..., :, None] > own[..., None, :])
    return "c" if bool(order.all()) else "a"


# ---------------------------------------------------------------- 05 joint training


@add_check(
    "05-link-loss",
    within=1e-3,
    hint="The mean goes over the scored links, not over nodes.",
    wrong={
        "-ln r of all links, right or wrong": lambda z, level: -linkage_of(z, level.scored)[level.scored].log().mean()
    },
)
def link_loss_of(logits: Tensor, level: TrainingLevel) -> Tensor:
    """link loss of the level"""
    return link_loss(logits, level.same, level.scored)


@add_check(
    "05-density-loss",
    within=1e-3,
    hint="Divide by the number of neighbours that are there; then square.",
    wrong={"the error without the square": lambda z, level: (_density(z, level) - level.density).abs().mean()},
)
def density_loss_of(logits: Tensor, level: TrainingLevel) -> Tensor:
    """density loss of the level"""
    return density_loss(_density(logits, level), level.density)


def _density(logits: Tensor, level: TrainingLevel) -> Tensor:
    graph = level.inputs.graph
    return signed_density(graph, 2 * linkage_of(logits, graph.mask) - 1)


@add_check(
    "05-constant",
    within=0.01,
    hint="Right links cost -ln of the share, the others -ln of what is left to 1.",
    wrong={"-ln of the share, for wrong links too": lambda level: -level.same[level.scored].double().mean().log()},
)
def constant(level: TrainingLevel) -> Tensor:
    """link loss of one and the same linkage for all links"""
    share = level.same[level.scored].double().mean()
    same_for_all = torch.stack([(1 - share).log(), share.log()]).expand(*level.same.shape, 2)
    return link_loss(same_for_all, level.same, level.scored)


@add_check(
    "05-balanced",
    hint="Twice as many as there are links of the rarer kind.",
    wrong={"the links of the rarer kind alone": lambda level: balanced(level) // 2},
)
def balanced(level: TrainingLevel) -> int:
    """links left by balancing"""
    return int(balance(level.same, level.scored, torch.Generator().manual_seed(0)).sum())


@add_check(
    "05-focal",  # exact: of a model that is not trained p is near one half, and p^2 near (1 - p)^2
    hint="p is the probability given to what is true: r or 1 - r.",
    wrong={
        "the loss without its weight": lambda z, level: link_loss(z, level.same, level.scored),
        "weighed by p^2, the links that are predicted well": focal_of_the_sure,
    },
)
def focal(logits: Tensor, level: TrainingLevel) -> Tensor:
    """focal loss with exponent 2"""
    return link_loss(logits, level.same, level.scored, gamma=2.0)
