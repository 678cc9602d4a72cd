"""Checks of the notebooks 00 to 03: the tour, images and features, the k-NN graph, links and densities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor
from torch.nn.functional import normalize

from ...cluster.hilander import HiLander
from ...cluster.levels import Hierarchy, Level
from ...decode.tree import decode_tree
from ...encoder.train import cosine_margin_logits
from ...evaluate.scores import scores
from ...graph.density import density_target, link_labels
from ...graph.knn import KnnGraph, knn
from ...lander.model import Lander, Prediction
from ..compare import as_numbers
from .ideas import best_listed, densest, mean_over_list, same_class, share_of_two_without_square, share_same
from .registry import add_check


@add_check(
    "00-pairs",
    hint="Each of n images forms a pair with n - 1 others, and every pair is counted twice so.",
    wrong={
        "every pair counted twice": lambda n: n * (n - 1),
        "each image with itself, too, and every pair twice": lambda n: n * n,
    },
)
def pairs(n: int) -> int:
    """number of pairs among the images"""
    return n * (n - 1) // 2


@add_check(
    "00-link",
    hint="Compare the linkages of the neighbours that are denser.",
    wrong={"a peak, linked to nobody": lambda at, i: i},
)
def link(level: Level, image: int) -> int:
    """image and the one it hangs on"""
    parent = level.decoding.parent
    return int(parent[image]) if parent is not None else image


@add_check(
    "00-merged",
    hint="A link of an upper level joins two clusters of the level below: count from level 1 on.",
    wrong={"the links of all levels, the first one's too": lambda tree: sum(x.links_added for x in tree.levels)},
)
def merged(hierarchy: Hierarchy) -> int:
    """number of links that the upper levels added"""
    return sum(level.links_added for level in hierarchy.levels[1:])


@add_check(
    "00-strict",
    within=0.002,
    hint="Score the strict model and the usual one, and subtract: strict less usual.",
    wrong={"the change the other way round, usual less strict": lambda *given: [-x for x in strict(*given)]},
)
def strict(lander: Lander, features: Any, labels: Any) -> list[float]:
    """what a higher tau changes: precision, then recall"""
    usual, raised = (scores(labels, HiLander(lander, tau=tau).fit_predict(features)) for tau in ("auto", 0.95))
    return [float(raised[side] - usual[side]) for side in ("bcubed_precision", "bcubed_recall")]


@add_check(
    "01-margin",
    hint="First the cosine; the margin is taken from the true class only; the scale comes last.",
    wrong={"the margin taken from every class": lambda x, w, labels, s, m: s * (normalize(x, dim=1) @ w.T - m)},
)
def margin(features: Tensor, directions: Tensor, labels: Tensor, scale: float, margin: float) -> Tensor:
    """logits of the cosine-margin softmax"""
    return cosine_margin_logits(features, directions, labels, scale=scale, margin=margin)


@add_check(
    "01-pca",
    how="property",
    wrong={"the mean left in": lambda x: x @ torch.linalg.svd(x, full_matrices=False).Vh[:2].T},
)
def pca(answer: Any, features: Any) -> str:
    """images on the first two principal axes, either way round"""
    have = as_numbers(answer)
    want = PCA(2, svd_solver="full").fit_transform(np.asarray(features, dtype=np.float64))
    if have is None or have.shape != want.shape:
        return f"two numbers for each of the {len(want):,} images are expected, an array of shape {list(want.shape)}"
    off = np.minimum(np.abs(have - want).max(axis=0), np.abs(have + want).max(axis=0)).max()
    return "" if off < 1e-3 else f"off by up to {off:.3g}; was the mean taken away first?"


@add_check(
    "01-purity",
    within=0.002,
    hint="An image must not count as its own neighbour.",
    wrong={"each image as its own neighbour": lambda features, labels: 1.0},
)
def purity(features: Tensor, labels: Any) -> float:
    """share of images whose most similar other image is of their class"""
    return share_same(knn(features, 1), labels)


@add_check(
    "01-variance",
    within=0.01,
    hint="Variances are the squared singular values of the centred features.",
    wrong={"singular values without the square": lambda features: share_of_two_without_square(features)},
)
def variance(features: Any) -> float:
    """share of the variance on the first two principal axes"""
    return float(PCA(2, svd_solver="full").fit(np.asarray(features, dtype=np.float64)).explained_variance_ratio_.sum())


@add_check(
    "01-centred",
    within=0.002,
    hint="Take the mean picture away first, then scale each row to length 1.",
    wrong={"the mean picture left in": lambda pixels, labels: share_same(knn(pixels, 1), labels)},
)
def centred(pixels: Tensor, labels: Any) -> float:
    """top-1 purity of pixels without the mean picture"""
    return share_same(knn(normalize(pixels - pixels.mean(dim=0), dim=1), 1), labels)


@add_check(
    "01-worse",
    hint="Both conditions must hold for the same image.",
    wrong={"wrong by features, whatever the pixels say": lambda _, g, y: int((same_class(g.first(1), y) == 0).sum())},
)
def worse(pixel_graph: KnnGraph, feature_graph: KnnGraph, labels: Any) -> int:
    """number of images that pixels had right and features have wrong"""
    right = [link_labels(graph.first(1), torch.as_tensor(labels))[:, 0] for graph in (pixel_graph, feature_graph)]
    return int((right[0] & ~right[1]).sum())


@add_check(
    "02-knn",
    within=1e-4,
    hint="Take the image itself out before you look for the best.",
    wrong={"each image on its own list": lambda features, k: (features @ features.T).clamp(0, 1).topk(k).values},
)
def nearest(features: Tensor, k: int) -> Tensor:
    """similarities of the k nearest, best first"""
    return knn(features, k).similarity


@add_check(
    "02-purity",
    within=0.002,
    hint="For each k, use the first k columns of the lists only.",
    wrong={"the k-th neighbour alone": lambda graph, y, ks: same_class(graph, y).mean(dim=0)[[k - 1 for k in ks]]},
)
def purities(graph: KnnGraph, labels: Any, ks: Sequence[int]) -> list[float]:
    """purity of the lists at each k"""
    return [share_same(graph.first(k), labels) for k in ks]


@add_check(
    "02-hubs",
    hint="Count how often each image's number occurs in `graph.neighbors`.",
    wrong={"the number of neighbours that each image lists": lambda graph: graph.mask.sum(dim=1)},
)
def hubs(graph: KnnGraph) -> Tensor:
    """number of lists that each image is on"""
    return torch.bincount(graph.edge_index[0], minlength=graph.n)


@add_check(
    "02-mutual",
    hint="The link i to j is mutual if i is on the list of j as well.",
    wrong={"every listed link": lambda graph: graph.mask},
)
def mutual(graph: KnnGraph) -> Tensor:
    """mutual links"""
    node = torch.arange(graph.n, device=graph.neighbors.device)[:, None, None]
    return (graph.neighbors[graph.padded] == node).any(dim=2) & graph.mask


@add_check(
    "02-recall",
    within=0.002,
    hint="For each image: how many of the exact list are on the other list, over k?",
    wrong={"the same neighbour at the same place": lambda a, b: (a.neighbors == b.neighbors).float().mean()},
)
def recall(found: KnnGraph, exact: KnnGraph) -> float:
    """share of the true neighbours that were found"""
    hit = (exact.neighbors[:, :, None] == found.neighbors[:, None, :]).any(dim=2) & exact.mask
    return float(hit.sum() / exact.mask.sum())


@add_check(
    "02-official",
    hint="The official code counts the image itself.",
    wrong={"k as the official code counts it": list},
)
def official(ks: Sequence[int]) -> list[int]:
    """k here for each k of the official code"""
    return [k - 1 for k in ks]


@add_check(
    "02-one-sided",
    within=0.002,
    hint="One-sided: listed, but not mutual.",
    wrong={"the purity of all links": share_same},
)
def one_sided(graph: KnnGraph, labels: Any) -> float:
    """share of one-sided links that join a class"""
    alone = graph.mask & ~mutual(graph)
    return float(link_labels(graph, torch.as_tensor(labels))[alone].float().mean())


@add_check(
    "02-ceiling",
    within=0.002,
    hint="An image of a class of m images has m - 1 others that could be right.",
    wrong={"the class with the image itself": lambda y, k: float(np.minimum(np.bincount(y)[y], k).mean() / k)},
)
def ceiling(labels: Any, k: int) -> float:
    """highest purity that any graph could have at this k"""
    size = np.bincount(labels)[labels]
    return float(np.minimum(size - 1, k).mean() / k)


@add_check(
    "03-links",
    hint="Compare the label of each node with those of its neighbours.",
    wrong={"every listed link": lambda graph, labels: graph.mask},
)
def links(graph: KnnGraph, labels: Any) -> Tensor:
    """true links"""
    return link_labels(graph, torch.as_tensor(labels))


@add_check(
    "03-density",
    within=1e-3,
    hint="A neighbour of another class counts negative; divide by the neighbours.",
    wrong={"strangers left out": lambda graph, labels: mean_over_list(graph, same_class(graph, labels))},
)
def density(graph: KnnGraph, labels: Any) -> Tensor:
    """density of each node"""
    return density_target(graph, torch.as_tensor(labels))


@add_check(
    "03-parents",
    hint="Only neighbours that are denser may be chosen; a node without one is its own parent.",
    wrong={"the best neighbour, denser or not": lambda graph, linkage, density, tau: best_listed(graph, linkage)},
)
def parents(graph: KnnGraph, linkage: Tensor, density: Tensor, tau: float) -> Tensor:
    """parent of each node"""
    parent = decode_tree(graph, Prediction(linkage, density), tau).parent
    assert parent is not None  # the tree decode always has parents
    return parent


@add_check(
    "03-peaks",
    how="set",
    hint="A peak has no denser neighbour of its own class.",
    wrong={"the densest node of each class": lambda graph, y: densest(density(graph, y), y)},
)
def peaks(graph: KnnGraph, labels: Any) -> list[int]:
    """peaks"""
    truth = torch.as_tensor(labels)
    guess = Prediction(link_labels(graph, truth).float(), density_target(graph, truth))
    return [int(node) for node in decode_tree(graph, guess, 0.5).representative]


@add_check(
    "03-signed",
    how="function",
    forbidden=("density_target", "for"),
    within=1e-3,
    hint="Same class: +1, another: -1; times the similarity; mean.",
    wrong={
        "the share of own neighbours, unweighted": lambda graph, y: (y[graph.neighbors] == y[:, None]).float().mean(1),
        "the library's own function": density_target,
    },
)
def signed(graph: KnnGraph, labels: Any) -> Tensor:
    """a function that gives the density of every node"""
    return density_target(graph, torch.as_tensor(labels))


@add_check(
    "03-top",
    within=0.002,
    hint="The proportion is 1 where all neighbours are of the node's class.",
    wrong={"the mean proportion": share_same},
)
def top(graph: KnnGraph, labels: Any) -> float:
    """share of images whose plain proportion is 1"""
    same = link_labels(graph, torch.as_tensor(labels))
    return float((same.sum(dim=1) == graph.mask.sum(dim=1))[graph.mask.any(dim=1)].float().mean())
