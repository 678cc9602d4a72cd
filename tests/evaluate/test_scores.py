"""Every score against the definition written out over all pairs, scikit-learn, and the official numbers."""

from itertools import combinations, permutations
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score

from workbench.evaluate.expected_mi import expected_information
from workbench.evaluate.scores import ami, ari, bcubed, bcubed_items, contingency, nmi, pairwise, scores

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics.npz"
PARTS = ("precision", "recall", "f")
KEYS = [*(f"{kind}_{part}" for kind in ("pairwise", "bcubed") for part in PARTS), "item_f", "nmi", "ami", "ari"]

labelings = st.integers(1, 30).flatmap(lambda n: st.tuples(*[st.lists(st.integers(-1, 6), min_size=n, max_size=n)] * 2))


def split_noise(pred):
    """Each -1 as a label of its own."""
    return [label if label != -1 else f"noise {i}" for i, label in enumerate(pred)]


def slow_pairwise(true, pred):
    pairs = list(combinations(range(len(true)), 2))
    same_class = {p for p in pairs if true[p[0]] == true[p[1]]}
    together = {p for p in pairs if pred[p[0]] == pred[p[1]]}
    both = len(same_class & together)
    return both / len(together) if together else 1.0, both / len(same_class) if same_class else 1.0


def slow_bcubed(true, pred):
    n = len(true)
    precision = 0.0
    recall = 0.0
    for i in range(n):
        cluster = {j for j in range(n) if pred[j] == pred[i]}
        group = {j for j in range(n) if true[j] == true[i]}
        precision += len(cluster & group) / len(cluster) / n
        recall += len(cluster & group) / len(group) / n
    return precision, recall


def f_score(precision, recall):
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@given(labelings)
def test_equals_the_definitions_over_all_pairs_and_scikit_learn(labels):
    true, pred = labels
    apart = split_noise(pred)
    row = scores(true, pred)
    assert list(row) == [*KEYS, "n_clusters", "n_noise"]
    for name, slow in (("pairwise", slow_pairwise(true, apart)), ("bcubed", slow_bcubed(true, apart))):
        found = [row[f"{name}_{part}"] for part in PARTS]
        assert found == pytest.approx([*slow, f_score(*slow)])
    of_items = bcubed_items(true, pred)
    assert [part.mean() for part in of_items] == pytest.approx(slow_bcubed(true, apart))
    codes = np.unique(apart, return_inverse=True)[1]
    assert row["nmi"] == pytest.approx(normalized_mutual_info_score(true, codes), abs=1e-12)
    assert row["ari"] == pytest.approx(adjusted_rand_score(true, codes), abs=1e-12)
    if not contingency(true, pred).perfect:
        assert row["ami"] == pytest.approx(adjusted_mutual_info_score(true, codes), abs=1e-9)
    assert row["n_noise"] == pred.count(-1)
    assert row["n_clusters"] == len(set(pred) - {-1})


def test_item_f_does_not_reward_half_alone_and_half_in_one_heap():
    classes = np.repeat(np.arange(50), 20)
    half = np.arange(1000) % 2 == 0
    trick = np.where(half, np.arange(1000), 1000)
    row = scores(classes, trick)
    precision, recall = bcubed_items(classes, trick)
    assert row["item_f"] == pytest.approx((2 * precision * recall / (precision + recall)).mean(), abs=1e-12)
    assert row["bcubed_f"] > 0.34 > 3 * row["item_f"]


@given(labelings, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_order_of_items_and_names_of_clusters_do_not_matter(labels, random):
    true, pred = labels
    order = list(range(len(true)))
    random.shuffle(order)
    renamed = [label if label == -1 else 1000 - 7 * label for label in pred]
    again = scores([true[i] for i in order], [renamed[i] for i in order])
    assert again == pytest.approx(scores(true, pred), abs=1e-12)


@given(labelings)
@settings(max_examples=50)
def test_swapping_truth_and_prediction_swaps_precision_and_recall(labels):
    a, b = (np.array(labels_) + 1 for labels_ in labels)
    one, other = scores(a, b), scores(b, a)
    for kind in ("pairwise", "bcubed"):
        assert one[f"{kind}_precision"] == pytest.approx(other[f"{kind}_recall"])
    assert [one[k] for k in ("nmi", "ami", "ari")] == pytest.approx([other[k] for k in ("nmi", "ami", "ari")])


@pytest.mark.parametrize("truth", [[0, 0, 1, 1, 1], [0, 0, 0], [0, 1, 2], [3]])
def test_the_truth_scores_one_everywhere_also_where_formulas_are_0_by_0(truth):
    row = scores(truth, [10 - label for label in truth])
    assert [row[k] for k in KEYS] == [1.0] * 10


def test_zero_cases():
    split = scores([0, 0, 0], [0, 1, 2])  # nothing claimed: precision 1; nothing found: pairwise recall 0
    assert (split["pairwise_precision"], split["pairwise_recall"], split["pairwise_f"]) == (1.0, 0.0, 0.0)
    assert (split["nmi"], split["ami"], split["ari"]) == (0.0, 0.0, 0.0)
    merged = scores([0, 1, 2], [0, 0, 0])
    assert (merged["pairwise_precision"], merged["pairwise_recall"], merged["pairwise_f"]) == (0.0, 1.0, 0.0)
    assert merged["bcubed_precision"] == pytest.approx(1 / 3)


def test_noise_is_scored_as_singletons_and_counted_apart():
    row, singletons = scores([0, 0, 1, 1], [0, 0, -1, -1]), scores([0, 0, 1, 1], [0, 0, 1, 2])
    assert (row["n_clusters"], row["n_noise"]) == (1, 2)
    assert [row[k] for k in KEYS] == [singletons[k] for k in KEYS]
    everything = scores([0, 1], [-1, -1])
    assert (everything["pairwise_f"], everything["n_clusters"], everything["n_noise"]) == (1.0, 0, 2)


def test_official_numbers():
    golden = np.load(GOLDEN, allow_pickle=False)
    table = contingency(golden["gt"], golden["pred"])
    np.testing.assert_allclose(pairwise(table), golden["pairwise"], rtol=1e-12)
    np.testing.assert_allclose(bcubed(table), golden["bcubed"], rtol=1e-12)
    np.testing.assert_allclose(nmi(table), golden["nmi"], rtol=1e-9)


def test_the_table_holds_every_item_once():
    rng = np.random.default_rng(0)
    true, pred = rng.integers(0, 9, 200), rng.integers(-1, 30, 200)
    table = contingency(true, pred)
    assert table.n_items == 200
    np.testing.assert_array_equal(np.bincount(table.rows, table.counts), table.row_sizes)
    np.testing.assert_array_equal(np.bincount(table.cols, table.counts), table.col_sizes)
    assert len(set(zip(table.rows.tolist(), table.cols.tolist(), strict=True))) == len(table.rows)


def test_expected_information_is_the_mean_over_all_orders():
    true, pred = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 2]
    informations = []
    for order in permutations(pred):
        cells = {(a, b): 0 for a in true for b in order}
        for cell in zip(true, order, strict=True):
            cells[cell] += 1
        informations.append(
            sum(m / 6 * log(6 * m / (true.count(a) * order.count(b))) for (a, b), m in cells.items() if m)
        )
    sizes = [np.bincount(labels) for labels in (true, pred)]
    assert expected_information(*sizes) == pytest.approx(np.mean(informations), rel=1e-12)


def test_large_and_uneven_groups_as_scikit_learn():
    rng = np.random.default_rng(1)
    true = (rng.pareto(0.7, 20_000) * 3).astype(np.int64) % 4000  # few huge classes, many tiny ones
    pred = np.where(rng.random(20_000) < 0.5, true, rng.integers(0, 50, 20_000))
    table = contingency(true, pred)
    assert ami(table) == pytest.approx(adjusted_mutual_info_score(true, pred), abs=1e-9)
    assert ari(table) == pytest.approx(adjusted_rand_score(true, pred), abs=1e-12)


def test_sums_of_pairs_do_not_overflow():
    n = 300_000
    true = np.arange(n) % 2
    row = scores(true, np.zeros(n, dtype=np.int64))
    assert row["pairwise_precision"] == pytest.approx(0.5, abs=1e-5)
    assert (row["pairwise_recall"], row["ari"]) == (1.0, 0.0)


def test_any_integer_labels_in_any_container():
    plain = scores([0, 0, 1, 1], [0, 1, 1, 1])
    extreme = np.iinfo(np.int64)
    assert scores([extreme.min, extreme.min, extreme.max, extreme.max], [extreme.min, 5, 5, 5]) == plain
    assert scores(torch.tensor([0, 0, 1, 1]), np.array([0, 1, 1, 1], dtype=np.uint8)) == plain
    assert scores([-1, -1, 1, 1], [0, 1, 1, 1]) == plain  # -1 in the truth is a class like any other


def test_inputs_stay_unmodified():
    true, pred = np.array([0, 0, 1, 1]), np.array([4, -1, -1, 4])
    true.flags.writeable = pred.flags.writeable = False
    scores(true, pred)
    assert pred.tolist() == [4, -1, -1, 4]


@pytest.mark.parametrize(
    ("true", "pred", "match"),
    [
        ([], [], "labels_true: expected at least one item"),
        ([0, 1], [0], "labels_pred: expected 2 labels"),
        ([0.5, 1.0], [0, 1], "labels_true: expected integers"),
        ([0, 1], ["a", "b"], "labels_pred: expected integers"),
        ([[0, 1]], [0, 1], "labels_true: expected 1-D"),
        ([1e19, 2e19], [0, 1], "labels_true: expected integers up to 9,007,199,254,740,992 in float64, got 2e[+]19"),
        (
            [0, 1],
            np.array([2**64 - 1, 5], "u8"),
            "labels_pred: expected integers up to 9,223,372,036,854,775,807 in uint64",
        ),
        (np.array([2**24 + 2, 1], "f4"), [0, 1], "labels_true: expected integers up to 16,777,216 in float32"),
    ],
)
def test_bad_input_is_named(true, pred, match):
    with pytest.raises(ValueError, match=match):
        scores(true, pred)
