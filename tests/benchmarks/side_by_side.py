"""Cases measured side by side: each in a process of its own, in turns, medians of seconds and peak memory.

A benchmark is a script with `main(cases)`; a case is a function (n) -> a dictionary of figures for its row, among them
"seconds". What a process prepares before (data, imports, compilation) is the case's own business and not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch

Case = Callable[[int], dict[str, Any]]


def clusters(n: int, dim: int = 128, per_class: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows of overlapping classes with a falling spectrum, as embeddings have: (features, labels)."""
    random = np.random.default_rng(seed)
    spectrum = np.linspace(1, 0.1, dim, dtype=np.float32) ** 2
    labels = random.integers(max(2, n // per_class), size=n)
    centers = random.standard_normal((labels.max() + 1, dim), dtype=np.float32)
    x = (centers[labels] + 0.7 * random.standard_normal((n, dim), dtype=np.float32)) * spectrum
    return x / np.linalg.norm(x, axis=1, keepdims=True), labels


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What the call returns, and its seconds."""
    start = time.perf_counter()
    result = call()
    return result, round(time.perf_counter() - start, 3)


def main(cases: dict[str, Case], sizes: tuple[int, ...]) -> None:
    """The command line of a benchmark: all cases at all sizes, or (as a child) one case at one size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, nargs="*", default=list(sizes))
    parser.add_argument("--case", nargs="*", default=list(cases), choices=list(cases))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", action="store_true")
    given = parser.parse_args()
    if given.child:
        row = cases[given.case[0]](given.n[0])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps({**row, "peak_mb": peak}))
        return
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, "
          f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    for n in given.n:
        runs = [{"case": case, **_child(case, n)} for _ in range(given.repeats) for case in given.case]
        table = pd.DataFrame(runs).groupby("case", sort=False).median(numeric_only=True)
        if "seconds" in table:
            table.insert(0, "ratio", (table["seconds"] / table["seconds"].iloc[0]).round(2))
        print(f"\nn = {n:,}; ratio to the first row; medians of {given.repeats}\n{table.to_string()}", flush=True)


def _child(case: str, n: int) -> dict[str, Any]:
    command = [sys.executable, sys.argv[0], "--child", "--case", case, "--n", str(n)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        print(f"{case}: skipped ({run.stderr.strip().splitlines()[-1]})")
        return {}
    row: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return row
