"""All cases of the chosen suites, each in a process of its own, in turns."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ... import __version__
from ..._core.runtime import resolve_device
from ..._core.validation import check_choice, check_int
from .cases import Case, Setting, Suite
from .peers import versions
from .process import MACHINE, CaseFailed, measure_apart
from .results import Results
from .suites import SUITES, suite

FEWEST = 200  # rows: fewer hold too few classes to train on


@dataclass(frozen=True)
class BenchPlan:
    """What to measure.

    Attributes:
        suites: names of suites; (): all.
        sizes: rows; (): each suite's own.
        cases: names of cases; (): all.
        device: "auto", "cpu", "cuda" or "cuda:N". On a GPU only what can use it is run.
        repeats: runs of every case.
        dim: columns of the features.
        threads: of every library; None: as the environment says.
        peer_python: an interpreter that has EVoC and fast-hdbscan (see `elsewhere`); None: this one.

    Raises:
        TypeError, ValueError: a setting that cannot be.

    Example:
        >>> BenchPlan(("knn",), cases=("faiss flat",)).chosen()[0].name
        'knn'
    """

    suites: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    cases: tuple[str, ...] = ()
    device: str = "auto"
    repeats: int = 3
    dim: int = 128
    threads: int | None = None
    peer_python: str | None = None

    def __post_init__(self) -> None:
        for name in self.suites:
            check_choice(name, "suite", SUITES)
        for n in self.sizes:
            check_int(n, "n", low=FEWEST)
        check_int(self.repeats, "repeats")
        check_int(self.dim, "dim", low=2)
        if self.threads is not None:
            check_int(self.threads, "threads")
        resolve_device(self.device)
        if self.peer_python is not None and shutil.which(self.peer_python) is None:
            raise ValueError(f"peer_python: expected a Python that can be run, got {self.peer_python!r}")

    def chosen(self) -> list[Suite]:
        """The suites, each with the chosen cases only; those without any are left out.

        Raises:
            ValueError: a case that no chosen suite has.
        """
        suites = [suite(name) for name in SUITES if name in (self.suites or SUITES)]
        known = tuple(dict.fromkeys(case.name for one in suites for case in one.cases))
        for name in self.cases:
            check_choice(name, "case", known)
        kept = [(one, tuple(c for c in one.cases if c.name in (self.cases or known))) for one in suites]
        return [Suite(one.name, one.about, one.sizes, one.reference, cases) for one, cases in kept if cases]


def run_bench(
    plan: BenchPlan, *, tell: Callable[[str], None] = print, keep: Callable[[Results, str, int], None] | None = None
) -> Results:
    """Measure, table by table.

    Args:
        plan: what.
        tell: gets a line after every run.
        keep: gets the results so far, and suite and n of the table that is just done.

    Raises:
        ValueError: an unknown case.

    Example:
        >>> found = run_bench(BenchPlan(("metrics",), (400,), ("ours, BCubed",), repeats=1), tell=lambda line: None)
        >>> [run["case"] for run in found["runs"]], found["complete"]
        (['ours, BCubed'], True)
    """
    suites = plan.chosen()
    device = str(resolve_device(plan.device))
    machine = measure_apart(MACHINE, "", Setting(0, device=device), plan.threads)
    settings = {"device": device, "dim": plan.dim, "repeats": plan.repeats, "threads": machine["threads"]}
    results: Results = {"workbench": __version__, "complete": False, "settings": settings, "versions": versions()}
    results |= {"machine": machine, "runs": [], "skipped": [], "failed": []}
    with tempfile.TemporaryDirectory() as inputs:
        for one in suites:
            for n in plan.sizes or one.sizes:
                setting = Setting(n, plan.dim, device, plan.peer_python or sys.executable, inputs)
                _measure_table(results, one, setting, plan, tell)
                if keep is not None:
                    keep(results, one.name, n)
    results["complete"] = True
    return results


def _measure_table(
    results: Results, one: Suite, setting: Setting, plan: BenchPlan, tell: Callable[[str], None]
) -> None:
    """All repeats of all cases; a case that fails is not tried again."""
    obstacles = {case.name: case.obstacle(setting) for case in one.cases}
    left = [case for case in one.cases if not obstacles[case.name]]
    place = {"suite": one.name, "n": setting.n}
    results["skipped"] += [{**place, "case": name, "reason": why} for name, why in obstacles.items() if why]
    for repeat in range(plan.repeats):
        for case in tuple(left):
            head = f"{one.name}, n = {setting.n:,}, {case.name}"
            try:
                figures = measure_apart(one.name, case.name, setting, plan.threads)
            except CaseFailed as error:
                results["failed"].append({**place, "case": case.name, "reason": str(error)})
                left.remove(case)
                tell(f"{head}: failed: {error}")
                continue
            results["runs"].append({**place, **_named(one, case), "repeat": repeat, **figures})
            tell(f"{head}: {figures['seconds']:.3g} s")


def _named(one: Suite, case: Case) -> dict[str, Any]:
    return {"case": case.name, "beside": case.beside or one.reference}
