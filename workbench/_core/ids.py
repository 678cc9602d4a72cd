"""Names of rows, as they are given in lists, arrays and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np
import pandas as pd


def check_ids(ids: Any) -> list[Any]:
    """Names in the rows' order, one for each, as Python's own objects.

    Raises:
        ValueError: one text, a collection without order, or a name that is missing.

    Example:
        >>> check_ids(np.array(["a", "b"]))
        ['a', 'b']
    """
    if isinstance(ids, (str, bytes, Mapping, Set)) or not isinstance(ids, Iterable) or not getattr(ids, "ndim", 1):
        raise ValueError(f"ids: expected a list of names, one per row, got {type(ids).__name__}")
    # By position, whatever index a table's column has.
    names: list[Any] = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    for row, given in enumerate(names):
        name = names[row] = given.item() if isinstance(given, np.generic) else given
        if name is None or (pd.api.types.is_scalar(name) and pd.isna(name)):
            raise ValueError(f"ids: expected a name per row, got {name!r} for row {row}; name it, or leave ids out")
    return names


def check_image_ids(ids: Any, n: int) -> list[str] | None:
    """A name for each of n images, as text; None where none were given.

    Raises:
        ValueError: as `check_ids`, or another number of names.

    Example:
        >>> check_image_ids([7, "b.png"], 2)
        ['7', 'b.png']
    """
    if ids is None:
        return None
    names = check_ids(ids)
    if len(names) != n:
        raise ValueError(f"ids: expected {n}, one per image, got {len(names)}")
    return list(map(str, names))
