"""Runs side by side: nothing is lost, nothing made twice, nobody left behind, whatever dies."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from brief import BRIEF

import workbench as wb
from workbench.experiments.ablation import AblationData, Store, dispatch, run_grid, sweep, workers
from workbench.experiments.ablation.run import Cancelled, Run
from workbench.experiments.ablation.workers import Processes, Workers

REAL = sweep._attempt
KILLED, FAILS, LONG = 9, 13, 99  # hidden units of runs that end in their own ways
MEASURED = ["seconds_training", "seconds_clustering", "peak_mb"]


def attempt(run, data, place, device, stop):
    """A run in a worker: killed the first time, failing, without end, or as it is."""
    hidden = run.settings.lander.hidden
    if hidden == KILLED and first_time(place, run):
        os.kill(os.getpid(), signal.SIGKILL)
    if hidden == FAILS:
        return {"rows": [], "error": f"RuntimeError: unlucky in {os.getpid()}"}
    while hidden == LONG:
        (place.folder / f"begun-{os.getpid()}").touch()
        if stop():
            raise Cancelled
        time.sleep(0.02)
    return REAL(run, data, place, device, stop)


def first_time(place, run):
    mark = place.folder / f"tried-{run.key}"
    there = mark.exists()
    mark.touch()
    return not there


def killed_once(run, data, place, device, stop):
    """A run in a worker that has no share in the store; the data tell it where to leave its mark."""
    if run.seed == 1 and first_time(Store(data.train.name), run):
        os.kill(os.getpid(), signal.SIGKILL)
    while run.seed == LONG and not stop():
        (Store(data.train.name).folder / "begun").touch()
        time.sleep(0.02)
    if run.seed == LONG:
        raise Cancelled
    assert place is None
    return {"rows": [{"test": "t", "last": True, "bcubed_f": data.train.features.sum() + run.seed}], "error": ""}


@pytest.fixture
def data(blobs):
    x, y = blobs(n_classes=8, per_class=10, seed=1)
    toy = wb.FeatureSet(x.numpy(), y.numpy())
    return AblationData(toy, {"toy": toy})


# ---------------------------------------------------------------- processes


@pytest.mark.slow
def test_two_processes_give_what_one_gives_though_one_is_killed_and_a_run_fails(data, tmp_path, monkeypatch, left):
    monkeypatch.setattr(sweep, "_attempt", attempt)
    grid = {"lander.hidden": [KILLED, LONG, FAILS, 8]}
    go = {"data": data, "seeds": [0], "base": BRIEF, "progress": False}
    place = tmp_path / "two"
    part = run_grid(grid, store=place, **go, workers=2, stop=lambda: len(list(place.glob("*.json"))) == 3)
    assert left() == []
    assert set(part["lander.hidden"]) == {KILLED, FAILS, 8}  # all but the one that was cancelled in flight
    assert len(list(place.glob("tried-*"))) == 1
    assert len(list(place.glob("begun-*"))) == 1
    (error,) = part.loc[part["lander.hidden"] == FAILS, "error"]
    assert error.startswith("RuntimeError: unlucky in ")
    assert str(os.getpid()) not in error
    monkeypatch.setattr(sweep, "_attempt", REAL)
    alone = run_grid({"lander.hidden": [KILLED, 8]}, store=tmp_path / "one", **go)
    same = part[part["error"] == ""].reset_index(drop=True)
    pd.testing.assert_frame_equal(same.drop(columns=MEASURED), alone.drop(columns=MEASURED), check_like=True)
    assert (part.loc[part["error"] == "", "peak_mb"] > 50).all()


UNGUARDED = """
    import numpy as np
    from workbench import FeatureSet
    from workbench.experiments.ablation import AblationData, run_grid

    x = FeatureSet(np.eye(4), np.arange(4) // 2)
    run_grid([{}], AblationData(x, {"t": x}), "store", seeds=range(3), workers=2, progress=False)
"""


@pytest.mark.slow
def test_a_script_without_its_guard_is_told_of_it(tmp_path):
    (tmp_path / "script.py").write_text(textwrap.dedent(UNGUARDED))
    said = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "RuntimeError: workers: the processes end before they begin" in said.stderr
    assert "if __name__ == '__main__':" in said.stderr


def test_workers_are_counted(data, tmp_path):
    with pytest.raises(ValueError, match="workers: expected an integer >= 1, got 0"):
        run_grid([{}], data, tmp_path, workers=0)
    with pytest.raises(ValueError, match="workers: a client has its own workers; give one of both, got workers=2"):
        run_grid([{}], data, tmp_path, seeds=[0, 1], workers=2, client=object())


def test_nothing_starts_where_nothing_is_left(data, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "_attempt", lambda *_: {"rows": [{"test": "toy", "last": True}], "error": ""})
    go = {"data": data, "store": tmp_path, "seeds": [0], "base": BRIEF, "progress": False}
    first = run_grid([{}], **go)
    monkeypatch.setattr(Workers, "submit", lambda *_: pytest.fail("it was done"))
    pd.testing.assert_frame_equal(run_grid([{}], **go, workers=4), first)


# ---------------------------------------------------------------- the dispatch


class Job(Run):
    """What `dispatch` needs to know of a run."""

    key, made_of = "", {}

    def __init__(self, key, training=""):
        self.__dict__.update(key=key, training=training or key)


class Threads(Workers):
    """Runs in three threads."""

    def __init__(self, attempt):
        super().__init__(attempt)
        self.threads = ThreadPoolExecutor(3)
        self.submit = self.threads.submit
        self.halted = threading.Event()
        self.halt = self.halted.set
        self.close = self.threads.shutdown

    def slots(self):
        return 3


def dispatched(runs, workers, store, stop=None):
    return {run.key: made for run, made in dispatch.dispatch(runs, workers, store, lambda run: run.training, stop=stop)}


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(dispatch, "WAIT", 0.02)
    return Store(tmp_path)


def test_runs_of_one_training_never_go_side_by_side(store):
    at_work, together, most = [], [], []

    def attempt(run):
        at_work.append(run.training)
        together.append(at_work.count(run.training))
        most.append(len(at_work))
        time.sleep(0.01)
        at_work.remove(run.training)
        return {"rows": [], "error": ""}

    runs = [Job(f"{training}{i}", training) for i in range(4) for training in "abcde"]
    made = dispatched(runs, Threads(attempt), store)
    assert made.keys() == {run.key for run in runs}
    assert max(together) == 1
    assert max(most) > 1


def test_a_run_that_kills_every_process_is_a_row_and_is_not_stored(store, data, monkeypatch):
    tried = []

    class Mortal:
        """A process that some runs kill."""

        def __init__(self, *given):
            self.await_start = self.halt = self.kill = lambda: None

        def make(self, run):
            tried.append(run.key)
            if run.key == "bad" or (run.key == "unlucky" and tried.count("unlucky") < 2):
                raise EOFError
            return {"rows": [], "error": ""}

    monkeypatch.setattr(workers, "_Process", Mortal)
    processes = Processes(attempt, data, store, "cpu", 2)
    made = dispatched([Job("bad"), Job("unlucky"), Job("good")], processes, store)
    assert made["bad"]["error"].startswith("ProcessDied: 3 processes in turn died of it")
    assert (made["unlucky"]["error"], made["good"]["error"]) == ("", "")
    assert [tried.count(key) for key in ("bad", "unlucky", "good")] == [3, 2, 1]
    assert store.read("bad") is None
    assert store.read("unlucky") is not None
    with store.claim("bad") as mine:
        assert mine


def test_what_others_compute_is_waited_for_and_read(store):
    mine, theirs = [], {"rows": [], "error": "", "by": "others"}
    claim = store.claim("a")
    claim.__enter__()

    def attempt(run):
        mine.append(run.key)
        return {"rows": [], "error": ""}

    def finish():
        while len(mine) < 2:
            time.sleep(0.01)
        store.write("a", theirs)
        claim.__exit__(None, None, None)

    other = threading.Thread(target=finish)
    other.start()
    made = dispatched([Job("a"), Job("b"), Job("c")], Threads(attempt), store)
    other.join()
    assert made["a"] == theirs
    assert sorted(mine) == ["b", "c"]


def test_stop_ends_runs_in_flight_and_keeps_those_that_make_it(store):
    def attempt(run):
        if run.key == "first":
            return {"rows": [], "error": ""}
        threads.halted.wait(10)
        if run.key == "cancelled":
            raise Cancelled
        return {"rows": [], "error": ""}

    threads = Threads(attempt)
    jobs = [Job("first"), Job("cancelled"), Job("late"), Job("never", "first")]
    made = dispatched(jobs, threads, store, stop=lambda: bool(store.read("first")))
    assert made.keys() == {"first", "late"}
    for key in ("cancelled", "never", "late"):
        with store.claim(key) as mine:
            assert mine


def test_an_error_of_ours_ends_the_sweep_and_gives_up_the_claims(store):
    def attempt(run):
        raise KeyError("bug")

    with pytest.raises(KeyError, match="bug"):
        dispatched([Job("a")], Threads(attempt), store)
    with store.claim("a") as mine:
        assert mine


# ---------------------------------------------------------------- Dask


@pytest.fixture
def cluster():
    distributed = pytest.importorskip("distributed")
    quiet = {"silence_logs": 60, "dashboard_address": ":0"}  # any free port: another may have 8787
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, processes=True, **quiet) as made,
        distributed.Client(made) as client,
    ):
        yield client


@pytest.mark.slow
def test_a_dask_cluster_makes_the_runs_though_a_worker_is_killed(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "_attempt", killed_once)
    marks = tmp_path / "marks"
    marks.mkdir()
    x = wb.FeatureSet(np.eye(4), np.arange(4) // 2, name=str(marks))
    go = {"data": AblationData(x, {"t": x}), "store": tmp_path / "store", "base": BRIEF, "progress": False}
    table = run_grid([{}], seeds=range(6), client=cluster, **go)
    assert table.set_index("seed")["bcubed_f"].to_dict() == {seed: 4.0 + seed for seed in range(6)}
    assert set(table["error"]) == {""}
    assert len(list(marks.glob("tried-*"))) == 1
    files = list((tmp_path / "store").glob("*.json"))
    assert sorted(json.loads(file.read_text())["seed"] for file in files) == list(range(6))
    begun = marks / "begun"
    part = run_grid([{}], seeds=[2, LONG], client=cluster, stop=begun.exists, **go)
    assert part["seed"].tolist() == [2]


@pytest.mark.parametrize("key", ["", "a/b", ".."])
def test_a_claim_is_of_a_plain_name(key, tmp_path):
    with pytest.raises(ValueError, match="key: expected a plain name"), Store(tmp_path).claim(key):
        pass
