from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from workbench._core import chunks
from workbench._core.runtime import seeded
from workbench.decode.aggregate import aggregate
from workbench.graph.density import denser_neighbors, density_target, link_labels, signed_density
from workbench.graph.knn import KnnGraph, knn
from workbench.graph.nodes import Nodes
from workbench.lander.config import InferenceConfig, LanderConfig
from workbench.lander.model import Lander, linkage_of
from workbench.lander.official import load_official, our_name
from workbench.lander.structural_features import EDGE_INPUTS, NODE_INPUTS, structural_inputs
from workbench.train.config import TrainConfig
from workbench.train.losses import density_loss, link_loss

CONVS = ["gcn", "gat", "gated"]


@pytest.fixture(params=["gcn", "gat"])
def official(request, golden):
    """A LANDER with official weights, its graph, features, labels and the official numbers."""
    g, d = golden("graph"), golden(request.param)
    graph = KnnGraph.from_arrays(g["nbrs"], 1 - g["dists"])
    model = load_official({name[3:]: torch.from_numpy(d[name]) for name in d if name.startswith("sd.")})
    x, y = torch.from_numpy(g["in_features"]), torch.from_numpy(g["in_labels"])
    edges = list(zip(g["edge_dst"].tolist(), g["edge_src"].tolist(), strict=True))
    return model, graph, x, y, d, edges


def close(found, expected):
    expected = torch.as_tensor(np.asarray(expected))
    torch.testing.assert_close(found.detach(), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_official_logits_and_densities(official):
    model, graph, x, _, d, edges = official
    logits = model(model.inputs(Nodes.of_images(x), graph))
    slot = {(i, j): s for i, row in enumerate(graph.neighbors.tolist()) for s, j in enumerate(row)}
    close(torch.stack([logits[i, slot[i, j]] for i, j in edges]), d["pred_conn"])
    prediction = model.predict(Nodes.of_images(x), graph)
    close(torch.stack([prediction.linkage[i, slot[i, j]] for i, j in edges]), d["prob_conn"][:, 1])
    close(prediction.density, d["pred_den"])


def test_half_precision_is_close_to_the_official_numbers(official):
    model, graph, x, _, d, edges = official
    fast = model.on(model.device, "bfloat16")
    assert model.on(model.device) is model
    assert (model.inference.precision, fast.inference.precision) == ("float32", "bfloat16")
    linkage = fast.linkage(Nodes.of_images(x), graph)
    slot = {(i, j): s for i, row in enumerate(graph.neighbors.tolist()) for s, j in enumerate(row)}
    found = torch.stack([linkage[i, slot[i, j]] for i, j in edges])
    apart = (found - torch.from_numpy(d["prob_conn"][:, 1])).abs()
    assert 0 < float(apart.mean()) < 0.02
    assert float(apart.max()) < 0.1


@pytest.mark.parametrize(("gamma", "name"), [(0.0, "ce"), (2.0, "focal")])
def test_official_losses_and_gradients(official, gamma, name):
    model, graph, x, y, d, _ = official
    logits = model(model.inputs(Nodes.of_images(x), graph))
    target = density_target(graph, y)
    links = link_loss(logits, link_labels(graph, y), denser_neighbors(graph, target), gamma)
    density = density_loss(signed_density(graph, 2 * linkage_of(logits, graph.mask) - 1), target)
    close(links, np.float32(d[f"loss_{name}_conn"]))
    close(density, np.float32(d["loss_den"]))
    (links + density).backward()
    weights = dict(model.named_parameters())
    for key in (key for key in d if key.startswith(f"grad_{name}.")):
        close(weights[our_name(key.removeprefix(f"grad_{name}."))].grad.reshape(d[key].shape), d[key])


@pytest.mark.parametrize("conv", CONVS)
@pytest.mark.parametrize("inputs", ["features", "structural"])
def test_every_combination_runs_and_learns(conv, inputs, blobs):
    x, _ = blobs(4, 10)
    config = LanderConfig(inputs, conv, layers=2, hidden=16, heads=2 if conv == "gat" else 1).for_features(16)
    model, graph = seeded(lambda: Lander(config), 0), knn(x, 4)
    model(model.inputs(Nodes.of_images(x), graph)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    prediction = model.predict(Nodes.of_images(x), graph)
    assert ((prediction.linkage >= 0) & (prediction.linkage <= 1)).all()


@pytest.mark.parametrize("conv", CONVS)
@settings(max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_permutation_of_nodes_permutes_the_prediction(conv, seed):
    random = torch.Generator().manual_seed(seed)
    x = torch.nn.functional.normalize(torch.rand(25, 6, generator=random) + 0.1, dim=1)
    order = torch.randperm(25, generator=random)
    listed = knn(x, 5).similarity
    assume((listed[:, :-1] - listed[:, 1:] > 1e-6).all())  # equally near ones are listed by their numbers
    model = seeded(lambda: Lander(LanderConfig(conv=conv, hidden=8)), seed)
    one = model.predict(Nodes.of_images(x), knn(x, 4))
    two = model.predict(Nodes.of_images(x[order]), knn(x[order], 4))
    torch.testing.assert_close(one.density[order], two.density, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(one.linkage[order], two.linkage, rtol=1e-4, atol=1e-5)


def test_rotation_of_the_features_does_not_matter_to_structural_inputs(blobs):
    x, _ = blobs()
    turned = x @ torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(1))).Q
    model = seeded(lambda: Lander(LanderConfig(hidden=8)), 0)
    one, two = (model.predict(Nodes.of_images(v), knn(v, 6)) for v in (x, torch.nn.functional.normalize(turned, dim=1)))
    agree = (one.density - two.density).abs() < 1e-3  # rounding may swap two neighbours of nearly equal similarity
    assert agree.float().mean() > 0.95


@pytest.mark.parametrize("conv", CONVS)
def test_a_minibatch_gives_what_the_whole_graph_gives(conv, blobs):
    x, _ = blobs(10, 15)
    model = seeded(lambda: Lander(LanderConfig(conv=conv, hidden=8, layers=2)), 3)
    whole = model.inputs(Nodes.of_images(x), knn(x, 3))
    rows = torch.tensor([5, 17, 3, 90])
    part = whole.k_hop_subgraph(rows, hops=3)
    assert len(part.nodes) < len(whole.nodes)
    torch.testing.assert_close(model(part)[:4], model(whole)[rows])


@pytest.mark.parametrize("layers", [1, 2])
def test_what_is_gathered_beforehand_saves_a_hop(layers, blobs):
    x, _ = blobs(10, 15)
    config = LanderConfig.published(hidden=8)
    model = seeded(lambda: Lander(replace(config, layers=layers).for_features(16)), 3)
    whole = model.inputs(Nodes.of_images(x), knn(x, 3))
    assert whole.nodes is x  # of single images identity and average are one, and read once
    rows = torch.tensor([5, 17, 3, 90])
    part = model.gathered(whole).k_hop_subgraph(rows, hops=layers)
    torch.testing.assert_close(model(part)[:4], model(whole)[rows])


@pytest.mark.parametrize("conv", CONVS)
def test_blocks_of_nodes_do_not_matter(conv, blobs, monkeypatch):
    x, _ = blobs()
    model, graph = seeded(lambda: Lander(LanderConfig(conv=conv, hidden=8)), 0), knn(x, 5)
    whole = model.predict(Nodes.of_images(x), graph)
    monkeypatch.setitem(chunks.CELLS, "cpu", 300)
    torch.testing.assert_close(model.predict(Nodes.of_images(x), graph).linkage, whole.linkage)


def slow_structure(graph, i, slot):
    """Rank of the node, mutuality and shared fraction of one link, by sets."""
    j, s = int(graph.neighbors[i, slot]), float(graph.similarity[i, slot])
    theirs = [float(v) for v in graph.similarity[j]]
    own, other = set(graph.neighbors[i].tolist()), set(graph.neighbors[j].tolist())
    return sum(v > s for v in theirs) / len(theirs), float(s >= min(theirs)), len(own & other) / graph.k


def test_structural_inputs_equal_the_slow_reference(blobs):
    x, _ = blobs(4, 12, noise=0.3)
    graph = knn(x, 5)
    inputs = structural_inputs(Nodes.of_images(x), graph)
    columns = [EDGE_INPUTS.index(name) for name in ("rank of the node", "mutual", "shared fraction")]
    for i in range(0, graph.n, 5):
        for slot in range(graph.k):
            found = inputs.edges[i, slot, columns]
            torch.testing.assert_close(found, torch.tensor(slow_structure(graph, i, slot)))
    means = inputs.nodes[:, NODE_INPUTS.index("similarity: mean")]
    torch.testing.assert_close(means, graph.similarity.mean(dim=1))


def slow_flow(links, members, a, b):
    """Flow out, back and share of nodes a and b, image by image."""
    n = len(members)
    pairs = [(i, int(j)) for i in range(n) for j in links.neighbors[i] if j >= 0]
    across = [(int(members[i]), int(members[j])) for i, j in pairs]
    out, back = across.count((a, b)), across.count((b, a))
    leaving = {c: sum(s == c != t for s, t in across) for c in (a, b)}
    every = sum(s in (a, b) for s, _ in across)
    return out / max(leaving[a], 1), back / max(leaving[b], 1), (out + back) / every


@pytest.mark.parametrize("super_nodes", [False, True])
def test_flow_equals_the_count_of_image_links(blobs, super_nodes):
    x, y = blobs(5, 8, noise=0.6)
    images = knn(x, 4)
    nodes = Nodes.of_images(x)
    if super_nodes:
        members = y * 2 + torch.arange(len(y)) % 2  # two halves a class
        nodes = aggregate(x, members, torch.tensor([int((members == c).nonzero()[0]) for c in range(10)]), images)
    graph = knn(nodes.center, 3)
    inputs = structural_inputs(nodes, graph if super_nodes else images)
    columns = [EDGE_INPUTS.index(name) for name in ("flow out", "flow back", "flow share")]
    for i in range(0, len(nodes.image), 3):
        for slot in range(inputs.graph.k):
            expected = slow_flow(images, nodes.members, i, int(inputs.graph.neighbors[i, slot]))
            torch.testing.assert_close(inputs.edges[i, slot, columns], torch.tensor(expected))


def test_halves_of_a_class_are_tied_by_more_links_than_classes_are():
    """Images 0-3 list each other, 4 and 5 each other and one of the first: by hand."""
    images = KnnGraph.from_arrays([[1, 2], [0, 2], [3, 1], [2, 0], [5, 3], [4, 3]], [[0.9, 0.8]] * 6)
    x = torch.nn.functional.normalize(torch.arange(12.0).reshape(6, 2) + 1, dim=1)
    nodes = aggregate(x, torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([0, 2, 4]), images)
    graph = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0]], [[0.9, 0.8]] * 3)
    inputs = structural_inputs(nodes, graph)
    flow = inputs.edges[..., [EDGE_INPUTS.index(name) for name in ("flow out", "flow back", "flow share")]]
    torch.testing.assert_close(flow[0, 0], torch.tensor([1.0, 1.0, 0.5]))  # all that leaves 0 and 1 runs between them
    torch.testing.assert_close(flow[2, 0], torch.tensor([1.0, 0.0, 0.25]))  # nothing comes back to 2
    assert inputs.nodes[:, NODE_INPUTS.index("leaving share")].tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("config", [LanderConfig(hidden=8), LanderConfig.published(hidden=8).for_features(3)])
def test_nodes_without_neighbours(config):
    x = torch.eye(4)[:, :3]
    graph = knn(x, 2)
    assert not graph.mask.any()
    prediction = seeded(lambda: Lander(config), 0).predict(Nodes.of_images(x), graph)
    assert (prediction.linkage == 0).all()
    assert (prediction.density == 0).all()


def test_dimensions_are_refused_by_name():
    config = LanderConfig.published(hidden=8).for_features(16)
    assert config.for_features(16) == config
    with pytest.raises(ValueError, match="reads features of dimension 16, got features of dimension 8"):
        config.for_features(8)


@pytest.mark.parametrize(("dim", "average"), [(32, True), (64, False)])
def test_the_average_of_official_weights_is_settled_by_the_features(dim, average, golden):
    d = golden("gcn")
    state = {name[3:]: torch.from_numpy(d[name]) for name in d if name.startswith("sd.")}
    assert load_official(state).config.for_features(dim).average is average
    with pytest.raises(ValueError, match=r"dimension 64 \(average off\) or 32 \(average on\), got"):
        load_official(state).config.for_features(48)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LanderConfig(conv="mlp"), "conv: expected one of 'gcn', 'gat', 'gated', got 'mlp'"),
        (lambda: LanderConfig(heads=2), "heads: only conv='gat' has heads"),
        (lambda: LanderConfig.from_dict({"depth": 3}), r"LanderConfig: unknown setting\(s\) \['depth'\]"),
        (lambda: InferenceConfig(tau=1.5), r"tau: expected a number in \[0, 1\], got 1.5"),
        (lambda: InferenceConfig(k=0), "k: expected an integer >= 1, got 0"),
        (lambda: TrainConfig(policy="none"), "policy: expected one of 'on-policy', 'teacher', got 'none'"),
        (lambda: TrainConfig(policy="teacher"), "levels: expected one number per k"),
        (lambda: Lander(LanderConfig.published()), "config: in_dim is not known"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.cuda
@pytest.mark.parametrize("conv", CONVS)
def test_cuda_predicts_as_the_cpu(conv, blobs):
    x, _ = blobs()
    model, graph = seeded(lambda: Lander(LanderConfig(conv=conv)), 0), knn(x, 8)
    here = model.predict(Nodes.of_images(x), graph)
    there = model.cuda().predict(Nodes.of_images(x.cuda()), graph.to("cuda"))
    torch.testing.assert_close(here.linkage, there.linkage.cpu(), rtol=1e-4, atol=1e-5)
