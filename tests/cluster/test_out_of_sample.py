from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workbench._core.runtime import seeded
from workbench.cluster import out_of_sample
from workbench.cluster.hierarchy import build_hierarchy
from workbench.cluster.hilander import HiLander
from workbench.cluster.out_of_sample import (
    MIN_MEAN_LINKAGE,
    OutOfSample,
    _linkage,
    assign_out_of_sample,
    continued_clusters,
)
from workbench.decode.tree import DECODERS
from workbench.graph.knn import KnnGraph, query
from workbench.graph.nodes import Nodes
from workbench.lander.config import InferenceConfig, LanderConfig
from workbench.lander.model import Lander
from workbench.lander.relative_features import GraphContext

LABELS = st.lists(st.integers(0, 4), max_size=30)


def goes_on_from(before, now, cluster):
    """By the definition, one cluster at a time."""
    shared = {(b, c): 0 for b in before for c in now}
    for b, c in zip(before, now, strict=False):
        shared[b, c] += 1
    mine = [(-shared[b, cluster], b) for b in set(before) if shared.get((b, cluster))]
    if not mine:
        return -1
    origin = min(mine)[1]
    heir = min((-shared[origin, c], c) for c in set(now[: len(before)]))[1]
    return origin if heir == cluster else -1


@given(LABELS, LABELS, LABELS)
def test_clusters_go_on_as_defined(first, second, later):
    n = min(len(first), len(second))
    before, now = first[:n], second[:n] + later
    expected = [goes_on_from(before, now, cluster) for cluster in range(5)]
    found = continued_clusters(np.array(before, np.int64), np.array(now, np.int64), 5).tolist()
    assert found == expected
    taken = [cluster for cluster in found if cluster >= 0]
    assert len(taken) == len(set(taken))  # no cluster goes on in two


def test_a_split_a_merger_and_a_foundation():
    before = np.array([0, 0, 0, 1, 1, 2])
    now = np.array([3, 3, 0, 1, 1, 1, 2, 2])  # 0 splits, 1 takes in 2, rows that came later found cluster 2
    assert continued_clusters(before, now, 4).tolist() == [-1, 1, -1, 0]
    assert continued_clusters(before, before, 3).tolist() == [0, 1, 2]
    assert continued_clusters(before[:0], now, 4).tolist() == [-1] * 4


@pytest.fixture(params=["structural", "relative", "features"])
def fitted(blobs, request):
    x, _ = blobs(12, 20, noise=0.4)
    model = seeded(lambda: Lander(LanderConfig(request.param).for_features(x.shape[1])), 0)
    return model, build_hierarchy(x[::2], model.predict, InferenceConfig(k=5, tau=0.4)), x[1::2]


def test_the_strongest_link_or_the_strongest_cluster_decides(fitted):
    """Beside the obvious way: one new row at a time, its links summed by cluster in a loop."""
    model, tree, rows = fitted
    found = query(tree.features, rows, 5)
    by_link, by_mean = (assign_out_of_sample(model, tree, rows, found, tau) for tau in (0.45, None))
    strongest, whole = by_link.labels.tolist(), by_mean.labels.tolist()
    for i, row in enumerate(rows):
        alone = query(tree.features, row[None], 5)
        links = _linkage_of(model, tree, row, alone)[-1].tolist()
        labels = tree.labels[alone.neighbors[0]].tolist()
        best = int(np.argmax(links))
        assert strongest[i] == (labels[best] if links[best] > 0.45 else -1)
        of_cluster = {c: [r for r, label in zip(links, labels, strict=True) if label == c] for c in labels}
        sums = {c: sum(rs) for c, rs in of_cluster.items()}
        most = max(sums, key=sums.get)
        assert whole[i] == (most if np.mean(of_cluster[most]) > MIN_MEAN_LINKAGE else -1)
        told = by_link.linkage[i], by_mean.linkage[i]
        assert told == pytest.approx((links[best], np.mean(of_cluster[most])), abs=1e-5)


def test_one_row_that_is_found_is_the_mean_of_its_cluster(fitted):
    model, tree, rows = fitted
    found = query(tree.features, rows, 1)
    by_link, by_mean = (assign_out_of_sample(model, tree, rows, found, tau) for tau in (0.45, None))
    assert torch.equal(by_mean.linkage, by_link.linkage)
    assert torch.equal(by_mean.joins, by_link.linkage > MIN_MEAN_LINKAGE)


def _linkage_of(model, tree, row, alone):
    """Of every link, with the row as one more node of the whole graph."""
    graph, known = tree.levels[0].graph, Nodes.of_images(tree.features)
    lists = KnnGraph(torch.cat([graph.neighbors, alone.neighbors]), torch.cat([graph.similarity, alone.similarity]))
    whole = GraphContext.of(known, graph)
    context = replace(whole, in_degree=torch.cat([whole.in_degree, torch.tensor([-1])]))
    return model.linkage_from(model.inputs(Nodes.of_images(torch.cat([tree.features, row[None]])), lists, context))


@pytest.mark.parametrize("layers", [1, 2])
def test_linkages_are_those_of_the_whole_graph(layers):
    """On a ring, where a node sees two others, what lies so many steps around is a small part of the whole."""
    angle = torch.arange(81) * (2 * torch.pi / 81) + 0.01 * torch.rand(81, generator=torch.Generator().manual_seed(0))
    ring = torch.stack([angle.cos(), angle.sin()], dim=1)
    model = seeded(lambda: Lander(LanderConfig(layers=layers).for_features(2)), 0)
    tree = build_hierarchy(ring[1:], model.predict, InferenceConfig(k=2, tau=0.4))
    found = query(tree.features, ring[:1], 2)
    linkage = _linkage(model, tree.levels[0].graph, tree.features, ring[:1], found)[0]
    torch.testing.assert_close(linkage, _linkage_of(model, tree, ring[0], found)[-1], rtol=0, atol=1e-6)


def test_as_much_as_the_threshold_is_not_enough(fitted, monkeypatch):
    model, tree, rows = fitted
    found = query(tree.features, rows, 5)
    assert found.mask.all()
    assert not found.duplicates.any()
    monkeypatch.setattr(out_of_sample, "MIN_MEAN_LINKAGE", 0.5)
    for linkage in (torch.full((len(rows), 5), 0.5), torch.full((len(rows), 5), 0.5 + 2**-10)):
        monkeypatch.setattr(out_of_sample, "_linkage", lambda *given, linkage=linkage: linkage)
        for threshold in (None, 0.5):
            joins = assign_out_of_sample(model, tree, rows, found, threshold).joins
            assert (joins == (linkage[:, 0] > 0.5)).all()


def test_a_row_that_equals_a_fitted_one_joins_its_cluster():
    said = OutOfSample(torch.tensor([5, 5, 5]), torch.tensor([0.2, 0.3, 0.2]), torch.tensor([False, True, False]))
    known = said.of_known(torch.tensor([0, -1, 2]), labels=torch.tensor([7, 8, 9]))
    assert known.labels.tolist() == [7, 5, 9]
    assert known.linkage.tolist() == pytest.approx([1, 0.3, 1])
    assert said.labels.tolist() == [-1, 5, -1]


@pytest.mark.filterwarnings("ignore:X. 1 zero row")
def test_details_hold_the_number_that_decided(blobs):
    x = blobs(noise=0.4)[0].numpy()
    new = np.concatenate([x[:3], x[::4] + 0.3 * np.random.default_rng(0).normal(size=x[::4].shape), 0 * x[:1]])
    by_mean = HiLander().fit(x)
    for model, threshold in ((by_mean, MIN_MEAN_LINKAGE), (HiLander(decoder="tree", tau=0.6).fit(x), 0.6)):
        table = model.predict_details(new)
        assert table["threshold"].unique().tolist() == [threshold]
        joins = (table["linkage"] > table["threshold"]) | (table["linkage"] == 1)
        assert table["label"].tolist() == np.where(joins, table["cluster"], -1).tolist()
        assert table["label"].tolist() == model.predict(new).tolist()
        assert table["label"][:3].tolist() == model.labels_[:3].tolist()
        assert table["linkage"][:3].tolist() == [1, 1, 1]
        assert table.iloc[-1][["label", "cluster", "linkage"]].tolist() == [-1, -1, 0]
        assert 0 < joins[3:].mean() < 1


def test_twins_join_whatever_the_model_says(fitted):
    model, tree, _ = fitted
    found = query(tree.features, tree.features, 5)
    assert torch.equal(assign_out_of_sample(model, tree, tree.features, found, 1.0).labels, tree.labels)


@pytest.mark.parametrize("name", ["excess-of-mass", "tree-similarity", "tree"])
def test_a_decoder_judges_new_rows_alike_by_name_and_as_a_function(name, blobs):
    x = blobs(noise=0.4)[0].numpy()
    new = x[::3] + 0.2 * np.random.default_rng(0).normal(size=x[::3].shape).astype(np.float32)
    by_name, by_function = (HiLander(decoder=decoder, tau=0.6).fit(x) for decoder in (name, DECODERS[name]))
    assert (by_name.predict(new) == by_function.predict(new)).all()
