"""What a model says of a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Prediction:
    """What is predicted of a graph.

    Attributes:
        linkage: float [n, k], r_ij = P(label_i = label_j); 0 where there is no neighbour.
        density: float [n].
        forecast: what clusters of a merge tree of the nodes would be worth; None from models that do not forecast.
    """

    linkage: Float[Tensor, "n k"]
    density: Float[Tensor, " n"]
    forecast: Any = None  # decode.quality.Forecast
