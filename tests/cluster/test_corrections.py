"""What a person puts right: done, undone, saved, merged with another's; never half, never silently."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

import workbench as wb
from workbench.cluster import Contradiction, Correction, Corrections


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(10), 15)
    return (random.normal(size=(10, 24))[y] + 0.7 * random.normal(size=(150, 24))).astype(np.float32)


@pytest.fixture
def model(rows):
    return wb.HiLander(k=8).fit(rows)


def members(model, cluster):
    return np.flatnonzero(model.labels_ == cluster)


def test_merge(model):
    one, two = members(model, 0), members(model, 1)
    n = model.n_clusters_
    model.merge(0, 1)
    assert set(members(model, model.labels_[one[0]])) == {*one, *two}
    assert model.n_clusters_ == n - 1
    assert model.changes_["asked"].all()


def test_split_where_linkage_is_weakest_and_on(model):
    whole = members(model, 0)
    model.split(0)
    parts = np.unique(model.labels_[whole])
    assert len(parts) == 2
    larger = max(parts, key=lambda part: len(members(model, part)))
    model.split(larger)
    assert len(np.unique(model.labels_[whole])) == 3


def test_split_off_rows(model):
    whole = members(model, 0)
    model.split(0, whole[:3])
    assert set(members(model, model.labels_[whole[0]])) == set(whole[:3])
    assert set(members(model, model.labels_[whole[-1]])) == set(whole[3:])


def test_move_moves_exactly_these_rows(model):
    one, two = members(model, 0), members(model, 1)
    model.move(one[:4], 1)
    assert set(members(model, model.labels_[two[0]])) == {*one[:4], *two}
    assert set(members(model, model.labels_[one[-1]])) == set(one[4:])


def test_a_row_that_is_split_off_goes_into_no_other_cluster():
    """It went from one to the next, each time it was kept apart from one."""
    x = np.random.default_rng(0).normal(size=(16, 6)).astype(np.float32)
    model = wb.HiLander().fit(x)

    def split(row, rows):
        cluster = int(model.labels_[row])
        model.split(cluster, [other for other in rows if model.labels_[other] == cluster])

    split(1, [7, 3, 15, 8, 1, 12])
    model.merge(int(model.labels_[1]), int(model.labels_[6]))
    split(1, [12, 6, 7, 15, 3, 13])
    model.label([13, 12], "b").label([11, 2], "a")
    split(6, [15, 13, 3, 6, 2, 0])
    split(8, [3, 6, 15, 8, 5, 13])
    before = model.labels_.copy()
    split(11, [11])
    assert members(model, model.labels_[11]).tolist() == [11]
    others = np.arange(16) != 11
    assert len(np.unique(np.stack([before, model.labels_])[:, others], axis=1).T) == len(np.unique(before))


@settings(max_examples=4)
@given(st.integers(0, 2**16))
def test_arrangements_change_what_they_say_and_nothing_else(seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(20, 6)).astype(np.float32)
    x = np.concatenate([x, x[:4]])
    model = wb.HiLander(metric="cosine").fit(x)
    for _ in range(25):
        before = model.labels_.copy()
        one, other = random.permutation(max(2, model.n_clusters_))[:2].tolist()
        one, other = (one, other) if one < model.n_clusters_ else (other, one)
        rows = random.choice(np.flatnonzero(before == one), 1).tolist()
        rows += [row for row in range(24) if row not in rows and np.array_equal(x[row], x[rows[0]])]
        wanted = before.copy()
        action = random.choice(["merge", "move", "split"])
        if (action == "split" and len(rows) < (before == one).sum()) or model.n_clusters_ == 1:
            model.split(one, rows)
            wanted[rows] = 99
        elif action == "merge" and model.n_clusters_ > 3:
            model.merge(one, other)
            wanted[before == one] = other
        else:
            model.move(rows, other)
            wanted[rows] = other
        found = model.labels_
        assert len(np.unique(np.stack([wanted, found]), axis=1).T) == len(np.unique(wanted)) == len(np.unique(found))


def test_names_that_meet_when_rows_come_are_told():
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 8)) + 4 * np.eye(8)[np.arange(60) % 4]
    model = wb.HiLander(metric="cosine").fit(x[:40])
    one, other = 0, int(np.flatnonzero(model.labels_ != model.labels_[0])[0])
    model.name(int(model.labels_[one]), "Anna").name(int(model.labels_[other]), "Bert")
    first, second = model.corrections_.names
    with pytest.warns(UserWarning, match=rf"are one now, .*'Anna' \(row {first}\), 'Bert' \(row {second}\)"):
        model.partial_fit(x[40:], must_link=[(one, other)])
    assert list(model.names_.values()) == ["Bert"]
    changed = model.changes_[model.changes_["asked"]]
    assert {int(model.labels_[one])} == set(changed["now"])


def test_nobody_asked_for_what_later_rows_change(rows):
    model = wb.HiLander(k=8).fit(rows[::2]).merge(0, 1)
    assert model.changes_["asked"].any()
    assert not model.partial_fit(rows[1::2]).changes_["asked"].any()


@pytest.mark.parametrize("action", ["move", "label", "split"])
def test_equal_rows_go_along(rows, action):
    model = wb.HiLander(k=8).fit(np.concatenate([rows, rows[:1]]))
    whole = members(model, model.labels_[0])
    other = int(model.labels_[model.labels_ != model.labels_[0]][0])
    target = members(model, other)
    acts = {"move": ([0], other), "label": ([0], "mine"), "split": (int(model.labels_[0]), [0])}
    getattr(model, action)(*acts[action])
    joined = {0, 150, *(target if action == "move" else ())}
    assert set(members(model, model.labels_[0])) == joined
    assert set(members(model, model.labels_[whole[1]])) == set(whole) - {0, 150}


def test_forecasts_are_of_clusters_that_nobody_changed(model):
    whole = model.expected_
    table = model.clusters_.set_index("cluster")
    size, precision = table.loc[table.index >= 2, ["size", "precision"]].T.to_numpy()
    model.confirm(0)
    assert model.expected_ == whole  # nothing changed
    model.merge(0, 1)
    assert model.expected_["precision"] == pytest.approx(np.average(precision, weights=size))
    assert (model.clusters_[["precision", "recall"]].isna().sum() == 1).all()
    model.merge(*range(model.n_clusters_))
    assert model.expected_ == {}
    assert model.undo().undo().expected_ == whole


def test_move_of_a_whole_cluster(model):
    one, two = members(model, 0), members(model, 1)
    model.move(one, 1)
    assert set(members(model, model.labels_[two[0]])) == {*one, *two}


def test_what_is_confirmed_stays_and_later_changes_are_told(model, rows):
    one = members(model, 0)
    model.confirm(0)
    assert model.confirmed_ == {0}
    random = np.random.default_rng(1)
    model.partial_fit(rows[::2] + 0.5 * random.normal(size=(75, 24)).astype(np.float32))
    assert len(np.unique(model.labels_[one])) == 1
    assert len(model.corrections_) == 1
    assert set(model.changes_.columns) == {"before", "now", "rows", "asked"}
    with pytest.raises(ValueError, match="apart, but must_link ties them"):
        model.answer(int(one[0]), int(one[1]), same=False)


def test_names_stay_with_their_clusters(model):
    model.name(2, "  tea cups ")
    row = members(model, 2)[0]
    model.merge(0, 1)
    assert model.names_ == {int(model.labels_[row]): "tea cups"}
    model.name(int(model.labels_[row]), "cups")
    assert list(model.names_.values())[-1] == "cups"


@settings(max_examples=4)
@given(seed=st.integers(0, 10_000))
def test_undo_restores_the_very_labels(rows, seed):
    random = np.random.default_rng(seed)
    model = wb.HiLander(k=8).fit(rows)
    before = [model.labels_]
    for _ in range(6):
        a, b = random.choice(model.n_clusters_, 2, replace=False).tolist()
        step = random.integers(5)
        try:
            if step == 0:
                model.merge(a, b)
            elif step == 1:
                model.split(a)
            elif step == 2:
                model.move(members(model, a)[:2], b)
            elif step == 3:
                model.confirm(a)
            else:
                i, j = random.choice(150, 2, replace=False).tolist()
                model.answer(i, j, same=bool(random.integers(2)))
        except ValueError:
            assert model.labels_ is before[-1]  # refused whole
        else:
            before.append(model.labels_)
    while len(model.corrections_):
        before.pop()
        assert (model.undo().labels_ == before[-1]).all()
    with pytest.raises(ValueError, match="nothing has been corrected"):
        model.undo()


def test_saved_and_taken_over(model, rows, tmp_path):
    model.merge(0, 1).split(2).confirm(3).name(3, "Ürün 3")
    model.corrections_.save(tmp_path / "mine.json")
    again = wb.HiLander(k=8).fit(rows).correct(Corrections.load(tmp_path / "mine.json"))
    assert (again.labels_ == model.labels_).all()
    assert again.names_ == model.names_
    with pytest.raises(ValueError, match="made on other data"):
        wb.HiLander(k=8).fit(rows[::-1]).correct(Corrections.load(tmp_path / "mine.json"))


def test_saved_by_ids(model, rows, tmp_path):
    ids = np.array([f"photo {i}" for i in range(150)])
    model.merge(0, 1)
    model.corrections_.save(tmp_path / "ids.json", ids)
    assert "photo " in (tmp_path / "ids.json").read_text()
    assert Corrections.load(tmp_path / "ids.json", ids).steps == model.corrections_.steps
    with pytest.raises(
        ValueError, match=r"ids.json: calls rows by names; pass ids.*for the command line save it by row"
    ):
        Corrections.load(tmp_path / "ids.json")
    with pytest.raises(ValueError, match="not among the ids"):
        Corrections.load(tmp_path / "ids.json", ids[:2])


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (["cat", "dog", "cat"], "got 'cat' for rows 0 and 2"),
        ([7, 8, 8], "got 8 for rows 1 and 2"),
        (["cat", None, "dog"], "got None for row 1"),
        (["cat", "dog", float("nan")], "got nan for row 2"),
        (pd.Series(["cat", pd.NA, "dog"]), "for row 1; name it"),
        ([0.5, 1.5, 2.5], r"got 0.5 \(float\) for row 0"),
        ("cat", "a list of names, one per row, got str"),
        ({"cat", "dog", "newt"}, "a list of names, one per row, got set"),
        (3, "a list of names, one per row, got int"),
    ],
)
def test_ids_that_do_not_tell_rows_apart_are_refused(ids, words, tmp_path):
    done = Corrections(3, "0f", (Correction("answer", apart=((0, 1),)),))
    with pytest.raises(ValueError, match=rf"^ids: .*{words}"):
        done.save(tmp_path / "x.json", ids)
    assert not (tmp_path / "x.json").exists()
    done.save(tmp_path / "x.json", ["cat", "dog", "newt"])
    with pytest.raises(ValueError, match=rf"^ids: .*{words}"):
        Corrections.load(tmp_path / "x.json", ids)


def test_ids_of_a_shuffled_table_go_by_position(tmp_path):
    done = Corrections(3, "0f", (Correction("answer", apart=((0, 1),)),))
    ids = pd.Series(["cat", "dog", "newt"], index=[2, 1, 0])
    done.save(tmp_path / "x.json", ids)
    assert json.loads((tmp_path / "x.json").read_text())["steps"][0]["apart"] == [["cat", "dog"]]
    assert Corrections.load(tmp_path / "x.json", ids) == done


def test_ids_are_wanted_of_rows_that_came_later_too(tmp_path):
    done = Corrections(3, "0f", (Correction("answer", apart=((0, 4),)),))
    with pytest.raises(ValueError, match="ids: expected 5, one per row, got 3"):
        done.save(tmp_path / "x.json", ["a", "b", "c"])


@pytest.mark.parametrize(
    "step",
    [
        *(
            Correction("answer", ((0, 999),)),
            Correction("name", ((999,),), name="cups"),
            Correction("confirm", ((999,),)),
        ),
        *(Correction("split", ((0,),), ((0, 999),)), Correction("merge", ((0, 1),), released=(999,))),
    ],
)
def test_rows_that_are_not_there_are_refused(model, step):
    before = model.labels_
    words = rf"corrections: expected rows 0 to 149, got row 999 in step 0 \({step.action}\)"
    with pytest.raises(ValueError, match=words):
        model.correct(model.corrections_ + step)
    assert model.labels_ is before


@pytest.mark.parametrize(
    ("said", "act", "words"),
    [
        (
            {"cannot_link": [(0, 20)]},
            lambda m: m.answer(0, 20, same=True),
            r"rows 0 and 20 are apart, but it ties them",
        ),
        ({"must_link": [(0, 20)]}, lambda m: m.answer(0, 20, same=False), r"apart, but must_link ties them: \(0, 20\)"),
        (
            {"partial_labels": np.r_[0, [-1] * 19, 1, [-1] * 129]},
            lambda m: m.label([0, 20], "q"),
            "classes 0 and 1: .* it",
        ),
    ],
)
def test_a_step_against_what_fit_was_told_says_so(rows, said, act, words):
    model = wb.HiLander(k=8).fit(rows, **said)
    before = model.labels_
    with pytest.raises(
        Contradiction, match=f"^this step contradicts what fit was told: .*{words}.*; fit again without"
    ):
        act(model)
    assert model.labels_ is before


def test_what_is_no_corrections_is_refused(model):
    for what in (None, "mine.json"):
        with pytest.raises(TypeError, match=r"corrections: expected Corrections, got .*Corrections.load\(path\)"):
            model.correct(what)
        with pytest.raises(TypeError, match="other: expected Corrections, got"):
            model.corrections_.merged(what)


def test_before_fit():
    for name in ("names_", "confirmed_"):
        with pytest.raises(NotFittedError):
            getattr(wb.HiLander(), name)


def test_of_two_people(rows):
    one = wb.HiLander(k=8).fit(rows).answer(0, 20, same=True).answer(3, 90, same=False)
    two = wb.HiLander(k=8).fit(rows).answer(0, 20, same=False).answer(3, 90, same=False).answer(5, 140, same=True)
    both, conflicts = one.corrections_.merged(two.corrections_)
    assert [step.together for step in both.steps] == [((0, 20),), (), ((5, 140),)]
    assert conflicts["step"].tolist() == [0]
    assert "rows 0 and 20" in conflicts["why"][0]
    with pytest.raises(ValueError, match="of the same data"):
        one.corrections_.merged(Corrections(3, "0f"))


def test_rows_are_moved_one_after_the_other_and_back(model):
    home, there = members(model, 0), members(model, 1)
    for row in home[:3]:  # each was left behind by the one before, which does not hold it
        model.move([row], int(model.labels_[there[0]]))
        assert model.labels_[row] == model.labels_[there[0]]
    model.move(home[:1], int(model.labels_[home[-1]]))
    assert model.labels_[home[0]] == model.labels_[home[-1]]
    assert set(members(model, model.labels_[there[0]])) == {*there, *home[1:3]}
    for _ in range(4):
        model.undo()
    assert set(members(model, 0)) == set(home)


def partition(model):
    return {frozenset(members(model, cluster).tolist()) for cluster in range(model.n_clusters_)}


def test_a_merge_ends_what_a_move_or_split_kept_apart(model):
    before = partition(model)
    one, two = members(model, 0), members(model, 1)
    model.move(one[:4], 1)
    model.merge(*np.unique(model.labels_[[one[0], one[-1]]]))
    assert partition(model) == before - {frozenset(one), frozenset(two)} | {frozenset([*one, *two])}
    model.undo(0)  # the move alone: the merge goes on to hold
    assert len(np.unique(model.labels_[[*one, *two]])) == 1
    for rows in (None, one[:2]):
        model.undo()
        model.split(0, rows)
        parts = np.unique(model.labels_[one])
        assert len(parts) == 2
        model.merge(*parts).undo(0)
        assert partition(model) == before | {frozenset(one)}


def test_a_move_takes_out_what_a_merge_had_put_in_and_the_rest_stays_one(model):
    one, two, three = members(model, 0), members(model, 1), members(model, 2)
    stands = int(model.hierarchy_.levels[-1].peaks[0])
    model.merge(0, 1)
    model.move([stands], int(model.labels_[three[0]]))
    assert set(members(model, model.labels_[two[0]])) == {*one, *two} - {stands}
    assert set(members(model, model.labels_[three[0]])) == {*three, stands}
    stays = int(model.hierarchy_.levels[-1].peaks[model.labels_[three[0]]])
    model.split(int(model.labels_[three[0]]), [stays])  # where the row was moved to: it stays with the others
    assert len(np.unique(model.labels_[[row for row in (*three, stands) if row != stays]])) == 1


def test_a_split_parts_what_a_merge_had_put_together(model):
    before = partition(model)
    rows = [members(model, cluster)[0] for cluster in range(3)]
    model.merge(0, 1).merge(*np.unique(model.labels_[rows]))
    model.split(int(model.labels_[rows[0]]))
    parts = {frozenset(members(model, cluster).tolist()) for cluster in np.unique(model.labels_[rows])}
    assert len(parts) == 2
    assert all(any(old <= part for part in parts) for old in before if old & {*rows})
    model.merge(*np.unique(model.labels_[rows]))  # and together again
    assert len(np.unique(model.labels_[rows])) == 1


def test_sides_stay_apart_when_the_row_that_stood_for_one_is_moved(model):
    model.split(0)
    step = model.corrections_.steps[0]
    side = members(model, model.labels_[step.moved[0]])
    other = step.apart[0][1]
    assert len(side) > 1
    model.move(side[:1], int(model.labels_[side[0]] == 0))
    assert model.labels_[side[1]] != model.labels_[other]
    assert len(np.unique(model.labels_[side[1:]])) == 1


@settings(max_examples=5)
@given(seed=st.integers(0, 10_000))
def test_of_moves_splits_and_merges_the_newest_holds_and_none_is_refused(rows, seed):
    random = np.random.default_rng(seed)
    model = wb.HiLander(k=8).fit(rows)
    for _ in range(10):
        a, b = random.choice(model.n_clusters_, 2, replace=False).tolist()
        one, two = members(model, a), members(model, b)
        some = random.choice(one, 1 + random.integers(len(one)), replace=False)
        match random.integers(4):
            case 0:
                model.merge(a, b)
                assert set(members(model, model.labels_[one[0]])) == {*one, *two}
            case 1:
                model.move(some, b)
                assert set(members(model, model.labels_[two[0]])) == {*some, *two}
            case 2 if len(one) > 1:
                model.split(a)
                assert len(np.unique(model.labels_[one])) == 2
            case 3 if len(some) < len(one):
                model.split(a, some)
                assert set(members(model, model.labels_[some[0]])) == {*some}


def test_a_refusal_names_the_step_and_that_one_can_be_taken_back(model):
    one, two = members(model, 0), members(model, 1)
    model.name(0, "cups").answer(int(one[0]), int(two[0]), same=False).confirm(2)
    for act in (
        lambda: model.merge(0, 1),
        lambda: model.answer(int(one[0]), int(two[0]), same=True),
    ):
        with pytest.raises(Contradiction, match=r"step 1 \(answer\); model.undo\(1\) takes just that one") as refused:
            act()
        assert refused.value.steps == (1,)
    with pytest.raises(Contradiction, match=r"said by step 2 \(confirm\); model.undo\(2\)"):
        model.move(members(model, 2)[:1], 0)
    with pytest.raises(ValueError, match="step: expected an integer"):
        model.undo(3)
    model.undo(1).merge(0, 1)
    assert [step.action for step in model.corrections_.steps] == ["name", "confirm", "merge"]
    assert len(np.unique(model.labels_[[*one, *two]])) == 1


def test_files_of_the_first_version_are_read(model, tmp_path):
    model.move(members(model, 0)[:2], 1)
    model.corrections_.save(tmp_path / "x.json")
    read = json.loads((tmp_path / "x.json").read_text()) | {"version": 1}
    for step in read["steps"]:
        del step["released"]
    (tmp_path / "x.json").write_text(json.dumps(read))
    assert Corrections.load(tmp_path / "x.json") == model.corrections_


def test_two_people_who_move_and_merge_the_same_row_disagree(rows):
    one = wb.HiLander(k=8).fit(rows).merge(0, 1)
    two = wb.HiLander(k=8).fit(rows)
    two.move([one.corrections_.steps[0].together[0][0]], 2).merge(3, 4)
    both, conflicts = one.corrections_.merged(two.corrections_)
    assert conflicts["action"].tolist() == ["move"]
    assert [step.action for step in both.steps] == ["merge", "merge"]


def test_label_gathers_rows_of_several_clusters_under_a_name(model):
    one, two = members(model, 0)[:2], members(model, 1)[:3]
    model.label([*one, *two], " mine ")
    cluster = model.labels_[one[0]]
    assert set(members(model, cluster)) == {*one, *two}
    assert model.names_ == {cluster: "mine"}
    later = np.flatnonzero(model.labels_ != cluster)[:1]
    model.label([*later, *one], "mine")  # those that are there already stay
    assert set(members(model, model.labels_[one[0]])) == {*one, *two, *later}
    with pytest.raises(ValueError, match="are not in the cluster 'mine' yet"):
        model.label(one, "mine")


def test_merge_of_several_is_one_step(model):
    rows = [members(model, cluster)[0] for cluster in range(3)]
    model.merge(0, 1, 2)
    assert len(np.unique(model.labels_[rows])) == 1
    assert len(model.corrections_) == 1


def test_corrections_of_rows_that_came_later_are_of_these_rows_too(rows, tmp_path):
    """They had the number and the fingerprint of the first rows, so that other later rows were tied by them."""
    model = wb.HiLander(k=8).fit(rows[:60]).merge(0, 1)
    first = model.corrections_
    model.partial_fit(rows[60:]).answer(70, 140, same=True).corrections_.save(tmp_path / "mine.json")
    loaded = Corrections.load(tmp_path / "mine.json")
    assert (first.n, loaded.n) == (60, 150)
    other = np.concatenate([rows[:60], 1 - rows[60:]])
    with pytest.raises(ValueError, match="corrections: made on other data"):
        wb.HiLander(k=8).fit(other).correct(loaded)
    again = wb.HiLander(k=8).fit(rows)
    assert again.correct(loaded).labels_[70] == again.labels_[140]
    with pytest.raises(ValueError, match="if rows came later, take them over by model"):
        loaded.merged(first)
    assert not len(loaded.merged(again.correct(first).corrections_)[1])


def test_two_people_who_name_a_cluster_differently_disagree(rows):
    one, two = (wb.HiLander(k=8).fit(rows).name(0, name) for name in ("cups", "mugs"))
    both, conflicts = one.corrections_.merged(two.corrections_)
    assert [step.name for step in both.steps] == ["cups"]
    assert conflicts["why"].tolist() == [f"the cluster of row {both.steps[0].together[0][0]} was named 'cups' before"]
    assert not len(one.corrections_.merged(one.corrections_)[1])


def test_an_interrupt_that_meets_compiled_code_in_a_split_or_a_question_is_one(model, monkeypatch):
    def interrupt(*_):
        raise SystemError from KeyboardInterrupt()  # as compiled code says it

    monkeypatch.setattr("workbench.cluster.questions.pieces", interrupt)
    monkeypatch.setattr("workbench.cluster.questions.confidence", interrupt)
    for act in (lambda: model.split(0), model.questions):
        with pytest.raises(KeyboardInterrupt):
            act()


def test_an_interrupted_correction_changes_nothing(model, monkeypatch):
    before = dict(vars(model))
    monkeypatch.setattr(
        "workbench.cluster.hilander.cluster_table", lambda tree: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    for act in (lambda: model.merge(0, 1), lambda: model.name(0, "cups")):
        with pytest.raises(KeyboardInterrupt):
            act()
    assert vars(model).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(model).items())


def test_two_people_who_move_a_row_to_two_places_disagree(rows):
    one = wb.HiLander(k=8).fit(rows)
    two = wb.HiLander(k=8).fit(rows)
    row = members(one, 0)[:1]
    one.move(row, 1)
    two.move(row, 2)
    both, conflicts = one.corrections_.merged(two.corrections_)
    assert both == one.corrections_
    assert conflicts["action"].tolist() == ["move"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", "not a whole file of corrections"),
        ("[" * 100_000, "not a whole file of corrections"),
        ("[]", "holds no corrections"),
        ('{"kind": "workbench corrections", "version": 9}', "version 9"),
        ('{"kind": "workbench corrections", "version": 1}', "damaged: expected n"),
        ('{"kind": "workbench corrections", "version": 1, "n": true}', "damaged: expected n"),
    ],
)
def test_files_that_are_none(text, words, tmp_path):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match=words):
        Corrections.load(tmp_path / "x.json")


@pytest.mark.parametrize(
    "change",
    [
        *({"action": "dance"}, {"apart": [[1]]}, {"together": 3}, {"together": [[]]}, {"action": "confirm"}),
        {"released": ["a"]},
        *({"together": [[row, 1]]} for row in (0.5, "0", None, True, -1, 10**30, [0])),
    ],
)
def test_damaged_steps(change, tmp_path):
    Corrections(3, "0f", (Correction("answer", apart=((0, 1),)),)).save(tmp_path / "x.json")
    read = json.loads((tmp_path / "x.json").read_text())
    read["steps"][0] |= change
    (tmp_path / "x.json").write_text(json.dumps(read))
    with pytest.raises(ValueError, match=r"damaged|unknown action"):
        Corrections.load(tmp_path / "x.json")


def test_an_interrupted_save_leaves_the_old_file(model, tmp_path):
    model.merge(0, 1)
    model.corrections_.save(tmp_path / "x.json")
    before = (tmp_path / "x.json").read_bytes()
    with pytest.raises(ValueError, match="ids: expected 150, one per row, got 1"):
        model.corrections_.save(tmp_path / "x.json", ids=["too few"])
    assert (tmp_path / "x.json").read_bytes() == before


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda model: model.merge(0, 0), "expected different clusters, got 0, 0"),
        (lambda model: model.merge(0, 999), "b: expected an integer"),
        (lambda model: model.move([0], int(model.labels_[0])), "expected rows of other clusters"),
        (lambda model: model.move([], 0), "at least one row"),
        (lambda model: model.split(0, members(model, 0)), "but not all"),
        (lambda model: model.confirm(0).split(0), "cannot be split"),
        (lambda model: model.answer(0, 999, same=True), "b: expected an integer"),
        (lambda model: model.answer(0, 0, same=True), "b: expected another row than a, got row 0 with itself"),
        (lambda model: model.answer(3, 3, same=False), "b: expected another row than a, got row 3 with itself"),
        (lambda model: model.name(0, " "), "expected a text"),
    ],
)
def test_steps_that_cannot_be(model, act, words):
    with pytest.raises(ValueError, match=words):
        act(model)
