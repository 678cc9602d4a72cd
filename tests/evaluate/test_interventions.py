"""Parts of a prediction replaced: against the oracle, against the model's own hierarchy, and edit by edit."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.cluster.predictors import oracle_predictor, similarity_predictor
from workbench.evaluate.interventions import Edit, Intervention, InterventionStudy
from workbench.graph.density import denser_neighbors
from workbench.graph.nodes import Nodes
from workbench.lander import Lander, LanderConfig

EVERY = range(10)
SETTINGS = wb.InferenceConfig(k=3, tau=0.6)


@pytest.fixture(scope="module")
def parts():
    """(features, labels) of blobs that overlap: the decode with no learning makes both kinds of error."""
    random = torch.Generator().manual_seed(3)
    labels = torch.arange(15).repeat_interleave(24)
    centres = torch.nn.functional.normalize(torch.randn(15, 16, generator=random), dim=1)
    x = centres[labels] + 0.2 * torch.randn(360, 16, generator=random)
    return torch.nn.functional.normalize(x, dim=1), labels


@pytest.fixture(scope="module")
def study(parts):
    return InterventionStudy(similarity_predictor, *parts, SETTINGS)


def same(a, b):
    """Whether two hierarchies are equal at every level, to the last bit."""
    return len(a.levels) == len(b.levels) and all(
        torch.equal(x.labels, y.labels)
        and torch.equal(x.image, y.image)
        and torch.equal(x.prediction.linkage, y.prediction.linkage)
        and torch.equal(x.prediction.density, y.prediction.density)
        for x, y in zip(a.levels, b.levels, strict=True)
    )


def test_without_a_change_it_is_the_models_own_hierarchy(study, parts):
    plain = wb.build_hierarchy(study.features, similarity_predictor, SETTINGS)
    assert len(plain.levels) >= 3
    assert same(study.own, plain)
    assert same(study.hierarchy(Intervention()), plain)


@pytest.mark.parametrize(
    "intervention",
    [Intervention(links=EVERY, density=EVERY), Intervention(links=EVERY), Intervention(density=EVERY)],
    ids=["both", "links", "density"],
)
def test_the_truth_at_every_level_is_the_oracle(study, intervention):
    predict = oracle_predictor(study.labels, links=bool(intervention.links), density=bool(intervention.density))
    # with one head true the oracle's other one is the similarity decode, which is the model here
    assert same(study.hierarchy(intervention), wb.build_hierarchy(study.features, predict, SETTINGS))


@pytest.mark.parametrize("head", ["links", "density"])
@pytest.mark.parametrize("level", [0, 1])
def test_the_truth_is_put_in_at_its_level_and_head_only(study, head, level):
    tree = study.hierarchy(Intervention(**{head: [level]}))
    at = tree.levels[level]
    labels = study.labels[at.image]
    truth = oracle_predictor(labels)(_nodes(at), at.graph)
    plain = similarity_predictor(_nodes(at), at.graph)
    for name, of in (("linkage", "links"), ("density", "density")):
        right, own = getattr(truth, name), getattr(plain, name)
        assert torch.equal(getattr(at.prediction, name), right if head == of else own)
        assert not torch.equal(right, own)
    if level:  # below it nothing changed
        assert torch.equal(tree.levels[0].labels, study.own.levels[0].labels)


def _nodes(level):
    """Nodes for the predictors used here, which read the graph and, for the truth, which node is which."""
    numbers = torch.arange(level.n_nodes)
    nothing = torch.zeros(level.n_nodes, 1)
    return Nodes(numbers, nothing, nothing, level.size, numbers)


def only_link(tree, level=0):
    """An Edit that cuts a kept link of a node that has no other allowed one: it becomes a peak."""
    at = tree.levels[level]
    allowed = denser_neighbors(at.graph, at.prediction.density, strict=False) & (at.prediction.linkage > SETTINGS.tau)
    node = int((allowed.sum(dim=1) == 1).nonzero()[0])
    return Edit(level, int(at.image[node]), int(at.image[at.decoding.parent[node]]), 0)


def test_a_forbidden_link_is_gone_and_a_forced_one_is_there():
    #   0 -- 1      2 -- 3: two pairs; 1 and 2 see each other, but tau keeps them apart
    x = [[1.0, 0.0], [1.0, 0.3], [0.3, 1.0], [0.0, 1.0]]
    small = InterventionStudy(similarity_predictor, x, [0, 0, 1, 1], wb.InferenceConfig(k=2, tau=0.7, max_levels=1))
    assert small.own.labels.tolist() == [0, 0, 1, 1]
    assert small.own.levels[0].decoding.parent.tolist() == [1, 1, 2, 2]
    assert small.hierarchy(Intervention(edits=[Edit(0, 0, 1, 0)])).labels.tolist() == [0, 1, 2, 2]
    forced = small.hierarchy(Intervention(edits=[Edit(0, 1, 2, 1)]))
    assert forced.levels[0].prediction.linkage[[1, 2], [1, 1]].tolist() == [1, 1]  # both list each other
    assert forced.labels.tolist() == [0, 0, 0, 0]
    assert small.hierarchy(Intervention(edits=[Edit(0, 1, 2, 1), Edit(0, 1, 2, 0)])).labels.tolist() == [0, 0, 1, 1]


def test_a_flip_and_its_undoing_leave_identical_labels(study):
    edit = only_link(study.own)
    cut = study.hierarchy(Intervention(edits=[edit]))
    assert not torch.equal(cut.levels[0].labels, study.own.levels[0].labels)
    assert cut.levels[0].n_clusters == study.own.levels[0].n_clusters + 1
    assert same(study.hierarchy(Intervention()), study.own)


def test_an_edit_above_leaves_the_levels_below_alone(study):
    edit = only_link(study.own, level=1)
    cut = study.hierarchy(Intervention(edits=[edit]))
    assert torch.equal(cut.levels[0].labels, study.own.levels[0].labels)
    assert not torch.equal(cut.levels[1].labels, study.own.levels[1].labels)


def test_an_edit_whose_link_is_not_there_does_nothing(study):
    nobody = Edit(1, int(study.own.levels[0].peaks[0]), 10**6, 1)
    far = Edit(40, 0, 1, 1)
    assert same(study.hierarchy(Intervention(edits=[nobody, far])), study.own)


def test_an_edit_of_copies_is_one_of_the_image_that_they_equal():
    x = torch.tensor([[1.0, 0.0], [1.0, 0.3], [0.3, 1.0], [0.0, 1.0]])
    at = torch.tensor([0, 0, 1, 2, 2, 3])  # images 0 and 1 are the same, and so are 3 and 4
    settings_ = wb.InferenceConfig(k=2, tau=0.7, max_levels=1)
    study = InterventionStudy(similarity_predictor, x[at], [0, 0, 0, 1, 1, 1], settings_)
    assert study.own.labels.tolist() == [0, 0, 0, 1, 1, 1]
    cut, forced, between = Edit(0, 1, 2, 0), Edit(0, 2, 4, 1), Edit(0, 1, 0, 0)
    assert study.hierarchy(Intervention(edits=[cut])).labels.tolist() == [0, 0, 1, 2, 2, 2]
    assert study.hierarchy(Intervention(edits=[forced])).labels.tolist() == [0] * 6
    assert same(study.hierarchy(Intervention(edits=[between])), study.own)
    assert same(
        study.hierarchy(Intervention(edits=[between, cut])), study.hierarchy(Intervention(edits=[Edit(0, 0, 2, 0)]))
    )


@settings(max_examples=25)
@given(data=st.data())
def test_what_is_remembered_changes_no_result(study, parts, data):
    """Any intervention gives with a full memory what it gives with an empty one."""
    levels = st.sets(st.integers(0, 4))
    image, slot = data.draw(st.integers(0, 359)), data.draw(st.integers(0, 2))
    edit = Edit(0, image, int(study.own.levels[0].graph.neighbors[image, slot]), data.draw(st.sampled_from([0, 1])))
    intervention = Intervention(data.draw(levels), data.draw(levels), [edit])
    assert same(
        study.hierarchy(intervention), InterventionStudy(similarity_predictor, *parts, SETTINGS).hierarchy(intervention)
    )


def test_the_model_is_asked_once_for_the_same_nodes(parts):
    asked = []

    def predict(nodes, graph):
        asked.append(graph.n)
        return similarity_predictor(nodes, graph)

    study = InterventionStudy(predict, *parts, SETTINGS)
    first = list(asked)
    study.hierarchy(Intervention())
    assert asked == first == [level.n_nodes for level in study.own.levels]
    study.hierarchy(Intervention(edits=[only_link(study.own, level=1)]))
    assert 360 not in asked[len(first) :]
    assert first[1] not in asked[len(first) :]


def test_memory_is_bounded_and_level_0_stays(study):
    for image in range(60):
        study.hierarchy(Intervention(edits=[Edit(0, image, int(study.own.levels[0].graph.neighbors[image, 0]), 0)]))
    assert len(study._cache) <= 64
    assert ("graph", "images") in study._cache


def test_gains_tell_what_each_head_costs(study):
    table = study.gains()
    assert len(table) == 2 * len(study.own.levels)
    row = table[(table["level"] == 1) & (table["head"] == "density")].iloc[0]
    f = study.bcubed_f(study.hierarchy(Intervention(density=[1])))
    assert (row["bcubed_f"], row["gain"]) == (f, f - study.bcubed_f(study.own))
    assert table["gain"].max() > 0


def test_the_last_switch_stands_for_all_levels_above(study):
    assert list(study.levels_of(0, 3)) == [0]
    assert list(study.levels_of(2, 3)) == list(range(2, SETTINGS.max_levels))
    last = study.gains(1)
    assert last["bcubed_f"][0] == study.bcubed_f(study.hierarchy(Intervention(links=EVERY)))


def test_wrong_input_is_named(parts):
    x, labels = parts
    with pytest.raises(ValueError, match="neighbor: expected another node than 3"):
        Edit(0, 3, 3, 1)
    with pytest.raises(ValueError, match=r"linkage: expected a number in \[0, 1\], got 2"):
        Edit(0, 3, 4, 2)
    with pytest.raises(ValueError, match="node: expected an integer >= 0, got -3"):
        Edit(0, -3, 4, 1)
    with pytest.raises(ValueError, match="links: expected an integer >= 0"):
        Intervention(links=[-1])
    with pytest.raises(ValueError, match="labels: expected 360 labels"):
        InterventionStudy(similarity_predictor, x, labels[:5], SETTINGS)


@pytest.mark.cuda
def test_it_runs_where_the_model_is(parts):
    lander = wb.load_checkpoint("glyphs-lander").to("cuda")
    study = InterventionStudy(lander.predict, *parts, lander.inference, device="cuda")
    assert study.hierarchy(Intervention(links=EVERY, density=EVERY)).labels.device.type == "cuda"
    assert study.bcubed_f(study.own) > 0.3


def test_a_model_is_no_predictor():
    lander = Lander(LanderConfig(hidden=8))
    with pytest.raises(TypeError, match=r"predict: expected a function, e.g. lander.predict, got a Lander"):
        InterventionStudy(lander, torch.eye(4), torch.arange(4), lander.inference)
