"""Parts that no link ties to the rest: found, judged as sets of their own, put in the place of their trees."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import HiLander, scores
from workbench.decode import cuts
from workbench.decode.cuts import CutDecoder
from workbench.decode.dendrogram import build_dendrogram
from workbench.decode.edges import Edges
from workbench.decode.parts import expected_f, parts_of, with_parts
from workbench.decode.quality import QualityEnsemble, true_quality
from workbench.graph.discriminant import Metric
from workbench.graph.knn import knn
from workbench.graph.nodes import Nodes
from workbench.lander.model import Prediction


def forest(sizes, seed, dim=4):
    """Rows of several sources, each in columns of its own, so that no list leaves its source."""
    random = torch.Generator().manual_seed(seed)
    blocks = [torch.randn(size, dim, generator=random).abs() for size in sizes]
    return torch.nn.functional.normalize(torch.block_diag(*blocks), dim=1)


def quality_of(rows, labels, k=5):
    graph = knn(rows, k)
    return true_quality(build_dendrogram(Edges.of(graph, graph.similarity.clamp(min=0.01)), rows), labels)


def same_partition(a, b):
    return len(np.unique(np.stack([a, b]), axis=1).T) == len(np.unique(a)) == len(np.unique(b))


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ((150,), []),
        ((150, 99), []),
        ((150, 100), [150, 100]),
        ((150, 100, 20), [150, 100]),
        ((6000, 110, 300), [6000, 300]),  # less than a fiftieth is a class
    ],
)
def test_parts_are_large_trees_where_there_are_several(sizes, found):
    rows = forest(sizes, 0)
    graph = knn(rows, 15)
    parts = parts_of(build_dendrogram(Edges.of(graph, graph.similarity), rows))
    assert sorted(map(len, parts), reverse=True) == found
    starts = np.cumsum([0, *sizes])
    for part in parts:
        assert part.tolist() in [list(range(a, b)) for a, b in pairwise(starts)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(2, 30), min_size=2, max_size=5), st.integers(0, 2**16), st.data())
def test_parts_whose_quality_is_the_same_change_nothing(sizes, seed, data):
    rows = forest(sizes, seed)
    labels = np.random.default_rng(seed).integers(0, 6, len(rows))
    whole = quality_of(rows, labels)
    starts = np.cumsum([0, *sizes])
    trees = [np.arange(a, b) for a, b in pairwise(starts)]
    chosen = [tree for tree in trees if data.draw(st.booleans())]
    anew = with_parts(whole, [(tree, replace_recall(whole, rows, labels, tree)) for tree in chosen])

    old, new = whole.dendrogram, anew.dendrogram
    assert new.n_merges == old.n_merges
    assert sorted(new.size) == sorted(old.size)
    assert np.allclose(np.sort(new.height), np.sort(old.height))
    assert (new.larger < new.n + np.arange(new.n_merges)).all()  # a merge comes after its sides
    assert (new.smaller < new.n + np.arange(new.n_merges)).all()
    for weight in (0.2, 0.5, 0.9):
        assert same_partition(whole.cut(weight).node, anew.cut(weight).node)
        assert np.allclose(whole.at(weight)[whole.cut(weight).node], anew.at(weight)[anew.cut(weight).node])
    assert anew.expected(anew.cut(0.5).node) == pytest.approx(whole.expected(whole.cut(0.5).node))


def replace_recall(whole, rows, labels, tree):
    """The true quality of one tree's leaves as a set, but with the classes' sizes among all rows."""
    alone = quality_of(rows[tree], labels[tree])
    inside = {frozenset(tree[members(alone.dendrogram, node)]): node for node in range(alone.dendrogram.n_nodes)}
    values = alone.values.copy()
    for node in range(whole.dendrogram.n_nodes):
        leaves = frozenset(members(whole.dendrogram, node))
        if leaves in inside:
            values[inside[leaves]] = whole.values[node]
    return replace(alone, values=values)


def members(dendrogram, node):
    """The leaves under a node, one by one."""
    if node < dendrogram.n:
        return np.array([node])
    merge = node - dendrogram.n
    sides = (dendrogram.larger[merge], dendrogram.smaller[merge])
    return np.concatenate([members(dendrogram, side) for side in sides])


def test_what_cannot_be_a_cluster_stays_so():
    rows = forest((6, 5), 1)
    whole = quality_of(rows, np.zeros(11, int))
    part = quality_of(rows[6:], np.zeros(5, int))
    never = replace(part, possible=np.arange(part.dendrogram.n_nodes) < 5)
    node = with_parts(whole, [(np.arange(6, 11), never)]).cut(0.0).node
    assert len(np.unique(node[:6])) == 1
    assert node[6:].tolist() == [6, 7, 8, 9, 10]
    assert with_parts(whole, []) is whole


# ---------------------------------------------------------------- who is asked for a part


class OfSmallClasses(QualityEnsemble):
    """Of sets of one size small clusters are right; what it says of all others is far too low."""

    def __init__(self, n, most):
        super().__init__(1)
        self.n = n
        self.most = most

    def predict(self, dendrogram, features):
        if dendrogram.n == self.n:
            return true_quality(dendrogram, small_clusters(dendrogram, self.most))
        found = true_quality(dendrogram, np.zeros(dendrogram.n, int))
        return replace(found, values=0.5 * found.values)


def small_clusters(dendrogram, most):
    """The largest nodes of at most so many images."""
    return dendrogram.cut(np.where(dendrogram.size <= most, dendrogram.size**2, -1)).node


def decoded(rows, ensemble, metric, k=15):
    asked = []

    def predict(nodes, graph):
        asked.append((graph.n, nodes.image.tolist()))
        return Prediction.of(graph, graph.similarity.clamp(0.01, 1))

    nodes, graph = Nodes.of_images(rows), knn(rows, k)
    prediction = predict(nodes, graph)
    asked.clear()
    return CutDecoder(ensemble, predict, knn, metric=metric)(nodes, graph, prediction, 0.5), asked


@pytest.mark.parametrize("matrix", [None, torch.diag(torch.linspace(1, 0.5, 48))])
def test_a_part_is_a_set_of_its_own_where_it_is_expected_to_have_the_higher_f(matrix):
    metric = Metric(matrix)
    rows = metric(forest((130, 120, 30), 2, dim=16))
    found, asked = decoded(rows, OfSmallClasses(120, most=6), metric)
    assert sorted(asked, reverse=True) == [
        (130, list(range(130))),
        (120, list(range(130, 250))),
    ]  # with their numbers among all
    assert len(found.clusters[:130].unique()) == 1  # by itself it looks no better
    assert found.clusters[130:250].bincount().max() <= 6
    assert len(found.clusters[250:].unique()) == 1
    assert (expected_f(found.quality)[130:250] == 1).all()


def test_parts_have_parts(monkeypatch):
    """Mapped anew a part may fall apart itself."""
    rows = forest((150, 150, 150), 3, dim=16)
    seen = rows.clone()
    seen[150:, 16:32] = rows[150:, 16:32] + rows[150:, 32:]  # the last two sources share their columns
    seen[150:, 32:] = 0
    monkeypatch.setattr(Metric, "anew", lambda self, part: (self, rows[150:] if len(part) == 300 else part))
    found, asked = decoded(seen, OfSmallClasses(150, most=6), Metric())
    assert sorted(n for n, _ in asked) == [150, 150, 150, 300]
    assert found.clusters.bincount().max() <= 6


def test_a_part_whose_rows_would_be_alone_stays_whole():
    """A round class by itself shows no structure; that each row is a cluster of its own is right for sure."""
    rows = forest((130, 120), 2, dim=16)
    found, asked = decoded(rows, OfSmallClasses(120, most=1), Metric())
    assert sorted(n for n, _ in asked) == [120, 130]
    assert len(found.clusters.unique()) == 2


def test_more_links_than_memory_holds_are_not_looked_at_by_parts(monkeypatch):
    monkeypatch.setattr(cuts, "LINKS", 249 * 15)
    rows = forest((130, 120), 4, dim=16)
    _, asked = decoded(rows, OfSmallClasses(120, most=6), Metric())
    assert not asked


def two_kinds(seed, classes=25, per_class=12, dim=24):
    """Each in columns of its own and far from the other; three columns vary most and tell nothing."""
    blocks, labels = [], []
    for kind in range(2):
        random = np.random.default_rng(seed + kind)
        of_class = np.tile(np.arange(classes), per_class)
        centers = random.normal(size=(classes, dim)) / dim**0.5
        rows = centers[of_class] + 0.2 * random.normal(size=(len(of_class), dim))
        rows[:, :3] += 0.5 * random.normal(size=(len(of_class), 3))
        both = np.zeros((len(rows), 2 * dim + 1))
        both[:, kind * dim : (kind + 1) * dim] = rows
        both[:, -1] = 2 - 4 * kind
        blocks.append(both)
        labels.append(kind * classes + of_class)
    return np.concatenate(blocks), np.concatenate(labels)


def test_kinds_far_apart_are_told_into_their_classes():
    """Seen together they came out as 3 clusters, item F .09."""
    x, labels = two_kinds(30)
    model = HiLander().fit(x)
    assert model.n_clusters_ > 50
    assert scores(labels, model.labels_)["item_f"] > 0.3
    assert 0 < model.expected_["f"] <= 1
    assert (model.predict(x[:50]) == model.labels_[:50]).all()
    for finer, coarser in zip(model.cluster_layers_, model.cluster_layers_[1:], strict=False):
        assert len(np.unique(np.stack([finer, coarser]), axis=1).T) == finer.max() + 1  # nested
    large = np.bincount(model.labels_).argmax()
    first, second = map(int, np.flatnonzero(model.labels_ == large)[:2])
    before = model.labels_.copy()
    model.answer(first, second, same=False)
    assert model.labels_[first] != model.labels_[second]
    model.undo()
    assert np.array_equal(model.labels_, before)


# ---------------------------------------------------------------- the map, anew


def test_a_map_is_undone_before_another_one_is_fitted():
    random = torch.Generator().manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(400, 6, generator=random).cumsum(dim=1), dim=1)
    metric = Metric(torch.diag(torch.tensor([1.0, 0.5, 0.2, 0.1, 0.05, 0.01])))
    again, mapped = metric.anew(metric(rows)[:200])
    wanted = Metric.of("discriminant", rows[:200])
    assert torch.allclose(again.matrix, wanted.matrix, atol=1e-2, rtol=1e-2)
    assert torch.allclose(mapped, wanted(rows[:200]), atol=1e-3)
    faded = Metric(torch.diag(torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])))
    assert torch.isfinite(faded.anew(faded(rows)[:200])[1]).all()


def test_rows_that_no_map_has_changed_stay():
    rows = torch.eye(3)
    assert Metric().anew(rows)[1] is rows


@pytest.mark.cuda
def test_parts_on_a_gpu_are_those_of_the_cpu():
    x, _ = two_kinds(10)
    here, there = (HiLander(device=device).fit_predict(x) for device in ("cpu", "cuda"))
    assert scores(here, there)["pairwise_f"] > 0.98
