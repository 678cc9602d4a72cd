"""A person's answers: honoured exactly by every decoder at every level, whatever they are and in whatever order."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.cluster import Constraints, build_hierarchy, enforce, rebuild, similarity_predictor
from workbench.decode import DECODERS, Decoding, components
from workbench.graph.knn import knn
from workbench.lander.config import InferenceConfig

N = 60

# So few rows of classes that overlap: now and then the model says that it does not know how fine they are.
pytestmark = pytest.mark.filterwarnings("ignore:X. the best cut severs likely links:UserWarning")


def noisy(seed, n=N, classes=8):
    random = np.random.default_rng(seed)
    y = random.integers(0, classes, n)
    return (random.normal(size=(classes, 12))[y] + 0.9 * random.normal(size=(n, 12))).astype(np.float32), y


def said_of(y, seed, many=25):
    """Random pairs, answered by labels: (must_link, cannot_link)."""
    pairs = np.random.default_rng(seed).integers(0, len(y), (many, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    same = y[pairs[:, 0]] == y[pairs[:, 1]]
    return pairs[same], pairs[~same]


def honoured(labels, must_link, cannot_link):
    a, b = np.reshape(must_link, (-1, 2)).astype(int).T
    c, d = np.reshape(cannot_link, (-1, 2)).astype(int).T
    return bool((labels[a] == labels[b]).all() and (labels[c] != labels[d]).all())


def by_components(graph, prediction, threshold):
    first = components(graph, prediction.linkage > threshold)
    representative, clusters = first.unique(return_inverse=True)
    return Decoding(clusters, representative, parent=None)


SELDOM = ("best-links", "excess-of-mass", "tree-similarity")  # they share the way of enforcing with the others


@pytest.mark.parametrize(
    "decoder",
    [pytest.param(one, marks=pytest.mark.slow if one in SELDOM else ()) for one in (*DECODERS, "cut", by_components)],
)
@settings(max_examples=5)
@given(seed=st.integers(0, 10_000), tau=st.sampled_from([0.0, 0.2, 0.6, 0.9]))
def test_random_answers_are_honoured_at_every_level(decoder, seed, tau):
    x, _ = noisy(seed)
    truth = np.random.default_rng(seed).integers(0, 4, N)  # nothing to do with the features: the hardest answers
    must_link, cannot_link = said_of(truth, seed)
    lander = "general" if decoder == "cut" else "glyphs-lander"
    options = {"decoder": decoder, "tau": tau, "k": 8, "early_stop": False, "max_levels": 1 if decoder == "cut" else 4}
    model = wb.HiLander(lander, **options).fit(x, must_link=must_link, cannot_link=cannot_link)
    assert honoured(model.labels_, must_link, cannot_link)
    for layer in model.cluster_layers_:
        assert honoured(layer, must_link, cannot_link)
    for fine, coarse in itertools.pairwise(model.cluster_layers_):
        assert len(np.unique(np.stack([fine, coarse]), axis=1).T) == fine.max() + 1  # each falls into the next whole
    for level in model.hierarchy_.levels:
        found = level.decoding
        assert (found.clusters[found.representative] == torch.arange(level.n_clusters)).all()
        if found.parent is not None:
            root = found.parent
            for _ in range(level.n_nodes):
                root = found.parent[root]
            assert (root == found.representative[found.clusters]).all()  # one tree a cluster, its root the peak

    order = np.random.default_rng(0).permutation(len(cannot_link))
    turned = {"must_link": must_link[::-1, ::-1], "cannot_link": cannot_link[order]}
    again = wb.HiLander(lander, **options).fit(x, **turned)
    assert (again.labels_ == model.labels_).all()

    free = wb.HiLander(lander, **options).fit(x)
    later = rebuild(
        free.hierarchy_,
        free.lander_.predict,
        free.settings_,
        tau,
        ensemble=free.lander_.ensemble,
        constraints=Constraints.of(N, must_link, cannot_link),
    )
    assert torch.equal(later.labels, model.hierarchy_.labels)  # decoded anew from what is kept, as from scratch


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10)
def test_classes_that_are_known_hold_and_part(seed):
    x, _ = noisy(seed)
    random = np.random.default_rng(seed)
    known = np.where(random.random(N) < 0.3, random.integers(0, 5, N), -1)
    labels = wb.HiLander(k=8).fit(x, partial_labels=known).labels_
    rows = np.flatnonzero(known >= 0)
    assert ((labels[rows][:, None] == labels[rows]) == (known[rows][:, None] == known[rows])).all()


@given(pairs=st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_closure_is_that_of_a_slow_union(pairs):
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    of = {i: {i} for i in range(20)}
    for a, b in pairs:
        both = of[a] | of[b]
        for i in both:
            of[i] = both
    group = Constraints.of(20, must_link=pairs).groups(20)
    assert all((group[i] == group[j]) == (j in of[i]) for i in range(20) for j in range(20))


def test_nothing_else_changes():
    x, _ = noisy(1, n=200, classes=12)
    free = wb.HiLander().fit(x)
    a, b = 0, int(np.flatnonzero(free.labels_ != free.labels_[0])[0])
    joined = wb.HiLander().fit(x, must_link=[(a, b)])
    others = ~np.isin(free.labels_, free.labels_[[a, b]])
    assert joined.n_clusters_ == free.n_clusters_ - 1
    assert wb.scores(free.labels_[others], joined.labels_[others])["bcubed_f"] == 1
    satisfied = wb.HiLander().fit(x, cannot_link=[(a, b)])
    assert (satisfied.labels_ == free.labels_).all()
    nothing = wb.HiLander().fit(x, must_link=[], cannot_link=np.empty((0, 2)))
    assert (nothing.labels_ == free.labels_).all()


def test_a_torn_cluster_is_parted_where_linkage_is_weakest():
    first, second = np.eye(6)[[0] * 6], np.eye(6)[[1] * 6]
    random = np.random.default_rng(0)
    x = np.concatenate([first, second]) + 0.02 * random.normal(size=(12, 6))
    model = wb.HiLander("glyphs-lander", tau=0.0, decoder=by_components, max_levels=1, k=11)
    assert model.fit(x).n_clusters_ == 1
    labels = model.fit(x, cannot_link=[(0, 11)]).labels_
    assert labels.tolist() == [0] * 6 + [1] * 6


def test_predict_and_later_rows_follow_the_answers():
    x, y = noisy(3, n=150)
    model = wb.HiLander().fit(x[:100], partial_labels=np.where(np.arange(100) < 30, y[:100], -1))
    assert (model.predict(x[:100]) == model.labels_).all()
    far = [(0, 149)] if y[0] == y[149] else []
    model.partial_fit(x[100:], must_link=far, cannot_link=[(0, 120)] if y[0] != y[120] else None)
    assert len(model.labels_) == 150
    rows = np.arange(30)
    assert ((model.labels_[rows][:, None] == model.labels_[rows]) == (y[rows][:, None] == y[rows])).all()
    assert honoured(model.labels_, far, [])


def test_rows_that_repeat():
    x, _ = noisy(4)
    x[50] = x[0]
    x[51] = x[1] * (1 + 1e-7)
    model = wb.HiLander(k=8).fit(x, must_link=[(50, 7)], cannot_link=[(51, 0)])
    assert model.labels_[0] == model.labels_[7]
    assert model.labels_[0] != model.labels_[1]
    with pytest.raises(ValueError, match="rows 0 and 50 are equal but"):
        wb.HiLander(k=8).fit(x, cannot_link=[(0, 50)])
    with pytest.raises(ValueError, match=r"must_link ties them: \(7, 50\); rows 0 and 50 are equal; take"):
        wb.HiLander(k=8).fit(x, must_link=[(50, 7)], cannot_link=[(0, 7)])
    known = np.r_[-1, -1, 5, 5, np.full(56, -1)]
    with pytest.raises(ValueError, match=r"apart, but partial_labels tie them: \(2, 3\); take"):
        wb.HiLander(k=8).fit(x, cannot_link=[(2, 3)], partial_labels=known)
    with pytest.raises(ValueError, match=r"must_link ties and partial_labels tie them: \(2, 3\), \(3, 9\); take"):
        wb.HiLander(k=8).fit(x, must_link=[(3, 9)], cannot_link=[(2, 9)], partial_labels=known)
    with pytest.raises(ValueError, match="classes 1 and 2: rows 0 and 50 are equal but"):
        wb.HiLander(k=8).fit(x, partial_labels=np.r_[1, np.full(49, -1), 2, np.full(9, -1)])


def test_near_duplicates_that_crowd_are_told_apart():
    random = np.random.default_rng(0)
    x = np.repeat(random.normal(size=(20, 16)), 20, axis=0) + 0.02 * random.normal(size=(400, 16))
    labels = wb.HiLander().fit(x, cannot_link=[(0, 1)]).labels_
    assert labels[0] != labels[1]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"must_link": [(0, 60)]}, "must_link: expected rows 0 to 59"),
        ({"cannot_link": [(-1, 3)]}, "cannot_link: expected rows 0 to 59"),
        ({"must_link": [(3, 3)]}, "row 3 with itself"),
        ({"must_link": [1, 2]}, "expected pairs of row numbers"),
        ({"must_link": [(0.5, 2.0)]}, "expected pairs of row numbers"),
        ({"must_link": [(0, 1), (1, 2)], "cannot_link": [(2, 0)]}, r"rows 0 and 2 .* \(0, 1\), \(1, 2\)"),
        ({"partial_labels": [0]}, "partial_labels: expected 60 labels"),
        ({"partial_labels": [-2] * 60}, "-1 for unknown"),
        ({"partial_labels": [0.0] + [np.nan] * 59}, "got none for item 1; write -1 where a class is unknown"),
        ({"partial_labels": [0, 1] + [-1] * 58, "must_link": [(0, 1)]}, "classes 0 and 1: rows 0 and 1"),
        ({"partial_labels": [0, 0] + [-1] * 58, "cannot_link": [(0, 1)]}, "rows 0 and 1 are apart"),
    ],
)
def test_bad_answers_are_refused_before_any_work(said, words):
    x, _ = noisy(0)
    model = wb.HiLander().fit(x)
    before = model.labels_
    with pytest.raises(ValueError, match=words):
        model.fit(x, **said)
    assert model.labels_ is before


def test_pairs_said_twice_count_once():
    found = Constraints.of(4, must_link=[(0, 1), (1, 0), (0, 1)])
    assert found.must_link.tolist() == [[0, 1]]


def test_many_known_classes_take_no_pairs():
    x = torch.nn.functional.normalize(torch.randn(3000, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    graph = knn(x, 5)
    one = Decoding(torch.zeros(3000, dtype=torch.long), torch.tensor([0]), None)
    known = np.arange(3000) // 2
    guess = similarity_predictor(wb.cluster.hierarchy.Nodes.of_images(x), graph)
    labels = enforce(one, graph, guess, Constraints.of(3000, partial_labels=known)).clusters
    assert (labels[::2] == labels[1::2]).all()
    assert len(labels.unique()) == 1500


def test_the_oracle_and_other_predictors_take_answers():
    x = torch.nn.functional.normalize(torch.from_numpy(noisy(2)[0]), dim=1)
    answers = Constraints.of(N, must_link=[(0, 59)], cannot_link=[(0, 1)])
    tree = build_hierarchy(x, similarity_predictor, InferenceConfig(k=4, tau=0.3), constraints=answers)
    assert honoured(tree.labels.numpy(), [(0, 59)], [(0, 1)])
