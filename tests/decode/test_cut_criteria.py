"""The criteria of cuts with no learning, node by node from their formulas."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.decode.cut_criteria import excess_of_mass, map_equation
from workbench.decode.cuts import UNLEARNED_CUTS
from workbench.decode.dendrogram import build_dendrogram
from workbench.decode.edges import Edges
from workbench.graph.knn import knn
from workbench.lander.model import Prediction

seeds = st.integers(0, 2**31)


def case_of(seed):
    """A small graph in several parts, a random linkage, its dendrogram and the images under each node."""
    random = torch.Generator().manual_seed(seed)
    n = int(torch.randint(6, 40, (), generator=random))
    rows = torch.eye(3)[torch.randint(3, (n,), generator=random)] + 0.3 * torch.rand(n, 3, generator=random)
    graph = knn(torch.nn.functional.normalize(rows, dim=1), 3)
    linkage = torch.rand(graph.neighbors.shape, generator=random) * graph.mask
    tree = build_dendrogram(Edges.of(graph, linkage), rows)
    images = [[i] for i in range(n)]
    for a, b in zip(tree.larger, tree.smaller, strict=True):
        images.append(images[a] + images[b])
    return graph, linkage, tree, images


def best_cut(tree, score):
    """The value of the best cut at or below each node, and its nodes below the roots."""
    value, nodes = [], []
    for node in range(tree.n_nodes):
        sons = () if node < tree.n else (tree.larger[node - tree.n], tree.smaller[node - tree.n])
        below = sum(value[son] for son in sons)
        whole = not sons or score[node] >= below
        value.append(score[node] if whole else below)
        nodes.append([node] if whole else [chosen for son in sons for chosen in nodes[son]])
    return value, sorted({chosen for root in np.flatnonzero(tree.parent < 0) for chosen in nodes[root]})


def compare(found, tree, images, score):
    value, chosen = best_cut(tree, score)
    assert found[0].tolist() == pytest.approx(score, abs=1e-9)
    assert found[2].tolist() == pytest.approx(value, abs=1e-9)
    assert sorted(set(found[1].tolist())) == chosen
    assert all(image in images[node] for image, node in enumerate(found[1].tolist()))


def plogp(x):
    return x * math.log2(x) if x > 0 else 0.0


@settings(max_examples=60)
@given(seeds)
def test_the_map_equation_node_by_node(seed):
    graph, linkage, tree, images = case_of(seed)
    weight = np.zeros((graph.n, graph.n))
    for i, j, r in zip(graph.edge_index[1], graph.edge_index[0], graph.on_edges(linkage), strict=True):
        weight[i, j] += float(r)
        weight[j, i] += float(r)
    volume = np.array([weight[own].sum() for own in images])
    inner = np.array([weight[np.ix_(own, own)].sum() / 2 for own in images])
    p, q = volume / weight.sum(), (volume - 2 * inner) / weight.sum()
    q[q < 1e-12] = 0
    leaving = 0.3
    for _ in range(5):
        tangent = math.log2(max(leaving, 1e-9)) + 1 / math.log(2)
        score = [2 * plogp(b) - plogp(b + a) - b * tangent for a, b in zip(p, q, strict=True)]
        leaving = sum(q[node] for node in best_cut(tree, score)[1])
    measured = torch.from_numpy(volume), torch.from_numpy(np.minimum(inner, volume / 2))
    compare(map_equation(tree, *measured), tree, images, score)


@settings(max_examples=60)
@given(seeds)
def test_the_excess_of_mass_node_by_node(seed):
    """A node of four images or more lives from the linkage at which it forms to that of its parent; a root lives 0.5
    in units of log linkage longer than the last merge."""
    _, _, tree, images = case_of(seed)
    born = [0.0] * tree.n + np.log(tree.height + 1e-12).tolist()
    last = min(born[tree.n :]) - 0.5
    died = [born[parent] if parent >= 0 else last for parent in tree.parent.tolist()]
    size = [len(own) for own in images]
    score = [s * max(a - b, 0.0) if s >= 4 else 0.0 for s, a, b in zip(size, born, died, strict=True)]
    compare(excess_of_mass(tree), tree, images, score)


@settings(max_examples=20)
@given(seeds, st.sampled_from(sorted(UNLEARNED_CUTS)))
def test_links_at_the_threshold_and_below_are_dropped(seed, name):
    graph, linkage, _, _ = case_of(seed)
    threshold = float(linkage.flatten().sort().values[linkage.numel() // 2])
    density = torch.zeros(graph.n)
    found = UNLEARNED_CUTS[name](graph, Prediction(linkage, density), threshold)
    kept = torch.where(linkage > threshold, linkage, 0.0)
    assert torch.equal(found.clusters, UNLEARNED_CUTS[name](graph, Prediction(kept, density), 0.0).clusters)
