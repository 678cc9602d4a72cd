"""LANDER: one graph neural network that predicts which links join images of one class, and how dense each node is."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .._core.chunks import cache_chunks
from .._core.progress import progress_bar
from ..graph.density import signed_density
from ..graph.knn import KnnGraph
from ..graph.nodes import Nodes
from .config import InferenceConfig, LanderConfig
from .convs import CONVS, GatedConv, MeanConv
from .inputs import GraphInputs, feature_inputs
from .relative_features import RELATIVE_EDGE_INPUTS, RELATIVE_NODE_INPUTS, GraphContext, relative_inputs
from .structural_features import EDGE_INPUTS, NODE_INPUTS, structural_inputs

INPUTS = {  # inputs of a node, inputs of a link; those of "features" depend on the features
    "structural": (len(NODE_INPUTS), len(EDGE_INPUTS)),
    "relative": (len(RELATIVE_NODE_INPUTS), len(RELATIVE_EDGE_INPUTS)),
}


@dataclass(frozen=True)
class Prediction:
    """What a model predicts for a graph.

    Attributes:
        linkage: float [n, k], r_ij = P(label_i = label_j); 0 where there is no neighbour.
        density: float [n], mean over the neighbours of similarity times edge coefficient 2 r_ij - 1.

    Raises:
        ValueError: NaN or infinity; decoding would never end.
    """

    linkage: Float[Tensor, "n k"]
    density: Float[Tensor, " n"]

    def __post_init__(self) -> None:
        for name in ("linkage", "density"):
            if not getattr(self, name).isfinite().all():
                raise ValueError(f"{name}: expected finite numbers, got others; are the model's weights finite?")

    @classmethod
    def of(cls, graph: KnnGraph, linkage: Float[Tensor, "n k"]) -> Prediction:
        """The prediction that follows from linkages, wherever these were computed (here, on a Dask worker, by labels).

        Example:
            >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.8], [0.8]])
            >>> Prediction.of(graph, torch.tensor([[1.0], [0.5]])).density.tolist()
            [0.800000011920929, 0.0]
        """
        return cls(linkage, signed_density(graph, 2 * linkage - 1))


class Lander(nn.Module):
    """Link Approximation aNd Density Estimation Refinement.

    Formulas: h = convolutions of the node inputs; link logits z_ij = MLP(W_s h_j + W_d h_i [+ W_e e_ij]), two per
    link (different, same), MLP = PReLU, Linear, PReLU, Linear; linkage r_ij = softmax(z_ij)[same];
    density d_i = mean_j s_ij (2 r_ij - 1). W_s h and W_d h are computed once per node, not once per link.

    Args:
        config: architecture; with inputs="features" its `in_dim` must be known (`config.for_features(dim)`).
        inference: settings saved with the weights.

    Attributes:
        history: tidy frame of the training, one row per epoch and level; empty for loaded weights.
        tau_curve: scores on held-out classes for each tau; empty for loaded weights.
        background: mean cosine of two random rows of the training, where the inputs hold cosines; None: not known, or
            the inputs are free of cosines' scale.
        whitening: a map of features of the training's kind [D, D] that comes before the graph, or None. Not used here
            (`workbench.graph.Metric`); it is saved and moved with the model.
        ensemble: the networks that predict the quality of clusters for the "cut" decoder, or None. Not used here; they
            are saved and moved with the model (`workbench.cluster.new_lander` puts both together).

    Example:
        >>> from workbench.graph import knn
        >>> x = torch.nn.functional.normalize(torch.randn(30, 5, generator=torch.Generator().manual_seed(0)), dim=1)
        >>> Lander(LanderConfig()).predict(Nodes.of_images(x), knn(x, k=4)).linkage.shape
        torch.Size([30, 4])

    Source: paper sections 3.1-3.2; official code.
    """

    def __init__(self, config: LanderConfig, inference: InferenceConfig | None = None) -> None:
        super().__init__()
        self.config = config
        self.inference = inference or InferenceConfig()
        self.history = pd.DataFrame()
        self.tau_curve = pd.DataFrame()
        self.background: float | None = None
        self.whitening: Tensor | None
        self.register_buffer("whitening", None)
        if config.inputs == "features" and config.in_dim is None:
            raise ValueError("config: in_dim is not known; use config.for_features(dimension)")

        node_dim, edge_dim = INPUTS.get(config.inputs, (config.in_dim or 0, 1))
        widths = [node_dim, *[config.hidden] * config.layers]
        conv = CONVS[config.conv]
        self.convs = nn.ModuleList(conv(a, b, edge_dim, config.heads) for a, b in pairwise(widths))

        # Half the width, and one linear map for each end of a link: the shapes of the official weights.
        half = config.hidden // 2
        self.of_source = nn.Linear(config.hidden, half)
        self.of_target = nn.Linear(config.hidden, half)
        self.of_edge = nn.Linear(edge_dim, half, bias=False) if config.inputs in INPUTS else None
        self.head = nn.Sequential(nn.PReLU(half), nn.Linear(half, half), nn.PReLU(half), nn.Linear(half, 2))
        self.ensemble: nn.Module | None = None

    def inputs(self, nodes: Nodes, graph: KnnGraph, context: GraphContext | None = None) -> GraphInputs:
        """What this model reads of a level; of a part of a level, what it reads with the context of the whole.

        Raises:
            ValueError: the features have another dimension than the model's.
        """
        if self.config.inputs == "relative":
            return relative_inputs(nodes, graph, context)
        if self.config.inputs == "structural":
            return structural_inputs(nodes, graph)
        config = self.config.for_features(nodes.identity.shape[1])
        # Of single images both are one: a graph convolution then reads it once (`MeanConv`).
        once = config.conv == "gcn" and config.identity and nodes.average is nodes.identity
        return feature_inputs(nodes, graph, average=bool(config.average) and not once, identity=config.identity)

    def gathered(self, inputs: GraphInputs) -> GraphInputs:
        """The inputs of a whole level with what a first graph convolution ("gcn") gathers, which no weight changes.

        Then every step of a training need not gather it anew, and reads one hop less.
        """
        if not isinstance(self.convs[0], MeanConv):
            return inputs
        return replace(inputs, gathered=MeanConv.gathered(inputs.nodes, inputs.graph.neighbors, inputs.edges))

    def context(self, nodes: Nodes, graph: KnnGraph) -> GraphContext | None:
        """What `inputs` of a part of this level needs to know of the whole; None for models that need nothing."""
        return GraphContext.of(nodes, graph) if self.config.inputs == "relative" else None

    def forward(self, inputs: GraphInputs) -> Float[Tensor, "n k 2"]:
        """Logits [n, k, 2] (different, same) of every link; of a k-hop subgraph, of its first nodes' links."""
        return self.link_logits(self.embed(inputs), inputs, slice(inputs.within(0)))

    def embed(self, inputs: GraphInputs) -> Float[Tensor, "m h"]:
        """Node embeddings after all convolutions, in chunks of target nodes so that memory stays bounded.

        Of a k-hop subgraph only the first nodes and their neighbours are embedded: nodes further out only send.
        """
        h = inputs.nodes  # (n, f)
        for steps, conv in zip(range(len(self.convs), 0, -1), self.convs, strict=True):
            within = inputs.within(steps)
            if isinstance(conv, MeanConv) and conv is self.convs[0] and inputs.gathered is not None:
                h = conv.updated(h[:within], inputs.gathered[:within])
            elif isinstance(conv, (GatedConv, MeanConv)):
                h = conv.over_lists(h, inputs.graph.neighbors[:within], inputs.edges[:within])
            else:
                parts = progress_bar(cache_chunks(within, inputs.graph.k * self.config.hidden, h.device), "convolution")
                h = torch.cat([conv((h, h[rows]), *_edges(inputs, rows)) for rows in parts])
        return h

    def link_logits(
        self, h: Float[Tensor, "n h"], inputs: GraphInputs, rows: slice = slice(None)
    ) -> Float[Tensor, "b k 2"]:
        """Logits (different, same) of the links of the nodes `rows`, from all nodes' embeddings."""
        return self._logits(self.of_source(h), self.of_target(h[rows]), inputs, rows)

    def _logits(self, sources: Tensor, targets: Tensor, inputs: GraphInputs, rows: slice) -> Float[Tensor, "b k 2"]:
        lists = inputs.graph.neighbors[rows]  # (b, k)
        # index_select, not [...]: its gradient adds up in a fixed order, whatever the number of threads.
        z = sources.index_select(0, lists.clamp(min=0).flatten()).unflatten(0, lists.shape) + targets[:, None]
        if self.of_edge is not None:
            z = z + self.of_edge(inputs.edges[rows])  # (b, k, half)

        # PReLU takes channels second, hence one row per link.
        logits: Tensor = self.head(z.flatten(0, 1)).unflatten(0, lists.shape)
        return logits * (lists >= 0)[..., None]

    @torch.no_grad()
    def predict(self, nodes: Nodes, graph: KnnGraph) -> Prediction:
        """Linkage [n, k] and density [n] of a whole graph, on the graph's device; labels are not needed.

        Example: see the class.
        """
        return Prediction.of(graph, self.linkage(nodes, graph))

    @torch.no_grad()
    def linkage(self, nodes: Nodes, graph: KnnGraph) -> Float[Tensor, "n k"]:
        """Linkage alone."""
        return self.linkage_from(self.inputs(nodes, graph))

    @torch.no_grad()
    def linkage_from(self, inputs: GraphInputs) -> Float[Tensor, "b k"]:
        """Linkage of every link; of a k-hop subgraph (with hops = convolutions + 1), of its first nodes' links."""
        training = self.training
        self.eval()

        with products_in(self.inference.precision, self.device):
            h = self.embed(inputs)
            sources = self.of_source(h)  # (m, half)
            targets = self.of_target(h[: inputs.within(0)])  # (b, half)
            chunks = progress_bar(cache_chunks(len(targets), inputs.graph.k * self.config.hidden, h.device), "links")
            linkage = torch.empty(len(targets), inputs.graph.k, device=h.device)
            for rows in chunks:
                logits = self._logits(sources, targets[rows], inputs, rows).float()
                linkage[rows] = linkage_of(logits, inputs.graph.neighbors[rows] >= 0)

        self.train(training)
        return linkage

    def on(self, device: torch.device, precision: str | None = None) -> Lander:
        """This model on a device, computing in a precision (None: its own); a copy unless it is so already."""
        settings = self.inference.override(precision=precision)
        if (self.device, self.inference.precision) == (device, settings.precision):
            return self

        moved = copy.deepcopy(self).to(device)
        moved.inference = replace(moved.inference, precision=settings.precision)
        return moved

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.of_source.weight.device

    @property
    def n_parameters(self) -> int:
        """Number of trained values."""
        return sum(parameter.numel() for parameter in self.parameters())

    def settings(self) -> dict[str, Any]:
        """Both configs as one JSON-able dictionary, as stored beside the weights."""
        known: dict[str, Any] = {} if self.background is None else {"background": self.background}
        if self.whitening is not None:
            known["whitening"] = len(self.whitening)
        return {"config": asdict(self.config), "inference": asdict(self.inference), **known}


def products_in(precision: str, device: torch.device) -> torch.autocast:
    """A context in which matrix products are computed in this precision; weights stay float32.

    Example:
        >>> with products_in("bfloat16", torch.device("cpu")):
        ...     (torch.eye(2) @ torch.eye(2)).dtype
        torch.bfloat16
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def linkage_of(logits: Float[Tensor, "b k 2"], mask: Tensor) -> Float[Tensor, "b k"]:
    """Logits -> P(same class), 0 where there is no neighbour."""
    different, same = logits.unbind(dim=2)
    return (same - different).sigmoid() * mask  # a softmax over two classes is a sigmoid of their difference


def _edges(inputs: GraphInputs, rows: slice) -> tuple[Int[Tensor, "2 edges"], Float[Tensor, "edges e"]]:
    """PyG's edges into the nodes `rows`, with targets counted from the first of these, and the inputs of the edges."""
    lists = inputs.graph.neighbors[rows]
    target, slot = (lists >= 0).nonzero(as_tuple=True)
    return torch.stack([lists[target, slot], target]), inputs.edges[rows][target, slot]
