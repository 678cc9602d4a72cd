"""The fast baselines that are written here, against slow references read off the articles."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.decode import components
from workbench.evaluate.baselines.communities import leading_eigenvectors, symmetric
from workbench.evaluate.baselines.graphs import first_neighbor_partitions, rank_order
from workbench.evaluate.baselines.points import AverageLinkage
from workbench.evaluate.scores import contingency
from workbench.graph.knn import KnnGraph, knn


def unit(seed, n=25, d=4):
    rows = torch.randn(n, d, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(rows, dim=1)


def lists(graph):
    return [[j for j in row if j >= 0] for row in graph.neighbors.tolist()]


def slow_rank_order(near, a, b, k):
    def rank(i, j):
        return near[i].index(j) + 1 if j in near[i] else k + 1

    def missing(i, j):
        return sum(item != j and item not in near[j] for item in near[i][: min(rank(i, j), k)])

    return (missing(a, b) + missing(b, a)) / min(rank(a, b), rank(b, a))


@given(st.integers(0, 10_000), st.integers(1, 8))
@settings(max_examples=25)
def test_rank_order_is_its_formula(seed, k):
    graph = knn(unit(seed, n=12), k)
    near = lists(graph)
    for blocks in (rank_order(graph), rank_order(graph, block=7)):
        for a, row in enumerate(near):
            expected = [slow_rank_order(near, a, b, k) for b in row]
            assert blocks[a, : len(row)].tolist() == pytest.approx(expected)
            assert torch.isinf(blocks[a, len(row) :]).all()


def slow_components(n, edges):
    labels = list(range(n))
    for _ in range(n):
        for a, b in edges:
            labels[a] = labels[b] = min(labels[a], labels[b])
    return labels


@given(st.integers(0, 10_000), st.floats(0, 1))
@settings(max_examples=25)
def test_components_are_reached_over_kept_edges(seed, cut):
    graph = knn(unit(seed), 3)
    edges = [
        (i, j)
        for i, row in enumerate(graph.neighbors.tolist())
        for j, s in zip(row, graph.similarity[i].tolist(), strict=True)
        if j >= 0 and s > cut
    ]
    assert contingency(slow_components(25, edges), components(graph, graph.similarity > cut)).perfect


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_finch_links_first_neighbours_then_means(seed):
    rows = unit(seed, n=30, d=3)
    partitions = first_neighbor_partitions(rows)

    def link(points):  # the article's rule, shared neighbours included
        cosine = points @ points.T - 3 * torch.eye(len(points))
        first = [int(row.argmax()) if row.max() > 0 else i for i, row in enumerate(cosine)]
        n = len(points)
        pairs = [(i, j) for i in range(n) for j in range(n) if first[i] == j or first[j] == i or first[i] == first[j]]
        return slow_components(n, pairs)

    assert contingency(link(rows), partitions[0]).perfect
    for fine, coarse in pairwise(partitions):
        n_fine = fine.max() + 1
        sums = torch.stack([rows[torch.from_numpy(fine == c)].sum(0) for c in range(n_fine)])
        means = torch.nn.functional.normalize(sums, dim=1)
        assert contingency(np.array(link(means))[fine], coarse).perfect
        assert 1 < coarse.max() + 1 < n_fine


def test_finch_of_orthogonal_rows_is_all_singletons():
    assert first_neighbor_partitions(torch.eye(3))[0].tolist() == [0, 1, 2]


def slow_average_linkage(cosine, threshold):
    clusters = [[i] for i in range(len(cosine))]
    while len(clusters) > 1:
        pairs = [(a, b) for a in range(len(clusters)) for b in range(a)]
        distance = [np.mean([1 - cosine[i, j] for i in clusters[a] for j in clusters[b]]) for a, b in pairs]
        best = int(np.argmin(distance))
        if distance[best] > threshold:
            break
        a, b = pairs[best]
        clusters[b] += clusters.pop(a)
    labels = np.empty(len(cosine), dtype=np.int64)
    for c, members in enumerate(clusters):
        labels[members] = c
    return labels


@pytest.mark.parametrize("threshold", [0.1, 0.4, 0.8])
def test_average_linkage_merges_the_nearest_until_the_threshold(threshold):
    rows = unit(5, n=20)
    expected = slow_average_linkage((rows @ rows.T).double().numpy(), threshold)
    found = AverageLinkage(distance_threshold=threshold).fit_predict(rows)
    assert contingency(expected, found).perfect


def test_the_symmetric_matrix_holds_each_edge_both_ways():
    graph = KnnGraph.from_arrays([[1], [2], [1]], [[0.5], [0.9], [0.9]])
    expected = [[0, 0.5, 0], [0.5, 0, 0.9], [0, 0.9, 0]]
    np.testing.assert_allclose(symmetric(graph).toarray(), expected, rtol=1e-6)


def test_sparse_eigenvectors_span_what_dense_ones_do():
    matrix = symmetric(knn(unit(2, n=700, d=6), 8))
    values = np.linalg.eigvalsh(matrix.toarray())[-5:]
    vectors = leading_eigenvectors(matrix, 5, seed=0)
    np.testing.assert_allclose(vectors.T @ (matrix @ vectors), np.diag(values), atol=2e-2)
