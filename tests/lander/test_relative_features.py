import math
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn.functional import pad

from workbench.graph.knn import KnnGraph, knn
from workbench.graph.nodes import Nodes
from workbench.graph.similarity_stats import Background
from workbench.lander.relative_features import RELATIVE_EDGE_INPUTS, RELATIVE_NODE_INPUTS, GraphContext, relative_inputs

seeds = st.integers(0, 2**31)


def rows_of(seed, n=30, dim=5):
    random = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(n, dim, generator=random), dim=1)


@given(seeds)
def test_background_is_mean_and_deviation_over_all_pairs(seed):
    x = rows_of(seed)
    cosines = (x @ x.T).flatten()
    found = Background.of(x)
    assert found.mean == pytest.approx(float(cosines.mean()), abs=1e-5)
    assert found.deviation == pytest.approx(float(cosines.std(unbiased=False)), abs=1e-4)


def test_background_is_without_rows_of_zeros():
    x = rows_of(0)
    one, other = Background.of(x), Background.of(torch.cat([x, torch.zeros(7, x.shape[1])]))
    assert (one.mean, one.deviation) == pytest.approx((other.mean, other.deviation), abs=1e-6)
    for none in (torch.zeros(3, 4), torch.zeros(0, 4)):
        assert Background.of(none).mean == 0
    assert Background.of(torch.zeros(0, 4)).deviation == 1


@pytest.mark.parametrize("products", [None, 64 * 1000])
def test_background_does_not_depend_on_the_order_of_many_rows(products, monkeypatch):
    if products:
        monkeypatch.setattr("workbench.graph.similarity_stats.PRODUCTS", products)
    x = torch.nn.functional.normalize(torch.randn(5000, 8, generator=torch.Generator().manual_seed(0)) + 0.3, dim=1)
    one, other = Background.of(x), Background.of(x[x[:, 0].argsort()])
    assert (one.mean, one.deviation) == pytest.approx((other.mean, other.deviation), abs=1e-6)
    cosines = (x @ x.T).flatten()
    assert (one.mean, one.deviation) == pytest.approx(
        (float(cosines.mean()), float(cosines.std())), abs=0.02 if products else 1e-5
    )


def test_by_hand():
    graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5]])
    x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.3], [0.4, 1.0]]), dim=1)
    inputs = relative_inputs(Nodes.of_images(x), graph)
    edges = dict(zip(RELATIVE_EDGE_INPUTS, inputs.edges[0, 1], strict=True))
    nodes = dict(zip(RELATIVE_NODE_INPUTS, inputs.nodes[0], strict=True))
    near, far = math.log(0.101), math.log(0.501)
    assert float(edges["distance, less the node's best"]) == pytest.approx(far - near, abs=1e-4)
    assert float(edges["distance, less the node's worst"]) == pytest.approx(0, abs=1e-4)
    assert float(edges["distance, less the neighbour's best"]) == pytest.approx(far - math.log(0.401), abs=1e-4)
    assert float(edges["rank of the neighbour"]) == 0.5
    assert float(edges["in-degree of the neighbour"]) == pytest.approx(math.log(1 + 2 / 2))
    assert float(nodes["distance: worst over best"]) == pytest.approx(far - near, abs=1e-4)


class Slow:
    """Every column by its definition, node by node and link by link; `at` is (node, place in its list)."""

    def __init__(self, x, graph):
        cosines = (x.double() @ x.double().T).flatten()
        self.base, self.deviation = float(cosines.mean()), float(cosines.std(unbiased=False))
        self.lists = [[int(j) for j in row if j >= 0] for row in graph.neighbors]
        self.s = [row[: len(own)] for row, own in zip(graph.similarity.tolist(), self.lists, strict=True)]
        self.far = [[math.log(1 - value + 0.001) for value in row] for row in self.s]
        self.mean = [sum(row) / len(row) for row in self.far]
        self.k = graph.k
        self.degree = [math.log(1 + sum(i in row for row in self.lists) / self.k) for i in range(graph.n)]
        self.ats = [(i, place) for i, row in enumerate(self.lists) for place in range(len(row))]

    def link(self, i, place):
        j, s, far = self.lists[i][place], self.s[i][place], self.far[i][place]
        return {
            "distance, less the node's mean": far - self.mean[i],
            "distance, less the neighbour's mean": far - self.mean[j],
            "distance, less the node's best": far - self.far[i][0],
            "distance, less the neighbour's best": far - self.far[j][0],
            "distance, less the node's worst": far - self.far[i][-1],
            "distance, less the neighbour's worst": far - self.far[j][-1],
            "rank of the neighbour": place / len(self.lists[i]),
            "rank of the node": sum(value > s for value in self.s[j]) / len(self.lists[j]),
            "mutual": float(s >= self.s[j][-1]),
            "shared fraction": len(set(self.lists[i]) & set(self.lists[j])) / self.k,
            "similarity above background": (s - self.base) / (1 - self.base),
            "in-degree of the node": self.degree[i],
            "in-degree of the neighbour": self.degree[j],
            "similarity in deviations": (s - self.base) / (5 * self.deviation),
        }

    def node(self, i):
        far, mean, count = self.far[i], self.mean[i], len(self.far[i])
        links = [self.link(i, place) for place in range(count)]
        return {
            "distance: worst over best": far[-1] - far[0],
            "distance: mean over best": mean - far[0],
            "distance: spread": math.sqrt(sum((value - mean) ** 2 for value in far) / count),
            "distance: mean, less the graph's": mean - sum(self.mean) / len(self.mean),
            "similarity above background": sum(link["similarity above background"] for link in links) / count,
            "in-degree": self.degree[i],
            "mutual fraction": sum(link["mutual"] for link in links) / count,
            "shared fraction: mean": sum(link["shared fraction"] for link in links) / count,
            "distance: best, less the best neighbour's mean": far[0] - self.mean[self.lists[i][0]],
            "distance: mean of links less the neighbours' means": mean
            - sum(self.mean[j] for j in self.lists[i]) / count,
        }


@given(seeds)
def test_every_column_by_its_definition(seed):
    """In lists with gaps, and about a mean that is not 0."""
    x = torch.nn.functional.normalize(rows_of(seed) + 0.7, dim=1)
    graph, random = knn(x, 5), torch.Generator().manual_seed(seed)
    kept = torch.arange(5) < torch.randint(1, 6, (graph.n, 1), generator=random)
    graph = KnnGraph(graph.neighbors.where(kept, torch.tensor(-1)), graph.similarity * kept)
    inputs, slow = relative_inputs(Nodes.of_images(x), graph), Slow(x, graph)
    for i in range(graph.n):
        found = dict(zip(RELATIVE_NODE_INPUTS, inputs.nodes[i].tolist(), strict=True))
        assert found == pytest.approx(slow.node(i), abs=2e-3)
    for at in slow.ats:
        found = dict(zip(RELATIVE_EDGE_INPUTS, inputs.edges[at].tolist(), strict=True))
        assert found == pytest.approx(slow.link(*at), abs=2e-3)
    assert not inputs.edges[~graph.mask].any()


@given(seeds)
def test_order_of_the_rows_does_not_matter(seed):
    x = rows_of(seed)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    listed = knn(x, 5).similarity
    assume((listed[:, :-1] - listed[:, 1:] > 1e-6).all())  # equally near ones are listed by their numbers
    one, other = (relative_inputs(Nodes.of_images(rows), knn(rows, 4)) for rows in (x, x[order]))
    assert torch.allclose(one.nodes[order], other.nodes, atol=1e-4)
    assert torch.allclose(one.edges[order], other.edges, atol=1e-4)


@given(seeds)
def test_a_turned_space_changes_nothing(seed):
    x = rows_of(seed)
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(seed)))[0]
    one, other = (relative_inputs(Nodes.of_images(rows), knn(x, 4)) for rows in (x, x @ turn))
    assert torch.allclose(one.edges, other.edges, atol=1e-3)


def test_joined_rows_change_nobody_and_not_each_other():
    x, new = rows_of(0), rows_of(1, n=4)
    fitted = knn(x, 4)
    lists = next((new @ x.T).topk(4, dim=1) for _ in range(1))
    whole = KnnGraph(
        torch.cat([fitted.neighbors, lists.indices]), torch.cat([fitted.similarity, lists.values.clamp(0, 1)])
    )
    before, context = relative_inputs(Nodes.of_images(x), fitted), GraphContext.of(Nodes.of_images(x), fitted)

    def with_new(graph):
        joined = replace(context, in_degree=pad(context.in_degree, (0, graph.n - 30), value=-1))
        return relative_inputs(Nodes.of_images(torch.cat([x, new])[: graph.n]), graph, joined)

    together = with_new(whole)
    assert torch.allclose(together.nodes[:30], before.nodes, atol=1e-6)
    one = KnnGraph(whole.neighbors[:31], whole.similarity[:31])
    alone = with_new(one)
    assert torch.allclose(together.nodes[30], alone.nodes[30], atol=1e-6)
    assert torch.allclose(together.edges[30], alone.edges[30], atol=1e-6)


def test_no_neighbours():
    inputs = relative_inputs(Nodes.of_images(torch.ones(1, 1)), KnnGraph(torch.empty(1, 0).long(), torch.empty(1, 0)))
    assert inputs.nodes.shape == (1, len(RELATIVE_NODE_INPUTS))
    gaps = KnnGraph(torch.tensor([[1, -1], [0, -1], [-1, -1]]), torch.tensor([[0.9, 0], [0.9, 0], [0, 0]]))
    inputs = relative_inputs(Nodes.of_images(torch.eye(3)), gaps)
    assert bool(torch.isfinite(inputs.nodes).all())
    assert not inputs.edges[2].any()
