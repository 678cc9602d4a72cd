"""The checks of notebook 15: a right, a nearly right, a wrong and an unusable answer to each."""

import numpy as np
import pandas as pd
from asking import Answers

import workbench as wb
from workbench import course
from workbench.experiments import answer_curve

CURVE = pd.DataFrame({"answers": [0, 1, 2, 3, 4], "bcubed_f": [0.5, 0.5, 0.71, 0.7, 0.9]})
FOUND = np.array([0, 0, 0, 1, 1, 2])


RIGHT = {
    "15-half": (2, (CURVE,)),
    "15-spread": (6, (FOUND, 0, 4)),
    "15-closure": ([0, 1, 0, 3, 0], ([(0, 2), (2, 4)], 5)),
}


class TestAnswers(Answers):
    right = RIGHT


def test_the_worth_of_the_first_answer_and_of_one_who_errs(noisy_classes):
    x, y = noisy_classes
    model = wb.HiLander().fit(x)
    labels = model.labels_
    curve = answer_curve(wb.HiLander().fit(x), y, 1)["bcubed_f"]
    asked = model.questions(1)[["first", "second"]].to_numpy()[0].tolist()
    assert course.check("15-gain", curve[1] - curve[0], model, y, *asked).status == "exact"
    assert model.labels_ is labels  # the check leaves the model as it is
    assert course.check("15-gain", curve[1] - curve[0] + 1, model, y, *asked).status == "wrong"
    last = answer_curve(wb.HiLander().fit(x), y, 6, error=0.5, seed=1)["bcubed_f"].iloc[-1]
    assert course.check("15-errs", last, x, y, 6, 0.5, 1).ok
    assert not course.check("15-errs", last + 0.01, x, y, 6, 0.5, 1).ok
