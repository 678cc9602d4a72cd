import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
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


@given(seeds)
def test_order_of_the_rows_does_not_matter(seed):
    x = rows_of(seed)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
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
