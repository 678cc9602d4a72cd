import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.graph import _numba, nn_descent
from workbench.graph.knn import knn
from workbench.graph.nn_descent import both_ways

seeds = st.integers(0, 2**31)


def unit(*shape, seed=0):
    return torch.nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=1)


def recall(x, k, **settings):
    exact, near = knn(x, k, method="exact"), knn(x, k, method="approximate", **settings)
    return float((near.neighbors[:, :, None] == exact.neighbors[:, None, :]).any(dim=2).float().mean())


def test_on_overlapping_classes_nearly_all_neighbours_are_found(blobs):
    x, _ = blobs(n_classes=150, per_class=20, dim=32, noise=0.6)
    assert recall(x, 10) > 0.98


def test_a_set_of_one_leaf_is_searched_exactly():
    x = unit(nn_descent.LEAF, 8)
    assert torch.equal(knn(x, 6, method="approximate").neighbors, knn(x, 6, method="exact").neighbors)


def test_the_number_of_threads_changes_nothing():
    x, before = unit(2000, 6), torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(nn_descent.search_forest(x, 9, seed=1))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("x", [torch.ones(1500, 3) / 3**0.5, torch.zeros(1000, 4), unit(5, 4).repeat(300, 1)])
def test_equal_rows_are_halved_too(x):
    lists = nn_descent.search_forest(x, 7, seed=0)
    assert (lists >= 0).all()
    assert all(len({*row, i}) == 8 for i, row in enumerate(lists.tolist()))


@pytest.mark.parametrize("n", [2, 3, 400, 1537])
def test_lists_hold_other_rows_each_once(n):
    lists = nn_descent.search_forest(unit(n, 5), min(4, n - 1), seed=2)
    assert all(len({*row, i}) == len(row) + 1 for i, row in enumerate(lists.tolist()))


@settings(max_examples=30)
@given(seeds, st.integers(1, 60), st.integers(0, 4))
def test_every_node_is_halved_at_its_median(seed, n, depth):
    rows = np.random.default_rng(seed).integers(0, 3, (n, 2)).astype(np.float32)  # with ties
    drawn = np.random.default_rng(seed).random((2**depth, 2))
    order = _numba.grow(rows, np.arange(n, dtype=np.int32), depth, drawn)
    assert sorted(order.tolist()) == list(range(n))
    if n > 1 and depth == 1:
        one, other = (drawn[0] * n).astype(int)
        value = (rows @ (rows[one] - rows[other]))[order]
        assert value[: n // 2].max() <= value[n // 2 :].min()


@settings(max_examples=30)
@given(seeds)
def test_links_both_ways_and_which_are_new(seed):
    random = np.random.default_rng(seed)
    n, k = 12, 3
    ids = np.stack([random.permutation(n)[:k] for _ in range(n)]).astype(np.int32)
    seen = np.stack([random.permutation(n)[:k] for _ in range(n)]).astype(np.int32)
    links, new = both_ways(ids, seen)
    for i in range(n):
        assert links[i, :k].tolist() == ids[i].tolist()
        listed_by = [int(j) for slot in range(k) for j in range(n) if ids[j, slot] == i]
        assert [j for j in links[i, k:].tolist() if j >= 0] == listed_by[:k]
        for j, fresh in zip(links[i].tolist(), new[i].tolist(), strict=True):
            if j >= 0:
                own = j in ids[i, :].tolist() and fresh == (j not in seen[i])
                assert own or fresh == (i not in seen[j])


def test_links_both_ways_are_the_same_by_parts():
    """Rows shared between threads: every one writes its own."""
    random = np.random.default_rng(0)
    ids, seen = (random.integers(-1, 50, (50, 4)).astype(np.int32) for _ in range(2))
    whole = both_ways(ids, seen)
    parts = np.full_like(whole[0], -1), np.zeros_like(whole[1])
    for low, high in ((0, 7), (7, 30), (30, 50)):
        _numba.both_ways(ids, seen, *parts, low, high)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=30)
@given(seeds)
def test_exploring_finds_the_best_of_those_two_links_away(seed):
    n, k = 25, 3
    rows = unit(n, 4, seed=seed).numpy()
    product = rows @ rows.T
    ids = np.stack([np.random.default_rng(seed + i).permutation(np.delete(np.arange(n), i))[:k] for i in range(n)])
    ids = np.take_along_axis(ids, np.argsort(-np.take_along_axis(product, ids, 1), axis=1), 1).astype(np.int32)
    best, found = np.take_along_axis(product, ids, 1), ids.copy()
    links, new = both_ways(ids, np.full((n, 1), -1, np.int32))
    _numba.explore(rows, best, found, links, new, 0, n)
    for i in range(n):
        near = {j for one in links[i] if one >= 0 for j in links[one].tolist() if j >= 0} | set(ids[i].tolist())
        assert found[i].tolist() == sorted(near - {i}, key=lambda j: -product[i, j])[:k]
