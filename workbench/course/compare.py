"""How an answer is compared with what is expected: numbers, partitions, choices, sets; and by how much it is off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from .._core.validation import check_labels
from ..evaluate.scores import bcubed, contingency

EXACT = "exact"
NEAR = "near"
WRONG = "wrong"
OPEN = "open"
ROUNDING = 1e-5  # relative: what float32 sums in another order may differ by


class Outcome(NamedTuple):
    """How an answer compares.

    Attributes:
        status: "exact", "near" or "wrong".
        kind: what is wrong and in which direction, without giving the answer away; of a right answer, what it is.
        distance: by how much it is off; "" where that is no number.
    """

    status: str
    kind: str
    distance: str = ""


Compare = Callable[[Any, Any, float], Outcome]


def compare_values(answer: Any, expected: Any, within: float) -> Outcome:
    """Numbers, arrays and tensors, element by element.

    Formula: off = max |answer - expected|; exact if off <= 1e-5 max(1, |expected|) (rounding), near if off <= within.

    Example:
        >>> print(*compare_values([1.0, 2.3], np.array([1.0, 2.0]), within=0.1), sep=" | ")
        wrong | 1 of 2 values differ; the worst, at [1], is too large | off by 0.3, 0.1 is allowed
    """
    have = as_numbers(answer)
    want = as_numbers(expected)
    if want is None:
        raise TypeError(f"expected: a check by values needs numbers, got {type(expected).__name__}")
    if have is None:
        return Outcome(WRONG, f"numbers are expected, you have {_short(answer)}")
    if have.shape != want.shape:
        return Outcome(WRONG, f"the shape {_shape(want)} is expected, you have {_shape(have)}")
    with np.errstate(invalid="ignore"):
        apart = np.abs(have - want)
    same = (have == want) | (np.isnan(have) & np.isnan(want))
    off = np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))
    differs = np.asarray(off > ROUNDING * np.maximum(1, np.abs(np.nan_to_num(want))))
    if not differs.any():
        return Outcome(EXACT, "exactly" + (f" {_number(want.item())}" if want.size == 1 else ""))
    worst = np.unravel_index(int(off.argmax()), off.shape)
    allowed = f", {_number(within)} is allowed" if within else ""
    distance = f"off by {_number(off[worst])}{allowed}"
    return Outcome(NEAR if off.max() <= within else WRONG, _where(have, want, worst, int(differs.sum())), distance)


def _where(have: np.ndarray, want: np.ndarray, worst: tuple[Any, ...], n_wrong: int) -> str:
    """Which values differ and in which direction, but not how far."""
    side = "too large" if have[worst] > want[worst] else "too small" if have[worst] < want[worst] else "no number"
    if have.size == 1:
        return f"{_number(have.item())} is {side}"
    place = ", ".join(str(int(i)) for i in worst)
    return f"{n_wrong:,} of {have.size:,} values differ; the worst, at [{place}], is {side}"


def compare_partition(answer: Any, expected: Any, within: float) -> Outcome:
    """Cluster labels [N] up to renaming; off = 1 - BCubed F of the answer against what is expected.

    Example:
        >>> compare_partition([7, 7, 3], [0, 0, 1], within=0.0)
        Outcome(status='exact', kind='exactly: 2 clusters, the same items together', distance='')
    """
    want = check_labels(expected, name="expected")
    try:
        have = check_labels(answer, len(want), "the answer")
    except (TypeError, ValueError) as error:
        return Outcome(WRONG, str(error))
    table = contingency(want, have)
    n_expected = len(table.row_sizes)
    if table.perfect:
        return Outcome(EXACT, f"exactly: {table.n_clusters:,} clusters, the same items together")
    many = "too many" if table.n_clusters > n_expected else "too few" if table.n_clusters < n_expected else "as many"
    kind = f"{many} clusters{' as there should be, of other items' if many == 'as many' else ''}"
    f = bcubed(table).f
    distance = f"you have {table.n_clusters:,} clusters, {n_expected:,} are expected; BCubed F {f:.3f}"
    return Outcome(NEAR if 1 - f <= within else WRONG, kind, distance)


def compare_choice(answer: Any, expected: Any, within: float) -> Outcome:
    """One of a few words or True/False; capitals and spaces around do not matter.

    Example:
        >>> compare_choice(" Recall", "recall", 0.0)
        Outcome(status='exact', kind="exactly 'recall'", distance='')
    """
    same = _plain(answer) == _plain(expected)
    return Outcome(EXACT, f"exactly {expected!r}") if same else Outcome(WRONG, f"it is not {_short(answer)}")


def compare_set(answer: Any, expected: Any, within: float) -> Outcome:
    """A collection of integers whose order and repetition do not matter.

    Example:
        >>> compare_set([3, 1, 4], {1, 3}, 0.0)
        Outcome(status='wrong', kind='some do not belong', distance='1 too many, 0 missing')
    """
    have = as_numbers(sorted(answer) if isinstance(answer, set | frozenset) else answer)
    want = set(expected)
    if have is None:
        return Outcome(WRONG, f"a list of numbers is expected, you have {_short(answer)}")
    got = set(have.ravel().tolist())
    if got == want:
        return Outcome(EXACT, f"exactly these {len(want):,}")
    faults = {"some do not belong": got - want, "some are missing": want - got}
    kind = " and ".join(words for words, found in faults.items() if found)
    return Outcome(WRONG, kind, f"{len(got - want):,} too many, {len(want - got):,} missing")


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
