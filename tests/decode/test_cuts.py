"""The learned cut asks those who were given to it, and nobody else."""

import numpy as np
import pytest
import torch

import workbench as wb
from workbench import HiLander, scores
from workbench.cluster import hilander
from workbench.cluster.checkpoint import load_lander
from workbench.cluster.hierarchy import build_hierarchy, decode_level, rebuild
from workbench.decode.cuts import CutDecoder, severs_likely_links
from workbench.decode.dendrogram import build_dendrogram
from workbench.decode.edges import Edges
from workbench.decode.quality import QualityEnsemble, true_quality
from workbench.graph.knn import knn
from workbench.graph.nodes import Nodes
from workbench.lander.model import Lander, Prediction


@pytest.fixture(scope="module")
def general():
    return load_lander("general")


@pytest.fixture
def crowded(blobs):
    """160 rows; to ten of them sixteen near-duplicates each, which fill their lists."""
    x, _ = blobs(n_classes=16, per_class=10, dim=16, noise=0.14)
    random = torch.Generator().manual_seed(1)
    noise = 1e-3 * torch.randn(160, 16, generator=random)
    near = torch.nn.functional.normalize(x[:10].repeat(16, 1) + noise, dim=1)
    return torch.cat([x, near])


def test_near_duplicates_are_searched_and_judged_by_who_was_given(crowded, general):
    searched, judged = [], []

    def search(rows, k):
        searched.append(len(rows))
        return knn(rows, k)

    def predict(nodes, graph):
        judged.append(len(nodes.image))
        return general.predict(nodes, graph)

    graph = knn(crowded, 15)
    nodes = Nodes.of_images(crowded)
    decode = CutDecoder(general.ensemble, predict, search)
    found = decode(nodes, graph, general.predict(nodes, graph), 0.5)
    assert searched == judged == [160]
    assert len(found.clusters) == len(crowded)
    assert found.quality.dendrogram.n == len(crowded)


def test_the_seed_of_the_estimator_reaches_the_search_among_near_duplicates(crowded, monkeypatch):
    seeds = []

    def search(rows, k, *, seed):
        seeds.append(seed)
        return knn(rows, k, seed=seed)

    monkeypatch.setattr(hilander, "knn", search)
    wb.HiLander(random_state=7).fit(crowded)
    assert seeds == [7, 7]


def test_a_model_predicts_linkage_and_density_and_nothing_else(blobs, general):
    x, _ = blobs()
    prediction = general.predict(Nodes.of_images(x), knn(x, 15))
    assert set(vars(prediction)) == {"linkage", "density"}


def test_without_an_ensemble_the_cut_says_what_to_do(blobs):
    x, _ = blobs()
    bare = Lander(wb.LanderConfig.general(), wb.InferenceConfig.general())
    with pytest.raises(ValueError, match="decoder: 'cut' needs a model with a quality ensemble, as the packaged"):
        build_hierarchy(x, bare.predict, bare.inference)


def test_another_precision_weight_follows_from_the_quality_at_hand(blobs, general):
    x, _ = blobs(n_classes=10, noise=0.2)
    settings = general.inference
    tree = build_hierarchy(x, general.predict, settings, ensemble=general.ensemble)
    for tau in (0.1, 0.9):
        whole = build_hierarchy(x, general.predict, settings.override(tau=tau), ensemble=general.ensemble)
        assert torch.equal(decode_level(tree.levels[0], "cut", tau).clusters, whole.labels)
        assert torch.equal(
            rebuild(tree, general.predict, settings, tau, ensemble=general.ensemble).labels, whole.labels
        )


# ---------------------------------------------------------------- links that a cut severs


def round_classes(sizes, dim, spread, seed):
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return random.normal(size=(len(sizes), dim))[labels] + spread * random.normal(size=(len(labels), dim)), labels


@pytest.mark.parametrize(
    ("sizes", "dim", "spread", "seed"),
    [
        ([666, 333], 8, 0.2, 4),
        ([666, 333], 8, 0.2, 8),
        ([500, 500, 500], 5, 0.05, 0),
        ([500, 500], 4, 0.05, 1),
        ([1000, 1000, 1000], 3, 0.02, 0),
    ],
)
def test_large_classes_of_few_dimensions_stay_whole(sizes, dim, spread, seed):
    """Lists of 15 neighbours show pieces only: they came out as up to 728 clusters."""
    x, labels = round_classes(sizes, dim, spread, seed)
    assert scores(labels, HiLander().fit_predict(x))["item_f"] > 0.98


@pytest.mark.parametrize(("n", "ks"), [(250, [15, 30, 60]), (100, [15, 30])])
def test_a_cut_that_severs_likely_links_to_the_end_is_told(n, ks):
    noise = torch.nn.functional.normalize(torch.randn(n, 16, generator=torch.Generator().manual_seed(0)), dim=1)
    nodes, graph = Nodes.of_images(noise), knn(noise, 15)
    looked = []

    def likely(nodes, graph):
        looked.append(graph.k)
        return Prediction.of(graph, torch.full_like(graph.similarity, 0.9))

    class Alone(QualityEnsemble):
        """Every image is best alone."""

        def predict(self, dendrogram, features):
            return true_quality(dendrogram, np.arange(dendrogram.n))

    decode = CutDecoder(Alone(1), likely, knn, longest=60)  # and at most half of all rows
    with pytest.warns(UserWarning, match="X: the best cut severs likely links"):
        found = decode(nodes, graph, likely(nodes, graph), 0.5)
    assert looked == ks
    assert len(found.clusters.unique()) == n


@pytest.mark.parametrize(("n", "longest"), [(59, 60), (250, 0), (250, 29)])
def test_lists_of_half_of_all_rows_are_long_enough_and_of_other_models_all_are(general, n, longest):
    x = torch.nn.functional.normalize(torch.randn(n, 16, generator=torch.Generator().manual_seed(0)), dim=1)
    nodes, graph = Nodes.of_images(x), knn(x, 15)
    decode = CutDecoder(
        general.ensemble, lambda *_: pytest.fail("asked anew"), lambda *_: pytest.fail("searched anew"), longest=longest
    )
    decode(nodes, graph, Prediction.of(graph, torch.full_like(graph.similarity, 0.9)), 1.0)


def test_links_between_clusters_count_from_three_quarters_on():
    x = torch.nn.functional.normalize(torch.randn(40, 4, generator=torch.Generator().manual_seed(1)), dim=1)
    graph = knn(x, 5)
    dendrogram = build_dendrogram(Edges.of(graph, graph.similarity), x)
    alone = true_quality(dendrogram, np.arange(40))
    whole = true_quality(dendrogram, np.zeros(40, int))
    for linkage, quality, severed in (
        (0.75, alone, True),
        (0.74, alone, False),
        (0.75, whole, False),
    ):
        assert severs_likely_links(graph, torch.full_like(graph.similarity, linkage), quality) == severed
    few = torch.zeros_like(graph.similarity)
    few[:19, 0] = 0.9  # fewer than half as many as nodes
    assert not severs_likely_links(graph, few, alone)
    few[19, 0] = 0.9
    assert severs_likely_links(graph, few, alone)
