"""The recipe for photographs: scaled inputs, links as they come, average linkage, tau by all three F."""

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

import workbench as wb
from workbench.decode import DECODERS
from workbench.evaluate.scores import scores
from workbench.graph import KnnGraph, Nodes, knn
from workbench.lander import Prediction
from workbench.train import MetaTraining, best_tau, tau_curve


def narrow(blobs, **options):
    """Rows whose cosines fill a narrow band near 1, as those of faces do."""
    x, y = blobs(**options)
    return torch.nn.functional.normalize(x + 3 * torch.ones(x.shape[1]) / x.shape[1] ** 0.5, dim=1), y


def test_scaled_inputs_have_mean_0_and_deviation_1_over_the_training(blobs):
    x, y = narrow(blobs, noise=0.3)
    run = MetaTraining(x, y, wb.LanderConfig.photographs(), training=wb.TrainConfig.photographs(epochs=4))
    graph = knn(run.features, run.model.inference.k)
    inputs = run.model.inputs(Nodes.of_images(run.features), graph)
    for columns in (inputs.nodes, inputs.edges[graph.mask]):
        varies = columns.std(dim=0) > 0.5
        assert varies.sum() >= 5
        torch.testing.assert_close(columns.mean(dim=0)[varies], torch.zeros(int(varies.sum())), atol=1e-3, rtol=0)
        torch.testing.assert_close(columns.std(dim=0)[varies], torch.ones(int(varies.sum())), atol=1e-3, rtol=0)


def test_it_learns_where_all_similarities_are_high_and_keeps_its_scale(blobs, tmp_path):
    x, y = narrow(blobs, n_classes=30, noise=0.1)
    training = wb.TrainConfig.photographs(epochs=20)
    lander = wb.meta_train(x, y, wb.LanderConfig.photographs(), training=training, progress=False)
    assert lander.inference.decoder == "average-linkage"
    new, truth = narrow(blobs, n_classes=20, noise=0.1, seed=5)
    found = wb.HiLander(lander, device="cpu").fit_predict(new)
    assert scores(truth.numpy(), found)["bcubed_f"] > 0.9
    wb.save_checkpoint(lander, tmp_path / "lander.safetensors")
    loaded = wb.load_checkpoint(tmp_path / "lander.safetensors")
    assert np.array_equal(wb.HiLander(loaded, device="cpu").fit_predict(new), found)


def test_average_linkage_is_not_fooled_by_one_wrong_link():
    """Two triangles and one certain link between them: the tree joins all, the mean linkage across is 1 / 9."""
    lists = [[1, 2, 3], [0, 2, 4], [0, 1, 4], [4, 5, 0], [3, 5, 1], [3, 4, 1]]
    linkage = torch.tensor(
        [[0.9, 0.9, 1.0], [0.9, 0.9, 0], [0.9, 0.9, 0], [0.9, 0.9, 1.0], [0.9, 0.9, 0], [0.9, 0.9, 0]]
    )
    graph = KnnGraph.from_arrays(lists, [[0.9, 0.8, 0.7]] * 6)
    guess = Prediction(linkage, torch.tensor([0.5, 0.4, 0.3, 0.6, 0.4, 0.3]))
    assert len(DECODERS["tree"](graph, guess, 0.5).representative) == 1
    strict = DECODERS["average-linkage"](graph, guess, 0.5)
    assert sorted(np.bincount(strict.clusters.numpy()).tolist()) == [2, 4]
    assert len(DECODERS["average-linkage"](graph, guess, 0.05).representative) == 1
    assert len(DECODERS["average-linkage"](graph, guess, 1.0).representative) == 6


def test_the_curve_has_the_three_f_of_the_whole_set(blobs):
    x, y = blobs(noise=0.3)
    from workbench.cluster import similarity_predictor

    settings = wb.InferenceConfig(k=5)
    curve = tau_curve(similarity_predictor, settings, x, y, taus=(0.3, 0.8))
    for row in curve.itertuples():
        tree = wb.build_hierarchy(x, similarity_predictor, settings.override(tau=row.tau))
        found = scores(y.numpy(), tree.labels.numpy())
        assert [row.pairwise_f, row.bcubed_f, row.item_f] == pytest.approx(
            [found["pairwise_f"], found["bcubed_f"], found["item_f"]]
        )


def test_tau_is_chosen_by_the_mean_of_the_three_for_average_linkage():
    curve = pd.DataFrame(
        {"tau": [0.3, 0.5, 0.7], "pairwise_f": [0.9, 0.6, 0.2], "bcubed_f": [0.89, 0.9, 0.9], "item_f": [0.8, 0.8, 0.8]}
    ).assign(error=0.05)
    before = curve.copy()
    assert best_tau(curve) == 0.7
    assert best_tau(curve, "average-linkage") == 0.3
    assert_frame_equal(curve, before)


def test_scaled_inputs_need_a_convolution_that_weighs_without_similarity():
    with pytest.raises(ValueError, match="inputs='scaled'"):
        wb.LanderConfig("scaled", conv="gcn")
