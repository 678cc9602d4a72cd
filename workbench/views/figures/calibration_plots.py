"""Can the predictions be believed? Linkage and density against the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from jaxtyping import Bool, Float
from plotly.subplots import make_subplots

from ..._core.validation import check_int, check_labels
from ...graph.density import density_target
from ...graph.knn import KnnGraph
from ...lander.model import Prediction
from ..style import GREY, PALETTE, escape, styled
from .graph_plots import link_table
from .maps import spread_sample

MOST_BINS = 1000  # more than a figure has pixels


def reliability(linkage: Float[np.ndarray, " m"], same: Bool[np.ndarray, " m"], bins: int = 10) -> pd.DataFrame:
    """Predicted against true share of same-class links, in bins of equal width.

    Formula: bin b holds the links with r in [b / bins, (b + 1) / bins) (the last one r = 1 too); predicted = mean r,
    actual = share of same-class links. Expected calibration error = sum over bins n_b / m |predicted_b - actual_b|.

    Args:
        linkage: r of each link, in [0, 1].
        same: whether its ends are of one class.
        bins: number of bins, at most 1,000.

    Returns: one row per bin: low, high, n, predicted, actual (NaN where n = 0).

    Example:
        >>> reliability(np.array([0.2, 0.9, 1.0]), np.array([False, True, False]), 2).values.tolist()
        [[0.0, 0.5, 1.0, 0.2, 0.0], [0.5, 1.0, 2.0, 0.95, 0.5]]

    Source: Guo et al. 2017, arXiv 1706.04599.
    """
    edges = np.linspace(0, 1, check_int(bins, "bins", 1, MOST_BINS) + 1)
    values = np.asarray(linkage, dtype=np.float64)
    if not ((values >= 0) & (values <= 1 + 1e-6)).all():
        raise ValueError("linkage: expected numbers in [0, 1], got NaN or others; pass a prediction's linkage")
    which = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    n = np.bincount(which, minlength=bins)
    filled = np.where(n > 0, n, np.nan)
    predicted, actual = (np.bincount(which, weights=part, minlength=bins) / filled for part in (values, same))
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "n": n, "predicted": predicted, "actual": actual})


def plot_reliability(
    graph: KnnGraph, prediction: Prediction, labels: Any, *, bins: int = 10, title: str = ""
) -> go.Figure:
    """Does a linkage of .8 mean that 8 links of 10 join one class? On the diagonal it does; below, the model boasts.

    Args:
        prediction: linkage of every link.
        labels: true classes [n] of the graph's nodes.
        bins: of the linkage, equally wide, at most 1,000.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> guess = Prediction(torch.tensor([[0.75], [0.75]]), torch.zeros(2))
        >>> plot_reliability(graph, guess, [7, 7]).data[1].y.tolist()
        [1.0]
    """
    links = link_table(graph, labels, prediction)
    table = reliability(links["linkage"].to_numpy(), links["same"].to_numpy(), bins)
    full = table[table["n"] > 0]
    error = float((full["n"] * (full["predicted"] - full["actual"]).abs()).sum() / max(len(links), 1))

    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.74, 0.26], vertical_spacing=0.06)
    diagonal = go.Scatter(x=[0, 1], y=[0, 1], mode="lines", name="predicted = true", hoverinfo="skip")
    figure.add_trace(diagonal.update(line={"color": GREY, "dash": "dash"}), row=1, col=1)

    dots = go.Scatter(x=full["predicted"], y=full["actual"], mode="lines+markers", name="linkage", customdata=full["n"])
    dots.update(marker={"size": 9, "color": PALETTE[0]}, cliponaxis=False)
    dots.hovertemplate = "predicted %{x:.3f}, true %{y:.3f}, %{customdata:,} links<extra></extra>"
    figure.add_trace(dots, row=1, col=1)

    bars = go.Bar(x=(table["low"] + table["high"]) / 2, y=table["n"], width=0.9 / bins, marker_color=PALETTE[4])
    bars.update(showlegend=False, hovertemplate="%{y:,} links<extra></extra>", textposition="outside", cliponaxis=False)
    figure.add_trace(bars.update(text=[f"{n:,}" for n in table["n"]] if bins <= 12 else None), row=2, col=1)

    note = f"expected calibration error {error:.3f}, {len(links):,} links" if len(links) else "no links"
    styled(figure, escape(title or "Can the linkage be believed?"), height=520, subtitle=note)
    figure.update_xaxes(range=[0, 1]).update_xaxes(title="predicted linkage r_ij", row=2, col=1)
    figure.update_yaxes(title="links", range=[0, 1.3 * max(int(table["n"].max()), 1)], row=2, col=1)
    return figure.update_yaxes(title="share of one class", range=[0, 1.02], row=1, col=1)


def plot_density(
    graph: KnnGraph, prediction: Prediction, labels: Any, *, max_points: int = 5000, title: str = ""
) -> go.Figure:
    """The predicted density of every node against the true one: only their order decides where links may lead.

    Args:
        prediction: density of every node.
        labels: true classes [n].
        max_points: with more nodes a sample is drawn; the numbers in the subtitle are of all.

    Example:
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.5], [0.5]])
        >>> plot_density(graph, Prediction(torch.ones(2, 1), torch.tensor([0.5, 0.25])), [7, 7]).data[1].y.tolist()
        [0.5, 0.25]
    """
    truth = torch.from_numpy(check_labels(labels, graph.n))
    target = density_target(graph.to("cpu"), truth).numpy()
    found = prediction.density.detach().cpu().numpy()
    drawn = spread_sample(np.zeros(graph.n, dtype=int), check_int(max_points, "max_points"))

    both = np.concatenate([target, found])
    ends = [float(both.min()) - 0.03, float(both.max()) + 0.03]
    diagonal = go.Scatter(x=ends, y=ends, mode="lines", line={"color": GREY, "dash": "dash"}, name="predicted = true")
    marker = {"size": 4, "opacity": 0.45, "color": PALETTE[0]}
    dots = go.Scatter(x=target[drawn], y=found[drawn], mode="markers", marker=marker, name="nodes", customdata=drawn)
    dots.hovertemplate = "node %{customdata}: true %{x:.3f}, predicted %{y:.3f}<extra></extra>"

    figure = go.Figure([diagonal, dots])
    number = f"all {graph.n:,} nodes" if len(drawn) == graph.n else f"{len(drawn):,} of {graph.n:,} nodes, sampled"
    varies = min(np.ptp(target), np.ptp(found)) > 0
    alike = (
        f"correlation {np.corrcoef(target, found)[0, 1]:.3f}" if varies else "no correlation: one of them is constant"
    )
    note = f"{alike}, mean absolute error {np.abs(found - target).mean():.3f}"
    styled(figure, f"{escape(title or 'Density, true and predicted')}: {number}", height=460, subtitle=note)
    figure.update_xaxes(title="true density (mean of s_ij, different classes negative)", range=ends)
    return figure.update_yaxes(title="predicted density d_i", range=ends)
