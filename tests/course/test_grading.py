"""Grades of three made-up submissions, by the command and by the real nbgrader."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from submissions import submissions

from workbench.cli import app
from workbench.course.grading import grade
from workbench.course.lesson import in_fast_mode, lessons, read, tagged

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSON = "06_decode"
WRONG = {"06-part": "answer = float(strength[far])", "06-price": "answer = 160 * 159 // 2"}  # own link; all pairs
POINTS = {"empty": 0, "ideas": 2, "right": 4}
SAID = re.compile("✓ Right|✗ Not yet.*Is it|… Not answered yet")  # by a check, in what a student gets back


@pytest.fixture(scope="module")
def submitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("submitted")
    for student, notebook in submissions(
        in_fast_mode(read(NOTEBOOKS / "solutions" / f"{LESSON}.ipynb")), WRONG
    ).items():
        (folder / student / LESSON).mkdir(parents=True)
        nbformat.write(notebook, folder / student / LESSON / f"{LESSON}.ipynb")
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_command_gives_each_what_is_due(submitted, tmp_path):
    file = tmp_path / "grades.csv"
    command = ["course", "grade", str(submitted), "-o", str(file), "--notebooks", str(NOTEBOOKS)]
    app(command, standalone_mode=False)
    table = pd.read_csv(file)
    assert table.groupby("student")["points"].sum().to_dict() == POINTS
    missed = table[(table["student"] == "ideas") & (table["points"] == 0)]
    assert dict(zip(missed["check"], missed["said"].str.contains("Is it"), strict=True)) == dict.fromkeys(WRONG, True)
    assert table[table["student"] == "empty"]["said"].str.startswith("… Not answered yet").all()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nbgrader_gives_the_same(submitted, tmp_path):
    pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install -e '.[grading]'")
    shutil.copy(NOTEBOOKS / "nbgrader_config.py", tmp_path)
    source = tmp_path / "source" / LESSON
    source.mkdir(parents=True)
    shutil.copy(NOTEBOOKS / "solutions" / f"{LESSON}.ipynb", source)
    nbgrader(tmp_path, "generate_assignment", LESSON)
    released = read(tmp_path / "release" / LESSON / f"{LESSON}.ipynb")
    ours = read(NOTEBOOKS / f"{LESSON}.ipynb")
    assert [cell.source for cell in released.cells] == [cell.source for cell in ours.cells], "make exercises = assign"
    hand_in(submitted, tmp_path / "downloaded" / LESSON / "archive")
    nbgrader(tmp_path, "zip_collect", LESSON)
    nbgrader(tmp_path, "autograde", LESSON)
    nbgrader(tmp_path, "generate_feedback", LESSON)
    nbgrader(tmp_path, "export")
    table = pd.read_csv(tmp_path / "grades.csv")
    assert table.set_index("student_id")["score"].to_dict() == POINTS
    pages = {student: tmp_path / "feedback" / student / LESSON / f"{LESSON}.html" for student in POINTS}
    told = {student: Counter(SAID.findall(page.read_text(encoding="utf-8"))) for student, page in pages.items()}
    assert set(told["right"]) == {"✓ Right"}
    assert sum(words.startswith("✗ Not yet") for words in told["ideas"].elements()) >= len(WRONG)
    assert told["empty"]["… Not answered yet"] >= POINTS["right"]


def hand_in(submitted: Path, archive: Path) -> None:
    """One archive with a notebook of each student, as a course's server gives it to the instructor."""
    archive.mkdir(parents=True)
    with zipfile.ZipFile(archive / "all.zip", "w") as packed:
        for notebook in submitted.rglob("*.ipynb"):
            packed.write(notebook, f"{notebook.relative_to(submitted).parts[0]}_{notebook.name}")


def nbgrader(folder: Path, *command: str) -> None:
    own = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # it calls alembic by name
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command],
        cwd=folder,
        env={**os.environ, "PATH": own},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# ---------------------------------------------------------------- small notebooks


def small(folder: Path, student: str, *sources: str, keep: bool = True) -> None:
    notebook = tiny(*sources)
    if not keep:
        notebook.cells = [cell for cell in notebook.cells if "points" not in cell.metadata.get("tags", [])]
    (folder / student).mkdir(parents=True)
    nbformat.write(notebook, folder / student / "00_tiny.ipynb")


def tiny(*sources: str) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell("fast = False", metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(source, metadata={"tags": ["answer"]}) for source in sources]
    points = {"tags": ["points"], "nbgrader": {"grade_id": "00-pairs"}}
    cells.append(nbformat.v4.new_code_cell("course.check('00-pairs', answer, 4)", metadata=points))
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.slow
def test_grades_of_small_notebooks(tmp_path):
    course = tmp_path / "notebooks" / "solutions"
    course.mkdir(parents=True)
    nbformat.write(tiny("# solution\nanswer = 6\n# end"), course / "00_tiny.ipynb")
    handed_in = tmp_path / "in"
    use = "from workbench import course\n"
    small(handed_in, "right", f"{use}answer = 6")
    small(handed_in, "wrong", f"{use}answer = 12")
    small(handed_in, "error", f"{use}1 / 0", "answer = 6")
    small(handed_in, "cut", f"{use}answer = 6", keep=False)
    (handed_in / "broken").mkdir()
    (handed_in / "broken" / "00_tiny.ipynb").write_text("no notebook")
    table = grade(handed_in, tmp_path / "notebooks", tell=lambda line: None).set_index("student")
    assert table["points"].to_dict() == {"right": 1, "wrong": 0, "error": 1, "cut": 0, "broken": 0}
    assert "every pair counted twice" in table.loc["wrong", "said"]
    assert table.loc["cut", "said"] == "its cell is missing"
    assert "cannot be read" in table.loc["broken", "said"]


def test_what_a_student_has_spoilt_ends_no_other_students_grades(tmp_path):
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    nbformat.write(tiny("# solution\nanswer = 6\n# end"), tmp_path / "notebooks" / "solutions" / "00_tiny.ipynb")
    (tmp_path / "secret").write_text("root:x:0:0")
    handed_in = tmp_path / "in"
    for student in ("linked", "number", "piped"):
        (handed_in / student).mkdir(parents=True)
    (handed_in / "linked" / "00_tiny.ipynb").symlink_to(tmp_path / "secret")
    os.mkfifo(handed_in / "piped" / "00_tiny.ipynb")
    spoilt = json.loads(nbformat.writes(tiny("answer = 6")))
    spoilt["cells"][1]["source"] = 5
    (handed_in / "number" / "00_tiny.ipynb").write_text(json.dumps(spoilt))
    (tmp_path / "elsewhere").mkdir()
    (handed_in / "zoe").symlink_to(tmp_path / "elsewhere")  # a whole folder may lie elsewhere: the instructor put it
    (tmp_path / "elsewhere" / "00_tiny.ipynb").write_text("no notebook")

    table = grade(handed_in, tmp_path / "notebooks", tell=lambda line: None).set_index("student")
    assert table["points"].to_dict() == dict.fromkeys(("linked", "number", "piped", "zoe"), 0)
    assert table.loc["linked", "said"].endswith("it is a link to a file outside the student's folder")
    assert table.loc["number", "said"].startswith("the notebook cannot be run: ")
    assert "expected an ordinary file, got a folder, a pipe" in table.loc["piped", "said"]
    assert "no notebook" in table.loc["zoe", "said"]


def test_of_copies_one_counts_and_who_hands_in_nothing_is_named(tmp_path):
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    nbformat.write(tiny("# solution\nanswer = 6\n# end"), tmp_path / "notebooks" / "solutions" / "00_tiny.ipynb")
    handed_in = tmp_path / "in"
    for place in ("ann/again", "ann", "ann/.old", ".hidden"):
        (handed_in / place).mkdir(parents=True, exist_ok=True)
        (handed_in / place / "00_tiny.ipynb").write_text("no notebook")
    (handed_in / "bob").mkdir()
    (handed_in / "bob" / "homework.ipynb").write_text("another name")
    (handed_in / "all.zip").write_bytes(b"")
    heard = []
    table = grade(handed_in, tmp_path / "notebooks", tell=heard.append)
    assert table["student"].tolist() == ["ann", "bob"]
    assert table.loc[1, ["notebook", "check", "points", "said"]].tolist() == ["00_tiny", "00-pairs", 0, "not handed in"]
    assert heard == [
        "all.zip: not graded, expected STUDENT/.../NN_name.ipynb",
        "ann/again/00_tiny.ipynb: not graded, ann/00_tiny.ipynb is",
        "bob: no notebook of this course, expected NN_name.ipynb",
        "ann: 00_tiny.ipynb ...",
    ]


def test_a_notebook_that_does_not_end_has_no_points(tmp_path):
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    nbformat.write(tiny("# solution\nanswer = 6\n# end"), tmp_path / "notebooks" / "solutions" / "00_tiny.ipynb")
    small(tmp_path / "in", "slow", "import time; time.sleep(600)")
    table = grade(tmp_path / "in", tmp_path / "notebooks", seconds=2, tell=lambda line: None)
    assert table[["points", "said"]].to_numpy().tolist() == [[0, "a cell before it took more than 2 s"]]


def test_no_submissions_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected STUDENT"):
        grade(tmp_path, NOTEBOOKS)


def test_every_lesson_has_points():
    assert all(tagged(read(path), "points") for path in lessons(NOTEBOOKS))


def test_ctrl_c_ends_the_grading_and_gives_nobody_no_points(tmp_path):
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    nbformat.write(tiny("# solution\nanswer = 6\n# end"), tmp_path / "notebooks" / "solutions" / "00_tiny.ipynb")
    small(tmp_path / "in", "slow", f"open({str(tmp_path / 'runs')!r}, 'w'); import time; time.sleep(600)")
    command = ["course", "grade", str(tmp_path / "in"), "-o", str(tmp_path / "grades.csv")]
    command += ["--notebooks", str(tmp_path / "notebooks")]
    grading = subprocess.Popen([sys.executable, "-m", "workbench", *command], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "runs").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    grading.send_signal(signal.SIGINT)
    _, said = grading.communicate(timeout=60)
    assert grading.returncode == 130
    assert "interrupted\n" in said
    assert "Traceback" not in said
    assert not (tmp_path / "grades.csv").exists()


@pytest.mark.parametrize("ends", ["import sys; sys.exit()", "raise KeyboardInterrupt"])
def test_an_answer_that_ends_its_program_has_no_point(ends, tmp_path):
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    lesson = tiny("# solution\nanswer = 6\n# end")
    lesson.cells[-1].source = "course.check('07-links', answer, 4, 3)"
    lesson.cells[-1].metadata["nbgrader"]["grade_id"] = "07-links"
    nbformat.write(lesson, tmp_path / "notebooks" / "solutions" / "00_tiny.ipynb")
    lesson.cells[1].source = f"from workbench import course\ndef answer(n, c):\n    {ends}"
    (tmp_path / "in" / "ann").mkdir(parents=True)
    nbformat.write(lesson, tmp_path / "in" / "ann" / "00_tiny.ipynb")
    table = grade(tmp_path / "in", tmp_path / "notebooks", tell=lambda line: None)
    assert table["points"].tolist() == [0]
    assert table["said"].str.contains("SystemExit|KeyboardInterrupt").all()


def test_grades_replace_no_submission(tmp_path):
    (tmp_path / "in" / "ann").mkdir(parents=True)
    submission = tmp_path / "in" / "ann" / "06_decode.ipynb"
    submission.write_text("hers")
    with pytest.raises(ValueError, match="is read by this command"):
        app(["--debug", "course", "grade", str(tmp_path / "in"), "-o", str(submission)], standalone_mode=False)
    assert submission.read_text() == "hers"
