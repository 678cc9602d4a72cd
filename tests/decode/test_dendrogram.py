from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage

from workbench.decode.blocks import dendrogram_in_blocks
from workbench.decode.dendrogram import build_dendrogram, dendrogram_in_rounds
from workbench.decode.edges import Edges
from workbench.decode.rounds import pairs
from workbench.graph.knn import KnnGraph, knn

seeds = st.integers(0, 2**31)


def case_of(seed, ties=False):
    """A small graph with random linkage, and its rows."""
    random = torch.Generator().manual_seed(seed)
    n, k = int(torch.randint(2, 40, (), generator=random)), int(torch.randint(1, 7, (), generator=random))
    rows = torch.nn.functional.normalize(torch.rand(n, 4, generator=random) + 0.1, dim=1)
    graph = knn(rows, k)
    drawn = torch.rand(graph.neighbors.shape, generator=random)
    return graph, (drawn.mul(3).round() / 3 if ties else drawn) * graph.mask, rows


def dense(graph, weights):
    """The same linkage as a full symmetric matrix."""
    out = np.zeros((graph.n, graph.n))
    for i in range(graph.n):
        for j, r in zip(graph.neighbors[i].tolist(), weights[i].tolist(), strict=True):
            if j >= 0:
                out[i, j] += r
                out[j, i] += r
    return out


def leaves(tree, node):
    """Images under a node, by following children."""
    if node < tree.n:
        return [node]
    t = node - tree.n
    return leaves(tree, tree.larger[t]) + leaves(tree, tree.smaller[t])


@settings(max_examples=60)
@given(seeds)
def test_partitions_equal_those_of_dense_average_linkage(seed):
    """Where nothing ties two images their linkage is 0, so full average linkage on the matrix is the slow reference."""
    graph, weights, rows = case_of(seed)
    tree, matrix = build_dendrogram(Edges.of(graph, weights), rows), dense(graph, weights)
    reference = linkage((10 - matrix)[np.triu_indices(graph.n, 1)], "average")
    for height in np.unique(tree.height)[:: max(1, len(tree.height) // 5)]:
        score = np.concatenate([np.full(graph.n, 0.5), np.where(tree.height >= height, 1e6, -1e6)])
        ours = tree.cut(np.where(score > 1, tree.size**2, score)).node
        theirs = fcluster(reference, 10 - height + 1e-9, "distance")
        pairs = set(zip(ours.tolist(), theirs.tolist(), strict=True))
        assert len(pairs) == len(set(ours.tolist())) == len(set(theirs.tolist()))


@settings(max_examples=60)
@given(seeds, st.booleans())
def test_what_every_merge_records(seed, ties):
    graph, weights, rows = case_of(seed, ties)
    tree, matrix = build_dendrogram(Edges.of(graph, weights), rows), dense(graph, weights)
    tied = dense(graph, graph.mask.float()) * (matrix > 0)  # links of no weight tie nothing
    sets = [leaves(tree, node) for node in range(tree.n_nodes)]
    assert tree.size.tolist() == [len(under) for under in sets]
    above = {child: tree.n + t for t, pair in enumerate(zip(tree.larger, tree.smaller, strict=True)) for child in pair}
    assert tree.parent.tolist() == [above.get(node, -1) for node in range(tree.n_nodes)]
    roots = [node for node in range(tree.n_nodes) if tree.parent[node] < 0]
    assert tree.tops.tolist() == [next(root for root in roots if leaf in sets[root]) for leaf in range(tree.n)]
    for t, (a, b) in enumerate(zip(tree.larger, tree.smaller, strict=True)):
        assert len(sets[a]) >= len(sets[b])
        across = np.ix_(sets[a], sets[b])
        assert tree.weight[t] == pytest.approx(matrix[across].sum(), abs=1e-6)
        assert tree.height[t] == pytest.approx(matrix[across].mean(), abs=1e-6)
        assert tree.links[t] == tied[across].sum()
        assert tree.product[t] == pytest.approx(float(rows[sets[a]].sum(0) @ rows[sets[b]].sum(0)), abs=1e-3)
        for child in (a, b):  # no inversion: a merge is never stronger than those below it
            assert child < tree.n or tree.height[child - tree.n] >= tree.height[t] - 1e-9


@settings(max_examples=30)
@given(seeds)
def test_order_of_the_images_does_not_matter(seed):
    graph, weights, rows = case_of(seed)
    tree = build_dendrogram(Edges.of(graph, weights), rows)
    order = torch.randperm(graph.n, generator=torch.Generator().manual_seed(seed))
    place = order.argsort()
    moved = torch.where(graph.neighbors[order] >= 0, place[graph.neighbors[order].clamp(min=0)], -1)
    other = build_dendrogram(Edges.of(KnnGraph(moved, graph.similarity[order]), weights[order]), rows[order])
    named = {frozenset(leaves(tree, node)) for node in range(tree.n, tree.n_nodes)}
    found = {frozenset(order[leaves(other, node)].tolist()) for node in range(other.n, other.n_nodes)}
    assert named == found


def every_cut(tree, node):
    """All ways to cut a subtree, as lists of nodes."""
    yield [node]
    if node >= tree.n:
        t = node - tree.n
        for left in every_cut(tree, tree.larger[t]):
            for right in every_cut(tree, tree.smaller[t]):
                yield left + right


@settings(max_examples=40)
@given(seeds)
def test_the_cut_is_the_best_of_all(seed):
    random = np.random.default_rng(seed)
    x = torch.nn.functional.normalize(torch.from_numpy(random.normal(size=(8, 3))).float(), dim=1)
    graph = knn(x, 3)
    tree = build_dendrogram(Edges.of(graph, graph.similarity), x)
    score = random.normal(size=tree.n_nodes)
    cut = tree.cut(score)
    roots = [node for node in range(tree.n_nodes) if tree.parent[node] < 0]
    best = sum(max(sum(score[way]) for way in every_cut(tree, root)) for root in roots)
    chosen = np.unique(cut.node)
    assert score[chosen].sum() == pytest.approx(best)
    assert sorted(leaf for node in chosen for leaf in leaves(tree, node)) == list(range(8))


@settings(max_examples=30)
@given(seeds)
def test_finer_and_coarser_cuts_are_nested(seed):
    graph, weights, rows = case_of(seed)
    tree, random = build_dendrogram(Edges.of(graph, weights), rows), np.random.default_rng(seed)
    cut = tree.cut(random.normal(size=tree.n_nodes))
    finer, coarser = (make(cut, random.normal(size=tree.n_nodes)) for make in (tree.under, tree.over))
    for low, high in ((finer, cut), (cut, coarser)):
        assert len(set(zip(low.node.tolist(), high.node.tolist(), strict=True))) == len(set(low.node.tolist()))


def test_no_links_no_merges():
    graph = KnnGraph(torch.full((3, 2), -1), torch.zeros(3, 2))
    tree = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(3))
    assert (tree.n_nodes, tree.cut(np.ones(3)).node.tolist(), len(tree.to_pandas())) == (3, [0, 1, 2], 0)


def test_rows_are_not_changed():
    x = torch.nn.functional.normalize(torch.rand(20, 3), dim=1)
    before, graph = x.clone(), knn(x, 3)
    build_dendrogram(Edges.of(graph, graph.similarity), x)
    assert torch.equal(x, before)


def test_edges_add_up_both_directions():
    graph = KnnGraph.from_arrays([[1], [0], [0]], [[0.75], [0.75], [0.5]])
    edges = Edges.of(graph, torch.tensor([[0.25], [0.5], [1.0]]))
    assert (edges.low.tolist(), edges.high.tolist()) == ([0, 0], [1, 2])
    assert edges.sums.tolist() == [[0.75, 2.0, 1.5], [1.0, 1.0, 0.5]]
    assert edges.at_images()[:, 0].tolist() == [1.75, 0.75, 1.0]


@settings(max_examples=10)
@given(seeds)
def test_a_row_of_the_table_is_a_merge(seed):
    graph, weights, rows = case_of(seed)
    tree = build_dendrogram(Edges.of(graph, weights), rows)
    for t, row in enumerate(tree.to_pandas().itertuples()):
        assert row.node == tree.n + t
        both = {*leaves(tree, row.larger), *leaves(tree, row.smaller)}
        assert set(leaves(tree, row.node)) == both
        assert (row.size, row.height, row.links) == (len(both), tree.height[t], tree.links[t])


def names(tree):
    """Every node by the images under it, with what its merge records that no order of merges changes."""
    measured = zip(tree.height, tree.weight, tree.links, tree.closeness, tree.product, strict=True)
    return {frozenset(leaves(tree, tree.n + t)): told for t, told in enumerate(measured)}


@settings(max_examples=60)
@given(seeds, st.integers(1, 12))
def test_rounds_give_the_tree_of_the_chains(seed, fewest):
    """All in rounds (fewest 1), a few rounds and the rest one by one, or all one by one."""
    graph, weights, rows = case_of(seed)
    edges = Edges.of(graph, weights)
    one_by_one = names(build_dendrogram(edges, rows))
    in_rounds = dendrogram_in_rounds(edges, rows, fewest)
    found = names(in_rounds)
    assert set(found) == set(one_by_one)
    for images, told in found.items():
        assert told == pytest.approx(one_by_one[images], rel=1e-5, abs=1e-5)
    assert ((in_rounds.second_of_larger <= in_rounds.height) & (in_rounds.second_of_smaller <= in_rounds.height)).all()


@given(seeds)
def test_pairs_that_a_person_tied_count_without_links(seed):
    """They have a linkage, but no link of the graph: they merge as all others do."""
    graph, weights, rows = case_of(seed)
    edges = Edges.of(graph, weights)
    bare = replace(edges, sums=edges.sums * torch.tensor([1.0, 0.0, 1.0]))
    tree, other = build_dendrogram(edges, rows), build_dendrogram(bare, rows)
    for column in ("larger", "smaller", "height"):
        assert np.array_equal(getattr(tree, column), getattr(other, column))
    assert (other.links == 0).all()


@settings(max_examples=60)
@given(seeds, st.integers(1, 6), st.booleans())
def test_blocks_give_the_tree_of_the_chains(seed, parts, near):
    """Blocks that hold near images, and blocks that tear everything apart."""
    graph, weights, rows = case_of(seed)
    edges = Edges.of(graph, weights)
    random = torch.Generator().manual_seed(seed)
    order = rows[:, 0].argsort() if near else torch.randperm(graph.n, generator=random)
    found = names(dendrogram_in_blocks(edges, rows, [block for block in order.chunk(parts) if len(block)]))
    one_by_one = names(build_dendrogram(edges, rows))
    assert set(found) == set(one_by_one)
    for images, told in found.items():
        assert told == pytest.approx(one_by_one[images], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_linkages_that_are_no_numbers_are_refused(wrong):
    graph = KnnGraph.from_arrays([[1], [0], [1]], [[0.9], [0.9], [0.5]])
    linkage = torch.tensor([[0.5], [wrong], [0.5]])
    there, sums = pairs(graph.neighbors, linkage, graph.similarity)
    ends = Edges(3, there // 3, there % 3, sums)
    rows, halves = torch.eye(3), [torch.tensor([0, 1]), torch.tensor([2])]
    for build in (build_dendrogram, partial(dendrogram_in_blocks, blocks=halves)):
        for edges in (Edges.of(graph, linkage), ends):  # by compiled loops, and as a GPU makes them
            with pytest.raises(ValueError, match="linkage: expected finite numbers, got NaN or infinity"):
                build(edges, rows)


def test_blocks_that_no_link_leaves_leave_nothing_for_the_end():
    """Two pairs: each block merges its own, and knows its runner-up as the chains do."""
    graph = KnnGraph.from_arrays([[1], [0], [3], [2]], [[0.9], [0.9], [0.8], [0.8]])
    edges = Edges.of(graph, graph.similarity)
    blocks = [torch.tensor([2, 3]), torch.tensor([1, 0])]
    tree = dendrogram_in_blocks(edges, torch.eye(4), blocks)
    assert tree.size[4:].tolist() == [2.0, 2.0]
    assert tree.parent.tolist()[:4] == [4, 4, 5, 5]  # the higher merge first, whichever block it is of
    assert (tree.second_of_larger == 0).all()


@given(seeds)
def test_runners_up_of_the_first_round(seed):
    """Images that are each other's best merge in it, while all others are images still."""
    graph, weights, rows = case_of(seed)
    edges = Edges.of(graph, weights)
    between = torch.zeros(graph.n, graph.n, dtype=torch.float64)
    between[edges.low, edges.high] = between[edges.high, edges.low] = edges.sums[:, 0].double()
    best = between.argmax(dim=1)
    tree = dendrogram_in_rounds(edges, rows, 1)
    told = {
        frozenset((int(a), int(b))): {int(a): one, int(b): other}
        for a, b, one, other in zip(
            tree.larger, tree.smaller, tree.second_of_larger, tree.second_of_smaller, strict=True
        )
    }
    for a, b in enumerate(best.tolist()):
        if best[b] == a and between[a, b] > 0 and (between[[a, b]] == between[a, b]).sum() == 2:
            expected = {i: float(between[i].sort(descending=True).values[1]) for i in (a, b)}
            assert told[frozenset((a, b))] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("fewest", [1, 3])
def test_rounds_of_equal_linkages_end(fewest):
    """A path and a star whose linkages are all alike: one pair a round."""
    path = [[i + 1] for i in range(29)] + [[28]]
    for lists in (path, [[1]] + [[0]] * 29):
        graph = KnnGraph.from_arrays(lists, [[0.5]] * 30)
        tree = dendrogram_in_rounds(Edges.of(graph, graph.similarity), torch.eye(30), fewest)
        assert tree.size[-1] == 30
        assert np.isclose(tree.weight.sum(), float(Edges.of(graph, graph.similarity).sums[:, 0].sum()))


@settings(max_examples=60)
@given(seeds)
def test_pairs_are_the_edges(seed):
    graph, weights, _ = case_of(seed, ties=seed % 2 == 0)
    edges = Edges.of(graph, weights)
    found, sums = pairs(graph.neighbors, weights, graph.similarity)
    order = (edges.low.long() * graph.n + edges.high).argsort()
    assert torch.equal(found, (edges.low.long() * graph.n + edges.high)[order])
    assert torch.allclose(sums, edges.sums[order], atol=1e-7)


@settings(max_examples=40)
@given(seeds)
def test_whole_levels_give_what_the_compiled_loops_give(seed):
    graph, weights, rows = case_of(seed)
    compiled = build_dendrogram(Edges.of(graph, weights), rows).subtrees
    by_levels = replace(compiled)
    object.__setattr__(by_levels, "levels", by_levels.in_levels())
    random = torch.Generator().manual_seed(seed)
    values = torch.rand(graph.n + len(compiled.larger), 3, generator=random, dtype=torch.float64)
    assert torch.equal(compiled.sums(values.clone()), by_levels.sums(values.clone()))
    score = torch.rand(graph.n + len(compiled.larger), generator=random, dtype=torch.float64) * compiled.size
    for here, there in zip(compiled.cut(score), by_levels.cut(score), strict=True):
        assert torch.equal(here, there)


@pytest.mark.parametrize("moved", ["another order", "a rotation"])
def test_what_is_recorded_of_merges_does_not_depend_on_how_the_rows_lie(moved):
    """Of two merges either may be found first; which was showed in the linkage to the second best neighbour, and in
    which of two sides of equal size was the larger."""
    random = torch.Generator().manual_seed(5)
    rows = torch.nn.functional.normalize(torch.randn(300, 6, generator=random), dim=1)
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=random))
    other = rows[torch.randperm(300, generator=random)] if moved == "another order" else rows @ turn
    measured = []
    for x in (rows, other):
        graph = knn(x, 10)
        tree = build_dendrogram(Edges.of(graph, graph.similarity.clamp(min=0.01)), x)
        sides = [tree.size[side] for side in (tree.larger, tree.smaller)]
        measured.append(np.stack([*sides, *tree.measured], axis=1))
    assert np.allclose(*measured, atol=1e-5)


@settings(max_examples=60)
@given(seeds)
def test_runners_up_by_definition(seed):
    """Merges come by falling height; a side's runner-up is the best of all other clusters that there are by then."""
    graph, weights, rows = case_of(seed)
    tree, matrix = build_dendrogram(Edges.of(graph, weights), rows), dense(graph, weights)
    assert (np.diff(tree.height) <= 1e-9).all()
    here = set(range(tree.n))
    for t, sides in enumerate(zip(tree.larger, tree.smaller, strict=True)):
        for side, told in zip(sides, (tree.second_of_larger[t], tree.second_of_smaller[t]), strict=True):
            others = [matrix[np.ix_(leaves(tree, side), leaves(tree, other))].mean() for other in here - set(sides)]
            assert told == pytest.approx(max([0.0, *others]), abs=1e-6)
        here = here - set(sides) | {tree.n + t}


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 3, 0, 1]])
def test_of_sides_of_equal_size_the_larger_has_more_linkage(order):
    """Of two pairs, in any order of the rows: .9 within one, .8 within the other, .1 across."""
    linkage = torch.full((4, 4), 0.1)
    linkage[0, 1] = linkage[1, 0] = 0.9
    linkage[2, 3] = linkage[3, 2] = 0.8
    linkage = linkage[order][:, order].fill_diagonal_(-1)
    values, lists = linkage.sort(dim=1, descending=True)
    graph = KnnGraph(lists[:, :3], values[:, :3])
    found = build_dendrogram(Edges.of(graph, graph.similarity), torch.eye(4))
    strong = {order.index(0), order.index(1)}
    first = int(np.flatnonzero(found.height > 0.85)[0])
    assert {int(found.larger[first]), int(found.smaller[first])} == strong
    assert int(found.larger[-1]) == 4 + first
