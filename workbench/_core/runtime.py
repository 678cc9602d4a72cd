"""Where and how code runs: device, seeds, threads; no global state is left changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Built = TypeVar("Built")
Result = TypeVar("Result")
FEW = 2**24  # values to look at: below, one thread is faster than several


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """`"auto"` is CUDA where there is one, else the CPU; anything else is torch's name of a device.

    Raises:
        ValueError: an unknown name, or CUDA asked for where there is none.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got {device!r}") from error
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device: {device!r} asked for, but torch sees no CUDA device; use device='auto' or 'cpu'")
    return resolved


def seeded(build: Callable[[], Built], seed: int) -> Built:
    """`build()` with torch's global generator set to `seed` meanwhile and put back afterwards (layers draw from it)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


@contextmanager
def same_threads() -> Iterator[None]:
    """Numba's threads (UMAP) change how many torch uses for the rest of the process: put that back.

    Example:
        >>> with same_threads():
        ...     torch.set_num_threads(1)
    """
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Threads(ThreadPoolExecutor):
    """Threads for compiled loops: as many as torch uses, or the caller's alone where there is little to do: for some
    milliseconds after a product torch's own keep their cores busy waiting for the next one.

    Args:
        values: how many are looked at.
    """

    def __init__(self, values: int = FEW) -> None:
        self.count = torch.get_num_threads() if values >= FEW else 1
        super().__init__(self.count)

    def parts(self, work: Callable[[int, int], Result], n: int, first: int = 0) -> list[Result]:
        """`work(low, high)` for equal parts of first .. n - 1, one per thread, in their order."""
        if self.count == 1:
            return [work(first, n)]
        ends = [first + (n - first) * part // self.count for part in range(self.count + 1)]
        return list(self.map(work, ends[:-1], ends[1:]))

    def share(self, work: Callable[[int, int], int | None], n: int, first: int = 0) -> int:
        """The same; the sum of what `work` returns."""
        return sum(count or 0 for count in self.parts(work, n, first))
