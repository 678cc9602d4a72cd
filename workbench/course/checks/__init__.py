"""Checks of the exercises, one module a subject; importing this adds them all to `CHECKS`."""

from . import ablation, answers, decode, graph, model, photographs, scores  # noqa: F401 - they add their checks
from .registry import CHECKS, Check, Verdict, add_check, check, find_check

__all__ = [
    "CHECKS",
    "Check",
    "Verdict",
    "add_check",
    "check",
    "find_check",
]
