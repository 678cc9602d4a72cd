import os
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
from runner import failed, run

import workbench as wb
from workbench.experiments.ablation import AblationData, Suite, ablation_results, effects, sets, sweep
from workbench.experiments.ablation.grid_file import read_grid
from workbench.experiments.ablation.presets import ABLATION_BASE, PRESETS
from workbench.experiments.ablation.run import Cancelled

GRID = """
data = "omniglot"
seeds = [3, 4, 5]
reference = {"lander.hidden" = 16}
[base]
training.epochs = 7
[grid]
lander.hidden = [8, 16]
training.ks = [[9, 4], [5]]
"""
SMALL = "seeds = 2\n[grid]\nlander.hidden = [8, 16]"


def attempt(run, data, place, device, stop):
    """A run without a training; with 99 hidden units it ends only by `stop`, with 13 it fails."""
    hidden = run.settings.lander.hidden
    while hidden == 99 and not stop():
        (place.folder / "begun").touch()
        time.sleep(0.02)
    if hidden == 99:
        raise Cancelled
    if hidden == 13:
        return {"rows": [], "error": "RuntimeError: unlucky"}
    row = {"test": "t", "level": 0, "last": True, "bcubed_f": hidden / 32 + run.seed**2 / 100, "pairwise_f": 0.5}
    return {"rows": [row], "error": ""}


@pytest.fixture
def ablate(tmp_path, monkeypatch):
    """Runs the command on a store of this test, without data or training."""
    asked = []
    x = wb.FeatureSet(np.eye(4), np.arange(4) // 2)

    def data(name, *, path, device, progress):
        asked.append(name)
        return AblationData(x, {"t": x}, {sets.SAME: AblationData(x, {"t": x})})

    monkeypatch.setattr(sets, "ablation_data", data)
    monkeypatch.setattr(sweep, "_attempt", attempt)

    def command(*arguments, grid=None):
        if grid is not None:
            (tmp_path / "grid.toml").write_text(grid)
            arguments = (tmp_path / "grid.toml", *arguments)
        return run("ablate", *arguments, "--store", tmp_path / "store", "--quiet")

    command.asked = asked
    return command


# ---------------------------------------------------------------- the file


def test_a_file_declares_a_grid_over_the_frozen_base(tmp_path):
    (tmp_path / "g.toml").write_text(GRID.replace('"lander.hidden" = 16', "lander.hidden = 16, training.ks = [5]"))
    found = read_grid(tmp_path / "g.toml")
    assert found.grid == {"lander.hidden": [8, 16], "training.ks": [[9, 4], [5]]}
    assert found.base == ABLATION_BASE.change("training.epochs", 7)
    assert (found.seeds, found.data, found.reference) == ((3, 4, 5), "omniglot", "hidden=16, ks=(5,)")


def test_a_file_may_list_the_configurations(tmp_path):
    (tmp_path / "g.toml").write_text("seeds = 2\n[[change]]\n[[change]]\nlander.layers = 1\ntau = 0.5")
    found = read_grid(tmp_path / "g.toml")
    assert found.grid == [{}, {"lander.layers": 1, "tau": 0.5}]
    assert (found.seeds, found.data, found.reference) == ((0, 1), "", "layers=2, tau=auto")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed = 3\n[grid]\ntau = [0.5]", "there is no key 'seed'; did you mean 'seeds'?"),
        ("grid = 3", "grid: expected a table of settings, got 3"),
        ("[grid", "grid.toml: not a whole grid file: Expected ']'"),
        ("seeds = 3", "grid.toml: expected either [grid] (every combination of values) or [[change]]"),
        ("", "grid.toml: expected either [grid] (every combination of values) or [[change]]"),
        ("[grid]\ntau = [0.5]\n[[change]]\ntau = 0.4", "expected either [grid]"),
        ("[change]\ntau = 0.4", "[[change]] in double brackets"),
        ("[grid]\nlander.hiden = [8]", "there is no setting 'lander.hiden'; did you mean 'lander.hidden'"),
        ("[base]\nlander.hiden = 8\n[grid]\ntau = [0.5]", "there is no setting 'lander.hiden'"),
        ("[grid]\nlander.conv = 'gat'", "expected a list of values for 'lander.conv', got 'gat'; write ['gat']"),
        ("[grid]\nlander.hidden = [8, 8]", "same configuration"),
        ("[grid]\nlander.hidden = [1]", "hidden: expected an integer >= 2, got 1"),
        ("seeds = 0\n[grid]\ntau = [0.5]", "seeds: expected an integer >= 1 and <= 10000, got 0"),
        ("seeds = ['a']\n[grid]\ntau = [0.5]", "seeds: expected an integer >= 0, got 'a'"),
        ("data = 3\n[grid]\ntau = [0.5]", "data: expected a name, got 3"),
        ("data = 'faces'\n[grid]\ntau = [0.5]", "name: expected one of 'glyphs', 'omniglot', got 'faces'"),
        (GRID, "reference: expected one configuration, {'lander.hidden': 16} fits 2; there is: 'hidden=8, ks=(9, 4)'"),
        ("reference = {tau = 0.1}\n[grid]\ntau = [0.5]", "fits 0; there is: 'tau=0.5'"),
    ],
)
def test_a_file_that_cannot_be_is_one_line(tmp_path, text, words):
    (tmp_path / "grid.toml").write_text(text)
    failed(run("ablate", tmp_path / "grid.toml", "--store", tmp_path / "store", "--quiet"), words)
    assert not (tmp_path / "store").exists()


# ---------------------------------------------------------------- the command


def test_the_table_of_effects_is_printed_and_the_runs_are_kept(ablate, tmp_path, monkeypatch):
    result = ablate("-o", tmp_path / "new" / "runs.csv", grid=SMALL)
    assert result.exit_code == 0, result.stderr
    head, columns, row = result.stdout.splitlines()
    assert head == "bcubed_f minus that of 'hidden=8': mean over n seeds, 95 % interval"
    assert columns.split() == ["config", "test", "n", "mean", "low", "high"]
    assert row.split() == ["hidden=16", "t", "2", "+0.2500", "+0.2500", "+0.2500"]
    kept = pd.read_csv(tmp_path / "new" / "runs.csv", keep_default_na=False)
    assert effects(kept, "hidden=8")["mean"].tolist() == [0.25]
    assert ablate.asked == ["glyphs"]
    monkeypatch.setattr(sweep, "_attempt", lambda *_: pytest.fail("it was done"))
    assert ablate(grid=SMALL).stdout == result.stdout
    assert ablate("--value", "pairwise_f", grid=SMALL).stdout.splitlines()[2].split()[3] == "+0.0000"


def test_options_win_over_the_file(ablate):
    result = ablate("--data", "glyphs", "--seeds", 4, grid=GRID.replace("16}", "16, training.ks = [5]}"))
    assert [line.split()[-4] for line in result.stdout.splitlines()[2:]] == ["4", "4", "4"]
    assert ablate.asked == ["glyphs"]


def test_a_preset_is_compared_arm_by_arm(ablate, tmp_path):
    result = ablate("encoder", "--seeds", 3, "-o", tmp_path / "runs.csv")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0].startswith("bcubed_f minus that of 'other classes'")
    assert result.stdout.splitlines()[2].split()[:4] == ["same", "classes", "t", "3"]
    kept = pd.read_csv(tmp_path / "runs.csv", keep_default_na=False)
    assert set(kept["preset"]) == {"encoder"}
    assert sorted(set(kept["arm"])) == ["other classes", "same classes"]
    failed(ablate("hirarchy"), "preset: expected one of", "'hierarchy'", "got 'hirarchy'")


def test_all_presets_at_once_share_their_runs(ablate, tmp_path, monkeypatch):
    made = []

    def counted(*asked):
        made.append(asked[0].key)
        return attempt(*asked)

    monkeypatch.setattr(sweep, "_attempt", counted)
    result = ablate("all", "--seeds", 2, "-o", tmp_path / "runs.csv")
    assert result.exit_code == 0, result.stderr
    kept = pd.read_csv(tmp_path / "runs.csv", keep_default_na=False)
    assert list(kept["preset"].unique()) == list(PRESETS)
    assert len(kept) == 2 * sum(len(preset.arms) for preset in PRESETS.values())
    assert sorted(kept["run"].unique()) == sorted(made)
    assert result.stdout.splitlines()[1].split() == [
        "preset",
        "reference",
        "config",
        "test",
        "n",
        "mean",
        "low",
        "high",
    ]
    wide = [line for line in result.stdout.splitlines() if line.split()[0] == "width"]
    assert [line.split()[1:] for line in wide] == [
        ["32", "8", "t", "2", "-0.7500", "-0.7500", "-0.7500"],
        ["32", "64", "t", "2", "+1.0000", "+1.0000", "+1.0000"],
    ]


@pytest.mark.parametrize("data", sets.NAMES)
def test_the_shipped_tables_are_whole(data):
    table = ablation_results(data)
    arms = {(name, arm) for name, preset in PRESETS.items() for arm in preset.arms}
    assert table.groupby(["preset", "arm", "test"])["seed"].apply(set).map(len).eq(5).all()
    assert set(zip(table["preset"], table["arm"], strict=True)) == arms
    assert (table[["data", "code"]].nunique() == 1).all()
    assert table["error"].isna().all()
    assert table[["bcubed_f", "pairwise_f", "nmi"]].stack().between(0, 1).all()
    with pytest.raises(ValueError, match="table: expected a number in 'item_f' of at least one run, got none"):
        Suite().effects(table, value="item_f")  # the tables are older than this score
    assert set(Suite().effects(table)["n"]) == {5}


def test_presets_are_listed_with_their_questions():
    shown = run("ablate", "--list").stdout
    for name, preset in PRESETS.items():
        assert f"{name}: {preset.question}" in shown
        assert preset.explanation.split()[0] in shown
    assert max(map(len, shown.splitlines())) <= 120


def test_wrong_usage_is_2(ablate):
    for arguments in ((), ("ties", "--seeds", 0), ("ties", "--data", "none"), ("ties", "--value", "beauty")):
        result = ablate(*arguments)
        assert result.exit_code == 2
        assert "Usage: workbench ablate" in result.stderr


def test_failed_runs_are_told_and_the_others_compared(ablate):
    result = ablate(grid="seeds = 2\n[grid]\nlander.hidden = [8, 13, 16]")
    assert result.exit_code == 1
    told = [line for line in result.stderr.splitlines() if line.startswith("failed")]
    assert told == [f"failed: hidden=13, seed {seed}: RuntimeError: unlucky" for seed in (0, 1)]
    assert "hidden=16" in result.stdout


def test_ctrl_c_keeps_what_is_done_and_leaves_nobody_behind(ablate, tmp_path, left):
    store = tmp_path / "store"

    def press():
        while not ((store / "begun").exists() and list(store.glob("*.json"))):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=press, daemon=True)
    pressing.start()
    result = ablate("--workers", 2, grid="seeds = 1\n[grid]\nlander.hidden = [8, 99]")
    pressing.join()
    assert result.exit_code == 130
    assert result.stderr == f"interrupted: what is done is kept in {store}; the same command goes on\n"
    assert left() == []
    assert len(list(store.glob("*.json"))) == 1
