"""The report of a clustering: `workbench cluster` writes it, and the demo's is made of the same parts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from ..._core.validation import check_labels
from ...cluster.hilander import OURS
from ...cluster.levels import Hierarchy, check_hierarchy
from ...evaluate.scores import FIGURES, scores
from ..figures.gallery import mosaic, png_uri
from ..figures.icicle import plot_icicle, tree_frame
from ..figures.map_plot import plot_map
from ..figures.maps import cluster_frame, level_table
from ..figures.plots import plot_levels, plot_sizes
from .page import Panel, Section, Strip, Table, write_page

_MAP_POINTS = 15_000  # keeps a report with one map below 7 MB
_MAP = (
    "Every dot is an image; images whose features are alike lie close together. A colour is a cluster (there are seven "
    "colours, so clusters far apart share one). Drag the slider to go from small clusters to large ones.",
    "A group of one colour is a cluster that agrees with the map. Going up a level, neighbouring colours flow "
    "together. Distances between groups mean little.",
)
_ICICLE = (
    "Read from left to right: all images, the final clusters, and what each was made of a level below. The height of "
    "a box is its number of images. Click a box to open it, the bar on top to go back.",
    "A box that splits into many was joined late. With purity as colour, a dark box to the left of light ones is a "
    "wrong merge: follow it to the right to see where it happened.",
)
_LEVELS = (
    "At each level nodes are joined, by links or by a cut of a dendrogram, and what is joined becomes one node of the "
    "next level. The loop ends when nothing is joined, or after the last level that the model allows.",
    "How many levels change anything, and which one does most.",
)
_SIZES = (
    "Clusters ordered from the largest to the smallest, both axes logarithmic.",
    "Where our line lies above the truth, classes were put together; a longer tail on the right is classes in pieces.",
)
NAMES = {
    "method": "method",
    "settings": "settings",
    "oracle": "told K",
    "n": "images",
    "pairwise_f": "pairwise F",
    "bcubed_f": "BCubed F",
    "item_f": "item F",
    "nmi": "NMI",
    "n_clusters": "clusters",
    "n_noise": "noise",
    "seconds": "seconds",
    "tuned_on": "chosen on",
    "note": "note",
    "error": "error",
}
_SUMMARY = {"level": "level", "nodes": "nodes in", "k": "k", "links_added": "links kept", "clusters": "clusters out"}


def cluster_report(
    path: str | os.PathLike[str],
    hierarchy: Hierarchy,
    xy: Float[np.ndarray, "n 2"],
    *,
    ids: Any = None,
    labels: Any = None,
    class_names: Sequence[str] = (),
    images: Any = None,
    title: str = "Clusters",
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """A clustering on one page: map, hierarchy, levels, sizes and, where there are images, examples.

    With more than 15,000 images the map shows a sample, every cluster thinned alike, and says so.

    Args:
        path: file to write, .html.
        hierarchy: the clustering.
        xy: places on the map [N, 2] (`umap_map`).
        ids: a name per image.
        labels: true classes [N]; scores and purities are shown then.
        class_names: a name per class.
        images: uint8 [N, H, W] or [N, H, W, 3].
        title: of the page.
        facts: more cards for the top of the page, e.g. {"tau": 0.5}.

    Raises:
        ValueError: xy, ids or labels of another length than the hierarchy.
        OSError: the file cannot be written.
    """
    layers = check_hierarchy(hierarchy).layers
    truth = None if labels is None else check_labels(labels, len(layers[0]))
    frame = cluster_frame(hierarchy, xy, truth, class_names=class_names, ids=ids)
    panels = clustering_panels(frame, hierarchy, truth, class_names, ids)
    sections = [Section("The map and the hierarchy", panels=panels)]
    if images is not None:
        sections.append(example_section(np.asarray(images), hierarchy, truth, class_names, ids))
    sections.append(Section("Level summary", "What happened at each level.", (summary_panel(hierarchy, truth),)))
    cards: dict[str, Any] = {"images": len(frame), "clusters": hierarchy.n_clusters, "levels": len(layers)}
    if truth is not None:
        found = scores(truth, hierarchy.labels.cpu().numpy())
        cards["classes"] = len(np.unique(truth))
        cards |= {NAMES[key]: found[key] for key in FIGURES}
    lead = "Clusters found by a hierarchical graph neural network, which decides by itself how many there are."
    return write_page(path, title=title, lead=lead, sections=sections, facts={**cards, **(facts or {})}, footer=FOOTER)


FOOTER = "Written by the Hi-LANDER workbench. This page is one file: it needs no network, and sends nothing."


def clustering_panels(
    frame: pd.DataFrame, hierarchy: Hierarchy, truth: Any, class_names: Sequence[str], ids: Any
) -> tuple[Panel, ...]:
    """The four pictures of a clustering: map, hierarchy, levels, sizes."""
    sizes = {OURS: hierarchy.labels.cpu().numpy(), "level 0": hierarchy.layers[0]}
    sizes = sizes if truth is None else {"truth": truth, **sizes}
    icicle = plot_icicle(hierarchy, truth, class_names=class_names, ids=ids)
    return (
        Panel(plot_map(frame, max_points=_MAP_POINTS), *_MAP),
        Panel(icicle, *_ICICLE),
        Panel(plot_levels(hierarchy, truth), *_LEVELS),
        Panel(plot_sizes(sizes), *_SIZES),
    )


def summary_panel(hierarchy: Hierarchy, truth: Any) -> Panel:
    """What happened at each level, as a table."""
    return Panel(Table(level_table(hierarchy, truth).rename(columns={**_SUMMARY, **NAMES})))


def example_section(
    images: np.ndarray, hierarchy: Hierarchy, truth: Any, class_names: Sequence[str], ids: Any
) -> Section:
    """Clusters of the last level as rows of images: the largest and, where the truth is known, the most mixed."""
    tree = tree_frame(hierarchy, truth, class_names=class_names, ids=ids)
    top = tree[tree["level"] == len(hierarchy.layers) - 1]
    by_size = top.sort_values("size", ascending=False, kind="stable")
    largest = tuple(_strip(images, hierarchy, row, truth) for row in by_size.head(5).itertuples())
    panels = [Panel(largest, heading="The largest clusters", see="The peak first, in a blue frame, then other images.")]
    if truth is not None:
        wrong = (by_size["size"] * (1 - by_size["purity"])).sort_values(ascending=False, kind="stable")
        mixed = by_size.loc[wrong.index[wrong > 0][:5]]
        rows = tuple(_strip(images, hierarchy, row, truth) for row in mixed.itertuples())
        look = "Orange frames are images of another class than most. Would you have put them together, too?"
        panels += [Panel(rows, look=look, heading="The clusters with most images of another class")] if rows else []
    return Section("Examples", "Rows of images from single clusters, evenly drawn.", tuple(panels))


def _strip(images: np.ndarray, hierarchy: Hierarchy, row: Any, truth: Any) -> Strip:
    members = hierarchy.levels[row.level].members(row.cluster).cpu().numpy()
    members = np.concatenate([[row.peak], members[members != row.peak]])
    if truth is not None:  # by class, so that a strip shows every class in its share
        members[1:] = members[1:][np.argsort(truth[members[1:]], kind="stable")]
    shown = members[np.unique(np.linspace(0, len(members) - 1, 24).astype(int))]
    other = None
    caption = f"cluster {row.cluster}: {row.size:,} images"
    if truth is not None:
        classes, counts = np.unique(truth[members], return_counts=True)
        other = truth[shown] != classes[counts.argmax()]
        caption += f" of {len(classes)} class{'' if len(classes) == 1 else 'es'}, {row.purity:.0%} are {row.majority}"
    return Strip(png_uri(mosaic(images[shown], columns=24, other=other, peak=0)), caption)
