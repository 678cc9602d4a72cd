"""Whole experiments: ours beside the baselines, ablations, the published results, benchmarks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answers import answer_curve as answer_curve
    from .comparison import methods_for as methods_for
    from .comparison import run_evaluation as run_evaluation
    from .comparison import score_table as score_table

__all__ = [
    "answer_curve",
    "methods_for",
    "run_evaluation",
    "score_table",
]


def __getattr__(name: str) -> Any:
    """Imported when first used: the benchmarks' processes, which other interpreters run too, must stay small."""
    if name in __all__:
        return getattr(import_module(".answers" if name == "answer_curve" else ".comparison", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What is there, and what will be when it is asked for."""
    return sorted({*globals(), *__all__})
