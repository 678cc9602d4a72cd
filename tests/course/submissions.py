"""Three made-up submissions of a lesson: right, empty, typical wrong ideas."""

import copy

from nbformat import NotebookNode

from workbench.course.exercises import exercise_copy
from workbench.course.lesson import check_calls, tags


def submissions(lesson: NotebookNode, wrong: dict[str, str]) -> dict[str, NotebookNode]:
    """By student; `wrong` is the code of the wrong answers, by check, the others are right."""
    mixed = copy.deepcopy(lesson)
    for answer, points in zip(mixed.cells, mixed.cells[1:], strict=False):
        if "points" in tags(points) and check_calls(points.source)[0].name in wrong:
            answer.source = wrong[check_calls(points.source)[0].name]
    return {"empty": exercise_copy(lesson), "ideas": mixed, "right": lesson}
