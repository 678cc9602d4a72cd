"""Ours beside the other clusterers on many kinds of data, everything at its fixed default settings.

python tests/benchmarks/kinds.py DIR [--out results.csv] [--method NAME ...] [--peer-python PATH]

DIR holds sets as .npz files with features [N, D] and labels [N] (datasets/kinds builds them). Every fit runs in a
process of its own; its row goes to the CSV at once, and a row that is there is not run again: delete it to repeat it.
Nothing is tuned and no method sees a label; all get the same rows of length 1. EVoC and fast-hdbscan run in the
interpreter that `--peer-python` names, which needs numpy and them only. What is not installed is named and skipped.
The packaged general model has learned from most of these kinds, so it is judged elsewhere: `kinds_folds.py`.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from workbench._core.memory import peak_mb
from workbench.experiments.benchmarks.elsewhere import METHODS as PEERS
from workbench.experiments.benchmarks.elsewhere import MISSING, command_for, environment

OURS = {"HiLander('glyphs-lander')": ("glyphs-lander",)}
COMMUNITIES = {
    "Leiden, modularity, k = 10": "community_leiden",
    "label propagation, k = 10": "community_label_propagation",
}
BASELINES = {  # name -> (name in wb.baselines.BASELINES, settings other than the defaults)
    "Infomap, k = 10": ("Infomap", {"k": 10}),
    "Infomap, k = 20": ("Infomap", {"k": 20}),
    "HDBSCAN": ("HDBSCAN", {}),
    "FINCH": ("FINCH", {}),
    "average linkage": ("average linkage", {}),
    "no learning, many levels": ("no learning, many levels", {}),
    "no learning, one level": ("no learning, one level", {}),
    "thresholded components": ("thresholded components", {}),
    "approximate rank-order": ("approximate rank-order", {}),
}
METHODS = (*BASELINES, *COMMUNITIES, *PEERS, *OURS)
SCORES = (
    *(f"{kind}_{part}" for kind in ("pairwise", "bcubed") for part in ("precision", "recall", "f")),
    "item_f",
    "largest_precision",
    *("nmi", "ami", "ari", "n_clusters", "n_noise"),
)
COLUMNS = ("set", "kind", "n", "dim", "classes", "method", *SCORES, "seconds", "peak_mb", "error")


# ---------------------------------------------------------------- a fit, in a process of its own


class Communities:
    """Communities of the k-NN graph by python-igraph, whose edges weigh their similarity."""

    def __init__(self, method: str, k: int = 10) -> None:
        self.method = method
        self.k = k

    def fit(self, x: np.ndarray) -> Communities:
        import random

        import igraph
        import torch

        from workbench.graph import knn

        graph = knn(torch.from_numpy(x), self.k)
        source = np.repeat(np.arange(graph.n), self.k)
        network = igraph.Graph(graph.n, np.stack([source, graph.neighbors.numpy().ravel()], axis=1))
        network.es["weight"] = graph.similarity.numpy().ravel()
        network.simplify(combine_edges="max")  # a pair may stand in both lists
        igraph.set_random_number_generator(random.Random(0))
        settings = {"objective_function": "modularity"} if self.method == "community_leiden" else {}
        found = getattr(network, self.method)(weights="weight", **settings)
        self.labels_ = np.array(found.membership)
        return self


def estimator(method: str) -> Any:
    """The method at its defaults; ImportError where its package is missing."""
    if method in OURS:
        return importlib.import_module("workbench").HiLander(*OURS[method], device="cpu")
    if method in COMMUNITIES:
        importlib.import_module("igraph")
        return Communities(COMMUNITIES[method])
    name, settings = BASELINES[method]
    if name == "Infomap":
        importlib.import_module("infomap")  # the baseline itself asks for it only when it fits
    return importlib.import_module("workbench.evaluate.baselines").BASELINES[name](**settings)


def fit(method: str, features: str, labels: str) -> None:
    """Fit one method to an array in a file, write its labels, and print its seconds and this process's peak memory."""
    try:
        model = estimator(method)
    except ImportError as error:
        print(error, file=sys.stderr)
        raise SystemExit(MISSING) from error
    x = np.load(features)
    start = time.perf_counter()
    model.fit(x)
    seconds = time.perf_counter() - start
    np.save(labels, np.asarray(model.labels_, dtype=np.int64))
    print(json.dumps({"seconds": round(seconds, 3), "peak_mb": peak_mb()}))


def largest_precision(labels: np.ndarray, found: np.ndarray, most: int = 3) -> float:
    """Pairwise precision of the largest clusters alone: low where they are heaps of many classes."""
    from workbench.evaluate.scores import contingency, pairs_within

    table = contingency(labels, found)
    largest = np.argsort(-table.col_sizes, kind="stable")[:most]
    pairs = pairs_within(table.col_sizes[largest])
    return pairs_within(table.counts[np.isin(table.cols, largest)]) / pairs if pairs else 1.0


def measure(method: str, features: Path, labels: np.ndarray, python: str, timeout: float) -> dict[str, Any] | None:
    """Scores and figures of one fit, or its error; None if the method is not installed."""
    from workbench.evaluate.scores import scores

    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "labels.npy"
        command = [python, __file__, "--child", method, str(features), str(found)]
        if method in PEERS:
            command = command_for(method, features, found, python)
        settings = {"capture_output": True, "text": True, "check": False, "timeout": timeout, "env": environment()}
        try:
            run = subprocess.run(command, **settings)
        except subprocess.TimeoutExpired:
            return {"error": f"more than {timeout:g} seconds"}
        if run.returncode == MISSING:
            return None
        if run.returncode:  # a negative status is the signal that ended it, as for want of memory
            raised = re.findall(r"^\w[\w.]*: .*", run.stderr, flags=re.MULTILINE)
            return {"error": raised[-1][:300] if raised else f"ended with status {run.returncode}"}
        clusters = np.load(found)
        row = {**scores(labels, clusters), "largest_precision": largest_precision(labels, clusters)}
        return {**row, **json.loads(run.stdout.splitlines()[-1])}


# ---------------------------------------------------------------- all sets, all methods


def read(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """(unit rows, labels, kind) of a set; the kind is in the card that datasets/kinds writes into it."""
    with np.load(path) as arrays:
        x, labels = arrays["features"].astype(np.float32), arrays["labels"]
        kind = json.loads(str(arrays["card"]))["kind"] if "card" in arrays else ""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12), labels, kind


def done(out: Path) -> set[tuple[str, str]]:
    """(set, method) of the rows that are there."""
    if not out.exists():
        return set()
    with out.open(newline="", encoding="utf-8") as file:
        return {(row["set"], row["method"]) for row in csv.DictReader(file)}


def append(out: Path, row: dict[str, Any]) -> None:
    new = not out.exists()
    with out.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow({c: f"{v:.6g}" if isinstance(v := row.get(c, ""), float) else v for c in COLUMNS})


def measure_all(asked: argparse.Namespace) -> None:
    sets = sorted(asked.folder.glob("*.npz"))
    if not sets:
        raise SystemExit(f"{asked.folder}: no .npz files there")
    missing: set[str] = set()
    for path in sets:
        there = done(asked.out)
        todo = [m for m in asked.method if (path.stem, m) not in there and m not in missing]
        if not todo:
            continue
        x, labels, kind = read(path)
        about = {"set": path.stem, "kind": kind, "n": len(x), "dim": x.shape[1], "classes": len(np.unique(labels))}
        with tempfile.TemporaryDirectory() as folder:
            features = Path(folder) / "features.npy"
            np.save(features, x)
            for method in todo:
                python = asked.peer_python if method in PEERS else sys.executable
                figures = measure(method, features, labels, python, asked.timeout)
                if figures is None:
                    missing.add(method)
                    print(f"{method}: not installed, skipped", flush=True)
                    continue
                append(asked.out, {**about, "method": method, **figures})
                line = figures.get("error") or f"{figures['seconds']:.1f} s, {figures['peak_mb']} MB"
                print(f"{path.stem}: {method}: {line}", flush=True)


# ---------------------------------------------------------------- summary


def summary(out: Path) -> None:
    """Means of every method over the sets; ours against the best single method, and per set against the best there."""
    import pandas as pd

    rows = pd.read_csv(out)
    failed = rows["error"].notna()
    rows.loc[failed, ["pairwise_f", "bcubed_f", "item_f"]] = 0.0
    table = rows.assign(failed=failed).groupby("method").agg(
        sets=("set", "count"), failed=("failed", "sum"), pairwise_f=("pairwise_f", "mean"),
        bcubed_f=("bcubed_f", "mean"), item_f=("item_f", "mean"), largest=("largest_precision", "mean"),
        seconds=("seconds", "median"), peak_mb=("peak_mb", "max"),
    )  # fmt: skip
    print(f"\n{rows['set'].nunique()} sets; means of F (a fit that failed counts 0), median seconds, highest peak")
    print(table.sort_values("bcubed_f", ascending=False).round(3).to_string())
    for score in ("pairwise_f", "bcubed_f", "item_f"):
        wide = rows.pivot_table(index="set", columns="method", values=score)
        for name in (m for m in OURS if m in wide):
            ours = wide[name].dropna()
            others = wide.loc[ours.index].drop(columns=list(OURS), errors="ignore").dropna(axis=1)
            if not others.empty:
                against(ours, others, f"{name}, {score}")


def against(ours: Any, others: Any, title: str) -> None:
    """`ours` [sets] beside a table [sets, methods] of the methods that have a row for each of these sets."""
    import pandas as pd

    mean, single, best = ours.mean(), others.mean().idxmax(), others.max(axis=1)
    ratio = ours / best
    print(f"\n{title}: mean {mean:.3f}")
    print(f"best single method: {single}, {others[single].mean():.3f}; ratio {mean / others[single].mean():.3f}")
    print(f"ratio to each set's best: mean {ratio.mean():.3f}, lowest {ratio.min():.3f}")
    columns = {"ours": ours, single: others[single], "best": best, "by": others.idxmax(axis=1), "ratio": ratio}
    print(pd.DataFrame(columns).round(3).to_string())


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        fit(*sys.argv[2:5])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("results.csv"), help="CSV, appended to")
    names = "; ".join(METHODS)
    parser.add_argument("--method", nargs="+", metavar="NAME", choices=METHODS, default=METHODS, help=names)
    parser.add_argument(
        "--peer-python", default=sys.executable, metavar="PATH", help="where EVoC, fast-hdbscan, PLSCAN are"
    )
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for one fit")
    parser.add_argument("--no-summary", action="store_true", help="write the CSV, show no score")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores, OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'not set')}, "
          f"load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
    measure_all(asked)
    if asked.out.exists() and not asked.no_summary:
        summary(asked.out)


if __name__ == "__main__":
    main()
