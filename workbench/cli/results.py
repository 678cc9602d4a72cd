"""Files that `workbench cluster` writes, all of one run or none."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from .._core.files import left_behind, put_back, swap_folders, temporary_name
from .._core.full_disk import naming_the_full_disk
from .._core.tables import write_csv, write_parquet
from ..cluster.hilander import HiLander
from ..cluster.levels import Hierarchy
from ..evaluate.scores import FIGURES, scores
from .photographs import LINKS, SKIPPED, TABLE
from .reading import Items

TABLES = ("labels", "clusters", "hierarchy", "summary")
SCORES = "scores.json"
REPORT = "report.html"
RESULTS = (
    *(f"{table}.{ending}" for table in TABLES for ending in ("parquet", "csv")),
    *(SCORES, REPORT, TABLE, SKIPPED, LINKS),
)
MADE = ".workbench-results"  # names the results that the run has written: only these does the next one remove


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A folder to write results to; it takes the place of `out` when the block ends well, else nothing changes.

    The old folder is renamed away and the new one into its place, so `out` holds the results of one run or none, even
    after a kill in between. What else lay in `out` is moved over, what no run has written under the name of a result
    too, unless this run writes it; what a killed run left is swept by the next.

    Raises:
        FileExistsError: `out` is a file, or in the way of a result is what no run has written: a folder, or files among
            the links.
    """
    out = Path(os.path.realpath(out))
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"out: expected a folder, {out} is a file")
    out.parent.mkdir(parents=True, exist_ok=True)
    _sweep(out)
    _check_way(out)  # after it: what a killed run had moved away is back
    place = out if _stays(out) else out.parent
    place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=temporary_name(out), dir=place) as name:
        new = Path(name) / "new"
        new.mkdir()
        with naming_the_full_disk(out, new):
            yield new
            written = sorted(path.name for path in new.iterdir())
            (new / MADE).write_text("\n".join(written), encoding="utf-8")
        if place == out:
            _move(new, out, sorted(_made(out) | {*written, MADE}))
            return
        umask = os.umask(0)
        os.umask(umask)
        new.chmod(0o777 & ~umask)
        swap_folders(out, new, Path(name) / "old")
        _rescue(Path(name), out)


def check_inputs(out: Path, *inputs: Path | str | None) -> None:
    """That none of a command's inputs is, or lies in, what its results will replace in the folder `out`.

    Raises:
        ValueError: one is; names it.

    Example:
        >>> check_inputs(Path("out"), "rows.npy", None)
    """
    results = [Path(os.path.realpath(out)) / name for name in RESULTS]
    for given in inputs:
        place = Path(os.path.realpath(given)) if given is not None else None
        if place is not None and place.exists() and any(place == one or one in place.parents for one in results):
            raise ValueError(f"out: {given} is read by this command, and would be overwritten; choose another folder")


def _stays(out: Path) -> bool:
    """Whether the folder itself cannot be replaced: we stand in it, it is a mounted disk, or its parent is locked."""
    here = Path.cwd()
    return out.is_mount() or out == here or out in here.parents or not os.access(out.parent, os.W_OK)


def _sweep(out: Path) -> None:
    """Put back or remove what processes left that do not run any more."""
    for folder in [folder for home in (out.parent, out) for folder in left_behind(out, home)]:
        _rescue(folder, out)
        shutil.rmtree(folder, ignore_errors=True)


def _check_way(out: Path) -> None:
    """That no folder of the user's is in the way of a result, and no file of theirs among the links."""
    mine = [out / name for name in RESULTS if name != LINKS and (out / name).is_dir()]
    mine += [path for path in (out / LINKS).rglob("*") if not path.is_symlink() and not path.is_dir()]
    if mine:
        raise FileExistsError(
            f"out: {mine[0]} is in the way of results, and no run has written it; move it, or choose another folder"
        )


def _made(folder: Path) -> set[str]:
    """What a run has written to its folder of results."""
    if not (folder / MADE).is_file():
        return set()
    return {MADE, *(folder / MADE).read_text(encoding="utf-8", errors="replace").splitlines()} & {MADE, *RESULTS}


def _rescue(folder: Path, out: Path) -> None:
    """Move over what no run has made; where the new folder did not arrive, the old one goes back as it was."""
    old = folder / "old"
    put_back(out, old)
    if old.exists():
        gone = _made(old) | {path.name for path in out.iterdir()}
        _move(old, out, [path.name for path in old.iterdir() if path.name not in gone])


def _move(source: Path, target: Path, names: Sequence[str]) -> None:
    """Files of these names; a result that is not there is removed from the target."""
    for name in names:
        if (target / name).is_dir():
            shutil.rmtree(target / name)
        if (source / name).exists():
            os.replace(source / name, target / name)
        else:
            (target / name).unlink(missing_ok=True)


def write_results(folder: Path, model: HiLander, items: Items, *, format: str, report: bool, seed: int) -> None:
    """Tables of a fitted model, scores where classes are known, and the report."""
    hierarchy = model.hierarchy_
    doubts = {"confidence": model.confidence_, "outlier": model.outlier_scores_}
    clusters = model.clusters_
    if names := model.names_:  # of corrections that were taken over
        clusters = clusters.assign(name=[names.get(cluster, "") for cluster in clusters["cluster"].tolist()])
    tables = {"labels": label_table(hierarchy, items).assign(**doubts), "clusters": clusters}
    tables |= {"hierarchy": hierarchy.to_pandas(), "summary": hierarchy.summary()}
    for name, table in tables.items():
        file = folder / f"{name}.{format}"
        if format == "csv":
            write_csv(table, file)
        else:
            write_parquet(table, file)
    if items.labels is not None:
        rows = score_table(hierarchy, items.labels).to_dict("records")
        (folder / SCORES).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if report:
        _write_report(folder / REPORT, hierarchy, items, seed)


def label_table(hierarchy: Hierarchy, items: Items) -> pd.DataFrame:
    """A row per item: `row`, `level_0` ... `level_L`, `representative` (the row that stands for its last cluster),
    `is_peak` (it does so itself), and `label`, `class_name` where known."""
    last = hierarchy.labels.cpu().numpy()
    rows = np.arange(len(last))
    representative = hierarchy.levels[-1].peaks.cpu().numpy()[last]
    levels = {f"level_{i}": layer for i, layer in enumerate(hierarchy.layers)}
    table = pd.DataFrame({"row": rows, **levels, "representative": representative, "is_peak": representative == rows})
    if items.labels is not None:
        table["label"] = items.labels
        if items.class_names:
            table["class_name"] = np.asarray(items.class_names, dtype=object)[items.labels]
    return table


def score_table(hierarchy: Hierarchy, labels: np.ndarray) -> pd.DataFrame:
    """Scores after each level."""
    return pd.DataFrame([{"level": i, **scores(labels, layer)} for i, layer in enumerate(hierarchy.layers)])


def summary(model: HiLander, items: Items) -> str:
    """What happened at each level, how well (or how well the model thinks), and why it ended."""
    hierarchy = model.hierarchy_
    text = hierarchy.summary().to_string(index=False)
    if items.labels is not None:
        shown = score_table(hierarchy, items.labels)[["level", *FIGURES, "nmi", "n_clusters"]]
        text += "\n\n" + shown.to_string(index=False, float_format="{:.4f}".format)
    elif model.expected_:
        text += "\n\nexpected without labels: BCubed " + ", ".join(f"{k} {v:.2f}" for k, v in model.expected_.items())
        text += "; a hint: on kinds of data that the general model had not learned from, f was off by .17 on average"
    n = len(items.features)
    levels = len(hierarchy.layers)
    return f"{text}\n\n{n} items, {hierarchy.n_clusters} clusters after {levels} level(s): {hierarchy.stop_reason}"


def _write_report(path: Path, hierarchy: Hierarchy, items: Items, seed: int) -> None:
    from ..views.figures.maps import umap_map
    from ..views.reports.report import cluster_report

    xy = umap_map(items.features, graph=hierarchy.levels[0].graph, seed=seed)
    title = f"Clusters of {items.name}"
    cluster_report(
        path, hierarchy, xy, labels=items.labels, class_names=items.class_names, images=items.images, title=title
    )
