"""The sampled recall of a graph against the definition, and the warning of a fit."""

import warnings

import numpy as np
import pytest
import torch

import workbench as wb
from workbench.cluster import build_hierarchy, similarity_predictor
from workbench.graph import KnnGraph, knn, sampled_recall
from workbench.lander import InferenceConfig


@pytest.fixture
def rows():
    return torch.nn.functional.normalize(torch.randn(300, 8, generator=torch.Generator().manual_seed(0)), dim=1)


def test_exact_graphs_have_recall_one(rows):
    assert sampled_recall(rows, knn(rows, 5)) == 1
    assert sampled_recall(torch.ones(40, 3) / 3**0.5, knn(torch.ones(40, 3) / 3**0.5, 5)) == 1  # ties: any will do
    assert sampled_recall(rows[:1], knn(rows[:1], 5)) == 1
    assert sampled_recall(torch.eye(4), knn(torch.eye(4), 2)) == 1  # nobody has a neighbour


def test_what_is_missing_is_counted(rows):
    true = knn(rows, 5)
    lists = true.neighbors.clone()
    similarity = true.similarity.clone()
    far = (rows @ rows.T).argmin(dim=1)
    lists[::2, 4] = far[::2]
    similarity[::2, 4] = 0.0
    asked = torch.linspace(0, 299, 200, dtype=torch.float64).long()
    expected = 1 - (asked % 2 == 0).float().mean() / 5
    assert sampled_recall(rows, KnnGraph(lists, similarity)) == pytest.approx(float(expected), abs=1e-6)
    assert sampled_recall(rows, KnnGraph(lists, similarity), sample=300) == pytest.approx(0.9, abs=1e-6)


def test_a_fit_keeps_it_and_warns_where_it_is_low(rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wb.HiLander().fit(rows.numpy()).recall_ == 1

    def poor(x, k):
        return knn(torch.roll(x, 1, dims=1), k) if len(x) == 300 else knn(x, k)

    with pytest.warns(UserWarning, match=r"found about \d+% of the nearest ones of these 300 rows"):
        tree = build_hierarchy(rows, similarity_predictor, InferenceConfig(k=5), graph=lambda x, k: poor(x.flip(0), k))
    assert tree.recall < 0.9


@pytest.mark.slow
def test_gaussian_rows_are_too_hard_for_the_approximate_search_and_the_fit_says_so():
    x = np.random.default_rng(0).normal(size=(31_000, 256)).astype("f4")
    with pytest.warns(UserWarning, match="search exactly"):
        assert wb.HiLander("glyphs-lander", max_levels=1).fit(x).recall_ < 0.9
