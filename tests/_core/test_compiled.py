from numba.core.caching import CacheImpl

from workbench._core.compiled import njit


def double(x):
    return 2 * x


def test_where_no_code_can_be_kept_loops_are_compiled_all_the_same(monkeypatch):
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])  # as on a read-only disk, for any user
    assert njit(nogil=True)(double)(4) == 8


def test_code_is_kept_where_it_can_be(monkeypatch, tmp_path):
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    assert njit()(double)(4) == 8
    assert list(tmp_path.rglob("*.nbi"))
