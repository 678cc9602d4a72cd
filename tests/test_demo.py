import pandas as pd
import pytest

from workbench.baselines import BASELINES
from workbench.checkpoint import load_checkpoint
from workbench.clusterer import OURS
from workbench.demo import run_demo
from workbench.evaluation import SINGLE


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("packaged", [True, False])
def test_the_whole_story(packaged, tmp_path):
    told: list[str] = []
    table = run_demo(tmp_path, packaged=packaged, progress=False, say=told.append)
    assert set(table["method"]) == {OURS, SINGLE, *BASELINES}
    assert pd.read_csv(tmp_path / "scores.csv")["method"].tolist() == table["method"].tolist()
    whole = table[table["n"] > 5000].set_index(["test", "method"])["bcubed_f"]
    for test in table["test"].unique():
        for other in ("k-means (true K)", SINGLE, "no learning, one level"):
            assert whole[test, OURS] > whole[test, other]
        assert whole[test, OURS] > whole[test, "HDBSCAN"] - 0.02  # other threads and machines move both so far
    assert (tmp_path / "report.html").stat().st_size > 1_000_000
    assert load_checkpoint(tmp_path / "lander.safetensors").inference.tau > 0.5
    assert any("seconds" in line or " s in all" in line for line in told)
