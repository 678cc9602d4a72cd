"""Every arm and seed on every test, resumable; means with intervals; the article's summary."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from ..._core.validation import check_choice
from ...evaluate.baselines import compare
from ...evaluate.intervals import intervals
from ...evaluate.scores import FIGURES, scores
from ..ablation.store import Store
from .arms import ARMS, BEFORE, GENERAL, LEARNED, UNLEARNED, Training, untrained
from .tasks import Labelled, Task

_UNTRAINED = "untrained"


def run_faces_species(
    store: str | os.PathLike[str],
    tasks: Mapping[str, Task],
    *,
    arms: Sequence[str] = tuple(ARMS),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    device: str = "auto",
    trial: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Every arm and seed on every test; runs that are in the store are not made again.

    Args:
        store: folder of finished runs, which several processes may share.
        tasks: name -> `Task`.
        arms: names in `ARMS`, of what is trained; what is not trained is always there.
        seeds: of trainings, and of the tests that are drawn.
        device: where models are trained and run.
        trial: train for a few steps only, to see that all of it runs.
        say: told of each run.

    Returns: a row per method, test and seed: task, test, method, family, seed, the three F, n_clusters, seconds, error.

    Raises:
        ValueError: an unknown arm.
    """
    place = Store(store)
    names = [_UNTRAINED, *(check_choice(arm, "arms", tuple(ARMS)) for arm in arms)]
    rows: list[dict[str, Any]] = []
    for task_name, task in tasks.items():
        digest = task.digest
        for arm in names:
            for seed in seeds:
                key = f"{task_name}-{arm}-{seed}-{digest}{'-trial' if trial else ''}"
                run = place.read(key)
                if run is None:
                    with place.claim(key) as mine:
                        if not mine:
                            continue
                        say(f"{task_name}: {arm}, seed {seed}")
                        if arm == _UNTRAINED:
                            made = _untrained_rows(_tests(task, seed, seeds[0]), task, device)
                        else:
                            made = _trained_rows(task, arm, Training(seed, device, trial))
                        run = {"rows": list(made)}
                        place.write(key, run)
                rows += [{"task": task_name, "seed": seed, **row} for row in run["rows"]]
    return pd.DataFrame(rows)


def _tests(task: Task, seed: int, first: int) -> Mapping[str, Labelled]:
    """The tests of a seed that another seed has not got in just the same way."""
    tests = task.tests(seed)
    if seed == first:
        return tests
    same = task.tests(first)
    return {name: test for name, test in tests.items() if not np.array_equal(test[0], same[name][0])}


def _untrained_rows(tests: Mapping[str, Labelled], task: Task, device: str) -> Iterator[dict[str, Any]]:
    if not tests:
        return
    methods = untrained(task, device)
    for test, (x, y) in tests.items():
        table = compare(x, y, methods).astype(object)
        for row in table.where(table.notna(), None).to_dict("records"):
            family = LEARNED if row["method"] == GENERAL else UNLEARNED
            kept = {name: row[name] for name in ("method", "oracle", *FIGURES, "n_clusters", "seconds", "error")}
            yield {"test": test, "family": family, **kept}


def _trained_rows(task: Task, arm: str, how: Training) -> Iterator[dict[str, Any]]:
    family, train = ARMS[arm]
    started = time.perf_counter()
    methods = train(task, how)
    training = time.perf_counter() - started
    for test, (x, y) in task.tests(how.seed).items():
        for method, cluster in methods.items():
            started = time.perf_counter()
            found = scores(y, cluster(x))
            seconds = time.perf_counter() - started
            kept = {name: found[name] for name in (*FIGURES, "n_clusters")}
            told = {"oracle": False, "seconds": seconds, "seconds_training": training, "error": ""}
            yield {"test": test, "family": family, "method": method, **kept, **told}


def faces_species_results() -> pd.DataFrame:
    """The table of `run_faces_species` on LFW (dlib), Oxford-102 and Leeds butterflies (MobileNetV2), as shipped.

    Seconds are those of two cores beside other work.

    Example:
        >>> sorted(faces_species_results()["task"].unique())
        ['faces', 'species']
    """
    with (files("workbench.experiments.faces_species") / "results.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False, na_values=[""])


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and 95 % interval over the seeds of each method on each test, best mean of the three F first.

    Returns: test, method, family, n, and of each F its mean, low and high.
    """
    scored = table[table["error"].fillna("") == ""]
    parts = []
    for name in FIGURES:
        found = intervals(scored, name, "test", "method").rename(columns={"mean": name})
        parts.append(found.rename(columns={"low": f"{name}_low", "high": f"{name}_high"}).set_index(["test", "method"]))
    whole = pd.concat([parts[0], *(part.drop(columns="n") for part in parts[1:])], axis=1).reset_index()
    families = scored.groupby("method")[["family", "oracle"]].first()
    whole = whole.merge(families, left_on="method", right_index=True)
    whole = whole.assign(mean=whole[list(FIGURES)].mean(axis=1))
    return whole.sort_values(["test", "mean"], ascending=[True, False], ignore_index=True).drop(columns="mean")


def gains(table: pd.DataFrame) -> pd.DataFrame:
    """The article's summary: how much higher the learned methods' best F is than that of each other family, relative.

    Formula: mean over tests and over pairwise and BCubed F of best(learned) / best(other family) - 1, of the methods'
    means over seeds. Oracles, which are told the number of classes, are left out.

    Returns: family, test, pairwise_f, bcubed_f, item_f (gains); the rows "all tests" hold the means.
    """
    scored = means(table)
    scored = scored[~scored["oracle"].astype(bool)]
    best = scored.groupby(["family", "test"])[list(FIGURES)].max()
    rows = []
    for family in (BEFORE, UNLEARNED):
        if family in best.index.get_level_values(0):
            gain = best.loc[LEARNED] / best.loc[family] - 1
            rows.append(gain.reset_index().assign(family=family))
            rows.append(pd.DataFrame([{"family": family, "test": "all tests", **gain.mean()}]))
    return pd.concat(rows, ignore_index=True)[["family", "test", *FIGURES]]
