"""The demo's report: scores beside every baseline, maps, training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from ...cluster.hilander import OURS
from ...cluster.levels import Hierarchy
from ...data import ImageSet
from ..figures.maps import cluster_frame
from ..figures.plots import plot_scores, plot_tau, plot_training
from .page import Panel, Section, Table, write_page
from .report import FOOTER, NAMES, clustering_panels, example_section, summary_panel


@dataclass(frozen=True)
class DemoTest:
    """One test set of the demo.

    Attributes:
        images: the set with its true classes.
        hierarchy: what our model found.
        xy: places on the map [N, 2] (`umap_map`).
        table: a row per method, as `baselines.compare` gives them, ours called "Hi-LANDER"; also `n` (images scored)
            and `note`, where rows differ in them.
    """

    images: ImageSet
    hierarchy: Hierarchy
    xy: Float[np.ndarray, "n 2"]
    table: pd.DataFrame


@dataclass(frozen=True)
class DemoResults:
    """Everything the demo's report shows.

    Attributes:
        tests: the test sets.
        history: of the meta-training (`Lander.history`); empty for a loaded model, as is the next.
        tau_curve: scores on held-out classes by tau (`workbench.train.tau_curve`).
        tau: the one chosen there.
        disjoint: what `check_disjoint` says of each pair of sets.
        seconds: time by step.
        versions: version by package, and other facts of the run (seed, device).
    """

    tests: tuple[DemoTest, ...]
    history: pd.DataFrame
    tau_curve: pd.DataFrame
    tau: float
    disjoint: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def demo_report(path: str | os.PathLike[str], results: DemoResults) -> Path:
    """The demo on one page: scores beside every baseline, then each test set's map and hierarchy, then the training.

    Args:
        path: file to write, .html.
        results: what the demo measured.

    Raises:
        OSError: the file cannot be written.
    """
    sections = [
        Section("Scores", _SCORES, tuple(p for test in results.tests for p in _score_panels(test))),
        *(_test_section(test) for test in results.tests),
        Section("How it was trained", _TRAINING, _training_panels(results)),
        Section("The run", "How long each step took, and what it ran on.", _run_panels(results)),
    ]
    cards: dict[str, Any] = {}
    for test in results.tests:
        own = test.table.loc[test.table["method"] == OURS, "bcubed_f"]
        cards[f"BCubed F, {test.images.name}"] = float(own.iloc[0]) if len(own) else float("nan")
    total = sum(results.seconds.values())
    cards |= {"tau, chosen on held-out classes": results.tau, "seconds in all": round(total)}
    return write_page(path, title="Learning to cluster", lead=_LEAD, sections=sections, facts=cards, footer=FOOTER)


_LEAD = (
    "A graph neural network learned, on characters of some scripts, which images belong together. Here it clusters "
    "characters of other scripts, whose classes it has never seen, and is not told how many there are."
)
_BESIDE = (
    "Every method is a row with three marks, one for each score.",
    "Who wins, who is told the number of classes, and whether the three F agree: if not, look at the large clusters.",
)
_SCORES = (
    "BCubed F asks, for the mean image: how much of its cluster is of its class, and how much of its class is in its "
    "cluster? Pairwise F asks the same of pairs, so large classes weigh more. 1 is best. Settings of all methods were "
    "chosen on held-out training classes, never on the test sets; methods marked * are told the true number of classes."
)
_TRAINING = (
    "The model sees labelled images of other classes. At every level it learns two things: which links join images of "
    "one class, and how dense a node's own class is around it. The threshold tau is then chosen on classes held out."
)


def _score_panels(test: DemoTest) -> list[Panel]:
    """A picture and a table for each number of images scored: what ran on a sample is compared on that sample only."""
    table = test.table if "n" in test.table else test.table.assign(n=len(test.images))
    panels = []
    for n, part in table.groupby("n", sort=False):
        of = f"all {n:,} images" if n == len(test.images) else f"a sample of whole classes, {n:,} images"
        name = f"{test.images.name}, {of}"
        panels.append(Panel(plot_scores(part, ours=(OURS,), title=name), *_BESIDE))
        columns = [column for column in NAMES if column in part and not _empty(part[column])]
        ordered = part.sort_values("bcubed_f", ascending=False, na_position="last", kind="stable")
        best = ("pairwise F", "BCubed F", "item F", "NMI")
        panels.append(Panel(Table(ordered[columns].rename(columns=NAMES), (OURS,), best), heading=f"{name}: numbers"))
    return panels


def _empty(column: pd.Series) -> bool:
    return bool((column.isna() | (column.astype(str) == "")).all())


def _test_section(test: DemoTest) -> Section:
    data = test.images
    frame = cluster_frame(test.hierarchy, test.xy, data.labels, class_names=data.class_names)
    prose = f"{len(data):,} images of {data.n_classes:,} classes; {test.hierarchy.n_clusters:,} clusters were found."
    panels = clustering_panels(frame, test.hierarchy, data.labels, data.class_names, None)
    examples = example_section(data.images, test.hierarchy, data.labels, data.class_names, None)
    return Section(data.name, prose, (*panels, summary_panel(test.hierarchy, data.labels), *examples.panels))


def _training_panels(results: DemoResults) -> tuple[Panel, ...]:
    losses = "Loss by epoch at each level of the hierarchy, and the score on classes that were held out."
    curve = "The score on held-out classes for every threshold; the dashed line is the one chosen."
    flat = "Chosen is the strictest tau within one standard error of the best. A broad top is a safe choice."
    panels = []
    if len(results.history):  # a loaded model has none
        still = "Losses that fall while the score stays: the model memorises."
        panels.append(Panel(plot_training(results.history), losses, still))
        panels.append(Panel(plot_tau(results.tau_curve, results.tau), curve, flat))
    if results.disjoint:
        table = pd.DataFrame({"check": results.disjoint})
        panels.append(
            Panel(Table(table), "No class and no image of a test set was seen in training.", heading="Disjoint?")
        )
    return tuple(panels)


def _run_panels(results: DemoResults) -> tuple[Panel, ...]:
    seconds = pd.DataFrame({"step": list(results.seconds), "seconds": [float(s) for s in results.seconds.values()]})
    versions = pd.DataFrame({"what": list(results.versions), "version": [str(v) for v in results.versions.values()]})
    return tuple(Panel(Table(frame)) for frame in (seconds, versions) if len(frame))
