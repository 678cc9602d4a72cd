"""A set with rows given several times: the labels of the set, at every share of copies, in every decoder."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import workbench as wb
from workbench.cluster import build_hierarchy, oracle_predictor, rebuild, similarity_predictor
from workbench.cluster.constraints import Constraints
from workbench.cluster.hierarchy import decode_level
from workbench.decode import DECODERS, OFFICIAL
from workbench.graph.distinct import DistinctRows
from workbench.lander import InferenceConfig


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return data.data[:900].astype("f4"), data.target[:900]


@pytest.mark.parametrize("decoder", [None, *(name for name in DECODERS if name not in OFFICIAL)])
@pytest.mark.parametrize("lander", ["general", "glyphs-lander"])
def test_a_set_given_several_times_has_the_labels_of_the_set(digits, lander, decoder):
    x, _ = digits
    once = wb.HiLander(lander, decoder=decoder).fit(x)
    for times in (2, 3):
        again = wb.HiLander(lander, decoder=decoder).fit(np.tile(x, (times, 1)))
        assert (again.labels_.reshape(times, -1) == once.labels_).all()
        assert all(
            (a.reshape(times, -1) == b).all() for a, b in zip(again.cluster_layers_, once.cluster_layers_, strict=True)
        )
        assert (again.confidence_.reshape(times, -1) == once.confidence_).all()
        assert (again.outlier_scores_.reshape(times, -1) == once.outlier_scores_).all()
        assert again.expected_ == pytest.approx(once.expected_)
        few, many = (model.clusters_.set_index("cluster").sort_index() for model in (once, again))
        assert (many["size"] == times * few["size"]).all()
        assert np.allclose(many["confidence"], few["confidence"], atol=1e-6)
        assert (again.predict(x) == once.labels_).all()


def test_a_tenth_of_the_rows_twice_does_no_harm(digits):
    x, _y = digits
    some = np.random.default_rng(0).choice(len(x), len(x) // 10, replace=False)
    once = wb.HiLander().fit(x)
    both = wb.HiLander().fit(np.concatenate([x, x[some]]))
    assert (both.labels_[: len(x)] == once.labels_).all()
    assert (both.labels_[len(x) :] == once.labels_[some]).all()


@pytest.mark.parametrize("sample", [4096, 200])  # rows whose neighbours show whether there are copies
@pytest.mark.parametrize("metric", ["discriminant", "cosine"])
def test_copies_that_differ_by_rounding_change_nothing(metric, sample, monkeypatch):
    monkeypatch.setattr("workbench.graph.discriminant.SAMPLE", sample)
    random = np.random.default_rng(0)
    y = np.arange(400) % 20
    x = (random.normal(size=(20, 40))[y] + 0.9 * random.normal(size=(400, 40))).astype("f4")
    once = wb.HiLander(metric=metric).fit(x)
    noise = (1 + 1e-6 * random.normal(size=x.shape)).astype("f4")
    few = [3 * x, x[:7] * 3, x * noise]  # most round alike; a sample may miss the others
    for copies in [x.astype("f2").astype("f4"), *(few if sample > 400 else [])]:
        both = wb.HiLander(metric=metric).fit(np.concatenate([x, copies]))
        assert (both.labels_[:400] == once.labels_).all()
        assert (both.labels_[400:] == once.labels_[: len(copies)]).all()


def test_the_approximate_search_does_not_tear_copies_apart():
    x = np.random.default_rng(0).normal(size=(11_000, 8)).astype("f4")
    labels = wb.HiLander().fit_predict(np.tile(x, (3, 1))).reshape(3, -1)
    assert (labels == labels[0]).all()


def test_rows_known_from_before_keep_their_clusters(digits):
    x, _ = digits
    model = wb.HiLander().fit(x[:600])
    model.partial_fit(np.concatenate([x[500:], x[:50]]))
    assert len(model.labels_) == 600 + 400 + 50
    assert (model.labels_[600:700] == model.labels_[500:600]).all()
    assert (model.labels_[1000:] == model.labels_[:50]).all()
    assert (model.predict(x[:600]) == model.labels_[:600]).all()


def test_zero_rows_stay_apart_and_are_nobody():
    x = np.concatenate([np.eye(4), np.zeros((3, 4)), np.eye(4)]).astype("f4")
    with pytest.warns(UserWarning, match="3 zero row"):
        model = wb.HiLander("glyphs-lander", k=2).fit(x)
    assert len(np.unique(model.labels_[4:7])) == 3
    assert (model.labels_[7:] == model.labels_[:4]).all()
    with pytest.warns(UserWarning, match="zero row"):
        assert model.predict(np.zeros((1, 4))).tolist() == [-1]


def test_the_published_preset_keeps_repeats_and_says_so(digits):
    x = torch.nn.functional.normalize(torch.from_numpy(digits[0][:100]), dim=1)
    with pytest.warns(UserWarning, match=r"100 of 200 rows repeat another row; decoder 'tree-strict'"):
        tree = build_hierarchy(x.repeat(2, 1), similarity_predictor, InferenceConfig.published())
    assert tree.repeats is None
    assert tree.levels[0].graph.n == 200
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_hierarchy(x, similarity_predictor, InferenceConfig.published())


def test_who_predicts_from_labels_is_asked_for_the_right_images(digits):
    x, y = digits
    doubled = np.concatenate([x[:1], x, x])  # the first row shifts all others
    truth = torch.from_numpy(np.concatenate([y[:1], y, y]))
    rows = torch.nn.functional.normalize(torch.from_numpy(doubled), dim=1)
    tree = build_hierarchy(rows, oracle_predictor(truth), InferenceConfig(k=10, tau=0.5))
    assert wb.scores(truth.numpy(), tree.labels.numpy())["bcubed_precision"] == 1


def test_levels_are_of_all_images(digits):
    x, _ = digits
    rows = torch.nn.functional.normalize(torch.from_numpy(x[:200]), dim=1).repeat(2, 1)
    settings = InferenceConfig(k=5, tau=0.8)
    tree = build_hierarchy(rows, similarity_predictor, settings)
    first, last = tree.levels[0], tree.levels[-1]
    assert first.n_nodes == len(tree.features) == 400
    assert first.graph.neighbors[200:, 0].tolist() == list(range(200))
    assert first.links_added == 400 - first.n_clusters
    assert int(last.size.sum()) == 400
    assert len(tree.levels) > 1
    assert tree.to_pandas().groupby("level")["size"].sum().unique().tolist() == [400]
    again = rebuild(tree, similarity_predictor, settings, 0.8)
    assert torch.equal(again.labels, tree.labels)
    assert torch.equal(again.levels[0].image, first.image)
    assert (rebuild(tree, similarity_predictor, settings, 0.9).labels.view(2, -1).diff(dim=0) == 0).all()


@pytest.mark.parametrize("jitter", [1e-3, 0.03, 0.1])
@pytest.mark.parametrize("times", [2, 5])
def test_copies_that_differ_a_little_do_no_harm(digits, jitter, times):
    x, y = digits
    random = np.random.default_rng(0)
    copies = [x + jitter * random.normal(size=x.shape).astype("f4") for _ in range(times - 1)]
    once = wb.scores(y, wb.HiLander().fit_predict(x))
    again = wb.scores(np.tile(y, times), wb.HiLander().fit_predict(np.concatenate([x, *copies])))
    assert again["bcubed_f"] > once["bcubed_f"] - 0.08  # a little less or more, as by any small change; .2 before


def test_copies_share_a_cluster_by_every_decoder(digits):
    x = digits[0]
    both = np.concatenate([x, x + 1e-3 * np.random.default_rng(0).normal(size=x.shape).astype("f4")])
    for decoder in ("tree", "best-links", "map-equation"):
        labels = wb.HiLander("glyphs-lander", decoder=decoder, tau=0.99).fit_predict(both)
        assert (labels[: len(x)] == labels[len(x) :]).all()


def test_copies_that_differ_by_rounding_have_the_labels_of_the_set(digits):
    x = digits[0]
    once = wb.HiLander().fit_predict(x)
    random = np.random.default_rng(0)
    copies = [x * random.uniform(0.5, 2, (len(x), 1)).astype("f4") for _ in range(30)]  # more than a list holds
    labels = wb.HiLander().fit_predict(np.concatenate([x, *copies])).reshape(31, -1)
    assert (labels == labels[0]).all()
    assert wb.scores(once, labels[0])["bcubed_f"] > 0.99


def test_copies_whose_numbers_round_the_other_way_are_one_node():
    """Only the search sees copies of which a number lies on the other side of a step of the grid."""
    random = torch.Generator().manual_seed(0)
    some = torch.nn.functional.normalize(torch.randn(200, 8, generator=random), dim=1)
    moved = torch.nn.functional.normalize(some + 5e-5 * torch.randn(200, 8, generator=random), dim=1)
    grid = 1000 * 8**0.5
    other = ((some * grid).round() != (moved * grid).round()).any(dim=1).nonzero()[:30, 0]
    x = torch.cat([some[other], moved[other], some[other]])  # the third are repeats, seen before the search
    assert torch.equal(DistinctRows.nearly(x).first, torch.arange(60))
    settings = InferenceConfig(k=5, tau=0.8)
    tree = build_hierarchy(x, similarity_predictor, settings)
    once = build_hierarchy(x[:30], similarity_predictor, settings)
    assert torch.equal(tree.repeats.first, torch.arange(30))
    assert torch.equal(tree.group, torch.arange(30).repeat(3))
    assert torch.equal(tree.distinct.features, once.features)
    assert torch.equal(tree.distinct.levels[0].graph.neighbors, once.levels[0].graph.neighbors)
    assert torch.equal(tree.labels.view(3, -1), once.labels.expand(3, -1))


@pytest.mark.parametrize("decoder", ["tree", "best-links", "cut"])
@pytest.mark.parametrize("answered", [False, True])
def test_a_level_with_repeats_is_decoded_anew_as_the_level_loop_decodes_it(digits, decoder, answered):
    x = torch.nn.functional.normalize(torch.from_numpy(digits[0][:150]), dim=1).repeat(2, 1)
    model = wb.load_checkpoint("general") if decoder == "cut" else None
    predict = model.predict if model else similarity_predictor
    options = {"ensemble": model.ensemble} if model else {}
    options |= {"constraints": Constraints.of(300, must_link=[(0, 10)], cannot_link=[(3, 163)])} if answered else {}
    low, high = (
        build_hierarchy(x, predict, InferenceConfig(k=8, tau=tau, decoder=decoder, max_levels=1), **options)
        for tau in (0.2, 0.9)
    )
    again, expected = decode_level(low.levels[0], decoder, 0.9), high.levels[0].decoding
    assert again.n_links != low.levels[0].links_added
    assert torch.equal(again.clusters, expected.clusters)
    assert torch.equal(again.representative, expected.representative)
    for ours, theirs in ((again.parent, expected.parent), (again.node, expected.node)):
        assert (ours is None and theirs is None) or torch.equal(ours, theirs)
    if answered:
        assert again.clusters[0] == again.clusters[160]
        assert again.clusters[3] != again.clusters[13]
