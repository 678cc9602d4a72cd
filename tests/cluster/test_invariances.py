"""What a clustering does not depend on: how rows lie, how long they are, how they are stored, how many threads there
are, how answers are written down."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench._core import runtime
from workbench.evaluate.scores import scores

MODELS = st.sampled_from(["general", "glyphs-lander"])
SEEDS = st.integers(0, 10_000)
few = settings(max_examples=2)
many = settings(max_examples=15)


def noisy(seed, n=90, classes=9, dim=12, noise=0.4):
    random = np.random.default_rng(seed)
    y = random.integers(0, classes, n)
    return (random.normal(size=(classes, dim))[y] + noise * random.normal(size=(n, dim))).astype(np.float32), y


def same(one, other):
    """The same labels, and the same clusters in every layer."""
    assert np.array_equal(one.labels_, other.labels_)
    assert all(map(np.array_equal, one.cluster_layers_, other.cluster_layers_))


def identical(one, other):
    """Bit by bit."""
    same(one, other)
    assert np.array_equal(one.confidence_, other.confidence_)
    assert np.array_equal(one.outlier_scores_, other.outlier_scores_)
    assert one.expected_ == other.expected_


@few
@given(SEEDS, MODELS)
def test_rotation(seed, model):
    """Any orthogonal map; it rounds, so in float64, and confidence is the same but for rounding."""
    x, _ = noisy(seed)
    random = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(random.normal(size=(12, 12)))
    usual, turned = wb.HiLander(model).fit(x), wb.HiLander(model).fit(x.astype(np.float64) @ turn)
    same(usual, turned)
    np.testing.assert_allclose(turned.confidence_, usual.confidence_, atol=1e-3)


@pytest.mark.parametrize("model", ["general", "glyphs-lander"])
def test_how_numbers_lie_in_memory(model):
    x, _ = noisy(3, n=400, dim=129)
    usual = wb.HiLander(model).fit(x)
    wide = np.repeat(x, 2, axis=1)[:, ::2]
    for other in (np.asfortranarray(x), pd.DataFrame(x), wide, x[::-1].copy()[::-1], torch.from_numpy(x.T.copy()).T):
        found = wb.HiLander(model).fit(other)
        identical(usual, found)
        assert torch.equal(found.features_, usual.features_)


@pytest.mark.parametrize("model", ["general", "glyphs-lander"])
def test_rows_of_zeros_move_no_others(model):
    x, _ = noisy(3, n=400, classes=30)
    usual = wb.HiLander(model).fit(x)
    with pytest.warns(UserWarning, match="5 zero row"):
        found = wb.HiLander(model).fit(np.concatenate([np.zeros((5, 12)), x]))
    assert scores(usual.labels_, found.labels_[5:])["ari"] == 1
    np.testing.assert_allclose(found.features_[5:], usual.features_, atol=1e-6)
    assert found.n_clusters_ == usual.n_clusters_ + 5


def test_how_unit_rows_lie_in_memory():
    x = torch.nn.functional.normalize(torch.from_numpy(noisy(3, n=400, dim=129)[0]), dim=1)
    one, other = (wb.knn(rows, 9) for rows in (x, x.T.contiguous().T))
    assert torch.equal(one.similarity, other.similarity)


@few
@given(SEEDS, MODELS)
def test_order_and_signs_of_the_columns(seed, model):
    x, _ = noisy(seed)
    random = np.random.default_rng(seed)
    other = (x * random.choice([-1, 1], size=12).astype(np.float32))[:, random.permutation(12)]
    same(wb.HiLander(model).fit(x), wb.HiLander(model).fit(other))


@few
@given(SEEDS, MODELS)
def test_columns_of_zeros(seed, model):
    """By cosine; the ridge of the other metric is a share of the mean variance of all columns."""
    x, _ = noisy(seed)
    wide = np.hstack([x, np.zeros((len(x), 3), np.float32)])
    same(*(wb.HiLander(model, metric="cosine").fit(rows) for rows in (x, wide)))


@few
@given(SEEDS, MODELS, st.booleans())
def test_the_length_of_rows(seed, model, each):
    """A factor for all rows or one for each."""
    x, _ = noisy(seed)
    factor = np.random.default_rng(seed).uniform(1e-3, 1e3, (len(x) if each else 1, 1))
    same(wb.HiLander(model).fit(x), wb.HiLander(model).fit(x * factor))


@few
@given(SEEDS, MODELS, st.integers(-60, 60))
def test_powers_of_two_change_no_bit(seed, model, power):
    x, _ = noisy(seed)
    identical(wb.HiLander(model).fit(x), wb.HiLander(model).fit(x * np.float32(2.0**power)))


@pytest.mark.slow
@many
@given(SEEDS, MODELS)
def test_how_numbers_are_stored(seed, model):
    """Numbers that every type holds exactly."""
    x, _ = noisy(seed)
    whole = np.round(20 * x).clip(-127, 127)
    usual = wb.HiLander(model).fit(whole.astype(np.float32))
    for dtype in (np.float64, np.float16, np.longdouble, np.int8, np.int64):
        identical(usual, wb.HiLander(model).fit(whole.astype(dtype)))
    for tensor in (torch.from_numpy(whole).half(), torch.from_numpy(whole).bfloat16()):
        identical(usual, wb.HiLander(model).fit(tensor))
    for laid in (np.asfortranarray(whole), np.repeat(whole, 2, axis=0)[::2], whole[::-1][::-1], whole.astype(">f8")):
        identical(usual, wb.HiLander(model).fit(laid))


@pytest.mark.slow
@many
@given(SEEDS, MODELS)
def test_the_number_of_threads(seed, model):
    x, _ = noisy(seed)
    found = []
    before, few_values = torch.get_num_threads(), runtime.FEW
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            runtime.FEW = 0  # small sets would be left to one thread
            found.append(wb.HiLander(model).fit(x))
    finally:
        torch.set_num_threads(before)
        runtime.FEW = few_values
    identical(found[0], found[1])
    identical(found[0], found[2])


@few
@given(SEEDS, st.data())
def test_how_answers_are_written_down(seed, data):
    """Their order, which row comes first, repeats, and which pairs of a group are named."""
    x, y = noisy(seed)
    group = data.draw(st.lists(st.integers(0, len(x) - 1), min_size=3, max_size=6, unique=True))
    chain = np.array([group[:-1], group[1:]]).T
    star = np.array([[group[0]] * (len(group) - 1), group[1:]]).T
    far = [row for row in np.flatnonzero(y != y[group[0]]) if row not in group][:3]
    apart = np.array([[group[0], row] for row in far]).reshape(-1, 2)
    other = np.array([[row, group[-1]] for row in far[::-1]] * 2).reshape(-1, 2)
    one = wb.HiLander().fit(x, must_link=chain, cannot_link=apart)
    same(one, wb.HiLander().fit(x, must_link=star[::-1, ::-1], cannot_link=other))


@few
@given(SEEDS, st.permutations(range(5)))
def test_the_numbers_of_known_classes(seed, names):
    x, y = noisy(seed, classes=5)
    known = np.where(np.random.default_rng(seed).random(len(y)) < 0.3, y, -1)
    renamed = np.where(known < 0, -1, 10 * np.array(names)[known])
    same(wb.HiLander().fit(x, partial_labels=known), wb.HiLander().fit(x, partial_labels=renamed))


@few
@given(SEEDS, MODELS)
def test_predict_judges_every_row_alone(seed, model):
    """In any order, in any company, of any length; stored in any way."""
    x, _ = noisy(seed, n=130)
    fitted, later = wb.HiLander(model).fit(x[:90]), x[90:]
    random = np.random.default_rng(seed)
    usual = fitted.predict_details(later)
    order = random.permutation(len(later))
    for rows in (order, order[:7], order[:1]):
        found = fitted.predict_details(later[rows])
        assert (found["label"].to_numpy() == usual["label"].to_numpy()[rows]).all()
    longer = later.astype(np.float64) * random.uniform(0.01, 100, (len(later), 1))
    assert (fitted.predict(longer) == usual["label"]).all()


@pytest.mark.slow
@settings(max_examples=60)
@given(SEEDS, MODELS)
def test_all_at_once(seed, model):
    """Larger sets, turned, scaled and stored otherwise."""
    x, _ = noisy(seed, n=400, classes=25, dim=24)
    random = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(random.normal(size=(24, 24)))
    other = (x.astype(np.float64) @ turn) * random.uniform(1e-3, 1e3, (len(x), 1))
    same(wb.HiLander(model).fit(x), wb.HiLander(model).fit(other))
