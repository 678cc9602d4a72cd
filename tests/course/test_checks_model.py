"""The checks of notebooks 04 to 07: a right, a nearly right, a wrong and an unusable answer to each."""

import numpy as np
import pytest
import torch
from asking import Answers

import workbench as wb
from workbench import course
from workbench.cluster.predictors import similarity_predictor
from workbench.course.checks.registry import CHECKS
from workbench.evaluate.interventions import InterventionStudy
from workbench.graph.knn import KnnGraph, knn
from workbench.graph.nodes import Nodes
from workbench.lander.model import Prediction
from workbench.train.episodes import training_level

ANGLE = torch.deg2rad(torch.tensor([0.0, 20.0, 50.0, 90.0]))
FOUR = torch.stack([ANGLE.cos(), ANGLE.sin()], dim=1)
GRAPH = knn(FOUR, k=2)
LEFT, RIGHT_VECTOR = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 0.5])

RANDOM = torch.Generator().manual_seed(0)
X = torch.nn.functional.normalize(torch.randn(6, 8, generator=RANDOM).repeat(5, 1), dim=1)
X = torch.nn.functional.normalize(X + 0.2 * torch.randn(30, 8, generator=RANDOM), dim=1)
Y = torch.arange(30) % 6
MANY = knn(X, k=4)
torch.manual_seed(0)
LANDER = wb.Lander(wb.LanderConfig(hidden=4), wb.InferenceConfig(k=4)).requires_grad_(False)
LEVEL = training_level(LANDER, Nodes.of_images(X), MANY, Y, links="all", level=0)
LOGITS = LANDER(LEVEL.inputs)

PATH = KnnGraph.from_arrays([[1], [2], [3], [2]], [[0.9]] * 4)  # 0 hangs on 1, 1 on 2, 2 on 3
PATH_GUESS = Prediction(torch.tensor([[0.9], [0.6], [0.8], [0.5]]), torch.tensor([0.1, 0.2, 0.3, 0.4]))
TREE = wb.build_hierarchy(X, similarity_predictor, wb.InferenceConfig(k=2, tau=0.5))
STUDY = InterventionStudy(similarity_predictor, X, Y, wb.InferenceConfig(k=2, tau=0.5))


def layer_slowly():
    rows = []
    for i in range(4):
        weights = GRAPH.similarity[i] / GRAPH.similarity[i].sum()
        rows.append(FOUR[i] + sum(w * FOUR[j] for w, j in zip(weights, GRAPH.neighbors[i], strict=True)))
    return torch.stack(rows).relu()


def attention_slowly():
    rows = []
    for i in range(4):
        e = [FOUR[j] @ LEFT + FOUR[i] @ RIGHT_VECTOR for j in GRAPH.neighbors[i]]
        powers = [torch.exp(v if v > 0 else 0.2 * v) for v in e]
        rows.append(sum(p * FOUR[j] for p, j in zip(powers, GRAPH.neighbors[i], strict=True)) / sum(powers))
    return torch.stack(rows).relu()


def gated_slowly():
    conv, nodes, edges = LANDER.convs[0], LEVEL.inputs.nodes, LEVEL.inputs.edges
    rows = []
    for i in range(30):
        gate_i, update = conv.of_target(nodes[i]).chunk(2)
        gates, sums = 0, 0
        for slot, j in enumerate(MANY.neighbors[i]):
            gate, message = (conv.of_source(nodes[j]) + conv.of_edge(edges[i, slot])).chunk(2)
            gates, sums = gates + (gate + gate_i).sigmoid(), sums + (gate + gate_i).sigmoid() * message
        rows.append(conv.skip(nodes[i]) + conv.norm(update + sums / (gates + 1e-6)).relu())
    return torch.stack(rows)


P = LOGITS.softmax(dim=2)[..., 1]
TRUE = torch.where(LEVEL.same, P, 1 - P)  # every list of this graph is full
LINKAGE_DENSITY = (MANY.similarity * (2 * P - 1)).mean(dim=1)
SHARE = float(LEVEL.same.double().mean())
GUESS = LANDER.predict(Nodes.of_images(X), MANY)
ROOTS = [int(image) for image in TREE.levels[0].peaks]
AVERAGES = torch.stack([X[TREE.levels[0].labels == c].mean(dim=0) for c in range(len(ROOTS))])

RIGHT = {
    "04-layer": (layer_slowly(), (FOUR, GRAPH)),
    "04-attention": (attention_slowly(), (FOUR, GRAPH, LEFT, RIGHT_VECTOR)),
    "04-gated": (gated_slowly(), (LANDER, LEVEL.inputs)),
    "04-linkage": (P, (LANDER, X, MANY)),
    "04-density": (LINKAGE_DENSITY, (LANDER, X, MANY)),
    "04-reach": ([0, 1, 2], (PATH, 0)),
    "04-saved": (1.0, (PATH,)),
    "04-static": ("c", (FOUR, GRAPH, LEFT)),
    "05-link-loss": (-TRUE.log().mean(), (LOGITS, LEVEL)),
    "05-density-loss": ((LINKAGE_DENSITY - LEVEL.density).square().mean(), (LOGITS, LEVEL)),
    "05-constant": (-SHARE * np.log(SHARE) - (1 - SHARE) * np.log(1 - SHARE), (LEVEL,)),
    "05-balanced": (2 * int(min(LEVEL.same.sum(), (~LEVEL.same).sum())), (LEVEL,)),
    "05-focal": (-((1 - TRUE) ** 2 * TRUE.log()).mean(), (LOGITS, LEVEL)),
    "06-tree": (TREE.levels[0].decoding.clusters + 10, (TREE.levels[0], 0.5)),
    "06-nested": ([1, 1, 3, 3], (PATH, PATH_GUESS, 0.7)),
    "06-six": ([1, 1, 2, 3], (PATH, PATH_GUESS)),
    "06-part": (0.6, (PATH, PATH_GUESS, 0)),
    "06-best": (0.6, (PATH, PATH_GUESS, [0, 0, 1, 1])),
    "06-price": (6, (2, 3)),
    "07-super": (torch.cat([X[ROOTS], AVERAGES], dim=1), (X, TREE.levels[0].labels, torch.tensor(ROOTS))),
    "07-loop": (wb.build_hierarchy(X, LANDER.predict, LANDER.inference).labels, (LANDER, X)),
    "07-average": (X[TREE.levels[1].labels == 0].mean(dim=0), (TREE, X)),
    "07-best-level": (
        max(range(len(TREE.levels)), key=lambda i: wb.scores(Y, TREE.levels[i].labels)["bcubed_f"]),
        (TREE, Y),
    ),
    "07-links": (lambda n, c: n - c, (30, 4)),
    "07-head": ([STUDY.gains(2).query("head == @head")["gain"].max() for head in ("links", "density")], (STUDY, 2)),
}


class TestAnswers(Answers):
    right = RIGHT


def test_every_check_of_these_notebooks_is_tried():
    assert sorted(RIGHT) == sorted(name for name in CHECKS if name[:2] in ("04", "05", "06", "07"))


def test_the_example_has_something_to_tell_apart():
    assert len(TREE.levels) >= 2
    assert 0 < SHARE < 1
    assert len(ROOTS) < 30


WRONG = {
    "04-reach": [0, 1],
    "04-static": "a",
    "06-tree": np.arange(30),
    "07-loop": np.arange(30) % 2,
    "07-links": lambda n, c: n - c - 1,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_of_another_kind(name):
    assert course.check(name, WRONG[name], *RIGHT[name][1]).status == "wrong"
    assert set(WRONG) == {name for name in RIGHT if CHECKS[name].how != "values"}
