import numpy as np
import pandas as pd
import pytest
import torch

from workbench.cli import app
from workbench.experiments.faces_species import (
    SplitFeatures,
    Task,
    face_tests,
    gains,
    means,
    read_split_features,
    run_faces_species,
)
from workbench.experiments.faces_species.arms import BEFORE, LEARNED, UNLEARNED


def people(classes=18, images=8, dim=12, seed=0):
    """Classes of 8 rows, a third of them in each split."""
    drawn = torch.Generator().manual_seed(seed)
    center = torch.randn(classes, dim, generator=drawn).repeat_interleave(images, 0)
    labels = np.repeat(np.arange(classes), images)
    rows = center + 0.2 * torch.randn(len(labels), dim, generator=drawn)
    return SplitFeatures(rows.numpy(), labels, labels % 3)


def test_no_class_is_in_two_splits():
    with pytest.raises(ValueError, match="split: expected no class in two splits, got 1, among them 4"):
        SplitFeatures(np.eye(3), np.array([4, 4, 5]), np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="split: no row of split 1"):
        SplitFeatures(np.eye(3), np.array([4, 4, 5]), np.array([0, 0, 2])).part(1)


def test_tests_of_faces_by_eye():
    labels = np.repeat([0, 1, 2, 3], [30, 6, 5, 2])
    tests = face_tests((np.arange(len(labels))[:, None] + np.ones((len(labels), 2)), labels), seed=3)
    sizes = {name: np.sort(np.bincount(y)).tolist() for name, (_, y) in tests.items()}
    assert sizes["faces"] == [2, 5, 6, 30]
    assert sizes["faces, at most 20 a person"] == [2, 5, 6, 20]
    assert sizes["faces, five and more"] == [5, 6, 30]
    half = sizes["faces, half with one"]
    assert half[0] == 1  # one of three people
    assert set(half[1:]) < {5, 6, 30}


def test_a_file_of_features(tmp_path):
    data = people()
    np.savez(tmp_path / "a.npz", features=data.features.astype(np.float16), labels=data.labels, split=data.splits)
    read = read_split_features(tmp_path / "a.npz")
    assert (read.splits == data.splits).all()
    assert np.allclose(read.features, data.features, atol=0.01)
    np.savez(tmp_path / "b.npz", features=data.features, labels=data.labels)
    with pytest.raises(ValueError, match=r"b\.npz.*split is missing"):
        read_split_features(tmp_path / "b.npz")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def table(store):
    tasks = {"faces": Task.faces(people())}
    table = run_faces_species(store, tasks, arms=("cut",), seeds=(0,), trial=True)
    told = []
    again = run_faces_species(store, tasks, arms=("cut",), seeds=(0,), trial=True, say=told.append)
    assert not told  # all of it was in the store
    pd.testing.assert_frame_equal(table, again)
    return table


def test_every_test(table):
    assert set(table["family"]) == {LEARNED, UNLEARNED}
    assert {"learned cut", "general model"} == set(table.loc[table["family"] == LEARNED, "method"])
    cut = table[table["method"] == "learned cut"]
    assert len(cut) == 4  # one seed, four tests


@pytest.mark.slow
def test_every_arm(table, store):
    every = run_faces_species(store, {"faces": Task.faces(people())}, seeds=(0,), trial=True)
    assert set(every["family"]) == {LEARNED, BEFORE, UNLEARNED}
    trained = set(every.loc[every["family"] == LEARNED, "method"])
    assert {"learned cut", "Hi-LANDER, published recipe", "LANDER, default recipe", "general model"} < trained


@pytest.mark.slow
def test_what_a_seed_changes(table, store):
    told = []
    tasks = {"faces": Task.faces(people())}
    every = run_faces_species(store, tasks, arms=(), seeds=(0, 1), trial=True, say=told.append)
    assert told == ["faces: untrained, seed 1"]
    drawn = every[(every["method"] == "FINCH") & (every["test"] == "faces, half with one")]
    assert drawn["seed"].tolist() == [0, 1]
    # What no seed changes is measured once: the baselines on the whole test.
    fixed = every[(every["method"] == "FINCH") & (every["test"] == "faces")]
    assert fixed["seed"].tolist() == [0]


def test_means_and_gains(table):
    shown = means(table)
    assert (shown["n"] > 0).all()
    assert shown[["pairwise_f", "bcubed_f", "item_f"]].le(1).all().all()
    runs = pd.DataFrame(
        {
            "test": "t",
            "method": ["a", "b", "c"],
            "family": [LEARNED, BEFORE, UNLEARNED],
            "oracle": False,
            "error": "",
            "seed": 0,
            "pairwise_f": [0.9, 0.6, 0.75],
            "bcubed_f": [0.8, 0.8, 0.4],
            "item_f": [0.8, 0.8, 0.8],
        }
    )
    gain = gains(runs).set_index(["family", "test"])
    assert gain.loc[(BEFORE, "t"), "pairwise_f"] == pytest.approx(0.5)
    assert gain.loc[(UNLEARNED, "all tests"), "bcubed_f"] == pytest.approx(1.0)


def test_command(tmp_path):
    from typer.testing import CliRunner

    data = people()
    np.savez(tmp_path / "a.npz", features=data.features, labels=data.labels, split=data.splits)
    options = ["--task", "faces", "--faces", tmp_path / "a.npz", "--store", tmp_path / "s", "-o", tmp_path / "t.csv"]
    call = ["experiments", "faces-species", *options, "--arm", "cut", "--seeds", "1", "--trial"]
    done = CliRunner().invoke(app, [str(word) for word in call])
    assert done.exit_code == 0, done.output
    assert "learned cut" in done.output
    assert {"test", "seed", "pairwise_f"} < set(pd.read_csv(tmp_path / "t.csv").columns)
