import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.cluster.levels import Level
from workbench.cluster.predictors import similarity_predictor
from workbench.decode.tree import decode_tree
from workbench.evaluate.link_decisions import (
    N_KEPT,
    NO_LINK,
    WHY,
    Rule,
    link_reasons,
    link_table,
    nodes_of,
    path_to_peak,
    read_rule,
)
from workbench.graph.knn import KnnGraph, knn
from workbench.lander.model import Prediction

seeds = st.integers(0, 2**31)


def level_of(graph, prediction, tau, *, strict=False):
    """One level of images, decoded."""
    decoding = decode_tree(graph, prediction, tau, strict=strict)
    image = torch.arange(graph.n)
    return Level(image, torch.ones_like(image), graph, prediction, decoding, decoding.clusters)


def random_level(seed, strict):
    """A level with duplicates, ties in linkage (even seeds) and in density."""
    random = torch.Generator().manual_seed(seed)
    x = torch.nn.functional.normalize(torch.rand(9, 3, generator=random) + 0.1, dim=1)
    graph = knn(x[torch.randint(9, (30,), generator=random)], 1 + seed % 6)
    steps = 1000 if seed % 2 else 3
    linkage = torch.randint(steps + 1, graph.neighbors.shape, generator=random) / steps * graph.mask
    density = torch.randint(4, (30,), generator=random) / 4
    tau = [0.0, 0.3, 0.5, 0.99][seed % 4]
    return level_of(graph, Prediction(linkage, density), tau, strict=strict), Rule(tau, strict)


def slow_reason(level, rule, i, slot):
    """The rule read out link by link, by the words of the documentation."""
    row, linkage, density = level.graph.neighbors[i].tolist(), level.prediction.linkage[i], level.prediction.density
    j, parent = row[slot], int(level.decoding.parent[i])
    above = [j >= 0 and float(r) > torch.tensor(rule.tau).item() for j, r in zip(row, linkage, strict=True)]
    denser = [
        j >= 0 and bool(density[j] > density[i] or (not rule.strict and density[j] == density[i] and j < i))
        for j in row
    ]
    allowed = [a and d for a, d in zip(above, denser, strict=True)]
    best = max((float(linkage[s]) for s in range(len(row)) if allowed[s]), default=None)
    chosen = [j for s, j in enumerate(row) if allowed[s] and float(linkage[s]) == best]
    by_rule = parent in chosen
    if j < 0:
        return "none"
    if j == parent:
        return WHY[0] if by_rule else WHY[1]
    if not rule.strict and level.graph.similarity[i, slot] >= 1:
        return WHY[2]
    if allowed[slot]:
        return WHY[4] if by_rule else WHY[3]
    return WHY[5] if denser[slot] else WHY[6] if above[slot] else WHY[7]


@settings(max_examples=60)
@given(seeds, st.booleans())
def test_reasons_equal_the_rule_read_out_link_by_link(seed, strict):
    level, rule = random_level(seed, strict)
    found = [[(*WHY, "none")[i] for i in row] for row in link_reasons(level, rule).tolist()]
    assert found == [[slow_reason(level, rule, i, s) for s in range(level.graph.k)] for i in range(30)]


@settings(max_examples=20)
@given(seeds, st.booleans())
def test_the_kept_link_of_each_table_is_the_parent(seed, strict):
    level, rule = random_level(seed, strict)
    for node, parent in enumerate(level.decoding.parent.tolist()):
        table = link_table(level, node, rule)
        assert table.loc[table["kept"], "neighbor"].tolist() == ([] if parent == node else [parent])
        assert (table["kept"] == table["why"].str.startswith("kept")).all()
        ruled = table["why"] == WHY[0]
        assert (table.loc[ruled, "denser"] & table.loc[ruled, "above_tau"]).all()


def test_a_table_by_hand():
    """Node 0: one neighbour denser with the better link, one denser with a weaker, one below tau, one not denser."""
    graph = KnnGraph.from_arrays(
        [[1, 2, 3, 4], [0, -1, -1, -1], [0, -1, -1, -1], [0, -1, -1, -1], [0, -1, -1, -1]],
        [[0.9, 0.8, 0.7, 0.6], [0.9, 0, 0, 0], [0.8, 0, 0, 0], [0.7, 0, 0, 0], [0.6, 0, 0, 0]],
    )
    linkage = torch.zeros(5, 4)
    linkage[0] = torch.tensor([0.7, 0.8, 0.5, 0.9])
    level = level_of(graph, Prediction(linkage, torch.tensor([0.5, 0.6, 0.7, 0.8, 0.1])), 0.5)
    table = link_table(level, 0, Rule(0.5, strict=False), labels=[7, 7, 8, 8, 7])
    assert table["why"].tolist() == [
        "allowed, but another is better",
        "kept: the best of the allowed",
        "linkage not above tau",  # 0.5 does not exceed 0.5
        "not denser",
    ]
    assert table["above_tau"].tolist() == [True, True, False, True]
    assert table["denser"].tolist() == [True, True, True, False]
    assert table["density_difference"].tolist() == pytest.approx([0.1, 0.2, 0.3, -0.4])
    assert table["same_class"].tolist() == [True, False, False, True]
    assert table["kept"].tolist() == [False, True, False, False]
    assert path_to_peak(level, 0) == [0, 2]


def test_a_duplicate_whose_list_has_no_room_for_its_parent():
    """A chain of duplicates, each listing only the one before it: all but the densest join that one."""
    graph = KnnGraph.from_arrays([[1], [0], [1]], [[1.0], [1.0], [1.0]])
    level = level_of(graph, Prediction(torch.zeros(3, 1), torch.tensor([0.9, 0.5, 0.1])), 0.5)
    rule = read_rule([level], 0.5)
    table = link_table(level, 2, rule)
    assert table[["neighbor", "kept", "why"]].values.tolist() == [[1, False, WHY[2]], [0, True, WHY[1]]]
    assert np.isnan(table["linkage"].iloc[-1])
    assert link_table(level, 1, rule)["why"].tolist() == [WHY[1]]
    assert link_table(level, 0, rule)["why"].tolist() == [WHY[2]]


@settings(max_examples=60)
@given(seeds, st.booleans())
def test_the_rule_is_read_off_the_links(seed, strict):
    level, rule = random_level(seed, strict)
    found = read_rule([level])
    again = decode_tree(level.graph, level.prediction, found.tau, strict=found.strict)
    assert torch.equal(again.parent, level.decoding.parent)
    given_tau = read_rule([level], rule.tau)
    assert given_tau.tau == rule.tau


def test_tau_of_a_hierarchy_lies_just_below_the_one_used(blobs):
    x, _ = blobs(noise=0.3)
    tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=5, tau=0.5))
    assert 0.45 < read_rule(tree.levels).tau <= 0.5
    strict = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig.published(k=5, tau=0.5))
    assert read_rule(strict.levels, 0.5).tau == 0.5


def test_a_peak_has_no_kept_link_and_is_its_own_path(blobs):
    x, _ = blobs()
    tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=5, tau=0.5))
    level, rule = tree.levels[0], read_rule(tree.levels)
    peak = int(level.decoding.representative[0])
    assert path_to_peak(level, peak) == [peak]
    assert not link_table(level, peak, rule)["kept"].any()


def test_a_node_without_neighbours_has_an_empty_table():
    tree = wb.build_hierarchy(torch.eye(3), similarity_predictor, wb.InferenceConfig())
    rule = read_rule(tree.levels)
    assert (link_reasons(tree.levels[0], rule) == NO_LINK).all()
    table = link_table(tree.levels[0], 1, rule, labels=[0, 1, 2])
    assert len(table) == 0
    assert table.columns[-1] == "same_class"
    alone = wb.build_hierarchy(torch.eye(1), similarity_predictor, wb.InferenceConfig())
    assert link_table(alone.levels[0], 0, read_rule(alone.levels)).empty


def test_paths_follow_the_parents_to_the_peak_of_the_cluster(blobs):
    x, _ = blobs(noise=0.15)
    tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=3, tau=0.5))
    for i, level in enumerate(tree.levels):
        node = nodes_of(tree, i)
        for image in range(0, len(x), 7):
            path = path_to_peak(level, int(node[image]))
            assert all(int(level.decoding.parent[a]) == b for a, b in itertools.pairwise(path))
            assert int(level.image[path[-1]]) == int(level.peaks[level.labels[image]])


def test_on_real_levels_every_kept_link_has_one_reason(blobs):
    x, _ = blobs(noise=0.2)
    tree = wb.HiLander("glyphs-lander").fit(x.numpy()).hierarchy_
    rule = read_rule(tree.levels)
    for level in tree.levels:
        assert int((link_reasons(level, rule) < N_KEPT).sum()) == level.links_added


def test_bad_input(blobs):
    x, _ = blobs()
    tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=5, tau=0.9))
    rule = read_rule(tree.levels)
    with pytest.raises(ValueError, match=r"tau: expected the one this hierarchy was made with, got 0.1"):
        read_rule(tree.levels, 0.1)
    with pytest.raises(ValueError, match=r"tau: expected a number in \[0, 1\]"):
        read_rule(tree.levels, 2.0)
    with pytest.raises(ValueError, match="node: expected an integer >= 0 and <= 239, got 240"):
        link_table(tree.levels[0], 240, rule)
    with pytest.raises(ValueError, match="labels: expected 240 labels"):
        link_table(tree.levels[0], 0, rule, labels=[1])
    with pytest.raises(ValueError, match="level: expected"):
        nodes_of(tree, 99)


def test_a_decoder_without_parents_is_refused(blobs):
    def flat(graph, prediction, tau):
        found = decode_tree(graph, prediction, tau)
        return type(found)(found.clusters, found.representative, None)

    tree = wb.build_hierarchy(blobs()[0], similarity_predictor, wb.InferenceConfig(decoder=flat, max_levels=1))
    with pytest.raises(ValueError, match="use decoder='tree'"):
        read_rule(tree.levels)


def test_links_of_another_rule_are_refused():
    graph = KnnGraph.from_arrays([[1, 2], [0, 2], [0, 1]], [[0.9, 0.8]] * 3)
    level = level_of(graph, Prediction(torch.full((3, 2), 0.9), torch.tensor([0.1, 0.2, 0.3])), 0.5)
    moved = type(level.decoding)(torch.tensor([0, 1, 1]), torch.tensor([0, 2]), torch.tensor([0, 2, 2]))
    with pytest.raises(ValueError, match="no single tau gives its links"):
        read_rule([Level(level.image, level.size, graph, level.prediction, moved, moved.clusters)])
