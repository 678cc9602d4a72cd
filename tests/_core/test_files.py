"""Files whole or absent; one wall around every reader; compiled code without a place to keep it."""

import os
import subprocess
import sys
import zipfile
import zlib

import numpy as np
import pandas as pd
import pytest
import torch

import workbench as wb
from workbench._core.files import atomic_path, link_groups, reading, regular_file, replaced_folder
from workbench._core.full_disk import no_room
from workbench._core.npz import open_npz
from workbench._core.state import write_state
from workbench._core.tables import write_csv
from workbench.cluster import Corrections
from workbench.views.reports.page import write_page


@pytest.mark.parametrize(
    "error",
    [KeyError("x"), RecursionError("deep"), SystemError("odd"), zlib.error("bad"), OverflowError(), MemoryError()],
)
def test_anything_becomes_one_line_with_the_name(error):
    with (
        pytest.raises(ValueError, match=rf"^a\.bin: not a whole thing: {type(error).__name__}.*$"),
        reading("a.bin", "thing"),
    ):
        raise error


def test_own_errors_and_those_of_the_system_stay(tmp_path):
    with pytest.raises(ValueError, match=r"^a\.bin: three rows$"), reading("a.bin", "thing"):
        raise ValueError("a.bin: three rows")
    with pytest.raises(FileNotFoundError), reading(tmp_path / "none", "thing"):
        (tmp_path / "none").read_bytes()


def test_an_interrupt_passes():
    """Ctrl-C within compiled code arrives as SystemError."""
    with pytest.raises(KeyboardInterrupt), reading("a", "thing"):
        raise SystemError from KeyboardInterrupt()


def test_pipes_are_refused(tmp_path):
    os.mkfifo(tmp_path / "a.npy")
    with pytest.raises(ValueError, match="ordinary file"):
        regular_file(tmp_path / "a.npy")


def claimed(tmp_path, shape, length):
    """An .npz whose array claims a shape that its bytes do not have."""

    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    head += b" " * (53 + 64 - len(head)) + b"\n"
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(length))
    return tmp_path / "a.npz"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_only_files_are_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to(os.devnull)
    for name in ("pipe", "folder", "device"):
        with pytest.raises(ValueError, match=f"{name}: expected an ordinary file"), atomic_path(tmp_path / name):
            pytest.fail("nothing is made that has no place")
    assert (tmp_path / "pipe").is_fifo()
    assert os.readlink(tmp_path / "device") == os.devnull
    assert sorted(os.listdir(tmp_path)) == ["device", "folder", "pipe"]


@pytest.mark.parametrize("there", ["a.npz", "a.JSON", "a"])
def test_whatever_is_written_replaces_no_file_of_another_kind(there, tmp_path):
    place = tmp_path / there
    place.write_bytes(b"mine")
    writers = {
        ".csv": lambda: write_csv(pd.DataFrame({"n": [1]}), place),
        ".json": lambda: Corrections(0, "").save(place),
        ".html": lambda: write_page(place, title="a", lead="b", sections=[]),
        ".safetensors": lambda: wb.save_checkpoint(wb.Lander(wb.LanderConfig(hidden=8)), place),
    }
    for ending, write in writers.items():
        if place.suffix.lower() == ending:
            continue
        with pytest.raises(FileExistsError, match=f"{there} is there, and no {ending} file by its name; choose"):
            write()
    assert place.read_bytes() == b"mine"


def test_claimed_sizes_are_checked_before_memory_is_taken(tmp_path):
    with open_npz(claimed(tmp_path, "(3, 2)", 24)) as stored:
        assert np.array_equal(stored["X"], np.zeros((3, 2)))
    for shape in ("(1125899906842624, 1)", "(-3, -2)", "(3, 3)", "()"):
        with (
            pytest.raises(ValueError, match=r"a\.npz: not a whole \.npz file: X\.npy"),
            open_npz(claimed(tmp_path, shape, 24)),
        ):
            pass


LOOP = """
from workbench._core.compiled import njit
@njit(nogil=True)
def twice(x):
    return 2 * x
print(twice(21))
"""


def twice(folder, **more):
    (folder / "loop.py").write_text(LOOP)
    run = subprocess.run(
        [sys.executable, "loop.py"], cwd=folder, env={**os.environ, **more}, capture_output=True, text=True, check=False
    )
    assert run.stdout == "42\n", run.stderr


@pytest.mark.parametrize("ending", ["nbi", pytest.param("nbc", marks=pytest.mark.slow)])
def test_a_damaged_cache_of_compiled_code_is_made_anew(tmp_path, ending):
    kept = {"NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    twice(tmp_path, **kept)
    (file,) = (tmp_path / "kept").rglob(f"*.{ending}")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    twice(tmp_path, **kept)
    twice(tmp_path, **kept)
    assert [other.read_bytes()[:9] == whole[:9] for other in (tmp_path / "kept").rglob(f"*.{ending}")] == [True]


def test_compiled_code_needs_no_place_to_be_kept(tmp_path):
    twice(tmp_path, NUMBA_CACHE_DIR="/proc/nowhere")


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX does")
@pytest.mark.parametrize("folder", [False, True])
def test_a_full_disk_names_the_file(folder, tmp_path):
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    writing = replaced_folder if folder else atomic_path
    try:
        with pytest.raises(OSError, match="too large") as caught, writing(tmp_path / "a") as part:
            (part / "x" if folder else part).write_bytes(bytes(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.filename == str(tmp_path / "a")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX does")
def test_a_full_disk_is_told_of_weights_too(tmp_path):
    """They are written by a library in Rust, whose errors are its own."""
    import resource

    write_state(tmp_path / "a.safetensors", {"w": torch.zeros(2)}, {})
    before = (tmp_path / "a.safetensors").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            write_state(tmp_path / "a.safetensors", {"w": torch.zeros(2000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert no_room(caught.value).startswith(
        f"a file may not grow as large there: no room for {tmp_path / 'a.safetensors'}; what was"
    )
    assert (tmp_path / "a.safetensors").read_bytes() == before
    assert os.listdir(tmp_path) == ["a.safetensors"]


def test_links_to_files_of_the_longest_names(tmp_path):
    """With a row before them they were too long, and all results of the run were lost."""
    long = ["x" * 251 + ".png", "é" * 125 + ".jpeg"]
    for name in long:
        (tmp_path / name).touch()
    link_groups(tmp_path / "links", [tmp_path / name for name in long] * 6, ["0"] * 12)
    links = list((tmp_path / "links" / "0").iterdir())
    assert {link.resolve().name for link in links} == set(long)
    assert len(links) == 12
    assert {link.suffix for link in links} == {".png", ".jpeg"}
