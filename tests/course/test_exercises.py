"""Students' copies: stubs in place of solutions, and a clear error where a solution is not marked as it should be."""

import nbformat
import pytest

from workbench.course.__main__ import main
from workbench.course.exercises import exercise_copy, exercise_texts, made_names, needed_names, stub, write_exercises
from workbench.course.lesson import about, check_calls, read

GOOD = "import torch\n# a hint\n# solution\na = 1\nanswer = a + 1\n# end"
POINTS = "course.check('90-x', answer, graph)"


def code(source: str, *tags: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


def lesson(*cells: nbformat.NotebookNode) -> nbformat.NotebookNode:
    first = nbformat.v4.new_markdown_cell("# A\n\n**You will** see.\n\n**About 5 minutes.**")
    return nbformat.v4.new_notebook(cells=[first, code("seed = 0\nfast = False", "parameters"), *cells])


def write_solutions(folder, *cells: nbformat.NotebookNode) -> None:
    (folder / "solutions").mkdir()
    nbformat.write(lesson(*cells), folder / "solutions" / "01_a.ipynb")


def exercise(source: str = GOOD, points: str = POINTS) -> tuple[nbformat.NotebookNode, nbformat.NotebookNode]:
    return code(source, "answer"), code(points, "points")


def test_a_stub_keeps_what_stands_before_the_solution():
    assert stub(GOOD) == "import torch\n# a hint\nanswer = ...  # your code"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("answer = 1", "expected one block"),
        ("# solution\nanswer = 1\n# end\nprint(answer)", "at its end"),
        ("# solution\nresult = 1\n# end", "answer must be made"),
    ],
)
def test_a_solution_that_is_not_marked_right_is_refused(source, words):
    with pytest.raises(ValueError, match=words):
        stub(source)


@pytest.mark.parametrize(
    "points",
    ["course.check('a', answer)\ncourse.check('b', answer)", "print(answer)", "course.check('a', other)", "answer = 2"],
)
def test_after_an_answer_comes_its_check_alone(points):
    with pytest.raises(ValueError, match="the next cell"):
        exercise_copy(lesson(*exercise(points=points)))
    with pytest.raises(ValueError, match="the next cell"):
        exercise_copy(lesson(code(GOOD, "answer")))


def test_no_later_cell_may_need_what_a_solution_makes():
    for needing in (lesson(*exercise(), code("print(a)")), lesson(*exercise(points="course.check('90-x', answer, a)"))):
        with pytest.raises(ValueError, match="other code reads a"):
            exercise_copy(needing)
    made_anew = lesson(*exercise(), code("a = 2\nprint(a)"), *exercise())
    assert exercise_copy(made_anew).cells[2].source.count("your code") == 1


def test_the_copy_is_another_notebook():
    original = lesson(*exercise())
    copy = exercise_copy(original)
    assert "answer = a + 1" in original.cells[2].source
    assert copy.cells[2].source.endswith("answer = ...  # your code")
    assert [cell.metadata for cell in copy.cells] == [cell.metadata for cell in original.cells]
    assert about(copy) == about(original)


def test_made_names_leave_out_what_is_local():
    assert made_names("def f(x):\n    y = x\n    return y\nz = [i for i in f(1)]\nfor k in z: pass") >= {"f", "z", "k"}
    assert not made_names("def f(x):\n    y = x\n    return y") & {"x", "y"}


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        ("a = 1\nb = a", ""),
        ("b = a\na = 1", "a"),
        ("a = a + 1", "a"),
        ("for i in n:\n    i", "n"),
        ("f = lambda x: x + y", "y"),
        ("def f(x):\n    z = x\n    return z", ""),
        ("import a\na.b", ""),
    ],
)
def test_needed_names_are_read_before_they_are_made(source, needed):
    assert needed_names(source) == set(needed.split())


def test_check_calls_are_read_in_order():
    calls = check_calls("course.check('b', x)\nprint(1)\ncourse.check('a', y, 2 * n, labels)")
    assert [(call.name, call.answer, call.inputs) for call in calls] == [
        ("b", "x", ()),
        ("a", "y", ("2 * n", "labels")),
    ]


def test_files_are_written_and_old_ones_removed(tmp_path):
    write_solutions(tmp_path, *exercise())
    (tmp_path / "00_gone.ipynb").write_text("{}")
    (written,) = write_exercises(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["01_a.ipynb", "solutions"]
    assert "your code" in read(written).cells[2].source
    assert exercise_texts(tmp_path) == {"01_a.ipynb": written.read_text(encoding="utf-8")}


def test_an_error_names_the_notebook(tmp_path, capsys):
    write_solutions(tmp_path, code("answer = 1", "answer"))
    assert main(["exercises", "--notebooks", str(tmp_path)]) == 1
    assert "error: 01_a.ipynb: answer cell" in capsys.readouterr().err
    assert main(["exercises", "--notebooks", str(tmp_path / "nowhere")]) == 1


def test_the_command_writes_copies_and_quiz(tmp_path, capsys):
    write_solutions(tmp_path, *exercise())
    assert main(["exercises", "--notebooks", str(tmp_path)]) == 0
    assert (tmp_path / "QUIZ.md").read_text(encoding="utf-8").startswith("# Quiz")
    assert "course.quiz()" in read(tmp_path / "QUIZ.ipynb").cells[1].source
    assert "1 notebooks" in capsys.readouterr().out


def test_about_needs_its_three_parts():
    with pytest.raises(ValueError, match="You will"):
        about(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A")]))
