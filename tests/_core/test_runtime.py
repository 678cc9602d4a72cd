"""What a caller has changed in torch for the whole process changes no result of ours; nor does a fork."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

import workbench as wb
from workbench.cluster import similarity_predictor
from workbench.train import TrainConfig

RANDOM = np.random.default_rng(0)
LABELS = np.arange(80) % 8
X = (RANDOM.standard_normal((8, 12))[LABELS] + 0.2 * RANDOM.standard_normal((80, 12))).astype(np.float32)
UNIT = torch.nn.functional.normalize(torch.from_numpy(X), dim=1)


@contextmanager
def default_dtype():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@contextmanager
def default_device():
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


SELDOM = ("inference_mode", "no_grad", "numpy raises")  # tried among the slow tests
STATES = {
    "default_dtype": default_dtype,
    "default_device": default_device,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "inference_mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "numpy raises": lambda: np.errstate(all="raise"),
}


def trained():
    run = TrainConfig(epochs=4, validate=4, projections=(1.0,))
    lander = wb.meta_train(X, LABELS, wb.LanderConfig(hidden=4), training=run, seed=0, progress=False)
    return torch.cat([weights.detach().flatten() for weights in lander.parameters()])


CALLS = {
    "knn": lambda: wb.knn(UNIT, 5).neighbors,
    "knn, approximate": lambda: wb.knn(UNIT, 5, method="approximate").neighbors,
    "fit": lambda: wb.HiLander(device="cpu").fit_predict(X),
    "build": lambda: wb.build_hierarchy(UNIT, similarity_predictor, wb.InferenceConfig(tau=0.8)).labels,
    "embed": lambda: wb.load_checkpoint("glyphs-encoder").embed(np.zeros((3, 32, 32), np.uint8), device="cpu"),
    "scores": lambda: list(wb.scores(LABELS, LABELS // 2).values()),
    "compare": lambda: wb.baselines.compare(X, LABELS, {"a": wb.baselines.NoLearning()}, progress=False)["bcubed_f"],
    "tune": lambda: wb.baselines.tune(wb.baselines.NoLearning(), X, LABELS).tried["item_f"],
    "train": trained,
}


@pytest.fixture(scope="module")
def usual():
    return {name: np.asarray(call()) for name, call in CALLS.items()}


@pytest.mark.parametrize(
    "state", [pytest.param(state, marks=pytest.mark.slow if state in SELDOM else ()) for state in STATES]
)
def test_the_state_of_the_process_changes_nothing(usual, state):
    with STATES[state]():
        found = {name: np.asarray(call()) for name, call in CALLS.items()}
    assert [name for name in CALLS if not np.array_equal(found[name], usual[name])] == []
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


FORKED = """
import multiprocessing, numpy as np, workbench as wb
x = np.random.default_rng(0).standard_normal((2000, 32))
fit = lambda: wb.HiLander(device="cpu").fit_predict(x)
here = fit()
context = multiprocessing.get_context("fork")
said = context.Queue()
child = context.Process(target=lambda: said.put(fit()))
child.start()
assert (said.get(timeout=200) == here).all()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is of POSIX")
def test_a_process_forked_after_use_fits_too():
    """OpenMP, whose threads do not survive a fork, would wait for them for ever."""
    two = {**os.environ, "OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], env=two, check=True, timeout=300)


WORKERS = """
import os, sys, time
from pathlib import Path
from joblib import Parallel, delayed
from workbench._core.runtime import end_with

def work(parent, place):
    end_with(parent, 0.1)
    Path(place, str(os.getpid())).touch()
    time.sleep(300)

if __name__ == "__main__":
    Parallel(2)(delayed(work)(os.getpid(), sys.argv[1]) for _ in range(2))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path):
    """They waited for ever to hand over a result that nobody read."""
    script, place = tmp_path / "workers.py", tmp_path / "running"
    script.write_text(WORKERS)
    place.mkdir()
    run = subprocess.Popen([sys.executable, script, place])
    try:
        wait_until(lambda: len(list(place.iterdir())) == 2)
    finally:
        run.kill()
        run.wait()
    workers = [int(path.name) for path in place.iterdir()]
    wait_until(lambda: not any(map(runs, workers)))


def runs(process):
    try:
        told = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return told.rpartition(")")[2].split()[0] != "Z"  # ended, and nobody has asked how


def wait_until(so):
    until = time.monotonic() + 60
    while not so():
        assert time.monotonic() < until
        time.sleep(0.1)
