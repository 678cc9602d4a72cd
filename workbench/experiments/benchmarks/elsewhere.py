"""Clusterers that pin other versions than ours, fitted in an interpreter of their own, which needs numpy and them only.

A process of it is `PYTHON -m workbench.experiments.benchmarks.elsewhere METHOD FEATURES.npy LABELS.npy`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..._core.memory import held_mb, peak_mb

WARM = 2000  # rows of a first call: enough to take the ways, and compile them, that many rows take
MISSING = 3  # exit status of a process whose method is not installed
METHODS: dict[str, tuple[tuple[str, ...], str, dict[str, Any]]] = {  # name -> modules, class in the first, settings
    "EVoC": (("evoc",), "EVoC", {"random_state": 0}),
    "fast-hdbscan": (("fast_hdbscan", "pynndescent"), "HDBSCAN", {}),  # the second: for more than 30 columns
    "PLSCAN": (("fast_plscan",), "PLSCAN", {}),
}


def command_for(method: str, features: Path, labels: Path, python: str = sys.executable) -> list[str]:
    """The command line of a fit; its last line of output is JSON: seconds, first, before_mb, peak_mb, version.

    Example:
        >>> command_for("EVoC", Path("x.npy"), Path("y.npy"), "python")[1:]
        ['-m', 'workbench.experiments.benchmarks.elsewhere', 'EVoC', 'x.npy', 'y.npy']
    """
    return [python, "-m", __name__, method, str(features), str(labels)]


def environment() -> dict[str, str]:
    """The environment in which such an interpreter finds this package.

    Example:
        >>> (Path(environment()["PYTHONPATH"].split(os.pathsep)[0]) / "workbench").is_dir()
        True
    """
    here = str(Path(__file__).parents[3])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))}


def fit_elsewhere(method: str, x: np.ndarray, python: str = sys.executable) -> tuple[np.ndarray, dict[str, Any]]:
    """Labels of a fit, and its figures: those of the process that fitted, not of this one.

    Args:
        method: a name of `METHODS`.
        x: rows of length 1 [n, d].
        python: the interpreter.

    Raises:
        RuntimeError: the process failed; the text is its last line.

    Example:
        >>> fit_elsewhere("EVoC", np.eye(3), "no such interpreter")
        Traceback (most recent call last):
        FileNotFoundError: [Errno 2] No such file or directory: 'no such interpreter'
    """
    with tempfile.TemporaryDirectory() as folder:
        features = Path(folder) / "features.npy"
        labels = Path(folder) / "labels.npy"
        np.save(features, x)
        command = command_for(method, features, labels, python)
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
        if run.returncode:
            raise RuntimeError(last_words(run))
        figures: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
        return np.load(labels), figures


def last_words(run: subprocess.CompletedProcess[str]) -> str:
    """The last line of a process that failed; a negative status is the signal that ended it, as for want of memory.

    Example:
        >>> last_words(subprocess.CompletedProcess([], -9, stderr=""))
        'ended with status -9'
    """
    return (run.stderr.strip().splitlines() or [f"ended with status {run.returncode}"])[-1]


def main(method: str, features: str, labels: str) -> None:
    """Fit one method to an array in a file, write its labels, print its figures."""
    needed, name, settings = METHODS[method]
    try:
        module, *_ = map(import_module, needed)
    except ImportError as error:
        print(error, file=sys.stderr)
        raise SystemExit(MISSING) from error
    kind = getattr(module, name)
    x = np.load(features)
    start = time.perf_counter()  # what it compiles on its first call is not clustering time
    kind(**settings).fit(x[:WARM])
    first = time.perf_counter() - start
    before = held_mb()
    model = kind(**settings)
    start = time.perf_counter()
    model.fit(x)
    figures = {"seconds": time.perf_counter() - start, "first": first, "before_mb": before, "peak_mb": peak_mb()}
    np.save(labels, np.asarray(model.labels_, dtype=np.int64))
    print(json.dumps({**figures, "version": version(needed[0].replace("_", "-"))}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
