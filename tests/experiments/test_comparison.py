import numpy as np
import pandas as pd
import pytest

from workbench.cluster.checkpoint import load_checkpoint
from workbench.cluster.hilander import OURS, HiLander
from workbench.evaluate.baselines import KMeans, Spectral, ThresholdedComponents
from workbench.evaluate.scores import scores
from workbench.experiments.comparison import SINGLE, methods_for, run_evaluation, score_table, together


def test_methods_are_ours_the_single_level_and_the_baselines_asked_for(blobs):
    x, y = (v.numpy() for v in blobs(noise=0.1))
    methods = methods_for(load_checkpoint("glyphs-lander"), x, y, baselines=["thresholded components"])
    assert list(methods) == [OURS, SINGLE, "thresholded components"]
    assert methods[SINGLE].max_levels == 1
    assert methods["thresholded components"].on == "meta-train"
    with pytest.raises(ValueError, match="baselines: expected one of"):
        methods_for(load_checkpoint("glyphs-lander"), x, y, baselines=["magic"])


def test_every_method_has_a_row_with_its_scores(blobs):
    x, y = (v.numpy() for v in blobs(noise=0.1))
    table = score_table(x, y, {OURS: HiLander(), "k": KMeans(), "c": ThresholdedComponents()})
    assert sorted(table["method"]) == sorted([OURS, "k", "c"])
    assert table["bcubed_f"].is_monotonic_decreasing
    ours = table.set_index("method").loc[OURS]
    assert ours["bcubed_f"] == scores(y, HiLander().fit_predict(x))["bcubed_f"]
    assert table.set_index("method").loc["k", "oracle"]


def test_what_refuses_so_many_images_runs_on_a_sample_beside_ours(blobs, monkeypatch):
    x, y = (v.numpy() for v in blobs())
    monkeypatch.setattr(Spectral, "max_n", 100)
    monkeypatch.setattr("workbench.experiments.comparison.SAMPLE", 80)
    table = score_table(x, y, {OURS: HiLander(), "spectral": Spectral()})
    assert table.groupby("n")["method"].apply(sorted).to_dict() == {80: [OURS, "spectral"], 240: [OURS]}
    assert (table["error"] == "").all()


def test_together_keeps_classes_apart():
    x, y = together((np.eye(2), np.array([0, 1])), (np.eye(2), np.array([1, 1])))
    assert x.shape == (4, 2)
    assert len(np.unique(y)) == 3


def test_evaluation_of_handwritten_digits(tmp_path):
    """Ten classes of another kind, by the packaged models: far better than the single level, and a table in a file."""
    table = run_evaluation(tmp_path / "t.csv", data="digits", baselines=["k-means (true K)"], progress=False)
    by_method = table.set_index("method")["bcubed_f"]
    assert by_method[OURS] > max(0.6, by_method[SINGLE] + 0.2)
    assert pd.read_csv(tmp_path / "t.csv")["method"].tolist() == table["method"].tolist()


def test_wrong_kinds_of_checkpoint_are_refused():
    with pytest.raises(ValueError, match="encoder: glyphs-lander holds a LANDER; expected an encoder"):
        run_evaluation(encoder="glyphs-lander")
    with pytest.raises(ValueError, match="data: expected one of 'glyphs', 'digits', 'omniglot', got 'cars'"):
        run_evaluation(data="cars")
