import pandas as pd
import pytest
import torch

from workbench.cli.demo import run_demo
from workbench.cluster.checkpoint import load_checkpoint
from workbench.cluster.hilander import OURS
from workbench.evaluate.baselines import BASELINES
from workbench.experiments.comparison import SINGLE


@pytest.fixture
def two_threads():
    """As the table of docs/results.md was made; `make test-all` gives one, and the order at the top depends on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("two_threads")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("packaged", [True, False])
def test_the_whole_story(packaged, tmp_path):
    told: list[str] = []
    table = run_demo(tmp_path, packaged=packaged, progress=False, say=told.append)
    assert set(table["method"]) == {OURS, SINGLE, *BASELINES}
    assert pd.read_csv(tmp_path / "scores.csv")["method"].tolist() == table["method"].tolist()
    whole = table[table["n"] > 5000].set_index(["test", "method"])["bcubed_f"]
    for test in table["test"].unique():
        for other in ("k-means (true K)", "HDBSCAN", SINGLE, "no learning, one level"):
            assert whole[test, OURS] > whole[test, other]
    assert (tmp_path / "report.html").stat().st_size > 1_000_000
    assert load_checkpoint(tmp_path / "lander.safetensors").inference.tau > 0.5
    assert any("seconds" in line or " s in all" in line for line in told)
