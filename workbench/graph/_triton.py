"""A Triton kernel, for GPUs: it keeps in registers what PyTorch's own kernels would write to memory and read again.

Needs triton, which comes with PyTorch's CUDA builds.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

# Rows, groups of columns, and features at a time of one program: it holds 128 x 256 sums. With 8 warps and 3 stages a
# million rows take 1.1 s on an H200, 3.7 times what the products alone take; trials of other sizes are not recorded.
TILE = {"ROWS": 128, "GROUPS": 16, "DEPTH": 64}


# One kernel per dimension: specialised on the numbers of rows and groups, too, Triton would compile anew for the last
# chunk of a search.
@triton.jit(do_not_specialize=("n_rows", "n_groups"))  # type: ignore[untyped-decorator]
def _group_maxima(  # type: ignore[no-untyped-def]  # triton reads the annotations itself
    rows,
    base,
    out,
    n_rows,
    n_groups,
    DIM: tl.constexpr,
    GROUP: tl.constexpr,
    ROWS: tl.constexpr,
    GROUPS: tl.constexpr,
    DEPTH: tl.constexpr,
):
    tiles = tl.cdiv(n_rows, ROWS)  # programs side by side share columns, which stay in the cache
    row = (tl.program_id(0) % tiles).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    group = (tl.program_id(0) // tiles).to(tl.int64) * GROUPS + tl.arange(0, GROUPS)
    column = tl.reshape(tl.arange(0, GROUP)[:, None].to(tl.int64) * n_groups + group[None, :], (GROUP * GROUPS,))
    exists = tl.reshape(tl.broadcast_to(group[None, :] < n_groups, (GROUP, GROUPS)), (GROUP * GROUPS,))

    product = tl.zeros((ROWS, GROUP * GROUPS), tl.float32)
    for start in range(0, DIM, DEPTH):
        d = start + tl.arange(0, DEPTH)
        left = tl.load(rows + row[:, None] * DIM + d[None, :], (row[:, None] < n_rows) & (d[None, :] < DIM), 0.0)
        right = tl.load(base + column[None, :] * DIM + d[:, None], exists[None, :] & (d[:, None] < DIM), 0.0)
        product = tl.dot(left, right, product)  # (ROWS, GROUP * GROUPS)

    best = tl.max(tl.reshape(product, (ROWS, GROUP, GROUPS)), axis=1)  # (ROWS, GROUPS)
    inside = (row[:, None] < n_rows) & (group[None, :] < n_groups)
    tl.store(out + row[:, None] * n_groups + group[None, :], best.to(out.dtype.element_ty), inside)


def maxima_in_one(rows: Tensor, base: Tensor, n_groups: int, group: int) -> Tensor:
    """See `half_precision.group_maxima`: one kernel for products and maxima writes one number for `group` products."""
    out = rows.new_empty(len(rows), n_groups)
    programs = triton.cdiv(len(rows), TILE["ROWS"]) * triton.cdiv(n_groups, TILE["GROUPS"])
    with torch.cuda.device(rows.device):  # triton launches on the current device, whatever its arguments' is
        _group_maxima[(programs,)](
            rows, base, out, len(rows), n_groups, DIM=rows.shape[1], GROUP=group, **TILE, num_warps=8, num_stages=3
        )
    return out
