"""Questions: their answers do not follow from earlier ones, and they are worth more than random pairs."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.cluster.questions import COLUMNS


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(30), 12)
    return (random.normal(size=(30, 24))[y] + 1.0 * random.normal(size=(360, 24))).astype(np.float32), y


@pytest.mark.parametrize("options", [{}, {"lander": "glyphs-lander", "k": 8}, {"decoder": "map-equation", "tau": 0.2}])
def test_no_question_is_asked_whose_answer_follows(data, options):
    x, y = data
    model = wb.HiLander(**options).fit(np.concatenate([x, x[:5]]))  # some rows repeat
    truth = np.concatenate([y, y[:5]])
    before = wb.scores(truth, model.labels_)["bcubed_f"]
    asked = set()
    for _ in range(6):
        found = model.questions(3)
        assert list(found.columns) == COLUMNS
        assert (found["gain"].diff().dropna() <= 0).all()
        for a, b in found[["first", "second"]].to_numpy():
            known = model._answers()
            group = known.groups(len(truth))
            apart = {tuple(sorted(pair)) for pair in group[known.cannot_link].tolist()}
            assert group[a] != group[b]
            assert tuple(sorted((group[a], group[b]))) not in apart
            assert (a, b) not in asked
            asked.add((a, b))
            model.answer(a, b, same=bool(truth[a] == truth[b]))
    if not options:  # who predicts no quality knows little of what an answer is worth
        assert wb.scores(truth, model.labels_)["bcubed_f"] > before


def test_nothing_is_left_to_ask(data):
    x, y = data
    model = wb.HiLander().fit(x, partial_labels=y)
    assert model.questions(5).empty
    with pytest.raises(ValueError, match="n: expected"):
        model.questions(0)


def test_of_questions_about_one_cluster_as_many_are_yes_as_is_said():
    known = wb.load("glyphs", split="meta-val")
    asked = wb.HiLander().fit(wb.load_checkpoint("glyphs-encoder").embed(known.images)).questions(80)
    within = asked[asked["cluster"] == asked["other"]]
    yes = known.labels[within["first"]] == known.labels[within["second"]]
    assert len(within) > 20
    assert abs(within["same"].mean() - yes.mean()) < 0.1  # by the doubt alone .3


def test_rows_that_repeat_and_clusters_that_leave_nothing_to_part():
    x = np.random.default_rng(0).normal(size=(20, 8))
    model = wb.HiLander(tau=1.0).fit(np.concatenate([x, x[:1]]))  # two clusters of one image: none can be parted
    asked = model.questions()
    assert len(asked) == 1
    assert (model.labels_[asked["first"]] == asked["cluster"]).all()
    for n in (1, 3):
        known = wb.HiLander(tau=1.0).fit(np.concatenate([x, x[:1]]), partial_labels=[*range(20), 0])
        assert known.questions(n).empty
        assert known.questions(n).dtypes.equals(asked.dtypes)  # no object where numbers of rows stand


def correct_something(model, x, random):
    """A random step; what contradicts earlier ones is refused."""
    a, b = random.integers(model.n_clusters_, size=2).tolist()
    i, j = random.integers(len(model.labels_), size=2).tolist()
    with contextlib.suppress(ValueError):
        match random.integers(7):
            case 0:
                model.merge(a, b)
            case 1:
                model.split(a)
            case 2:
                model.move([i], a)
            case 3:
                model.confirm(a)
            case 4:
                model.answer(i, j, same=bool(random.integers(2)))
            case 5:
                model.label([i, j], "some")
            case 6:
                model.partial_fit(x[:2])


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000))
def test_whatever_was_corrected_questions_name_rows_of_their_clusters(seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(random.integers(3, 20), 6))
    x = x[np.r_[: len(x), random.integers(len(x), size=len(x))]]  # half of the rows repeat others
    model = wb.HiLander(tau=float(random.choice([0.5, 1.0]))).fit(x)
    for _ in range(5):
        correct_something(model, x, random)
        asked = model.questions(3)
        assert len(asked) <= 3
        for row, cluster in (("first", "cluster"), ("second", "other")):
            assert asked[row].between(0, len(model.labels_) - 1).all()
            assert (model.labels_[asked[row]] == asked[cluster]).all()
