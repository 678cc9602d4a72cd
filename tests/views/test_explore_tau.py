import numpy as np
import pytest
import torch

import workbench as wb
from workbench.views.explore.base import walk
from workbench.views.explore.tau import _fitted, explore_tau

LANDER = "glyphs-lander"


@pytest.fixture
def data(blobs):
    x, labels = blobs(n_classes=10, per_class=16, noise=0.15)
    return x.numpy(), labels.numpy()


@pytest.fixture
def explorer(data):
    x, labels = data
    made = explore_tau(wb.HiLander(LANDER, k=5), x, labels, images=np.zeros((160, 8, 8), np.uint8), xy=x[:, :2])
    yield made
    made.settle()
    assert made.errors == []


@pytest.mark.parametrize("tau", [0.0, 0.35, 0.9, 1.0])
def test_level_0_follows_at_once_and_the_levels_above_when_it_rests(explorer, data, tau):
    x, labels = data
    explorer.tau = tau
    fresh = wb.HiLander(LANDER, k=5, tau=tau).fit(x)
    level = fresh.hierarchy_.levels[0]
    assert explorer._decoding.clusters.tolist() == level.labels.tolist()
    shown = explorer._curve.at(tau)
    assert shown["bcubed_f"] == pytest.approx(wb.scores(labels, level.labels.numpy())["bcubed_f"])
    assert shown["n_clusters"] == level.n_clusters
    assert "Level 0 is exact" in explorer._said.value
    explorer.settle()
    assert explorer.hierarchy.labels.tolist() == fresh.labels_.tolist()
    assert f"{wb.scores(labels, fresh.labels_)['bcubed_f']:.3f}" in explorer._table.value


def test_until_it_rests_the_table_says_at_which_tau_the_upper_levels_are(explorer):
    before = explorer.tau
    assert len(explorer.hierarchy.levels) > 1
    explorer.tau = 0.1
    assert f"at tau {before:.3f}" in explorer._table.value
    explorer.settle()
    assert f"at tau {before:.3f}" not in explorer._table.value


def test_many_moves_run_the_levels_above_once(explorer, monkeypatch):
    runs = []
    monkeypatch.setattr(
        explorer._lander, "predict", lambda *a: runs.append(1) or wb.Lander.predict(explorer._lander, *a)
    )
    explorer.observe(lambda change: runs.append("new"), "hierarchy")
    for tau in (0.2, 0.3, 0.4):
        explorer.tau = tau
    explorer.settle()
    assert runs.count("new") == 1
    assert explorer._run_at == 0.4


def test_the_curve_has_a_mark_where_the_slider_rested(explorer):
    explorer.tau = 0.25
    explorer.settle()
    marks = explorer._curve.figure.data[3]
    assert 0.25 in list(marks.x)
    assert explorer._curve.figure.data[-1].x == (0.25, 0.25)
    assert len(explorer.static().data) == len(explorer._curve.figure.data)


def test_a_cluster_keeps_its_colour_while_its_peak_lives(explorer):
    explorer.tau = 0.3
    low, peaks = np.array(explorer._map.figure.data[0].marker.color), explorer._decoding.representative.tolist()
    explorer.tau = 0.9
    high = np.array(explorer._map.figure.data[0].marker.color)
    assert set(peaks) <= set(explorer._decoding.representative.tolist())
    assert (low[peaks] == high[peaks]).all()


def test_colours_by_last_level_and_by_truth(explorer):
    for by, words in (("last level", "last level at tau"), ("truth", "truth"), ("level 0", "level 0 at tau")):
        explorer._by.value = by
        assert words in explorer._map.figure.layout.annotations[0].text


def test_pointing_at_an_image_tells_its_best_link(explorer):
    linked = int(np.flatnonzero(explorer._source.links.strength > 0)[0])
    explorer.tau = 1.0
    explorer._point_at(linked)
    assert "dropped" in explorer._under.value
    explorer.tau = 0.0
    explorer._point_at(linked)
    assert "kept" in explorer._under.value
    explorer._point_at(int(np.flatnonzero(explorer._source.links.parent == np.arange(160))[0]))
    assert "no denser neighbour" in explorer._under.value


def test_tau_is_checked(explorer):
    with pytest.raises(ValueError, match="tau: expected a number in"):
        explorer.tau = 1.5


def test_a_fitted_model_is_used_as_it_is_and_no_model_is_changed(data):
    x, labels = data
    fitted = wb.HiLander(LANDER, k=5).fit(x)
    assert explore_tau(fitted, x, xy=x[:, :2])._first is fitted.hierarchy_.levels[0]
    other = explore_tau(fitted, x[:50], labels[:50], xy=x[:50, :2])
    assert len(other.hierarchy.labels) == 50
    assert len(fitted.labels_) == 160
    unfitted = wb.HiLander(LANDER, k=5)
    explore_tau(unfitted, x, xy=x[:, :2])
    assert not hasattr(unfitted, "hierarchy_")


def test_a_lander_alone_and_no_truth_show_the_number_of_clusters(data):
    x, _ = data
    explorer = explore_tau(wb.load_checkpoint(LANDER), x, xy=x[:, :2])
    explorer.tau = 0.5
    explorer.settle()
    assert explorer.errors == []
    assert explorer._curve.at(0.5)["n_clusters"] == explorer._decoding.clusters.max() + 1
    assert list(explorer._by.options) == ["level 0", "last level"]


@pytest.mark.parametrize("tau", [0.0, 0.3, 0.94, 1.0])
def test_the_general_models_cut_follows_too_and_says_what_it_expects(data, tau):
    x, labels = data
    explorer = explore_tau(wb.HiLander(), x, labels, xy=x[:, :2])
    explorer.tau = tau
    explorer.settle()
    fresh = wb.HiLander(tau=tau).fit(x)
    assert explorer.errors == []
    assert explorer._decoding.clusters.tolist() == fresh.labels_.tolist()
    assert f"{wb.scores(labels, fresh.labels_)['bcubed_f']:.3f}" in explorer._table.value
    assert explorer._curve.at(tau)["n_clusters"] == fresh.n_clusters_
    explorer._point_at(3)
    for words in ("image", "its predicted precision", "strongest link", "cluster"):
        assert words in explorer._under.value


@pytest.mark.parametrize("lander", [LANDER, "general"])
@pytest.mark.parametrize("x", [np.zeros((4, 3)), np.eye(2), np.ones((1, 3))], ids=["zeros", "two", "one"])
def test_zero_rows_and_few_images_do_no_harm(lander, x, recwarn):
    with np.errstate(all="raise"):
        explorer = explore_tau(wb.HiLander(lander), x)
    explorer.tau = 0.2
    explorer._point_at(0)
    explorer.settle()
    assert explorer.errors == []
    assert any("zero row" in str(w.message) for w in recwarn) == (not x.any())


def test_an_error_above_level_0_is_shown(explorer_that_fails):
    explorer_that_fails.tau = 0.1
    explorer_that_fails.settle()
    assert explorer_that_fails.errors == ["RuntimeError: no memory"]
    assert "no memory" in explorer_that_fails._failed.value


@pytest.fixture
def explorer_that_fails(data):
    x, _ = data
    made = explore_tau(wb.HiLander(LANDER, k=5), x, xy=x[:, :2])

    class Failing(torch.nn.Module):
        ensemble = None

        def predict(self, nodes, graph):
            raise RuntimeError("no memory")

    made._lander = Failing()
    return made


def test_wrong_arguments_are_refused_by_name(data):
    x, labels = data
    with pytest.raises(TypeError, match="model: expected a HiLander or a Lander, got str"):
        _fitted("glyphs-lander", x)
    with pytest.raises(ValueError, match="labels: expected 160"):
        explore_tau(wb.HiLander(LANDER), x, labels[:5])
    with pytest.raises(ValueError, match="features"):
        explore_tau(wb.HiLander(LANDER), [[np.nan]])


def test_every_control_has_a_label(explorer):
    for widget in walk(explorer):
        if hasattr(widget, "description") and hasattr(widget, "tooltip") and hasattr(widget, "style"):
            assert widget.description or widget.tooltip or type(widget).__name__ == "HTML", widget
