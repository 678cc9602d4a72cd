from dataclasses import replace

import pytest
import torch

from workbench._core.runtime import seeded
from workbench.experiments.benchmarks.gnn_suite import compared
from workbench.experiments.benchmarks.inputs import clusters
from workbench.experiments.benchmarks.per_edge import PerEdgeTraining, per_edge_logits, per_edge_prediction
from workbench.graph.knn import KnnGraph, knn
from workbench.graph.nodes import Nodes
from workbench.lander.config import LanderConfig
from workbench.lander.inputs import feature_inputs
from workbench.lander.model import Lander
from workbench.train.config import TrainConfig
from workbench.train.trainer import MetaTraining

DIM = 12


def published(**changes):
    config = replace(LanderConfig.published(hidden=16), **changes).for_features(DIM)
    return seeded(lambda: Lander(config), 0)


@pytest.fixture
def level(blobs):
    """Nodes, and a graph with gaps: lists of 0 to 6 neighbours."""
    x, _ = blobs(n_classes=8, per_class=15, dim=DIM, noise=0.3)
    graph = knn(x, k=6)
    missing = torch.arange(6) >= torch.randint(0, 7, (len(x), 1), generator=torch.Generator().manual_seed(0))
    gaps = KnnGraph(graph.neighbors.masked_fill(missing, -1), graph.similarity.masked_fill(missing, 0))
    return Nodes.of_images(x), gaps


@pytest.mark.parametrize("changes", [{}, {"layers": 2}, {"average": False}, {"identity": False}])
def test_a_whole_level_is_the_same_link_by_link(level, changes):
    lander = published(**changes)
    ours, theirs = lander.predict(*level), per_edge_prediction(lander, *level)
    torch.testing.assert_close(theirs.linkage, ours.linkage, atol=1e-5, rtol=0)
    torch.testing.assert_close(theirs.density, ours.density, atol=1e-5, rtol=0)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_minibatch_is_the_same_and_so_are_its_gradients(level, layers):
    lander, rows = published(layers=layers), torch.tensor([5, 17, 3, 80])
    part = feature_inputs(*level, average=True).k_hop_subgraph(rows, layers + 1)
    gradients = []
    for logits in (lander(part), per_edge_logits(lander, part, len(rows))):
        lander.zero_grad()
        logits.square().sum().backward()
        gradients.append((logits.detach(), [p.grad.clone() for p in lander.parameters()]))
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("batch", [4096, 64])
def test_epochs_lose_the_same(batch):
    x, labels = clusters(400, DIM)
    training = replace(TrainConfig.published(), batch_size=batch)
    given = {"config": LanderConfig.published(hidden=16), "training": training, "device": "cpu"}
    ours, theirs = (kind(x, labels, **given) for kind in (MetaTraining, PerEdgeTraining))
    for _ in range(3):
        for a, b in zip(ours.run_epoch(), theirs.run_epoch(), strict=True):
            assert a["nodes"] == b["nodes"]
            assert a["link_loss"] == pytest.approx(b["link_loss"], abs=1e-5)
            assert a["density_loss"] == pytest.approx(b["density_loss"], abs=1e-5)
    n_levels = len(ours.levels)
    assert n_levels > 5


@pytest.mark.parametrize("config", [LanderConfig(), LanderConfig.published("gat", 16).for_features(DIM)])
def test_other_models_are_refused(level, config):
    lander = seeded(lambda: Lander(config), 0)
    with pytest.raises(ValueError, match="lander: expected inputs='features' and conv='gcn'"):
        per_edge_logits(lander, lander.inputs(*level))


def test_the_comparison_sees_a_difference(level):
    prediction = published().predict(*level)
    same = compared(level[1], prediction, prediction)
    assert (same["linkage_apart"], same["same_labels"]) == (0.0, "yes")
    assert 1 < same["clusters"] < level[1].n
    turned = replace(prediction, density=-prediction.density)
    assert compared(level[1], prediction, turned)["same_labels"] == "no"
    with pytest.raises(ValueError, match="linkage: expected both ways to agree"):
        compared(level[1], prediction, replace(prediction, linkage=prediction.linkage + 0.01))
