"""The suites by name; each is imported when it is asked for, so that a process holds what its case needs."""

from __future__ import annotations

from importlib import import_module

from ..._core.validation import check_choice
from .cases import Suite

SUITES = ("knn", "gnn", "train", "end-to-end", "metrics")


def suite(name: str) -> Suite:
    """A suite by its name.

    Raises:
        ValueError: there is none of this name.

    Example:
        >>> suite("metrics").reference
        'scikit-learn, pairs and NMI'
    """
    module = check_choice(name, "suite", SUITES).replace("-", "_")
    found: Suite = import_module(f".{module}_suite", __package__).SUITE
    return found
