"""The review explorer without a browser: what is done on the board reaches the model and the file."""

import json

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.cluster import Correction
from workbench.views.explore import explore_review
from workbench.views.explore.review import PAGE

Y = np.repeat(np.arange(10), 12)


def fitted():
    random = np.random.default_rng(0)
    return wb.HiLander(k=8).fit(random.normal(size=(10, 24))[Y] + 0.7 * random.normal(size=(120, 24)))


@pytest.fixture
def model():
    return fitted()


def send(explorer, kind, **more):
    """As the browser does."""
    explorer._board._handle_custom_msg({"kind": kind, **more}, [])


def shown(explorer):
    return explorer._board.shown


def seen(explorer, *rows):
    """Rows as the browser gets them when it wants them."""
    sent = []
    explorer._board.send = sent.append
    send(explorer, "want", rows=[int(row) for row in rows])
    ((message,),) = [sent]
    assert list(message["items"]) == list(rows)
    return "".join(message["items"].values())


def test_keys_answer_and_undo(model):
    explorer = explore_review(model, texts=["<b>bad & ugly</b>"] * 120)
    first = explorer.review.question
    before = model.labels_.copy()
    send(explorer, "yes")
    assert model.labels_[first[0]] == model.labels_[first[1]]
    assert explorer.review.question != first
    send(explorer, "undo")
    assert (model.labels_ == before).all()
    assert explorer.review.question == first
    send(explorer, "no")
    assert model.labels_[first[0]] != model.labels_[first[1]]
    second = explorer.review.question
    send(explorer, "pass")
    assert explorer.review.question != second
    send(explorer, "undo")
    assert explorer.review.question == second
    assert model.labels_[first[0]] != model.labels_[first[1]]
    assert not explorer.errors
    assert "<b>bad" not in seen(explorer, *shown(explorer)["pair"])


def test_each_row_is_sent_once_and_ahead_of_its_place(model):
    explorer = explore_review(model, np.zeros((120, 8, 8), np.uint8))
    sent = []
    explorer._board.send = lambda message: sent.append((list(message["items"]), explorer.review.question))
    explorer._board.observe(lambda change: sent.append((None, change.new)), "shown")
    send(explorer, "yes")
    assert [rows for rows, _ in sent] == [None]  # no page has asked yet: none is sent to nobody

    def told():
        now = shown(explorer)
        return {*now["pair"], *(row for cluster in now["clusters"] for row in cluster["items"])}

    send(explorer, "want", rows=sorted(told()))
    for kind in ("no", "yes", "pass", "undo"):
        before = {row for rows, _ in sent for row in rows or []}
        sent.clear()
        send(explorer, kind)
        *ahead, (none, _) = sent
        assert none is None
        fresh = [row for rows, _ in ahead for row in rows]
        assert set(fresh) == told() - before
        assert len(set(fresh)) == len(fresh)
        sent.append((sorted(before), None))
    assert not explorer.errors


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

    third = np.flatnonzero(model.labels_ == 2)
    explorer.selection = [int(other[0]), int(third[0])]
    explorer.do({"kind": "merge", "cluster": 0})
    assert len(np.unique(model.labels_[[rows[0], other[0], third[0]]])) == 1

    mine = int(model.labels_[rows[0]])
    explorer.do({"kind": "name", "cluster": mine, "name": "cups"})
    explorer.do({"kind": "confirm", "cluster": mine})
    assert explorer.review.order()[-1] == mine
    assert "1 confirmed" in explorer.review.counts()
    assert [step["action"] for step in json.loads(file.read_text())["steps"]] == ["merge", "name", "confirm"]
    assert not explorer.errors

    again = explore_review(fitted(), path=file)
    assert (again.review.model.labels_ == model.labels_).all()
    assert again.review.table()["name"].eq("cups").sum() == (model.labels_ == mine).sum()


def test_what_contradicts_is_refused_and_the_earlier_answer_can_be_taken_back(model):
    explorer = explore_review(model, np.zeros((120, 8, 8), np.uint8))
    one, two = (np.flatnonzero(model.labels_ == cluster) for cluster in (0, 1))
    model.name(0, "cups").answer(int(one[0]), int(two[0]), same=False)
    before = model.labels_
    explorer.selection = [int(two[0])]
    send(explorer, "merge", cluster=0)
    (earlier,) = shown(explorer)["against"]
    assert earlier == {"step": 1, "said": "different", "items": [one[0], two[0]]}
    assert explorer.selection == [two[0]]  # to be tried again
    assert model.labels_ is before
    send(explorer, "undo", step=1)
    assert shown(explorer)["against"] == []
    explorer.selection = [int(two[0])]
    send(explorer, "merge", cluster=int(model.labels_[one[0]]))
    assert model.labels_[one[0]] == model.labels_[two[0]]

    send(explorer, "confirm", cluster=2)
    assert [c["cluster"] for c in shown(explorer)["clusters"] if c["confirmed"]] in ([2], [])
    explorer.selection = np.flatnonzero(model.labels_ == 2)[:1].tolist()
    send(explorer, "move", cluster=3)
    assert [earlier["said"] for earlier in shown(explorer)["against"]] == ["confirm"]
    send(explorer, "reopen", cluster=2)
    assert not model.confirmed_
    assert [step.action for step in model.corrections_.steps] == ["name", "merge"]
    assert not explorer.errors


def test_a_lasso_on_the_map_selects_what_is_labelled(model):
    random = np.random.default_rng(0)
    explorer = explore_review(model, xy=random.normal(size=(120, 2)))
    for call in explorer._map.figure.data[0]._select_callbacks:
        call(explorer._map.figure.data[0], type("Points", (), {"point_inds": [3, 4, 50]}), None)
    assert explorer.selection == [3, 4, 50]
    before = model.labels_.copy()
    send(explorer, "label", name="mine ")
    cluster = model.labels_[3]
    assert set(np.flatnonzero(model.labels_ == cluster)) == {3, 4, 50}
    assert model.names_ == {cluster: "mine"}
    explorer.selection = [4, 5]
    send(explorer, "label", name="mine")
    assert set(np.flatnonzero(model.labels_ == model.labels_[3])) == {3, 4, 5, 50}
    assert list(model.names_.values()) == ["mine"]
    send(explorer, "undo")
    send(explorer, "undo")
    assert (model.labels_ == before).all()
    assert model.names_ == {}
    assert not explorer.errors


def test_the_map_is_coloured_when_a_page_has_drawn_its_board(model):
    explorer = explore_review(model, xy=np.random.default_rng(0).normal(size=(120, 2)))
    found = explorer._map.figure.data[0].marker
    before = found.color.copy()
    send(explorer, "want", rows=[0])
    a, b = (int(np.flatnonzero(model.labels_ == cluster)[0]) for cluster in (0, 1))
    explorer.review.question = (a, b)
    send(explorer, "yes")
    assert (found.color == before).all()
    send(explorer, "drawn")
    assert (found.color != before).any()
    assert shown(explorer)["map"]
    assert not explorer.errors


def test_an_outline_is_taken_away_with_what_it_selected_only(model, monkeypatch):
    """The browser answers that nothing is selected: after an answer that would undo a lasso drawn meanwhile."""
    explorer = explore_review(model, xy=np.random.default_rng(0).normal(size=(120, 2)))
    cleared = []
    monkeypatch.setattr(explorer._map, "clear_lasso", lambda: cleared.append(1))
    send(explorer, "want", rows=[0])
    send(explorer, "no")
    send(explorer, "drawn")
    assert not cleared
    explorer.selection = [3, 4]
    assert not cleared
    send(explorer, "label", name="mine")
    assert cleared == [1]
    assert not explorer.errors


def test_export_of_a_table(model, tmp_path):
    explorer = explore_review(model, ids=["=photo", *(f"photo {i}" for i in range(1, 120))])
    explorer.review.export(tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv")
    assert table["id"][3] == "photo 3"
    assert table["id"][0] == "'=photo"  # no formula in a spreadsheet
    assert (table["cluster"] == model.labels_).all()
    explorer.review.export(tmp_path / "out.parquet")
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 120
    for path in (tmp_path / "out.xls", ""):
        with pytest.raises(ValueError, match=r"expected a \.csv or a \.parquet file, got"):
            explorer.review.export(path)


def test_export_of_links(model, tmp_path):
    files = [tmp_path / f"{row}.txt" for row in range(120)]
    for file in files:
        file.write_text(file.name)
    explorer = explore_review(model, files=files)
    assert explorer.review.table()["file"].tolist() == list(map(str, files))
    explorer.do({"kind": "name", "cluster": 1, "name": "../cups & co"})
    explorer.review.export(tmp_path / "sorted")
    folders = sorted(folder.name for folder in (tmp_path / "sorted").iterdir())
    assert len(folders) == model.n_clusters_
    assert any(folder.endswith("1-_cups _ co") for folder in folders)
    for folder in folders:
        rows = np.flatnonzero(model.labels_ == int(folder.split("-")[0]))
        linked = [link.read_text() for link in (tmp_path / "sorted" / folder).iterdir()]
        assert sorted(linked) == sorted(f"{row}.txt" for row in rows)
    with pytest.raises(FileExistsError, match="expected a new or an empty folder"):
        explorer.review.export(tmp_path / "sorted")


@pytest.mark.parametrize(
    ("kind", "words"),
    [("move", "at least one row"), ("merge", "select some first"), ("undo", "nothing"), ("label", "at least one row")],
)
def test_what_cannot_be_is_shown_and_changes_nothing(model, kind, words):
    explorer = explore_review(model)
    before = model.labels_
    send(explorer, kind, cluster=0, name="x")
    assert words in explorer.errors[-1]
    assert model.labels_ is before
    send(explorer, "pass")
    assert "alert" not in explorer._failed.value  # what is done well takes the note away
    assert len(explorer.errors) == 1


@pytest.mark.parametrize("from_file", [False, True])
def test_what_another_window_saved_is_not_overwritten(model, tmp_path, from_file):
    path = tmp_path / "mine.json"
    if from_file:
        explore_review(fitted(), path=path).do({"kind": "name", "cluster": 3, "name": "first"})
    one, other = explore_review(model, path=path), explore_review(fitted(), path=path)
    one.do({"kind": "name", "cluster": 0, "name": "here"})
    saved = path.read_bytes()
    for kind in ("name", "undo", "confirm", "split"):
        send(other, kind, cluster=1, name="there")
    assert path.read_bytes() == saved
    assert len(other.review.model.corrections_) == from_file
    assert len(other.errors) == 4
    assert all("mine.json was changed elsewhere" in error for error in other.errors)
    again = explore_review(other.review.model, path=path)
    again.do({"kind": "name", "cluster": 1, "name": "there"})
    assert {*again.review.model.names_.values()} >= {"here", "there"}
    path.unlink()  # whoever takes the file away has nothing to lose
    again.do({"kind": "undo"})
    assert path.exists()


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ({"kind": "zap"}, "kind: expected one of 'yes', 'no', .*, got 'zap'"),
        ({}, "kind: expected one of .*, got None"),
        ({"kind": "undo", "step": 999}, "undo: nothing has been corrected"),
        ({"kind": "name", "cluster": 1}, "name: expected a text"),
    ],
)
def test_acts_that_cannot_be(model, act, words):
    with pytest.raises((ValueError, TypeError), match=words):
        explore_review(model).do(act)


def test_what_does_not_fit_is_refused(model):
    for given in ("texts", "ids", "files"):
        with pytest.raises(ValueError, match=f"{given}: expected 120"):
            explore_review(model, **{given: ["one"]})
    with pytest.raises(ValueError, match=r"ids: .* got 'a' for rows 0 and 1"):
        explore_review(model, ids=["a"] * 120)
    with pytest.raises(ValueError, match="texts: expected 120, one per row, got one string"):
        explore_review(model, texts="a" * 120)
    with pytest.raises(ValueError, match="xy: expected shape"):
        explore_review(model, xy=[[0, 1]])
    with pytest.raises(ValueError, match="images or texts, got both"):
        explore_review(model, np.zeros((120, 8, 8), np.uint8), texts=["a"] * 120)


def test_a_file_that_calls_rows_by_names_is_taken_over_and_one_with_other_rows_is_named(model, tmp_path):
    ids = [f"photo {i}" for i in range(120)]
    done = model.corrections_ + Correction("name", ((7,),), name="cups")
    done.save(tmp_path / "mine.json", ids)
    assert list(explore_review(fitted(), ids=ids, path=tmp_path / "mine.json").review.model.names_.values()) == ["cups"]
    (model.corrections_ + Correction("name", ((999,),), name="cups")).save(tmp_path / "mine.json")
    with pytest.raises(ValueError, match=r"mine\.json: corrections: expected rows 0 to 119, got row 999"):
        explore_review(fitted(), path=tmp_path / "mine.json")


def test_missing_texts_are_empty(model):
    texts = pd.Series([None, float("nan"), *["red cup"] * 118], index=range(120, 0, -1))
    explorer = explore_review(model, texts=texts)
    assert [explorer._item(row) for row in range(2)] == ["<span class='text' title=''></span>"] * 2
    assert "red cup" in explorer._item(2)


def test_images_tables_and_pages(model):
    explorer = explore_review(model, np.zeros((120, 8, 8), np.uint8))
    assert seen(explorer, *shown(explorer)["pair"]).count("<img") == 2
    assert len(shown(explorer)["clusters"]) <= PAGE
    assert all(len(cluster["items"]) <= 24 for cluster in shown(explorer)["clusters"])
    assert explorer.static().data[0].y.sum() == 120
    explorer.page = 1
    assert {c["cluster"] for c in shown(explorer)["clusters"]} <= set(explorer.review.order()[PAGE:].tolist())

    table = pd.DataFrame({"class": Y, "name": ["<i>"] * 120})
    explorer = explore_review(model, texts=table)
    row = shown(explorer)["clusters"][0]["items"][0]
    assert f"class: {Y[row]} · name: &lt;i&gt;" in seen(explorer, row)
