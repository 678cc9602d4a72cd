"""What the tests ask inside a notebook's kernel; imported there, not by the tests."""

import json
import sys
import threading

from ipywidgets import Widget
from ipywidgets.widgets.widget import _instances

from workbench import course
from workbench.course.checks.registry import _judge
from workbench.course.compare import WRONG

_heard: list[str] = []


def listen() -> None:
    """Note exceptions that no cell would show: those of threads and of objects on their way out.

    What an earlier notebook of this kernel left is put away.
    """
    _heard.clear()
    Widget.close_all()
    threading.excepthook = lambda e: _heard.append(f"in thread {e.thread and e.thread.name}: {e.exc_value!r}")
    sys.unraisablehook = lambda e: _heard.append(f"in {e.object!r}: {e.exc_value!r}")


def heard() -> str:
    """What was noted, and the errors that explorers and Output widgets hold."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(timeout=60)
    return json.dumps(_heard + _in_widgets())


def _in_widgets() -> list[str]:
    widgets = list(_instances.values())
    explorers = [text for widget in widgets if widget.has_trait("errors") for text in widget.errors]
    outputs = [o for widget in widgets if widget.has_trait("outputs") for o in widget.outputs]
    return explorers + [f"in an Output: {o['evalue']}" for o in outputs if o["output_type"] == "error"]


def verdicts(name: str, answer, *inputs) -> str:
    """The verdict on this answer, and which of the typical wrong ideas would pass, too."""
    own = course.check(name, answer, *inputs)
    told = {"name": name, "ok": own.ok, "text": str(own)}
    return json.dumps({**told, "passed": [] if answer is ... else _ideas_that_pass(name, inputs)})


def _ideas_that_pass(name: str, inputs: tuple) -> list[str]:
    wanted = course.find_check(name)
    answers = {idea: wanted.wrong_answer(idea, *inputs) for idea in wanted.wrong}
    return [f"{i}: {str(a)[:80]}" for i, a in answers.items() if _judge(wanted, a, inputs).status != WRONG]
