"""Three made-up submissions of a lesson: right, empty, typical wrong ideas."""

import copy

from nbformat import NotebookNode

from workbench.course.exercises import STUB, exercise_copy
from workbench.course.lesson import check_calls, tags


def submissions(lesson: NotebookNode, wrong: dict[str, str]) -> dict[str, NotebookNode]:
    """By student; `wrong` is the code of the wrong answers, by check, the others are right."""
    mixed, empty = copy.deepcopy(lesson), exercise_copy(lesson)
    for i, points in enumerate(mixed.cells):
        if "points" in tags(points) and check_calls(points.source)[0].name in wrong:
            idea = wrong[check_calls(points.source)[0].name]
            mixed.cells[i - 1].source = empty.cells[i - 1].source.replace(STUB, idea)
    return {"empty": empty, "ideas": mixed, "right": lesson}
