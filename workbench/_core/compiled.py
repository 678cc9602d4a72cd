"""Compiled loops (numba) whose code is kept on disk where there is a place for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Loop = TypeVar("Loop", bound=Callable[..., Any])


def njit(**options: Any) -> Callable[[Loop], Loop]:
    """`numba.njit`, its code kept beside the source or else in the user's cache; `NUMBA_CACHE_DIR` names another place.

    Where none can be written, as in a container that is read only, numba refuses to keep code; then the loop is
    compiled anew in every process.

    Args:
        options: of `numba.njit`, except `cache`.

    Example:
        >>> twice = njit(nogil=True)(lambda x: 2 * x)
        >>> twice(3)
        6
    """

    def compile_when_called(loop: Loop) -> Loop:
        try:
            compiled: Loop = numba.njit(cache=True, **options)(loop)
        except RuntimeError:  # no place to keep it
            compiled = numba.njit(**options)(loop)
        return compiled

    return compile_when_called
