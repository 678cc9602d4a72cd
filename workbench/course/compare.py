"""How an answer is compared with what is expected: numbers, partitions, choices, sets; and by how much it is off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from .._core.validation import check_labels
from ..evaluate.scores import bcubed, contingency

EXACT = "exact"
NEAR = "near"
WRONG = "wrong"
OPEN = "open"
ROUNDING = 1e-5  # relative: what float32 sums in another order may differ by
Outcome = tuple[str, str]  # status, words
Compare = Callable[[Any, Any, float], Outcome]


def compare_values(answer: Any, expected: Any, within: float) -> Outcome:
    """Numbers, arrays and tensors, element by element.

    Formula: off = max |answer - expected|; exact if off <= 1e-5 max(1, |expected|) (rounding), near if off <= within.

    Example:
        >>> compare_values([1.0, 2.3], np.array([1.0, 2.0]), within=0.1)
        ('wrong', '1 of 2 values differ; the worst, at [1], is 2.3: off by 0.3, 0.1 is allowed')
    """
    have = as_numbers(answer)
    want = as_numbers(expected)
    if want is None:
        raise TypeError(f"expected: a check by values needs numbers, got {type(expected).__name__}")
    if have is None:
        return WRONG, f"numbers are expected, you have {_short(answer)}"
    if have.shape != want.shape:
        return WRONG, f"the shape {_shape(want)} is expected, you have {_shape(have)}"
    with np.errstate(invalid="ignore"):
        apart = np.abs(have - want)
    same = (have == want) | (np.isnan(have) & np.isnan(want))
    off = np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))
    differs = np.asarray(off > ROUNDING * np.maximum(1, np.abs(np.nan_to_num(want))))
    if not differs.any():
        return EXACT, "exactly" + (f" {_number(want.item())}" if want.size == 1 else "")
    return (NEAR if off.max() <= within else WRONG), _off(have, off, differs, within)


def _off(have: np.ndarray, off: np.ndarray, differs: np.ndarray, within: float) -> str:
    allowed = f", {_number(within)} is allowed" if within else ""
    if have.size == 1:
        return f"you have {_number(have.item())}: off by {_number(off.item())}{allowed}"
    worst = np.unravel_index(int(off.argmax()), off.shape)
    place = ", ".join(str(int(i)) for i in worst)
    many = f"{int(differs.sum()):,} of {have.size:,} values differ"
    return f"{many}; the worst, at [{place}], is {_number(have[worst])}: off by {_number(off[worst])}{allowed}"


def compare_partition(answer: Any, expected: Any, within: float) -> Outcome:
    """Cluster labels [N] up to renaming; off = 1 - BCubed F of the answer against what is expected.

    Example:
        >>> compare_partition([7, 7, 3], [0, 0, 1], within=0.0)
        ('exact', 'exactly: 2 clusters, the same items together')
    """
    want = check_labels(expected, name="expected")
    try:
        have = check_labels(answer, len(want), "the answer")
    except (TypeError, ValueError) as error:
        return WRONG, str(error)
    table = contingency(want, have)
    if table.perfect:
        return EXACT, f"exactly: {table.n_clusters:,} clusters, the same items together"
    off = 1 - bcubed(table).f
    words = f"you have {table.n_clusters:,} clusters, {len(table.row_sizes):,} are expected; BCubed F {1 - off:.3f}"
    return (NEAR if off <= within else WRONG), words


def compare_choice(answer: Any, expected: Any, within: float) -> Outcome:
    """One of a few words or True/False; capitals and spaces around do not matter.

    Example:
        >>> compare_choice(" Recall", "recall", 0.0)
        ('exact', "exactly 'recall'")
    """
    same = _plain(answer) == _plain(expected)
    return (EXACT, f"exactly {expected!r}") if same else (WRONG, f"it is not {_short(answer)}")


def compare_set(answer: Any, expected: Any, within: float) -> Outcome:
    """A collection of integers whose order and repetition do not matter.

    Example:
        >>> compare_set([3, 1, 4], {1, 3}, 0.0)
        ('wrong', '1 too many, 0 missing')
    """
    have = as_numbers(sorted(answer) if isinstance(answer, set | frozenset) else answer)
    want = set(expected)
    if have is None:
        return WRONG, f"a list of numbers is expected, you have {_short(answer)}"
    got = set(have.ravel().tolist())
    if got == want:
        return EXACT, f"exactly these {len(want):,}"
    return WRONG, f"{len(got - want):,} too many, {len(want - got):,} missing"


COMPARE: dict[str, Compare] = {
    "values": compare_values,
    "partition": compare_partition,
    "choice": compare_choice,
    "set": compare_set,
}


def as_numbers(value: Any) -> np.ndarray | None:
    """A number, list, array, tensor or frame as float64 array; None where it holds anything else.

    Example:
        >>> as_numbers([True, 2]).tolist(), as_numbers("two")
        ([1.0, 2.0], None)
    """
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
        return array.astype(np.float64) if array.dtype.kind in "fiub" else None
    except (TypeError, ValueError):
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return value.strip().casefold() if isinstance(value, str) else value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _shape(array: np.ndarray) -> str:
    return str(list(array.shape)) if array.ndim else "of a single number"


def _number(value: float) -> str:
    whole = np.isfinite(value) and value == int(value)
    return f"{int(value):,}" if whole else f"{value:,.4g}"
