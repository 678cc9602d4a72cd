"""Rows gone through in parts, so that what is computed of a part stays in the cache and memory stays bounded."""

from __future__ import annotations

import torch

CELLS = {"cpu": 2**19, "cuda": 2**26}  # numbers of a part: 2 MB, which a core's cache holds; on a GPU 256 MB


def chunks(n: int, step: int) -> list[slice]:
    """Rows 0 .. n - 1 in parts of `step` rows; at least one part, be it empty.

    Example:
        >>> chunks(5, 3)
        [slice(0, 3, None), slice(3, 5, None)]
    """
    return [slice(start, min(start + step, n)) for start in range(0, max(n, 1), step)]


def cache_chunks(n: int, width: int, device: torch.device) -> list[slice]:
    """Rows 0 .. n - 1 in parts of `CELLS` numbers, `width` a row; all at once where a gradient keeps them anyway.

    Example:
        >>> with torch.no_grad():
        ...     [part.stop for part in cache_chunks(2500, 512, torch.device("cpu"))]
        [1024, 2048, 2500]
    """
    cells = CELLS.get(device.type, CELLS["cuda"])
    return chunks(n, max(1, n if torch.is_grad_enabled() else cells // max(1, width)))
