"""Compiled loops (numba), kept on disk between processes where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core import caching


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit` whose compiled code is kept on disk if it can be: a cache makes things fast, never impossible.

    numba itself refuses to compile where neither the installation nor the user's home can be written to, fails for
    ever on a damaged cache file, and when the disk is full.

    Example:
        >>> @compiled(nogil=True)
        ... def double(x):
        ...     return 2 * x
        >>> double(3)
        6
    """

    def compile_later(function: Callable[..., Any]) -> Any:
        dispatcher = njit(**options)(function)
        try:
            dispatcher._cache = _Cache(function)  # what `njit(cache=True)` does with numba's own class
        except RuntimeError:  # no folder to write to
            return dispatcher
        return dispatcher

    return compile_later


_FunctionCache: Any = caching.FunctionCache  # numba has no types


class _Cache(_FunctionCache):
    """Of one function: what cannot be read is made anew, what cannot be written is not kept."""

    def load_overload(self, *args: Any) -> Any:
        try:
            return super().load_overload(*args)
        except Exception:  # noqa: BLE001  # unpickling a damaged file raises anything
            return None

    def save_overload(self, *args: Any) -> None:
        try:
            super().save_overload(*args)
        except Exception:  # noqa: BLE001  # the index is damaged: start another; or the disk is full
            try:
                self.flush()
            except OSError:
                return
