import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.graph import exact, half_precision
from workbench.graph.half_precision import group_maxima, half_candidates, top_k
from workbench.graph.knn import knn


def unit(n, d, seed=0):
    return torch.nn.functional.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1)


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, 9000), st.integers(1, 30))
def test_top_k_are_those_of_a_sort(seed, columns, m):
    block = torch.rand(3, columns, generator=torch.Generator().manual_seed(seed))
    m = min(m, columns)
    value, index = top_k(block, m)
    assert torch.equal(value, block.sort(dim=1, descending=True).values[:, :m])
    assert torch.equal(block.gather(1, index), value)
    assert all(len(set(row)) == m for row in index.tolist())


def test_top_k_of_equal_values_lists_each_column_once():
    _, index = top_k(torch.zeros(2, 2000), 10)
    assert all(len(set(row)) == 10 for row in index.tolist())


def test_groups_by_eye():
    """33 columns in two groups of 16: the even ones, the odd ones; the last one is in none."""
    base = torch.zeros(33, 1, dtype=torch.half)
    base[4], base[7], base[32] = 0.5, 0.25, 1.0
    assert group_maxima(torch.ones(1, 1, dtype=torch.half), base, 2).tolist() == [[0.5, 0.25]]


@pytest.mark.parametrize("n", [2000, 2013])
@pytest.mark.parametrize("own", [True, False])
def test_half_candidates_hold_the_best(n, own):
    x, rows = unit(n, 24), torch.arange(5, 60)
    value, index = half_candidates(x[rows].half(), x.half(), 18, rows if own else None)
    products = x[rows] @ x.T
    if own:
        products[torch.arange(len(rows)), rows] = -torch.inf
    assert not own or not (index == rows[:, None]).any()
    assert ((value - products.gather(1, index)).abs() < half_precision.ROUNDING).all()
    best = products.topk(10, dim=1).indices
    assert (best[:, :, None] == index[:, None]).any(dim=2).all()


def test_rounding_of_a_product_of_unit_rows_stays_below_its_bound():
    """The worst case: every factor rounded the same way by half a unit in the last place, and so is the result."""
    entry = 2.0**-4 * (1 + 2.0**-11 - 2.0**-20)  # rounds down to 2 ** -4
    x = torch.full((1, 256), entry)
    assert float((x @ x.T - (x.half() @ x.half().T).float()).abs()) < half_precision.ROUNDING
    values = torch.linspace(-1, 1, 100_001)
    assert float((values.half().float() - values).abs().max()) <= 2.0**-12


@pytest.mark.parametrize("kind", ["plain", "close", "equal", "few directions"])
def test_half_precision_changes_no_list(kind):
    """Where rounding leaves doubt, full precision decides."""
    x = unit(1600, 16)
    if kind == "close":
        x = torch.nn.functional.normalize(x[:40].repeat(40, 1) + 1e-4 * x, dim=1)
    if kind == "equal":
        x = x[:40].repeat(40, 1)
    if kind == "few directions":
        x = torch.eye(16)[torch.arange(1600) % 16]
    rows = torch.arange(200, 500)
    chosen = exact.candidates_in_half_precision(x[rows], x, x.half(), 10, rows)
    index, weight = exact.rank(x[rows], x, chosen, 10)
    graph = knn(x, 10, method="exact")
    assert torch.equal(index, graph.neighbors[rows])
    torch.testing.assert_close(weight, graph.similarity[rows], rtol=0, atol=1e-6)


@pytest.mark.cuda
@pytest.mark.parametrize("dim", [3, 37, 128, 600])
@pytest.mark.parametrize("n", [1216, 5000, 20_011])
def test_the_kernel_and_torch_agree(n, dim):
    x = unit(n, dim).cuda().half()
    groups = n // half_precision.GROUP
    here = group_maxima(x[:333], x, groups)
    there = (x[:333] @ x[: groups * half_precision.GROUP].T).unflatten(1, (half_precision.GROUP, groups)).amax(dim=1)
    torch.testing.assert_close(here, there, rtol=0, atol=2.0**-10)


@pytest.mark.cuda
@pytest.mark.parametrize("dim", [3, 37, 128, 600])
@pytest.mark.parametrize("close", [False, True])
def test_cuda_finds_what_the_cpu_finds(dim, close):
    x = unit(12_345, dim)
    if close:  # bursts of near-duplicates, closer than half precision can tell
        x = torch.nn.functional.normalize(x[:100].repeat(124, 1)[: len(x)] + 1e-3 * x, dim=1)
    here, there = knn(x, 10, method="exact"), knn(x.cuda(), 10).to("cpu")
    near = 2e-6  # two roundings of 1e-6: of the sums, and to 1 of what is closer to it than that
    torch.testing.assert_close(here.similarity, there.similarity, rtol=0, atol=near)
    apart = (x[:, None] * x[there.padded]).sum(dim=2) - (x[:, None] * x[here.padded]).sum(dim=2)
    assert ((here.neighbors == there.neighbors) | (apart.abs() <= near)).all()
