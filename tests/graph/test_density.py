import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.graph.density import denser_neighbors, density_target, link_labels, signed_density
from workbench.graph.knn import KnnGraph, knn


def slow_density(graph, labels):
    out = []
    for i in range(graph.n):
        terms = [
            s if labels[j] == labels[i] else -s
            for j, s in zip(graph.neighbors[i].tolist(), graph.similarity[i].tolist(), strict=True)
            if j >= 0
        ]
        out.append(sum(terms) / len(terms) if terms else 0.0)
    return torch.tensor(out)


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, 25), st.integers(1, 6))
def test_density_equals_the_slow_reference_and_is_bounded(seed, n, k):
    random = torch.Generator().manual_seed(seed)
    graph = knn(torch.nn.functional.normalize(torch.randn(n, 4, generator=random), dim=1), k)
    labels = torch.randint(3, (n,), generator=random)
    density = density_target(graph, labels)
    torch.testing.assert_close(density, slow_density(graph, labels.tolist()), rtol=1e-5, atol=1e-6)
    assert (density.abs() <= 1).all()


def test_official_targets(golden):
    g = golden("graph")
    graph = KnnGraph.from_arrays(g["nbrs"], 1 - g["dists"])
    density = density_target(graph, torch.from_numpy(g["in_labels"]))
    torch.testing.assert_close(density, torch.from_numpy(g["density"]), rtol=1e-4, atol=1e-5)
    denser = denser_neighbors(graph, torch.from_numpy(g["density"]))
    edges = {(int(s), int(t)) for s, t, keep in zip(g["edge_src"], g["edge_dst"], g["mask_conn"], strict=True) if keep}
    node, slot = denser.nonzero(as_tuple=True)
    assert set(zip(graph.neighbors[node, slot].tolist(), node.tolist(), strict=True)) == edges


@given(st.integers(0, 2**31), st.integers(1, 25), st.integers(1, 6), st.booleans())
def test_denser_is_by_density_and_then_by_index(seed, n, k, strict):
    random = torch.Generator().manual_seed(seed)
    graph = knn(torch.nn.functional.normalize(torch.randn(n, 4, generator=random), dim=1), k)
    density = torch.randint(3, (n,), generator=random) / 2
    found = denser_neighbors(graph, density, strict=strict)
    for i, row in enumerate(graph.neighbors.tolist()):
        equal = [not strict and density[j] == density[i] and j < i for j in row]
        denser = [j >= 0 and bool(density[j] > density[i] or tied) for j, tied in zip(row, equal, strict=True)]
        assert found[i].tolist() == denser


def test_absent_neighbours_are_neither_same_nor_denser():
    graph = KnnGraph.from_arrays([[1, -1], [0, 2], [-1, -1]], [[0.9, 0], [0.9, 0.5], [0, 0]])
    labels = torch.zeros(3, dtype=torch.long)
    assert link_labels(graph, labels).tolist() == [[True, False], [True, True], [False, False]]
    assert not denser_neighbors(graph, torch.tensor([-1.0, -1, -1]), strict=False)[2].any()
    assert signed_density(graph, torch.ones(3, 2))[2] == 0
