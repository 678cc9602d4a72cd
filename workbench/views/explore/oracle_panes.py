"""What the oracle explorer shows: F by level beside the model's own, a level summary, a node on the map, the flips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.basedatatypes import BaseFigure
from plotly.subplots import make_subplots

from ...cluster.levels import Hierarchy
from ...evaluate.interventions import HEADS, Edit
from ..style import GREY, INK, PALETTE, escape, styled
from .base import WIDTH
from .link_panes import Names
from .panes import table

_SCORES = (("bcubed_f", "BCubed", "circle", PALETTE[0]), ("pairwise_f", "pairwise", "diamond", PALETTE[5]))
_AROUND = 300  # images drawn around a node, for the eye to find its way


def oracle_figure(*, with_map: bool) -> go.Figure:
    """F by level, model's own (grey) and now, and where there are places a map of the node; all still empty."""
    figure = make_subplots(rows=1, cols=1 + with_map, column_widths=[0.62, 0.38][: 1 + with_map])
    for _, name, symbol, colour in _SCORES:
        for who, ink in (("own", GREY), ("now", colour)):
            marker = {"symbol": symbol, "size": 13 if ink == GREY else 8, "color": ink}
            line = {"color": ink, "width": 2, "dash": "dot" if ink == GREY else "solid"}
            dots = go.Scatter(x=[], y=[], mode="lines+markers", name=f"{name}, {who}", marker=marker, line=line)
            figure.add_trace(dots.update(hovertemplate="%{x}: %{y:.4f}<extra></extra>"), row=1, col=1)
    styled(figure, "F after each level: the model's own, and now", height=360).update_yaxes(
        title="F (1 is best)", range=[0, 1.04]
    )
    figure.update_xaxes(type="category").update_layout(width=WIDTH, margin={"r": 8, "t": 92})
    figure.update_layout(legend={"y": 1.0, "font_size": 12})
    if with_map:
        figure.add_traces(_map_traces(), rows=[1] * 4, cols=[2] * 4)
        figure.update_xaxes(title="UMAP 1", type="linear", showticklabels=False, showgrid=False, row=1, col=2)
        figure.update_yaxes(title="UMAP 2", showticklabels=False, showgrid=False, row=1, col=2)
        figure.layout.yaxis2.range = None
    return figure


def _map_traces() -> list[go.Scatter]:
    empty: dict[str, Any] = {"x": [], "y": [], "showlegend": False}
    images = go.Scatter(**empty, mode="markers", marker={"color": GREY, "size": 4, "opacity": 0.35}, hoverinfo="skip")
    dropped = go.Scatter(**empty, mode="lines", line={"color": GREY, "width": 1, "dash": "dot"}, hoverinfo="skip")
    kept = go.Scatter(**empty, mode="lines", line={"color": PALETTE[0], "width": 3}, hoverinfo="skip")
    ends = go.Scatter(**empty, mode="markers", hoverinfo="text", marker={"line": {"width": 1.5, "color": INK}})
    return [images, dropped, kept, ends]


def show_scores(figure: BaseFigure, own: pd.DataFrame, now: pd.DataFrame) -> None:
    """Put two `level_table`s into the figure."""
    for i, (column, *_) in enumerate(_SCORES):
        for trace, scores in zip(figure.data[2 * i : 2 * i + 2], (own, now), strict=True):
            trace.x = [f"level {level}" for level in scores["level"]]
            trace.y = scores[column].to_numpy()


def show_node(figure: BaseFigure, xy: Float[np.ndarray, "n 2"], image: int, links: pd.DataFrame, words: Names) -> None:
    """Put a node, its candidate links and the images around them into the figure's map."""
    kept = links["kept"].to_numpy(bool)
    ends = links["image"].to_numpy(np.int64)
    centre = xy[image]
    far = ((xy - centre) ** 2).sum(axis=1)
    near = np.argsort(np.where(np.isfinite(far), far, np.inf), kind="stable")[:_AROUND]
    images, dropped, chosen, points = figure.data[-4:]
    images.x = xy[near, 0]
    images.y = xy[near, 1]
    for trace, some in ((dropped, ends[~kept]), (chosen, ends[kept])):
        trace.x, trace.y = _spokes(centre, xy[some])
    shown = np.concatenate([ends, [image]]).astype(np.int64)
    points.x = xy[shown, 0]
    points.y = xy[shown, 1]
    points.hovertext = [escape(words.image(int(i))) for i in shown]
    colours = [*np.where(kept, PALETTE[0], GREY), PALETTE[5]]
    points.marker.update(color=colours, size=[*[10] * len(ends), 17], symbol=[*["circle"] * len(ends), "star"])


def _spokes(centre: Float[np.ndarray, " 2"], ends: Float[np.ndarray, "m 2"]) -> tuple[np.ndarray, np.ndarray]:
    """Lines from the centre to every end, as one line with gaps."""
    gap = np.full_like(ends, np.nan)
    line = np.stack([np.broadcast_to(centre, ends.shape), ends, gap], axis=1).reshape(-1, 2)
    return line[:, 0], line[:, 1]


def summary(own: pd.DataFrame, now: pd.DataFrame, gains: pd.DataFrame | None = None) -> pd.DataFrame:
    """Level by level, and at the end: clusters and F of the model's own hierarchy and of the one now.

    Args:
        own, now: `level_table`s with scores.
        gains: of `InterventionStudy.gains`; None: columns `links` and `density` are left out.

    Returns: level ("0", "1", ..., "end"), clusters, bcubed_own, bcubed_now, pairwise_own, pairwise_now and, with gains,
        what BCubed F at the end gains if the links or the density of that level alone were true.

    Example:
        >>> levels = pd.DataFrame({"level": [0], "clusters": [3], "bcubed_f": [0.5], "pairwise_f": [0.25]})
        >>> summary(levels, levels.assign(bcubed_f=0.75))[["level", "bcubed_own", "bcubed_now"]].values.tolist()
        [['0', 0.5, 0.75], ['end', 0.5, 0.75]]
    """
    rows = pd.DataFrame(index=range(max(len(own), len(now))))
    rows["clusters"] = now["clusters"]
    for column, *_ in _SCORES:
        for who, scores in (("own", own), ("now", now)):
            rows[f"{column.removesuffix('_f')}_{who}"] = scores[column]
    if gains is not None:
        rows = rows.join(gains.pivot(index="level", columns="head", values="gain")[list(HEADS)])
    ends = {name: rows[name].dropna().iloc[-1] for name in rows if name not in HEADS}
    rows = pd.concat([rows, pd.DataFrame([ends])], ignore_index=True)
    rows.insert(0, "level", [*map(str, range(len(rows) - 1)), "end"])
    return rows


def summary_html(rows: pd.DataFrame) -> str:
    """A `summary` as an HTML table, with what changed."""
    head = ["level", "clusters", "BCubed F: own", "now", "change", "pairwise F: own", "now", "change"]
    alone = "links" in rows
    head += ["+ true links", "+ true density"] if alone else []
    body = []
    for row in rows.to_dict("records"):
        clusters = "–" if pd.isna(row["clusters"]) else f"{row['clusters']:,.0f}"
        scores = [cell for kind in ("bcubed", "pairwise") for cell in _compared(row[f"{kind}_own"], row[f"{kind}_now"])]
        cells = [row["level"], clusters, *scores, *([_signed(row[h], 3) for h in HEADS] if alone else [])]
        body.append([f"<b>{cell}</b>" if row["level"] == "end" else cell for cell in cells])
    return table(head, body, numbers=range(1, len(head)))


def _compared(own: float, now: float) -> list[str]:
    return [*("–" if pd.isna(value) else f"{value:.4f}" for value in (own, now)), _signed(now - own, 4)]


def _signed(value: float, digits: int) -> str:
    """A change with its sign; a plain 0 where it rounds to none, a dash where there is none to tell."""
    if pd.isna(value):
        return "–"
    text = f"{value:+.{digits}f}"
    return "0" if float(text) == 0 else text


def changes(before: pd.DataFrame, after: pd.DataFrame) -> str:
    """What a step did to BCubed F, in words, level by level where it changed.

    Example:
        >>> one = pd.DataFrame({"level": [0], "clusters": [3], "bcubed_f": [0.5], "pairwise_f": [0.25]})
        >>> changes(one, one.assign(bcubed_f=0.75)), changes(one, one)
        ('BCubed F: level 0 +0.2500, end +0.2500.', 'BCubed F did not change.')
    """
    rows = summary(before, after)
    steps = [(row["level"], _signed(row["bcubed_now"] - row["bcubed_own"], 4)) for row in rows.to_dict("records")]
    said = [f"{'level ' * (level != 'end')}{level} {step}" for level, step in steps if step not in ("0", "–")]
    return f"BCubed F: {', '.join(said)}." if said else "BCubed F did not change."


def edits_html(edits: Sequence[Edit], hierarchy: Hierarchy, names: Names) -> str:
    """The list of edits, the last one below; those that meet no such link now are marked."""
    if not edits:
        return "<i>No link is flipped.</i>"
    items = []
    for edit in edits:
        what = "forced" if edit.linkage else "forbidden"
        ends = f"{escape(names.image(edit.node))} – {escape(names.image(edit.neighbor))}"
        note = "" if meets(edit, hierarchy) else " <i>(no such link now: it does nothing)</i>"
        items.append(f"<li>level {edit.level}: {ends} {what}{note}</li>")
    return f"<b>Links flipped</b><ol style='margin:2px 0'>{''.join(items)}</ol>"


def meets(edit: Edit, hierarchy: Hierarchy) -> bool:
    """Whether the hierarchy has the link of an edit, from either end."""
    if edit.level >= len(hierarchy.levels):
        return False
    level = hierarchy.levels[edit.level]
    ends = level.image[level.graph.padded]
    pairs = ((edit.node, edit.neighbor), (edit.neighbor, edit.node))
    return any(bool(((level.image == a)[:, None] & (ends == b) & level.graph.mask).any()) for a, b in pairs)
