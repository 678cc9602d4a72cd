"""The folder of results: of one run or none, wherever a run is killed."""

import os
import platform
import subprocess
import sys
import textwrap

import pandas as pd
import pytest

from workbench._core.files import replaced_folder
from workbench.cli.results import RESULTS, replacing

NEW = {"labels.csv", "scores.json"}


def write(out, tag, names=NEW):
    with replacing(out) as folder:
        for name in names:
            (folder / name).write_text(tag)


def shown(out):
    return {path.name: path.read_text() for path in out.iterdir() if path.is_file()} if out.exists() else None


def test_old_results_go_and_what_else_lies_there_stays(tmp_path):
    out = tmp_path / "out"
    write(out, "old", set(RESULTS))
    (out / "mine").mkdir()
    (out / "mine" / "notes.txt").write_text("mine")
    write(out, "new")
    assert shown(out) == dict.fromkeys(NEW, "new")
    assert (out / "mine" / "notes.txt").read_text() == "mine"
    assert os.listdir(tmp_path) == ["out"]


def test_a_failure_changes_nothing(tmp_path):
    out = tmp_path / "out"
    write(out, "old")
    with pytest.raises(IsADirectoryError), replacing(out) as folder:
        folder.write_text("no file")
    assert shown(out) == dict.fromkeys(NEW, "old")
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("make", [replacing, replaced_folder])
def test_a_rename_that_fails_leaves_the_old_folder(tmp_path, monkeypatch, make):
    out = tmp_path / "out"
    write(out, "old")
    real = os.rename

    def rename(source, target):
        if str(source).endswith("new"):
            raise PermissionError("held by another program")
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(PermissionError, match="held"), make(out) as folder:
        (folder / "labels.csv").write_text("new")
    assert shown(out) == dict.fromkeys(NEW, "old")
    assert os.listdir(tmp_path) == ["out"]


def test_the_next_run_puts_back_what_a_killed_one_had_moved_away(tmp_path):
    out = tmp_path / "out"
    write(out, "old")
    finished = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE, check=True
    )
    left = tmp_path / f".out-{platform.node()[:60]}-{int(finished.stdout)}-x"
    left.mkdir()
    out.rename(left / "old")
    with pytest.raises(KeyboardInterrupt), replaced_folder(out):
        raise KeyboardInterrupt
    assert shown(out) == dict.fromkeys(NEW, "old")
    assert os.listdir(tmp_path) == ["out"]


KILLED = """
    import os, sys
    from pathlib import Path
    from workbench.cli import results
    real, steps = os.rename, []
    def rename(a, b):
        if len(steps) == int(sys.argv[2]):
            os.kill(os.getpid(), 9)
        steps.append(a)
        real(a, b)
    os.rename = rename
    with results.replacing(Path(sys.argv[1])) as folder:
        (folder / "labels.csv").write_text("new")
        (folder / "scores.json").write_text("new")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("step", [0, 1])
def test_a_kill_between_two_steps_leaves_one_run_or_none(tmp_path, step):
    out = tmp_path / "out"
    write(out, "old")
    (out / "notes.txt").write_text("mine")
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), str(out), str(step)], check=False)
    assert run.returncode == -9
    there = shown(out)
    assert there is None or set(there.values()) == {"old", "mine"}
    write(out, "newest")
    assert shown(out) == dict.fromkeys(NEW, "newest") | {"notes.txt": "mine"}
    assert os.listdir(tmp_path) == ["out"]


def test_the_folder_that_we_stand_in_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "old", set(RESULTS))
    inode = tmp_path.stat().st_ino
    write(tmp_path, "new")
    assert shown(tmp_path) == dict.fromkeys(NEW, "new")
    assert tmp_path.stat().st_ino == inode
    assert pd.Series(os.listdir(tmp_path)).str.startswith(".").sum() == 0
