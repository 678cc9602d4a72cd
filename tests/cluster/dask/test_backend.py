"""Hi-LANDER on a real Dask cluster, a scheduler and worker processes started by hand: the labels of one machine."""

import copy
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from typer.testing import CliRunner

import workbench as wb
from workbench._core import progress
from workbench._core.runtime import seeded
from workbench.cli import app
from workbench.cluster.hierarchy import build_hierarchy
from workbench.graph.exact import TIE
from workbench.graph.knn import knn
from workbench.lander.config import InferenceConfig, LanderConfig

distributed = pytest.importorskip("distributed")

from workbench.cluster.dask import backend, pool  # noqa: E402  (need Dask)
from workbench.cluster.dask.backend import DaskBackend, Sizes  # noqa: E402
from workbench.cluster.dask.knn import approximate_lists  # noqa: E402
from workbench.cluster.dask.pool import ClusterError, WorkerPool  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:X. 4 zero row"),
    pytest.mark.filterwarnings("ignore:X. 120 of 724 rows repeat"),  # the published preset keeps them and says so
]

ROOT = Path(wb.__file__).parents[1]
DOCUMENT = ROOT / "docs" / "many-machines.md"
PARTITIONS = [Sizes(2, 170, 400, 500, 130), Sizes(2, 2000, 300, 500, 900), Sizes(2, 300, 5000, 500, 5000)]


class Cluster:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, folder):
        self._file, self.workers = folder / "scheduler.json", []
        self.scheduler = self._begin("dask_scheduler", "--port", "0", "--no-dashboard", "--dashboard-address", ":0")
        self.client = distributed.Client(scheduler_file=str(self._file), timeout=60, set_as_default=False)
        self.address = self.client.scheduler.address

    def _begin(self, program, *options, path=ROOT):
        command = [sys.executable, "-m", f"distributed.cli.{program}", "--scheduler-file", str(self._file), *options]
        environment = {**os.environ, "PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            command, cwd=path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def start(self, path=ROOT):
        """One more worker; it joins in a few seconds."""
        options = "--no-nanny", "--nthreads", "1", "--no-dashboard"
        self.workers.append(self._begin("dask_worker", *options, path=path))

    def count(self, n):
        """Exactly n workers."""
        while len(self.workers) < n:
            self.start()
        while len(self.workers) > n:
            self.kill()
        until = time.monotonic() + 60
        while len(self.client.nthreads()) != n:
            assert time.monotonic() < until
            time.sleep(0.05)

    def kill(self):
        """kill -9."""
        process = self.workers.pop()
        process.send_signal(signal.SIGKILL)
        process.wait()

    def close(self):
        self.client.close()
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def rows():
    """Classes of many sizes, duplicates in number, rows with no direction."""
    random = torch.Generator().manual_seed(0)
    centers = torch.randn(25, 16, generator=random)
    x = centers[torch.randint(25, (600,), generator=random)] + 0.5 * torch.randn(600, 16, generator=random)
    x = torch.cat([x, x[:40], x[:40], x[:1].repeat(40, 1), torch.zeros(4, 16)])
    x = x[torch.randperm(len(x), generator=random)]
    return torch.nn.functional.normalize(x, dim=1)


@pytest.fixture(scope="module")
def models(rows):
    """Features read by a graph convolution, structure over several levels, and the general model."""
    config, inference = LanderConfig.published(hidden=32).for_features(16), InferenceConfig.published(tau=0.55)
    published = seeded(lambda: wb.Lander(config, inference), 2)
    return {"published": published, **{name: wb.load_checkpoint(name) for name in ("glyphs-lander", "general")}}


@pytest.fixture(scope="module")
def alone(models, rows):
    """What one machine finds."""
    return {
        name: build_hierarchy(rows, model.predict, model.inference, ensemble=model.ensemble)
        for name, model in models.items()
    }


def on(cluster, model, rows, sizes, **settings):
    with closing(DaskBackend(cluster.client, model, device="cpu", sizes=sizes, **settings)) as ours:
        return build_hierarchy(
            rows, ours.predict, model.inference, ensemble=model.ensemble, graph=ours.knn, dendrogram=ours.dendrogram
        )


def same(one, other):
    assert torch.equal(one.labels, other.labels)
    for a, b in zip(one.levels, other.levels, strict=True):
        assert torch.equal(a.graph.neighbors, b.graph.neighbors)
        assert torch.equal(a.graph.similarity, b.graph.similarity)
        torch.testing.assert_close(a.prediction.linkage, b.prediction.linkage, rtol=0, atol=1e-5)


def recall(found, exact):
    listed = (found.neighbors[:, :, None] == exact.neighbors[:, None, :]) & found.mask[:, :, None]
    return float(listed.any(dim=2).float().mean())


# ---------------------------------------------------------------- the same labels


@pytest.mark.parametrize(
    ("name", "workers"),
    [
        ("general", 3),
        pytest.param("published", 1, marks=pytest.mark.slow),
        pytest.param("published", 3, marks=pytest.mark.slow),
        pytest.param("glyphs-lander", 1, marks=pytest.mark.slow),
        pytest.param("glyphs-lander", 3, marks=pytest.mark.slow),
        pytest.param("general", 1, marks=pytest.mark.slow),
    ],
)
def test_labels_are_those_of_one_machine(cluster, models, alone, rows, workers, name):
    cluster.count(workers)
    assert alone[name].n_clusters < len(rows) / 2
    for sizes in PARTITIONS[:workers]:
        same(on(cluster, models[name], rows, sizes), alone[name])


def test_inputs_of_the_general_model_are_the_work_of_workers(cluster, models, alone, rows, monkeypatch):
    """They are most of what grows with k, so the driver must not compute them."""
    cluster.count(2)
    monkeypatch.setattr(wb.Lander, "inputs", lambda *_: pytest.fail("inputs were computed on the driver"))
    same(on(cluster, models["general"], rows, Sizes(2, 170, 400, 500, 90)), alone["general"])


def test_a_dendrogram_in_blocks_is_that_of_one_machine(cluster, models, alone, rows, monkeypatch):
    blocks = []
    real = backend.dendrogram_in_blocks
    monkeypatch.setattr(backend, "dendrogram_in_blocks", lambda *args: blocks.append(len(args[2])) or real(*args))
    for workers in (2, 1):
        cluster.count(workers)
        found = on(cluster, models["general"], rows, Sizes(2, 300, 300, 500, 300, merged=150))
        same(found, alone["general"])
        ours, theirs = (one.distinct.learned_cut[0].dendrogram for one in (found, alone["general"]))
        assert np.array_equal(ours.size, theirs.size)
        for name in ("height", "second_of_larger", "second_of_smaller"):
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-4)
    assert min(blocks) > 1


def test_ties_are_settled_by_index_though_they_run_past_the_candidates_and_over_blocks(cluster, models):
    random = torch.Generator().manual_seed(1)
    one = torch.nn.functional.normalize(torch.randn(6, 8, generator=random), dim=1)
    near = one.repeat(40, 1) + TIE / 20 * torch.randn(240, 8, generator=random)  # equal but for rounding
    for x in (one.repeat(40, 1), near, torch.eye(9).repeat(30, 1), torch.zeros(50, 4), torch.ones(50, 4) / 2):
        expected = knn(x, 5)
        for sizes in (Sizes(2, 50, 70), Sizes(2, 100, 300)):
            found = DaskBackend(cluster.client, models["general"], device="cpu", sizes=sizes).knn(x, 5)
            assert torch.equal(found.neighbors, expected.neighbors)
            assert torch.equal(found.similarity, expected.similarity)


@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_few_rows(cluster, models, rows, n):
    sizes = Sizes(1, 100, 100, 100, 100)
    for model in models.values():
        here = build_hierarchy(rows[:n], model.predict, model.inference, ensemble=model.ensemble)
        same(on(cluster, model, rows[:n], sizes), here)


def test_the_estimator_sends_large_levels_only(cluster, rows, monkeypatch):
    expected = wb.HiLander("glyphs-lander").fit(rows)
    small = wb.HiLander("glyphs-lander", client=cluster.client).fit(rows)
    assert (small.labels_ == expected.labels_).all()
    monkeypatch.setattr(backend, "SIZES", Sizes(300, 200, 400, 500, 150))
    ran, real = [], WorkerPool.run
    monkeypatch.setattr(WorkerPool, "run", lambda *given: ran.append(1) or real(*given))
    model = wb.HiLander("glyphs-lander", client=cluster.client).fit(rows)
    assert (model.labels_ == expected.labels_).all()
    assert (model.predict(rows[:50]) == expected.predict(rows[:50])).all()
    levels = sum(level.n_nodes >= 300 for level in model.hierarchy_.levels)
    assert levels < len(model.hierarchy_.levels)
    assert 2 * levels <= len(ran) <= 3 * levels  # graph, its ties, linkages


@pytest.mark.parametrize("name", ["glyphs-lander", "general"])
def test_answers_are_honoured_as_on_one_machine(cluster, rows, name, monkeypatch):
    cluster.count(2)
    monkeypatch.setattr(backend, "SIZES", Sizes(300, 200, 400, 500, 150))
    truth = np.random.default_rng(0).integers(0, 3, len(rows))  # nothing to do with the features: the hardest answers
    _, group = np.unique(rows.numpy(), axis=0, return_inverse=True)  # equal rows cannot be told apart
    truth = truth[group]
    pairs = np.random.default_rng(1).integers(0, len(rows), (40, 2))
    pairs = pairs[group[pairs[:, 0]] != group[pairs[:, 1]]]
    same_class = truth[pairs[:, 0]] == truth[pairs[:, 1]]
    said = {"must_link": pairs[same_class], "cannot_link": pairs[~same_class]}
    here = wb.HiLander(name).fit(rows, **said)
    there = wb.HiLander(name, client=cluster.client).fit(rows, **said)
    for model in (here, there):
        assert ((model.labels_[pairs[:, 0]] == model.labels_[pairs[:, 1]]) == same_class).all()
    assert (here.labels_ == there.labels_).all()
    a, b = there.questions(1)[["first", "second"]].to_numpy()[0]
    for same in (True, False):
        assert (here.answer(a, b, same=same).labels_ == there.answer(a, b, same=same).labels_).all()
        assert (here.undo().labels_ == there.undo().labels_).all()
    later = rows[:30] + 0.01 * torch.randn(30, 16, generator=torch.Generator().manual_seed(2))
    apart = [(1, len(rows) + 1)]
    for model in (here, there):
        model.partial_fit(later, cannot_link=apart)
        assert model.labels_[1] != model.labels_[len(rows) + 1]
        assert ((model.labels_[pairs[:, 0]] == model.labels_[pairs[:, 1]]) == same_class).all()
    assert (here.labels_ == there.labels_).all()


# ---------------------------------------------------------------- approximate search


PARTS = Sizes(part=500, nodes=500)


@pytest.fixture(scope="module")
def hard():
    """Classes that touch: (features, labels)."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(50).repeat(40)
    x = torch.randn(50, 24, generator=random)[labels] + 0.6 * torch.randn(len(labels), 24, generator=random)
    return torch.nn.functional.normalize(x, dim=1), labels


@pytest.mark.filterwarnings("ignore:X. the search for neighbours")  # these lists are of rows that were not mapped
def test_approximate_lists_miss_little(cluster, hard):
    x, y = hard
    model = wb.load_checkpoint("general")
    exact, found = knn(x, 10), approximate_lists(WorkerPool(cluster.client), x, 10, PARTS, 0)
    assert recall(found, exact) > 0.98
    settings = {"ensemble": model.ensemble}
    trees = [
        build_hierarchy(x, model.predict, model.inference, graph=lambda *_, g=g: g, **settings) for g in (exact, found)
    ]
    f = [wb.scores(y, tree.labels)["bcubed_f"] for tree in trees]
    assert abs(f[0] - f[1]) <= 0.005


def test_one_part_is_searched_as_on_one_machine(cluster, blobs, monkeypatch):
    x, _ = blobs(20, 30)
    monkeypatch.setattr(backend, "APPROXIMATE_FROM", 500)
    ours = DaskBackend(cluster.client, wb.load_checkpoint("general"), device="cpu", sizes=Sizes(alone=2), seed=3)
    assert torch.equal(ours.knn(x, 7).neighbors, knn(x, 7, method="approximate", seed=3).neighbors)


# ---------------------------------------------------------------- stops and refusals


def idle(client):
    """Nothing is left of us on the cluster."""
    until = time.monotonic() + 30
    while any(client.processing().values()) or any(client.has_what().values()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return True


def test_ctrl_c_cancels_what_is_in_flight_and_leaves_the_client_usable(cluster, models, rows, alone, monkeypatch):
    real = WorkerPool.run

    def run_and_press(pool, jobs, what, tasks=1):
        for result in real(pool, jobs, what, tasks):
            threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
            time.sleep(5)
            yield result

    monkeypatch.setattr(WorkerPool, "run", run_and_press)
    with pytest.raises(KeyboardInterrupt):
        on(cluster, models["general"], rows, Sizes(2, 30, 200, 100, 60))
    monkeypatch.setattr(WorkerPool, "run", real)
    assert idle(cluster.client)
    same(on(cluster, models["general"], rows, PARTITIONS[0]), alone["general"])
    assert idle(cluster.client)


def test_few_jobs_are_in_flight_at_a_time(cluster):
    workers, submitted = WorkerPool(cluster.client), []

    def job(number):
        submitted.append(number)
        return workers.submit(abs, -number)

    for done, (_, result) in enumerate(workers.run([partial(job, number) for number in range(40)], "numbers")):
        assert result in submitted
        assert len(submitted) - done <= pool.AHEAD * workers.threads()
    assert submitted == list(range(40))


def test_bars_show_how_far_the_cluster_is(cluster, models, rows, monkeypatch, capsys):
    monkeypatch.setattr(progress, "DELAY", 0)
    quiet = on(cluster, models["general"], rows, PARTITIONS[0])
    assert capsys.readouterr().err == ""
    with progress.show_progress(True):
        same(on(cluster, models["general"], rows, PARTITIONS[0]), quiet)
    said = capsys.readouterr().err
    assert "k-NN graph: products" in said
    assert "links" in said


def test_an_error_of_a_worker_names_the_cluster(cluster, models, rows):
    ours = closing(DaskBackend(cluster.client, models["general"], device="cuda:7", sizes=PARTITIONS[0]))
    said = f"a worker of {cluster.address} failed: ValueError: device: 'cuda:7'"
    with pytest.raises(ClusterError, match=said), ours as there:
        there.knn(rows, 5)
    assert idle(cluster.client)


# ---------------------------------------------------------------- the estimator's face


def test_clones_copies_and_pickles(cluster, rows, monkeypatch):
    monkeypatch.setattr(backend, "SIZES", PARTITIONS[0])
    model = wb.HiLander("glyphs-lander", tau=0.8, client=cluster.client)
    assert clone(model).client is cluster.client
    assert clone(model).get_params() == model.get_params()
    assert clone(make_pipeline(FunctionTransformer(), model))[-1].client is cluster.client
    assert "client=<Client" in repr(model)
    assert wb.HiLander().set_params(client=cluster.client).client is cluster.client
    assert clone(wb.HiLander(client=True)).client is True
    model.fit(rows)
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert again.client is True
        assert (again.labels_ == model.labels_).all()
        with pytest.raises(ValueError, match="client: expected an active Dask client, found none"):
            again.fit(rows)
        with cluster.client.as_current():
            assert (again.fit_predict(rows) == model.labels_).all()
    assert pickle.loads(pickle.dumps(wb.HiLander())).client is None


def test_a_task_of_the_cluster_uses_its_own_client(cluster, rows):
    def fitted(features):  # here, as the workers have no tests
        import workbench as wb
        from workbench.cluster.dask import backend

        backend.SIZES = backend.Sizes(2, 300, 5000, 500, 5000)
        return wb.HiLander("glyphs-lander", client=True, device="cpu").fit_predict(features)

    tasks = [cluster.client.submit(fitted, rows[:200].numpy(), pure=False) for _ in range(4)]  # more than workers
    expected = wb.HiLander("glyphs-lander").fit_predict(rows[:200])
    assert all((labels == expected).all() for labels in cluster.client.gather(tasks))


@pytest.mark.parametrize("client", [7, "tcp://host:8786", False])
def test_what_is_no_client_is_refused(client):
    with pytest.raises(TypeError, match=r"client: expected a distributed\.Client, True"):
        wb.HiLander(client=client).fit(np.eye(3))


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)  # as if it were not installed
    with pytest.raises(
        ImportError, match=r"client: a cluster needs Dask, .* pip install -c constraints.txt -e '\.\[dask\]'"
    ):
        wb.HiLander(client=True).fit(np.eye(3))


def test_the_document_shows_how(cluster, rows, monkeypatch):
    monkeypatch.setattr(backend, "SIZES", PARTITIONS[0])
    block = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)[1]
    namespace = {"address": cluster.address, "features": rows.numpy()}
    exec(block, namespace)
    with namespace["client"]:
        assert (namespace["labels"] == wb.HiLander().fit_predict(rows)).all()


# ---------------------------------------------------------------- the command line


def run(*arguments):
    return CliRunner().invoke(app, ["cluster", *map(str, arguments)], prog_name="workbench")


def test_the_command_line_runs_on_a_cluster(cluster, rows, tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", rows.numpy())
    monkeypatch.setattr(backend, "SIZES", PARTITIONS[1])
    options = "--no-report", "--quiet", "--device", "cpu"
    for out, where in (("here", ()), ("there", ("--scheduler", cluster.address))):
        assert run(tmp_path / "x.npy", "-o", tmp_path / out, *options, *where).exit_code == 0
    for file in ("labels.parquet", "clusters.parquet", "hierarchy.parquet"):
        assert (tmp_path / "here" / file).read_bytes() == (tmp_path / "there" / file).read_bytes()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x", "tcp://"])
def test_a_bad_address_is_one_line(address, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(backend, "CONNECT", 1)
    np.save(tmp_path / "x.npy", rows.numpy())
    result = run(tmp_path / "x.npy", "-o", tmp_path / "out", "--scheduler", address, "--no-report")
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: scheduler: no Dask scheduler answers at {address} (")
    assert not (tmp_path / "out").exists()
    result = run(tmp_path / "x.npy", "-o", tmp_path / "out", "--scheduler", "nonsense", "--no-report")
    assert result.stderr == "error: scheduler: expected an address like tcp://host:8786, got 'nonsense'\n"


# ---------------------------------------------------------------- workers lost


@pytest.fixture
def killing(cluster, monkeypatch):
    """Kills a worker, once, after the third result of the n-th stage from now on; tells what all held then."""
    real, held, stages = WorkerPool.run, [], []

    def after(stage):
        def run_and_kill(pool, jobs, what, tasks=1):
            stages.append(1)
            mine = len(stages) == stage
            for number, result in enumerate(real(pool, jobs, what, tasks)):
                if number == 2 and mine:
                    held.append(sum(map(len, cluster.client.has_what().values())))
                    cluster.kill()
                yield result

        monkeypatch.setattr(WorkerPool, "run", run_and_kill)
        return held

    return after


@pytest.mark.parametrize(("stage", "left"), [(1, 2), (3, 1)])  # graph, its ties, linkages of level 0
def test_a_worker_killed_in_the_middle_loses_nothing_but_time(cluster, models, alone, rows, killing, stage, left):
    cluster.count(left + 1)
    held = killing(stage)
    same(on(cluster, models["glyphs-lander"], rows, Sizes(2, 60, 200, 100, 60)), alone["glyphs-lander"])
    assert held[0] > 0
    assert len(cluster.client.nthreads()) == left


@pytest.mark.slow
def test_so_in_the_approximate_search(cluster, killing, hard):
    cluster.count(2)
    held = killing(2)
    pool = WorkerPool(cluster.client)
    killed, whole = (approximate_lists(pool, hard[0], 10, PARTS, 0) for _ in range(2))
    assert torch.equal(killed.neighbors, whole.neighbors)
    assert len(held) == len(cluster.client.nthreads()) == 1


def test_a_client_that_is_closed_is_refused_by_name(cluster, rows, monkeypatch):
    cluster.count(1)
    monkeypatch.setattr(backend, "SIZES", Sizes(300, 200, 400, 500, 150))
    with distributed.Client(cluster.address, set_as_default=False) as client:
        model = wb.HiLander(client=client).fit(rows)
    before = model.labels_
    with pytest.raises(ClusterError, match=r"client: expected one that is connected, got one that is closed"):
        model.fit(rows)
    assert model.labels_ is before


def test_without_workers_the_cluster_is_named(cluster, models, rows, monkeypatch):
    cluster.count(0)
    monkeypatch.setattr(pool, "PATIENCE", 0.5)
    with pytest.raises(ClusterError, match=f"client: expected a cluster with workers, {cluster.address} had none"):
        on(cluster, models["general"], rows, PARTITIONS[0])


def test_a_worker_with_other_code_is_refused(cluster, models, rows, tmp_path):
    shutil.copytree(ROOT / "workbench", tmp_path / "workbench", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "workbench" / "graph" / "knn.py").open("a") as file:
        file.write("# changed\n")
    cluster.count(0)
    cluster.start(tmp_path)  # in the folder, so that its package comes first
    cluster.count(1)
    with pytest.raises(ClusterError, match=r"a worker has the workbench .*, expected .*; install the same package"):
        on(cluster, models["general"], rows, PARTITIONS[0])
    with pytest.raises(ClusterError, match=r"a worker has the workbench"):
        WorkerPool(cluster.client).everywhere(os.getpid)


def test_a_scheduler_that_ends_is_named(cluster, models, rows, monkeypatch):
    cluster.count(1)
    real = WorkerPool.run

    def run_and_end(pool, jobs, what, tasks=1):
        for result in real(pool, jobs, what, tasks):
            cluster.scheduler.kill()
            yield result

    monkeypatch.setattr(WorkerPool, "run", run_and_end)
    with pytest.raises(OSError, match=cluster.address):
        on(cluster, models["general"], rows, Sizes(2, 60, 200, 100, 60))
