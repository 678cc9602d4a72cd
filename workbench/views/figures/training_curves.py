"""The lines of `plot_training` as numbers; a live figure takes them in place, without a new figure each time."""

from __future__ import annotations

import pandas as pd


def smoothing(history: pd.DataFrame) -> int:
    """Epochs that a point of the curves is a mean over.

    Example:
        >>> smoothing(pd.DataFrame({"epoch": [1, 2, 100]}))
        2
    """
    return max(int(history["epoch"].max()) // 40, 1)


def training_curves(history: pd.DataFrame) -> dict[tuple[str, str], pd.Series]:
    """The losses of every level and the score on held-out classes: values by epoch, under the line's name and x axis.

    Formula: loss of a level in an epoch = mean over its graphs, weighed by their nodes; then a running mean over
    `smoothing` epochs.

    Example:
        >>> rows = [{"epoch": e, "level": 0, "nodes": 9, "link_loss": 1 / e, "density_loss": 0.1} for e in (1, 2)]
        >>> {key: curve.tolist() for key, curve in training_curves(pd.DataFrame(rows)).items()}
        {('level 0', 'x'): [1.0, 0.5], ('level 0', 'x2'): [0.1, 0.1]}
    """
    losses = {"link_loss": "x", "density_loss": "x2"}
    weighed = history[list(losses)].mul(history["nodes"], axis=0).assign(nodes=history["nodes"])
    sums = weighed.groupby([history["level"], history["epoch"]]).sum()
    means = sums[list(losses)].div(sums["nodes"], axis=0)
    curves: dict[tuple[str, str], pd.Series] = {}
    for level in means.index.unique("level"):
        smooth = means.loc[level].rolling(smoothing(history), min_periods=1, center=True).mean()
        curves |= {(f"level {level}", axis): smooth[loss] for loss, axis in losses.items()}
    if "val_bcubed_f" in history and history["val_bcubed_f"].notna().any():
        curves["held-out classes", "x3"] = history.groupby("epoch")["val_bcubed_f"].first().dropna()
    return curves
