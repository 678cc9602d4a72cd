"""Checks of arguments: each error names the argument, what was expected, what came and what to do."""

from __future__ import annotations

import numbers
import warnings
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from .chunks import CELLS, chunks
from .memmap import is_memmap, new_tensor


def check_array(X: Any, name: str = "X") -> np.ndarray:
    """A numeric [N, D] array of any float width without NaN or infinity; the input is never modified.

    Accepts integers, lists, arrays, tensors on any device, tables, and one column of vectors (pandas, Arrow, Polars).
    Does not copy a float array; a memory map stays one.

    Raises:
        TypeError: sparse or non-numeric input.
        ValueError: another number of dimensions, no rows, no columns, NaN, infinity or a missing value.

    Example:
        >>> check_array([[3, 4], [0, 1]]).shape
        (2, 2)
    """
    if hasattr(type(X), "toarray"):  # of the class: a lazy object seems to have every attribute
        raise TypeError(f"{name}: expected a dense array, got sparse {type(X).__name__}; pass {name}.toarray()")
    array = _as_numpy(X, name)
    if array.dtype == object:
        array = _object_to_float(array, name)

    # scikit-learn's checks of estimators look for some of these words: "Complex data not supported", "Reshape your
    # data", "Found array with 0 sample(s)", "Found array with 0 feature(s)".
    if array.dtype.kind == "c":
        raise ValueError(f"{name}: Complex data not supported; expected real numbers, got {array.dtype}")
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected numbers, got dtype {array.dtype}; convert to float first")
    if array.ndim != 2:
        raise ValueError(
            f"{name}: expected a 2D array [N, D], got {array.ndim}D, shape {array.shape}. Reshape your data: "
            f"X.reshape(1, -1) if it is one sample, X.reshape(len(X), -1) if it is a stack of images"
        )

    n, d = array.shape
    if n == 0:
        raise ValueError(
            f"{name}: Found array with 0 sample(s) (shape={array.shape}) while a minimum of 1 is required."
        )
    if d == 0:
        raise ValueError(
            f"{name}: Found array with 0 feature(s) (shape={array.shape}) while a minimum of 1 is required."
        )

    _check_finite(array, name)
    return array


def check_columns(X: Any, array: np.ndarray) -> Any:
    """What scikit-learn takes names of columns from: the table, or the array where X has none.

    Raises:
        ValueError: two columns of one name.
        TypeError: names that are texts and names that are none.
    """
    if not hasattr(X, "columns"):
        return array
    names = list(getattr(X, "column_names", X.columns))
    kinds = sorted({type(name).__name__ for name in names})
    if len(kinds) > 1 and "str" in kinds:
        raise TypeError(
            f"X: expected names of columns of one type, got {' and '.join(kinds)}; make them texts, "
            "X.columns = X.columns.astype(str), or pass X.to_numpy()"
        )
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise ValueError(
            f"X: expected a name of its own for each column, got {name!r} {times} times; rename them, or pass "
            "X.to_numpy()"
        )
    return X


def _as_numpy(values: Any, name: str) -> np.ndarray:
    """What came as an array. bfloat16 and float8, which numpy has not, become float32."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name}: expected a value everywhere, got {np.ma.getmaskarray(values).sum()} masked ones; drop such rows, "
            f"or fill them: {name}.filled(value)"
        )
    if isinstance(values, Tensor) and values.layout != torch.strided:
        raise TypeError(f"{name}: expected a dense tensor, got {values.layout}; pass {name}.to_dense()")
    for column in values.iter_columns() if hasattr(type(values), "iter_columns") else ():  # Polars: dates as numbers
        if (dtype := np.asarray(column[:0]).dtype).kind in "mM":
            raise ValueError(f"{name}: expected numbers, got {dtype} in column {column.name!r}; drop it or make it one")
    try:
        if not isinstance(values, Tensor):
            return np.asarray(values)
        known = not values.is_floating_point() or values.dtype in (torch.float16, torch.float32, torch.float64)
        tensor = values.detach().cpu().resolve_conj().resolve_neg()
        return (tensor if known else tensor.float()).numpy()
    except ValueError as error:
        raise ValueError(f"{name}: expected rows of equal length [N, D], got ragged input ({error})") from error
    except MemoryError:
        raise
    except Exception as error:  # of whatever library the object is
        kind = values.dtype if isinstance(values, Tensor) else type(values).__name__
        raise TypeError(f"{name}: expected an array of numbers, got {kind} that gives none ({error!r})") from error


def _object_to_float(array: np.ndarray, name: str) -> np.ndarray:
    """Python's numbers, or one vector in each row, as float64; a missing value becomes NaN."""
    if not array.ndim:
        raise TypeError(
            f"{name}: expected an array [N, D] of numbers, argument must be a string or a number-like in each cell; "
            f"got {type(array.item()).__name__}; make a list of a generator, collect a lazy table"
        )
    missing = pd.isna(array)
    known = array[~missing]
    column = array.size == len(array)
    if column and any(np.iterable(row) and not isinstance(row, (str, bytes, Mapping)) for row in known[:1]):
        if missing.any():
            raise ValueError(
                f"{name}: expected a vector in each row, got none in row {missing.argmax()}; drop such rows"
            )
        return check_array([_as_numpy(row, name) for row in known], name)
    try:
        return np.where(missing, np.nan, array).astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise (TypeError if isinstance(error, TypeError) else ValueError)(
            f"{name}: expected numbers; argument must be a string or a number-like: {error}; drop or encode them"
        ) from error


def _check_finite(array: np.ndarray, name: str, step: int = 65536) -> None:
    """Look for NaN or infinity chunk by chunk, so that a memory-mapped file is never held as a whole."""
    if array.dtype.kind != "f":
        return
    for start in range(0, len(array), step):
        part = array[start : start + step]
        if part.dtype.itemsize > 8:  # long doubles become float64 where rows are scaled
            with np.errstate(over="ignore"):
                part = part.astype(np.float64)
        bad = ~np.isfinite(part)
        if bad.any():
            row, column = (int(i[0]) for i in np.nonzero(bad))
            value = part[row, column]
            raise ValueError(
                f"{name}: expected finite numbers, got {'NaN' if np.isnan(value) else 'infinity'} at "
                f"row {start + row}, column {column}; drop or impute such rows"
            )


def unit_rows(X: np.ndarray, name: str = "X", *, warn: bool = True, device: torch.device | str = "cpu") -> Tensor:
    """Rows scaled to length 1 as a float32 tensor [N, D]; zero rows stay zero, and one warning counts them.

    X is read once, in chunks, and never copied as a whole. If it is memory-mapped, so are its unit rows on the CPU.

    Formula: x / max(|x|), then x / |x|_2. The first step keeps the squares of 1e300 from overflowing and those of
    1e-300 from vanishing.

    Example:
        >>> unit_rows(np.array([[3.0, 4.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """
    where = torch.device(device)
    exact = np.float32 if X.dtype == np.float32 else np.float64
    rows = new_tensor(X.shape, mapped=is_memmap(X)) if where.type == "cpu" else torch.empty(X.shape, device=where)
    zero = torch.empty(len(X), dtype=torch.bool, device=where)

    for part in chunks(len(X), max(1, CELLS["cpu"] // X.shape[1])):
        values = torch.from_numpy(np.array(X[part], dtype=exact, order="C")).to(where)  # (b, d); "F" rounds otherwise
        scale = values.abs().amax(dim=1, keepdim=True).double()  # (b, 1)
        zero[part] = scale[:, 0] == 0
        rows[part] = torch.nn.functional.normalize((values / scale.masked_fill(scale == 0, 1)).float(), dim=1)

    if warn and zero.any():
        first = int(zero.nonzero()[0])
        warnings.warn(
            f"{name}: {int(zero.sum())} zero row(s), the first is row {first}: cosine similarity 0 to all, "
            "a cluster of its own where it is fitted, -1 where it is predicted",
            UserWarning,
            stacklevel=3,  # names the line that called the estimator, not this one
        )
    return rows


def check_labels(
    labels: Any, n: int | None = None, name: str = "labels", *, cure: str = "drop such items"
) -> np.ndarray:
    """Integer labels [N] as int64; `n`: the number of items that they must match; `cure`: what to do if one is missing.

    Raises:
        TypeError: None, where labels are needed.
        ValueError: not 1-D, not integers, of another length than `n`, one missing, or too large to be told apart as
            int64.

    Example:
        >>> check_labels([2, 2, 0], n=3)
        array([2, 2, 0])
    """
    if labels is None:
        raise TypeError(
            f"{name}: expected a true class for each item, one integer each, got None; they are needed here"
        )
    array = _as_numpy(labels, name)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected 1-D integer labels [N], got shape {array.shape}")
    if n is not None and len(array) != n:
        raise ValueError(f"{name}: expected {n} labels, one per item, got {len(array)}")
    if array.dtype.kind in "fO" and (missing := pd.isna(array)).any():
        first = missing.argmax()
        raise ValueError(f"{name}: expected a class for every item, got none for item {first}; {cure}")
    # Labels often come out of a table, where a column of integers has become one of floats.
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.floor(array)).all():
        info = torch.finfo(labels.dtype) if isinstance(labels, Tensor) else np.finfo(array.dtype)
        _check_range(array, name, int(2 / info.eps))  # beyond, one float stands for several
        array = array.astype(np.int64)
    if array.dtype.kind == "u":
        _check_range(array, name, np.iinfo(np.int64).max)
    if array.size and array.dtype.kind not in "iub":
        raise ValueError(
            f"{name}: expected integers, got dtype {array.dtype}; encode names first, e.g. pandas.factorize({name})[0]"
        )
    return array.astype(np.int64)


def _check_range(array: np.ndarray, name: str, most: int) -> None:
    """Refuse labels that int64 would change or take for one another."""
    if array.size and max(int(array.max()), -int(array.min())) > most:
        largest = max(array.min(), array.max(), key=abs)
        raise ValueError(
            f"{name}: expected integers up to {most:,} in {array.dtype}, got {largest}; number the classes 0, 1, ..., "
            f"e.g. numpy.unique({name}, return_inverse=True)[1]"
        )


def check_class_names(class_names: Any, labels: Any) -> tuple[str, ...]:
    """A name for each class that the labels number; empty where none were given.

    Raises:
        ValueError: a label without a name.

    Example:
        >>> check_class_names(["a", "b"], np.array([1, 0]))
        ('a', 'b')
    """
    names = tuple(map(str, class_names))
    if names and labels is not None and len(labels):
        low = np.min(labels)
        high = np.max(labels)
        if low < 0 or high >= len(names):
            raise ValueError(
                f"class_names: expected a name for each class {low} to {high}, counted from 0, got {len(names)} names"
            )
    return names


def check_int(value: Any, name: str, low: int = 1, high: int | None = None) -> int:
    """An integer in [low, high]; booleans and floats are refused.

    Example:
        >>> check_int(10, "k")
        10
    """
    expected = f"an integer >= {low}" + ("" if high is None else f" and <= {high}")
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: expected {expected}, got {value!r} ({type(value).__name__})")
    number = int(value)
    if number < low or (high is not None and number > high):
        raise ValueError(f"{name}: expected {expected}, got {number}")
    return number


def check_seed(value: Any, name: str = "seed") -> int:
    """A seed that all libraries take: an integer from 0 to 2^32 - 1.

    Example:
        >>> check_seed(3)
        3
    """
    return check_int(value, name, 0, 2**32 - 1)


def check_number(value: Any, name: str, low: float = 0.0, high: float = float("inf")) -> float:
    """A finite number in [low, high]; booleans are refused.

    Example:
        >>> check_number(1e-3, "learning_rate")
        0.001
    """
    expected = f"a number in [{low:g}, {high:g}]" if high < float("inf") else f"a number >= {low:g}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected {expected}, got {value!r} ({type(value).__name__})")
    if not low <= float(value) <= high or float(value) == float("inf"):
        raise ValueError(f"{name}: expected {expected}, got {value}")
    return float(value)


def check_unit_interval(value: Any, name: str) -> float:
    """A number in [0, 1].

    Example:
        >>> check_unit_interval(0.8, "tau")
        0.8
    """
    return check_number(value, name, 0.0, 1.0)


def check_instance(value: Any, name: str, kind: type) -> Any:
    """An object of this class, as it is.

    Example:
        >>> check_instance(1, "n", int)
        1
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name}: expected {kind.__name__}, got {type(value).__name__}")
    return value


def check_flag(value: Any, name: str) -> bool:
    """True or False.

    Example:
        >>> check_flag(True, "early_stop")
        True
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: expected True or False, got {value!r} ({type(value).__name__})")
    return bool(value)


def check_choice(value: Any, name: str, choices: tuple[str, ...]) -> str:
    """One of `choices`.

    Example:
        >>> check_choice("gat", "conv", ("gcn", "gat"))
        'gat'
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r}")
    return str(value)
