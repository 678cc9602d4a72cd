"""Exit codes, streams, errors, help, `info`."""

import os
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from runner import ENVIRONMENT, failed, run

import workbench as wb
from workbench.cluster.checkpoint import PACKAGED


def test_bad_input_is_one_line(clustered, home, tmp_path):
    failed(clustered("none.npy"), "no file or folder at", "none.npy")
    whole = (home / "mine.npz").read_bytes()
    (home / "cut.npz").write_bytes(whole[: len(whole) // 2])
    failed(clustered("cut.npz"), "cut.npz", "not a whole .npz file")
    rows = np.load(home / "rows.npy")
    rows[3, 2] = np.nan
    np.save(home / "nan.npy", rows)
    failed(clustered("nan.npy"), "nan.npy", "NaN at row 3, column 2")
    (home / "words.txt").write_text("words")
    failed(clustered("words.txt"), "words.txt", "expected a folder of images or a file ending in")
    failed(clustered("rows.npy", "--k", 0), "k: expected an integer >= 1, got 0")
    failed(clustered("rows.npy", "--tau", 2), "tau: expected a number in [0, 1], got 2.0")
    failed(clustered("rows.npy", "--device", "abacus"), "device", "abacus")
    failed(clustered("rows.npy", out=home / "mine.npz" / "out"), "mine.npz")
    failed(clustered("rows.npy", "--lander", home / "none.safetensors"), "no checkpoint at", "none.safetensors")
    (home / "foreign.safetensors").write_bytes(b"something else")
    failed(clustered("rows.npy", "--lander", home / "foreign.safetensors"), "not a whole safetensors file")
    failed(
        run("train", "--features", home / "rows.npy", "-o", tmp_path / "l.safetensors"), "has no labels to learn from"
    )
    failed(run("info", home / "none.npz"), "no file or folder at")


@pytest.mark.parametrize(
    "arguments",
    [
        ("cluster",),
        ("cluster", "x.npy"),
        ("cluster", "x.npy", "-o", "out", "--preset", "cats", "--official", "w.pth"),
        ("cluster", "x.npy", "-o", "out", "--preset", "faces"),
        ("cluster", "x.npy", "-o", "out", "--average"),
        ("cluster", "x.npy", "-o", "out", "--official", "w.pth", "--lander", "glyphs-lander"),
        ("cluster", "x.npy", "-o", "out", "--format", "xls"),
        ("cluster", "x.npy", "-o", "out", "--k", "many"),
        ("train", "--preset", "none"),
        ("train", "--epochs", "0"),
        ("train", "--features", "x.npz", "--data", "glyphs"),
        ("train", "--features", "x.npz", "--encoder-epochs", "3"),
        ("evaluate", "--data", "none"),
        ("info", "--seed", "-1"),
        ("none",),
    ],
)
def test_wrong_usage_is_2_and_names_the_help(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage: workbench" in result.stderr
    assert result.stdout == ""
    assert not os.listdir(tmp_path)


def test_info(home, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path))
    (tmp_path / "some.npz").write_bytes(bytes(1500))
    for name in ("ab/1.npz", "ab/2.npz", "cd/3.npz"):
        file = tmp_path / "embeddings" / "photos-lite0" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(1000))
    shown = run("info").stdout
    assert f"workbench {wb.__version__}" in shown
    assert f"torch {torch.__version__}" in shown
    assert all(f"  {name}: " in shown for name in PACKAGED)
    assert shown.endswith(f"data: {tmp_path}\n  embeddings/photos-lite0  3 files, 3.0 kB\n  .  1 file, 1.5 kB\n")
    lander = run("info", home / "lander.safetensors").stdout
    assert "lander: lander, 30,370 numbers" in lander
    assert "inputs=structural" in lander
    shutil.copy(home / "lander.safetensors", tmp_path / "mine")
    assert run("info", tmp_path / "mine").stdout == lander.replace("lander: lander", "mine: lander")
    assert "tau=" in lander
    assert "240 x 16 float32, 20 classes" in run("info", home / "mine.npz").stdout
    assert run("info", home / "rows.npy").stdout.startswith("FeatureSet('rows', 240 x 16 float64, no labels)")


def test_streams_and_codes_of_a_real_process(home, tmp_path):
    np.save(tmp_path / "zero.npy", np.vstack([np.zeros(16), np.load(home / "rows.npy")]))
    options = ("-o", tmp_path / "out", "--lander", home / "lander.safetensors", "--no-report")
    command = [sys.executable, "-m", "workbench", "cluster", tmp_path / "zero.npy", *options]
    result = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=120, check=False)
    assert result.returncode == 0
    assert result.stderr.startswith("warning: X: 1 zero row(s), the first is row 0")
    assert len(result.stderr.splitlines()) == 1
    assert "241 items" in result.stdout


def test_debug_shows_where(clustered, home, monkeypatch):
    assert isinstance(run("--debug", "info", home / "none.npy").exception, FileNotFoundError)
    monkeypatch.setenv("WORKBENCH_DEBUG", "1")
    assert isinstance(clustered("none.npy").exception, FileNotFoundError)


def test_mistakes_of_ours_are_one_line_and_keep_their_traceback_with_debug(monkeypatch, home):
    def broken(*_, **__):
        raise KeyError("bug")

    monkeypatch.setattr("workbench.data.load_features", broken)
    failed(run("info", home / "mine.npz"), "unexpected KeyError, see --debug", "bug")
    assert isinstance(run("--debug", "info", home / "mine.npz").exception, KeyError)


def test_help_and_version():
    assert run("--version").stdout == f"workbench {wb.__version__}\n"
    for command in ("demo", "train", "cluster", "evaluate", "info", "reproduce", "ablate"):
        assert f"\n  {command} " in run("--help").stdout
        assert run(command, "-h").exit_code == 0


def never(*_, **__):
    raise AssertionError("work before the arguments were checked")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("evaluate", "--data", "omniglot", "--path", "nope"), "found no Omniglot at nope"),
        (("evaluate", "-b", "nope"), "baselines: expected one of"),
        (("evaluate", "-o", "a.png/b.csv"), "a.png"),
        (("experiments", "faces-species", "-a", "zzz"), "arm: expected one of"),
        (("experiments", "faces-species", "--butterflies", "nope.npz"), "nope.npz"),
        (("train", "--general", "--kinds", "nope"), "kinds: found no NAME.npz in nope"),
        (("train", "--general", "--omniglot", "nope"), "found no Omniglot at nope"),
        (("train", "--device", "abacus"), "device: expected"),
        (("demo", "--device", "abacus"), "device: expected"),
        (("cluster", "--photos", ".", "-o", "out", "--lander", "nope"), "nope"),
        (("cluster", "--photos", ".", "-o", "out", "--decoder", "nope"), "decoder"),
        (("cluster", "--photos", ".", "-o", "out", "--k", "0"), "k: expected"),
        (("cluster", ".", "-o", "out", "--encoder", "nope"), "nope"),
    ],
)
def test_arguments_are_checked_before_any_work(command, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    for place in (
        *("data.load_glyphs", "data.omniglot.fetch", "data.features.read_picture", "encoder.photographs._read"),
        *("experiments.comparison.methods_for", "experiments.faces_species.tasks.load_photo_set"),
    ):
        monkeypatch.setattr(f"workbench.{place}", never)
    failed(run(*command), expected)


def test_an_interrupted_run_is_told_before_the_encoder_is_trained(tmp_path, monkeypatch):
    (tmp_path / "glyphs-lander.run.safetensors").touch()
    monkeypatch.setattr("workbench.data.load_glyphs", never)
    failed(run("train", "-o", tmp_path), "holds an interrupted run")


def test_the_folder_of_submissions_is_the_one_that_is_missing(tmp_path):
    failed(run("course", "grade", tmp_path / "nope", "-o", tmp_path / "a.csv"), "folder of submissions", "nope")


def test_a_terminal_shows_any_name():
    """What it has no letter for is escaped, as on stderr."""
    name = os.fsdecode(b"caf\xe9.npz") if os.name != "nt" else "caf\udce9.npz"
    script = f"from workbench.cli import shell, app; import typer; app.command('told')(lambda: typer.echo({name!r}))"
    command = [sys.executable, "-c", f"{script}; app(['told'])"]
    result = subprocess.run(command, capture_output=True, env=ENVIRONMENT, timeout=120, check=False)
    assert (result.returncode, result.stdout.strip()) == (0, rb"caf\udce9.npz")


def test_an_output_that_is_an_input_is_refused(home, tmp_path):
    mine = tmp_path / "mine.npz"
    mine.write_bytes((home / "mine.npz").read_bytes())
    before = mine.read_bytes()
    (tmp_path / "link.npz").symlink_to(mine)
    told = "is read by this command, and would be overwritten"
    failed(run("train", "--features", mine, "-o", mine), "mine.npz", told)
    failed(run("train", "--features", mine, "-o", tmp_path / "link.npz"), "link.npz", told)
    failed(run("evaluate", "--data", "omniglot", "--path", mine, "-o", mine), told)
    failed(run("experiments", "faces-species", "--faces", mine, "-o", mine, "--store", tmp_path / "s"), told)
    failed(run("ablate", "all", "--path", mine, "-o", mine, "--store", tmp_path / "s"), told)
    failed(run("bench", "--plot", mine, "-o", mine), told)
    failed(run("reproduce", "hannah", "--data", tmp_path, "--weights", mine, "-o", mine), told)
    assert mine.read_bytes() == before
    answers = tmp_path / "summary.csv"
    answers.write_text("first,second,same\n0,1,1\n")
    failed(run("cluster", mine, "-o", tmp_path, "--constraints", answers), "summary.csv", told)
    assert answers.exists()


def test_tables_replace_no_file_of_another_kind(tmp_path):
    other = tmp_path / "other.npz"
    other.write_bytes(b"features")
    told = ("other.npz is there, and no .csv file by its name",)
    failed(run("evaluate", "--data", "digits", "-o", other), *told)
    failed(run("experiments", "faces-species", "-o", other, "--store", tmp_path / "s"), *told)
    failed(run("ablate", "all", "-o", other, "--store", tmp_path / "s"), *told)
    failed(run("reproduce", "hannah", "--data", tmp_path, "-o", other), *told)
    failed(run("course", "grade", tmp_path, "-o", other), *told)
    assert other.read_bytes() == b"features"


def test_training_replaces_no_file_of_another_kind(home, tmp_path):
    other = tmp_path / "other.npz"
    other.write_bytes(b"features")
    failed(run("train", "--features", home / "mine.npz", "-o", other), "other.npz", "no .safetensors file by its name")
    with pytest.raises(FileExistsError, match=r"other.npz is there, and no .safetensors file by its name"):
        wb.save_checkpoint(wb.Lander(wb.LanderConfig(hidden=8)), other)
    assert other.read_bytes() == b"features"
    for _ in range(2):  # what it wrote itself under a name without an ending it replaces
        wb.save_checkpoint(wb.Lander(wb.LanderConfig(hidden=8)), tmp_path / "mine")


def test_messages_name_the_file_and_the_cure(home, tmp_path):
    torch.save({"other": torch.zeros(2)}, tmp_path / "w.pth")
    failed(run("info", tmp_path / "w.pth"), "w.pth", "is no weight of an official LANDER")
    with pytest.raises(ValueError, match=r"path: .*w.pth looks like official weights; .*load_official"):
        wb.load_checkpoint(tmp_path / "w.pth")
    (tmp_path / "p.json").write_text("{}")
    failed(run("ablate", tmp_path / "p.json"), "p.json", "end in .toml")
    failed(run("reproduce", "--list", "--data", tmp_path / "none"), "data: no folder at", "none")
    np.savez(tmp_path / "two.npz", features=np.eye(8), labels=np.arange(8) % 2)
    result = run("train", "--features", tmp_path / "two.npz", "-o", tmp_path / "l.safetensors")
    failed(result, "two.npz", "expected at least 3 classes", "got 2; add classes")
    np.savez(tmp_path / "noise.npz", features=np.eye(8), labels=np.arange(8) // 2 - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        result = run("train", "--features", tmp_path / "noise.npz", "-o", tmp_path / "l.safetensors")
    warned, error = result.stderr.splitlines()
    assert warned.startswith(f"warning: {tmp_path / 'noise.npz'}: labels: 2 of 8 rows are -1")
    assert error.endswith("noise.npz: labels: expected a class for every item, got -1 (none) for 2; drop such items")
    with pytest.raises(ValueError, match="split: expected one of"):
        wb.load("lfw", "foo", root=tmp_path / "empty")
    assert not (tmp_path / "empty").exists()


def test_names_of_strangers_do_not_steer_the_terminal(tmp_path):
    name = "evil\x1b[2J\u202egnp.npy"
    done = run("cluster", tmp_path / name, "-o", tmp_path / "out")
    assert done.exit_code != 0
    assert r"evil\x1b[2J\u202egnp.npy" in "".join(done.output.split())
    assert "\x1b" not in done.output

    np.save(tmp_path / name, np.eye(3))
    about = run("info", tmp_path / name).stdout
    assert r"evil\x1b[2J\u202egnp" in about
    assert "\x1b" not in about


def test_an_unknown_recipe_is_named_first():
    failed(run("reproduce", "nope"), "nope")
