"""Checks of the notebook 14: faces and species."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Int

from ...evaluate.scores import scores
from .registry import add_check

# ---------------------------------------------------------------- 14 photographs


@add_check(
    "14-alone",
    within=0.005,
    hint="Precision is 1; recall is the mean over all IMAGES of one over the size of their class.",
    wrong={
        "recall in place of F": lambda truth: len(np.unique(truth)) / len(truth),
        "a mean over classes": lambda truth: _alone(float(np.mean(1 / np.bincount(truth)))),
    },
)
def alone(truth: Int[np.ndarray, " n"]) -> float:
    """BCubed F of every image alone"""
    return float(scores(truth, np.arange(len(truth)))["bcubed_f"])


def _alone(recall: float) -> float:
    return 2 * recall / (1 + recall)


@add_check(
    "14-pairs",
    within=0.005,
    hint="A class of s images has s (s - 1) / 2 pairs.",
    wrong={
        "images in place of pairs": lambda truth: np.bincount(truth).max() / len(truth),
        "of all pairs, not of those of one class": lambda truth: (np.bincount(truth).max() / len(truth)) ** 2,
    },
)
def largest_share(truth: Int[np.ndarray, " n"]) -> float:
    """share of the true pairs that the largest class has"""
    sizes = np.bincount(truth).astype(np.float64)
    pairs = sizes * (sizes - 1) / 2
    return float(pairs.max() / pairs.sum())


def _ours_and_best(means: pd.DataFrame, test: str) -> tuple[float, float]:
    """BCubed F of the learned cut, and of the best method that learns nothing and is told nothing."""
    part = means[means["test"] == test]
    rivals = part[(part["family"] == "unlearned") & ~part["oracle"].astype(bool)]
    return float(part.set_index("method").loc["learned cut", "bcubed_f"]), float(rivals["bcubed_f"].max())


def _gain(means: pd.DataFrame, test: str) -> float:
    ours, best = _ours_and_best(means, test)
    return ours / best - 1


@add_check(
    "14-error",
    within=0.005,
    hint="Both errors are 1 - F, of the same test; compare them by a ratio.",
    wrong={
        "the gain in F": _gain,
        "what is left, not what is gone": lambda *given: 1 - error_gone(*given),
    },
)
def error_gone(means: pd.DataFrame, test: str) -> float:
    """share of the best unlearned method's error that is gone"""
    ours, best = _ours_and_best(means, test)
    return 1 - (1 - ours) / (1 - best)
