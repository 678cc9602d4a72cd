import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.cluster.checkpoint import load_lander
from workbench.cluster.constraints import Constraints
from workbench.cluster.hierarchy import build_hierarchy, rebuild
from workbench.cluster.predictors import oracle_predictor, similarity_predictor
from workbench.decode.aggregate import aggregate
from workbench.evaluate.scores import scores
from workbench.graph.density import density_target
from workbench.graph.knn import knn
from workbench.lander.config import InferenceConfig
from workbench.lander.model import Prediction
from workbench.train.episodes import level_nodes


def test_official_teacher_levels(golden):
    """True density, raw similarity, tau 0: the levels that the official code trains on."""
    g, first, second = golden("graph"), golden("teacher"), golden("levels")
    x, y = torch.from_numpy(g["in_features"]), torch.from_numpy(g["in_labels"])
    settings_ = InferenceConfig.published(k=9, tau=0.0).override(max_levels=3)
    tree = build_hierarchy(x, oracle_predictor(y, links=False), settings_)
    assert tree.levels[0].labels.tolist() == first["pred_labels"].tolist()
    assert tree.levels[0].peaks.tolist() == first["peaks"].tolist()
    nodes, level = level_nodes(tree, 1), tree.levels[1]
    np.testing.assert_allclose(nodes.identity, second["L1.features"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(nodes.average, second["L1.cluster_features"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(density_target(level.graph, y[level.image]), second["L1.density"], rtol=1e-4, atol=1e-5)
    assert y[level.image].tolist() == second["L1.labels"].tolist()


def test_perfect_predictions_give_perfect_clusters(blobs):
    x, y = blobs(8, 25, noise=0.3)
    tree = build_hierarchy(x, oracle_predictor(y), InferenceConfig(k=8))
    assert scores(y, tree.labels)["bcubed_precision"] == 1
    assert scores(y, tree.labels)["bcubed_f"] > 0.95


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(1, 60), st.integers(1, 8), st.sampled_from([0.0, 0.5, 0.8, 1.0]))
def test_what_always_holds(seed, n, k, tau):
    random = torch.Generator().manual_seed(seed)
    x = torch.nn.functional.normalize(torch.randn(n, 5, generator=random), dim=1)
    tree = build_hierarchy(x, similarity_predictor, InferenceConfig(k=k, tau=tau))
    assert tree.levels[0].n_nodes == n
    for below, above in zip(tree.levels, tree.levels[1:], strict=False):
        assert above.n_nodes == below.n_clusters
        assert torch.equal(above.image, below.peaks)
        for cluster in range(below.n_clusters):  # levels are nested
            assert len(above.labels[below.members(cluster)].unique()) == 1
    for level in tree.levels:
        assert level.size.sum() == n
        assert sorted(level.labels.unique().tolist()) == list(range(level.n_clusters))
    frame = tree.to_pandas()
    assert (frame.groupby("level")["size"].sum() == n).all()
    for row in frame.itertuples():
        members = tree.levels[row.level].members(row.cluster).numpy()
        assert (row.size, row.peak) == (len(members), tree.levels[row.level].peaks[row.cluster])
        above = tree.layers[row.level + 1][members] if row.level + 1 < len(tree.layers) else [-1]
        assert set(above) == {row.parent}


def test_why_it_stops(blobs):
    x, _ = blobs(6, 10)
    stops = {
        "no link added": InferenceConfig(k=5, tau=0.5),
        "max_levels": InferenceConfig(k=2, tau=0.0, max_levels=1),
        "few nodes": InferenceConfig(k=9, tau=0.5, complete_lists=True),
    }
    for reason, settings_ in stops.items():
        assert build_hierarchy(x, similarity_predictor, settings_).stop_reason == reason
    one = torch.nn.functional.normalize(torch.rand(30, 4, generator=torch.Generator().manual_seed(0)) + 1, dim=1)
    assert build_hierarchy(one, similarity_predictor, InferenceConfig(tau=0.0)).stop_reason == "one cluster"


def pairs_of_pairs() -> torch.Tensor:
    """Two planes, in each two pairs of rows: pairs are 0.1 rad wide, and 0.5 rad from each other."""
    angle = torch.tensor([0.0, 0.1, 0.6, 0.7])
    flat = torch.stack([angle.cos(), angle.sin()], dim=1)
    return torch.block_diag(flat, flat)


def wider_each_level(nodes, graph):
    """Links of up to 0.2 rad between images, of up to 0.9 rad between pairs: 8 rows, 4 pairs, 2 planes."""
    linkage = (graph.similarity > np.cos(0.9 if nodes.level else 0.2)).float()
    return Prediction(linkage, linkage.sum(dim=1))


@pytest.mark.parametrize(("k", "stops"), [(2, False), (3, True)])
def test_early_stop_fires_when_links_do_not_shrink_by_k(k, stops):
    """Level 0 adds 4 links, level 1 adds 2: a share of 2, which is less than 3 and not less than 2."""
    x = pairs_of_pairs()
    free = build_hierarchy(x, wider_each_level, InferenceConfig(k=k, tau=0.5))
    assert [level.links_added for level in free.levels] == [4, 2, 0]
    tree = build_hierarchy(x, wider_each_level, InferenceConfig(k=k, tau=0.5, early_stop=True))
    assert (tree.stop_reason, len(tree.levels)) == (("early stop", 2) if stops else ("no link added", 3))


@pytest.mark.parametrize(("k", "stops"), [(2, False), (3, True), (4, True)])
def test_a_level_of_few_nodes_is_not_run(k, stops):
    """4 pairs: each could list 3 others at most, which are all there are where k is 3."""
    tree = build_hierarchy(pairs_of_pairs(), wider_each_level, InferenceConfig(k=k, tau=0.5, complete_lists=True))
    assert tree.levels[0].n_clusters == 4
    assert (tree.stop_reason == "few nodes" and len(tree.levels) == 1) == stops


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_images(n):
    x = torch.nn.functional.normalize(torch.rand(n, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    tree = build_hierarchy(x, similarity_predictor, InferenceConfig(tau=1.0))
    assert tree.labels.tolist() == list(range(n))


def test_given_graphs_are_used(blobs):
    x, _ = blobs(4, 6)
    asked = []

    def search(features, k):
        asked.append(len(features))
        return knn(features, 2)

    tree = build_hierarchy(x, similarity_predictor, InferenceConfig(k=7), graph=search)
    assert asked == [level.n_nodes for level in tree.levels]
    assert tree.levels[0].graph.k == 2


def test_labels_are_never_needed_and_nothing_is_written(blobs):
    x, _ = blobs()
    before = x.clone()
    build_hierarchy(x, similarity_predictor, InferenceConfig())
    assert torch.equal(x, before)


def test_the_summary_tells_every_level(blobs):
    x, _ = blobs()
    tree = build_hierarchy(x, similarity_predictor, InferenceConfig(k=3, tau=0.2))
    summary = tree.summary()
    assert (summary["nodes"] - summary["links_added"] == summary["clusters"]).all()


def test_aggregation_over_levels_is_over_images(blobs):
    x, _ = blobs(5, 12)
    tree = build_hierarchy(x, similarity_predictor, InferenceConfig(k=2, tau=0.2))
    nodes = level_nodes(tree, len(tree.levels) - 1)
    below = tree.levels[-2]
    again = aggregate(x, below.labels, below.peaks)
    torch.testing.assert_close(nodes.average, again.average)
    assert isinstance(tree.levels[0].prediction, Prediction)


def test_every_cluster_hangs_from_its_parent(blobs):
    hierarchy = build_hierarchy(blobs(noise=0.3)[0], similarity_predictor, InferenceConfig(k=3, tau=0.5))
    table = hierarchy.to_pandas()
    assert table.index.tolist() == list(range(len(table)))
    tree = hierarchy.to_networkx()
    assert (table["parent"] >= 0).any()
    assert set(tree) == set(zip(table["level"], table["cluster"], strict=True))
    below = table[table["parent"] >= 0]
    edges = {((row.level + 1, row.parent), (row.level, row.cluster)) for row in below.itertuples()}
    assert set(tree.edges) == edges


def test_a_cut_is_learned_where_one_level_was_cut(blobs):
    model, (x, _) = load_lander("general"), blobs(10, 12, noise=0.2)

    def build(**changed):
        return build_hierarchy(x, model.predict, model.inference.override(**changed), ensemble=model.ensemble)

    one, more, tree = build(), build(tau=0.9, max_levels=3), build(decoder="tree", max_levels=1)
    quality, node = one.learned_cut
    assert torch.equal(node, torch.from_numpy(quality.cut(model.inference.tau).node))
    assert len(more.levels) > 1
    assert more.learned_cut is tree.learned_cut is None


def test_a_hierarchy_anew_keeps_the_answers_or_takes_others(blobs):
    x, y = blobs(6, 10, noise=0.2)
    settings_ = InferenceConfig(k=5, tau=0.8)
    assert y[0] == y[6] != y[1]
    apart, tied = Constraints.of(60, cannot_link=[(0, 6)]), Constraints.of(60, must_link=[(0, 1)])
    tree = build_hierarchy(x, similarity_predictor, settings_, constraints=apart)
    for tau in (0.2, 0.8):
        for changed, known in ((None, apart), (tied, tied)):
            expected = build_hierarchy(x, similarity_predictor, settings_.override(tau=tau), constraints=known)
            found = rebuild(tree, similarity_predictor, settings_, tau, constraints=changed).labels
            assert torch.equal(found, expected.labels)
            assert (found[0] == found[1]) or known is apart
            assert (found[0] != found[6]) or known is tied


def test_what_a_hierarchy_is_given_is_named_where_it_is_wrong():
    x = torch.nn.functional.normalize(torch.rand(12, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    settings = InferenceConfig(k=3)
    labels = np.repeat([0, 1, 2], 4)
    of_array = build_hierarchy(x.numpy(), oracle_predictor(labels), settings)
    assert torch.equal(of_array.labels, build_hierarchy(x, oracle_predictor(torch.from_numpy(labels)), settings).labels)
    with pytest.raises(ValueError, match=r"labels: expected one per image, got 5, and none for image 11"):
        build_hierarchy(x, oracle_predictor(labels[:5]), settings)
    with pytest.raises(ValueError, match="features: expected at least one row"):
        build_hierarchy(x[:0], similarity_predictor, settings)
    with pytest.raises(ValueError, match=r"features: expected rows of length 1"):
        build_hierarchy(2 * x, similarity_predictor, settings)
    with pytest.raises(ValueError, match="graph: expected a function that returns a KnnGraph of the 12 nodes"):
        build_hierarchy(x, similarity_predictor, settings, graph=lambda rows, k: knn(x[:5], k))


def test_members_of_a_cluster_that_is_not_there_are_refused():
    x = torch.eye(4)
    level = build_hierarchy(x, similarity_predictor, InferenceConfig(k=2)).levels[0]
    assert level.members(3).tolist() == [3]
    for cluster in (-1, 4, 99):
        with pytest.raises(ValueError, match="cluster: expected an integer >= 0 and <= 3"):
            level.members(cluster)
