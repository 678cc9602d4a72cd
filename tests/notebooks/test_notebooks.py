"""Every notebook of the course runs from top to bottom, and is stored the way a course needs it."""

import re
from functools import cache
from statistics import median

import pytest
from running import FOLDER, PLOTLY, SOLUTIONS, code_cells, one_kernel, run

from workbench.course import CHECKS
from workbench.course.exercises import exercise_texts
from workbench.course.lesson import about, check_calls, in_fast_mode, lessons, read, tagged, tags

NOTEBOOKS = lessons(SOLUTIONS)
every = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
# Half a minute and more each, even in fast mode: they train or tune, by functions that have tests of their own.
LONG = ("05", "09", "10", "12")
ran_soon = pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=pytest.mark.slow if path.stem[:2] in LONG else ()) for path in NOTEBOOKS],
    ids=lambda path: path.stem,
)
COURSE = [f"{number:02d}" for number in range(16)]
MAX_BYTES = 300_000
NBGRADER = {"schema_version": 3, "grade": False, "locked": False, "solution": False, "task": False}


@pytest.fixture(scope="module")
def kernel():
    with one_kernel() as client:
        yield client


@pytest.fixture(scope="module")
def ran(kernel):
    """Runs a notebook in fast mode: once, whatever is asked of it."""
    return cache(lambda path: run(in_fast_mode(read(path)), kernel=kernel))


# ---------------------------------------------------------------- run


@ran_soon
def test_it_runs_without_an_error_or_a_warning(ran, path):
    done = ran(path)
    assert done.troubles == []
    assert all(cell.execution_count for cell in done.cells)
    assert len(done.shown(PLOTLY)) >= 2, "expected pictures"


@ran_soon
def test_its_checks_tell_right_ideas_from_wrong_ones(ran, path):
    asked = ran(path).checks
    wanted = [call.name for cell in code_cells(read(path)) for call in check_calls(cell.source)]
    assert [line["name"] for line in asked] == wanted
    assert {line["name"]: line["text"] for line in asked if not line["ok"]} == {}, "the solution itself must pass"
    assert {line["name"]: line["passed"] for line in asked if line["passed"]} == {}, "a wrong idea must not pass"


@pytest.mark.slow
@pytest.mark.timeout(900)
@every
def test_it_runs_in_full_and_its_claims_hold(path):
    assert run(read(path), claims=path.stem[:2]).troubles == []


@pytest.mark.slow
@every
def test_the_students_copy_runs_and_asks_for_every_answer(kernel, path):
    done = run(in_fast_mode(read(FOLDER / path.name)), kernel=kernel)
    shown = [o.data["text/plain"] for c in tagged(done.notebook, "points") for o in c.outputs if "data" in o]
    assert [trouble for trouble in done.troubles if "in_kernel" not in trouble] == []
    assert all(text.startswith("… Not answered yet") for text in shown)
    assert len(shown) == len(tagged(done.notebook, "answer")) >= 1


# ---------------------------------------------------------------- as stored


@every
def test_it_is_stored_clean_and_small(path):
    for notebook, file in ((read(p), p) for p in (path, FOLDER / path.name)):
        assert file.stat().st_size < MAX_BYTES
        assert "widgets" not in notebook.metadata
        assert notebook.metadata.kernelspec.name == "python3"
        assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(notebook))
        assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@every
def test_it_has_the_parts_of_a_lesson(path):
    notebook = read(path)
    headings = [line for c in notebook.cells if c.cell_type == "markdown" for line in c.source.splitlines()]
    order = [f"## {part}" for part in ("Predict first", "Exercises", "Summary", "Paper and code", "References")]
    assert [line for line in headings if line in order] == order
    assert 3 <= about(notebook).minutes <= 90
    assert "parameters" in tags(code_cells(notebook)[0])  # the first cell that runs
    assert "seed = 0" in code_cells(notebook)[0].source
    assert tagged(notebook, "check")
    assert all(check_calls(cell.source) for cell in tagged(notebook, "check"))


@every
def test_each_exercise_has_a_number_a_solution_and_a_check(path):
    notebook = read(path)
    cells = notebook.cells
    places = [i for i, cell in enumerate(cells) if "exercise" in tags(cell)]
    titles = [re.match(r"### Exercise (\d+): \S", cells[i].source) for i in places]
    assert all(titles), "an exercise starts with '### Exercise N: title'"
    assert [int(title[1]) for title in titles if title] == list(range(1, len(places) + 1))
    assert places
    assert [cells[i + 1] for i in places] == tagged(notebook, "answer")
    assert [cells[i + 2] for i in places] == tagged(notebook, "points")


@every
def test_nbgrader_finds_its_exercises(path):
    for exercise in tagged(read(path), "answer"):
        assert exercise.metadata.nbgrader == {
            **NBGRADER,
            "solution": True,
            "grade_id": exercise.metadata.nbgrader.grade_id,
        }
    for cell in tagged(read(path), "points"):
        (call,) = check_calls(cell.source)
        wanted = {"grade": True, "locked": True, "points": 1, "grade_id": call.name}
        assert cell.metadata.nbgrader == {**NBGRADER, **wanted}


@every
def test_its_cells_are_short(path):
    cells = code_cells(read(path))
    lengths = [len(cell.source.splitlines()) for cell in cells]
    assert median(lengths) <= 6
    assert max(lengths) <= 15
    assert max(len(line) for cell in cells for line in cell.source.splitlines()) <= 120


@every
def test_it_uses_the_public_face_only_and_no_network(path):
    source = "\n".join(cell.source for cell in code_cells(read(path)))
    assert "._" not in source
    assert "import _" not in source
    assert not re.findall(r"\b(?:from|import) workbench\.\w+\.", source), "import from a package, not from inside it"
    assert "http" not in source


@every
def test_its_text_needs_no_network_and_its_links_lead_somewhere(path):
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    assert not re.search(r"\$[^$\n]+\$", prose), "formulas are plain text in backticks"
    assert not re.search(r"!\[[^\]]*\]\(|<(img|script|iframe)", prose), "no images or scripts from elsewhere"
    links = re.findall(r"\]\(([^)\s#]+)", prose)
    lessons_here = {path.name for path in NOTEBOOKS}  # both folders have them all
    assert not [link for link in links if "://" not in link and link not in lessons_here], "link to lessons only"


def test_the_students_copies_are_in_step_with_the_solutions():
    """`make exercises` writes them."""
    wanted = exercise_texts(FOLDER)
    assert {p.name: p.read_text(encoding="utf-8") for p in lessons(FOLDER)} == wanted


# ---------------------------------------------------------------- the course as a whole


def test_the_start_page_leads_to_every_lesson_with_its_minutes():
    start = read(FOLDER / "START.ipynb")
    text = "\n".join(cell.source for cell in start.cells if cell.cell_type == "markdown")
    rows = re.findall(r"^\| \[[^\]]+\]\(([^)]+)\) \| (\d+) \|", text, flags=re.MULTILINE)
    assert {name: int(minutes) for name, minutes in rows} == {p.name: about(read(p)).minutes for p in NOTEBOOKS}
    assert all((FOLDER / link).exists() for link in re.findall(r"\]\(([^)\s#]+)", text))
    assert len(re.findall(r"^\| \*\*", text, flags=re.MULTILINE)) == 10, "the ten words"


def test_the_timetables_add_up():
    guide = (FOLDER / "GUIDE.md").read_text(encoding="utf-8")
    minutes = {path.stem[:2]: about(read(path)).minutes for path in NOTEBOOKS}
    evenings = re.findall(r"^\| ([12]) \| (\d+) \| (\d\d)?", guide, flags=re.MULTILINE)
    for evening in "12":
        assert sum(int(time) for number, time, _ in evenings if number == evening) == 180
    assert all(int(time) == minutes[lesson] for _, time, lesson in evenings if lesson)
    days = re.findall(r"^\| [A-Za-z]+ \| (\d+) \| ((?:\d\d(?:, )?)+)", guide, flags=re.MULTILINE)
    assert len(days) == 6
    assert all(int(time) == sum(minutes[lesson] for lesson in re.findall(r"\d\d", which)) for time, which in days)
    assert sorted(lesson for _, which in days for lesson in re.findall(r"\d\d", which)) == sorted(minutes)


@pytest.mark.parametrize("name", ["START.ipynb", "QUIZ.ipynb"])
def test_the_pages_beside_the_lessons_run(kernel, name):
    assert run(read(FOLDER / name), kernel=kernel).troubles == []


def test_every_check_belongs_to_the_notebook_of_its_number_and_is_used_once():
    there = {path.stem[:2] for path in NOTEBOOKS}
    used = [(p.stem[:2], call.name) for p in NOTEBOOKS for c in code_cells(read(p)) for call in check_calls(c.source)]
    assert all(name.startswith(f"{number}-") for number, name in used)
    assert sorted(name for _, name in used) == sorted(name for name in CHECKS if name[:2] in there)


def test_the_course_is_whole_and_has_twenty_exercises():
    assert [path.stem[:2] for path in NOTEBOOKS] == COURSE
    assert sum(len(tagged(read(path), "exercise")) for path in NOTEBOOKS) >= 20
