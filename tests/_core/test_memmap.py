import gc
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from workbench import HiLander
from workbench._core import memmap
from workbench._core.memmap import is_memmap, new_tensor
from workbench._core.validation import unit_rows
from workbench.graph.knn import knn

here = pytest.mark.skipif(sys.platform == "win32", reason="a mapped file cannot be removed there")


@pytest.fixture
def mapped(tmp_path, blobs):
    """Makes a memory map of float16 or other rows: (map, the same rows in memory)."""

    def make(dtype=np.float32):
        x = blobs(20, 30)[0].numpy().astype(dtype)
        np.save(tmp_path / "x.npy", x)
        return np.load(tmp_path / "x.npy", mmap_mode="r"), x

    return make


@here
def test_a_memmap_has_no_name_and_goes_with_the_tensor(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rows = new_tensor((1000, 8), mapped=True)
    rows[:] = 1
    assert is_memmap(rows)
    assert is_memmap(rows[3:5])
    assert rows.sum() == 8000
    assert list(tmp_path.iterdir()) == []
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert str(tmp_path) in maps.read_text()
        del rows
        gc.collect()
        assert str(tmp_path) not in maps.read_text()
    assert not is_memmap(new_tensor((3, 2), mapped=False))
    assert new_tensor((0, 2), mapped=True).shape == (0, 2)


@here
def test_a_full_disk_is_told_before_any_work(monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(memmap.os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left on device: no room for 400 bytes; set TMPDIR") as caught:
        new_tensor((10, 10), mapped=True)
    assert caught.value.filename == memmap.tempfile.gettempdir()


def test_what_is_mapped_is_known_through_views_of_it(mapped):
    rows, same = mapped()
    assert is_memmap(rows)
    assert is_memmap(np.asarray(rows)[5:, ::2])
    assert not is_memmap(same)


@here
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_unit_rows_of_a_file_lie_in_a_file(dtype, mapped):
    rows, same = mapped(dtype)
    units = unit_rows(rows)
    assert is_memmap(units)
    assert torch.equal(units, unit_rows(same))


@pytest.mark.parametrize("method", ["exact", "approximate"])
def test_searches_of_a_file_find_the_same(method, mapped):
    rows, same = mapped()
    one, two = (knn(unit_rows(x), 5, method=method) for x in (rows, same))
    assert torch.equal(one.neighbors, two.neighbors)


@pytest.mark.parametrize("model", ["general", "glyphs-lander"])
def test_clusters_of_a_file_are_those_of_its_rows(model, mapped, tmp_path):
    rows, same = mapped(np.float16)
    before = (tmp_path / "x.npy").read_bytes()
    fitted = HiLander(model).fit(rows)
    np.testing.assert_array_equal(fitted.labels_, HiLander(model).fit_predict(same))
    np.testing.assert_array_equal(fitted.predict(rows[:20]), fitted.labels_[:20])
    if sys.platform != "win32":
        assert is_memmap(fitted.features_)
        assert is_memmap(fitted.partial_fit(same[:5]).features_)
    np.testing.assert_array_equal(fitted.labels_, HiLander(model).fit(same).partial_fit(same[:5]).labels_)
    assert (tmp_path / "x.npy").read_bytes() == before
    assert os.access(tmp_path / "x.npy", os.W_OK)
