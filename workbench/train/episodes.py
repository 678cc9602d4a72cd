"""What a LANDER is trained on: the levels of hierarchies over labelled images, with their targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..cluster.hierarchy import build_hierarchy
from ..cluster.levels import Hierarchy
from ..cluster.predictors import oracle_predictor
from ..decode.aggregate import aggregate, majority
from ..graph.density import denser_neighbors, density_target, link_labels
from ..graph.discriminant import Metric
from ..graph.distinct import map_distinct
from ..graph.knn import KnnGraph, knn, precomputed
from ..graph.nodes import Nodes
from ..lander.config import InferenceConfig
from ..lander.inputs import GraphInputs
from ..lander.model import Lander


@dataclass(frozen=True)
class TrainingLevel:
    """One level's graph with what the model should predict of it.

    Attributes:
        inputs: what the model reads.
        same: true link labels [n, k].
        density: density targets [n].
        scored: links that count in the loss [n, k].
        level: 0 for images.
        count: how often each image occurs [n], which it counts in the losses; None: once each.
    """

    inputs: GraphInputs
    same: Bool[Tensor, "n k"]
    density: Float[Tensor, " n"]
    scored: Bool[Tensor, "n k"]
    level: int
    count: Float[Tensor, " n"] | None = None

    @property
    def n(self) -> int:
        """Number of nodes."""
        return len(self.density)


def level_nodes(tree: Hierarchy, i: int) -> Nodes:
    """The nodes that entered level i; a `Level` keeps indices only, so their features are aggregated again here."""
    if i == 0:
        return Nodes.of_images(tree.features)
    return aggregate(tree.features, tree.levels[i - 1].labels, tree.levels[i].image, tree.levels[0].graph, i)


def training_level(
    model: Lander, nodes: Nodes, graph: KnnGraph, labels: Int[Tensor, " n"], *, links: str, level: int
) -> TrainingLevel:
    """A level with its targets; `labels` are the nodes' classes, `links` says which links are scored."""
    target = density_target(graph, labels)
    scored = graph.mask if links == "all" else denser_neighbors(graph, target)
    inputs = model.gathered(model.inputs(nodes, graph))
    return TrainingLevel(inputs, link_labels(graph, labels), target, scored, level)


def teacher_levels(
    model: Lander,
    features: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    ks: Sequence[int],
    n_levels: Sequence[int],
    *,
    links: str,
) -> list[TrainingLevel]:
    """The published way: levels by decoding with the TRUE density and raw similarity, tau 0.

    Links are not filtered by class, so a super-node can mix classes; its class is its peak's.

    Args:
        ks: neighbours per node, of one hierarchy after another; the images' are searched once, for the largest k.
        n_levels: most levels of each.

    Source: official code, training set construction.
    """
    metric = Metric.of(model.inference.metric, features)
    teacher = oracle_predictor(labels, links=False)
    rows = metric(features)
    search = precomputed(knn(rows, max(ks)))

    trees = []
    for k, most in zip(ks, n_levels, strict=True):
        settings = InferenceConfig.published(k=k, tau=0.0).override(max_levels=most)
        trees.append(build_hierarchy(rows, teacher, settings, graph=search, mapped=metric))

    return [
        training_level(model, level_nodes(tree, i), level.graph, labels[level.image], links=links, level=i)
        for tree in trees
        for i, level in enumerate(tree.levels)
    ]


def on_policy_levels(
    model: Lander, features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], k: int, tau: float, *, links: str
) -> list[TrainingLevel]:
    """The levels the model itself builds at threshold tau: it trains on the graphs it will meet.

    A super-node's class is the commonest among its images; so is that of an image that occurs more than once.
    """
    settings = model.inference.override(k=k, tau=tau)
    tree = build_hierarchy(features, model.predict, settings)
    repeats = tree.repeats

    levels = []
    for i, level in enumerate(tree.distinct.levels):
        if i:
            of_nodes = majority(tree.levels[i - 1].labels, labels)
        else:
            of_nodes = labels if repeats is None else majority(repeats.group, labels)
        made = training_level(model, level_nodes(tree.distinct, i), level.graph, of_nodes, links=links, level=i)
        levels.append(made if i or repeats is None else replace(made, count=repeats.count.float()))
    return [level for level in levels if level.n > 1]  # a single node has no link to learn from


def random_projection(features: Float[Tensor, "n d"], share: float, generator: torch.Generator) -> Float[Tensor, "n e"]:
    """Unit rows projected on share * d random directions; share 1 leaves them as they are.

    Cosines keep their mean and get noise of about 1 / sqrt(share * d): classes overlap more.

    Example:
        >>> random_projection(torch.eye(8), 0.5, torch.Generator().manual_seed(0)).shape
        torch.Size([8, 4])
    """
    if share >= 1:
        return features

    dim = features.shape[1]
    directions = torch.randn(dim, max(2, round(share * dim)), generator=generator).to(features)
    return map_distinct(lambda rows: torch.nn.functional.normalize(rows @ directions, dim=1), features)


def held_out(labels: Int[Tensor, " n"], share: float, generator: torch.Generator, least: int = 1) -> Bool[Tensor, " n"]:
    """True for the images of a share of the classes, at least so many; at least two classes are left to learn from.
    Here and there at least one has two images, without which nothing can be learned or scored.

    Raises:
        ValueError: too few classes, or of two images or more.

    Example:
        >>> held_out(torch.tensor([0, 0, 1, 1, 2]), 0.1, torch.Generator().manual_seed(0)).sum().item() in (1, 2)
        True
    """
    n_classes = int(labels.max()) + 1
    if n_classes < least + 2:
        words = {1: "one", 2: "two"}[least]
        raise ValueError(
            f"labels: expected at least {least + 2} classes, {words} to be held out, got {n_classes}; add classes (in "
            "Python others may be held out: validation=)"
        )
    count = min(max(least, round(share * n_classes)), n_classes - 2)
    held = draw_classes(labels, count, generator)
    several = labels.bincount()[labels] > 1  # (n,), images of classes of two and more
    large = labels[several].unique()
    if len(large) < 2:
        raise ValueError(
            "labels: expected at least two classes of two images or more, one of them to be held out, got fewer; add "
            "images (in Python others may be held out: validation=)"
        )
    for side in (held, ~held):  # rare, where most classes have one image: one of the others changes places
        if not (side & several).any():
            held = held ^ (labels == large[0]) ^ (labels == labels[side][0])
    return held


def draw_classes(labels: Int[Tensor, " n"], count: int, generator: torch.Generator) -> Bool[Tensor, " n"]:
    """True for the images of `count` classes drawn at random.

    Example:
        >>> draw_classes(torch.tensor([0, 0, 1, 1]), 1, torch.Generator().manual_seed(0)).sum().item()
        2
    """
    classes = labels.unique()
    order = torch.randperm(len(classes), generator=generator).to(classes.device)
    return torch.isin(labels, classes[order[:count]])
