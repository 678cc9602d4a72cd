import subprocess
import sys
from types import ModuleType

import numba
from numba.core.caching import CacheImpl

from workbench._core.compiled import keep_loops, njit


def double(x):
    return 2 * x


def test_where_no_code_can_be_kept_loops_are_compiled_all_the_same(monkeypatch):
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])  # as on a read-only disk, for any user
    assert njit(nogil=True)(double)(4) == 8


def test_code_is_kept_where_it_can_be(monkeypatch, tmp_path):
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    assert njit()(double)(4) == 8
    assert list(tmp_path.rglob("*.nbi"))


def test_of_a_library_each_loop_is_kept_and_one_compiled_in_two_ways_twice(monkeypatch, tmp_path):
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))

    def library(**options):
        module = ModuleType("library")
        module.loop = numba.njit(**options)(double)
        keep_loops(module)
        assert module.loop(4) == 8
        return sum(module.loop.stats.cache_hits.values())

    assert [library(), library(), library(fastmath=True), library(fastmath={"contract", "nnan"})] == [0, 1, 0, 0]
    assert [library(fastmath={"nnan", "contract"}), library(fastmath=True)] == [1, 1]


def test_without_compilation_loops_are_plain_functions(monkeypatch):
    """`NUMBA_DISABLE_JIT=1`, for a debugger's sake: the package could not be imported."""
    monkeypatch.setattr("numba.config.DISABLE_JIT", 1)
    assert njit(nogil=True)(double) is double


def test_without_compilation_every_loop_gives_the_same(monkeypatch):
    program = """
import numpy as np, workbench as wb
random = np.random.default_rng(0)
x = random.normal(size=(8, 6))[np.arange(60) % 8] + 0.2 * random.normal(size=(60, 6))
models = [wb.HiLander(), wb.HiLander("glyphs-lander"), wb.HiLander(decoder="map-equation")]
print([model.fit(x[:50]).partial_fit(x[50:]).labels_.tolist() for model in models])
"""
    shown = []
    for disabled in ("0", "1"):
        monkeypatch.setenv("NUMBA_DISABLE_JIT", disabled)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        shown.append(done.stdout)
    assert shown[0] == shown[1] != ""
