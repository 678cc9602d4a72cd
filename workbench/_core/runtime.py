"""Device, seeds and threads. Nothing here leaves global state changed, but the number of threads after a fork."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from typing import TypeVar

import torch

from .files import was_interrupted

Built = TypeVar("Built")
Result = TypeVar("Result")

# Values below which compiled loops run on the caller's thread. After a matrix product torch's own threads keep their
# cores busy for some milliseconds, waiting for the next one; measured for k-NN of 2,000 rows: 14 ms in place of 20.
FEW = 2**24
WATCH = "ends with its parent"


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """A torch device by name; `"auto"` is CUDA if there is one, else the CPU.

    Raises:
        ValueError: the name is unknown, or it asks for CUDA where there is none.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    resolved: torch.device | None = None
    with suppress(RuntimeError, TypeError):
        resolved = torch.device(device)
    if resolved is None or resolved.type not in ("cpu", "cuda"):
        raise ValueError(f"device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got {device!r}")
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device: {device!r} asked for, but torch sees no CUDA device; use device='auto' or 'cpu'")
    return resolved


def seeded(build: Callable[[], Built], seed: int) -> Built:
    """Call `build()` with torch's global generator set to `seed`; its state is restored afterwards.

    torch's layers draw their first weights from that generator and take no other.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


@contextmanager
def same_threads() -> Iterator[None]:
    """Restore torch's number of threads: numba's own threads (UMAP) change it for the rest of the process.

    Example:
        >>> with same_threads():
        ...     torch.set_num_threads(1)
    """
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def usual_torch() -> Iterator[None]:
    """Inside, new tensors are float32 on the CPU unless told otherwise, nothing is cast, gradients are kept: as torch
    starts. Also a decorator: `@usual_torch()`.

    A caller's own `set_default_dtype`, `set_default_device`, autocast or `no_grad` would else change results, or break
    them. Ctrl-C that meets compiled code, which makes a SystemError of it, is KeyboardInterrupt again.

    Example:
        >>> with torch.device("meta"), usual_torch():
        ...     torch.ones(1).device.type, torch.ones(1).dtype
        ('cpu', torch.float32)
    """
    dtype = torch.get_default_dtype()
    elsewhere = torch.get_default_device().type != "cpu"
    torch.set_default_dtype(torch.float32)
    try:
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.device("cpu") if elsewhere else nullcontext(),
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False) if torch.is_autocast_enabled("cuda") else nullcontext(),
        ):
            yield
    except SystemError as error:
        if was_interrupted(error):
            raise KeyboardInterrupt from None
        raise
    finally:
        torch.set_default_dtype(dtype)


def end_with(parent: int, every: float = 1.0) -> None:
    """End this process soon after `parent`, if that one started it; killed, it leaves its workers behind.

    Args:
        parent: number of a process; any other than the parent changes nothing.
        every: seconds between two looks.

    Example: no process ends with itself.
        >>> end_with(os.getpid())
    """
    if os.getppid() != parent or any(thread.name == WATCH for thread in threading.enumerate()):
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(every)
        os._exit(1)

    threading.Thread(target=watch, name=WATCH, daemon=True).start()


def _one_thread() -> None:
    """After a fork OpenMP waits for ever for threads that stayed behind; one thread gives the same labels."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="openmp")  # scikit-learn brings an OpenMP of its own
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_one_thread)


class Threads(ThreadPoolExecutor):
    """Threads for compiled loops (which release the GIL): as many as torch uses, or one if there is little to do.

    Args:
        values: how many numbers the loops look at; below `FEW` the caller's thread does all.
    """

    def __init__(self, values: int = FEW) -> None:
        self.count = torch.get_num_threads() if values >= FEW else 1
        super().__init__(self.count)

    def parts(self, work: Callable[[int, int], Result], n: int, first: int = 0) -> list[Result]:
        """Results of `work(low, high)` for equal parts of first .. n - 1, one part per thread, in order."""
        if self.count == 1:
            return [work(first, n)]
        ends = [first + (n - first) * part // self.count for part in range(self.count + 1)]
        return list(self.map(work, ends[:-1], ends[1:]))

    def share(self, work: Callable[[int, int], int | None], n: int, first: int = 0) -> int:
        """Like `parts`, but returns the sum of the results; None counts as 0."""
        return sum(count or 0 for count in self.parts(work, n, first))
