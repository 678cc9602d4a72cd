import warnings

import numpy as np
import pytest
import torch

from workbench.cluster.checkpoint import load_lander
from workbench.cluster.diagnostics import cluster_table, confidence, outlier_scores, warn_unlike
from workbench.cluster.hierarchy import build_hierarchy
from workbench.cluster.hilander import HiLander
from workbench.cluster.predictors import oracle_predictor, similarity_predictor
from workbench.graph.knn import KnnGraph
from workbench.lander.config import InferenceConfig


def test_confidence_by_hand():
    graph = KnnGraph.from_arrays([[1, 2], [0, 2], [0, 1]], [[0.9, 0.2], [0.9, 0.2], [0.2, 0.2]])
    linkage = torch.tensor([[0.8, 0.2], [0.8, 0.0], [0.1, 0.3]])
    found = confidence(graph, linkage, torch.tensor([0, 0, 1]))
    assert found.tolist() == pytest.approx([0.8 * 0.8, 0.8, 0.7])
    assert outlier_scores(linkage).tolist() == pytest.approx([0.2, 0.2, 0.7])


def test_no_links_at_all():
    graph = KnnGraph(torch.empty(2, 0, dtype=torch.long), torch.empty(2, 0))
    empty = torch.empty(2, 0)
    assert confidence(graph, empty, torch.tensor([0, 1])).tolist() == [1, 1]
    assert outlier_scores(empty).tolist() == [1, 1]


def test_the_doubtful_come_first(blobs):
    x, y = blobs(noise=0.1)
    tree = build_hierarchy(x, oracle_predictor(y), InferenceConfig(k=5))
    table = cluster_table(tree)
    assert table["size"].sum() == len(x)
    assert table["cluster"].is_unique
    assert table["stability"].is_monotonic_increasing
    assert table["stability"].between(0, 1).all()
    assert table["confidence"].between(0, 1).all()
    assert (tree.labels[table["peak"].tolist()].numpy() == table["cluster"]).all()
    assert "precision" not in table  # no quality was predicted


def test_of_equally_stable_clusters_the_larger_comes_first():
    x = (
        torch.eye(3)[[0, 0, 1, 1, 1, 2, 2]]
        + torch.tensor([0, 0.1, 0, 0.1, 0.2, 0, 0.1])[:, None] * torch.eye(3)[[0] * 7]
    )
    tree = build_hierarchy(
        torch.nn.functional.normalize(x, dim=1),
        oracle_predictor(torch.tensor([0, 0, 1, 1, 1, 2, 2])),
        InferenceConfig(k=2, tau=0.5),
    )
    table = cluster_table(tree)
    assert table["stability"].tolist() == [1, 1, 1]
    assert table["size"].tolist() == [3, 2, 2]


def test_copies_of_one_image_are_as_stable_as_the_image_alone():
    rows = torch.nn.functional.normalize(torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 1, 0.1], [0, 1, 0.2]]), dim=1)
    for times in (1, 3):
        x = torch.cat([rows[:1].repeat(times, 1), rows[1:]])
        table = cluster_table(build_hierarchy(x, similarity_predictor, InferenceConfig(k=2, tau=0.5)))
        assert sorted(table["size"]) == [times, 3] if times < 3 else [3, 3]
        assert table["stability"].tolist() == [1, 1]


def test_a_cluster_torn_from_its_like_is_less_stable(blobs):
    x, _y = blobs(n_classes=4, per_class=20)
    tree = build_hierarchy(x, similarity_predictor, InferenceConfig(k=8, tau=0.5))
    whole = cluster_table(tree)["stability"].min()
    torn = build_hierarchy(x, similarity_predictor, InferenceConfig(k=8, tau=float(np.float32(0.995))))
    assert cluster_table(torn)["stability"].iloc[0] < whole


def test_a_model_that_reads_cosines_warns_of_rows_in_a_narrow_band():
    lander = load_lander("glyphs-lander")
    drawn = torch.Generator().manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(60, 16, generator=drawn), dim=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_unlike(lander, rows)
        warn_unlike(load_lander("general"), rows + 1)  # free of cosines' scale
    band = torch.nn.functional.normalize(rows + 1, dim=1)
    with pytest.warns(UserWarning, match=r"lander: two random rows have a mean cosine of 0\.9\d; this model learned"):
        HiLander(lander).fit(band)
