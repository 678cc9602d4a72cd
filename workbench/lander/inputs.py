"""What LANDER reads of a level: the graph, the inputs of each node and the inputs of each link."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..graph.knn import KnnGraph, k_hop_subgraph
from ..graph.nodes import Nodes


@dataclass(frozen=True)
class GraphInputs:
    """What LANDER reads.

    Attributes:
        graph: the k-NN graph.
        nodes: float [n, f], inputs of each node.
        edges: float [n, k, e], inputs of each link; column 0 is the similarity, except for relative inputs.
        hop_sizes: of a k-hop subgraph, how many nodes lie within 0, 1, 2 ... steps of its first ones; () for a whole
            graph.
        gathered: what a first graph convolution gathers from each node's neighbours, where it was computed beforehand
            (`Lander.gathered`): it depends on no weight. None: not yet.
    """

    graph: KnnGraph
    nodes: Float[Tensor, "n f"]
    edges: Float[Tensor, "n k e"]
    hop_sizes: tuple[int, ...] = ()
    gathered: Float[Tensor, "n f"] | None = None

    def k_hop_subgraph(self, rows: Int[Tensor, " b"], hops: int) -> GraphInputs:
        """The part of the graph that `hops` rounds of messages into `rows` can reach, with `rows` as its first nodes.

        Neighbour lists are complete, except for those of the last hop, which are empty: its nodes only send. So a
        minibatch gives what the whole graph would give.

        Example:
            >>> path = KnnGraph.from_arrays([[1], [2], [3], [2]], [[0.9]] * 4)
            >>> whole = GraphInputs(path, torch.arange(4.0)[:, None], path.similarity[..., None])
            >>> part = whole.k_hop_subgraph(torch.tensor([1]), 1)
            >>> part.nodes.flatten().tolist(), part.graph.neighbors.flatten().tolist()
            ([1.0, 2.0], [1, -1])
        """
        keep, local, hop_sizes = k_hop_subgraph(self.graph.neighbors, rows, hops)
        similarity = self.graph.similarity[keep].masked_fill(local < 0, 0)
        gathered = None if self.gathered is None else self.gathered[keep]
        return type(self)(KnnGraph(local, similarity), self.nodes[keep], self.edges[keep], hop_sizes, gathered)

    def within(self, steps: int) -> int:
        """How many nodes lie within so many steps of the first ones (nodes are sorted so); of a whole graph all."""
        return self.hop_sizes[steps] if self.hop_sizes else self.graph.n


def feature_inputs(nodes: Nodes, graph: KnnGraph, *, average: bool, identity: bool = True) -> GraphInputs:
    """The published inputs: the features themselves.

    Formula: node i reads [identity_i ; average_i], or one of them alone; link (i, j) reads s_ij.

    Example:
        >>> x = torch.eye(2) * 0.6 + 0.4
        >>> graph = KnnGraph.from_arrays([[1], [0]], [[0.8], [0.8]])
        >>> feature_inputs(Nodes.of_images(x), graph, average=True).nodes.shape
        torch.Size([2, 4])

    Source: paper section 3.1.
    """
    read = [rows for rows, wanted in ((nodes.identity, identity), (nodes.average, average)) if wanted]
    inputs = torch.cat(read, dim=1) if len(read) > 1 else read[0]  # (n, f)
    return GraphInputs(graph, inputs, graph.similarity[..., None])  # (n, k, 1)
