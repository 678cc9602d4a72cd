"""Checks of the notebook 15: what a person's answers are worth."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int64

from ...cluster.constraints import Constraints
from ...cluster.hilander import HiLander
from ...evaluate.scores import scores
from ...experiments.answers import answer_curve
from .registry import add_check


@add_check(
    "15-gain",
    hint="Answer the question by the labels; BCubed F after it less BCubed F before.",
    wrong={"the other answer": lambda model, y, a, b: _gained(model, y, a, b, right=False)},
)
def gain(model: HiLander, labels: Any, a: int, b: int) -> float:
    """BCubed F that the answer about two images adds"""
    return _gained(model, labels, a, b, right=True)


def _gained(model: HiLander, labels: Any, a: int, b: int, *, right: bool) -> float:
    truth = np.asarray(labels)
    after = copy.copy(model).answer(a, b, same=bool((truth[a] == truth[b]) == right))
    return float(scores(truth, after.labels_)["bcubed_f"] - scores(truth, model.labels_)["bcubed_f"])


@add_check(
    "15-closure",
    how="partition",
    hint="Whoever is one with one of a group is one with all of it: follow the chains.",
    wrong={"no chain is followed": lambda yes, n: [min([i, *(a for a, b in yes if b == i)]) for i in range(n)]},
)
def closure(yes: Any, n: int) -> Int64[np.ndarray, " n"]:
    """groups of items that the yeses tie together"""
    return Constraints.of(n, must_link=yes).groups(n)


@add_check(
    "15-half",
    hint="Half of the way is the mean of the first and the last F; count answers until the curve is there.",
    wrong={
        "half of the last F, not of the gain": lambda curve: int(
            (curve["bcubed_f"] >= curve["bcubed_f"].iloc[-1] / 2).argmax()
        )
    },
)
def half(curve: pd.DataFrame) -> int:
    """answers that brought half of the gain"""
    f = curve["bcubed_f"].to_numpy()
    return int(curve["answers"].to_numpy()[np.argmax(f >= (f[0] + f[-1]) / 2)])


@add_check(
    "15-spread",
    hint="Each row of the one with each row of the other.",
    wrong={"rows, not pairs": lambda found, a, b: int(np.isin(found, [found[a], found[b]]).sum())},
)
def spread(labels_pred: Any, a: int, b: int) -> int:
    """pairs that one wrong yes puts together"""
    found = np.asarray(labels_pred)
    return int((found == found[a]).sum() * (found == found[b]).sum())


@add_check(
    "15-errs",
    within=0.001,
    hint="A fresh model; answer_curve(..., error=...); the last row of the curve.",
    wrong={"a person who never errs": lambda x, y, n, error, seed: erring(x, y, n, 0.0, seed)},
)
def erring(features: Any, labels: Any, n: int, error: float, seed: int) -> float:
    """BCubed F after the answers of a person who errs"""
    curve = answer_curve(HiLander().fit(features), labels, n, error=error, seed=seed)
    return float(curve["bcubed_f"].iloc[-1])
