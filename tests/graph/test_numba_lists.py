import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench._core import chunks
from workbench.graph.knn import KnnGraph, knn
from workbench.graph.similarity_stats import _rank_and_shared_at_once, rank_and_shared
from workbench.lander.convs import GatedConv, MeanConv


def graph_of(seed):
    """A small graph with gaps in its lists and equal similarities."""
    random = torch.Generator().manual_seed(seed)
    n, k = (int(torch.randint(2, high, (), generator=random)) for high in (30, 6))
    graph = knn(torch.nn.functional.normalize(torch.rand(n, 4, generator=random), dim=1), k)
    kept = torch.rand(graph.neighbors.shape, generator=random).sort(dim=1, descending=True).values > 0.2
    similarity = (graph.similarity * 50).round() / 50
    return KnnGraph(graph.neighbors.where(kept, torch.tensor(-1)), similarity * kept), random


@settings(max_examples=60)
@given(st.integers(0, 2**31))
def test_compiled_equals_all_at_once(seed):
    graph, _ = graph_of(seed)
    rank, shared = rank_and_shared(graph)
    expected = _rank_and_shared_at_once(graph, slice(None))
    assert torch.allclose(rank * graph.mask, expected[0] * graph.mask)
    assert torch.allclose(shared * graph.mask, expected[1] * graph.mask)


@settings(max_examples=40)
@given(st.sampled_from([GatedConv, MeanConv]), st.integers(0, 2**31), st.booleans())
def test_convolution_over_lists_equals_over_edges(kind, seed, gradient):
    graph, random = graph_of(seed)
    conv, x = kind(3, 8, edge_dim=2), torch.randn(graph.n, 3, generator=random)
    rest = torch.randn(*graph.neighbors.shape, 1, generator=random)
    edges = torch.cat([graph.similarity[..., None], rest], dim=2)  # 0 where there is no neighbour
    with torch.set_grad_enabled(gradient):
        over_edges = conv((x, x), graph.edge_index, graph.on_edges(edges))
        over_lists = conv.over_lists(x, graph.neighbors, edges)
    assert torch.allclose(over_edges, over_lists, atol=1e-5)


@pytest.mark.parametrize("kind", [GatedConv, MeanConv])
def test_gradients_over_lists_equal_those_over_edges(kind):
    graph, random = graph_of(5)
    x, edges = torch.randn(graph.n, 8, generator=random), graph.similarity[..., None]
    conv, found = kind(8, 8), []
    for run in (
        lambda h: conv((h, h), graph.edge_index, graph.on_edges(edges)),
        lambda h: conv.over_lists(h, graph.neighbors, edges),
    ):
        h = x.clone().requires_grad_()
        conv.zero_grad()
        run(h).square().sum().backward()
        found.append([h.grad, *(p.grad for p in conv.parameters())])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [GatedConv, MeanConv])
def test_convolution_over_empty_lists(kind):
    x, conv = torch.eye(2, 3), kind(3, 8)
    alone = conv((x, x), torch.empty(2, 0, dtype=torch.long), torch.empty(0, 1))
    assert torch.allclose(conv.over_lists(x, torch.empty(2, 0, dtype=torch.long), torch.empty(2, 0, 1)), alone)


@pytest.mark.parametrize("kind", [GatedConv, MeanConv])
def test_blocks_do_not_change_the_result(kind, monkeypatch):
    graph, random = graph_of(7)
    conv, x = kind(3, 8, edge_dim=2), torch.randn(graph.n, 3, generator=random)
    edges = torch.randn(*graph.neighbors.shape, 2, generator=random)
    with torch.no_grad():
        whole = conv.over_lists(x, graph.neighbors, edges)
        monkeypatch.setitem(chunks.CELLS, "cpu", 40)
        assert torch.allclose(conv.over_lists(x, graph.neighbors, edges), whole, atol=1e-6)


@pytest.mark.cuda
def test_cuda_agrees():
    graph, _ = graph_of(3)
    for here, there in zip(rank_and_shared(graph), rank_and_shared(graph.to("cuda")), strict=True):
        assert torch.allclose(here * graph.mask, there.cpu() * graph.mask)
