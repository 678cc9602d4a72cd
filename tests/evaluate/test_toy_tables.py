"""A small table of counts: scores as of its items, and words whose numbers add up."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workbench.evaluate.scores import scores
from workbench.evaluate.toy_tables import PRESETS, check_table, disagreement, items_of, shares, table_scores

tables = st.integers(1, 6).flatmap(
    lambda columns: st.lists(st.lists(st.integers(0, 30), min_size=columns, max_size=columns), min_size=1, max_size=6)
)


def test_scores_by_hand():
    row = table_scores([[2, 0], [1, 1]])  # pairs: together 3 (1 right), of one class 2
    assert (row["pairwise_precision"], row["pairwise_recall"]) == (1 / 3, 1 / 2)
    assert row["bcubed_precision"] == pytest.approx((4 / 3 + 1 / 3 + 1) / 4)
    assert row["n_clusters"] == 2


@given(table=tables)
def test_scores_are_those_of_the_items(table):
    assume(np.any(table))
    true, found = [], []
    for i, row in enumerate(table):
        for j, count in enumerate(row):
            true += [i] * count
            found += [j] * count
    assert table_scores(table) == scores(true, found)


@given(table=tables)
def test_the_parts_add_up_to_the_scores(table):
    assume(np.any(table))
    row = table_scores(table)
    for side in ("precision", "recall"):
        parts = shares(table, side)
        assert sum(part.items for part in parts) == pytest.approx(1)
        assert sum(part.items * part.right_items for part in parts) == pytest.approx(row[f"bcubed_{side}"])
        if any(part.pairs for part in parts):
            assert sum(part.pairs for part in parts) == pytest.approx(1)
            assert sum(part.pairs * part.right for part in parts) == pytest.approx(row[f"pairwise_{side}"])
            difference = row[f"pairwise_{side}"] - row[f"bcubed_{side}"]
            assert sum(part.by_weight + part.by_itself for part in parts) == pytest.approx(difference, abs=1e-9)
        assert all(part.by_itself <= 1e-12 for part in parts)


@given(table=tables)
def test_there_are_words_for_every_table(table):
    assume(np.any(table))
    row = table_scores(table)
    words = disagreement(table)
    assert ("agree on this table" in words) == (abs(row["pairwise_f"] - row["bcubed_f"]) < 0.02)
    assert f"Pairwise F {row['pairwise_f']:.2f} and BCubed F {row['bcubed_f']:.2f}" in words


def test_words_name_the_cluster_that_carries_the_pairs():
    words = disagreement(PRESETS["many tiny classes"])
    assert "differ in precision (0.96 and 0.85)" in words
    assert "cluster 1 holds 95% of the pairs put together but only 75% of the items" in words
    words = disagreement([[6, 6, 0, 0], [0, 0, 6, 0], [0, 0, 0, 6]])
    assert "class A holds 69% of the pairs that belong together but only 50% of the items" in words


def test_words_name_the_items_that_count_themselves():
    words = disagreement([[0, 1, 1]])  # one class in two singletons, after an empty cluster
    assert "differ in recall (0.00 and 0.50)" in words
    assert "in class A (100% of the items) 0% of the pairs are right, for the mean item 50%" in words


def test_words_number_clusters_as_the_table_does():
    assert "cluster 2" in disagreement([[0, 1], [0, 1], [0, 1]])


def test_presets_show_what_their_names_say():
    rows = {name: table_scores(table) for name, table in PRESETS.items()}
    assert rows["one giant cluster"]["n_clusters"] == 1
    assert rows["one giant cluster"]["pairwise_recall"] == 1
    assert rows["all singletons"]["n_clusters"] == np.sum(PRESETS["all singletons"])
    assert rows["one class split"]["bcubed_precision"] == 1 > rows["one class split"]["bcubed_recall"]
    assert rows["two classes merged"]["bcubed_recall"] == 1 > rows["two classes merged"]["bcubed_precision"]
    tiny = rows["many tiny classes"]
    assert tiny["pairwise_f"] > tiny["bcubed_f"] + 0.05
    blind = rows["NMI's blind spot"]
    assert blind["nmi"] > 0.6
    assert max(blind["ari"], blind["ami"], blind["pairwise_f"]) <= 0


def test_items_stand_class_by_class():
    true, found = items_of(check_table([[0, 2], [1, 0]]))
    assert true.tolist() == [0, 0, 1]
    assert found.tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    "table", [[[1, 2], [3]], [1, 2], [[1] * 7], [[1]] * 7, [[-1]], [[0.5]], [["a"]], [[]], [], None]
)
def test_other_tables_are_refused(table):
    with pytest.raises(ValueError, match="table: expected whole numbers >= 0 in 1 to 6 rows"):
        check_table(table)


def test_a_table_of_zeros_has_no_scores():
    with pytest.raises(ValueError, match="put a number into a cell"):
        table_scores([[0, 0]])
    with pytest.raises(ValueError, match="side: expected one of"):
        shares([[1]], "f")


def test_a_cell_of_a_billion_is_exact_and_takes_no_memory():
    n = 10**9
    assert {value for name, value in table_scores([[n, 0], [0, n]]).items() if not name.startswith("n_")} == {1.0}
    row = table_scores([[n, n], [0, n]])
    pairs = n * (n - 1) // 2
    both = 2 * n * (2 * n - 1) // 2
    assert row["pairwise_precision"] == row["pairwise_recall"] == 3 * pairs / (pairs + both)
    assert row["bcubed_precision"] == pytest.approx(2 / 3, abs=1e-15)
    assert row["item_f"] == pytest.approx(2 / 3 * (1 / 3 + 1 / 4 + 1 / 3), abs=1e-15)
    small = table_scores([[1000, 1000], [0, 1000]])
    assert row["nmi"] == pytest.approx(small["nmi"], abs=1e-12)
    assert (row["ami"], row["ari"]) == pytest.approx((row["nmi"], small["ari"]), abs=1e-3)
    full = table_scores([[n] * 6] * 6)  # 6 n items on each side: the squares pass 2^63
    assert full["pairwise_precision"] == 6 * pairs / (6 * n * (6 * n - 1) // 2)
    with pytest.raises(ValueError, match="each up to 1,000,000,000, got 1000000001"):
        table_scores([[n + 1]])
