"""Each of the structural inputs from its definition, node by node and link by link."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.graph.knn import KnnGraph, knn
from workbench.graph.nodes import Nodes
from workbench.lander.structural_features import EDGE_INPUTS, NODE_INPUTS, structural_inputs


def with_gaps(graph, random):
    """Lists of different lengths, none empty."""
    kept = torch.arange(graph.k) < torch.randint(1, graph.k + 1, (graph.n, 1), generator=random)
    return KnnGraph(graph.neighbors.where(kept, torch.tensor(-1)), graph.similarity * kept)


def lists_of(graph):
    return [[int(j) for j in row if j >= 0] for row in graph.neighbors]


class Slow:
    """Nodes of images, at level 0 or above, and what is read of them, computed the slow way."""

    def __init__(self, seed, level):
        random = torch.Generator().manual_seed(seed)
        x = torch.nn.functional.normalize(torch.rand(40, 5, generator=random) ** 2, dim=1)  # all cosines are above 0
        self.images = with_gaps(knn(x, 5), random)
        self.nodes, self.graph, self.members = Nodes.of_images(x), self.images, torch.arange(40)
        if level:
            self.members = torch.cat([torch.arange(12), torch.randint(0, 12, (28,), generator=random)])
            average = torch.stack([x[self.members == i].mean(dim=0) for i in range(12)])
            size = self.members.bincount()
            self.nodes = Nodes(torch.arange(12), x[:12], average, size, self.members, self.images, level)
            self.graph = with_gaps(knn(self.nodes.center, 4), random)
        self.x, self.lists = x, lists_of(self.graph)
        member = self.members.tolist()
        self.ends = [(member[i], member[j]) for i, row in enumerate(lists_of(self.images)) for j in row]
        self.s = [row[: len(own)] for row, own in zip(self.graph.similarity.tolist(), self.lists, strict=True)]

    def links(self, node, other=None):
        """How many image links run from a node, to one other one or to all others (-1) or to any (None)."""
        own = [b for a, b in self.ends if a == node]
        return len(own) if other is None else sum(b != node if other == -1 else b == other for b in own)

    def mean_cosine(self, one, other):
        """Over all pairs of an image of each."""
        return float((self.x[self.members == one] @ self.x[self.members == other].T).mean())

    def link(self, i, place):
        j, s = self.lists[i][place], self.s[i][place]
        out, back = self.links(i, j), self.links(j, i)
        return {
            "similarity": s,
            "less the node's mean": s - np.mean(self.s[i]),
            "less the neighbour's mean": s - np.mean(self.s[j]),
            "less the node's best": s - self.s[i][0],
            "less the neighbour's best": s - self.s[j][0],
            "less the node's worst": s - self.s[i][-1],
            "less the neighbour's worst": s - self.s[j][-1],
            "rank of the neighbour": place / len(self.lists[i]),
            "rank of the node": sum(value > s for value in self.s[j]) / len(self.lists[j]),
            "mutual": float(s >= self.s[j][-1]),
            "shared fraction": len(set(self.lists[i]) & set(self.lists[j])) / self.graph.k,
            "cosine of identities": float(self.nodes.identity[i] @ self.nodes.identity[j]),
            "mean similarity of images": self.mean_cosine(i, j),
            "flow out": out / max(1, self.links(i, -1)),
            "flow back": back / max(1, self.links(j, -1)),
            "flow share": (out + back) / (self.links(i) + self.links(j)),
        }

    def node(self, i):
        s, last = self.s[i], len(self.s[i]) - 1
        links = [self.link(i, place) for place in range(len(s))]
        return {
            "similarity: best": s[0],
            "similarity: at 1/4": s[round(last / 4)],
            "similarity: middle": s[round(last / 2)],
            "similarity: at 3/4": s[round(last * 3 / 4)],
            "similarity: worst": s[-1],
            "similarity: mean": np.mean(s),
            "similarity: deviation": np.std(s),
            "mutual fraction": np.mean([link["mutual"] for link in links]),
            "shared fraction: mean": np.mean([link["shared fraction"] for link in links]),
            "compactness": self.mean_cosine(i, i),
            "leaving share": self.links(i, -1) / self.links(i),
        }


@settings(max_examples=10)
@given(st.integers(0, 2**31), st.sampled_from([0, 1]))
def test_every_column_by_its_definition(seed, level):
    slow = Slow(seed, level)
    inputs = structural_inputs(slow.nodes, slow.graph)
    for i, row in enumerate(slow.lists):
        found = dict(zip(NODE_INPUTS, inputs.nodes[i].tolist(), strict=True))
        assert found == pytest.approx(slow.node(i), abs=1e-5)
        for place in range(len(row)):
            found = dict(zip(EDGE_INPUTS, inputs.edges[i, place].tolist(), strict=True))
            assert found == pytest.approx(slow.link(i, place), abs=1e-5)
    assert not inputs.edges[~slow.graph.mask].any()


def test_nodes_without_neighbours_read_zeros():
    alone = KnnGraph(torch.empty(3, 0).long(), torch.empty(3, 0))
    inputs = structural_inputs(Nodes.of_images(torch.eye(3)), alone)
    assert inputs.edges.shape == (3, 0, len(EDGE_INPUTS))
    assert dict(zip(NODE_INPUTS, inputs.nodes.sum(dim=0).tolist(), strict=True)) == dict.fromkeys(NODE_INPUTS, 0.0) | {
        "compactness": 3.0
    }
