"""What is measured: a case is a function of its setting that gives figures, a suite the cases beside each other."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from ..._core.memory import held_mb, peak_mb
from ..._core.validation import check_choice
from .elsewhere import WARM
from .inputs import Clusters, clusters_in_file, kept_clusters
from .peers import missing

Figures = dict[str, Any]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Setting:
    """What a case is run on.

    Attributes:
        n: rows.
        dim: columns.
        device: "cpu", "cuda" or "cuda:N".
        peer_python: the interpreter of peers that run elsewhere.
        inputs: a folder where inputs are kept for other processes; None: each makes its own.
    """

    n: int
    dim: int = 128
    device: str = "cpu"
    peer_python: str = sys.executable
    inputs: str | None = None

    def clusters(self) -> Clusters:
        """The features and labels that cases of this setting run on."""
        return kept_clusters(self.n, self.dim, self.inputs)

    def clusters_in_file(self) -> tuple[Any, Any]:
        """The like, with float16 features that stay in a file."""
        return clusters_in_file(self.n, self.dim)

    @property
    def warm(self) -> int:
        """Rows that a case runs on first: imports and compilation are not timed with it."""
        return min(self.n, WARM)


@dataclass(frozen=True)
class Case:
    """One row of a table.

    Attributes:
        name: of the row.
        run: measures; "seconds" and memory are among its figures, see `measured`.
        beside: the case that its ratio refers to; "": the suite's reference.
        needs: modules of peers.
        max_n: more rows take minutes or too much memory; None: no limit.
        cuda: whether it can run on a GPU.
        elsewhere: whether its peer runs in the setting's `peer_python`.
    """

    name: str
    run: Callable[[Setting], Figures]
    beside: str = ""
    needs: tuple[str, ...] = ()
    max_n: int | None = None
    cuda: bool = False
    elsewhere: bool = False

    def obstacle(self, setting: Setting) -> str:
        """Why the case is not run in this setting; "" if it is.

        Example:
            >>> Case("slow", lambda setting: {}, max_n=10).obstacle(Setting(11))
            'more than 10 rows would take too long'
        """
        if setting.device != "cpu" and not self.cuda:
            return "runs on the CPU only"
        if self.max_n is not None and setting.n > self.max_n:
            return f"more than {self.max_n:,} rows would take too long"
        python = setting.peer_python if self.elsewhere else sys.executable
        return next((why for module in self.needs if (why := missing(module, python))), "")


@dataclass(frozen=True)
class Suite:
    """Cases that stand side by side.

    Attributes:
        name: as the command takes it.
        about: what is measured, in a line.
        sizes: rows, where the user names none.
        reference: the case that ratios refer to where a case names no other.
        cases: in the order of the table.
    """

    name: str
    about: str
    sizes: tuple[int, ...]
    reference: str
    cases: tuple[Case, ...]

    def case(self, name: str) -> Case:
        """A case by its name.

        Raises:
            ValueError: there is none of this name.

        Example:
            >>> Suite("s", "", (1,), "a", (Case("a", lambda setting: {}),)).case("a").name
            'a'
        """
        names = tuple(case.name for case in self.cases)
        return self.cases[names.index(check_choice(name, "case", names))]


def measured(call: Callable[[], Result], device: str = "cpu") -> tuple[Result, Figures]:
    """What the call returns, with its seconds and the process's memory before it and at its peak so far.

    Example:
        >>> result, figures = measured(lambda: 1 + 1)
        >>> result, sorted(figures)
        (2, ['before_mb', 'peak_mb', 'seconds'])
    """
    figures: Figures = {"before_mb": held_mb()}
    if device != "cpu":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
    start = time.perf_counter()
    result = call()
    if device != "cpu":
        torch.cuda.synchronize(device)
        figures["gpu_mb"] = torch.cuda.max_memory_allocated(device) // 2**20
    figures["seconds"] = time.perf_counter() - start
    return result, {**figures, "peak_mb": peak_mb()}


def first(call: Callable[[], Any], device: str = "cpu") -> Figures:
    """Seconds of a first call, which imports and compiles, as the figure "first".

    Example:
        >>> list(first(lambda: None))
        ['first']
    """
    return {"first": measured(call, device)[1]["seconds"]}
