"""Exact search for neighbours by blocks, and candidate lists ranked pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations_with_replacement, product

import torch
from torch import Tensor

from .._core.chunks import chunks
from .._core.progress import progress_bar
from .._core.runtime import Threads
from . import _numba
from .half_precision import GROUP, ROUNDING, half_candidates, many, top_k

TIE = 1e-6  # similarities closer than this count as equal; float32 rounding of a cosine stays below it
BLOCK = 1024  # rows and columns of a block of products on the CPU
SPARE = 8  # candidates beyond k of a search that misses some or rounds coarsely
NEXT = 3  # candidates beyond k of an exact search: where rounding leaves doubt about them all the row is read again


def row_blocks(n_rows: int, width: int, device: torch.device) -> list[Tensor]:
    """Row numbers in blocks; `width` float32 a row take at most 2 GB and 1/8 of free GPU memory, on the CPU 128 MB."""
    held = min(2**31, torch.cuda.mem_get_info(device)[0] // 8) if device.type == "cuda" else 2**27
    return list(torch.arange(n_rows, device=device).split(max(1, held // (4 * max(1, width)))))


def halved(base: Tensor, k: int) -> Tensor | None:
    """The base in half precision where products in it come first: on a GPU, among many rows. Made once for a search."""
    return base.half() if base.is_cuda and many(len(base), k + SPARE + 1) else None


def search_blocks(n_rows: int, base: Tensor, k: int, half: Tensor | None) -> list[Tensor]:
    """Row numbers in blocks for `search`: on a GPU what it holds of a row is as wide as the base, or its maxima."""
    n, listed = len(base), (k + SPARE) * base.shape[1]
    if not base.is_cuda:
        return list(torch.arange(n_rows, device=base.device).split(BLOCK))
    return row_blocks(n_rows, max(n, listed) if half is None else n // GROUP + GROUP * listed, base.device)


def search(asked: Tensor, base: Tensor, k: int, itself: Tensor | None, half: Tensor | None) -> tuple[Tensor, Tensor]:
    """Exact neighbours of some rows in `base`; `itself` = each row's own column, if it has one; `half`: `halved`."""
    if half is None:
        return rank(asked, base, candidates(asked, base, k, itself), k)
    return rank(asked, base, half_first(asked, base, half, k, itself), k)


def half_first(asked: Tensor, base: Tensor, half: Tensor, k: int, itself: Tensor | None) -> Tensor:
    """The same as `candidates`, by products in half precision where their rounding leaves no doubt."""
    value, index = half_candidates(asked.half(), half, k + SPARE, itself)
    some = open_rows(value, k, 2 * ROUNDING)
    if len(some):
        chosen = candidates(asked[some], base, k, None if itself is None else itself[some])
        index[some] = torch.nn.functional.pad(chosen, (0, SPARE - NEXT), value=-1)
    return index


def candidates(asked: Tensor, base: Tensor, k: int, itself: Tensor | None) -> Tensor:
    """Columns [q, up to k + NEXT], in no order, among which the k neighbours of each row are."""
    available = len(base) - (itself is not None)
    m = min(k + NEXT, available)
    value, index = best_products(asked, base, m, itself)
    if m < available:
        some = open_rows(value, k)
        own = None if itself is None else itself[some]
        index[some] = best_products(asked[some], base, m, own, value[some, k - 1])[1]
    return index


def open_rows(value: Tensor, k: int, margin: float = TIE) -> Tensor:
    """Rows whose ties run past the candidates: what is within `margin` of the k-th may be missing among them."""
    return (value[:, k - 1] - value[:, -1] <= margin).nonzero()[:, 0]


def best_products(
    rows: Tensor, base: Tensor, m: int, itself: Tensor | None, level: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The m highest products [q, m] of each row with `base`, falling, and their columns.

    Args:
        rows, base: unit rows [q, d] and [b, d].
        m: at most b.
        itself: each row's own column, to be left out; one outside 0 .. b - 1: it has none.
        level: a value per row: products within `TIE` of it count as equal to it, the lowest column first.
    """
    if level is None and rows.device.type == "cpu":
        return _best_by_tiles(rows, base, m, itself)
    value, index = rows.new_empty(len(rows), m), torch.empty(len(rows), m, dtype=torch.long, device=rows.device)
    for span in row_blocks(len(rows), len(base), rows.device):
        block = rows[span] @ base.T
        if itself is not None:
            own = itself[span]
            here = ((own >= 0) & (own < len(base))).nonzero()[:, 0]
            block[here, own[here]] = -torch.inf
        if level is None:
            value[span], index[span] = top_k(block, m)
            continue
        tied = level[span, None]
        block = torch.where((block - tied).abs() <= TIE, tied, block)
        ordered, columns = block.sort(dim=1, descending=True, stable=True)
        value[span], index[span] = ordered[:, :m], columns[:, :m]
    return value, index


def search_itself(features: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Exact neighbours of all rows in their own set, on the CPU: a block of products serves both its sides."""
    n = len(features)
    value, index = _empty_lists(n, min(k + NEXT, n - 1))
    with Threads(n**2) as threads:
        pairs = list(combinations_with_replacement(_parts(features), 2))
        for (a, rows), (b, columns) in progress_bar(pairs, "k-NN graph: products"):
            block = rows @ columns.T
            if a == b:
                block.fill_diagonal_(-torch.inf)
            _update(threads, _numba.best_of_rows, block, b, value[a : a + BLOCK], index[a : a + BLOCK])
            if a != b:
                _update(threads, _numba.best_of_columns, block, a, value[b : b + BLOCK], index[b : b + BLOCK])
    found, weight = rank_itself(features, index, k)
    if index.shape[1] < n - 1:
        some = open_rows(value, k)
        for span in some.split(BLOCK):
            part = features[span]
            chosen = best_products(part, features, index.shape[1], span, value[span, k - 1])[1]
            found[span], weight[span] = rank(part, features, chosen, k)
    return found, weight


def _best_by_tiles(rows: Tensor, base: Tensor, m: int, itself: Tensor | None) -> tuple[Tensor, Tensor]:
    """`best_products` on the CPU: products in tiles that stay in the cache, each read once."""
    value, index = _empty_lists(len(rows), m)
    with Threads(len(rows) * len(base)) as threads:
        for (low, part), (first, columns) in product(_parts(rows), _parts(base)):
            tile = part @ columns.T
            if itself is not None:
                own = itself[low : low + BLOCK] - first
                here = ((own >= 0) & (own < len(columns))).nonzero()[:, 0]
                tile[here, own[here]] = -torch.inf
            _update(threads, _numba.best_of_rows, tile, first, value[low : low + BLOCK], index[low : low + BLOCK])
    return value, index


def _parts(rows: Tensor) -> list[tuple[int, Tensor]]:
    """The rows by `BLOCK`, each part with the number of its first."""
    return [(part.start, rows[part]) for part in chunks(len(rows), BLOCK)]


def _empty_lists(n: int, m: int) -> tuple[Tensor, Tensor]:
    return torch.full((n, m), -torch.inf), torch.zeros(n, m, dtype=torch.long)


def _update(
    threads: Threads, better: Callable[..., None], block: Tensor, first: int, value: Tensor, index: Tensor
) -> None:
    """`_lists.best_of_...` on all threads: every one has lists of its own."""
    threads.share(partial(better, block.numpy(), first, value.numpy(), index.numpy()), len(value))


def rank(rows: Tensor, base: Tensor, index: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Similarities of candidate lists recomputed pair by pair (equal rows get equal values), best first, ties by index.

    A block product may round two identical columns differently; a dot product of one pair does not.
    """
    index = index.sort(dim=1).values
    weight = clipped(pair_products(rows, base, index)).masked_fill(index < 0, 0)
    weight, order = weight.sort(dim=1, descending=True, stable=True)
    weight, index = weight[:, :k], index.gather(1, order)[:, :k]
    return index.masked_fill(weight <= 0, -1), weight


def rank_itself(features: Tensor, index: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`rank` of all rows of one set, in blocks."""
    chunks = row_blocks(len(features), features.shape[1] * index.shape[1], features.device)
    parts = [rank(features[rows], features, index[rows], k) for rows in progress_bar(chunks, "k-NN graph: ranks")]
    return torch.cat([found for found, _ in parts]), torch.cat([weight for _, weight in parts])


def pair_products(rows: Tensor, base: Tensor, index: Tensor) -> Tensor:
    """Inner products [q, m] of each row with the rows of `base` it lists, each pair on its own; 0 for -1 on the CPU."""
    if rows.device.type == "cpu":
        out = torch.zeros(index.shape)
        queries, known, lists = (column.contiguous().numpy() for column in (rows, base, index))
        with Threads(index.numel() * rows.shape[1]) as threads:
            threads.share(partial(_numba.products, queries, known, lists, out.numpy()), len(rows))
        return out
    return (rows[:, None] * base[index]).sum(dim=2)


def clipped(cosine: Tensor) -> Tensor:
    """Similarity of a cosine: in [0, 1], and exactly 1 for rows that are equal but for rounding."""
    return torch.where(cosine > 1 - TIE, 1.0, cosine.clamp(min=0))
