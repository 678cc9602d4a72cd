"""The links of the k-NN graph, held against the truth: on the map, by similarity, by predicted linkage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Bool, Float

from ..._core.validation import check_int, check_labels
from ...graph.knn import KnnGraph
from ...lander.model import Prediction
from ..style import GREY, PALETTE, escape, mark_at, styled
from .maps import spread_sample

_SAME = {"name": "same class", "color": PALETTE[0], "fill": "rgba(0,114,178,0.22)", "dash": "solid", "width": 2}
_OTHER = {
    "name": "different classes",
    "color": PALETTE[5],
    "fill": "rgba(213,94,0,0.22)",
    "dash": "4px,3px",
    "width": 2,
}
_STEPS = 40  # of a histogram


def link_table(graph: KnnGraph, labels: Any = None, prediction: Prediction | None = None) -> pd.DataFrame:
    """The neighbour lists as a table, a row per entry: node, neighbor, similarity and, where given, same, linkage.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> link_table(graph, [4, 4])["same"].tolist()
        [True, True]
    """
    node, slot = graph.mask.nonzero(as_tuple=True)
    columns = {"node": node, "neighbor": graph.neighbors[node, slot], "similarity": graph.similarity[node, slot]}
    if prediction is not None:
        if prediction.linkage.shape != graph.neighbors.shape:
            shapes = f"{list(graph.neighbors.shape)}, got {list(prediction.linkage.shape)}"
            raise ValueError(f"prediction: expected a linkage for every link of the graph, shape {shapes}")
        columns["linkage"] = prediction.linkage[node, slot]
    table = pd.DataFrame({name: values.detach().cpu().numpy() for name, values in columns.items()})
    if labels is not None:
        truth = check_labels(labels, graph.n)
        table["same"] = truth[table["node"]] == truth[table["neighbor"]]
    return table


def plot_graph(graph: KnnGraph, xy: Any, labels: Any = None, *, max_edges: int = 4000, title: str = "") -> go.Figure:
    """The k-NN graph on the map: a line for every two nodes of which one lists the other.

    Args:
        graph: of n nodes.
        xy: their places [n, 2] (`umap_map`); nodes without one (NaN) are left out.
        labels: true classes [n]: links between classes are drawn dashed, in another colour, on top.
        max_edges: with more links a sample is drawn, both kinds thinned alike; the title says so.

    Raises:
        ValueError: xy or labels of another length than the graph.

    Example:
        >>> graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5]])
        >>> [trace.name for trace in plot_graph(graph, [[0, 0], [1, 0], [0, 1]], [7, 7, 8]).data]
        ['same class (1)', 'different classes (2)', 'nodes']
    """
    places: Float[np.ndarray, "n 2"] = np.asarray(xy, dtype=np.float32)
    if places.shape != (graph.n, 2):
        raise ValueError(f"xy: expected shape ({graph.n}, 2), a place for each node, got {places.shape}")

    links = link_table(graph, labels)
    ends = np.sort(links[["node", "neighbor"]].to_numpy(), axis=1)
    pairs = links.assign(node=ends[:, 0], neighbor=ends[:, 1]).drop_duplicates(["node", "neighbor"])
    placed = np.isfinite(places).all(axis=1)
    pairs = pairs[placed[pairs["node"]] & placed[pairs["neighbor"]]]

    same = pairs["same"] if labels is not None else pd.Series(True, pairs.index)
    drawn = pairs.iloc[spread_sample(same.to_numpy(), check_int(max_edges, "max_edges"))]
    kinds = [(_SAME, same), (_OTHER, ~same)] if labels is not None else [(_SAME | {"name": "link"}, same)]
    figure = go.Figure([_lines(drawn[kind[drawn.index]], places, look, int(kind.sum())) for look, kind in kinds])
    shown = np.unique(drawn[["node", "neighbor"]]) if len(drawn) else np.flatnonzero(placed)[:max_edges]
    figure.add_trace(_dots(places[shown], shown))

    number = f"{len(pairs):,} links" if len(drawn) == len(pairs) else f"{len(drawn):,} of {len(pairs):,} links, sampled"
    lost = "" if placed.all() else f"; {int((~placed).sum()):,} nodes without a place are left out"
    note = f"a line joins two nodes of which one lists the other among its {graph.k} nearest{lost}"
    styled(figure, f"{escape(title or 'The k-NN graph')}: {number}", height=640, subtitle=note)
    figure.update_xaxes(title="UMAP 1", showticklabels=False, showgrid=False)
    return figure.update_yaxes(title="UMAP 2", showticklabels=False, showgrid=False)


def _lines(links: pd.DataFrame, places: np.ndarray, look: dict[str, Any], count: int) -> go.Scatter:
    """One trace for all links of a kind: the lines are parted by NaN."""
    ends = places[links[["node", "neighbor"]].to_numpy().reshape(-1, 2)]
    path = np.concatenate([ends, np.full((len(links), 1, 2), np.nan, np.float32)], axis=1).reshape(-1, 2)
    line = {"color": look["color"], "dash": look["dash"], "width": 1.6 if look["dash"] != "solid" else 0.8}
    name = f"{look['name']} ({count:,})"
    return go.Scatter(
        x=path[:, 0], y=path[:, 1], mode="lines", name=name, line=line, hoverinfo="skip", connectgaps=False
    )


def _dots(places: np.ndarray, nodes: np.ndarray) -> go.Scatter:
    marker = {"size": float(np.clip(120 / np.sqrt(len(nodes) + 1), 2, 7)), "color": GREY}
    dots = go.Scatter(x=places[:, 0], y=places[:, 1], mode="markers", name="nodes", marker=marker, showlegend=False)
    return dots.update(customdata=nodes, hovertemplate="node %{customdata}<extra></extra>")


def plot_similarity(graph: KnnGraph, labels: Any, *, title: str = "") -> go.Figure:
    """How similar neighbours are, within a class and between classes: where the two overlap, no threshold parts them.

    Args:
        labels: true classes [n] of the graph's nodes.

    Example:
        >>> graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5]])
        >>> [trace.name for trace in plot_similarity(graph, [7, 7, 8]).data]
        ['same class (2)', 'different classes (4)']
    """
    links = link_table(graph, labels)
    low = min(np.floor(20 * float(links["similarity"].min())) / 20, 0.95) if len(links) else 0.0
    figure = _histograms(links["similarity"].to_numpy(), links["same"].to_numpy(), low)
    styled(figure, escape(title or "Similarity of neighbours"), subtitle="in brackets: how many links")
    return figure.update_xaxes(title="similarity s_ij (cosine)", range=[low, 1])


def plot_linkage(
    graph: KnnGraph, prediction: Prediction, labels: Any, *, tau: float | None = None, title: str = ""
) -> go.Figure:
    """The predicted linkage of links within a class and between classes; with tau, what passes it.

    Args:
        prediction: linkage of every link, e.g. `hierarchy.levels[0].prediction`.
        labels: true classes [n] of the graph's nodes.
        tau: threshold, marked by a line.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> import torch
        >>> guess = Prediction(torch.tensor([[0.8], [0.7]]), torch.zeros(2))
        >>> plot_linkage(graph, guess, [7, 7], tau=0.5).layout.title.text.split(">")[-2].split("<")[0]
        'linkage above tau: 100.0% of the links within a class, none between classes'
    """
    links = link_table(graph, labels, prediction)
    linkage = links["linkage"].to_numpy()
    same = links["same"].to_numpy()
    figure = _histograms(linkage, same, 0.0)
    note = "in brackets: how many links"
    if tau is not None:
        within, between = (f"{np.mean(linkage[kind] > tau):.1%}" if kind.any() else "none" for kind in (same, ~same))
        note = f"linkage above tau: {within} of the links within a class, {between} between classes"
        mark_at(figure, tau, f"tau = {tau:.3g}", top=True)
    styled(figure, escape(title or "Predicted linkage"), subtitle=note)
    return figure.update_xaxes(title="linkage r_ij (predicted probability of one class)", range=[0, 1])


def _histograms(values: np.ndarray, same: Bool[np.ndarray, " m"], low: float) -> go.Figure:
    """Both kinds as shares of their own number, in steps from `low` to 1; rare links are seen beside frequent ones."""
    edges = np.linspace(low, 1, _STEPS + 1)
    figure = go.Figure()
    for look, kind in ((_SAME, same), (_OTHER, ~same)):
        count = np.histogram(np.clip(values[kind], low, 1), edges)[0]
        count = np.append(count, count[-1])  # the last step, drawn to its end
        step = {"color": look["color"], "dash": look["dash"], "width": look["width"], "shape": "hv"}
        area = go.Scatter(x=edges, y=count / max(int(kind.sum()), 1), mode="lines", line=step, fill="tozeroy")
        area.update(name=f"{look['name']} ({int(kind.sum()):,})", fillcolor=look["fill"], customdata=count)
        figure.add_trace(area.update(hovertemplate="from %{x:.3f}: %{customdata:,} links, %{y:.1%}"))
    if not len(values):
        figure.add_annotation(text="no links", x=0.25, y=0.5, xref="paper", yref="paper", showarrow=False)
    figure.update_layout(hovermode="x")
    return figure.update_yaxes(title="share of the links of its kind", rangemode="tozero", tickformat=".0%")
