"""The tree of clusters, three more ways: as strips that merge, as nested boxes, as a flow from fine to coarse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Int64
from plotly.colors import hex_to_rgb, sample_colorscale

from ..._core.validation import check_int, check_labels
from ...cluster.levels import Hierarchy, check_hierarchy
from ..style import INK, PALETTE, escape, styled
from .boxes import box_traits, boxes_styled, colour_range, hover_text, short
from .icicle import ROOT, prune, purities, shown_boxes, tree_frame

_LEAST = 0.001  # of all images: the smallest box of a treemap
_SHADES = ((1.0, 0), (0.5, 255), (0.62, 0))  # of a colour: itself, half white, darker


def plot_level_strip(
    hierarchy: Hierarchy, labels: Any = None, *, max_columns: int = 1200, title: str = ""
) -> go.Figure:
    """One strip per level: every image keeps its place, so that one sees clusters merge from strip to strip.

    A colour is a cluster of the last level, its shades are the pieces that a level has of it (there are seven colours
    of three shades, used in turn). In the strip of the truth a class has the colour of the cluster that holds most of
    it: several shades below one whole block are classes wrongly merged, one colour below several blocks is a class in
    pieces.

    Args:
        hierarchy: the clustering.
        labels: true classes [N]; None: no strip of the truth.
        max_columns: with more images each column stands for several, evenly drawn; the subtitle says so.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> tree = wb.build_hierarchy(torch.eye(3), similarity_predictor, wb.InferenceConfig())
        >>> plot_level_strip(tree, [0, 0, 1]).data[0].y.tolist()
        ['level 0 (3)', 'truth (2)']
    """
    layers = check_hierarchy(hierarchy).layers
    truth = None if labels is None else check_labels(labels, len(hierarchy.layers[0]))
    n = len(layers[0])
    order = strip_order(layers, truth)

    columns = min(n, check_int(max_columns, "max_columns"))
    middle = (np.arange(columns) + 0.5) * n / columns
    drawn = middle.astype(np.int64)
    rows = {f"level {i}": layer[order] for i, layer in enumerate(layers)}
    if truth is not None:
        rows["truth"] = truth[order]

    colours = _strip_colours([layer[order] for layer in layers], None if truth is None else truth[order])
    strip = go.Heatmap(
        x=middle, y=np.array([f"{name} ({len(np.unique(row)):,})" for name, row in rows.items()], object)
    )
    strip.update(z=np.stack([colour[drawn] for colour in colours]).astype(np.uint8), ygap=7, showscale=False)
    strip.update(colorscale=_strip_scale(), zmin=-0.5, zmax=len(PALETTE) * len(_SHADES) - 0.5)
    said = [np.stack([row, _size_of_own(row)], axis=1)[drawn] for row in rows.values()]
    strip.update(customdata=np.stack(said).astype(np.int32))
    strip.update(hovertemplate="%{y}: number %{customdata[0]}, %{customdata[1]:,} images<extra></extra>")

    figure = go.Figure(strip)
    sampled = "" if columns == n else f"; {columns:,} of {n:,} images, evenly drawn"
    note = f"a colour is a cluster of the last level, its shades are the pieces of it{sampled}"
    styled(figure, escape(title or "From level to level"), height=150 + 56 * len(rows), subtitle=note)
    figure.update_xaxes(title="images, in the order of the tree", showgrid=False, range=[0, n])
    return figure.update_yaxes(autorange="reversed", showgrid=False)


def strip_order(layers: Sequence[np.ndarray], truth: np.ndarray | None = None) -> Int64[np.ndarray, " n"]:
    """The images in an order in which every cluster of every level stands together, larger clusters first.

    With the truth, clusters with most images of one class stand side by side, larger classes first.

    Example:
        >>> strip_order([np.array([0, 1, 1, 2]), np.array([0, 1, 1, 0])]).tolist()
        [0, 3, 1, 2]
    """
    groups = list(reversed(layers))
    if truth is not None:
        groups = [purities(layers[-1], truth)[0][layers[-1]], *groups, truth]
    keys = [key for group in groups for key in (-_size_of_own(group), group)]
    return np.lexsort(keys[::-1])


def _size_of_own(labels: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """For every item the number of items with its label."""
    code, count = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    return np.asarray(count[code])


def _strip_colours(layers: Sequence[np.ndarray], truth: np.ndarray | None) -> list[np.ndarray]:
    """Colour number of every image in every strip, all in the strips' order: hue by the turn of the cluster of the last
    level, shade by the turn of the piece in it."""
    whole = pd.factorize(layers[-1])[0]
    start = np.unique(whole, return_index=True)[1]
    turns = [pd.factorize(layer)[0] for layer in layers]
    colours = [_colour(whole, turn - turn[start[whole]]) for turn in turns]
    if truth is not None:
        own = pd.factorize(truth)[0]
        home = purities(own, whole)[0]  # of each class, the cluster that holds most of it
        colours.append(_colour(home[own], pd.Series(home).groupby(home).cumcount().to_numpy()[own]))
    return colours


def _colour(hue: np.ndarray, shade: np.ndarray) -> np.ndarray:
    return np.asarray(hue % len(PALETTE) * len(_SHADES) + shade % len(_SHADES))


def _strip_scale() -> list[list[Any]]:
    """Flat steps of a plotly colour scale for the numbers of `_colour`."""
    mixed = [
        f"rgb({','.join(str(round(share * part + (1 - share) * ground)) for part in hex_to_rgb(colour))})"
        for colour in PALETTE
        for share, ground in _SHADES
    ]
    return [[edge / len(mixed), mixed[i]] for i in range(len(mixed)) for edge in (i, i + 1)]


def plot_treemap(
    hierarchy: Hierarchy,
    labels: Any = None,
    *,
    max_nodes: int = 200,
    class_names: Sequence[str] = (),
    ids: Any = None,
    title: str = "",
) -> go.Figure:
    """The hierarchy as boxes in boxes, areas as numbers of images; a click on a box opens it.

    The same boxes as `plot_icicle`, packed: more clusters at a glance, the levels less plain.

    Args:
        hierarchy: the clustering.
        labels: true classes [N]: boxes are coloured by purity (the share of the largest class), else by size.
        max_nodes: boxes of clusters to show, the largest; the others are one box "k smaller clusters" in their parent.
        class_names: a name per class.
        ids: a name per image.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> tree = wb.build_hierarchy(torch.eye(3), similarity_predictor, wb.InferenceConfig())
        >>> plot_treemap(tree).data[0].values.tolist()
        [3, 1, 1, 1]
    """
    boxes, note = shown_boxes(hierarchy, labels, max_nodes, _LEAST, class_names, ids)
    tiling = {"packing": "squarify", "pad": 1}
    treemap = go.Treemap(**box_traits(boxes, by_purity=labels is not None), tiling=tiling)
    treemap.texttemplate = "%{label}<br>%{text}"
    return boxes_styled(go.Figure(treemap), escape(title or "Hierarchy as boxes"), note)


def plot_sankey(
    hierarchy: Hierarchy,
    labels: Any = None,
    *,
    max_nodes: int = 60,
    class_names: Sequence[str] = (),
    ids: Any = None,
    title: str = "",
) -> go.Figure:
    """How clusters flow together: level 0 on the left, the largest clusters of the last level on the right.

    Args:
        hierarchy: the clustering.
        labels: true classes [N]: colour is purity (the share of the largest class), else size.
        max_nodes: clusters to draw, a fifth of them of the last level; what is left of a cluster is one bar.
        class_names: a name per class.
        ids: a name per image.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> tree = wb.build_hierarchy(torch.eye(3), similarity_predictor, wb.InferenceConfig())
        >>> plot_sankey(tree).layout.annotations[0].text
        'one level: nothing flows together'

    Source: after clustree (Zappia & Oshlack 2018, doi 10.1093/gigascience/giy083).
    """
    tree = tree_frame(hierarchy, labels, class_names=class_names, ids=ids)
    top = tree[tree["parent_key"] == ROOT].sort_values("size", ascending=False, kind="stable")
    drawn = top.head(max(1, check_int(max_nodes, "max_nodes") // 5))
    boxes = prune(_with_descendants(tree, drawn["key"]), max(max_nodes, len(drawn)))
    boxes = boxes[boxes["kind"] != "root"].reset_index(drop=True)

    figure = go.Figure()
    if len(hierarchy.layers) > 1:
        figure.add_trace(_flow(boxes, by_purity=labels is not None))
    figure.add_trace(_colour_bar(boxes["size"].to_numpy(), by_purity=labels is not None))

    share = f"{drawn['size'].sum():,} of {top['size'].sum():,} images"
    clusters = f"the {len(drawn):,} largest of {len(top):,}" if len(drawn) < len(top) else f"all {len(top):,}"
    note = f"fine to coarse from left to right; clusters of the last level: {clusters}, {share}"
    styled(figure, escape(title or "How the clusters flow together"), height=640, subtitle=note)
    figure.update_layout(margin={"l": 12, "r": 12, "t": 92, "b": 20}, showlegend=False)
    figure.update_layout(annotations=_level_names(len(hierarchy.layers)))
    return figure.update_xaxes(visible=False).update_yaxes(visible=False)


def _with_descendants(tree: pd.DataFrame, keys: pd.Series) -> pd.DataFrame:
    kept = set(keys)
    for _ in range(int(tree["level"].max())):
        kept |= set(tree.loc[tree["parent_key"].isin(kept), "key"])
    return tree[tree["key"].isin(kept)]


def _flow(boxes: pd.DataFrame, *, by_purity: bool) -> go.Sankey:
    """Bars for clusters, ribbons from child to parent; only the last level is named."""
    size = boxes["size"].to_numpy()
    span = colour_range(size, by_purity)
    place = ((boxes["purity"] if by_purity else np.log10(size)) - span["cmin"]) / (span["cmax"] - span["cmin"])
    colours = sample_colorscale("Cividis", np.clip(place.to_numpy() if by_purity else place, 0, 1).tolist())
    is_top = (boxes["parent_key"] == ROOT).to_numpy()
    names = [escape(short(name, 16)) if top else "" for name, top in zip(boxes["name"], is_top, strict=True)]
    child = np.flatnonzero(~is_top)
    parent = pd.Series(boxes.index, boxes["key"])[boxes["parent_key"][child]].to_numpy()
    hover = [hover_text(box) for box in boxes.itertuples()]
    node = {"label": names, "color": colours, "customdata": hover, "line": {"width": 0}, "pad": 6, "thickness": 14}
    ribbons = {"source": child, "target": parent, "value": size[child], "customdata": [hover[i] for i in child]}
    ribbons["color"] = [colours[i].replace("rgb", "rgba").replace(")", ",0.18)") for i in child]
    shown = {"hovertemplate": "%{customdata}<extra></extra>"}
    font = {"color": INK, "shadow": "none", "weight": 600, "size": 12}
    return go.Sankey(node=node | shown, link=ribbons | shown, arrangement="fixed", valueformat=",d", textfont=font)


def _level_names(n: int) -> list[dict[str, Any]]:
    """Over each column of bars, the level that made these clusters; with one level, why there is no column."""
    on_paper = {"xref": "paper", "yref": "paper", "showarrow": False}
    if n == 1:
        return [on_paper | {"x": 0.5, "y": 0.5, "text": "one level: nothing flows together"}]
    sides = ["left", *["center"] * (n - 2), "right"]
    return [
        on_paper | {"x": i / (n - 1), "xanchor": side, "y": 1, "yanchor": "bottom", "text": f"level {i}"}
        for i, side in enumerate(sides)
    ]


def _colour_bar(size: np.ndarray, *, by_purity: bool) -> go.Scatter:
    """A Sankey has no colour bar of its own: that of an invisible point."""
    marker = {"color": [0], "opacity": 0, "colorscale": "Cividis", "showscale": True, **colour_range(size, by_purity)}
    return go.Scatter(x=[0], y=[0], mode="markers", marker=marker, hoverinfo="skip")
