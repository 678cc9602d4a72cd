"""Runs of a grid, computed once each, kept in a store: stop at any time, start again, share the work."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pandas as pd
from tqdm.auto import tqdm

from ..._core.validation import check_int
from .dispatch import dispatch, finished
from .run import AblationData, Cancelled, Run, code_version, computed
from .settings import Grid, Settings, configurations, describe
from .store import COUNTS, Store, check_run
from .workers import Processes, Workers

if TYPE_CHECKING:
    from distributed import Client


def run_grid(
    grid: Grid,
    data: AblationData,
    store: str | os.PathLike[str],
    *,
    seeds: Sequence[int] = (0, 1, 2),
    base: Settings | None = None,
    workers: int = 1,
    client: Client | None = None,
    device: str = "auto",
    retry: bool = False,
    stop: Callable[[], bool] | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Meta-train and test every configuration of a grid with every seed; what the store has already is read.

    A run is its settings, seed, data and code: change one of them, and it is another run. Each is computed once and
    written whole, so a sweep that was killed loses the run it was in and goes on where it was. Several processes may
    work on one store: each run is computed by one of them, and each gets the whole table. A run that fails is a row
    with its error. An interrupt (Ctrl-C, the notebook's stop button) keeps what is done, and leaves no process behind.

    Side by side: with `workers`, on as many processes of this machine, each with its share of the cores; a script that
    asks for them must stand under `if __name__ == "__main__":`. With `client`, on the workers of a Dask cluster, one
    run at a time on each; they need this package, but no share in `store`: this process holds the claims and writes
    the results. A worker that is killed loses the run that it was in, and another makes it; a run that killed three
    (on Dask: four) is a row with its error, made again by the next sweep. Runs that share a training go one after the
    other, except on Dask, where each trains for itself. Figures may differ in their last digits with the number of
    threads.

    Args:
        grid: see `configurations`.
        data: what to train and test on.
        store: folder of the results.
        seeds: of the training; every configuration gets the same ones, so that differences can be paired.
        base: what the grid changes; None: the defaults.
        workers: processes; 1: all is done in this one.
        client: a `distributed.Client` in their place (`pip install -c constraints.txt -e '.[dask]'`).
        device: "auto", "cpu" or "cuda".
        retry: compute failed runs again.
        stop: asked before every run and after every epoch; True: cancel those in flight, give the rows that are there.
        progress: show a progress bar with the time left.

    Returns: a row per run, test set and level: the factors, `config` (their words), seed, test, level, `last` (True for
        the last level, the result), nodes, links_added, `metrics.scores`, tau_used, n_parameters, seconds_training,
        seconds_clustering, peak_mb (memory of the process that made the run: the highest so far of its whole life,
        with the runs before), data, code, run, error.

    Raises:
        ValueError: a grid that cannot be; no seeds, or one twice; both workers and client.
        RuntimeError: worker processes that do not start, or no worker on the cluster, or with another version.

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
    place = Store(store, check_run)
    done = {run.key: old for run in runs if (old := finished(run, place, retry))}
    left = [run for run in runs if run.key not in done]
    made_by = _workers(data, place, device, stop, min(check_int(workers, "workers"), max(1, len(left))), client)
    together = attrgetter("key" if client else "training_key")
    with (
        tqdm(total=len(runs), initial=len(done), desc="runs", unit="run", smoothing=0, disable=not progress) as bar,
        closing(dispatch(left, made_by, place, together, retry=retry, stop=stop)) as results,
    ):
        for run, made in results:
            done[run.key] = made
            bar.update()
    return _table([(run, done[run.key]) for run in runs if run.key in done])


def _workers(
    data: AblationData,
    place: Store,
    device: str,
    stop: Callable[[], bool] | None,
    workers: int,
    client: Client | None,
) -> Workers:
    if client is not None:
        if workers > 1:
            raise ValueError(f"workers: a client has its own workers; give one of both, got workers={workers}")
        from .dask_workers import DaskWorkers

        return DaskWorkers(_attempt, data, device, client)
    if workers > 1:
        return Processes(_attempt, data, place, device, workers)
    return Workers(_attempt, data, place, device, stop)


def _runs(grid: Grid, data: AblationData, seeds: Sequence[int], base: Settings | None) -> list[Run]:
    if not len(seeds) or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds: expected at least one seed, each once, got {list(seeds)}")
    fingerprint = data.fingerprint
    code = code_version()
    whole = [check_int(seed, "seeds", low=0) for seed in seeds]
    wanted = configurations(grid, base)  # seed by seed: all configurations are compared early
    return [Run(factors, settings, seed, fingerprint, code) for seed in whole for factors, settings in wanted]


def _attempt(
    run: Run, data: AblationData, place: Store | None, device: str, stop: Callable[[], bool] | None
) -> dict[str, Any]:
    """What `computed` gives; a run that fails must not end the others.

    `passing` is True where the machine failed and not the run, as on a full disk: it is tried again by the next sweep.
    """
    try:
        return computed(run, data, place, device, stop)
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001
        passing = isinstance(error, (OSError, MemoryError))
        return {"rows": [], "error": f"{type(error).__name__}: {error}", "passing": passing}


def _table(done: list[tuple[Run, dict[str, Any]]]) -> pd.DataFrame:
    rows = []
    for run, made in done:
        head = {**run.factors, "config": describe(run.factors), "seed": run.seed}
        tail = {name: made[name] for name in ("data", "code", "run", "error")}
        # a failed run is one row, and its own last
        rows += [{**head, **row, **tail} for row in made["rows"] or [{"test": "", "last": True}]]
    table = pd.DataFrame(rows)
    return table.astype(dict.fromkeys((name for name in COUNTS if name in table), "Int64"))
