"""Recipes of published runs: what they say, which files they find, how a file is read."""

from pathlib import Path

import numpy as np
import pytest
from authors_files import toy, write, write_all

from workbench.experiments.published import METRICS, RECIPES, FeatureFile, published_results, recipes
from workbench.experiments.published.recipes import get_recipe
from workbench.lander.official import PRESETS

DATASETS = Path(__file__).parents[3] / "datasets"
SETTINGS = {"deepfashion": (4, 1, 0.8)}  # k, levels, tau
OWN = [name for name, recipe in RECIPES.items() if recipe.method.startswith("Hi-LANDER")]


def test_every_published_run_of_the_paper_has_a_recipe():
    table = published_results()
    rows = table[table["method"].str.startswith("Hi-LANDER")]
    wanted = set(zip(rows["method"], rows["data"], strict=True))
    twice = {("Hi-LANDER (first variant)", data) for data in rows["data"] if data.startswith("iNat")}  # the same run
    assert {(RECIPES[name].method, RECIPES[name].data) for name in OWN} == wanted - twice
    both = {m: rows[rows["data"].str.startswith("iNat") & (rows["method"] == m)]["value"].tolist() for m, _ in wanted}
    assert both["Hi-LANDER"] == both["Hi-LANDER (first variant)"]
    parts = {recipe.data for recipe in RECIPES.values() if recipe.data.startswith("MS1M")}
    assert parts == {name for name in table["data"] if name.startswith("MS1M")}


@pytest.mark.parametrize("name", RECIPES)
def test_settings_are_the_published_ones(name):
    recipe = RECIPES[name]
    species = name.startswith("inat")
    other = name.startswith(("ms1m", "deepfashion"))
    k, levels, tau = SETTINGS.get(name, (9, 5, 0.65) if other else (9, 10, 0.1 if species else 0.8))
    assert (recipe.inference.k, recipe.inference.max_levels, recipe.inference.tau) == (k, levels, tau)
    assert recipe.inference.early_stop is not other
    assert (recipe.inference.search, recipe.inference.decoder) == (
        "identity",
        "tree-similarity" if other else "tree-strict",
    )
    assert recipe.model.conv == ("gat" if species or other or name.endswith("-first") else "gcn")
    assert (recipe.model.inputs, recipe.model.layers, recipe.model.hidden) == ("features", 1, 512)
    assert recipe.model.average == (other or recipe.model.conv == "gcn")
    training = recipe.training
    assert (training.policy, training.optimizer, training.weight_decay) == ("teacher", "sgd", 1e-5)
    assert (training.loss.balanced, training.loss.links) == (not other, "denser")
    wanted = {"ms1m": ((9,), (3,), 250, 0.01, 4096), "deep": ((4,), (1,), 500, 0.1, 100_000)}  # the whole graph at once
    found = training.ks, training.levels, training.epochs, training.learning_rate, training.batch_size
    assert found == wanted.get(name[:4], ((9, 4, 2), (2, 3, 4), 250, 0.01, 4096))
    assert recipe.test.dim == recipe.train.dim


@pytest.mark.parametrize("name", RECIPES)
def test_figures_are_looked_up(name):
    recipe = RECIPES[name]
    figures = recipe.published()
    assert len(figures) == (2 if recipe.data.startswith("MS1M") else 3)
    assert set(figures["metric"]) <= set(METRICS)
    assert bool(recipe.note) == (name not in OWN or name.endswith("-first"))


def test_every_figure_stands_beside_its_settings_its_year_and_the_commit_of_its_commands():
    table = recipes().set_index("recipe")
    columns = ["year", "pairwise_f", "bcubed_f", "k", "tau", "threshold", "levels", "early_stop", "commit"]
    assert table.loc["imdb", columns].tolist() == [2021, 0.717, 0.81, 9, 0.8, "linkage", 10, True, "c0719ec5"]
    assert table.loc["hannah-first", ["tau", "commit"]].tolist() == [0.8, "9c41c22d"]
    assert table.loc["ms1m-5.21m", columns[3:]].tolist() == [9, 0.65, "similarity", 5, False, "4c27cf9a"]
    assert table["commit"].str.fullmatch("[0-9a-f]{8}").all()
    assert PRESETS["faces"] == RECIPES["imdb"].inference


def test_the_table_says_what_is_there(tmp_path):
    assert {"test", "train"}.isdisjoint(recipes())
    assert set(recipes(tmp_path)["test"]) == {"missing"}
    write(RECIPES["hannah"].test, tmp_path, *toy(128))
    table = recipes(tmp_path).set_index("recipe")
    assert table.index[table["test"] == "there"].tolist() == ["hannah", "hannah-first"]
    assert set(table["train"]) == {"missing"}
    write_all(tmp_path)
    assert set(recipes(tmp_path)["test"]) | set(recipes(tmp_path)["train"]) == {"there"}


def test_a_file_lies_at_its_place_or_directly_in_the_folder(tmp_path):
    file = RECIPES["deepfashion"].test
    x, labels = toy(256)
    write(file, tmp_path / "as they have it", x, labels)
    flat = tmp_path / "flat"
    flat.mkdir()
    x.tofile(flat / "deepfashion_test.bin")
    (flat / "deepfashion_test.meta").write_text("\n".join(map(str, labels)))
    for folder in (tmp_path / "as they have it", flat):
        data = file.load(file.locate(folder, None, "test"))
        assert np.array_equal(data.features, x)
        assert np.array_equal(data.labels, labels)


def test_pickles_of_numpy_1_are_read(tmp_path):
    file = RECIPES["inat2018-test"].test
    x, labels = toy(512)
    write(file, tmp_path, x, labels)
    data = file.load(file.find(tmp_path))
    assert np.array_equal(data.features, x)
    assert np.array_equal(data.labels, labels)


def test_a_missing_file_is_told_with_its_size_its_source_and_its_place(tmp_path):
    part, species = RECIPES["ms1m-584k"].train, RECIPES["inat2018-test"].test
    place = r"Place it at .*features.part0_train\.bin and its labels at .*labels.part0_train\.meta"
    with pytest.raises(FileNotFoundError, match=rf"train: no file .*576,494 x 256.*learn-to-cluster\. {place}"):
        part.locate(tmp_path, None, "train")
    with pytest.raises(
        FileNotFoundError, match=r"number of rows not stated.*data\.tar\.gz.*name there was not checked"
    ):
        species.locate(tmp_path, None, "test")
    with pytest.raises(FileNotFoundError, match=r"test: no file at .*other\.pkl$"):
        species.locate(tmp_path, tmp_path / "other.pkl", "test")


def test_another_dimension_and_missing_labels_are_refused(tmp_path):
    file = RECIPES["imdb"].test
    write(file, tmp_path, *toy(64))
    with pytest.raises(ValueError, match=r"imdb_features\.pkl: expected 128 numbers a row .*, got 64"):
        file.load(file.find(tmp_path))
    np.savez(tmp_path / "bare.npz", X=toy(128)[0])
    with pytest.raises(ValueError, match=r"bare\.npz: expected features with labels"):
        file.load(tmp_path / "bare.npz")
    clothes = RECIPES["deepfashion"].test
    write(clothes, tmp_path, *toy(128))
    with pytest.raises(ValueError, match=r"72 rows by deepfashion_test\.meta x 256 numbers"):
        clothes.load(clothes.find(tmp_path))
    (tmp_path / "labels/deepfashion_test.meta").unlink()
    with pytest.raises(ValueError, match=r"and its labels at .*deepfashion_test\.meta"):
        clothes.load(clothes.find(tmp_path))


def test_another_number_of_rows_is_warned_about(tmp_path):
    x, labels = toy(4)
    for images, warned in ((72, False), (71, True), (100, True), (None, False)):
        file = FeatureFile("a.pkl", "toys", 4, "nowhere", images)
        write(file, tmp_path, x, labels)
        if warned:
            with pytest.warns(UserWarning, match=f"72 rows, the published set has {images}"):
                file.load(tmp_path / "a.pkl")
        else:
            assert len(file.load(tmp_path / "a.pkl")) == 72


def test_every_file_stands_in_a_card():
    cards = "\n".join(card.read_text(encoding="utf-8") for card in DATASETS.glob("*/README.md"))
    for recipe in RECIPES.values():
        for file in (recipe.test, recipe.train):
            assert f"`{Path(file.path).name.removesuffix('.bin')}`" in cards
            assert file.images is None or file.classes is None or f"| {file.images:,} | {file.classes:,} |" in cards


def test_an_unknown_name():
    with pytest.raises(ValueError, match=r"name: expected one of .*'hannah'.* got 'hanna'"):
        get_recipe("hanna")
