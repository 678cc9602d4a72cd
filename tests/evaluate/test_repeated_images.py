"""Evaluation and views where images repeat: every image has its row, and a copy hangs on the first."""

import numpy as np
import pytest
import torch

from workbench.cluster import build_hierarchy, similarity_predictor
from workbench.evaluate import Edit, Intervention, InterventionStudy, best_links, false_merges, nested_scores, scores
from workbench.evaluate.link_decisions import link_table, nodes_of, path_to_peak, read_rule
from workbench.lander import InferenceConfig
from workbench.views import cluster_frame

SETTINGS = InferenceConfig(k=4, tau=0.8)


@pytest.fixture
def doubled(blobs):
    x, y = blobs(noise=0.25)
    x = x[:150]
    y = y[:150].numpy()
    return torch.cat([x, x[:60]]), np.concatenate([y, y[:60]])


@pytest.fixture
def tree(doubled):
    return build_hierarchy(doubled[0], similarity_predictor, SETTINGS)


def test_a_copy_is_linked_to_the_first_of_its_kind(tree, doubled):
    assert tree.repeats is not None
    rule = read_rule(tree.levels, SETTINGS.tau)
    first = tree.levels[0]
    assert path_to_peak(first, 150)[1] == 0
    table = link_table(first, 150, rule, labels=doubled[1])
    assert table.loc[table["kept"], ["neighbor", "similarity"]].values.tolist() == [[0, 1.0]]
    assert nodes_of(tree, 0).tolist() == list(range(210))


def test_scores_at_every_tau_are_those_of_all_images(tree, doubled):
    curve = nested_scores(best_links(tree.levels[0].graph, tree.levels[0].prediction), doubled[1])
    at = curve[curve["tau"] <= SETTINGS.tau].iloc[-1]
    assert at["bcubed_f"] == pytest.approx(scores(doubled[1], tree.levels[0].labels.numpy())["bcubed_f"])


def test_false_merges_count_all_images(tree, doubled):
    false = false_merges(tree, doubled[1])
    assert (false["below"] + false["rest"] <= 210).all()


def test_interventions_reach_copies(doubled):
    x, y = doubled
    study = InterventionStudy(similarity_predictor, x, y, SETTINGS)
    assert len(study.own.labels) == 210
    right = study.hierarchy(Intervention(links=range(10)))
    assert scores(y, right.labels.numpy())["bcubed_precision"] == 1
    parent = study.own.levels[0].decoding.parent
    child = next(i for i in range(60) if int(parent[i]) != i)
    by_copy = study.hierarchy(Intervention(edits=[Edit(0, 150 + child, int(parent[child]), 0)]))
    by_first = study.hierarchy(Intervention(edits=[Edit(0, child, int(parent[child]), 0)]))
    assert int(by_copy.levels[0].decoding.parent[child]) != int(parent[child])
    assert torch.equal(by_copy.labels, by_first.labels)


def test_views_have_a_row_per_image(tree, doubled):
    frame = cluster_frame(tree, doubled[0][:, :2].numpy(), doubled[1])
    assert len(frame) == 210
    assert (frame["density"].to_numpy()[150:] == frame["density"].to_numpy()[:60]).all()
