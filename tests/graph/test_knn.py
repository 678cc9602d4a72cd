from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench._core import validation
from workbench.graph import _numba, exact
from workbench.graph.knn import KnnGraph, k_hop_subgraph, knn, query
from workbench.graph.repeats import search_distinct


def slow_knn(x, k):
    """Neighbour lists by sorting (similarity down, index up) pair by pair."""
    lists = []
    for i in range(len(x)):
        pairs = [(-min(1.0, float(x[i] @ x[j])), j) for j in range(len(x)) if j != i]
        lists.append([j for s, j in sorted(pairs) if s < 0][:k])
    return lists


def lists_of(g):
    return [[j for j in row if j >= 0] for row in g.neighbors.tolist()]


def test_by_eye_on_a_circle():
    angle = torch.tensor([0.0, 10.0, 25.0, 90.0]).deg2rad()
    x = torch.stack([angle.cos(), angle.sin()], dim=1)
    g = knn(x, k=2)
    assert g.neighbors.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    torch.testing.assert_close(g.similarity[0], torch.tensor([10.0, 25.0]).deg2rad().cos())


@settings(max_examples=40)
@given(st.integers(2, 40), st.integers(1, 12), st.integers(0, 2**31))
def test_equals_the_slow_reference(n, k, seed):
    x = torch.nn.functional.normalize(torch.randn(n, 6, generator=torch.Generator().manual_seed(seed)).double(), dim=1)
    assert lists_of(knn(x.float(), k)) == slow_knn(x, k)


def test_official_lists(golden):
    g = golden("graph")
    own = knn(torch.from_numpy(g["in_features"]), 9)
    given_lists = KnnGraph.from_arrays(g["nbrs"], 1 - g["dists"])
    assert torch.equal(own.neighbors, given_lists.neighbors)
    torch.testing.assert_close(own.similarity, given_lists.similarity, rtol=0, atol=1e-6)


def test_duplicates_are_those_of_similarity_1():
    graph = KnnGraph(torch.tensor([[1, 2, -1]]).expand(3, 3), torch.tensor([[1.0, 0.999, 0.0]]).expand(3, 3))
    assert graph.duplicates.tolist() == [[True, False, False]] * 3


def test_among_many_that_count_as_equal_the_first_are_candidates():
    """Sixteen rows, each nearer by a rounding error than the one before it: more than a list of candidates holds."""
    cosine = 0.5 + 6e-8 * torch.arange(16, dtype=torch.float64)
    base = torch.stack([cosine, (1 - cosine.square()).sqrt()], dim=1).float()
    assert (base[1:, 0] > base[:-1, 0]).all()
    assert base[-1, 0] - base[0, 0] < exact.TIE
    assert query(base, torch.tensor([[1.0, 0.0]]), 3).neighbors.max() < 3 + exact.NEXT


@pytest.mark.parametrize("repeats", [3, 12, 40])
def test_duplicates_are_listed_by_index(repeats):
    x = torch.eye(5).repeat(repeats, 1)
    g = knn(x, k=4)
    expected = [[j for j in range(i % 5, len(x), 5) if j != i][:4] for i in range(len(x))]
    assert lists_of(g) == expected
    assert (g.similarity[g.mask] == 1).all()


@settings(max_examples=60)
@given(st.integers(1, 30), st.integers(2, 90), st.integers(1, 14), st.integers(0, 2**31), st.booleans())
def test_lists_of_repeated_rows_are_those_of_the_plain_search(kinds, n, k, seed, coarse):
    random = torch.Generator().manual_seed(seed)
    base = torch.randint(-2, 3, (kinds, 4), generator=random) if coarse else torch.randn(kinds, 4, generator=random)
    x = torch.nn.functional.normalize(base[torch.randint(kinds, (n,), generator=random)].float(), dim=1)
    k = min(k, n - 1)
    lists, values = exact.search_itself(x, k)
    index, weight = search_distinct(x, k, exact.search_itself)
    torch.testing.assert_close(weight, values, rtol=0, atol=exact.TIE)
    listed = index >= 0
    products = exact.clipped((x @ x.T).gather(1, index.clamp(min=0)))
    torch.testing.assert_close(weight[listed], products[listed], rtol=0, atol=exact.TIE)
    assert all(len(set(row[row >= 0].tolist())) == (row >= 0).sum() for row in index)
    assert not (index == torch.arange(n)[:, None]).any()
    near = (values > exact.TIE) & (weight > exact.TIE)
    if not coarse:  # else different rows are equally near but for rounding, which settles their order
        assert torch.equal(index[near], lists[near])


def test_copies_by_rounding_only_are_listed_by_index():
    """Their ties run past all candidates, so that the tiles are read a second time."""
    x = torch.nn.functional.normalize(torch.randn(5, 16, generator=torch.Generator().manual_seed(0)), dim=1)
    scaled = torch.nn.functional.normalize(x.repeat(30, 1) * torch.linspace(1, 2, 150)[:, None], dim=1)
    assert len(scaled.unique(dim=0)) > 40
    g = knn(scaled, k=4)
    assert lists_of(g) == [[j for j in range(i % 5, 150, 5) if j != i][:4] for i in range(150)]


@pytest.mark.parametrize("block", [1, 11, 64, 1000])
def test_block_size_does_not_matter(monkeypatch, blobs, block):
    x, _ = blobs()
    x = torch.cat([x, x[:30], x[:30]])
    whole = knn(x, 7)
    monkeypatch.setattr(exact, "BLOCK", block)
    assert torch.equal(knn(x, 7).neighbors, whole.neighbors)


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, 90), st.integers(1, 12))
def test_compiled_best_of_a_block_are_those_of_a_sort(seed, columns, m):
    random = torch.Generator().manual_seed(seed)
    block = torch.rand(7, columns, generator=random)
    m = min(m, columns)
    value, index = exact.best_products(torch.eye(7), block.T.contiguous(), m, None)
    assert torch.equal(value, block.topk(m, dim=1).values)
    assert torch.equal(block.gather(1, index), value)
    lists = torch.full((columns, min(m, 7)), -torch.inf), torch.zeros(columns, min(m, 7), dtype=torch.long)
    for first in range(0, 7, 3):  # block by block, as columns of several
        _numba.best_of_columns(block[first : first + 3].numpy(), first, *(part.numpy() for part in lists), 0, columns)
    assert torch.equal(lists[0], block.T.topk(min(m, 7), dim=1).values)
    assert torch.equal(block.T.gather(1, lists[1]), lists[0])


@pytest.mark.parametrize(
    ("method", "n", "search"),
    [
        ("auto", 39, "_exact"),
        ("auto", 40, "_approximate"),
        ("exact", 40, "_exact"),
        ("approximate", 39, "_approximate"),
    ],
)
def test_which_search_is_made(monkeypatch, method, n, search):
    module, made = import_module("workbench.graph.knn"), []
    for name in ("_exact", "_approximate"):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, name=name, real=real: made.append(name) or real(*given))
    monkeypatch.setattr(module, "APPROXIMATE_FROM", 40)
    knn(torch.nn.functional.normalize(torch.rand(n, 4), dim=1), 3, method=method)
    assert made == [search]


def test_best_products_leave_out_each_rows_own_column(monkeypatch):
    """In whichever block it lies; a number outside means that there is none."""
    monkeypatch.setattr(exact, "BLOCK", 4)
    x = torch.nn.functional.normalize(torch.randn(11, 6, generator=torch.Generator().manual_seed(0)), dim=1)
    asked = torch.tensor([9, 1, 10, 3, 7, 0])
    for itself in (asked, torch.tensor([9, -1, 10, 3, 11, 0])):
        products = x[asked] @ x.T
        for row, own in enumerate(itself.tolist()):
            if 0 <= own < 11:
                products[row, own] = -torch.inf
        value, index = exact.best_products(x[asked], x, 5, itself)
        expected = products.topk(5, dim=1)
        assert torch.equal(index, expected.indices)
        torch.testing.assert_close(value, expected.values)


@settings(max_examples=20)
@given(st.integers(0, 2**31))
def test_permutation(seed):
    random = torch.Generator().manual_seed(seed)
    x = torch.nn.functional.normalize(torch.randn(30, 5, generator=random), dim=1)
    order = torch.randperm(30, generator=random)
    g, moved = knn(x, 4), knn(x[order], 4)
    back = torch.where(moved.mask, order[moved.padded], -1)
    assert torch.equal(g.neighbors[order], back)


@settings(max_examples=60)
@given(st.integers(1, 25), st.integers(1, 4), st.integers(0, 4), st.integers(0, 2**31))
def test_the_nodes_around_some_rows_are_those_that_many_steps_away(n, k, hops, seed):
    random = np.random.default_rng(seed)
    lists = random.integers(-1, n, (n, k))
    rows = random.permutation(n)[: random.integers(1, n + 1)]
    nodes, local, sizes = k_hop_subgraph(torch.from_numpy(lists), torch.from_numpy(rows), hops)
    within = [set(rows.tolist())]
    for _ in range(hops):
        within.append(within[-1] | {j for i in within[-1] for j in lists[i].tolist() if j >= 0})
    assert [len(some) for some in within] == list(sizes)
    assert nodes[: len(rows)].tolist() == rows.tolist()
    for some, size in zip(within, sizes, strict=True):
        assert set(nodes[:size].tolist()) == some
    inner = sizes[-2] if hops else 0  # the last ones send only
    assert (local[inner:] == -1).all()
    for row, node in zip(local[:inner].tolist(), nodes.tolist(), strict=False):
        assert [int(nodes[j]) if j >= 0 else -1 for j in row] == lists[node].tolist()


def test_zero_rows_have_no_neighbours():
    with pytest.warns(UserWarning, match="1 zero row"):
        x = validation.unit_rows(np.array([[1.0, 0.1], [0.0, 0.0], [1.0, 0.0]]))
    assert lists_of(knn(x, 2)) == [[2], [], [0]]


@pytest.mark.parametrize(("n", "k"), [(1, 3), (2, 5), (4, 3)])
def test_few_nodes(n, k):
    assert knn(torch.full((n, 2), 0.5**0.5), k).k == min(k, n - 1)


def test_first_k_of_a_longer_search(blobs):
    x, _ = blobs()
    assert torch.equal(knn(x, 9).first(4).neighbors, knn(x, 4).neighbors)


@pytest.mark.parametrize("method", ["exact", "approximate"])
def test_other_kinds_of_tensors_give_the_same_lists(blobs, method):
    x, _ = blobs()
    plain = knn(x, 5, method=method)
    for other in (x.double(), x.clone().requires_grad_(), x.T.contiguous().T):
        assert torch.equal(knn(other, 5, method=method).neighbors, plain.neighbors)
    assert (knn(x.half(), 5, method=method).neighbors == plain.neighbors).float().mean() > 0.8
    assert torch.equal(query(x.double(), x[:3].requires_grad_(), 2).neighbors, query(x, x[:3], 2).neighbors)


def test_query_lists_the_row_itself(blobs):
    x, _ = blobs()
    assert torch.equal(query(x, x, 1).neighbors[:, 0], torch.arange(len(x)))
    assert torch.equal(query(x, x, 5).neighbors[:, 1:], knn(x, 4).neighbors)


def test_edge_view_and_pyg(blobs):
    x, labels = blobs(3, 5)
    g = knn(x, 4)
    data = g.to_pyg(y=labels)
    data.validate()
    assert data.num_nodes == 15
    for (source, target), weight in zip(data.edge_index.T.tolist(), data.edge_attr[:, 0].tolist(), strict=True):
        slot = g.neighbors[target].tolist().index(source)
        assert g.similarity[target, slot].item() == weight


def test_approximate_agrees_mostly(blobs):
    x, _ = blobs(n_classes=40, per_class=15, dim=32, noise=0.15)
    exact, near = knn(x, 8, method="exact"), knn(x, 8, method="approximate", seed=1)
    found = (near.neighbors[:, :, None] == exact.neighbors[:, None, :]).any(dim=2).float().mean()
    assert found > 0.95
    assert torch.equal(near.neighbors, knn(x, 8, method="approximate", seed=1).neighbors)


def test_given_lists_of_the_official_code_with_duplicates():
    """Node 2 is not in its own list: two duplicates displaced it, and its list stays longer."""
    lists = KnnGraph.from_arrays([[0, 1], [1, 0], [0, 1]], [[1, 1], [1, 1], [1, 1]])
    assert lists_of(lists) == [[1], [0], [0, 1]]


@pytest.mark.parametrize(
    ("neighbors", "similarity", "message"),
    [
        ([[1], [2]], [[1.0], [1.0]], "neighbors: expected indices -1 to 1, got 1 to 2"),
        ([[1], [0]], [[1.0, 0.5], [1.0, 0.5]], "one shape"),
        ([[1, 1], [0, -1]], [[0.5, 0.5], [0.5, 0.5]], "node 0 lists a neighbour twice"),
        ([[1, -1], [0, 0]], [[0.5, 0.5], [0.5, 0.5]], "node 1 lists a neighbour twice"),
        ([[1], [0]], [[1.5], [0.5]], "similarity: expected finite cosines"),
        ([[1], [0]], [[1.00002], [0.5]], "similarity: expected finite cosines"),
        ([[1], [0]], [[float("nan")], [0.5]], "similarity: expected finite cosines"),
        ([[1], [0]], [[0.5], [-float("inf")]], "similarity: expected finite cosines"),
    ],
)
def test_given_lists_are_checked(neighbors, similarity, message):
    with pytest.raises(ValueError, match=message):
        KnnGraph.from_arrays(neighbors, similarity)


@pytest.mark.parametrize("k", [0, -1])
def test_k_is_checked(k):
    with pytest.raises(ValueError, match="k: expected an integer >= 1"):
        knn(torch.eye(3), k)


def test_method_is_checked():
    with pytest.raises(ValueError, match="method: expected one of 'auto', 'exact', 'approximate', got 'fast'"):
        knn(torch.eye(3), 1, method="fast")


@pytest.mark.cuda
def test_cuda_agrees_with_the_cpu(blobs):
    x, _ = blobs(50, 40, 64)
    here, there = knn(x, 10, method="exact"), knn(x.cuda(), 10).to("cpu")
    torch.testing.assert_close(here.similarity, there.similarity, rtol=0, atol=1e-6)
    assert (here.neighbors == there.neighbors).float().mean() > 0.999


def test_rows_that_are_not_of_length_1_are_refused():
    x = np.random.default_rng(0).normal(size=(50, 8))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    expected = knn(torch.from_numpy(unit), 3)
    for same in (unit, unit.tolist(), unit.astype(np.float32)):
        assert torch.equal(knn(same, 3).neighbors, expected.neighbors)
    assert knn(unit.astype(np.float16), 3).k == knn(torch.from_numpy(unit).bfloat16(), 3).k == 3
    assert knn(np.concatenate([unit, np.zeros((1, 8))]), 3).neighbors[50].tolist() == [-1, -1, -1]
    bad = torch.from_numpy(unit)
    bad[7] *= 3
    with pytest.raises(ValueError, match=r"features: expected rows of length 1, got 3 in row 7; normalise"):
        knn(bad, 3)
    bad[7, 0] = np.nan
    with pytest.raises(ValueError, match=r"got NaN or infinity in row 7"):
        knn(bad, 3)
    for shape in ((4,), (2, 3, 4), (3, 0)):
        with pytest.raises(ValueError, match=r"features: expected rows \[n, d\]"):
            knn(torch.ones(shape), 1)
    for seed in (-1, 2**70):
        with pytest.raises(ValueError, match="seed: expected an integer"):
            knn(unit, 3, method="approximate", seed=seed)


def test_given_lists_come_best_first_and_their_indices_are_whole():
    graph = KnnGraph.from_arrays([[2, 0, 1], [1, 2, 0], [0, 1, -1]], [[0.9, 1, 0.2], [1, 0.5, 0.2], [0.9, 0.5, 0]])
    assert graph.neighbors.tolist() == [[2, 1], [2, 0], [0, 1]]
    assert torch.equal(graph.similarity, torch.tensor([[0.9, 0.2], [0.5, 0.2], [0.9, 0.5]]))
    with pytest.raises(ValueError, match="similarity: expected each list best first, got node 1's in another order"):
        KnnGraph.from_arrays([[1, 2], [0, 2], [0, 1]], [[0.9, 0.1], [0.1, 0.9], [0.6, 0.5]])
    for index in ([[1.5], [0]], [[True], [False]]):
        with pytest.raises(TypeError, match="neighbors: expected integers"):
            KnnGraph.from_arrays(index, [[0.5], [0.5]])
    for k in (0, -1):
        with pytest.raises(ValueError, match="k: expected an integer >= 1"):
            graph.first(k)
