"""Memory-mapped arrays and tensors: numbers that lie in a file because memory is short."""

from __future__ import annotations

import math
import mmap
import os
import sys
import tempfile

import numpy as np
import torch
from torch import Tensor


def is_memmap(values: np.ndarray | Tensor) -> bool:
    """Whether the numbers lie in a memory-mapped file.

    Example:
        >>> is_memmap(np.zeros(3)), is_memmap(new_tensor((3,), mapped=True))
        (False, True)
    """
    # A view or `np.asarray` of a memmap is a plain array; only the last `base` of the chain tells where it lies.
    base: object = values
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, Tensor):
        return base.untyped_storage().filename is not None
    return isinstance(base, mmap.mmap)


def new_tensor(shape: tuple[int, ...], *, mapped: bool) -> Tensor:
    """An uninitialised float32 tensor, in memory or in a nameless file in the system's temporary folder (TMPDIR).

    The system writes the file out when memory is short. It vanishes when nobody holds the tensor any more.

    Raises:
        OSError: the folder's disk is full.

    Example:
        >>> new_tensor((2, 3), mapped=True).shape
        torch.Size([2, 3])
    """
    size = math.prod(shape)
    if not mapped or size == 0 or sys.platform == "win32":  # Windows removes no mapped file
        return torch.empty(shape)
    with tempfile.NamedTemporaryFile(prefix="hilander-") as file:
        try:
            os.truncate(file.fileno(), 4 * size)
            # truncate alone makes a sparse file: a full disk would then crash the process at a later write.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, 4 * size)
        except OSError as error:
            told = f"{error.strerror}: no room for {4 * size:,} bytes; set TMPDIR to a larger disk"
            raise OSError(error.errno, told, tempfile.gettempdir()) from error

        return torch.from_file(file.name, shared=True, size=size, dtype=torch.float32).view(shape)


def new_like(rows: Tensor, shape: tuple[int, ...]) -> Tensor:
    """An uninitialised float32 tensor where these rows are: memory-mapped if they are, else on their device.

    Example:
        >>> new_like(torch.eye(2), (3, 1)).shape
        torch.Size([3, 1])
    """
    return new_tensor(shape, mapped=True) if is_memmap(rows) else torch.empty(shape, device=rows.device)


def take_rows(rows: Tensor, index: Tensor) -> Tensor:
    """The rows of these numbers [m, d]; memory-mapped if the rows are.

    Example:
        >>> take_rows(torch.eye(2), torch.tensor([1, 1])).tolist()
        [[0.0, 1.0], [0.0, 1.0]]
    """
    out = new_like(rows, (len(index), rows.shape[1])) if is_memmap(rows) else None
    return torch.index_select(rows, 0, index, out=out)


def stack_rows(upper: Tensor, lower: Tensor) -> Tensor:
    """Rows [n, d] above rows [m, d]; the result is memory-mapped if the upper rows are.

    Example:
        >>> stacked = stack_rows(torch.zeros(2, 1), torch.ones(1, 1))
        >>> stacked.flatten().tolist(), is_memmap(stacked)
        ([0.0, 0.0, 1.0], False)
    """
    shape = (len(upper) + len(lower), upper.shape[1])
    return torch.cat([upper, lower], out=new_like(upper, shape) if is_memmap(upper) else None)  # (n + m, d)
