"""One case in a process of its own: its memory is its own, and no case warms another's caches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from dataclasses import asdict

from .cases import Figures, Setting
from .elsewhere import last_words
from .machine import load, machine_facts, measured_peak
from .suites import suite

MACHINE = "machine"  # in place of a suite: facts and peak
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


class CaseFailed(RuntimeError):
    """A case ended with an error; the text is its last line."""


def measure_apart(name: str, case: str, setting: Setting, threads: int | None = None) -> Figures:
    """Figures of a case, measured in a fresh process.

    Args:
        name: of the suite; `MACHINE`: facts about the machine, as a process with so many threads sees it.
        case: its name.
        setting: what it runs on.
        threads: of every library; None: as the environment says.

    Raises:
        CaseFailed: the process ended with an error.
    """
    asked = json.dumps({"suite": name, "case": case, "setting": asdict(setting)})
    limits = {} if threads is None else dict.fromkeys(_THREADS, str(threads))
    command = [sys.executable, "-m", "workbench.experiments.benchmarks", asked]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **limits})
    if run.returncode:
        raise CaseFailed(last_words(run))
    figures: Figures = json.loads(run.stdout.splitlines()[-1])
    return figures


def measure_here(name: str, case: str, setting: Setting) -> Figures:
    """The same in this process.

    Example:
        >>> measure_here("metrics", "ours, BCubed", Setting(400))["bcubed_f"] > 0.5
        True
    """
    if name == MACHINE:
        return {**machine_facts(setting.device), "peak_gflops": measured_peak(setting.device)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peers' own, of no use beside a table
        figures = suite(name).case(case).run(setting)
    return {**figures, "load": load()}


def answer() -> None:
    """What the process does: the case that its argument names; the figures are the last line it prints."""
    asked = json.loads(sys.argv[1])
    figures = measure_here(asked["suite"], asked["case"], Setting(**asked["setting"]))
    print(json.dumps(figures))
