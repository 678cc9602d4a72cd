import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.cluster import HiLander
from workbench.decode.cut_criteria import excess_of_mass, map_equation
from workbench.decode.cuts import UNLEARNED_CUTS, cut_at, cut_layers, decode_excess_of_mass, decode_map_equation
from workbench.decode.dendrogram import build_dendrogram
from workbench.decode.edges import Edges
from workbench.decode.quality import PRECISION_WEIGHTS, Quality, QualityEnsemble, true_quality
from workbench.decode.quality_features import quality_features
from workbench.evaluate.scores import scores
from workbench.graph.knn import knn
from workbench.lander.model import Prediction

seeds = st.integers(0, 2**31)


def case_of(seed, n=24, classes=4):
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=n)
    x = np.eye(classes)[labels] + 0.4 * random.normal(size=(n, classes))
    x = torch.nn.functional.normalize(torch.from_numpy(x).float(), dim=1)
    graph = knn(x, 4)
    return build_dendrogram(Edges.of(graph, graph.similarity), x), graph, labels


def under(tree, node):
    if node < tree.n:
        return [node]
    return under(tree, tree.larger[node - tree.n]) + under(tree, tree.smaller[node - tree.n])


@settings(max_examples=40)
@given(seeds)
def test_true_quality_image_by_image(seed):
    tree, _, labels = case_of(seed)
    values = true_quality(tree, labels).values
    for node in range(tree.n_nodes):
        images = under(tree, node)
        for column, weight in enumerate(PRECISION_WEIGHTS):
            each = []
            for i in images:
                shared = sum(labels[j] == labels[i] for j in images)
                precision, recall = shared / len(images), shared / (labels == labels[i]).sum()
                each.append(1 / (weight / precision + (1 - weight) / recall))
            assert values[node, column] == pytest.approx(np.mean(each))


@settings(max_examples=40)
@given(seeds)
def test_expected_scores_of_the_truth_are_the_scores(seed):
    tree, _, labels = case_of(seed)
    quality = true_quality(tree, labels)
    for tau in (0.2, 0.5, 0.9):
        node = quality.cut(tau).node
        expected, found = quality.expected(node), scores(labels, node)
        assert expected["precision"] == pytest.approx(found["bcubed_precision"])
        assert expected["recall"] == pytest.approx(found["bcubed_recall"])
        assert expected["f"] == pytest.approx(found["bcubed_f"])


def test_of_a_single_image_nothing_is_in_doubt():
    for model in (HiLander().fit(np.ones((1, 5))), HiLander().fit(np.ones((3, 5)))):
        assert model.expected_ == {"precision": 1, "recall": 1, "f": 1}


def test_quality_between_precision_weights_is_linear():
    tree, _, labels = case_of(0)
    quality = true_quality(tree, labels)
    assert np.allclose(quality.at(0.5), quality.values[:, 2])
    assert np.allclose(quality.at(1.0), quality.values[:, 4])
    assert np.allclose(quality.at(0.375), (quality.values[:, 1] + quality.values[:, 2]) / 2)
    with pytest.raises(ValueError, match=r"tau: expected a number in \[0, 1\]"):
        quality.at(1.2)


@settings(max_examples=30)
@given(seeds)
def test_layers_are_nested_around_the_chosen_cut(seed):
    tree, graph, _ = case_of(seed)
    values = np.random.default_rng(seed).random((tree.n_nodes, len(PRECISION_WEIGHTS)))
    quality = Quality(tree, values)
    layers = quality.layers(0.5)
    assert len(layers) == 5
    assert (layers[2].node == quality.cut(0.5).node).all()
    for fine, coarse in itertools.pairwise(layers):
        assert len(set(zip(fine.node.tolist(), coarse.node.tolist(), strict=True))) == len(np.unique(fine.node))
    decoded = cut_layers(graph, Prediction(graph.similarity, torch.zeros(tree.n)), quality, 0.5)
    sizes = [len(layer.representative) for layer in decoded]
    assert sizes == sorted(sizes, reverse=True)


@settings(max_examples=30)
@given(seeds, st.sampled_from([*sorted(UNLEARNED_CUTS), "cut"]))
def test_what_every_cut_decode_holds(seed, name):
    tree, graph, labels = case_of(seed)
    density = torch.from_numpy(np.random.default_rng(seed).random(tree.n)).float()
    prediction = Prediction(graph.similarity, density)
    if name == "cut":
        found = cut_at(graph, prediction, true_quality(tree, labels), 0.3)
    else:
        found = UNLEARNED_CUTS[name](graph, prediction, 0.3)
    count = len(found.representative)
    assert found.parent is None
    assert torch.equal(found.clusters[found.representative], torch.arange(count))
    assert torch.equal(found.representative, found.representative.sort().values)
    for cluster in range(count):  # the densest stands for it
        members = (found.clusters == cluster).nonzero()[:, 0]
        assert density[members].max() == density[found.representative[cluster]]


def test_duplicates_share_a_cluster_whatever_is_predicted():
    x = torch.eye(3).repeat_interleave(2, dim=0)
    graph = knn(x, 1)
    tree = build_dendrogram(Edges.of(graph, graph.similarity), x)
    apart = Quality(tree, np.where(tree.size[:, None] > 1, 0.0, 1.0).repeat(5, axis=1))
    found = cut_at(graph, Prediction(graph.similarity, torch.zeros(6)), apart, 0.5)
    assert found.clusters.tolist() == [0, 0, 1, 1, 2, 2]


def description(labels, graph):
    """The two-level map equation of a partition, from its definition."""
    n = graph.n
    flow = np.zeros((n, n))
    for i in range(n):
        for j, s in zip(graph.neighbors[i].tolist(), graph.similarity[i].tolist(), strict=True):
            if j >= 0:
                flow[i, j] += s
                flow[j, i] += s
    flow /= flow.sum()
    visits = flow.sum(axis=1)
    exits = np.array([flow[labels == c][:, labels != c].sum() for c in np.unique(labels)])

    def entropy(parts):
        parts = parts[parts > 0] / parts.sum() if parts.sum() else parts[parts > 0]
        return -(parts * np.log2(parts)).sum()

    length = exits.sum() * entropy(exits)
    for q, c in zip(exits, np.unique(labels), strict=True):
        inside = np.append(visits[labels == c], q)
        length += inside.sum() * entropy(inside)
    return length


@settings(max_examples=25)
@given(seeds)
def test_the_map_equation_cut_shortens_the_description(seed):
    tree, graph, _ = case_of(seed, n=40)
    found = decode_map_equation(graph, Prediction(graph.similarity, torch.zeros(tree.n)), 0.0).clusters.numpy()
    roots = tree.cut(np.where(np.arange(tree.n_nodes) < tree.n, -1.0, tree.size)).node
    assert description(found, graph) <= description(np.arange(tree.n), graph) + 1e-9
    assert description(found, graph) <= description(roots, graph) + 0.02  # the index term is a tangent


def test_two_clear_groups():
    x = 0.1 * torch.rand(16, 6, generator=torch.Generator().manual_seed(0))
    x[:8, 0] += 1
    x[8:, 5] += 1
    x = torch.nn.functional.normalize(x, dim=1)
    graph = knn(x, 7)
    guess = Prediction(graph.similarity, torch.zeros(16))
    assert decode_map_equation(graph, guess, 0.0).clusters.tolist() == [0] * 8 + [1] * 8
    by_mass = decode_excess_of_mass(graph, guess, 0.0).clusters
    assert not set(by_mass[:8].tolist()) & set(by_mass[8:].tolist())
    strict = decode_map_equation(graph, guess, 1.0)  # no link is above tau
    assert strict.clusters.tolist() == list(range(16))


def test_criteria_of_a_tree_without_merges():
    graph = knn(torch.eye(3), 2)  # orthogonal: nobody is listed
    tree = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(3))
    zeros = torch.zeros(3, dtype=torch.float64)
    assert map_equation(tree, zeros, zeros)[1].tolist() == [0, 1, 2]
    assert excess_of_mass(tree)[1].tolist() == [0, 1, 2]


@pytest.mark.parametrize("rows", [1, 5, 24, 25])  # images and merges apart, and mixed
def test_in_blocks_features_and_quality_are_the_same(rows, monkeypatch):
    from workbench.decode import quality_features as module

    tree, graph, _ = case_of(3)
    x = torch.eye(4)[torch.arange(24) % 4]
    torch.manual_seed(0)
    ensemble = QualityEnsemble(2).eval()
    inputs = module.quality_features(tree, Edges.of(graph, graph.similarity), graph, graph.similarity, x)
    table = inputs.table
    whole = ensemble.predict(tree, inputs).values
    monkeypatch.setattr(module, "ROWS", rows)
    assert torch.equal(inputs.table, table)
    assert np.allclose(ensemble.predict(tree, inputs).values, whole, atol=1e-6)
    assert (whole[:24, -1] == 1).all()
    assert ((whole > 0) & (whole <= 1)).all()


def test_of_what_is_not_possible_no_cluster_is_made():
    tree, _, _ = case_of(0)
    root = tree.n_nodes - 1
    values = np.full((tree.n_nodes, len(PRECISION_WEIGHTS)), 0.5)
    possible = np.ones(tree.n_nodes, bool)
    values[root] = 0.6
    assert (Quality(tree, values).cut(0.5).node == root).all()
    assert (Quality(tree, values, possible).cut(0.5).node == root).all()
    possible[root] = False
    assert not (Quality(tree, values, possible).cut(0.5).node == root).any()


@settings(max_examples=30)
@given(seeds)
def test_possible_is_what_some_criterion_would_make_as_large(seed):
    """By the definition, node by node: is it a part of a cluster of the criterion's cut, or that cluster?"""
    tree, graph, _ = case_of(seed)
    rows = torch.nn.functional.normalize(torch.randn(tree.n, 5, generator=torch.Generator().manual_seed(seed)), dim=1)
    possible = quality_features(tree, Edges.of(graph, graph.similarity), graph, graph.similarity, rows).possible
    edges = Edges.of(graph, graph.similarity)
    values = np.zeros((tree.n_nodes, 2))
    values[: tree.n, 0], values[tree.n :, 1] = edges.at_images()[:, 0], tree.weight
    volume, inner = tree.subtrees.sums(torch.from_numpy(values)).T
    by_map, by_mass = map_equation(tree, volume, inner)[1].numpy(), excess_of_mass(tree)[1].numpy()
    for node in range(tree.n_nodes):
        inside = [set(under(tree, node)) <= set(under(tree, cut[under(tree, node)[0]])) for cut in (by_map, by_mass)]
        assert possible[node] == any(inside)  # linkage is similarity here, so the map equation asks twice
