"""The review explorer without a browser: what is done on the board reaches the model and the file."""

import json

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.views.explore import explore_review
from workbench.views.explore.review import ITEMS, PAGE


@pytest.fixture
def model():
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(10), 12)
    return wb.HiLander(k=8).fit(random.normal(size=(10, 24))[y] + 0.7 * random.normal(size=(120, 24)))


def board(explorer):
    return explorer._board


def test_keys_answer_and_undo(model):
    explorer = explore_review(model, texts=["<b>bad & ugly</b>"] * 120)
    first = explorer.review.question
    before = model.labels_.copy()
    board(explorer).act = {"kind": "yes", "count": 1}
    assert model.labels_[first[0]] == model.labels_[first[1]]
    assert explorer.review.question != first
    board(explorer).act = {"kind": "undo", "count": 2}
    assert (model.labels_ == before).all()
    assert explorer.review.question == first
    board(explorer).act = {"kind": "no", "count": 3}
    assert model.labels_[first[0]] != model.labels_[first[1]]
    second = explorer.review.question
    board(explorer).act = {"kind": "pass", "count": 4}
    assert explorer.review.question != second
    assert not explorer.errors
    assert "<b>bad" not in board(explorer).question


def test_rows_are_moved_split_merged_confirmed_and_named(model, tmp_path):
    file = tmp_path / "mine.json"
    explorer = explore_review(model, path=file)
    rows = np.flatnonzero(model.labels_ == 0)
    other = np.flatnonzero(model.labels_ == 1)
    explorer.selection = rows[:2].tolist()
    explorer.do({"kind": "move", "cluster": 1})
    assert (model.labels_[rows[:2]] == model.labels_[other[0]]).all()
    assert explorer.selection == []
    explorer.do({"kind": "undo"})

    explorer.selection = rows[:2].tolist()
    explorer.do({"kind": "split", "cluster": 0})
    assert set(np.flatnonzero(model.labels_ == model.labels_[rows[0]])) == set(rows[:2])
    explorer.do({"kind": "undo"})

    explorer.selection = [int(other[0])]
    explorer.do({"kind": "merge", "cluster": 0})
    assert model.labels_[rows[0]] == model.labels_[other[0]]

    mine = int(model.labels_[rows[0]])
    explorer.do({"kind": "name", "cluster": mine, "name": "cups"})
    explorer.do({"kind": "confirm", "cluster": mine})
    assert explorer.review.order()[-1] == mine
    assert "1 confirmed" in explorer.review.counts()
    assert [step["action"] for step in json.loads(file.read_text())["steps"]] == ["merge", "name", "confirm"]
    assert not explorer.errors

    random = np.random.default_rng(0)
    y = np.repeat(np.arange(10), 12)
    fresh = wb.HiLander(k=8).fit(random.normal(size=(10, 24))[y] + 0.7 * random.normal(size=(120, 24)))
    again = explore_review(fresh, path=file)
    assert (again.review.model.labels_ == model.labels_).all()
    assert again.review.table()["name"].eq("cups").sum() == (model.labels_ == mine).sum()


def test_export(model, tmp_path):
    explorer = explore_review(model, ids=[f"photo {i}" for i in range(120)])
    explorer.review.export(tmp_path / "out.csv", [f"photo {i}" for i in range(120)])
    table = pd.read_csv(tmp_path / "out.csv")
    assert table["id"][3] == "photo 3"
    assert (table["cluster"] == model.labels_).all()
    explorer._export.value = str(tmp_path / "out.parquet")
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 120
    explorer._export.value = str(tmp_path / "out.xls")
    assert "expected a .csv or a .parquet" in explorer.errors[-1]


def test_what_cannot_be_is_shown_and_changes_nothing(model):
    explorer = explore_review(model)
    before = model.labels_
    board(explorer).act = {"kind": "move", "cluster": 0, "count": 1}
    assert "at least one row" in explorer.errors[-1]
    assert model.labels_ is before
    with pytest.raises(ValueError, match="texts: expected 120"):
        explore_review(model, texts=["one"])


def test_images_and_pages(model):
    images = np.zeros((120, 8, 8), np.uint8)
    explorer = explore_review(model, images)
    assert "<img" in board(explorer).question
    shown = board(explorer).clusters
    assert len(shown) <= PAGE
    assert all(len(cluster["items"]) <= ITEMS for cluster in shown)
    assert explorer.static().data[0].y.sum() == 120
