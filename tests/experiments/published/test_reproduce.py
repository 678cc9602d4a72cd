"""Published runs end to end, on small sets in the authors' formats."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from authors_files import official_state, toy, write, write_all
from typer.testing import CliRunner

import workbench as wb
from workbench.cli import app
from workbench.experiments.published import RECIPES, reproduce, rerun
from workbench.train.trainer import MetaTraining

QUIET = {"device": "cpu", "progress": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with every file of every recipe."""
    made = tmp_path_factory.mktemp("files")
    write_all(made)
    return made


@pytest.fixture
def saved(tmp_path):
    """Writes official weights of a recipe's kind, narrow."""

    def save(name, **changes):
        recipe = RECIPES[name]
        file = tmp_path / recipe.weights
        torch.save(official_state(replace(recipe.model, hidden=16, **changes), recipe.test.dim), file)
        return file

    return save


@pytest.mark.filterwarnings("ignore:.*the published set has:UserWarning")
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_with_official_weights(name, folder, saved):
    recipe = RECIPES[name]
    table = reproduce(name, folder, weights=saved(name), **QUIET)
    assert list(table) == ["recipe", "metric", "ours", "published", "difference", "method", "source"]
    assert list(table["metric"]) == ["pairwise_f", "bcubed_f", "item_f", "nmi"]
    model = wb.load_official(saved(name), average=recipe.model.average)
    model.inference = recipe.inference
    data = wb.data.load_features(recipe.test.find(folder))
    found = wb.scores(data.labels, wb.HiLander(model, device="cpu").fit_predict(data.features))
    assert table["ours"].tolist() == [found[metric] for metric in table["metric"]]
    stated = recipe.published().set_index("metric")["value"]
    known = table.dropna(subset=["published"]).set_index("metric")
    assert known["published"].to_dict() == stated.to_dict()
    assert (known["difference"] == known["ours"] - known["published"]).all()
    assert set(known["method"]) == {recipe.method}
    assert table.loc[table["published"].isna(), "difference"].isna().all()


@pytest.mark.filterwarnings("ignore:.*the published set has:UserWarning")
@pytest.mark.parametrize("name", ["imdb", "inat2018-test-resampled", "ms1m-584k"])
def test_training_then_another_test_with_the_saved_model(name, folder, tmp_path):
    file = tmp_path / "kept/model.safetensors"
    trained = reproduce(name, folder, save=file, epochs=2, **QUIET)
    model = wb.load_checkpoint(file)
    assert model.config == RECIPES[name].model.for_features(RECIPES[name].train.dim)
    assert model.inference == RECIPES[name].inference  # the published tau, not one chosen here
    again = reproduce(name, folder, weights=file, **QUIET)
    pd.testing.assert_frame_equal(trained, again)
    pd.testing.assert_frame_equal(trained, reproduce(name, folder, epochs=2, **QUIET))


def test_the_last_weights_are_kept_and_only_one_class_is_set_aside(folder, tmp_path, monkeypatch):
    runs = []

    class Watched(MetaTraining):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, **named)
            runs.append(self)

    monkeypatch.setattr(rerun, "MetaTraining", Watched)
    file = tmp_path / "model.safetensors"
    rerun.reproduce("hannah", folder, epochs=3, save=file, **QUIET)
    (run,) = runs
    assert run.training == replace(RECIPES["hannah"].training, epochs=3, validate=3, hold_out=0.0)
    assert len(run.labels.unique()) == 7
    kept = wb.load_checkpoint(file).state_dict()
    assert all(torch.equal(kept[name], value) for name, value in run.model.state_dict().items())
    assert len(run.model.history) == 3 * len(run.levels)


def test_files_in_place_of_the_recipes(tmp_path, saved):
    x, labels = toy(128, seed=3)
    np.savez(tmp_path / "mine.npz", features=x, labels=labels)
    weights = saved("imdb")
    table = reproduce("imdb", tmp_path / "empty", test=tmp_path / "mine.npz", weights=weights, **QUIET)
    write(RECIPES["imdb"].test, tmp_path, x, labels)
    pd.testing.assert_frame_equal(table, reproduce("imdb", tmp_path, weights=weights, **QUIET))


def test_what_does_not_fit_is_refused(folder, saved, tmp_path):
    with pytest.raises(ValueError, match="holds a LANDER with inputs='features', conv='gat'; the recipe 'hannah'"):
        reproduce("hannah", folder, weights=saved("hannah-first"), **QUIET)
    wb.save_checkpoint(wb.Lander(wb.LanderConfig(hidden=8)), tmp_path / "own.safetensors")
    with pytest.raises(ValueError, match="inputs='structural', conv='gated'"):
        reproduce("hannah", folder, weights=tmp_path / "own.safetensors", **QUIET)
    with pytest.raises(ValueError, match="reads features of dimension 512, got features of dimension 128"):
        reproduce("hannah-first", folder, weights=saved("inat2018-test"), **QUIET)
    with pytest.raises(ValueError, match="weights: nothing is trained where weights are given"):
        reproduce("hannah", folder, weights=saved("hannah"), epochs=3, **QUIET)
    with pytest.raises(ValueError, match=r"save: expected a file ending in \.safetensors, got a\.pth"):
        reproduce("hannah", folder, save="a.pth", **QUIET)
    with pytest.raises(FileNotFoundError, match="weights: no file at"):
        reproduce("hannah", folder, weights=tmp_path / "none.pth", **QUIET)


def test_a_missing_training_file_is_told_before_any_training(tmp_path):
    write(RECIPES["imdb"].test, tmp_path, *toy(128))
    with pytest.raises(FileNotFoundError, match=r"train: no file at .*train_1_in_10_recreated"):
        reproduce("imdb", tmp_path, **QUIET)


# ---------------------------------------------------------------- the command


def command(*arguments):
    return CliRunner().invoke(app, ["reproduce", *map(str, arguments)], prog_name="workbench")


def test_the_command_prints_and_keeps_the_table(folder, saved, tmp_path):
    out = tmp_path / "made/table.csv"
    options = ("--data", folder, "--weights", saved("hannah"), "-o", out, "--device", "cpu")
    result = command("hannah", *options)
    assert result.exit_code == 0, result.stderr
    kept = pd.read_csv(out)
    assert kept["published"].dropna().tolist() == RECIPES["hannah"].published()["value"].tolist()
    assert all(f"{value:.3f}" in result.stdout for value in kept["ours"])
    assert "note" not in result.stdout  # its settings are the authors' own


def test_the_command_trains(folder, tmp_path):
    model = tmp_path / "model.safetensors"
    result = command("imdb-first", "--data", folder, "--epochs", 1, "--save", model, "--device", "cpu", "-q")
    assert result.exit_code == 0, result.stderr
    assert wb.load_checkpoint(model).config.conv == "gat"
    noted = command("imdb-first", "--data", folder, "--weights", model, "--device", "cpu")
    assert f"note: {RECIPES['imdb-first'].note}" in noted.stdout


def test_the_list_shows_what_is_there_and_where_the_rest_is(tmp_path):
    everything = command("--list")
    assert everything.exit_code == 0
    assert all(name in everything.stdout for name in RECIPES)
    assert "there" not in everything.stdout.split("\n\n")[0]
    test, train = RECIPES["deepfashion"].test, RECIPES["deepfashion"].train
    write(test, tmp_path, *toy(256))
    listed = command("--list", "--data", tmp_path).stdout
    line = next(line for line in listed.splitlines() if line.strip().startswith("deepfashion "))
    assert line.split()[-2:] == ["there", "missing"]
    assert f"missing in {tmp_path}; in the archives linked in DATASET.md" in listed
    assert f"\n  {train.path}: " in listed
    assert f"\n  {test.path}: " not in listed


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "give the name of a recipe"),
        (("hannah",), 2, "--data DIR"),
        (("none", "--data", "."), 1, "expected one of"),
        (("hannah", "--data", "nowhere"), 1, "its authors put it in data.tar.gz"),
    ],
)
def test_wrong_use_of_the_command(arguments, code, words):
    result = command(*arguments)
    assert result.exit_code == code
    assert words.lower() in " ".join(result.stderr.lower().replace("│", " ").split())
