"""The notebooks' tests are only as good as what they notice: small notebooks with known faults."""

import nbformat
import pytest
from running import one_kernel, run

from workbench.course.lesson import in_fast_mode

FAULTS = {
    "error": "1 / 0",
    "warning": "import warnings; warnings.warn('look out')",
    "thread": "import threading; threading.Thread(target=lambda: 1 / 0).start()",
    "explorer": "from workbench.views.explore import Explorer\ne = Explorer(); e.guarded(lambda: 1 / 0)()",
    "output": "import ipywidgets\nwith ipywidgets.Output() as out:\n    1 / 0",
}


def notebook(*sources: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    with one_kernel(tmp_path_factory.mktemp("notebooks")) as client:
        yield client


@pytest.fixture(scope="module")
def faulty(kernel):
    return run(notebook(*FAULTS.values()), kernel=kernel)


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_is_noticed(faulty, fault):
    words = {"warning": "look out", "error": "ZeroDivisionError: division by zero", "thread": "in thread"}
    words |= {"explorer": "ZeroDivisionError: division by zero", "output": "in an Output"}
    places = faulty.hidden if fault in ("thread", "explorer", "output") else faulty.troubles
    assert any(words[fault] in text for text in places)


def test_a_clean_notebook_has_no_troubles_and_its_checks_are_asked(faulty, kernel):
    assert faulty.troubles, "those of a notebook that ran before it are forgotten"
    lines = ("a = 6\nb = 5", "from workbench import course", "course.check('00-pairs', a, 4)")
    done = run(notebook(*lines), kernel=kernel)
    assert done.troubles == []
    (asked,) = done.checks
    assert (asked["ok"], asked["passed"]) == (True, [])
    assert done.seconds > 0


def test_fast_mode_needs_its_line():
    with pytest.raises(ValueError, match="parameters"):
        in_fast_mode(notebook("fast = True"))
