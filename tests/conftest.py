"""Shapes in the package's signatures are checked while the tests run; fixtures that several test files share."""

import signal
import threading
from pathlib import Path

import hypothesis
import numpy as np
import psutil
import pytest
import torch
from jaxtyping import install_import_hook

import workbench

PACKAGE = Path(workbench.__file__).parent
COMPILED = {
    "_numba",
    "_numba_classes",
    "_numba_merges",
    "_triton",
}  # compiled by numba and triton, which know no checks
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.stem not in {"__init__", *COMPILED}]
install_import_hook(
    [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in MODULES], "beartype.beartype"
)

# No test asserts a time. `make test` draws fewer examples, of other seeds each time; `make test-all` draws "many".
hypothesis.settings.register_profile("few", max_examples=30, deadline=None)
hypothesis.settings.register_profile("many", max_examples=100, deadline=None)
hypothesis.settings.load_profile("few")

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True, scope="session")
def interruptible():
    """Ctrl-C interrupts, also where the tests were started in the background: a shell lets such processes ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pytest_collection_modifyitems(items):
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("cuda"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device here"))


@pytest.fixture(scope="session")
def noisy_classes():
    """Eight classes of twelve rows that overlap a little: (features [96, 10], labels [96])."""
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(8), 12)
    return random.normal(size=(8, 10))[y] + random.normal(size=(96, 10)), y


@pytest.fixture(scope="session")
def golden():
    """Reads a file of numbers computed with the official implementation."""

    def read(name: str) -> dict[str, np.ndarray]:
        with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as archive:
            return dict(archive)

    return read


@pytest.fixture(scope="session")
def blobs():
    """Makes unit features of well separated classes: (features [n, d], labels [n])."""

    def make(n_classes: int = 12, per_class: int = 20, dim: int = 16, noise: float = 0.05, seed: int = 0):
        random = torch.Generator().manual_seed(seed)
        centers = torch.nn.functional.normalize(torch.randn(n_classes, dim, generator=random), dim=1)
        labels = torch.arange(n_classes).repeat(per_class)
        x = centers[labels] + noise * torch.randn(len(labels), dim, generator=random)
        return torch.nn.functional.normalize(x, dim=1), labels

    return make


@pytest.fixture
def left():
    """Tells which processes that began below this one since the test started still live (resource trackers apart)."""

    def living():
        found = psutil.Process().children(recursive=True)
        return {p for p in found if p.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in str(p.cmdline())}

    before = living()
    return lambda: sorted(living() - before, key=lambda process: process.pid)


@pytest.fixture
def held(monkeypatch):
    """Training in the background that waits after every epoch until told to go on: (went, go)."""
    from workbench.train import background  # not above: shapes are checked in what is imported after the hook

    went, go = threading.Semaphore(0), threading.Semaphore(0)
    real = background.meta_train

    def slow(*args, on_epoch, **kwargs):
        def wait(rows):
            on_epoch(rows)
            went.release()
            assert go.acquire(timeout=60)

        return real(*args, on_epoch=wait, **kwargs)

    monkeypatch.setattr(background, "meta_train", slow)
    yield went, go
    go.release(100)
