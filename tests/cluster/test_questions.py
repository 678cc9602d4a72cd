"""Questions: their answers do not follow from earlier ones, and they are worth more than random pairs."""

import numpy as np
import pytest

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
