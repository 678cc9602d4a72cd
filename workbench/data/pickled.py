"""Read arrays out of a pickle without letting it run anything."""

from __future__ import annotations

import _codecs
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core import multiarray, numeric

_frombuffer = numeric._frombuffer  # type: ignore[attr-defined]  # how protocol 5 writes arrays; numpy types it not

_ALLOWED: dict[tuple[str, str], Any] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): multiarray._reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _codecs.encode,  # how protocol 2 writes bytes
}
_BROKEN = (EOFError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, ImportError, MemoryError)


class _ArrayUnpickler(pickle.Unpickler):
    """Knows what numpy arrays are made of and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"refused {module}.{name}: only plain numpy arrays are read from a pickle, as it could run any code"
            ) from None


def read_array_pair(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The two arrays (features, labels) of a pickle, as the official example stores them.

    Raises:
        ValueError: the pickle names anything but numpy arrays, is cut off, or holds something else than two arrays.

    Example:
        >>> import pathlib, pickle, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "pair.pkl"
        >>> _ = file.write_bytes(pickle.dumps([np.eye(2), np.array([0, 1])], protocol=2))
        >>> [array.shape for array in read_array_pair(file)]
        [(2, 2), (2,)]
    """
    try:
        with path.open("rb") as file:
            content = _ArrayUnpickler(file, encoding="latin1").load()
    except (pickle.UnpicklingError, *_BROKEN) as error:
        raise ValueError(f"{path}: cannot read two numpy arrays from this pickle: {error}") from error
    pair = tuple(content) if isinstance(content, list | tuple) else ()
    if len(pair) != 2 or not all(isinstance(a, np.ndarray) and a.dtype != object for a in pair):
        raise ValueError(
            f"{path}: expected a pickle of two numpy arrays (features, labels), got {type(content).__name__}"
        )
    return pair[0], pair[1]
