"""The course's machinery: checks of the exercises and the quiz; generated exercises and the static site.

>>> from workbench import course
>>> course.check("00-pairs", 6, 4).ok
True
"""

from .checks import CHECKS, Check, Verdict, add_check, check, find_check
from .compare import as_numbers
from .quiz import quiz

__all__ = [
    "CHECKS",
    "Check",
    "Verdict",
    "add_check",
    "as_numbers",
    "check",
    "find_check",
    "quiz",
]
