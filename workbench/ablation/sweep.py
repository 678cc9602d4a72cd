"""Runs of a grid, computed once each, kept in a store: stop at any time, start again, share the work."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from .._checks import check_int
from .run import AblationData, Cancelled, Run, code_version, computed
from .settings import Grid, Settings, configurations, describe
from .store import Store

WAIT = 0.5  # seconds between two looks at runs that others compute


def run_grid(
    grid: Grid,
    data: AblationData,
    store: str | os.PathLike[str],
    *,
    seeds: Sequence[int] = (0, 1, 2),
    base: Settings | None = None,
    device: str = "auto",
    retry: bool = False,
    stop: Callable[[], bool] | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Meta-train and test every configuration of a grid with every seed; what the store has already is read.

    A run is its settings, seed, data and code: change one of them, and it is another run. Each is computed once and
    written whole, so a sweep that was killed loses the run it was in and goes on where it was. Several processes may
    work on one store: each run is computed by one of them, and each gets the whole table. A run that fails is a row
    with its error. An interrupt (Ctrl-C, the notebook's stop button) keeps what is done.

    Args:
        grid: see `configurations`.
        data: what to train and test on.
        store: folder of the results.
        seeds: of the training; every configuration gets the same ones, so that differences can be paired.
        base: what the grid changes; None: the defaults.
        device: "auto", "cpu" or "cuda".
        retry: compute failed runs again.
        stop: asked before every run and after every epoch; True: give the rows that are there.
        progress: show a progress bar with the time left.

    Returns: a row per run, test set and level: the factors, `config` (their words), seed, test, level, `last` (True for
        the last level, the result), nodes, links_added, `metrics.scores`, tau_used, n_parameters, seconds_training,
        seconds_clustering, data, code, run, error.

    Raises:
        ValueError: a grid that cannot be; no seeds, or one twice.

    Example:
        >>> import tempfile, torch
        >>> from workbench import FeatureSet
        >>> random = torch.Generator().manual_seed(0)
        >>> x = torch.randn(12, 8, generator=random).repeat(20, 1) + 0.1 * torch.randn(240, 8, generator=random)
        >>> toy = FeatureSet(x.numpy(), torch.arange(12).repeat(20).numpy())
        >>> quick = Settings().change("training.epochs", 4).change("training.validate", 4)
        >>> place = tempfile.mkdtemp()
        >>> go = dict(data=AblationData(toy, {"toy": toy}), store=place, seeds=[0], base=quick, progress=False)
        >>> table = run_grid({"inference.max_levels": [1, 10]}, **go)
        >>> table.loc[table["last"], "config"].tolist()
        ['max_levels=1', 'max_levels=10']
    """
    runs = _runs(grid, data, seeds, base)
    place = Store(store)
    done = {run.key: old for run in runs if (old := place.read(run.key)) and not (retry and old["error"])}
    left = [run for run in runs if run.key not in done]
    with tqdm(total=len(runs), initial=len(done), desc="runs", unit="run", smoothing=0, disable=not progress) as bar:
        while left and not (stop and stop()):
            found = len(done)
            for run in left:
                try:
                    made = _made_or_read(run, data, place, device, retry, stop)
                except Cancelled:
                    break
                if made:
                    done[run.key] = made
                    bar.update()
            left = [run for run in left if run.key not in done]
            if left and len(done) == found:
                time.sleep(WAIT)  # others compute them
    return _table([(run, done[run.key]) for run in runs if run.key in done])


def _runs(grid: Grid, data: AblationData, seeds: Sequence[int], base: Settings | None) -> list[Run]:
    if not len(seeds) or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds: expected at least one seed, each once, got {list(seeds)}")
    fingerprint, code = data.fingerprint, code_version()
    whole = [check_int(seed, "seeds", low=0) for seed in seeds]
    wanted = configurations(grid, base)  # seed by seed: all configurations are compared early
    return [Run(factors, settings, seed, fingerprint, code) for seed in whole for factors, settings in wanted]


def _made_or_read(
    run: Run, data: AblationData, place: Store, device: str, retry: bool, stop: Callable[[], bool] | None
) -> dict[str, Any] | None:
    """The finished run: computed here, or meanwhile by another process; None while another one computes it."""
    if stop and stop():
        raise Cancelled
    with place.claim(run.key) as mine:
        if not mine:
            return None
        old = place.read(run.key)  # finished by another between our look and our claim
        if old and not (retry and old["error"]):
            return old
        try:
            result = computed(run, data, device, stop)
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - one run that fails must not end the others
            result = {"rows": [], "error": f"{type(error).__name__}: {error}"}
        made = {**run.made_of, "run": run.key, **result}
        place.write(run.key, made)
        return made


def _table(done: list[tuple[Run, dict[str, Any]]]) -> pd.DataFrame:
    rows = []
    for run, made in done:
        head = {**run.factors, "config": describe(run.factors), "seed": run.seed}
        tail = {name: made[name] for name in ("data", "code", "run", "error")}
        # a failed run is one row, and its own last
        rows += [{**head, **row, **tail} for row in made["rows"] or [{"test": "", "last": True}]]
    table = pd.DataFrame(rows)
    whole = [
        name for name in ("level", "nodes", "links_added", "n_clusters", "n_noise", "n_parameters") if name in table
    ]
    return table.astype(dict.fromkeys(whole, "Int64"))
