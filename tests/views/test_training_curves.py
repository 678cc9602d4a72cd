"""The lines of a training: means over the graphs of a level, smoothed, against a slow and obvious reference."""

import numpy as np
import pandas as pd
import pytest

from workbench.views import plot_training
from workbench.views.figures.training_curves import smoothing, training_curves

# Two graphs of level 0 in each epoch; level 2 comes and goes.
ROWS = [
    {"epoch": e, "level": v, "nodes": 10 * e + v + i, "link_loss": 1 / (e + v + i), "density_loss": 0.01 * e}
    for e in range(1, 101)
    for i, v in enumerate((0, 0, 1, 2))
    if v < 2 or e % 3
]
HISTORY = pd.DataFrame(ROWS).assign(val_bcubed_f=lambda h: (h["epoch"] / 100).where(h["epoch"] % 20 == 0))


def slow_curve(level, loss):
    """Mean over the graphs of each epoch, weighed by nodes; then over two epochs, the earlier one and its own."""
    means = {}
    for epoch in range(1, 101):
        rows = [row for row in ROWS if row["epoch"] == epoch and row["level"] == level]
        if rows:
            means[epoch] = sum(r[loss] * r["nodes"] for r in rows) / sum(r["nodes"] for r in rows)
    values = list(means.values())
    return dict(zip(means, [np.mean(values[max(0, i - 1) : i + 1]) for i in range(len(values))], strict=True))


def test_curves_are_the_smoothed_means_of_the_graphs():
    assert smoothing(HISTORY) == 2
    curves = training_curves(HISTORY)
    losses = (("link_loss", "x"), ("density_loss", "x2"))
    assert list(curves)[:-1] == [(f"level {v}", axis) for v in (0, 1, 2) for _, axis in losses]
    for level in (0, 1, 2):
        for loss, axis in losses:
            assert curves[f"level {level}", axis].to_dict() == pytest.approx(slow_curve(level, loss))
    score = curves["held-out classes", "x3"]
    assert score.to_dict() == {20: 0.2, 40: 0.4, 60: 0.6, 80: 0.8, 100: 1.0}


def test_the_figure_has_every_curve_on_its_axis():
    curves, traces = training_curves(HISTORY), plot_training(HISTORY).data
    assert list(curves) == [(trace.name, trace.xaxis) for trace in traces]
    for curve, trace in zip(curves.values(), traces, strict=True):
        assert dict(zip(trace.x, trace.y, strict=True)) == curve.to_dict()


def test_without_validation_there_are_two_panels():
    figure = plot_training(HISTORY.drop(columns="val_bcubed_f"))
    assert {trace.xaxis for trace in figure.data} == {"x", "x2"}
    assert [trace.name for trace in figure.data if trace.showlegend] == ["level 0", "level 1", "level 2"]
