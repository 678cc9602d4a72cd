import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.convs import GatedConv
from workbench.graph import KnnGraph, knn
from workbench.structure import _compared, rank_and_shared


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
    expected = _compared(graph, slice(None))
    assert torch.allclose(rank * graph.present, expected[0] * graph.present)
    assert torch.allclose(shared * graph.present, expected[1] * graph.present)


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.booleans())
def test_gated_convolution_over_lists_equals_over_edges(seed, gradient):
    graph, random = graph_of(seed)
    conv, x = GatedConv(3, 8, edge_dim=2), torch.randn(graph.n, 3, generator=random)
    edges = torch.randn(*graph.neighbors.shape, 2, generator=random)
    with torch.set_grad_enabled(gradient):
        over_edges = conv((x, x), graph.edge_index, graph.on_edges(edges))
        over_lists = conv.over_lists(x, graph.neighbors, edges)
    assert torch.allclose(over_edges, over_lists, atol=1e-5)


def test_blocks_do_not_change_the_result(monkeypatch):
    from workbench import convs

    graph, random = graph_of(7)
    conv, x = GatedConv(3, 8, edge_dim=2), torch.randn(graph.n, 3, generator=random)
    edges = torch.randn(*graph.neighbors.shape, 2, generator=random)
    with torch.no_grad():
        whole = conv.over_lists(x, graph.neighbors, edges)
        monkeypatch.setattr(convs, "CELLS", 40)
        assert torch.allclose(conv.over_lists(x, graph.neighbors, edges), whole, atol=1e-6)


@pytest.mark.cuda
def test_cuda_agrees():
    graph, _ = graph_of(3)
    for here, there in zip(rank_and_shared(graph), rank_and_shared(graph.to("cuda")), strict=True):
        assert torch.allclose(here * graph.present, there.cpu() * graph.present)
