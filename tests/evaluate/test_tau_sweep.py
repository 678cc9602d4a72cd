import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.cluster.hierarchy import build_hierarchy, rebuild
from workbench.cluster.predictors import similarity_predictor
from workbench.decode.tree import TREES
from workbench.evaluate.tau_sweep import best_links, nested_scores
from workbench.graph.knn import KnnGraph, knn
from workbench.lander.model import Prediction


def guess(n: int, k: int, seed: int, duplicates: bool) -> tuple[KnnGraph, Prediction, np.ndarray]:
    """A graph of random points (some of them twice), a random prediction full of ties, random classes."""
    random = torch.Generator().manual_seed(seed)
    x = torch.nn.functional.normalize(torch.randn(n, 3, generator=random), dim=1)
    if duplicates:
        x[n // 2 :] = x[: n - n // 2].clone()
    graph = knn(x, k)
    linkage = (torch.rand(graph.neighbors.shape, generator=random) * 10).round() / 10 * graph.mask
    density = (torch.rand(n, generator=random) * 5).round() / 5
    return graph, Prediction(linkage, density), torch.randint(0, 4, (n,), generator=random).numpy()


@settings(max_examples=60)
@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 10**6), st.booleans(), st.sampled_from(sorted(TREES)))
def test_every_row_is_what_decoding_from_scratch_gives(n, k, seed, duplicates, decoder):
    graph, prediction, labels = guess(n, k, seed, duplicates)
    table = nested_scores(best_links(graph, prediction, decoder=decoder), labels)
    assert table["tau"].iloc[0] == 0
    assert table["tau"].is_monotonic_increasing
    above = np.append(table["tau"].to_numpy()[1:], 1.0)
    for row, following in zip(table.itertuples(), above, strict=True):
        for tau in (row.tau, (row.tau + following) / 2):
            found = TREES[decoder](graph, prediction, float(tau)).clusters.numpy()
            scored = wb.scores(labels, found)
            assert row.n_clusters == found.max() + 1
            assert row.pairwise_f == pytest.approx(scored["pairwise_f"], abs=1e-12)
            assert row.bcubed_f == pytest.approx(scored["bcubed_f"], abs=1e-12)
            assert row.item_f == pytest.approx(scored["item_f"], abs=1e-12)


def test_a_decoder_that_is_no_tree_decode_is_refused():
    graph, prediction, _ = guess(9, 3, 0, False)
    with pytest.raises(ValueError, match="decoder: expected 'tree' or 'tree-strict'"):
        best_links(graph, prediction, decoder=lambda graph, prediction, tau: None)


def test_a_single_image_and_images_without_links_have_one_row():
    for n in (1, 3):
        graph = knn(torch.eye(3)[:n], 2)
        prediction = Prediction(torch.zeros(graph.neighbors.shape), torch.zeros(n))
        table = nested_scores(best_links(graph, prediction), np.arange(n))
        assert table.values.tolist() == [[0.0, 1.0, 1.0, 1.0, n]]


def test_rebuilding_gives_what_a_new_run_gives(blobs):
    x, _ = blobs(n_classes=10, per_class=20, noise=0.2)
    first = build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=4, tau=0.9))
    for tau in (0.0, 0.5, 0.8, 1.0):
        again = rebuild(first, similarity_predictor, wb.InferenceConfig(k=4, tau=0.9), tau)
        fresh = build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=4, tau=tau))
        assert [level.labels.tolist() for level in again.levels] == [level.labels.tolist() for level in fresh.levels]
        assert again.levels[0].prediction is first.levels[0].prediction
        assert again.metric is first.metric
