"""What every baseline must do alike."""

import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from workbench.evaluate.baselines import BASELINES, Baseline, Hdbscan, Infomap
from workbench.evaluate.scores import contingency

SETTINGS = {  # for the three blobs of conftest
    "k-means (true K)": {"n_clusters": 3},
    "spectral (true K)": {"n_clusters": 3, "k": 5},
    "FINCH": {"partition": 1},
    "approximate rank-order": {"k": 5, "max_distance": 2.0},
    "Infomap": {"k": 5},
}
DETERMINED = ["average linkage", "DBSCAN", "FINCH", "approximate rank-order", "thresholded components"]


def make(name, **settings):
    if BASELINES[name].extra:
        pytest.importorskip(BASELINES[name].extra)
    return BASELINES[name](**{**SETTINGS.get(name, {}), **settings})


every = pytest.mark.parametrize("name", BASELINES)


def same(a, b):
    return contingency(a, b).perfect


@every
def test_three_blobs_are_found(name, blobs):
    features, labels = blobs
    model = make(name).fit(features)
    assert same(labels, model.labels_)
    assert model.labels_.dtype == np.int64
    assert model.n_features_in_ == 16


@every
def test_length_of_rows_does_not_matter_and_inputs_stay_unmodified(name, blobs):
    features, _ = blobs
    before = features.copy()
    features.flags.writeable = False
    model = make(name)
    one = model.fit_predict(features)
    np.testing.assert_array_equal(features, before)
    assert same(one, model.fit_predict(features.astype(np.float64) * 1e6))


@every
def test_the_same_twice(name, blobs):
    np.testing.assert_array_equal(make(name).fit_predict(blobs[0]), make(name).fit_predict(blobs[0]))


@every
def test_clone_and_settings(name):
    model = make(name)
    assert clone(model).get_params() == model.get_params()
    assert set(model.grid) <= set(model.get_params())
    assert set(model.prepared_by) <= set(model.grid) | {"k"}
    assert ("n_clusters" in model.get_params()) == model.oracle


@every
def test_few_rows(name):
    assert make(name).fit_predict([[1.0, 2.0]]).tolist() == [0]
    assert len(make(name).fit_predict([[1.0, 0.0], [0.0, 1.0]])) == 2
    assert len(make(name).fit_predict(np.eye(4))) == 4


@every
def test_duplicates_share_a_cluster(name):
    features = np.repeat(np.eye(4, 8), 5, axis=0)
    labels = make(name).fit_predict(features)
    assert same(np.repeat(np.arange(4), 5), labels) or make(name).oracle
    assert all(len(set(group)) == 1 for group in labels.reshape(4, 5).tolist())


@every
def test_zero_rows_are_clusters_of_their_own(name, blobs):
    features, labels = blobs
    features = np.concatenate([np.zeros((1, 16)), features, np.zeros((1, 16))])
    with pytest.warns(UserWarning, match="2 zero row"):
        found = make(name).fit_predict(features)
    assert same([-2, *labels, -3], found)
    with pytest.warns(UserWarning, match="zero row"):
        assert make(name).fit_predict([[0.0, 0.0], [1.0, 0.0]]).tolist() == [0, 1]


@pytest.mark.parametrize("name", DETERMINED)
def test_order_of_rows_does_not_matter(name):
    features = np.random.default_rng(3).normal(size=(60, 3))  # no blobs: every threshold cuts somewhere
    order = np.random.default_rng(4).permutation(60)
    one, other = make(name).fit_predict(features), make(name).fit_predict(features[order])
    assert same(one[order], other)


@every
@pytest.mark.parametrize("bad", [[[1.0, np.nan]], [["a", "b"]], [], [1.0, 2.0]])
def test_bad_rows_are_refused(name, bad):
    with pytest.raises(ValueError, match="X: "):
        make(name).fit(bad)


def test_too_many_rows_are_refused():
    class Small(Baseline):
        max_n = 3

        def _assign(self, data):
            return np.zeros(len(data), dtype=np.int64)

    assert Small().fit_predict(np.eye(3)).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match=r"X: Small takes at most 3 rows.*got 4.*stratified_sample"):
        Small().fit(np.eye(4))


@pytest.mark.parametrize(
    ("name", "settings", "match"),
    [
        ("k-means (true K)", {"n_clusters": 0}, "n_clusters: expected an integer >= 1"),
        ("spectral (true K)", {"n_clusters": 0}, "n_clusters: expected an integer >= 1"),
        ("FINCH", {"partition": -1}, "partition: expected an integer >= 0"),
        ("thresholded components", {"min_similarity": 1.5}, "min_similarity: expected a number in"),
        ("approximate rank-order", {"k": 0}, "k: expected an integer >= 1"),
    ],
)
def test_bad_settings_are_named(name, settings, match):
    with pytest.raises(ValueError, match=match):
        make(name, **settings).fit(np.eye(4))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "infomap", None)
    with pytest.raises(ImportError, match=r"pip install -c constraints\.txt"):
        BASELINES["Infomap"]().fit(np.eye(4))


EXCEPTIONS = {"check_do_not_raise_errors_in_init_or_set_params": "while tests run, wrong types are refused at once"}
BY_ANGLE = {"check_clustering": "its points in the plane are no clusters by angle: many small ones are found"}


@pytest.mark.filterwarnings("ignore:.*zero row:UserWarning")
@parametrize_with_checks(
    [spec() for spec in BASELINES.values() if spec is not Infomap],
    expected_failed_checks=lambda model: EXCEPTIONS | (BY_ANGLE if isinstance(model, Hdbscan) else {}),
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
