"""The learned cut asks those who were given to it, and nobody else."""

import pytest
import torch

import workbench as wb
from workbench.cluster import hilander
from workbench.cluster.checkpoint import load_lander
from workbench.cluster.hierarchy import build_hierarchy, decode_level, rebuild
from workbench.decode.cuts import CutDecoder
from workbench.graph.knn import knn
from workbench.graph.nodes import Nodes
from workbench.lander.model import Lander


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
