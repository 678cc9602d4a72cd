"""Small static figures: levels, sizes, scores, training, tau. All in SVG, as a page holds few WebGL figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float, Int
from plotly.subplots import make_subplots

from ..._core.tables import require
from ..._core.validation import check_labels
from ...cluster.levels import Hierarchy
from ..style import GREY, INK, PALETTE, SCORE_NAMES, escape, mark_at, styled
from .maps import level_table
from .training_curves import smoothing, training_curves

_AXES = {"x": "link loss", "x2": "density loss", "x3": "BCubed F, held-out classes"}  # of `training_curves`
_F = (("pairwise_f", "diamond", PALETTE[5]), ("bcubed_f", "circle", PALETTE[0]), ("item_f", "square-open", PALETTE[2]))
_NUMBERED = 8  # levels whose bars have room for their numbers


def plot_levels(hierarchy: Hierarchy, labels: Any = None, *, title: str = "") -> go.Figure:
    """What each level did: nodes in, links kept, clusters out and, where the truth is given, the scores after it.

    Levels are those that kept a link, as in `Hierarchy.layers`; the subtitle says why there is no other.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> tree = wb.build_hierarchy(torch.eye(3), similarity_predictor, wb.InferenceConfig())
        >>> [trace.name for trace in plot_levels(tree).data]
        ['nodes in', 'links kept', 'clusters out']
    """
    table = level_table(hierarchy, labels).head(len(hierarchy.layers))
    scored = labels is not None
    levels = [f"level {i}" for i in table["level"]]
    figure = make_subplots(rows=1 + scored, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    figure.add_traces(_counts(table, levels), rows=1, cols=1)
    top = np.log10(table["nodes"].max()) + 0.3
    figure.update_yaxes(type="log", dtick=1, title="number", range=[-0.1, top], row=1, col=1)

    for column, symbol, color in _F if scored else ():
        marker = {"size": 11, "symbol": symbol, "color": color}
        name = f"{SCORE_NAMES[column]} (last: {table[column].iloc[-1]:.3f})"  # numbers beside the marks would overlap
        line = go.Scatter(x=levels, y=table[column], name=name, mode="lines+markers", marker=marker, line_color=color)
        line.hovertemplate = "%{y:.3f}<extra>%{fullData.name}</extra>"
        figure.add_trace(line.update(cliponaxis=False), row=2, col=1)
    if scored:
        figure.update_yaxes(title="F after it", range=[0, 1.05], row=2, col=1)

    ended = f"the loop ended: {escape(hierarchy.stop_reason)}; numbers on a logarithmic scale"
    styled(figure, escape(title or "Level by level"), height=360 + 230 * scored, subtitle=ended)
    legend = {"x": 0, "xanchor": "left", "y": -0.08 if scored else -0.15, "yanchor": "top"}
    return figure.update_layout(bargap=0.2, legend=legend, margin_b=96)


def _counts(table: pd.DataFrame, levels: Sequence[str]) -> list[go.Bar]:
    """Bars of nodes, links and clusters; without numbers on them where there is no room."""
    looks = {"nodes": ("nodes in", GREY), "links_added": ("links kept", PALETTE[4])}
    bars = []
    for column, (name, colour) in {**looks, "clusters": ("clusters out", PALETTE[0])}.items():
        bar = go.Bar(x=levels, y=table[column], name=name, marker_color=colour)
        bar.hovertemplate = "%{y:,}<extra>%{fullData.name}</extra>"
        if len(table) <= _NUMBERED:
            text = [f"{v:,}" if v < 10_000 else f"{v / 1000:.0f}k" for v in table[column]]
            bar.update(text=text, textposition="outside", textangle=0, textfont_size=11)
            bar.update(constraintext="none", cliponaxis=False)  # plotly would shrink them to the bar's width
        bars.append(bar)
    return bars


def plot_sizes(labels_by_name: Mapping[str, Any], *, title: str = "") -> go.Figure:
    """Cluster sizes from the largest to the smallest, a line per labelling; both axes logarithmic.

    Args:
        labels_by_name: name -> labels [N], e.g. {"truth": ..., "Hi-LANDER": ...}; -1 (noise) counts as singletons.

    Example:
        >>> plot_sizes({"truth": [0, 0, 1], "found": [0, 1, 2]}).data[0].y.tolist()
        [2, 1]
    """
    figure = go.Figure()
    for i, (name, labels) in enumerate(labels_by_name.items()):
        sizes = sizes_of(check_labels(labels, name=f"labels_by_name[{name!r}]"))
        if not len(sizes):
            raise ValueError(f"labels_by_name[{name!r}]: expected at least one label, got none")
        rank = np.arange(1, len(sizes) + 1)
        thin = np.unique(np.geomspace(1, len(sizes), 400).astype(int)) - 1  # a line of thousands of points looks alike
        style = {"color": GREY if i == 0 else PALETTE[(i - 1) % len(PALETTE)], "width": 5 if i == 0 else 2.5}
        line = go.Scatter(
            x=rank[thin], y=sizes[thin], mode="lines", name=f"{escape(name)} ({len(sizes):,})", line=style
        )
        figure.add_trace(line.update(hovertemplate="rank %{x:,}: %{y:,} images<extra></extra>"))
    heading = escape(title or "How large are the clusters?")
    styled(figure, heading, subtitle="in brackets: how many clusters").update_layout(showlegend=True)
    figure.update_xaxes(type="log", dtick=1, title="rank of the cluster (1 = largest)")
    return figure.update_yaxes(type="log", dtick=1, title="images in it")


def sizes_of(labels: Int[np.ndarray, " n"]) -> Int[np.ndarray, " c"]:
    """Cluster sizes, largest first; every -1 is a cluster of its own.

    Example:
        >>> sizes_of(np.array([3, 3, -1, -1])).tolist()
        [2, 1, 1]
    """
    found = np.unique(labels[labels != -1], return_counts=True)[1]
    return np.sort(np.concatenate([found, np.ones(int((labels == -1).sum()), dtype=np.int64)]))[::-1]


def plot_scores(table: pd.DataFrame, *, ours: Sequence[str] = ("Hi-LANDER",), title: str = "") -> go.Figure:
    """Methods beside each other: pairwise, BCubed and item F, best BCubed F on top.

    Args:
        table: rows as `baselines.compare` gives them: method, pairwise_f, bcubed_f and, if there, item_f, oracle and
            error.
        ours: names of the methods to highlight.

    Raises:
        ValueError: a column is missing, or there is no row.

    Example:
        >>> rows = pd.DataFrame({"method": ["a", "b"], "bcubed_f": [0.5, 0.9], "pairwise_f": [0.4, 0.8]})
        >>> plot_scores(rows).data[0].y.tolist()
        ['a', 'b']
    """
    require(table, ("method", "bcubed_f"), "baselines.compare")
    scored = table[table["bcubed_f"].notna()].sort_values("bcubed_f", kind="stable")
    names = np.array([_method_name(row, ours) for row in scored.to_dict("records")], dtype=object)
    mine = scored["method"].isin(list(ours)).to_numpy()
    figure = go.Figure()
    for column, symbol, color in _F:
        if column not in scored:
            continue
        marker = {"symbol": symbol, "size": np.where(mine, 16, 10), "color": color, "opacity": np.where(mine, 1.0, 0.6)}
        marker["line"] = {"width": np.where(mine, 2, 0), "color": INK}
        dots = go.Scatter(x=scored[column], y=names, mode="markers", name=SCORE_NAMES[column], marker=marker)
        figure.add_trace(dots.update(hovertemplate="%{y}: %{x:.3f}<extra></extra>", cliponaxis=False))

    missing = table.loc[table["bcubed_f"].isna(), "method"]
    notes = ["bold = ours"] if mine.any() else []
    notes += ["* = is told the true number of classes"] if "oracle" in scored and scored["oracle"].any() else []
    notes += [f"no score: {', '.join(escape(m) for m in missing)}"] if len(missing) else []
    subtitle = "; ".join(notes)
    styled(figure, escape(title or "Scores beside other methods"), height=150 + 32 * len(scored), subtitle=subtitle)
    figure.update_xaxes(title="F (1 is best)", range=[0, 1.02])
    return figure.update_yaxes(showgrid=True, type="category")


def _method_name(row: Mapping[str, Any], ours: Sequence[str]) -> str:
    name = escape(row["method"]) + (" *" if row.get("oracle") else "")
    return f"<b>{name}</b>" if row["method"] in ours else name


def plot_training(history: pd.DataFrame, *, title: str = "") -> go.Figure:
    """Link loss and density loss of every level by epoch, and the score on held-out classes.

    Args:
        history: `Lander.history`: epoch, level, nodes, link_loss, density_loss and, where validated, val_bcubed_f.

    Raises:
        ValueError: a column is missing, or there is no row.

    Example:
        >>> rows = [{"epoch": e, "level": 0, "nodes": 9, "link_loss": 1 / e, "density_loss": 0.1} for e in (1, 2, 3)]
        >>> len(plot_training(pd.DataFrame(rows)).data)
        2
    """
    require(history, ("epoch", "level", "nodes", "link_loss", "density_loss"), "Lander.history", "history")
    curves = training_curves(history)
    window = smoothing(history)
    axes = sorted({axis for _, axis in curves})

    figure = make_subplots(rows=1, cols=len(axes), horizontal_spacing=0.09)
    for (name, axis), curve in curves.items():
        line = go.Scatter(x=curve.index, y=curve.to_numpy(), name=name, legendgroup=name, showlegend=axis != "x2")
        if axis == "x3":
            line.update(mode="lines+markers", line_color=GREY, marker_size=8)
        else:
            colour = PALETTE[int(name.removeprefix("level ")) % len(PALETTE)]
            line.update(mode="lines", line={"color": colour, "width": 2})
        figure.add_trace(line, row=1, col=axes.index(axis) + 1)

    many = {axis for (_, axis), curve in curves.items() if len(curve) > 1}  # around one point plotly would show -1 .. 1
    for col, axis in enumerate(axes, start=1):
        mode = "normal" if axis == "x3" and axis in many else "tozero"
        figure.update_yaxes(title=_AXES[axis], rangemode=mode, row=1, col=col)
    note = f"mean over {window} epochs" if window > 1 else "each epoch"
    figure.update_xaxes(title="epoch")
    return styled(figure, escape(title or "Meta-training"), height=380, subtitle=note)


def plot_tau(curve: pd.DataFrame, tau: float | None = None, *, title: str = "") -> go.Figure:
    """BCubed F of the last level against tau, the threshold a link must pass, on held-out classes.

    Args:
        curve: columns tau, bcubed_f, error (one standard error), n_clusters, as `workbench.train.tau_curve` gives.
        tau: the one chosen, marked by a line.

    Raises:
        ValueError: a column is missing, or there is no row.

    Example:
        >>> curve = pd.DataFrame({"tau": [0.2, 0.4], "bcubed_f": [0.7, 0.8], "error": [0.02, 0.02]})
        >>> len(plot_tau(curve.assign(n_clusters=[9, 12]), 0.4).layout.shapes)
        1
    """
    require(curve, ("tau", "bcubed_f", "error", "n_clusters"), "train.tau_curve", "curve")
    clusters: Float[np.ndarray, " n"] = curve["n_clusters"].to_numpy(dtype=np.float64)
    line = go.Scatter(
        x=curve["tau"],
        y=curve["bcubed_f"],
        error_y={"array": curve["error"], "thickness": 1},
        mode="lines+markers",
        marker={"size": 8, "color": PALETTE[0]},
        customdata=clusters,
        hovertemplate="tau %{x:.3f}: %{y:.3f}, %{customdata:,} clusters<extra></extra>",
    )
    figure = go.Figure(line)
    if tau is not None:
        mark_at(figure, tau, f"chosen: tau = {tau:.3g}")
    note = "bars: one standard error"
    styled(figure, escape(title or "F against tau, on held-out classes"), height=380, subtitle=note)
    figure.update_xaxes(title="tau: a link is kept if its linkage exceeds this", range=[0, 1])
    return figure.update_yaxes(title="BCubed F (1 is best)", range=[0, 1.02])
