"""Settings chosen on labelled classes, tables that survive a failing method, samples of whole classes."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import AgglomerativeClustering

from workbench.evaluate.baselines import (
    BASELINES,
    ApproximateRankOrder,
    AverageLinkage,
    Baseline,
    Dbscan,
    Hdbscan,
    Infomap,
    KMeans,
    ThresholdedComponents,
    compare,
    stratified_sample,
    tune,
    tune_all,
)
from workbench.evaluate.scores import scores


def test_tune_picks_the_one_setting_that_is_right(blobs):
    features, labels = blobs
    tuned = tune(AverageLinkage, features, labels, grid={"distance_threshold": (0.0001, 0.5, 1.9)}, on="toy")
    assert tuned.settings == {"distance_threshold": 0.5}
    assert tuned.estimator.distance_threshold == 0.5
    assert not hasattr(tuned.estimator, "labels_")
    assert tuned.on == "toy"
    assert tuned.tried["bcubed_f"].tolist()[1] == 1.0
    assert tuned.tried["n_clusters"].tolist() == [28, 3, 1]


def test_tune_keeps_the_first_of_equals_and_the_other_settings(blobs):
    tuned = tune(ThresholdedComponents(k=4), *blobs, grid={"min_similarity": (0.6, 0.5, 0.4)})
    assert tuned.settings == {"min_similarity": 0.6}
    assert tuned.estimator.k == 4


@pytest.mark.parametrize("baseline", [ApproximateRankOrder, Hdbscan])
def test_shared_preparation_changes_no_score(baseline, make_blobs):
    features, labels = make_blobs((9, 8, 5, 6), noise=0.3)
    grid = {name: tuple(values)[:3] for name, values in baseline.grid.items()}
    for row in tune(baseline, features, labels, grid=grid).tried.to_dict("records"):
        alone = baseline(**{name: row[name] for name in grid}).fit_predict(features)
        assert row["bcubed_f"] == scores(labels, alone)["bcubed_f"]


def test_what_does_not_depend_on_a_setting_is_computed_once(blobs):
    calls = []

    class Counting(Baseline):
        prepared_by = ("k",)

        def __init__(self, *, k=1, level=0):
            self.k = k
            self.level = level

        def _prepare(self, rows):
            calls.append(self.k)
            return rows

        def _assign(self, data):
            return np.arange(len(data)) // (self.level + 1)

    tune(Counting, *blobs, grid={"level": (0, 1, 2)})
    assert calls == [1]
    tune(Counting, *blobs, grid={"k": (1, 2), "level": (0, 1, 2)})
    assert calls == [1, 1, 2]


def test_an_oracle_is_told_the_number_of_classes_of_the_set_at_hand(blobs, make_blobs):
    features, labels = blobs
    tuned = tune(KMeans, *make_blobs((5, 5)))
    assert (tuned.estimator.n_clusters, tuned.settings) == (2, {})
    row = compare(features, labels, {"k-means": tuned}).iloc[0]
    assert (row["n_clusters"], row["oracle"], row["bcubed_f"]) == (3, True, 1.0)
    assert "n_clusters" not in row["settings"]


def test_tune_refuses_what_the_baseline_does_not_have(blobs):
    with pytest.raises(ValueError, match="grid: KMeans has no setting eps; it has n_clusters, random_state"):
        tune(KMeans, *blobs, grid={"eps": (1,)})
    with pytest.raises(ValueError, match="labels: expected 28 labels"):
        tune(KMeans, blobs[0], [0, 1])
    with pytest.raises(ValueError, match="features: "):
        tune(KMeans, [1, 2], [0, 1])


class Failing(Baseline):
    def _assign(self, data):
        raise MemoryError("too much")


def test_a_failing_method_keeps_its_row_and_the_others_go_on(blobs):
    features, labels = blobs
    table = compare(features, labels, {"broken": Failing(), "average": AverageLinkage()})
    assert table["method"].tolist() == ["broken", "average"]
    assert table["error"].tolist() == ["MemoryError: too much", ""]
    assert table["bcubed_f"].isna().tolist() == [True, False]
    assert table["n_clusters"].tolist() == [pd.NA, 3]
    assert table.columns.tolist() == [
        *("method", "settings", "oracle", "tuned_on"),
        *scores([0], [0]),
        *("seconds", "error"),
    ]


def test_any_scikit_learn_clusterer_has_a_row_and_stays_unfitted(blobs):
    features, labels = blobs
    foreign = AgglomerativeClustering(n_clusters=3)
    row = compare(features, labels, {"ward": foreign}).iloc[0]
    assert (row["bcubed_f"], row["error"]) == (1.0, "")
    assert "n_clusters=3" in row["settings"]
    assert not hasattr(foreign, "labels_")


def test_tune_all_then_compare_gives_one_row_each(blobs):
    kept = {name: BASELINES[name] for name in ("k-means (true K)", "DBSCAN", "FINCH")}
    table = compare(*blobs, tune_all(kept, *blobs, on="toy"))
    assert table["method"].tolist() == list(kept)
    assert set(table["tuned_on"]) == {"toy"}
    assert table["bcubed_f"].min() > 0.9


def test_a_missing_package_is_a_row_that_says_what_to_install(blobs, monkeypatch):
    monkeypatch.setitem(sys.modules, "infomap", None)
    table = compare(*blobs, tune_all({"Infomap": Infomap}, *blobs))
    assert "pip install -c constraints.txt -e" in table["error"][0]


def test_a_sample_holds_whole_classes_of_every_size():
    rng = np.random.default_rng(0)
    sizes = np.sort(rng.lognormal(2.5, 1, 400).astype(int) + 1)
    labels = rng.permutation(np.repeat(np.arange(400), sizes))
    index = stratified_sample(labels, len(labels) // 4, seed=1)
    kept, counts = np.unique(labels[index], return_counts=True)
    np.testing.assert_array_equal(counts, sizes[kept])
    assert (np.diff(index) > 0).all()
    assert 0.2 * len(labels) < len(index) <= len(labels) // 4
    assert counts.mean() == pytest.approx(sizes.mean(), rel=0.15)
    assert np.median(counts) == pytest.approx(np.median(sizes), rel=0.15)
    np.testing.assert_array_equal(index, stratified_sample(labels, len(labels) // 4, seed=1))
    assert len(np.intersect1d(index, stratified_sample(labels, len(labels) // 4, seed=2))) < len(index)


def test_a_sample_of_everything_and_of_too_little():
    assert stratified_sample([0, 0, 1], 9).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="n: expected at least 3, the size of the first class drawn, got 2"):
        stratified_sample([0, 0, 0, 1, 1, 1], 2)


def test_settings_that_cannot_be_are_refused_by_name(blobs):
    x, y = blobs
    with pytest.raises(ValueError, match="eps: expected a number >= 0, got -1"):
        Dbscan(eps=-1.0).fit_predict(x)
    with pytest.raises(ValueError, match="grid: expected at least one value to try for eps, got none"):
        tune(Dbscan, x, y, grid={"eps": []})
