"""What every check is asked: a right, a nearly right, a wrong and an unusable answer."""

import pytest

from workbench import course
from workbench.course.checks.registry import CHECKS


class Answers:
    """The tests of a topic's checks; its test file derives a class from this.

    `right` maps a check's name to (right answer, inputs). A name missing from `right` has tests of its own.
    """

    right: dict

    def pytest_generate_tests(self, metafunc):
        numbers = [name for name in self.right if CHECKS[name].how == "values"]
        rounded = [name for name in numbers if CHECKS[name].within > 0]
        for kind, names in {"name": self.right, "number": numbers, "rounded": rounded}.items():
            if kind in metafunc.fixturenames:
                metafunc.parametrize(kind, names)

    def verdict(self, name, answer):
        return course.check(name, answer, *self.right[name][1])

    def test_the_right_answer(self, name):
        assert self.verdict(name, self.right[name][0]).status == "exact"

    def test_an_approximately_right_answer(self, rounded):
        verdict = self.verdict(rounded, course.as_numbers(self.right[rounded][0]) + 0.6 * CHECKS[rounded].within)
        assert verdict.status == "near"
        assert "off by" in verdict.detail

    def test_a_wrong_answer_hears_more_from_miss_to_miss(self, number):
        self.verdict(number, self.right[number][0])  # a right answer ends the count of misses
        first, second, third = (self.verdict(number, self.too_large(number)) for _ in range(3))
        assert {verdict.status for verdict in (first, second, third)} == {"wrong"}
        assert "too large" in first.detail
        assert CHECKS[number].hint not in first.detail
        assert CHECKS[number].hint in second.detail
        assert "off by" not in second.detail
        assert "off by 1.5" in third.detail
        assert CHECKS[number].hint.endswith((".", "?"))

    def too_large(self, number):
        return course.as_numbers(self.right[number][0]) + 1.5

    @pytest.mark.parametrize("answer", ["a word", None, [[[1.0]]]])
    def test_an_unusable_answer_is_wrong_and_raises_nothing(self, name, answer):
        verdict = self.verdict(name, answer)
        assert verdict.status == "wrong"
        assert verdict.detail
