"""Clusters as boxes: what an icicle and a treemap look like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..style import escape, styled

_LONGEST = 22  # letters of a name in a box; the hover text has it whole


def boxes_styled(figure: go.Figure, heading: str, subtitle: str) -> go.Figure:
    """The look of an icicle or a treemap; names are left out where they do not fit."""
    styled(figure, heading, height=700, subtitle=subtitle)
    return figure.update_layout(margin={"l": 8, "r": 8, "b": 16}, uniformtext={"minsize": 9, "mode": "hide"})


def box_traits(boxes: pd.DataFrame, *, by_purity: bool) -> dict[str, Any]:
    """What an icicle and a treemap of these boxes have in common: the arguments of either trace."""
    size = boxes["size"].to_numpy()
    colour = boxes["purity"].to_numpy() if by_purity else np.log10(size)
    marker = {"colors": colour, "line": {"width": 0}, "colorscale": "Cividis"}
    return {
        "ids": boxes["key"],
        "parents": boxes["parent_key"],
        "labels": boxes["name"].map(short).map(escape),
        "values": size,
        "branchvalues": "total",
        "text": [f"{s:,}" for s in size],
        "texttemplate": "%{label}  %{text}",
        "hovertext": [hover_text(box) for box in boxes.itertuples()],
        "hoverinfo": "text",
        "marker": marker | colour_range(size, by_purity),
        "pathbar": {"visible": True, "thickness": 24},
        "root": {"color": "rgba(128,134,145,0.25)"},
        "sort": not by_purity,  # else as they come: the mixed ones first
    }


def short(name: str, most: int = _LONGEST) -> str:
    """A name that fits into a box."""
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"


def colour_range(size: np.ndarray, by_purity: bool) -> dict[str, Any]:
    """Range and legend (`cmin`, `cmax`, `colorbar`) of the colours: purity from 0 to 1, or size by powers of ten."""
    bar: dict[str, Any] = {"thickness": 12, "len": 0.6, "outlinewidth": 0}
    if by_purity:
        return {"cmin": 0, "cmax": 1, "colorbar": {**bar, "title": {"text": "purity"}}}
    top = max(float(np.log10(size.max())), 1.0)
    powers = np.arange(int(top) + 1)
    ticks = {"tickvals": powers, "ticktext": [f"{10**p:,}" for p in powers]}
    return {"cmin": 0, "cmax": top, "colorbar": {**bar, **ticks, "title": {"text": "images"}}}


def hover_text(box: Any) -> str:
    """What a cluster is: name, level, images, purity; every text from data escaped."""
    lines = [f"<b>{escape(box.name)}</b>", f"{box.size:,} images"]
    if box.kind == "cluster":
        since = f", unchanged since level {int(box.finest)}" if box.finest < box.level else ""
        lines.insert(1, f"level {int(box.level)}, cluster {escape(box.key.split('/')[1])}{since}")
    if not np.isnan(box.purity):
        of = "purity" if box.kind == "cluster" else "mean purity of its clusters"
        lines.append(f"{of} {box.purity:.3f}" + (f", mostly {escape(box.majority)}" if box.majority else ""))
    return "<br>".join(lines)
