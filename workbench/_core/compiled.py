"""Compiled loops (numba) whose code is kept on disk where there is a place for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any, TypeVar

import numba
from numba.core import caching
from numba.core.dispatcher import Dispatcher

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
        if isinstance(compiled, Dispatcher):  # the plain loop where `NUMBA_DISABLE_JIT` is set
            _keep(compiled)
        return compiled  # type: ignore[no-any-return]

    return compile_when_called


def keep_loops(*modules: ModuleType) -> None:
    """Keep also the code of all loops of a library's modules, where the library compiles them anew in every process.

    Args:
        modules: e.g. `umap.layouts`. What is kept already stays as it is.
    """
    for module in modules:
        loops: list[Any] = [value for value in vars(module).values() if isinstance(value, Dispatcher)]
        for loop in loops:
            if isinstance(loop._cache, caching.NullCache):
                _keep(loop)


def _keep(compiled: Any) -> None:
    with suppress(RuntimeError):  # no place to keep it
        compiled._cache = _Cache(compiled)  # what `njit(cache=True)` does with numba's own class


class _Cache(_FunctionCache):
    """Of one loop: what cannot be read is made anew, what cannot be written is not kept."""

    def __init__(self, compiled: Any) -> None:
        super().__init__(compiled.py_func)
        options = compiled.targetoptions.items()
        self._options = tuple(sorted((name, str(sorted(v) if isinstance(v, set) else v)) for name, v in options))

    def _index_key(self, *args: Any) -> Any:
        """numba's key knows the function alone, and UMAP compiles one twice: in parallel and not."""
        return *super()._index_key(*args), self._options

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
