"""Checks of the notebooks 04 to 07: LANDER, joint training, from links to clusters, level by level."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...cluster.hierarchy import build_hierarchy
from ...cluster.levels import Hierarchy, Level
from ...decode.aggregate import aggregate
from ...decode.tree import decode_tree
from ...evaluate.interventions import InterventionStudy
from ...evaluate.scores import bcubed, contingency, pairwise
from ...evaluate.tau_sweep import best_links, nested_scores
from ...graph.density import signed_density
from ...graph.knn import KnnGraph
from ...graph.nodes import Nodes
from ...lander.convs import AttentionConv, MeanConv
from ...lander.inputs import GraphInputs
from ...lander.model import Lander, Prediction, linkage_of
from ...train.episodes import TrainingLevel
from ...train.losses import balance, density_loss, link_loss
from .registry import add_check

# ---------------------------------------------------------------- 04 LANDER


@add_check("04-layer", hint="Each row of the weights sums to 1; the node's own numbers are added before the ReLU.")
@torch.no_grad()
def layer(x: Tensor, graph: KnnGraph) -> Tensor:
    """one layer with identity weights, as MeanConv computes it"""
    width = x.shape[1]
    conv = MeanConv(width, width)
    conv.mlp.weight.copy_(torch.eye(width).repeat(1, 2))
    return _applied(conv, x, graph)


@add_check("04-attention", hint="The softmax goes over the neighbours of a node, not over all links.")
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


@add_check("04-gated", within=1e-3, hint="Gates of places without a neighbour must be 0; the skip adds at the end.")
@torch.no_grad()
def gated(lander: Lander, inputs: GraphInputs) -> Tensor:
    """the first gated layer of the trained model"""
    graph = inputs.graph
    h: Tensor = lander.convs[0]((inputs.nodes, inputs.nodes), graph.edge_index, graph.on_edges(inputs.edges))
    return h


@add_check("04-linkage", within=1e-4, hint="The second of the two logits is 'same'.")
def linkage(lander: Lander, features: Tensor, graph: KnnGraph) -> Tensor:
    """linkage of every link, as the model predicts it"""
    return lander.predict(Nodes.of_images(features), graph).linkage


@add_check("04-density", within=1e-4, hint="Divide by the number of neighbours that are there.")
def density(lander: Lander, features: Tensor, graph: KnnGraph) -> Tensor:
    """density of every node, as the model predicts it"""
    return lander.predict(Nodes.of_images(features), graph).density


@add_check("04-reach", how="set", hint="The neighbours of a neighbour reach it through the first layer.")
def reach(graph: KnnGraph, node: int) -> set[int]:
    """nodes of the 2-hop subgraph: those that two layers can hear"""
    numbers = torch.arange(graph.n, dtype=torch.float64)[:, None]  # GraphInputs takes rows of numbers
    seen = GraphInputs(graph, numbers, graph.similarity[..., None]).k_hop_subgraph(torch.tensor([node]), hops=2)
    return set(seen.nodes[:, 0].long().tolist())


@add_check("04-saved", within=0.05, hint="m and the width of the head cancel; what is left are links and nodes.")
def saved(graph: KnnGraph) -> float:
    """times fewer multiplications by halves"""
    return int(graph.mask.sum()) / graph.n


@add_check("04-static", how="choice", hint="Add the same number to both, apply LeakyReLU: which is larger now?")
def static(x: Tensor, graph: KnnGraph, left: Tensor) -> bool:
    """whether nodes can disagree about the order of the same neighbours"""
    random = torch.Generator().manual_seed(0)
    rights = torch.randn(50, 1, 1, x.shape[1], generator=random)
    own = x[graph.padded] @ left
    scores = torch.nn.functional.leaky_relu(own + (rights * x[:, None]).sum(dim=-1), 0.2)
    order = (scores[..., :, None] > scores[..., None, :]) == (own[..., :, None] > own[..., None, :])
    return not bool(order.all())


# ---------------------------------------------------------------- 05 joint training


@add_check("05-link-loss", within=1e-3, hint="The mean goes over the scored links, not over nodes.")
def link_loss_of(logits: Tensor, level: TrainingLevel) -> Tensor:
    """link loss of the level"""
    return link_loss(logits, level.same, level.scored)


@add_check("05-density-loss", within=1e-3, hint="Divide by the number of neighbours that are there; then square.")
def density_loss_of(logits: Tensor, level: TrainingLevel) -> Tensor:
    """density loss of the level"""
    graph = level.inputs.graph
    return density_loss(signed_density(graph, 2 * linkage_of(logits, graph.mask) - 1), level.density)


@add_check("05-constant", within=0.01, hint="Right links cost -ln of the share, the others -ln of what is left to 1.")
def constant(level: TrainingLevel) -> Tensor:
    """link loss of one and the same linkage for all links"""
    share = level.same[level.scored].double().mean()
    same_for_all = torch.stack([(1 - share).log(), share.log()]).expand(*level.same.shape, 2)
    return link_loss(same_for_all, level.same, level.scored)


@add_check("05-balanced", hint="Twice as many as there are links of the rarer kind.")
def balanced(level: TrainingLevel) -> int:
    """links left by balancing"""
    return int(balance(level.same, level.scored, torch.Generator().manual_seed(0)).sum())


@add_check("05-focal", within=1e-3, hint="p is the probability given to what is true: r or 1 - r.")
def focal(logits: Tensor, level: TrainingLevel) -> Tensor:
    """focal loss with exponent 2"""
    return link_loss(logits, level.same, level.scored, gamma=2.0)


# ---------------------------------------------------------------- 06 from links to clusters


@add_check("06-tree", how="partition", hint="A parent must be denser, and its linkage above tau.")
def tree(level: Level, tau: float) -> np.ndarray:
    """clusters of the tree decode"""
    return decode_tree(level.graph, level.prediction, tau).clusters.cpu().numpy()


@add_check("06-nested", hint="A link is kept where its strength is above tau; all other nodes are their own parents.")
def nested(graph: KnnGraph, prediction: Prediction, tau: float) -> Tensor:
    """parents at this tau, from those at tau = 0"""
    return _parents(graph, prediction, tau)


@add_check("06-six", hint="A denser neighbour counts only if its linkage is above 0.85.")
def six(graph: KnnGraph, prediction: Prediction) -> Tensor:
    """parents of the six nodes at tau = 0.85"""
    return _parents(graph, prediction, 0.85)


@add_check("06-part", within=1e-4, hint="Follow the parents to the peak: the weakest link on the way breaks first.")
def part(graph: KnnGraph, prediction: Prediction, image: int) -> float:
    """tau at which the image parts from the peak"""
    strength = best_links(graph, prediction).strength
    parent = _parents(graph, prediction, 0.0).tolist()
    weakest = 1.0
    while parent[image] != image:
        weakest = min(weakest, float(strength[image]))
        image = parent[image]
    return weakest


@add_check("06-best", within=0.005, hint="idxmax of the column bcubed_f gives the row.")
def best(graph: KnnGraph, prediction: Prediction, labels: Any) -> float:
    """tau with the best BCubed F of level 0"""
    curve = nested_scores(best_links(graph, prediction), np.asarray(labels))
    return float(curve.loc[curve["bcubed_f"].idxmax(), "tau"])


@add_check("06-price", hint="Every image of the one tree is now together with every image of the other.")
def price(a: int, b: int) -> int:
    """wrong pairs that one link makes"""
    apart = contingency(np.repeat([0, 1], [a, b]), np.zeros(a + b, dtype=int))
    n_pairs = (a + b) * (a + b - 1) // 2
    right = pairwise(apart).precision
    return round(n_pairs * (1 - right))


def _parents(graph: KnnGraph, prediction: Prediction, tau: float) -> Tensor:
    parent = decode_tree(graph, prediction, tau).parent
    assert parent is not None  # the tree decode gives parents
    return parent


# ---------------------------------------------------------------- 07 level by level


@add_check("07-super", within=1e-4, hint="First the peaks' features, then the means over all images of each cluster.")
def super_nodes(x: Tensor, clusters: Tensor, peaks: Tensor) -> Tensor:
    """identity and average features of the super-nodes"""
    nodes = aggregate(x, clusters, peaks)
    return torch.cat([nodes.identity, nodes.average], dim=1)


@add_check("07-loop", how="partition", within=0.01, hint="Look the clusters up for every image: clusters[labels].")
def loop(lander: Lander, x: Tensor) -> np.ndarray:
    """clusters after the last level"""
    return build_hierarchy(x, lander.predict, lander.inference, ensemble=lander.ensemble).labels.cpu().numpy()


@add_check("07-average", within=1e-4, hint="Weigh each super-node's average by its number of images.")
def average(hierarchy: Hierarchy, x: Tensor) -> Tensor:
    """average feature of cluster 0 after level 1"""
    return x[hierarchy.levels[1].members(0)].mean(dim=0)


@add_check("07-best-level", hint="idxmax of the column bcubed_f gives the row.")
def best_level(hierarchy: Hierarchy, labels: Any) -> int:
    """level after which BCubed F was highest"""
    found = [bcubed(contingency(labels, level.labels.cpu().numpy())).f for level in hierarchy.levels]
    return int(np.argmax(found))


@add_check("07-links", how="function", hint="Every kept link makes one cluster of two.")
def links_in_all(n: int, n_clusters: int) -> int:
    """links kept in all"""
    return n - n_clusters


@add_check("07-head", how="choice", hint="Sort the table by gain.")
def head(study: InterventionStudy, n_levels: int) -> str:
    """head whose truth adds most"""
    gains = study.gains(n_levels)
    return str(gains.loc[gains["gain"].idxmax(), "head"])
