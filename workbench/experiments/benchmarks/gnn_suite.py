"""The published model on one level: ours beside the same weights computed link by link."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..._core.runtime import seeded
from ...decode.tree import get_decoder
from ...graph.knn import KnnGraph, knn
from ...graph.nodes import Nodes
from ...lander.config import InferenceConfig, LanderConfig
from ...lander.model import Lander, Prediction
from .cases import Case, Figures, Setting, Suite, first, measured
from .per_edge import per_edge_prediction

SETTINGS = InferenceConfig.published(tau=0.5)
CLOSE = 1e-4  # linkages may differ by this: rounding
Predict = Callable[[Lander, Nodes, KnnGraph], Prediction]


def published_lander(hidden: int, dim: int) -> Lander:
    """The published model with random weights: its time does not depend on them. tau is .5, so that links are added.

    Example:
        >>> published_lander(8, 4).config.in_dim
        8
    """
    return seeded(lambda: Lander(LanderConfig.published(hidden=hidden).for_features(dim), SETTINGS), 0)


def matrix_flops(setting: Setting, hidden: int, *, per_edge: bool) -> float:
    """Floating point operations of the model's matrix products on one level.

    Formula: 2 n (4 D h) for the convolution of [identity ; average], twice as wide beside what it gathers. Halves: 2 n
    h^2 for both per node, or 2 n k h^2 per link; rest of the head: 2 n k (h^2 / 4 + h).

    Example:
        >>> matrix_flops(Setting(1, 1), 2, per_edge=True) > matrix_flops(Setting(1, 1), 2, per_edge=False)
        True
    """
    n = setting.n
    links = setting.n * SETTINGS.k
    halves = (links if per_edge else n) * hidden**2
    return 2.0 * (4 * n * setting.dim * hidden + halves + links * (hidden**2 / 4 + hidden))


def _case(hidden: int, *, per_edge: bool = False, precision: str = "float32") -> Case:
    predict: Predict = per_edge_prediction if per_edge else Lander.predict

    def run(setting: Setting) -> Figures:
        x = torch.from_numpy(setting.clusters()[0]).to(setting.device)
        lander = published_lander(hidden, setting.dim).on(torch.device(setting.device), precision)
        few = x[: setting.warm]
        nodes = Nodes.of_images(x)
        few_links = knn(few, SETTINGS.k)
        links = knn(x, SETTINGS.k)
        cold = first(lambda: predict(lander, Nodes.of_images(few), few_links), setting.device)
        prediction, figures = measured(lambda: predict(lander, nodes, links), setting.device)
        equal = compared(links, lander.predict(nodes, links), prediction) if per_edge else {}
        return {**figures, **cold, "flops": matrix_flops(setting, hidden, per_edge=per_edge), **equal}

    ours = "ours" if precision == "float32" else f"ours, {precision}"
    name = f"{'per edge' if per_edge else ours}, hidden {hidden}"
    return Case(name, run, beside=f"per edge, hidden {hidden}", cuda=True)


def compared(graph: KnnGraph, ours: Prediction, theirs: Prediction) -> Figures:
    """How far two predictions of one level are apart, and whether they lead to the same clusters.

    They are decoded at tau 0, where every node that can join another does so: no linkage is out of play.

    Raises:
        ValueError: linkages differ by more than rounding.
    """
    apart = float((ours.linkage - theirs.linkage).abs().max())
    if not apart <= CLOSE:
        raise ValueError(f"linkage: expected both ways to agree to {CLOSE:g}, they differ by {apart:.2g}")
    decode = get_decoder(SETTINGS.decoder)
    labels = [decode(graph, said, 0.0).clusters for said in (ours, theirs)]
    same = "yes" if torch.equal(*labels) else "no"
    return {"linkage_apart": apart, "same_labels": same, "clusters": int(labels[0].max()) + 1}


SUITE = Suite(
    "gnn",
    f"one level of the published model (gcn), k = {SETTINGS.k}, inference, random weights",
    (20_000,),
    "per edge, hidden 512",
    tuple(
        case
        for hidden in (128, 512)
        for case in (_case(hidden, per_edge=True), _case(hidden), _case(hidden, precision="bfloat16"))
    ),
)
