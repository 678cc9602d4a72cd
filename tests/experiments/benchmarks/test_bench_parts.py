import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from workbench._core import memory
from workbench._core.memmap import is_memmap
from workbench.evaluate.scores import bcubed, contingency
from workbench.experiments.benchmarks import elsewhere, machine, peers
from workbench.experiments.benchmarks.cases import Case, Setting
from workbench.experiments.benchmarks.inputs import clusters, clusters_in_file, labelings
from workbench.experiments.benchmarks.knn_suite import SUITE, recall
from workbench.experiments.benchmarks.metrics_suite import obvious_bcubed
from workbench.experiments.benchmarks.suites import suite
from workbench.experiments.benchmarks.tables import bench_table, bench_text
from workbench.graph.knn import knn
from workbench.views.figures.benchmark_plots import bench_medians, draw_bench, round_numbers


def runs(**seconds):
    place = {"suite": "s", "n": 1000, "beside": "theirs", "flops": 2e9, "peak_mb": 300}
    return [
        {**place, "case": case, "repeat": i, "seconds": one}
        for case, several in seconds.items()
        for i, one in enumerate(several)
    ]


def results(rows):
    return {"runs": rows, "machine": {"peak_gflops": {"fp32": 4.0}}, "skipped": [], "failed": []}


# ---------------------------------------------------------------- tables


def test_a_row_is_the_median_and_its_ratio_to_the_case_beside():
    table = bench_table(results(runs(theirs=[4.0, 2.0, 3.0], ours=[1.0, 9.0, 1.5])), "s", 1000)
    assert table["seconds"].to_dict() == {"theirs": 3.0, "ours": 1.5}
    assert table["ratio"].to_dict() == {"theirs": 1.0, "ours": 0.5}
    assert table.loc["ours", ["min", "max"]].tolist() == [1.0, 9.0]
    assert table.loc["ours", "of_peak"] == pytest.approx(1 / 3)


def test_without_its_reference_a_row_is_measured_by_the_first():
    found = results(runs(ours=[2.0], others=[1.0]))
    assert bench_table(found, "s", 1000)["ratio"].to_dict() == {"ours": 1.0, "others": 0.5}
    assert "ratio to ours" in bench_text(found, "s", 1000)


def test_a_run_that_disagrees_is_seen():
    told = runs(ours=[2.0, 2.0, 2.0])
    for run, word in zip(told, ("yes", "no", "yes"), strict=True):
        run["same_labels"] = word
    assert bench_table(results(told), "s", 1000).loc["ours", "same_labels"] == "yes/no"


def test_a_table_of_nothing_says_why():
    found = results([]) | {"skipped": [{"suite": "s", "n": 5, "case": "a", "reason": "too slow"}]}
    assert bench_text(found, "s", 5) == "s, n = 5\nskipped: a: too slow"


# ---------------------------------------------------------------- pictures


def test_of_several_files_the_last_counts_for_a_case_at_a_size():
    first, second = results(runs(ours=[1.0, 3.0], theirs=[5.0])), results(runs(ours=[9.0]))
    medians = bench_medians([first, second]).set_index("case")
    assert medians["seconds"].to_dict() == {"theirs": 5.0, "ours": 9.0}


def test_pictures_differ_only_where_figures_do(tmp_path):
    for name in ("a", "b"):
        draw_bench([results(runs(ours=[1.0], theirs=[5.0])) | {"machine": {}}], tmp_path / f"{name}.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.svg", "b.svg"]


@pytest.mark.parametrize(("low", "high"), [(0.001, 4000.0), (0.5, 3.0), (300.0, 900.0), (99.0, 210.0)])
def test_an_axis_has_some_round_numbers(low, high):
    ticks = round_numbers(low, high)
    assert 2 <= len(ticks) <= 12
    assert low <= min(ticks)
    assert max(ticks) <= high


# ---------------------------------------------------------------- what is measured


def test_inputs_are_unit_rows_and_drawn_anew_the_same():
    x, labels = clusters(500, 16)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(x, clusters(500, 16)[0])
    assert len(np.unique(labels)) <= 500 // 40


def test_rows_in_a_file_are_like_those_in_memory():
    def nearness(x, labels):
        x = np.asarray(x, np.float32)
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=2e-3)
        return (x @ x.T)[np.equal.outer(labels, labels)].mean()

    x, labels = clusters_in_file(500, 16)
    assert is_memmap(x)
    assert x.dtype == np.float16
    assert nearness(x, labels) == pytest.approx(nearness(*clusters(500, 16)), abs=0.05)


def test_the_obvious_bcubed_is_ours():
    true, pred = labelings(3000)
    assert obvious_bcubed(true, pred) == pytest.approx(bcubed(contingency(true, pred)))


def test_recall_counts_true_neighbours():
    x = torch.from_numpy(clusters(300, 16)[0])
    lists = knn(x, 10, method="exact").neighbors
    assert recall(x, lists) == 1
    lists[:, 5:] = torch.arange(300)[:, None]  # the node itself is no neighbour
    assert recall(x, lists) == 0.5


@pytest.mark.parametrize("name", ["faiss flat", "hnswlib", pytest.param("PyNNDescent", marks=pytest.mark.slow)])
def test_peers_find_the_neighbours(name):
    case = SUITE.case(name)
    for module in case.needs:
        pytest.importorskip(module)
    assert case.run(Setting(400, 16))["recall"] > 0.95


def test_suites_name_their_references():
    for name in ("knn", "gnn", "train", "end-to-end", "metrics"):
        one = suite(name)
        assert one.name == name
        names = [case.name for case in one.cases]
        assert len(set(names)) == len(names)
        assert {case.beside or one.reference for case in one.cases} <= set(names)


# ---------------------------------------------------------------- processes and machines


def test_memory_is_this_programs():
    assert 0 < memory.held_mb() <= memory.peak_mb() + 1


def test_memory_where_the_system_has_no_status_file(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    assert memory.held_mb() == memory.peak_mb() > 0


def test_facts_of_a_machine_that_tells_little(monkeypatch, tmp_path):
    monkeypatch.delattr("os.getloadavg")
    monkeypatch.setattr("os.sysconf_names", {})
    monkeypatch.setattr(machine, "Path", lambda name: tmp_path / "none")
    facts = machine.machine_facts()
    assert (facts["load"], facts["ram_gb"], facts["gpu"]) == (None, None, None)
    assert facts["cpu"]


def test_a_peer_is_looked_for_in_its_own_interpreter(tmp_path):
    assert peers.missing("numpy", sys.executable) == ""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    assert peers.missing("numpy", str(python)) == ""
    assert peers.missing("evoc_", str(python)) == "evoc_ is not installed: pip install evoc_"
    case = Case("a", lambda setting: {}, needs=("evoc_",), elsewhere=True)
    assert "evoc_ is not installed" in case.obstacle(Setting(300, peer_python=str(python)))
    with pytest.raises(ImportError, match="pip install evoc_"):
        peers.peer("evoc_")


TOY = """
class HDBSCAN:
    def fit(self, x):
        self.labels_ = (x[:, 0] > 0).astype(int)
"""


@pytest.fixture
def toy_peer(monkeypatch, tmp_path):
    """A clusterer that is importable in other processes only."""
    (tmp_path / "toy_hdbscan.py").write_text(TOY)
    (tmp_path / "toy_hdbscan-1.2.dist-info").mkdir()
    (tmp_path / "toy_hdbscan-1.2.dist-info" / "METADATA").write_text("Name: toy-hdbscan\nVersion: 1.2\n")
    code = "from workbench.experiments.benchmarks import elsewhere as e; import sys; "
    code += "e.METHODS['toy'] = (('toy_hdbscan',), 'HDBSCAN', {}); e.main(*sys.argv[1:])"
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(elsewhere, "command_for", lambda method, *files: [files[-1], "-c", code, method, *files[:-1]])


def test_a_fit_elsewhere_gives_labels_and_that_process_figures(toy_peer):
    x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.6, 0.8]])
    labels, figures = elsewhere.fit_elsewhere("toy", x)
    assert labels.tolist() == [1, 0, 1]
    assert set(figures) == {"seconds", "first", "before_mb", "peak_mb", "version"}
    assert figures["version"] == "1.2"
    with pytest.raises(RuntimeError, match="KeyError"):
        elsewhere.fit_elsewhere("magic", x)


def test_what_runs_elsewhere_imports_nothing_but_numpy():
    code = (
        "import sys, workbench.experiments.benchmarks.elsewhere\n"
        "print({'torch', 'pandas', 'jaxtyping'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=elsewhere.environment())
    assert run.stdout.strip() == "set()", run.stderr


def test_medians_need_runs():
    with pytest.raises(ValueError, match="expected at least one run"):
        bench_medians([results([])])
    assert isinstance(bench_medians([results(runs(a=[1.0]))]), pd.DataFrame)


@pytest.mark.parametrize(("speed", "sizes"), [(1.0, [machine.PROBE]), (1e6, [machine.PROBE, 2048])])
def test_a_slow_format_is_measured_on_small_products_alone(speed, sizes, monkeypatch):
    asked = []
    monkeypatch.setattr(machine, "_speed_of", lambda x: asked.append(len(x)) or speed)
    assert machine.measured_peak() == {"fp32": speed, "bf16": speed}
    assert asked == 2 * sizes
