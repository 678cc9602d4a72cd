"""What the tests ask inside a notebook's kernel; imported there, not by the tests."""

import json
import sys
import threading

import numpy as np

from workbench import course

_heard: list[str] = []


def listen() -> None:
    """Note exceptions that no cell would show: those of threads and of objects on their way out."""
    threading.excepthook = lambda e: _heard.append(f"in thread {e.thread and e.thread.name}: {e.exc_value!r}")
    sys.unraisablehook = lambda e: _heard.append(f"in {e.object!r}: {e.exc_value!r}")


def heard() -> str:
    """What was noted, and the errors that explorers and Output widgets hold."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(timeout=60)
    return json.dumps(_heard + _in_widgets())


def _in_widgets() -> list[str]:
    if "ipywidgets" not in sys.modules:
        return []
    from ipywidgets.widgets.widget import _instances

    widgets = list(_instances.values())
    explorers = [text for widget in widgets if widget.has_trait("errors") for text in widget.errors]
    outputs = [o for widget in widgets if widget.has_trait("outputs") for o in widget.outputs]
    return explorers + [f"in an Output: {o['evalue']}" for o in outputs if o["output_type"] == "error"]


def verdicts(name: str, answer, *inputs) -> str:
    """The verdict on this answer and on a wrong one."""
    own = course.check(name, answer, *inputs)
    wrong = own if answer is ... else course.check(name, spoiled(name, answer), *inputs)  # a student's copy is open
    told = {"name": name, "ok": own.ok, "text": str(own), "wrong_ok": wrong.ok, "wrong_text": str(wrong)}
    return json.dumps({**told, "wrong_status": wrong.status})


def spoiled(name: str, answer):
    """An answer of the same kind that is not right."""
    check = course.find_check(name)
    if check.how == "property":
        return check.wrong
    if check.how == "function":
        return lambda *inputs: _spoiled_values(answer(*inputs), check.within)
    if check.how == "choice":
        return (not answer) if isinstance(answer, bool | np.bool_) else f"not {answer}"
    if check.how == "set":
        return [*list(answer), -7]
    if check.how == "partition":
        labels = np.asarray(answer)
        return np.zeros(len(labels), int) if len(np.unique(labels)) > 1 else np.arange(len(labels))
    return _spoiled_values(answer, check.within)


def _spoiled_values(answer, within: float):
    numbers = course.as_numbers(answer)
    assert numbers is not None, f"a check by values needs numbers, the solution gives {answer!r}"
    return numbers + 1 + 2 * abs(numbers) + 2 * within
