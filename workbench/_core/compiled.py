"""Compiled loops (numba) whose code is kept on disk where there is a place for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numba
from numba.core import caching

Loop = TypeVar("Loop", bound=Callable[..., Any])
_FunctionCache: Any = caching.FunctionCache  # numba has no types


def njit(**options: Any) -> Callable[[Loop], Loop]:
    """`numba.njit`, its code kept beside the source or else in the user's cache; `NUMBA_CACHE_DIR` names another place.

    Where none can be written, as in a container that is read only, numba refuses to keep code; then the loop is
    compiled anew in every process. numba also fails for ever on a damaged file of the cache, and on a full disk: here
    such a file is made anew, and what cannot be written is not kept.

    Args:
        options: of `numba.njit`, except `cache`.

    Example:
        >>> twice = njit(nogil=True)(lambda x: 2 * x)
        >>> twice(3)
        6
    """

    def compile_when_called(loop: Loop) -> Loop:
        compiled: Any = numba.njit(**options)(loop)
        with suppress(RuntimeError):  # no place to keep it
            compiled._cache = _Cache(loop)  # what `njit(cache=True)` does with numba's own class
        return compiled  # type: ignore[no-any-return]

    return compile_when_called


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
