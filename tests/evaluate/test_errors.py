import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.cluster.predictors import similarity_predictor
from workbench.evaluate._forest_counts import subtree_pairs
from workbench.evaluate.errors import NEVER, Pairs, false_merges, false_splits, links_between, sides
from workbench.evaluate.link_decisions import WHY, link_reasons, nodes_of, read_rule
from workbench.evaluate.scores import contingency, pairwise
from workbench.graph.knn import KnnGraph
from workbench.lander.model import Prediction

seeds = st.integers(0, 2**31)


def hierarchy_of(seed, n=40):
    """A small hierarchy that is wrong in many ways, and its labels."""
    random = torch.Generator().manual_seed(seed)
    x = torch.nn.functional.normalize(torch.rand(n, 4, generator=random) + 0.05, dim=1)
    x[: n // 8] = x[0]  # duplicates
    labels = torch.randint(5, (n,), generator=random).numpy() * 3
    return wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=3, tau=0.95 + 0.01 * (seed % 4))), labels


def cut_clusters(hierarchy, i, child):
    """Labels of the images after level i with one link cut: parents followed one step at a time."""
    parent = hierarchy.levels[i].decoding.parent.tolist()
    parent[child] = child
    roots = []
    for node in nodes_of(hierarchy, i).tolist():
        while parent[node] != node:
            node = parent[node]
        roots.append(node)
    return np.array(roots)


def slow_merges(hierarchy, labels):
    rows = {}
    for i, level in enumerate(hierarchy.levels):
        now = level.labels.numpy()
        for child, parent in enumerate(level.decoding.parent.tolist()):
            if child == parent:
                continue
            cut = cut_clusters(hierarchy, i, child)
            parted = [(a, b) for a, b in itertools.combinations(range(len(labels)), 2)
                      if now[a] == now[b] and cut[a] != cut[b]]  # fmt: skip
            false = sum(labels[a] != labels[b] for a, b in parted)
            if false:
                gain = pairwise(contingency(labels, cut)).f - pairwise(contingency(labels, now)).f
                rows[i, child] = (parent, false, len(parted) - false, pytest.approx(gain, abs=1e-12))
    return rows


@settings(max_examples=25)
@given(seeds)
def test_merges_equal_cutting_every_link(seed):
    hierarchy, labels = hierarchy_of(seed)
    found = false_merges(hierarchy, labels)
    columns = ["level", "child", "parent", "false_pairs", "right_pairs", "f_gain"]
    rows = {(level, child): tuple(rest) for level, child, *rest in found[columns].itertuples(index=False)}
    assert rows == slow_merges(hierarchy, labels)
    assert found["f_gain"].is_monotonic_decreasing


@settings(max_examples=25)
@given(seeds)
def test_what_a_merge_says_of_its_link(seed):
    hierarchy, labels = hierarchy_of(seed)
    for row in false_merges(hierarchy, labels).itertuples():
        level = hierarchy.levels[row.level]
        assert row.child_image == level.image[row.child]
        assert row.parent_image == level.image[row.parent]
        assert row.below + row.rest == len(level.members(row.cluster))
        listed = level.graph.neighbors[row.child].tolist()
        if row.parent in listed:
            assert row.linkage == pytest.approx(float(level.prediction.linkage[row.child, listed.index(row.parent)]))
        else:
            assert np.isnan(row.linkage)


@settings(max_examples=15)
@given(seeds)
def test_sides_are_what_parts_when_the_link_is_cut(seed):
    hierarchy, labels = hierarchy_of(seed)
    for row in false_merges(hierarchy, labels).itertuples():
        below, rest = sides(hierarchy, row.level, row.child)
        cut = cut_clusters(hierarchy, row.level, row.child)
        assert below.tolist() == np.flatnonzero(cut == row.child).tolist()
        both = sorted([*below.tolist(), *rest.tolist()])
        assert both == hierarchy.levels[row.level].members(row.cluster).tolist()
        assert (len(below), len(rest)) == (row.below, row.rest)


def test_no_mistake_gives_empty_tables(blobs):
    x, labels = blobs(noise=0.01)
    hierarchy = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=5, tau=0.9))
    assert false_merges(hierarchy, labels).empty
    assert "f_gain" in false_merges(hierarchy, labels)
    whole = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=25, tau=0.9))
    assert whole.n_clusters == 12
    assert false_splits(whole, labels).empty
    assert "why" in false_splits(whole, labels)


def slow_splits(hierarchy, labels):
    final = hierarchy.labels.numpy()
    now = pairwise(contingency(labels, final)).f
    rows = {}
    for a, b in itertools.combinations(range(hierarchy.n_clusters), 2):
        shared = [(int(((final == a) & (labels == c)).sum()), int(((final == b) & (labels == c)).sum()), c)
                  for c in np.unique(labels)]  # fmt: skip
        missed = sum(in_a * in_b for in_a, in_b, _ in shared)
        if missed:
            in_a, in_b, label = max(shared, key=lambda row: (row[0] * row[1], -row[2]))
            gain = pairwise(contingency(labels, np.where(final == b, a, final))).f - now
            rows[a, b] = (label, in_a, in_b, missed, pytest.approx(gain, abs=1e-12))
    return rows


@settings(max_examples=25)
@given(seeds)
def test_splits_equal_joining_every_pair(seed):
    hierarchy, labels = hierarchy_of(seed)
    found = false_splits(hierarchy, labels, n=10**6)
    columns = ["cluster_a", "cluster_b", "label", "images_a", "images_b", "pairs_missed", "f_gain"]
    rows = {(a, b): tuple(rest) for a, b, *rest in found[columns].itertuples(index=False)}
    assert rows == slow_splits(hierarchy, labels)
    order = [(-row.f_gain, -row.pairs_missed, row.cluster_a, row.cluster_b) for row in found.itertuples()]
    assert order == sorted(order)
    pd.testing.assert_frame_equal(false_splits(hierarchy, labels, n=3), found.head(3))


def slow_links(hierarchy, a, b, rule):
    """(level, reason, linkage) of every candidate link between two final clusters."""
    final, links = hierarchy.labels, []
    for i, level in enumerate(hierarchy.levels):
        reasons = link_reasons(level, rule)
        for node, row in enumerate(level.graph.neighbors.tolist()):
            for slot, other in enumerate(row):
                if other >= 0 and {int(final[level.image[n]]) for n in (node, other)} == {a, b}:
                    links.append((i, int(reasons[node, slot]), float(level.prediction.linkage[node, slot])))
    return links


@settings(max_examples=25)
@given(seeds)
def test_the_link_between_two_clusters_is_the_one_that_came_closest(seed):
    hierarchy, labels = hierarchy_of(seed)
    rule, found = read_rule(hierarchy.levels), false_splits(hierarchy, labels, n=15)
    history = links_between(hierarchy, found, rule)
    for row in found.itertuples():
        links = slow_links(hierarchy, row.cluster_a, row.cluster_b, rule)
        by_level = history[(history["cluster_a"] == row.cluster_a) & (history["cluster_b"] == row.cluster_b)]
        assert by_level["level"].tolist() == sorted({level for level, _, _ in links})
        for step in by_level.itertuples():
            here = [link for link in links if link[0] == step.level]
            _, reason, linkage = min(here, key=lambda link: (link[1], -link[2]))
            assert (step.links, step.why, step.linkage) == (len(here), WHY[reason], pytest.approx(linkage))
        if not links:
            assert (row.level, row.why, row.child_image) == (-1, NEVER, -1)
        else:
            assert (row.level, row.why) == (by_level["level"].iloc[0], by_level["why"].iloc[0])


def test_two_groups_by_hand():
    """Images 0-2 and 3-5: two tight groups with one weak link between them, 1 -> 4."""
    lists = [[1, 2], [0, 4], [1, 0], [4, 5], [3, 5], [4, 3]]
    graph = KnnGraph.from_arrays(lists, [[0.9, 0.8]] * 6)
    linkage = torch.tensor([[0.9, 0.9], [0.9, 0.6], [0.9, 0.9], [0.9, 0.9], [0.9, 0.9], [0.9, 0.9]])
    prediction = Prediction(linkage, torch.tensor([0.8, 0.5, 0.4, 0.6, 0.9, 0.5]))

    settings = wb.InferenceConfig(k=2, tau=0.7, max_levels=1)
    apart = wb.build_hierarchy(torch.eye(6), lambda n, g: prediction, settings, graph=lambda x, k: graph)
    assert apart.labels.tolist() == [0, 0, 0, 1, 1, 1]
    split = false_splits(apart, [5, 5, 5, 5, 5, 9], tau=0.7).iloc[0]
    assert split[["label", "images_a", "images_b", "pairs_missed", "level"]].tolist() == [5, 3, 2, 6, 0]
    assert split[["child_image", "parent_image", "why"]].tolist() == [1, 4, "linkage not above tau"]
    merge = false_merges(apart, [5, 5, 5, 5, 5, 9]).iloc[0]
    assert merge[["child", "parent", "below", "rest", "false_pairs", "right_pairs"]].tolist() == [5, 3, 1, 2, 2, 0]


def test_pairs_agree_with_the_metric():
    rng = np.random.default_rng(0)
    for _ in range(20):
        true, found = rng.integers(0, 4, size=(2, rng.integers(1, 12)))
        table = contingency(true, found)
        sizes = (table.counts, table.col_sizes, table.row_sizes)
        pairs = Pairs(*(int(sum(s * (s - 1) // 2 for s in part)) for part in sizes))
        assert float(pairs.f()) == pytest.approx(pairwise(table).f)


def test_a_long_chain_is_counted_from_its_end():
    n = 300
    parent = np.maximum(np.arange(n) - 1, 0)
    below, right = subtree_pairs(parent, np.zeros(n, dtype=np.int64), np.arange(n), np.arange(n) % 2)
    assert below.tolist() == list(range(n, 0, -1))
    assert right[n // 2] == 2 * (n // 4) ** 2


def test_bad_input(blobs):
    x, labels = blobs()
    hierarchy = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=5, tau=0.9))
    for find in (false_merges, false_splits):
        with pytest.raises(ValueError, match="labels: expected 240 labels"):
            find(hierarchy, labels[:3])
    with pytest.raises(ValueError, match="n: expected an integer >= 1"):
        false_splits(hierarchy, labels, n=0)
    with pytest.raises(ValueError, match="tau: expected the one"):
        false_splits(hierarchy, labels, tau=0.1)
