"""The simulated person: answers by the labels, errs as often as told, and what contradicts is dropped but counted."""

import pytest

import workbench as wb
from workbench.experiments import answer_curve


def test_every_answer_is_right_and_scored(noisy_classes):
    x, y = noisy_classes
    model = wb.HiLander().fit(x)
    curve = answer_curve(model, y, 12)
    assert curve["answers"].tolist() == list(range(len(curve)))
    assert curve["bcubed_f"].iloc[-1] == wb.scores(y, model.labels_)["bcubed_f"]
    for step in model.corrections_.steps:
        assert all(len(set(y[list(group)])) == 1 for group in step.together)
        assert all(y[a] != y[b] for a, b in step.apart)


def test_errors_are_drawn_by_the_seed(noisy_classes):
    x, y = noisy_classes
    always = wb.HiLander().fit(x)
    answer_curve(always, y, 3, error=1.0, ask=lambda model: (0, 1 + len(model.corrections_)))
    assert [step.apart for step in always.corrections_.steps] == [((0, 1),), ((0, 2),), ((0, 3),)]
    one, two = (answer_curve(wb.HiLander().fit(x), y, 8, error=0.4, seed=3) for _ in range(2))
    assert one.equals(two)


def test_contradictions_are_dropped_and_the_end_is_told(noisy_classes):
    x, y = noisy_classes
    model = wb.HiLander().fit(x).answer(0, 1, same=False)  # wrong: they are of one class
    assert answer_curve(model, y, 2, ask=lambda model: (0, 1))["dropped"].tolist() == [0, 1, 2]
    assert len(answer_curve(model, y, 5, ask=lambda model: None)) == 1
    with pytest.raises(ValueError, match="error: expected"):
        answer_curve(model, y, 1, error=2.0)
