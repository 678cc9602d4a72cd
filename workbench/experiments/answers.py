"""What a person's answers are worth: F after each answer of a simulated one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from .._core.validation import check_int, check_labels, check_unit_interval
from ..cluster.hilander import HiLander
from ..evaluate.scores import scores

Asker = Callable[[HiLander], Any]
SHOWN = ("pairwise_f", "bcubed_f", "item_f", "n_clusters")


def answer_curve(
    model: HiLander, labels: Any, n: int, *, ask: Asker | None = None, error: float = 0.0, seed: int = 0
) -> pd.DataFrame:
    """Ask a simulated person n questions, one after another, and score after each.

    The person says whether the two rows shown are of one class, by the labels, and wrongly with probability `error`. An
    answer that contradicts what follows from earlier ones is dropped, but counts.

    Args:
        model: fitted; it is changed: every answer is one of its corrections.
        labels: true classes [N].
        n: questions.
        ask: (model) -> two rows to ask about, None: no question is left; by default the best of `model.questions`.
        error: share of wrong answers, in [0, 1].
        seed: of the wrong answers.

    Returns: a row per number of answers, 0 first: answers, the three F, n_clusters, dropped.

    Raises:
        NotFittedError: before `fit`.
        ValueError: another number of labels, or `error` outside [0, 1].

    Example:
        >>> random = np.random.default_rng(0)
        >>> y = np.repeat(np.arange(6), 12)
        >>> model = HiLander().fit(random.normal(size=(6, 8))[y] + random.normal(size=(72, 8)))
        >>> curve = answer_curve(model, y, 5)
        >>> len(curve) <= 6, bool(curve["bcubed_f"].iloc[-1] > curve["bcubed_f"].iloc[0])
        (True, True)
    """
    truth = check_labels(labels, len(model.labels_))
    wrong = np.random.default_rng(seed).random(check_int(n, "n", 0)) < check_unit_interval(error, "error")
    rows = [_row(model, truth, 0, 0)]
    dropped = 0
    for answers in range(1, n + 1):
        pair = _best(model) if ask is None else ask(model)
        if pair is None:
            break
        a, b = (int(row) for row in pair)
        try:
            model.answer(a, b, same=bool((truth[a] == truth[b]) != wrong[answers - 1]))
        except ValueError:
            dropped += 1
        rows.append(_row(model, truth, answers, dropped))
    return pd.DataFrame(rows)


def _best(model: HiLander) -> Any:
    asked = model.questions(1)
    return asked[["first", "second"]].to_numpy()[0] if len(asked) else None


def _row(model: HiLander, truth: np.ndarray, answers: int, dropped: int) -> dict[str, Any]:
    found = scores(truth, model.labels_)
    return {"answers": answers, **{name: found[name] for name in SHOWN}, "dropped": dropped}
