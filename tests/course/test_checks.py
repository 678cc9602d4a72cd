"""The checks say right, nearly right, or what is wrong; never wrong for right, and never the answer."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from workbench import course
from workbench.course.checks.registry import CHECKS
from workbench.course.compare import as_numbers, compare_choice, compare_partition, compare_set, compare_values

finite = st.floats(-1e6, 1e6)


@pytest.fixture
def registered():
    """Adds checks for one test: (name, function, settings) -> None."""
    known = set(CHECKS)
    yield lambda name, function, **settings: course.add_check(name, **{"wrong": IDEA, **settings})(function)
    for name in set(CHECKS) - known:
        del CHECKS[name]


IDEA = {"the number itself": lambda x: x}


def double(x):
    """twice the number"""
    return 2 * x


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (6, "exact", "exactly 6"),
        (6.0000001, "exact", "exactly 6"),
        (torch.tensor(6), "exact", "exactly 6"),
        (6.05, "near", "6.05 is too large, off by 0.05, 0.1 is allowed"),
        (7, "wrong", "7 is too large, off by 1, 0.1 is allowed"),
        (5, "wrong", "5 is too small, off by 1, 0.1 is allowed"),
        (float("nan"), "wrong", "nan is no number, off by inf"),
        (float("inf"), "wrong", "off by inf"),
        ("six", "wrong", "numbers are expected, you have 'six'"),
        (None, "wrong", "numbers are expected"),
        ([6, 6], "wrong", "the shape of a single number is expected, you have [2]"),
    ],
)
def test_a_number(answer, status, words):
    found = compare_values(answer, 6, within=0.1)
    assert found.status == status
    assert words in f"{found.kind}, {found.distance}"


def test_arrays_name_the_worst_place():
    want = np.array([[1.0, 2.0], [3.0, 4.0]])
    have = torch.tensor([[1.0, 2.0], [3.5, 4.01]])
    assert compare_values(have, want, within=0.1) == (
        "wrong",
        "2 of 4 values differ; the worst, at [1, 0], is too large",
        "off by 0.5, 0.1 is allowed",
    )
    assert compare_values(have, want, within=0.5)[0] == "near"
    assert compare_values(want.astype(np.float32), want, within=0.0)[0] == "exact"
    assert compare_values(pd.Series([1, 2]), [1, 2], within=0.0)[0] == "exact"


@given(st.lists(finite, min_size=1, max_size=5), st.floats(0, 10), st.floats(0.001, 10))
def test_status_follows_the_greatest_difference(values, off, within):
    want = np.array(values)
    have = want.copy()
    have[-1] += off
    real = abs(have[-1] - want[-1])
    expected = "exact" if real <= 1e-5 * max(1, abs(want[-1])) else "near" if real <= within else "wrong"
    assert compare_values(have, want, within)[0] == expected


def test_missing_values_are_equal_to_missing_values_only():
    assert compare_values([np.nan, 1], [np.nan, 1], 0.0)[0] == "exact"
    assert compare_values([1, 1], [np.nan, 1], 100.0)[0] == "wrong"


def test_what_is_no_number():
    assert as_numbers({"a": 1}) is None
    assert as_numbers([[1], [1, 2]]) is None
    assert as_numbers(None) is None
    assert as_numbers([torch.tensor(1.0), 2]).tolist() == [1, 2]
    assert as_numbers(np.array(["a"])) is None


# ---------------------------------------------------------------- partitions, choices, sets


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.permutations(range(5)))
def test_a_partition_may_be_renamed(labels, names):
    assert compare_partition([names[label] for label in labels], labels, 0.0)[0] == "exact"


@given(st.data())
def test_partitions_are_exact_only_where_the_rand_index_is_one(data):
    n = data.draw(st.integers(2, 9))
    one, two = (data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)) for _ in range(2))
    same = all((one[i] == one[j]) == (two[i] == two[j]) for i in range(n) for j in range(n))
    assert (compare_partition(two, one, 0.0)[0] == "exact") == same
    assert not same or adjusted_rand_score(one, two) == 1


def test_a_partition_that_is_nearly_right():
    want, have = [0] * 50 + [1] * 50, [0] * 49 + [1] * 51
    assert compare_partition(have, want, 0.05)[0] == "near"
    assert compare_partition(have, want, 0.0) == (
        "wrong",
        "as many clusters as there should be, of other items",
        "you have 2 clusters, 2 are expected; BCubed F 0.980",
    )
    assert compare_partition([0] * 100, want, 0.0).kind == "too few clusters"
    assert "expected 100 labels" in compare_partition([0], want, 0.0)[1]
    assert compare_partition("abc", want, 0.0)[0] == "wrong"


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        ("Recall ", "recall", True),
        ("precision", "recall", False),
        (1, "recall", False),
        (np.True_, True, True),
        (False, True, False),
        ("true", True, False),
    ],
)
def test_a_choice(answer, expected, right):
    assert (compare_choice(answer, expected, 0.0)[0] == "exact") == right


def test_a_set_has_no_order():
    assert compare_set([3, 1, 1], [1, 3], 0.0)[0] == "exact"
    assert compare_set(torch.tensor([1, 3]), {1, 3}, 0.0)[0] == "exact"
    assert compare_set({1, 3}, [1, 3], 0.0)[0] == "exact"
    fault = "some do not belong and some are missing"
    assert compare_set([1, 2], [1, 3], 0.0) == ("wrong", fault, "1 too many, 1 missing")
    assert compare_set("13", [1, 3], 0.0)[0] == "wrong"


# ---------------------------------------------------------------- checks


def test_a_wrong_answer_raises_nothing_and_hears_more_each_time(registered):
    registered("90-double", double, within=0.5, hint="Add it to itself.")
    right, near, wrong, opened = (course.check("90-double", answer, 3) for answer in (6, 6.2, 5, ...))
    assert [v.status for v in (right, near, wrong, opened)] == ["exact", "near", "wrong", "open"]
    assert [v.ok for v in (right, near, wrong, opened)] == [True, True, False, False]
    assert str(wrong) == "✗ Not yet: twice the number: 5 is too small."
    second, third = (str(course.check("90-double", 5, 3)) for _ in range(2))
    assert second == "✗ Not yet: twice the number: 5 is too small. Add it to itself."
    assert third == "✗ Not yet: twice the number: 5 is too small, off by 1, 0.5 is allowed. Add it to itself."
    assert course.check("90-double", 6, 3).ok
    assert (
        str(course.check("90-double", 3, 3)) == "✗ Not yet: twice the number: 3 is too small. Is it the number itself?"
    )
    assert str(opened) == "… Not answered yet: twice the number."
    assert "Add it" not in str(near)


def test_a_function_is_called_with_the_inputs(registered):
    registered("90-double", double, how="function")
    assert course.check("90-double", lambda x: x + x, 4).ok
    assert not course.check("90-double", lambda x: x, 4).ok
    assert "ZeroDivisionError" in str(course.check("90-double", lambda x: x / 0, 4))
    assert "a function is expected" in str(course.check("90-double", 8, 4))


def test_a_function_may_be_told_what_not_to_use(registered):
    registered("90-double", double, how="function", forbidden=("double", "for"))
    assert course.check("90-double", lambda x: x + x, 4).ok
    for answer in (double, lambda x: double(x), lambda x: sum(x for _ in range(2)), lambda x: sum([x for _ in "ab"])):
        assert "does not allow" in str(course.check("90-double", answer, 4))


def test_a_grader_is_raised_at(registered, monkeypatch):
    registered("90-double", double)
    monkeypatch.setenv("WORKBENCH_GRADING", "1")
    assert course.check("90-double", 6, 3).ok
    for answer in (5, ...):
        with pytest.raises(AssertionError, match="twice the number"):
            course.check("90-double", answer, 3)


def test_a_property_is_judged_by_its_function(registered):
    def even(answer):
        """an even number"""
        return "" if answer % 2 == 0 else f"{answer} is odd"

    registered("90-even", even, how="property", wrong={"odd": lambda: 3})
    assert course.check("90-even", 4).ok
    assert "3 is odd" in str(course.check("90-even", 3))


def test_a_verdict_shows_itself_with_words_and_escapes(registered):
    registered("90-double", double)
    html = course.check("90-double", "<b>", 3)._repr_html_()
    assert "Not yet" in html
    assert "✗" in html
    assert "&lt;b&gt;" in html
    assert "<b>'" not in html


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"how": "guess"}, "how: expected one of 'values'"), ({"wrong": {}}, "needs a typical wrong idea")],
)
def test_bad_settings_are_refused(registered, settings, words):
    with pytest.raises(ValueError, match=words):
        registered("90-double", double, **settings)


def test_names_are_unique_and_unknown_ones_get_a_suggestion(registered):
    registered("90-double", double)
    with pytest.raises(ValueError, match="is a check already"):
        registered("90-double", lambda x: x)
    with pytest.raises(ValueError, match="did you mean '90-double'"):
        course.check("90-duoble", 1, 1)


def test_a_check_says_what_it_asks_for(registered):
    with pytest.raises(ValueError, match="docstring"):
        registered("90-nothing", lambda x: x)


def test_every_check_of_the_course_is_described():
    assert all(check.title and not check.title.endswith(".") for check in CHECKS.values())
    assert all(len(check.name) > 3 and check.name[:2].isdigit() and check.name[2] == "-" for check in CHECKS.values())


def test_inputs_that_are_missing_are_told():
    with pytest.raises(TypeError, match=r"inputs: check '00-pairs' works on n\w*, got 0 of them"):
        course.check("00-pairs", 6)
