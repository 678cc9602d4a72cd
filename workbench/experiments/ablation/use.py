"""How a trained model is used in a run: its parts taken away one by one, with no training in between."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from ..._core.validation import check_choice, check_int
from ...cluster.predictors import Predictor, similarity_predictor
from ...graph.knn import KnnGraph
from ...graph.nodes import Nodes
from ...lander.config import InferenceConfig
from ...lander.model import Lander, Prediction

PIVOTS = 512  # subgraphs in one pass: bounds memory to some hundred MB


@dataclass(frozen=True)
class UseConfig:
    """What is changed where a trained model is used; None, here: as it was trained.

    Attributes:
        k: neighbours per node.
        max_levels: most levels; 1 is LANDER without its hierarchy.
        decoder: name in `DECODERS`; "best-links" is the decode without density.
        early_stop: also stop when the links of a level have not shrunk by the factor k.
        density: "predicted"; or "similarity": the mean similarity of the neighbours, with nothing learned in it.
        hops: 0: the model sees the whole graph at once (published). Else level 0 is cut into one subgraph per node, of
            so many steps, as earlier methods did: inference inside each, then merged.

    Example:
        >>> UseConfig(max_levels=1).over(InferenceConfig()).max_levels
        1
    """

    k: int | None = None
    max_levels: int | None = None
    decoder: str | None = None
    early_stop: bool | None = None
    density: str = "predicted"
    hops: int = 0

    def __post_init__(self) -> None:
        check_choice(self.density, "use.density", ("predicted", "similarity"))
        check_int(self.hops, "use.hops", low=0)
        self.over(InferenceConfig())  # refuses what it does not take

    def over(self, inference: InferenceConfig) -> InferenceConfig:
        """The settings of use: those of the training with what is changed here."""
        return inference.override(
            k=self.k, max_levels=self.max_levels, decoder=self.decoder, early_stop=self.early_stop
        )

    def predictor(self, links: Lander | None = None, density: Lander | None = None) -> Predictor:
        """What predicts in the level loop.

        Args:
            links: whose linkage is used; None: raw similarity, nothing is learned.
            density: whose density is used; None: that of `links`.
        """
        if links is None:
            return similarity_predictor
        of_links = subgraph_predictor(links, self.hops) if self.hops else links.predict

        def predict(nodes: Nodes, graph: KnnGraph) -> Prediction:
            guess = of_links(nodes, graph)
            if self.density == "similarity":
                return Prediction(guess.linkage, similarity_predictor(nodes, graph).density)
            return guess if density is None else Prediction(guess.linkage, density.predict(nodes, graph).density)

        return predict


def subgraph_predictor(lander: Lander, hops: int) -> Predictor:
    """Inference on subgraphs: each node of level 0 is judged in its k-hop subgraph, `hops` steps around it.

    The node's own links are read off its subgraph, with all subgraphs apart from each other, and put together to the
    linkage of the whole graph. The model runs on as many nodes as all subgraphs have together, which is what
    whole-graph inference saves. Levels above are small and judged whole.

    Example:
        >>> import torch, workbench as wb
        >>> lander = wb.Lander(wb.LanderConfig(hidden=8))
        >>> x = torch.nn.functional.normalize(torch.rand(30, 5, generator=torch.Generator().manual_seed(0)), dim=1)
        >>> nodes, graph = Nodes.of_images(x), wb.knn(x, 4)
        >>> whole, cut = lander.predict(nodes, graph), subgraph_predictor(lander, 9)(nodes, graph)
        >>> torch.allclose(whole.linkage, cut.linkage, atol=1e-5)
        True

    Source: Wang et al., "Linkage Based Face Clustering via Graph Convolution Network", CVPR 2019, whose method judges
    each image in a subgraph around it.
    """

    def predict(nodes: Nodes, graph: KnnGraph) -> Prediction:
        if nodes.level:
            return lander.predict(nodes, graph)
        pivots = torch.arange(graph.n, device=graph.neighbors.device).split(PIVOTS)
        parts = [_judged_apart(lander, nodes, graph, rows, hops) for rows in pivots]
        return Prediction(torch.cat([p.linkage for p in parts]), torch.cat([p.density for p in parts]))

    return predict


def _judged_apart(lander: Lander, nodes: Nodes, graph: KnnGraph, pivots: Int[Tensor, " b"], hops: int) -> Prediction:
    """Linkage [b, k] and density [b] of some nodes, each in a subgraph of its own."""
    own = pivots * graph.n + pivots  # a node in a subgraph is named pivot * n + node
    names = own
    for _ in range(hops):
        reached = _neighbor_names(graph, names)
        names = torch.cat([names, reached[reached >= 0]]).unique()
    wanted = _neighbor_names(graph, names)
    at = torch.searchsorted(names, wanted).clamp(max=len(names) - 1)
    inside = (wanted >= 0) & (names[at] == wanted)
    order = inside.logical_not().long().argsort(dim=1, stable=True)  # what was cut off leaves no gap in a list
    node = names % graph.n
    subgraph = KnnGraph(
        torch.where(inside, at, -1).gather(1, order), (graph.similarity[node] * inside).gather(1, order)
    )
    guess = lander.predict(Nodes.of_images(nodes.identity[node]), subgraph)
    rows = torch.searchsorted(names, own)
    return Prediction(guess.linkage[rows], guess.density[rows])


def _neighbor_names(graph: KnnGraph, names: Int[Tensor, " m"]) -> Int[Tensor, "m k"]:
    """The neighbours in the same subgraph; -1 where there is none."""
    lists = graph.neighbors[names % graph.n]
    return torch.where(lists >= 0, (names // graph.n * graph.n)[:, None] + lists, -1)
