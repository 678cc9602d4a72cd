"""A LANDER with a learned cut for embeddings of one kind, from labelled classes of that kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from ..._core.validation import check_unit_interval
from ...evaluate.scores import FIGURES
from ...graph.discriminant import METRICS
from ...lander.model import Lander
from ..episodes import held_out
from ..select_tau import best_tau, tau_curve
from ..trainer import labelled_rows
from .sets import GeneralConfig
from .train import train_general

TAUS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # the scores hardly change between these, so few are compared


def meta_train_cut(
    features: Any,
    labels: Any,
    *,
    validation: tuple[Any, Any] | None = None,
    hold_out: float = 0.15,
    sets: int = 120,
    k: int = 15,
    epochs: int = 3,
    seed: int = 0,
    device: str = "auto",
    jobs: int = 2,
    progress: bool = True,
) -> Lander:
    """Learn, from labelled classes of one kind, which links to trust and where to cut; the test's must be others.

    `meta_train` learns to link one set, level by level. This draws many sets from it: whole, thinned, with a long tail
    of rare classes, with few rows a class. From these it learns links that are calibrated, not balanced, and the true
    quality of every node of their dendrograms, so it knows what a class of this kind looks like when most classes have
    one row. Use it where classes are many and small, as people in photographs are. Metric and tau are chosen on
    held-out classes by the mean of the three F.

    Args:
        features: [N, D], scaled to unit rows.
        labels: classes [N].
        validation: (features, labels) of other classes; None: a share `hold_out` of the classes is held out.
        hold_out: that share.
        sets: drawn for training; each is seen whole, one after another.
        k: neighbours in their graphs.
        epochs: passes over the sets for the links.
        seed, device, jobs, progress: see `train_general`.

    Returns: relative inputs, a quality ensemble, decoder "cut"; `history` and `tau_curve` are filled.

    Raises:
        ValueError: fewer than four classes, labels of another length, features that are not finite.

    Example:
        >>> centers = torch.randn(12, 8, generator=torch.Generator().manual_seed(0)).repeat(20, 1)
        >>> x = centers + 0.1 * torch.randn(240, 8, generator=torch.Generator().manual_seed(1))
        >>> lander = meta_train_cut(x, torch.arange(12).repeat(20), sets=4, k=5, epochs=1, jobs=1, progress=False)
        >>> lander.inference.decoder, lander.inference.tau in TAUS
        ('cut', True)
    """
    check_unit_interval(hold_out, "hold_out")
    cpu = torch.device("cpu")
    x, y = labelled_rows(features, labels, cpu, "")
    if validation is None:
        # Two at least: one class alone cannot decide.
        held = held_out(y, hold_out, torch.Generator().manual_seed(seed), least=2)
        validation = (x[held], y[held])
        x = x[~held]
        y = y[~held].unique(return_inverse=True)[1]

    recipe = GeneralConfig(sets=sets, real=1.0, k=k, epochs=epochs)
    model = train_general([], kinds=[(x, y)], training=recipe, seed=seed, device=device, jobs=jobs, progress=progress)
    held_x, held_y = labelled_rows(validation[0], validation[1], cpu, "validation ")
    curves = {}
    for metric in METRICS:
        settings = replace(model.inference, metric=metric)
        curves[metric] = tau_curve(model.predict, settings, held_x, held_y, taus=TAUS, ensemble=model.ensemble)

    metric = max(METRICS, key=lambda name: curves[name][list(FIGURES)].mean(axis=1).max())  # of equals the first
    model.tau_curve = curves[metric]
    tau = best_tau(model.tau_curve, model.inference.decoder)
    model.inference = replace(model.inference, metric=metric, tau=tau)
    return model
