import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.decode.decoding import by_densest
from workbench.decode.tree import DECODERS, decode_tree, get_decoder
from workbench.graph.knn import KnnGraph, knn
from workbench.lander.model import Prediction


def slow_tree(graph, linkage, density, tau):
    """The strict decode node by node, following parents one step at a time."""
    parent = list(range(graph.n))
    for i in range(graph.n):
        best = None
        for j, r in zip(graph.neighbors[i].tolist(), linkage[i].tolist(), strict=True):
            allowed = j >= 0 and r > torch.tensor(tau).item() and density[j] > density[i]
            if allowed and (best is None or (r, -j) > best):
                best, parent[i] = (r, -j), j
    root = []
    for i in range(graph.n):
        while parent[i] != i:
            i = parent[i]
        root.append(i)
    peaks = sorted(set(root))
    return [peaks.index(r) for r in root], peaks, parent


def case_of(seed):
    """A small graph with a random prediction, full of ties for even seeds, and a tau."""
    random = torch.Generator().manual_seed(seed)
    n, k = (int(torch.randint(1, high, (), generator=random)) for high in (31, 7))
    graph = knn(torch.nn.functional.normalize(torch.rand(n, 4, generator=random) + 0.1, dim=1), k)
    steps = 1000 if seed % 2 else 3
    linkage = torch.randint(steps + 1, graph.neighbors.shape, generator=random) / steps * graph.mask
    density = torch.randint(-steps, steps + 1, (n,), generator=random) / steps
    return graph, Prediction(linkage, density), [0.0, 0.3, 0.5, 0.99, 1.0][seed % 5]


seeds = st.integers(0, 2**31)


@settings(max_examples=150)
@given(seeds)
def test_strict_equals_the_slow_reference(seed):
    graph, prediction, tau = case_of(seed)
    found = decode_tree(graph, prediction, tau, strict=True)
    expected = slow_tree(graph, prediction.linkage, prediction.density.tolist(), tau)
    assert (found.clusters.tolist(), found.representative.tolist(), found.parent.tolist()) == expected


@settings(max_examples=150)
@given(seeds, st.booleans())
def test_what_always_holds(seed, strict):
    graph, prediction, tau = case_of(seed)
    found = decode_tree(graph, prediction, tau, strict=strict)
    nodes = torch.arange(graph.n)
    assert torch.equal(found.clusters[found.representative], torch.arange(len(found.representative)))
    assert torch.equal(found.clusters[found.parent], found.clusters)  # a parent is in its child's cluster
    assert found.n_links == int((found.parent != nodes).sum()) == graph.n - len(found.representative)
    assert torch.equal((found.parent == nodes).nonzero()[:, 0], found.representative)


@settings(max_examples=50)
@given(seeds)
def test_clusters_are_nested_in_tau(seed):
    graph, prediction, _ = case_of(seed)
    fine, coarse = (decode_tree(graph, prediction, tau, strict=True).clusters for tau in (0.6, 0.2))
    for cluster in fine.unique():
        members = coarse[fine == cluster]
        # raising tau only cuts: the best link above the higher tau is the best above the lower one too
        assert (members == members[0]).all()


def test_official_clusters(golden):
    g, d = golden("graph"), golden("decode")
    graph = KnnGraph.from_arrays(g["nbrs"], 1 - g["dists"])
    probability = {}
    for source, target, p in zip(g["edge_src"], g["edge_dst"], d["prob_conn"][:, 1], strict=True):
        probability[int(target), int(source)] = float(p)
    rows = [[probability[i, j] for j in row] for i, row in enumerate(graph.neighbors.tolist())]
    prediction = Prediction(torch.tensor(rows), torch.from_numpy(d["pred_den"]))
    found = decode_tree(graph, prediction, 0.5, strict=True)
    assert found.clusters.tolist() == d["pred_labels"].tolist()
    assert found.representative.tolist() == d["peaks"].tolist()


def test_equal_densities_link_to_the_lower_index_by_default():
    graph = KnnGraph.from_arrays([[1, 2], [2, 0], [1, 0]], [[0.9, 0.8]] * 3)
    flat = Prediction(torch.full((3, 2), 0.9), torch.zeros(3))
    assert decode_tree(graph, flat, 0.5).clusters.tolist() == [0, 0, 0]
    assert decode_tree(graph, flat, 0.5, strict=True).clusters.tolist() == [0, 1, 2]


@pytest.mark.parametrize("copies", [2, 5, 30])
def test_duplicates_share_a_cluster_whatever_is_predicted(copies):
    x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.2], [0.2, 1.0], [1.0, 1.0]]), dim=1).repeat(copies, 1)
    graph = knn(x, 4)
    random = torch.Generator().manual_seed(copies)
    density = torch.rand(graph.n, generator=random)
    found = decode_tree(graph, Prediction(torch.zeros_like(graph.similarity), density), 0.5)
    assert found.clusters.view(copies, 3).unique(dim=0).shape == (1, 3)
    assert len(found.representative) == 3
    for c, peak in enumerate(found.representative.tolist()):  # the densest of each group stands for it
        assert density[peak] == density[found.clusters == c].max()


@settings(max_examples=50)
@given(st.integers(0, 2**31), st.integers(1, 4))
def test_duplicates_and_links_together_give_a_forest(seed, k):
    random = torch.Generator().manual_seed(seed)
    x = torch.nn.functional.normalize(torch.rand(8, 3, generator=random) + 0.1, dim=1)
    x = x[torch.randint(8, (25,), generator=random)]
    graph = knn(x, k)
    linkage, density = torch.rand(graph.neighbors.shape, generator=random), torch.rand(25, generator=random)
    guess = Prediction(linkage, density.round(decimals=1))
    found = decode_tree(graph, guess, 0.3)
    same = (x[:, None] == x[None]).all(dim=2)
    assert (found.clusters[:, None] == found.clusters[None])[same].all()


def test_the_official_threshold_by_similarity():
    """Kept and chosen by cosine, whatever the linkage says: node 2's linkage points to 1, its cosine to 0."""
    graph = KnnGraph.from_arrays([[1, 2], [0, 2], [0, 1]], [[0.9, 0.7], [0.9, 0.6], [0.7, 0.6]])
    guess = Prediction(torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.1, 0.9]]), torch.tensor([0.8, 0.5, 0.1]))
    decode = DECODERS["tree-similarity"]
    assert decode(graph, guess, 0.65).parent.tolist() == [0, 0, 0]
    assert decode(graph, guess, 0.7).parent.tolist() == [0, 0, 2]
    assert decode(graph, Prediction(guess.linkage, torch.zeros(3)), 0.1).parent.tolist() == [0, 1, 2]  # strictly denser


@pytest.mark.parametrize("tau", [-0.1, 1.1, float("nan")])
def test_tau_is_checked(tau):
    graph = knn(torch.tensor([[0.6, 0.8], [0.8, 0.6]]), 1)
    with pytest.raises(ValueError, match=r"threshold: expected a number in \[0, 1\]"):
        DECODERS["tree"](graph, Prediction(graph.similarity, torch.zeros(2)), tau)


def test_unknown_decoder():
    with pytest.raises(
        ValueError,
        match="decoder: expected one of 'tree', 'tree-strict', 'tree-similarity', 'best-links', 'map-equation', ",
    ):
        get_decoder("forest")


def test_a_function_is_a_decoder_and_must_return_a_decoding():
    graph = knn(torch.nn.functional.normalize(torch.eye(3) + 0.5, dim=1), 1)
    prediction = Prediction(graph.similarity, torch.zeros(3))
    asked = []

    def decode(*arguments):
        asked.append(arguments)
        return DECODERS["tree"](*arguments)

    found = get_decoder(decode)(graph, prediction, 1.0)
    assert found.clusters.tolist() == [0, 1, 2]
    assert asked == [(graph, prediction, 1.0)]
    assert all(get_decoder(known) is known for known in DECODERS.values())
    with pytest.raises(TypeError, match="decoder: expected <lambda> to return a Decoding, got list; return workbench"):
        get_decoder(lambda *_: [0, 1, 2])(graph, prediction, 0.9)
    with pytest.raises(ValueError, match="decoder: 'cut' needs a model's ensemble"):
        get_decoder("cut")


def slow_best_links(graph, linkage, density, tau):
    """Every node's best link, groups merged one link at a time."""
    group = list(range(graph.n))
    for i in range(graph.n):
        there = [(r, -j) for j, r in zip(graph.neighbors[i].tolist(), linkage[i].tolist(), strict=True) if j >= 0]
        strongest = max((link for link in there if link[0] > torch.tensor(tau).item()), default=None)
        duplicates = graph.neighbors[i][graph.mask[i] & (graph.similarity[i] >= 1)].tolist()
        for j in [*duplicates, *([-strongest[1]] if strongest else [])]:
            group = [group[i] if g == group[j] else g for g in group]
    heads = [max((j for j in range(graph.n) if group[j] == g), key=lambda j: (density[j], -j)) for g in group]
    peaks = sorted(set(heads))
    return [peaks.index(head) for head in heads], peaks


@settings(max_examples=100)
@given(seeds)
def test_best_links_equal_the_slow_reference(seed):
    graph, prediction, tau = case_of(seed)
    found = DECODERS["best-links"](graph, prediction, tau)
    assert found.parent is None
    expected = slow_best_links(graph, prediction.linkage, prediction.density.tolist(), tau)
    assert (found.clusters.tolist(), found.representative.tolist()) == expected


@settings(max_examples=30)
@given(seeds, st.sampled_from([1, 3, 1000, 10**12]))
def test_clusters_of_names_are_found_however_high_the_names(seed, step):
    random = torch.Generator().manual_seed(seed)
    name = torch.randint(0, 6, (20,), generator=random) * step
    density = torch.randint(0, 4, (20,), generator=random) / 4  # of equally dense nodes the first
    clusters, representative, head = by_densest(name, density)
    rank = [(-float(d), i) for i, d in enumerate(density)]
    best = {int(n): min(rank[i] for i in range(20) if name[i] == n)[1] for n in name}
    assert representative.tolist() == sorted(best.values())
    assert head.tolist() == [best[n] for n in name.tolist()]
    assert torch.equal(representative[clusters], head)
