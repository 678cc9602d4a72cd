"""Chunks of rows: the intermediate results of one chunk stay in the cache, and memory stays bounded."""

from __future__ import annotations

import torch

# Float32 numbers per chunk. CPU: 2 MB, which a core's cache holds; convolutions took half the time in such chunks. GPU:
# 256 MB. No measurement is recorded for it: less would save memory and leave more of the GPU idle.
CELLS = {"cpu": 2**19, "cuda": 2**26}


def chunks(n: int, step: int) -> list[slice]:
    """Rows 0 .. n - 1 in chunks of `step` rows; of no rows one empty chunk, so that `torch.cat` has something to join.

    Example:
        >>> chunks(5, 3)
        [slice(0, 3, None), slice(3, 5, None)]
    """
    return [slice(start, min(start + step, n)) for start in range(0, max(n, 1), step)]


def even_steps(n: int, most: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """Numbers 0 .. n - 1: all, or `most` of them at even steps. Not drawn at random, so no seed is needed.

    Example:
        >>> even_steps(9, 3).tolist()
        [0, 4, 8]
    """
    if n <= most:
        return torch.arange(n, device=device)
    # float64: numbers in float32 are exact up to 2^24 only.
    return torch.linspace(0, n - 1, most, device=device, dtype=torch.float64).long()


def cache_chunks(n: int, width: int, device: torch.device) -> list[slice]:
    """Rows 0 .. n - 1 in chunks of `CELLS` numbers, `width` numbers per row.

    With gradients there is a single chunk: autograd keeps every intermediate result anyway, so chunks save nothing.

    Example:
        >>> with torch.no_grad():
        ...     [part.stop for part in cache_chunks(2500, 512, torch.device("cpu"))]
        [1024, 2048, 2500]
    """
    cells = CELLS.get(device.type, CELLS["cuda"])
    return chunks(n, max(1, n if torch.is_grad_enabled() else cells // max(1, width)))
