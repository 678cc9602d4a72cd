import json

import pytest
from runner import ENVIRONMENT, failed, run

from workbench.experiments.benchmarks import peers, process
from workbench.experiments.benchmarks import run as running
from workbench.experiments.benchmarks.cases import Case
from workbench.experiments.benchmarks.results import read_results
from workbench.experiments.benchmarks.suites import SUITES, suite

FACTS = {"cpu": "abacus", "cores": 2, "threads": 1, "ram_gb": 8.0, "load": 0.5, "gpu": None}
MACHINE = {**FACTS, "peak_gflops": {"fp32": 50.0, "bf16": 100.0}}
SLOW = ("PyNNDescent", "Infomap, k = 10", "FINCH (finch-clust)")  # half a minute to compile, or another project's own


@pytest.fixture
def here(monkeypatch):
    """Cases are measured in this process, and the machine is known: a process takes seconds to start."""
    asked = []

    def measure(name, case, setting, threads=None):
        asked.append((name, case, setting.n))
        return MACHINE if name == process.MACHINE else process.measure_here(name, case, setting)

    monkeypatch.setattr(running, "measure_apart", measure)
    return asked


@pytest.fixture
def without(monkeypatch):
    """Takes modules away."""

    def hide(*modules):
        real = peers.find_spec
        monkeypatch.setattr(peers, "find_spec", lambda name: None if name in modules else real(name))

    return hide


def small(name, *options):
    cases = [part for case in suite(name).cases if case.name not in SLOW for part in ("--case", case.name)]
    return run("bench", "--suite", name, "--n", 260, "--dim", 16, "--repeats", 2, "--device", "cpu", *cases, *options)


# ---------------------------------------------------------------- measuring


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in ("gnn", "train") else ()) for name in SUITES]
)
def test_every_suite_gives_a_table_and_a_file(name, here, without, tmp_path):
    without("evoc", "fast_hdbscan", "hnswlib")
    result = small(name, "-o", tmp_path / "b.json", "--quiet")
    assert result.exit_code == 0, result.stderr
    found = read_results(tmp_path / "b.json")
    assert found["complete"]
    assert (found["failed"], found["machine"]) == ([], MACHINE)
    ran, skipped = ({row["case"] for row in found[kind]} for kind in ("runs", "skipped"))
    assert ran | skipped == {case.name for case in suite(name).cases} - set(SLOW)
    assert not ran & skipped
    for one in found["runs"]:
        assert (one["suite"], one["n"]) == (name, 260)
        assert one["seconds"] >= 0
        assert one["first"] >= 0
        assert 0 < one["before_mb"] <= one["peak_mb"]
    assert sorted(one["repeat"] for one in found["runs"]) == [0] * len(ran) + [1] * len(ran)
    assert all(case in result.stdout for case in ran | skipped)
    assert f"{name}, n = 260" in result.stdout
    assert "abacus, 2 cores" in result.stdout


@pytest.mark.slow
def test_both_ways_to_compute_the_model_say_the_same(here, tmp_path):
    for name in ("gnn", "train"):
        assert small(name, "-o", tmp_path / f"{name}.json", "-q").exit_code == 0
    levels = [one for one in read_results(tmp_path / "gnn.json")["runs"] if "same_labels" in one]
    assert {one["same_labels"] for one in levels} == {"yes"}
    assert max(one["linkage_apart"] for one in levels) < 1e-5
    runs = read_results(tmp_path / "train.json")["runs"]
    losses = {one["case"]: (one["link_loss"], one["density_loss"]) for one in runs}
    for hidden in (128, 512):
        assert losses[f"ours, hidden {hidden}"] == pytest.approx(losses[f"per edge, hidden {hidden}"], abs=1e-5)


def test_peers_that_are_missing_are_skipped_by_name_with_what_to_install(here, without, tmp_path):
    without("faiss", "hnswlib")
    result = small("knn", "-o", tmp_path / "b.json")
    assert result.exit_code == 0
    skipped = {row["case"]: row["reason"] for row in read_results(tmp_path / "b.json")["skipped"]}
    assert skipped == {
        "faiss flat": "faiss is not installed: pip install faiss-cpu",
        "hnswlib": "hnswlib is not installed: pip install hnswlib",
    }
    assert "skipped: faiss flat: faiss is not installed: pip install faiss-cpu" in result.stdout
    assert "ratio to ours, exact" in result.stdout  # the reference being away
    assert "knn, n = 260, ours, exact: " in result.stderr


def test_what_would_take_too_long_is_skipped(here):
    result = run("bench", "-s", "metrics", "--n", "300,2000000", "--case", "obvious BCubed", "--repeats", 1, "-q")
    assert "skipped: obvious BCubed: more than 1,000,000 rows would take too long" in result.stdout
    assert [one for one in here if one[0] == "metrics"] == [("metrics", "obvious BCubed", 300)]


def test_a_case_that_fails_is_told_at_the_end_and_the_others_are_kept(here, monkeypatch, tmp_path):
    real = running.measure_apart

    def measure(name, case, setting, threads=None):
        if case == "ours, AMI":
            raise process.CaseFailed("ValueError: unlucky")
        return real(name, case, setting, threads)

    monkeypatch.setattr(running, "measure_apart", measure)
    result = small("metrics", "-o", tmp_path / "b.json", "-q")
    assert result.exit_code == 1
    assert "failed: ours, AMI: ValueError: unlucky" in result.stdout
    found = read_results(tmp_path / "b.json")
    assert [row["case"] for row in found["failed"]] == ["ours, AMI"]
    assert {one["case"] for one in found["runs"]} > {"ours, BCubed"}


@pytest.mark.parametrize("tables", [0, 1])
def test_an_interrupted_run_keeps_whole_tables_or_nothing(tables, here, monkeypatch, tmp_path):
    real = running.measure_apart

    def measure(name, case, setting, threads=None):
        if setting.n == (400 if tables else 300):
            raise KeyboardInterrupt
        return real(name, case, setting, threads)

    monkeypatch.setattr(running, "measure_apart", measure)
    options = ("--case", "ours, BCubed", "--n", 300, "--n", 400, "-q", "-o", tmp_path / "b.json")
    result = run("bench", "-s", "metrics", *options)
    assert result.exit_code == 130
    assert "interrupted" in result.stderr
    assert len(list(tmp_path.iterdir())) == tables
    if tables:
        found = read_results(tmp_path / "b.json")
        assert not found["complete"]
        assert {one["n"] for one in found["runs"]} == {300}


@pytest.mark.slow
def test_a_case_runs_in_a_process_of_its_own(tmp_path, monkeypatch):
    for name in ("OMP_NUM_THREADS", "PYTHONWARNINGS"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    options = ("--case", "ours, BCubed", "--n", 300, "--repeats", 1, "--threads", 1, "-o", tmp_path / "b.json")
    result = run("bench", "-s", "metrics", *options)
    assert result.exit_code == 0, result.stderr
    found = read_results(tmp_path / "b.json")
    assert found["machine"]["threads"] == found["settings"]["threads"] == 1
    assert found["machine"]["peak_gflops"]["fp32"] > 0
    assert found["versions"]["torch"]
    assert found["runs"][0]["bcubed_f"] > 0.5


def test_a_process_that_fails_says_why():
    with pytest.raises(process.CaseFailed, match="case: expected one of"):
        process.measure_apart("metrics", "magic", process.Setting(300))


# ---------------------------------------------------------------- what cannot be


def test_bad_input_is_one_line(tmp_path):
    failed(run("bench", "--suite", "magic"), "suite: expected one of 'knn', 'gnn', 'train'", "got 'magic'")
    failed(run("bench", "--case", "magic"), "case: expected one of", "'faiss flat'", "got 'magic'")
    failed(run("bench", "-s", "gnn", "--case", "faiss flat"), "case: expected one of 'per edge, hidden 128'")
    failed(run("bench", "--n", 10), "n: expected an integer >= 200, got 10")
    failed(run("bench", "--device", "abacus"), "device", "abacus")
    failed(run("bench", "--peer-python", tmp_path / "none"), "peer_python: expected a Python that can be run")
    failed(run("bench", "-o", tmp_path / "b.csv"), "out: expected a file ending in .json")
    (tmp_path / "file").touch()
    failed(run("bench", "-o", tmp_path / "file" / "b.json"), "file")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--n", "many"),
        ("--n", "10_000,"),
        ("--repeats", 0),
        ("--threads", 0),
        ("--dim", 1),
        ("b.json",),
        ("--plot",),
        ("--plot", "b.json"),
        ("--plot", "-o", "b.svg"),
    ],
)
def test_wrong_usage_is_2(arguments):
    result = run("bench", *arguments)
    assert result.exit_code == 2
    assert "bench -h" in result.stderr


# ---------------------------------------------------------------- the picture


@pytest.fixture
def kept(tmp_path):
    """A file of results."""
    place = {"suite": "knn", "beside": "faiss flat", "repeat": 0}
    runs = [
        {**place, "case": case, "n": n, "seconds": n / speed, "peak_mb": 400 + n // 100}
        for n in (10_000, 100_000)
        for case, speed in (("ours, exact", 9e4), ("faiss flat", 5e4))
    ]
    file = tmp_path / "b.json"
    parts = {"machine": MACHINE, "versions": {}, "settings": {}, "runs": runs, "skipped": [], "failed": []}
    file.write_text(json.dumps({"format": 1, **parts}))
    return file


def test_results_are_drawn(kept, tmp_path):
    result = run("bench", "--plot", kept, "-o", tmp_path / "b.svg")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    drawn = (tmp_path / "b.svg").read_text()
    assert all(words in drawn for words in ("faiss flat", "ours, exact", "knn: seconds (median)", "10k", "abacus"))
    failed(run("bench", "--plot", kept, "-o", tmp_path / "b.jpeg"), "expected one of '.svg', '.png', '.pdf'")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no file at"),
        ("{", "not JSON"),
        ("[1]", "got a list"),
        ("{}", "without a usable machine"),
        ('{"format": 9}', "of another version"),
        ('{"machine": {}, "versions": {}, "settings": {}, "runs": [{}], "skipped": [], "failed": []}', "run without"),
    ],
)
def test_a_file_that_holds_no_results_is_refused(text, words, tmp_path):
    if text is not None:
        (tmp_path / "b.json").write_text(text)
    failed(run("bench", "--plot", tmp_path / "b.json", "-o", tmp_path / "b.svg"), "b.json", words)
    assert not (tmp_path / "b.svg").exists()


def test_nothing_is_drawn_of_no_run(kept, tmp_path):
    found = json.loads(kept.read_text())
    kept.write_text(json.dumps({**found, "runs": []}))
    failed(run("bench", "--plot", kept, "-o", tmp_path / "b.svg"), "expected at least one run, got none")
    assert not (tmp_path / "b.svg").exists()


def test_peers_do_not_run_on_a_gpu():
    peer = Case("a", lambda setting: {})
    assert peer.obstacle(process.Setting(300, device="cuda")) == "runs on the CPU only"
    assert [case.name for case in suite("knn").cases if case.cuda] == ["ours, exact", "PyTorch, products and topk"]
