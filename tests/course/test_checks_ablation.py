"""The checks of notebooks 10 and 13: a right, a nearly right, a wrong and an unusable answer to each."""

import pandas as pd
import pytest
from asking import Answers
from scipy.stats import ttest_ind, ttest_rel

import workbench as wb
from workbench import course
from workbench.course.checks.registry import CHECKS
from workbench.experiments.ablation import AblationData, Settings
from workbench.experiments.published import published_results

A, B = [0.5, 0.6, 0.8], [0.6, 0.8, 0.8]
ROWS = [(8, s, v) for s, v in enumerate(A)] + [(16, s, v) for s, v in enumerate(B)]
TABLE = pd.DataFrame(ROWS, columns=["lander.hidden", "seed", "bcubed_f"])
TABLE = TABLE.assign(config="hidden=" + TABLE["lander.hidden"].astype(str), test="t", last=True, data="d", code="c")
REFERENCE = {"lander.hidden": 8}
INPUTS = (TABLE, REFERENCE, "hidden=16")
PUBLISHED = published_results()
PAIRED, UNPAIRED = ttest_rel(B, A).confidence_interval(), ttest_ind(B, A).confidence_interval()
OURS = pd.DataFrame(
    [("a", "one", 0.6), ("b", "one", 0.5), ("a", "two", 0.3), ("b", "two", 0.4)], columns=["method", "data", "value"]
).assign(metric="bcubed_f")

RIGHT = {
    "10-interval": ([0.1, PAIRED.low, PAIRED.high], INPUTS),
    "10-unpaired": ((UNPAIRED.high - UNPAIRED.low) / 2, INPUTS),
    "10-seeds": (
        7,
        (*INPUTS, 0.1),
    ),  # the differences' spread is 0.1: t(0.975; 6) = 2.447 < sqrt(7), t(5) = 2.571 > sqrt(6)
    "13-points": ([0.0598, 0.0606, 0.0639, 0.0486, 0.0378], (PUBLISHED, "Infomap", "GCN-V+E", "pairwise_f")),
    "13-comparable": (0, (PUBLISHED, "Hi-LANDER")),
    "13-relative": ((0.2 - 0.25) / 2, (OURS, "a", "b", "bcubed_f")),
    "13-beaten": (15, (PUBLISHED, "Infomap", "MS1M 584K", "pairwise_f")),
}


class TestAnswers(Answers):
    right = RIGHT


def test_what_falls_most_is_a_name():
    assert course.check("13-fall", "hac", PUBLISHED, "pairwise_f").ok
    assert not course.check("13-fall", "DBSCAN", PUBLISHED, "pairwise_f").ok
    assert not course.check("13-fall", 3, PUBLISHED, "pairwise_f").ok
    assert course.check("13-fall", "ARO", PUBLISHED, "bcubed_f").ok


def test_the_effect_of_a_factor_is_that_of_the_sweep(blobs, tmp_path):
    x, y = blobs(n_classes=6, per_class=10)
    toy = wb.FeatureSet(x.numpy(), y.numpy())
    base = Settings().change("training.epochs", 4).change("training.validate", 4).change("training.projections", (1.0,))
    inputs = ({"lander.hidden": [8, 16]}, AblationData(toy, {"toy": toy}), str(tmp_path), [0, 1], base, REFERENCE)
    answer = CHECKS["10-own"].expected(*inputs)
    assert course.check("10-own", answer + 5e-4, *inputs).status == "near"
    assert course.check("10-own", answer + 1.5, *inputs).status == "wrong"
    assert course.check("10-own", "nothing", *inputs).status == "wrong"


def test_bad_input_to_a_check_is_an_error_of_the_notebook():
    with pytest.raises(ValueError, match="reference: expected one configuration"):
        course.check("10-interval", [0, 0, 0], TABLE, {"lander.hidden": 9}, "hidden=16")
    with pytest.raises(KeyError, match="Nobody"):
        course.check("13-relative", 0.1, OURS, "Nobody", "b", "bcubed_f")
