"""The folder of results: of one run or none, wherever a run is killed."""

import os
import platform
import subprocess
import sys
import textwrap

import pytest

from workbench._core.files import replaced_folder
from workbench.cli.results import LINKS, MADE, RESULTS, replacing

NEW = {"labels.csv", "scores.json"}


def write(out, tag, names=NEW):
    with replacing(out) as folder:
        for name in names:
            (folder / name).write_text(tag)


def shown(out):
    """Names and texts of the files there, but for the list of what the run has written."""
    if not out.exists():
        return None
    return {path.name: path.read_text() for path in out.iterdir() if path.is_file() and path.name != MADE}


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
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == [MADE]


@pytest.mark.parametrize("inside", [False, True])
def test_what_no_run_has_written_is_not_removed(tmp_path, monkeypatch, inside):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("report.html", "clusters.csv"):
        (out / name).write_text("mine")
    if inside:
        monkeypatch.chdir(out)
    write(out, "old", {"labels.csv", "photographs.csv"})
    write(out, "new", {"scores.json"})  # of the old run's results none is left
    assert shown(out) == {"scores.json": "new", "report.html": "mine", "clusters.csv": "mine"}
    write(out, "newer", {"report.html"})
    assert shown(out) == {"report.html": "newer", "clusters.csv": "mine"}


@pytest.mark.parametrize("way", ["labels.csv/notes.txt", f"{LINKS}/Anna/original.jpg", f"{LINKS}/own.txt"])
def test_folders_and_files_of_the_user_in_the_way_of_results_are_named(tmp_path, way):
    out = tmp_path / "out"
    with replacing(out) as folder:
        (folder / LINKS / "Anna").mkdir(parents=True)
        (folder / LINKS / "Anna" / "0_a.jpg").symlink_to(tmp_path / "a.jpg")
    with replacing(out) as folder:  # links alone are in nobody's way
        (folder / LINKS / "0").mkdir(parents=True)
    assert os.listdir(out / LINKS) == ["0"]
    (out / way).parent.mkdir(parents=True, exist_ok=True)
    (out / way).write_text("mine")
    with pytest.raises(FileExistsError, match=r"out: .* is in the way of results, and no run has written it"):
        write(out, "new")
    assert (out / way).read_text() == "mine"


def test_a_list_of_results_removes_nothing_else(tmp_path):
    write(tmp_path / "out", "old")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    (tmp_path / "out" / MADE).write_text("notes.txt\n../outside.txt\nlabels.csv")
    (tmp_path / "outside.txt").write_text("mine")
    write(tmp_path / "out", "new", {"summary.csv"})
    assert (tmp_path / "out" / "notes.txt").read_text() == (tmp_path / "outside.txt").read_text() == "mine"


def test_what_a_killed_run_had_moved_away_is_looked_at_too(tmp_path):
    out = tmp_path / "out"
    write(out, "old")
    (out / LINKS).mkdir()
    (out / LINKS / "own.txt").write_text("mine")
    finished = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE, check=True
    )
    left = tmp_path / f".out-{platform.node()[:60]}-{int(finished.stdout)}-x"
    left.mkdir()
    out.rename(left / "old")
    with pytest.raises(FileExistsError, match="is in the way of results"):
        write(out, "new")
    assert (out / LINKS / "own.txt").read_text() == "mine"
