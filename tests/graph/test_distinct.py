"""Rows that repeat: found exactly, one node each, results spread over all of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.graph import knn
from workbench.graph.distinct import DistinctRows, find_rows, map_distinct, row_codes

ROWS = st.lists(st.tuples(*[st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5])] * 3), min_size=1, max_size=30)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_kinds_are_those_of_numpy_and_zero_rows_stand_alone(rows):
    x = torch.tensor(rows, dtype=torch.float32)
    found = DistinctRows.of(x)
    own = [f"zero {i}" if not any(row) else tuple(v + 0.0 for v in row) for i, row in enumerate(rows)]
    first = [own.index(kind) for kind in own]
    if found is None:
        assert len(set(own)) == len(rows)
    else:
        assert found.first[found.group].tolist() == first
        assert found.first.tolist() == sorted(set(first))
        assert found.count.tolist() == [first.count(i) for i in found.first.tolist()]
        assert found.is_copy.tolist() == [i != f for i, f in enumerate(first)]


@given(st.integers(0, 10_000), st.sampled_from([2, 5, 64]), st.sampled_from([1e-8, 1e-6, 1e-4, 1e-2]))
@settings(max_examples=40, deadline=None)
def test_rows_that_differ_by_rounding_are_nearly_all_found_and_no_others(seed, dim, jitter):
    random = torch.Generator().manual_seed(seed)
    once = torch.randn(20, dim, generator=random)
    rows = once.repeat(3, 1) + jitter * torch.randn(60, dim, generator=random)
    x = torch.nn.functional.normalize(rows, dim=1)
    x = torch.cat([x, x[:5], torch.zeros(2, dim)])
    found = DistinctRows.nearly(x)
    cosine = (x[found.first][found.group].double() * x.double()).sum(dim=1)
    assert (cosine[:65] > 1 - 1.1e-6).all()
    assert found.group[60:65].tolist() == found.group[:5].tolist()  # equal ones always
    assert (found.group[65:].bincount() <= 1).all()  # zero rows stand alone
    if jitter <= 1e-8:
        assert (found.group[:60].view(3, 20) == found.group[:20]).float().mean() > 0.9


@pytest.mark.parametrize("dim", [1, 2, 5, 64])
def test_codes_depend_on_the_row_alone(dim):
    x = torch.from_numpy(np.random.default_rng(dim).normal(size=(3000, dim)).astype("f4"))
    assert len(row_codes(x).unique()) == 3000
    turned = torch.arange(2999, -1, -1)
    assert torch.equal(row_codes(x[turned]), row_codes(x)[turned])
    assert torch.equal(row_codes(x[7:8]), row_codes(x)[7:8])


def test_rows_with_one_code_but_other_numbers_stay_apart():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    assert DistinctRows.of(x, torch.tensor([5, 5, 5])).group.tolist() == [0, 1, 0]


def test_a_copy_lists_the_first_of_its_kind_and_then_what_that_one_lists():
    x = torch.nn.functional.normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    found = DistinctRows(torch.tensor([0, 1, 2, 3, 4, 6]), torch.tensor([0, 1, 2, 3, 4, 0, 5]))
    graph = knn(x, 3)
    spread = found.spread_graph(graph)
    of_row = torch.where(graph.neighbors == 5, 6, graph.neighbors)
    assert torch.equal(spread.neighbors[[0, 1, 2, 3, 4, 6]], of_row)
    assert spread.neighbors[5].tolist() == [0, *of_row[0, :2].tolist()]
    assert spread.similarity[5].tolist() == [1.0, *graph.similarity[0, :2].tolist()]


def test_one_kind_of_row_only():
    found = DistinctRows.of(torch.ones(3, 2))
    spread = found.spread_graph(knn(torch.tensor([[0.6, 0.8]]), 5))
    assert spread.neighbors.tolist() == [[-1], [0], [0]]


@settings(max_examples=30)
@given(st.lists(st.integers(-5, 5), min_size=1), st.lists(st.integers(-7, 7)))
def test_rows_are_found_by_the_first_of_their_code(known, asked):
    expected = [known.index(code) if code in known else -1 for code in asked]
    assert find_rows(torch.tensor(known), torch.tensor(asked, dtype=torch.int64)).tolist() == expected


def test_find_rows_and_map_distinct():
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert find_rows(row_codes(x), row_codes(torch.tensor([[0.0, 1.0], [5.0, 5.0], [1.0, 0.0]]))).tolist() == [1, -1, 0]
    asked = []
    assert map_distinct(lambda rows: asked.append(len(rows)) or rows + 1, x).tolist() == (x + 1).tolist()
    assert asked == [2]
