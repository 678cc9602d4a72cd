"""The map of all images, coloured by any level of the hierarchy or by the truth: one figure, no kernel needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Int

from ..._core.tables import require
from ..._core.validation import check_int
from ..style import CLEAR, INK, PALETTE, cluster_colours, colour_steps, escape, styled
from .maps import level_columns, on_map, spread_sample

TRUTH = "truth"


def plot_map(frame: pd.DataFrame, *, level: int | str = -1, max_points: int = 50_000, title: str = "") -> go.Figure:
    """The images on the map, a colour per cluster; a slider below goes through the levels and to the truth.

    There are seven colours, so clusters far apart share one. A cluster keeps its largest child's colour from level to
    level. A click on "peaks" in the legend shows rings on the peaks of the level: the images that stand for their
    clusters.

    Args:
        frame: what `cluster_frame` gives.
        level: shown first: 0 .. L, -1 for the last, or "truth".
        max_points: with more images a sample is drawn, every cluster of the last level thinned alike; the title says
            how many are shown.
        title: over the figure; empty: "Map of the images".

    Returns: a figure with two WebGL traces: images, peaks.

    Raises:
        ValueError: a level that the frame does not have; another column is missing, or there is no row.

    Example:
        >>> frame = pd.DataFrame({"image_id": [0, 1], "x": [0.0, 1.0], "y": [0.0, 1.0], "level_0": [0, 1],
        ...     "peak": [0, 0]})
        >>> [step.label for step in plot_map(frame).layout.sliders[0].steps]
        ['level 0 (2)']
    """
    require(frame, ("image_id", "x", "y", "level_0", "peak"), "cluster_frame", "frame")
    layers = level_columns(frame)
    views = [*layers, *(["label"] if "label" in frame else [])]
    shown = _index_of(level, len(layers), len(views))
    colours = colours_of_views(frame, layers, views)
    drawn = np.flatnonzero(on_map(frame))
    drawn = drawn[spread_sample(frame[layers[-1]].to_numpy()[drawn], check_int(max_points, "max_points"))]
    part = frame.iloc[drawn]
    colours = [colour[drawn] for colour in colours]

    figure = go.Figure([_images(part, views, colours[shown]), _peaks(part)])
    figure.update_traces(marker={"cmin": -0.5, "cmax": len(PALETTE) - 0.5, "colorscale": colour_steps()})
    steps = [_step(part, view, colour, frame) for view, colour in zip(views, colours, strict=True)]
    figure.data[1].marker.update(size=steps[shown]["args"][0]["marker.size"][1], color=colours[shown][_tops(part)])

    number = f"{len(part):,} images" if len(part) == len(frame) else f"{len(part):,} of {len(frame):,} images, sampled"
    heading = f"{escape(title or 'Map of the images')}: {number}"
    styled(
        figure,
        heading,
        height=680,
        subtitle="near = alike; colour = cluster; in brackets: how many clusters",
    )
    figure.update_layout(sliders=[_slider(steps, shown)], showlegend=True, margin={"b": 30, "r": 56})
    figure.update_xaxes(title="UMAP 1", showticklabels=False, showgrid=False)
    return figure.update_yaxes(title="UMAP 2", showticklabels=False, showgrid=False)


def _index_of(level: int | str, n_levels: int, n_views: int) -> int:
    if level == TRUTH and n_views > n_levels:
        return n_levels
    if isinstance(level, int) and -n_levels <= level < n_levels:
        return level % n_levels
    truth = f" or {TRUTH!r}" if n_views > n_levels else ""
    raise ValueError(f"level: expected -1 to {n_levels - 1}{truth}, got {level!r}")


def colours_of_views(frame: pd.DataFrame, layers: list[str], views: list[str]) -> list[Int[np.ndarray, " n"]]:
    """Colour 0 .. 6 of every image for each level and, where `views` has it last, for the truth, matched to the levels.

    Example:
        >>> frame = pd.DataFrame({"x": [0.0, 1.0, 2.0], "y": 0.0, "level_0": [0, 0, 1], "label": [5, 5, 7]})
        >>> found, truth = colours_of_views(frame, ["level_0"], ["level_0", "label"])
        >>> found.tolist() == truth.tolist()
        True
    """
    xy = frame[["x", "y"]].to_numpy()
    colours = cluster_colours([frame[name].to_numpy() for name in layers], xy)
    if len(views) > len(layers):
        colours.append(_matched(frame["label"].to_numpy(), frame[layers[-1]].to_numpy(), colours[-1], xy))
    return colours


def _matched(truth: np.ndarray, found: np.ndarray, colour: np.ndarray, xy: np.ndarray) -> Int[np.ndarray, " n"]:
    """Colours of classes: that of the cluster which overlaps most with it, if the class is also that cluster's largest;
    the others their own, so that classes that were put together are seen apart."""
    own = cluster_colours([truth], xy)[0]
    pairs = pd.DataFrame({"truth": truth, "found": found, "colour": colour}).value_counts().reset_index()
    best = pairs.drop_duplicates("truth").merge(pairs.drop_duplicates("found")[["truth", "found"]])
    by_class = pd.Series(truth).map(best.set_index("truth")["colour"])
    return np.where(by_class.isna(), own, by_class.fillna(0)).astype(np.int64)


def _images(part: pd.DataFrame, views: list[str], colour: np.ndarray) -> go.Scattergl:
    data = part[["image_id", *views]].to_numpy()
    # A page holds typed arrays as base64: two bytes a number where they suffice, in place of eight.
    smallest = np.int16 if data.max(initial=0) < 2**15 else np.int32

    names = ["class" if view == "label" else view.replace("_", " ") for view in views]
    lines = [f"{name}: %{{customdata[{i}]}}" for i, name in enumerate(["image", *names])]
    text = [part[column].map(escape) for column in ("name", "class_name") if column in part]

    # All clusters in one trace, with numbers as colours: a trace per cluster would be thousands of them.
    return go.Scattergl(
        x=part["x"].to_numpy(np.float32),
        y=part["y"].to_numpy(np.float32),
        mode="markers",
        name="images",
        showlegend=False,
        marker={"color": colour.astype(np.uint8), "size": _size(part)},
        customdata=data.astype(smallest),
        text=(text[0] if len(text) == 1 else text[0] + "<br>" + text[1]) if text else None,
        hovertemplate=("<b>%{text}</b><br>" if text else "") + "<br>".join(lines) + "<extra></extra>",
    )


def _tops(part: pd.DataFrame) -> np.ndarray:
    return np.flatnonzero(part["peak"].to_numpy() >= 0)


def _peaks(part: pd.DataFrame) -> go.Scattergl:
    """Peaks of level 0; a level hides those that are none there by giving them the size 0."""
    tops = part.iloc[_tops(part)]
    return go.Scattergl(
        x=tops["x"].to_numpy(np.float32),
        y=tops["y"].to_numpy(np.float32),
        mode="markers",
        name="peaks (click to show or hide)",
        visible="legendonly",  # rings on every peak would cover the clusters
        hoverinfo="skip",
        marker={"line": {"width": 1.2, "color": INK}},
    )


def _step(part: pd.DataFrame, view: str, colour: np.ndarray, frame: pd.DataFrame) -> dict[str, Any]:
    """A stop of the slider: colours of both traces and sizes of the peaks (the truth has none)."""
    peak = part["peak"].to_numpy()[_tops(part)]
    level = int(view.removeprefix("level_")) if view != "label" else len(frame)
    size = np.where(peak >= level, 8, 0)
    label = f"{TRUTH if view == 'label' else f'level {level}'} ({frame[view].nunique():,})"
    restyle = {"marker.color": [colour.tolist(), colour[_tops(part)].tolist()]}
    restyle["marker.size"] = [_size(part), size.tolist()]
    return {"label": label, "args": [restyle, [0, 1]]}


def _size(part: pd.DataFrame) -> float:
    return float(np.clip(280 / np.sqrt(len(part) + 1), 2.4, 9))


def _slider(steps: Sequence[dict[str, Any]], shown: int) -> dict[str, Any]:
    return {
        "active": shown,
        "steps": [{**step, "method": "restyle"} for step in steps],
        "currentvalue": {"prefix": "coloured by ", "font": {"size": 15}},
        "pad": {"t": 34, "b": 8},
        "bgcolor": "rgba(128,134,145,0.35)",
        "activebgcolor": PALETTE[0],
        "bordercolor": CLEAR,
        "tickcolor": INK,
    }
