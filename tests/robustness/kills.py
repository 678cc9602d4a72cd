"""Kills at random moments: `python tests/robustness/kills.py --kills 200 --seed 0 [JOB ...]`.

A job runs in a forked process, over results of an earlier run in every second case. It is killed (KILL, TERM or INT),
or no file may grow beyond a random size (FULL), as on a full disk. Then each of its files is the old one or the new
one, all of one run where the job promises it. Run once more, the job ends well, gives what it gives undisturbed, and
leaves no temporary files. Anything else is printed; the exit code is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np

import workbench as wb
from workbench._core.tables import write_csv
from workbench.data.glyphs import load_glyphs
from workbench.experiments.ablation.run import AblationData
from workbench.experiments.ablation.settings import Settings
from workbench.views.reports.report import cluster_report

FULL = "FULL"
FAULTS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, FULL)
LIMIT = 300  # seconds: a job that takes longer hangs
Y = np.arange(120) % 12
RANDOM = np.random.default_rng(0)
X = (RANDOM.normal(size=(12, 8))[Y] + 0.2 * RANDOM.normal(size=(120, 8))).astype(np.float32)


def run_command(*words: str | Path) -> None:
    """The command, in this process."""
    from workbench.cli import main

    sys.argv = ["workbench", *map(str, words)]
    main()


def cluster(folder: Path) -> None:
    """The folder of `workbench cluster -o`."""
    run_command("cluster", folder.parent / "x.npy", "-o", folder / "out", "-q", "--no-report", "--format", "csv")


def report(folder: Path) -> None:
    """A report of its own, without UMAP, which takes a minute to compile."""
    cluster_report(folder / "report.html", wb.HiLander().fit(X).hierarchy_, X[:, :2], labels=Y)


def train(folder: Path) -> None:
    """A meta-training that saves its state every second epoch, and after a kill goes on from there; its checkpoint."""
    often = wb.TrainConfig(epochs=8, refresh=2, validate=2, projections=(1.0,))
    state = folder / "m.run.safetensors"
    lander = wb.meta_train(X, Y, wb.LanderConfig(hidden=8), training=often, state=state, progress=False)
    wb.save_checkpoint(lander, folder / "m.safetensors")


def store(folder: Path) -> None:
    """A store of ablation runs, each run a file; two processes work on it. A failed run is told of in its row."""
    toy = wb.FeatureSet(X, Y)
    base = Settings().change("training.epochs", 4).change("training.validate", 4)
    data = AblationData(toy, {"toy": toy})
    grid = {"inference.max_levels": [1, 3], "lander.layers": [1, 2]}
    found = wb.ablation.run_grid(grid, data, folder / "store", seeds=[0], base=base, progress=False)
    if found["error"].any():
        sys.exit("a run failed")
    write_csv(found[["config", "bcubed_f", "error"]], folder / "table.csv")


def cache(folder: Path) -> None:
    """The cache of a data set. It is not needed, so a full disk is warned of; here that fails."""
    warnings.simplefilter("error")
    load_glyphs("meta-val", path=folder)


def demo(folder: Path) -> None:
    """The demo of the packaged models with few images, one baseline and no UMAP. Its clock stands still, as its files
    hold times."""
    story = import_module("workbench.cli.demo")  # the package has a command of this name

    def few(name: str, *, split: str, seed: int) -> wb.ImageSet:
        whole = load_glyphs(split, seed=seed, path=folder.parent)
        return replace(whole, images=whole.images[:240], labels=whole.labels[:240])

    one = partial(story.methods_for, baselines=["k-means (true K)"])
    vars(story).update(load=few, methods_for=one, umap_map=lambda x, **settings: x[:, :2])
    time.perf_counter = float
    story.run_demo(folder, packaged=True, progress=False)


def tables(folder: Path) -> None:
    """A few tables, one after the other."""
    import pandas as pd

    for name in "abc":
        write_csv(pd.DataFrame(X), folder / f"{name}.csv")


JOBS: dict[str, Callable[[Path], None]] = {f.__name__: f for f in (cluster, report, demo, train, store, cache, tables)}
AT_ONCE = ("cluster",)  # all their files are of one run
MEASURED = ("seconds_training", "seconds_clustering", "peak_mb")
TOGETHER = ("store",)  # a second process does the same, and is not killed


def start(job: str, folder: Path, room: int | None = None) -> int:
    """A process that does the job; `room`: bytes that each file may have."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if room is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            JOBS[job](folder)
            os._exit(0)
        except SystemExit as end:
            os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
        except BaseException:  # noqa: BLE001 -- the parent judges by the exit code
            os._exit(77)
    return child


def ended(child: int) -> int | None:
    """The exit code; None: it hangs, and is killed."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def content(path: Path) -> str:
    """What a file says, without times that it may hold; raises where it is not whole."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as held:
            return repr([(name, hashlib.sha256(held[name].tobytes()).hexdigest()) for name in sorted(held)])
    if path.suffix == ".safetensors":
        from safetensors.numpy import load_file

        return repr([(k, hashlib.sha256(v.tobytes()).hexdigest()) for k, v in sorted(load_file(path).items())])
    if path.suffix == ".json" and path.parent.name == "store":
        import json

        run = json.loads(path.read_text())
        rows = [{k: v for k, v in row.items() if k not in MEASURED} for row in run["rows"]]
        return repr((rows, run["error"]))
    if path.suffix == ".html":  # plotly draws names of its own
        return hashlib.sha256(re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"", path.read_bytes())).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shown(folder: Path) -> dict[str, str]:
    """Every file that is no temporary one, and what it says."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    open_ones = [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return {str(path.relative_to(folder)): content(path) for path in sorted(open_ones)}


def hidden(folder: Path) -> list[str]:
    """Temporary files that are left."""
    return sorted(path.name for path in folder.rglob(".*") if path.name.count("-") >= 2)


def one_kill(job: str, home: Path, want: dict[str, str], seconds: float, draw: random.Random) -> tuple[str, str]:
    """How the process ended and what was wrong, if anything."""
    folder = home / "killed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if job in AT_ONCE and draw.random() < 0.5:
        shutil.copytree(home / "whole", folder, dirs_exist_ok=True)
        for path in folder.rglob("*.csv"):
            path.write_text("old\n")
    old = shown(folder)
    fault = draw.choice(FAULTS)
    partner = start(job, folder) if job in TOGETHER else 0
    if isinstance(fault, str):
        largest = max(path.stat().st_size for path in (home / "whole").rglob("*") if path.is_file())
        code = ended(start(job, folder, room=draw.randrange(largest)))
    else:
        child = start(job, folder)
        time.sleep(draw.random() * seconds)
        os.kill(child, fault)  # where it has ended, nobody has waited for it yet
        code = ended(child)
    how = f"{getattr(fault, 'name', fault)} {code}"
    other = ended(partner) if partner else 0
    try:
        now = shown(folder)
        mixed = job in AT_ONCE and now and now not in (old, want)
        strange = [name for name in now if name in want and now[name] not in (want[name], old.get(name))]
    except Exception as error:  # noqa: BLE001 -- whatever a torn file makes a reader raise
        return how, f"a file that is not whole: {error}"
    again = ended(start(job, folder))
    after = {name: said for name, said in shown(folder).items() if name in want}
    faults = [f"{name} is neither old nor new" for name in strange if job != "train"]
    faults += ["files of two runs"] if mixed else []
    faults += [f"the other process: exit code {other}"] if other != 0 else []
    faults += ["no room, and all is said to be well"] if fault == FULL and code == 0 and now != want else []
    faults += [f"run again: exit code {again}"] if again != 0 else []
    faults += [f"run again: other results {[n for n in want if after.get(n) != want[n]]}"] if after != want else []
    faults += [f"left: {hidden(folder)}"] if hidden(folder) else []
    return how, "; ".join(faults)


def kills(job: str, n: int, seed: int) -> list[str]:
    """Kill a job n times; what was wrong."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        np.save(home / "x.npy", X)
        whole = home / "whole"
        for _ in range(2):  # the first warms caches up
            shutil.rmtree(whole, ignore_errors=True)
            whole.mkdir()
            begun = time.monotonic()
            assert ended(start(job, whole)) == 0, f"{job} fails undisturbed"
            seconds = time.monotonic() - begun
        want = shown(whole)
        found = []
        for _ in range(n):
            found.append(one_kill(job, home, want, 1.1 * seconds, draw))
            if found[-1][1]:
                print(f"WRONG {job}: {': '.join(found[-1])}", flush=True)
    print(f"{job}: {seconds:.1f} s undisturbed; {n} kills: {dict(Counter(how for how, _ in found))}", flush=True)
    return [f"{job}: {how}: {fault}" for how, fault in found if fault]


def main() -> int:
    """Kill the jobs that were asked for; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("jobs", nargs="*", help=f"of {', '.join(JOBS)}; default: all")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    jobs = asked.jobs or list(JOBS)
    wrong = [fault for job in jobs for fault in kills(job, -(-asked.kills // len(jobs)), asked.seed)]
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
