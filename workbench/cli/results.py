"""Files that `workbench cluster` writes, all of one run or none."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from ..cluster.hilander import HiLander
from ..cluster.levels import Hierarchy
from ..evaluate.scores import scores
from .photographs import LINKS, SKIPPED, TABLE
from .reading import Items

TABLES = ("labels", "clusters", "hierarchy", "summary")
SCORES = "scores.json"
REPORT = "report.html"
RESULTS = (*(f"{table}.{ending}" for table in TABLES for ending in ("parquet", "csv")), SCORES, REPORT, TABLE, SKIPPED)


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A folder to write results to; they take their places in `out` when the block ends well, else nothing changes.

    Results of an earlier run that this one does not write are removed: what lies in `out` is of one run.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".cluster-", dir=out) as name:
        part = Path(name)
        yield part
        for result in RESULTS:
            if (part / result).exists():
                os.replace(part / result, out / result)
            else:
                (out / result).unlink(missing_ok=True)
        shutil.rmtree(out / LINKS, ignore_errors=True)
        if (part / LINKS).exists():
            os.replace(part / LINKS, out / LINKS)


def write_results(folder: Path, model: HiLander, items: Items, *, format: str, report: bool, seed: int) -> None:
    """Tables of a fitted model, scores where classes are known, and the report."""
    hierarchy = model.hierarchy_
    doubts = {"confidence": model.confidence_, "outlier": model.outlier_scores_}
    tables = {"labels": label_table(hierarchy, items).assign(**doubts), "clusters": model.clusters_}
    tables |= {"hierarchy": hierarchy.to_pandas(), "summary": hierarchy.summary()}
    for name, table in tables.items():
        file = folder / f"{name}.{format}"
        if format == "csv":
            table.to_csv(file, index=False)
        else:
            table.to_parquet(file, index=False)
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
        shown = score_table(hierarchy, items.labels)[["level", "bcubed_f", "pairwise_f", "nmi", "n_clusters"]]
        text += "\n\n" + shown.to_string(index=False, float_format="{:.4f}".format)
    elif model.expected_:
        text += "\n\nexpected without labels: BCubed " + ", ".join(f"{k} {v:.2f}" for k, v in model.expected_.items())
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
