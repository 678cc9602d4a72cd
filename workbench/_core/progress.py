"""Progress bars of work done in parts: shown if the caller asked for them; Ctrl-C stops between two parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from torch import Tensor
from tqdm.auto import tqdm

DELAY = 2.0  # seconds; work that ends sooner shows no bar. A matter of taste
Part = TypeVar("Part")

# A context variable, not an argument: else every function between `HiLander.fit` and the loops had to pass it on.
_asked: ContextVar[bool] = ContextVar("asked", default=False)


@contextmanager
def show_progress(yes: bool) -> Iterator[None]:
    """Within this block `progress_bar` shows bars, or shows none.

    Example:
        >>> with show_progress(False):
        ...     list(progress_bar([slice(0, 2), slice(2, 3)], "rows"))
        [slice(0, 2, None), slice(2, 3, None)]
    """
    token = _asked.set(yes)
    try:
        yield
    finally:
        _asked.reset(token)


def progress_bar(parts: Sequence[Part], what: str) -> Iterator[Part]:
    """Yield the parts one by one, with a bar of the rows done, the rate and the time left.

    Args:
        parts: slices or tensors of rows; any other part counts as one.
        what: name of the work, shown before the bar.

    Example: see `show_progress`.
    """
    if not _asked.get():
        yield from parts
        return

    sizes = [_rows(part) for part in parts]
    unit = " rows" if any(isinstance(part, (slice, Tensor)) for part in parts) else " parts"
    with tqdm(total=sum(sizes), desc=what, unit=unit, unit_scale=True, leave=False, delay=DELAY) as bar:
        for part, size in zip(parts, sizes, strict=True):
            yield part
            bar.update(size)


def _rows(part: object) -> int:
    if isinstance(part, slice):
        return int(part.stop - part.start)
    return len(part) if isinstance(part, Tensor) else 1
