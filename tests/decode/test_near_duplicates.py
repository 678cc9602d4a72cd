import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import HiLander, scores
from workbench.decode.dendrogram import build_dendrogram
from workbench.decode.edges import Edges
from workbench.decode.near_duplicates import (
    CROWDED,
    _expanded,
    crowding_near_duplicates,
    expand_near_duplicates,
    groups_apart,
)
from workbench.decode.quality import true_quality
from workbench.graph.knn import KnnGraph, knn


def burst(x, labels, share=0.15, cosine=0.9975, seed=0):
    """The rows, and of a share of them 5 to 25 near-duplicates each."""
    random = np.random.default_rng(seed)
    many = np.repeat(random.choice(len(x), int(share * len(x)), replace=False), 8)
    many = np.concatenate([many, many[::2], many[::4]])
    away = torch.from_numpy(random.standard_normal((len(many), x.shape[1]), dtype=np.float32))
    away = torch.nn.functional.normalize(away, dim=1) * (1 / cosine**2 - 1) ** 0.5
    return torch.cat([x, torch.nn.functional.normalize(x[many] + away, dim=1)]), torch.cat([labels, labels[many]])


def test_bursts_of_near_duplicates_no_longer_break_the_clusters_of_the_others(blobs):
    x, labels = blobs(n_classes=30, per_class=30, dim=32, noise=0.14)
    many, _ = burst(x, labels)
    alone = scores(labels.numpy(), HiLander().fit_predict(x))["bcubed_f"]
    model = HiLander().fit(many)
    assert len(model.hierarchy_.levels) == 1
    assert crowding_near_duplicates(model.hierarchy_.levels[0].graph) is not None
    assert scores(labels.numpy(), model.labels_[: len(x)])["bcubed_f"] > alone - 0.05
    assert (model.predict(many[:50]) == model.labels_[:50]).all()  # a fitted row finds itself
    for finer, coarser in zip(model.cluster_layers_, model.cluster_layers_[1:], strict=False):
        assert len(np.unique(np.stack([finer, coarser]), axis=1).T) == finer.max() + 1  # nested
    assert 0 < model.expected_["f"] <= 1


def test_near_duplicates_are_those_of_one_image_and_the_densest_stands_for_them(blobs):
    x, _ = blobs(n_classes=20, per_class=20, dim=32, noise=0.14)
    many, origin = burst(x, torch.arange(len(x)), share=0.1)
    graph = knn(many, 10)
    group = crowding_near_duplicates(graph)
    assert torch.equal(origin[group], origin)  # nobody is joined to another image's near-duplicates
    assert len(group.unique()) < len(many) / 1.5
    assert torch.equal(group[group], group)
    strength = graph.similarity.sum(dim=1)
    assert all(strength[group == r].max() == strength[r] for r in group.unique()[:20])


def test_a_few_near_duplicates_that_crowd_nobody_out_are_left_alone_but_copies_are_one_at_any_share(blobs):
    x, _ = blobs(n_classes=20, per_class=20, dim=32, noise=0.14)
    assert crowding_near_duplicates(knn(x, 10)) is None
    random = torch.Generator().manual_seed(0)
    near = torch.nn.functional.normalize(x[:100] + 0.08 * torch.randn(100, 32, generator=random), dim=1)
    assert crowding_near_duplicates(knn(torch.cat([x, near]), 10)) is None
    group = crowding_near_duplicates(knn(torch.cat([x, x[:100]]), 10))
    assert torch.equal(group[400:], group[:100])
    assert len(group.unique()) == 400
    assert crowding_near_duplicates(KnnGraph(torch.empty(3, 0, dtype=torch.long), torch.empty(3, 0))) is None


def tight(classes, rows, dim, noise, seed=0):
    """Round classes, and their labels: what a first try is made of."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), rows)
    return random.normal(size=(classes, dim))[labels] + noise * random.normal(size=(len(labels), dim)), labels


@pytest.mark.filterwarnings("ignore:X. .* rows lie close together")
@pytest.mark.parametrize("dim", [8, 64])
@pytest.mark.parametrize("noise", [0.15, 0.3])
@pytest.mark.parametrize("classes", [10, 40])
def test_tight_classes_as_small_as_a_list_are_no_near_duplicates(classes, noise, dim):
    x, labels = tight(classes, 15, dim, noise)
    model = HiLander().fit(x)
    assert crowding_near_duplicates(model.hierarchy_.levels[0].graph) is None
    assert scores(labels, model.labels_)["item_f"] > 0.93


@pytest.mark.parametrize("metric", ["discriminant", "cosine"])
@pytest.mark.parametrize(
    ("classes", "rows", "dim", "noise"),
    [
        (100, 6, 512, 0.2),
        (100, 4, 128, 0.05),
        (100, 5, 32, 0.05),
        (60, 5, 256, 0.125),
        (60, 5, 12, 0.02),
        (20, 5, 8, 0.02),
    ],
)
def test_tight_classes_of_a_few_rows_are_no_near_duplicates_either(classes, rows, dim, noise, metric):
    """They were taken for copies of images that have nothing in common, and of such images the model made heaps."""
    x, labels = tight(classes, rows, dim, noise)
    model = HiLander(metric=metric).fit(x)
    assert scores(labels, model.labels_)["item_f"] > 0.98
    assert model.expected_["f"] == 1  # no group has a partner


def test_groups_are_one_image_each_where_those_that_stand_for_them_have_partners(blobs):
    x, labels = blobs(n_classes=8, per_class=25, dim=32, noise=0.14)
    copies = x.repeat(5, 1) + 1e-3 * torch.randn(5 * len(x), 32, generator=torch.Generator().manual_seed(0))
    copies = torch.nn.functional.normalize(copies, dim=1)
    graph = knn(copies, 15)
    assert len(groups_apart(graph).unique()) == len(x)
    assert scores(labels.repeat(5), HiLander().fit_predict(copies))["item_f"] > 0.95


def test_groups_apart_need_a_gap(blobs):
    x, _ = blobs(n_classes=8, per_class=25, dim=32, noise=0.14)
    assert groups_apart(knn(x, 15)) is None
    one_group = torch.eye(8)[:1].repeat(4, 1) + 0.01 * torch.eye(8)[:4]
    assert groups_apart(knn(torch.nn.functional.normalize(one_group, dim=1), 3)) is None


def test_classes_that_may_be_copies_are_told_of():
    x, labels = tight(40, 15, 8, 0.02)  # 40 images in so few dimensions are near some other
    with pytest.warns(UserWarning, match="X: 600 of 600 rows lie close together .* taken for a small class"):
        assert scores(labels, HiLander().fit_predict(x))["item_f"] == 1


def test_a_row_beside_tight_classes_leaves_them_as_they_are():
    x, _ = tight(10, 15, 8, 0.15)
    labels = HiLander().fit_predict(x)
    assert scores(labels, HiLander().fit_predict(np.concatenate([x, np.full((1, 8), 1e6)]))[:150])["ari"] > 0.99


def test_of_many_noisy_copies_of_every_row_each_row_is_one_image(blobs):
    x, labels = blobs(n_classes=30, per_class=20, dim=32, noise=0.14)
    noise = 1e-3 * torch.nn.functional.normalize(
        torch.randn(10, *x.shape, generator=torch.Generator().manual_seed(0)), dim=2
    )
    copies = torch.nn.functional.normalize(x + noise, dim=2).flatten(0, 1)
    found = HiLander().fit_predict(copies).reshape(10, -1)
    assert (found == found[0]).all()
    assert scores(HiLander().fit_predict(x), found[0])["bcubed_f"] > 0.95
    assert scores(labels.numpy(), found[0])["item_f"] > 0.9


def test_lists_are_crowded_from_half_on():
    turns = torch.tensor([0.0, 0.15, 0.3, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5])
    circle = torch.stack([turns.cos(), turns.sin()], dim=1)
    assert CROWDED * 4 == 2
    assert len(set(crowding_near_duplicates(knn(circle, 4)).tolist()[:3])) == 1
    assert crowding_near_duplicates(knn(circle, 5)) is None


@settings(max_examples=40)
@given(st.integers(0, 2**31))
def test_the_quality_of_near_duplicates_is_that_of_their_representatives(seed):
    random = np.random.default_rng(seed)
    x = torch.nn.functional.normalize(torch.from_numpy(random.standard_normal((12, 4), dtype=np.float32)), dim=1)
    graph = knn(x, 4)
    tree = build_dendrogram(Edges.of(graph, graph.similarity), x)
    group = np.concatenate([np.arange(12), random.integers(0, 12, random.integers(0, 20))])
    random.shuffle(group)
    grown, origin = _expanded(tree, group)
    leaves = [set(np.flatnonzero(row)) for row in grown.subtrees.sums(torch.eye(grown.n_nodes, len(group)).double())]
    before = [set(np.flatnonzero(row)) for row in tree.subtrees.sums(torch.eye(tree.n_nodes, 12).double())]
    for node, (images, old) in enumerate(zip(leaves, origin, strict=True)):
        whole = {i for i, leaf in enumerate(group) if leaf in before[old]}
        assert images == whole or (images < whole and old < 12), node
    few = true_quality(tree, random.integers(0, 4, 12))
    for tau in (0.1, 0.5, 0.9):
        node = expand_near_duplicates(few, group).cut(tau).node
        assert len({(n, origin[n]) for n in node}) == len({origin[n] for n in node})  # no group is torn
        assert (grown.size[node] == [np.isin(group, list(before[origin[n]])).sum() for n in node]).all()


def test_the_order_of_the_rows_does_not_matter(blobs):
    x, _ = burst(*blobs(n_classes=15, per_class=20, dim=32, noise=0.14))
    flipped = torch.arange(len(x)).flip(0)
    one, two = HiLander().fit_predict(x), HiLander().fit_predict(x[flipped])
    assert scores(one[flipped.numpy()], two)["ari"] > 0.99
