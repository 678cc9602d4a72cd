"""Exact search for neighbours: blocks of products give candidate lists, which are then ranked pair by pair.

A block product is fast, but may round two equal columns differently. So a search keeps a few candidates beyond k,
computes their similarities once more, each pair alone, and breaks ties by index. Rows whose ties run past the
candidates are read again.
"""

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
from .half_precision import GROUP, ROUNDING, groups_pay_off, half_candidates, top_k

TIE = 1e-6  # similarities closer than this count as equal; float32 rounding of a cosine stays below it
BLOCK = 1024  # rows and columns of a block of products on the CPU: 4 MB, read once while it is in the cache

# Candidates beyond k of a search that misses some neighbours (approximate) or rounds coarsely (half precision).
SPARE = 8

# Candidates beyond k of an exact search. Fewer make shorter lists, more leave fewer rows to be read again; with 3 in
# place of 8 a search among 1,000 to 4,000 rows took a fifth less time.
NEXT = 3


def row_chunks(n_rows: int, width: int, device: torch.device) -> list[Tensor]:
    """Row numbers in chunks; `width` float32 a row take at most 2 GB and 1/8 of free GPU memory, on the CPU 128 MB."""
    held = min(2**31, torch.cuda.mem_get_info(device)[0] // 8) if device.type == "cuda" else 2**27
    return list(torch.arange(n_rows, device=device).split(max(1, held // (4 * max(1, width)))))


def half_precision_base(base: Tensor, k: int) -> Tensor | None:
    """The base in half precision if `search` should use it (on a GPU, among many rows); made once for a search."""
    return base.half() if base.is_cuda and groups_pay_off(len(base), k + SPARE + 1) else None


def search_chunks(n_rows: int, base: Tensor, k: int, half: Tensor | None) -> list[Tensor]:
    """Row numbers in chunks for `search`; on a GPU they follow from what a row needs there.

    A row needs its products with the base; in half precision only their maxima, and the columns of its best groups.
    """
    n = len(base)
    listed = (k + SPARE) * base.shape[1]
    if not base.is_cuda:
        return list(torch.arange(n_rows, device=base.device).split(BLOCK))
    return row_chunks(n_rows, max(n, listed) if half is None else n // GROUP + GROUP * listed, base.device)


def search(asked: Tensor, base: Tensor, k: int, itself: Tensor | None, half: Tensor | None) -> tuple[Tensor, Tensor]:
    """Exact neighbours of some rows in `base`: columns and similarities [q, k].

    Args:
        asked, base: unit rows [q, d] and [b, d].
        k: neighbours per row.
        itself: each row's own column, if it has one.
        half: `half_precision_base(base, k)`.
    """
    if half is None:
        return rank(asked, base, candidates(asked, base, k, itself), k)
    return rank(asked, base, candidates_in_half_precision(asked, base, half, k, itself), k)


def candidates_in_half_precision(asked: Tensor, base: Tensor, half: Tensor, k: int, itself: Tensor | None) -> Tensor:
    """Like `candidates`, but by products in half precision, except for rows where their rounding leaves doubt."""
    value, index = half_candidates(asked.half(), half, k + SPARE, itself)  # (q, k + SPARE)
    again = undecided_rows(value, k, 2 * ROUNDING)  # twice: the k-th may be rounded down and the last one up
    if len(again):
        chosen = candidates(asked[again], base, k, None if itself is None else itself[again])
        index[again] = torch.nn.functional.pad(chosen, (0, SPARE - NEXT), value=-1)
    return index


def candidates(asked: Tensor, base: Tensor, k: int, itself: Tensor | None) -> Tensor:
    """Columns [q, up to k + NEXT], in no order, that include the k neighbours of each row."""
    available = len(base) - (itself is not None)
    m = min(k + NEXT, available)
    value, index = best_products(asked, base, m, itself)  # (q, m)
    if m < available:
        again = undecided_rows(value, k)
        own = None if itself is None else itself[again]
        index[again] = best_products(asked[again], base, m, own, value[again, k - 1])[1]
    return index


def undecided_rows(value: Tensor, k: int, margin: float = TIE) -> Tensor:
    """Rows of which the candidates do not decide who the k best are: those within `margin` of the k-th may be more."""
    return (value[:, k - 1] - value[:, -1] <= margin).nonzero()[:, 0]


def best_products(
    rows: Tensor, base: Tensor, m: int, itself: Tensor | None, kth: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The m highest products [q, m] of each row with `base`, falling, and their columns.

    Args:
        rows, base: unit rows [q, d] and [b, d].
        m: at most b.
        itself: each row's own column, to be left out; a number outside 0 .. b - 1 means that it has none.
        kth: the k-th highest product of each row, if known; products within `TIE` of it count as equal to it, and the
            lowest columns come first.
    """
    if rows.device.type == "cpu":
        return _best_by_tiles(rows, base, m, itself, kth)

    value = rows.new_empty(len(rows), m)
    index = torch.empty(len(rows), m, dtype=torch.long, device=rows.device)
    for chunk in row_chunks(len(rows), len(base), rows.device):
        block = rows[chunk] @ base.T  # (c, b)
        if itself is not None:
            own = itself[chunk]
            here = ((own >= 0) & (own < len(base))).nonzero()[:, 0]
            block[here, own[here]] = -torch.inf
        if kth is None:
            value[chunk], index[chunk] = top_k(block, m)
            continue

        # A stable sort of whole rows is slow, but keeps equal values in order of their columns; few rows need it.
        tied = kth[chunk, None]
        block = torch.where((block - tied).abs() <= TIE, tied, block)
        ordered, columns = block.sort(dim=1, descending=True, stable=True)
        value[chunk] = ordered[:, :m]
        index[chunk] = columns[:, :m]
    return value, index


def search_itself(features: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Exact neighbours of all rows in their own set, on the CPU: columns and similarities [n, k].

    The matrix of products is symmetric: each block above the diagonal serves its rows and its columns, which halves the
    work.
    """
    n = len(features)
    value, index = _empty_lists(n, min(k + NEXT, n - 1))

    with Threads(n**2) as threads:
        pairs = list(combinations_with_replacement(_parts(features), 2))
        for (a, rows), (b, columns) in progress_bar(pairs, "k-NN graph: products"):
            block = rows @ columns.T  # (BLOCK, BLOCK)
            if a == b:
                block.fill_diagonal_(-torch.inf)
            _update(threads, _numba.best_of_rows, block, b, value[a : a + BLOCK], index[a : a + BLOCK])
            if a != b:
                _update(threads, _numba.best_of_columns, block, a, value[b : b + BLOCK], index[b : b + BLOCK])

    found, weight = rank_itself(features, index, k)  # (n, k) each
    if index.shape[1] < n - 1:
        for chunk in undecided_rows(value, k).split(BLOCK):
            part = features[chunk]
            chosen = best_products(part, features, index.shape[1], chunk, value[chunk, k - 1])[1]
            found[chunk], weight[chunk] = rank(part, features, chosen, k)
    return found, weight


def _best_by_tiles(
    rows: Tensor, base: Tensor, m: int, itself: Tensor | None, kth: Tensor | None
) -> tuple[Tensor, Tensor]:
    """`best_products` on the CPU: products in tiles that stay in the cache, each read once.

    Four times faster than whole rows of products: 4,096 rows among a million took 30 s before and take 7 s now.
    """
    value, index = _empty_lists(len(rows), m)
    with Threads(len(rows) * len(base)) as threads:
        for (low, part), (first, columns) in product(_parts(rows), _parts(base)):
            tile = part @ columns.T  # (BLOCK, BLOCK)
            if itself is not None:
                own = itself[low : low + BLOCK] - first
                here = ((own >= 0) & (own < len(columns))).nonzero()[:, 0]
                tile[here, own[here]] = -torch.inf
            if kth is not None:  # columns come in rising order, and equal values never displace each other
                tied = kth[low : low + BLOCK, None]
                tile = torch.where((tile - tied).abs() <= TIE, tied, tile)
            _update(threads, _numba.best_of_rows, tile, first, value[low : low + BLOCK], index[low : low + BLOCK])
    return value, index


def _parts(rows: Tensor) -> list[tuple[int, Tensor]]:
    """The rows in chunks of `BLOCK`, each with the number of its first row."""
    return [(part.start, rows[part]) for part in chunks(len(rows), BLOCK)]


def _empty_lists(n: int, m: int) -> tuple[Tensor, Tensor]:
    return torch.full((n, m), -torch.inf), torch.zeros(n, m, dtype=torch.long)


def _update(
    threads: Threads, update: Callable[..., None], block: Tensor, first: int, value: Tensor, index: Tensor
) -> None:
    """`_numba.best_of_rows` or `best_of_columns` on all threads; each thread has lists of its own."""
    threads.share(partial(update, block.numpy(), first, value.numpy(), index.numpy()), len(value))


def rank(rows: Tensor, base: Tensor, index: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k best of candidate lists: their similarities are recomputed pair by pair; best first, ties by index.

    A block product may round two equal columns differently; a dot product of one pair does not.
    """
    index = index.sort(dim=1).values  # (q, m); with a stable sort by similarity, ties then stay in order of index
    weight = clipped(pair_products(rows, base, index)).masked_fill(index < 0, 0)  # (q, m)
    weight, order = weight.sort(dim=1, descending=True, stable=True)
    weight = weight[:, :k]
    index = index.gather(1, order)[:, :k]
    return index.masked_fill(weight <= 0, -1), weight


def rank_itself(features: Tensor, index: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`rank` of all rows of one set, in chunks."""
    found = index.new_empty(len(features), k)
    weight = features.new_empty(len(features), k)
    parts = row_chunks(len(features), features.shape[1] * index.shape[1], features.device)
    for rows in progress_bar(parts, "k-NN graph: ranks"):
        found[rows], weight[rows] = rank(features[rows], features, index[rows], k)
    return found, weight


def pair_products(rows: Tensor, base: Tensor, index: Tensor) -> Tensor:
    """Inner products [q, m] of each row with the rows of `base` that it lists, each pair alone; for -1 any number.

    `rank` masks the entries of -1.
    """
    if rows.device.type == "cpu":
        out = torch.zeros(index.shape)
        lists = index.contiguous().numpy()
        work = partial(_numba.products, rows.contiguous().numpy(), base.contiguous().numpy(), lists, out.numpy())
        with Threads(index.numel() * rows.shape[1]) as threads:
            threads.share(work, len(rows))
        return out
    return (rows[:, None] * base[index]).sum(dim=2)


def clipped(cosine: Tensor) -> Tensor:
    """Similarity of a cosine: in [0, 1], and exactly 1 for rows that differ by rounding only."""
    return torch.where(cosine > 1 - TIE, 1.0, cosine.clamp(min=0))
