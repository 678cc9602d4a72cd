"""Build the sets of `recipes/`: python build.py [OUT] [--only NAME ...] [--sources DIR].

OUT, or the environment's WORKBENCH_DATA/kinds, gets a NAME.npz per recipe, whole or not at all: features float32
[N, D], labels int64 [N], and its card as JSON text. A set that is there is not built again. Packages are fetched into
OUT/sources, or `--sources`. `--cards` prints the table of what is there.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # before numpy loads: sums then come in one order
    os.environ.setdefault(_threads, "1")
import numpy as np  # noqa: E402

RECIPES = Path(__file__).resolve().parent / "recipes"
NAMES = sorted(p.stem for p in RECIPES.glob("*.py") if p.stem != "common")


def nn1(x: np.ndarray, y: np.ndarray, block: int = 1000) -> float:
    """Leave-one-out accuracy of the nearest neighbour by cosine."""
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    hits = 0
    for start in range(0, len(x), block):
        similar = x[start : start + block] @ x.T
        similar[np.arange(len(similar)), np.arange(start, start + len(similar))] = -2
        hits += int((y[similar.argmax(1)] == y[start : start + block]).sum())
    return hits / len(x)


def build(name: str, out: Path) -> None:
    """Run one recipe in this process and write its set."""
    sys.path.insert(0, str(RECIPES))
    made = importlib.import_module(name).build()
    x = np.ascontiguousarray(made.features, np.float32)
    _, y, sizes = np.unique(np.asarray(made.labels), return_inverse=True, return_counts=True)
    y = y.astype(np.int64)
    if not (np.isfinite(x).all() and len(x) == len(y) and 1000 <= len(x) <= 15000 and x.any(1).all()):
        raise ValueError(f"{name}: expected 1,000 to 15,000 finite rows other than zero, got an array {x.shape}")
    card = {
        "name": name, "kind": made.kind, "source": made.source, "licence": made.licence, "n": len(x), "d": x.shape[1],
        "classes": len(sizes), "sizes": [int(sizes.min()), float(np.median(sizes)), int(sizes.max())],
        "nn1": round(nn1(x, y), 3), "same": round(1 - len(np.unique(x, axis=0)) / len(x), 4), "how": made.how,
        "doubt": made.doubt,
    }  # fmt: skip
    part = out / f".{name}.{os.getpid()}.part"
    try:
        with part.open("wb") as file:
            np.savez_compressed(file, features=x, labels=y, card=np.array(json.dumps(card)))
        part.replace(out / f"{name}.npz")
    finally:
        part.unlink(missing_ok=True)
    print({key: card[key] for key in ("name", "n", "d", "classes", "sizes", "nn1", "same")}, flush=True)


def table(out: Path) -> str:
    """The cards of the sets in a folder, as a table of Markdown."""
    columns = ("name", "kind", "source", "licence", "n", "d", "classes", "sizes", "nn1", "same", "how", "doubt")
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for path in sorted(out.glob("*.npz")):
        with np.load(path) as arrays:
            card = json.loads(str(arrays["card"]))
        card["sizes"] = "/".join(f"{size:g}" for size in card["sizes"])
        lines.append("| " + " | ".join(str(card[c]) for c in columns) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, help="folder of the sets; default WORKBENCH_DATA/kinds")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=NAMES, default=NAMES)
    parser.add_argument("--sources", type=Path, help="folder of the fetched packages; default OUT/sources")
    parser.add_argument("--cards", action="store_true", help="print the table of the sets that are there")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.out is None and not os.environ.get("WORKBENCH_DATA"):
        parser.error("name a folder, or set WORKBENCH_DATA")
    out = (asked.out or Path(os.environ["WORKBENCH_DATA"]) / "kinds").resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.environ["KINDS_SOURCES"] = str((asked.sources or out / "sources").resolve())
    if asked.child:
        build(asked.only[0], out)
        return 0
    if asked.cards:
        print(table(out))
        return 0
    failed = []
    for name in asked.only:  # a process each: a recipe that fails does not take the others with it
        if not (out / f"{name}.npz").exists():
            command = [sys.executable, __file__, str(out), "--only", name, "--child"]
            if subprocess.run([*command, "--sources", os.environ["KINDS_SOURCES"]], check=False).returncode:
                failed.append(name)
    if failed:
        print(f"not built: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
