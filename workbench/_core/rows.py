"""Rows of length 1, at the doors where they come in as they are: a tensor, or what can be made one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .chunks import CELLS, chunks
from .validation import check_array

TOLERANCE = 1e-2  # half precision rounds lengths by up to 0.4 %; cosines are then as inexact


def check_unit_rows(features: Any, name: str = "features") -> Float[Tensor, "n d"]:
    """Unit rows as a tensor, on the device that they are on; zero rows are allowed, and no rows at all.

    Raises:
        TypeError, ValueError: not numbers, another number of dimensions, no columns, NaN, infinity, or rows of another
            length than 1.

    Example:
        >>> check_unit_rows(np.eye(2)).dtype
        torch.float64
        >>> check_unit_rows(2 * np.eye(2), "x")
        Traceback (most recent call last):
        ValueError: x: expected rows of length 1, got 2 in row 0; normalise: torch.nn.functional.normalize(x)
    """
    if not isinstance(features, Tensor):
        array = check_array(features, name)
        features = torch.from_numpy(array if array.flags.writeable else np.array(array))
    if features.ndim != 2 or not features.shape[1] or features.is_complex():
        kind = f"{features.dtype} {list(features.shape)}"
        raise ValueError(f"{name}: expected rows [n, d] of d >= 1 real numbers, got {kind}")
    rows: Tensor = features.contiguous()  # sums over rows that lie otherwise in memory would be rounded otherwise
    cells = CELLS.get(rows.device.type, CELLS["cuda"])
    for part in chunks(len(rows), max(1, cells // rows.shape[1])):
        length = torch.linalg.vector_norm(rows[part].detach().float(), dim=1)  # (b,)
        wrong = ~((length - 1).abs() <= TOLERANCE) & (length != 0)  # NaN is not at most anything
        if wrong.any():
            row = int(wrong.nonzero()[0])
            got = f"{float(length[row]):.4g}" if length[row].isfinite() else "NaN or infinity"
            raise ValueError(
                f"{name}: expected rows of length 1, got {got} in row {part.start + row}; normalise: "
                f"torch.nn.functional.normalize({name})"
            )
    return rows
