import pickle

import numpy as np
import pytest
import torch

from workbench.cluster.hierarchy import build_hierarchy
from workbench.cluster.hilander import HiLander
from workbench.evaluate.scores import scores
from workbench.graph.knn import KnnGraph, knn
from workbench.lander.config import LanderConfig
from workbench.lander.model import Lander
from workbench.lander.official import load_official


@pytest.fixture
def weights(golden):
    def read(name):
        return {key[3:]: torch.from_numpy(value) for key, value in golden(name).items() if key.startswith("sd.")}

    return read


def test_labels_of_every_level(weights, golden):
    g, d = golden("graph"), golden("multilevel")
    model = HiLander(load_official(weights("gcn")), k=9, tau=0.5, early_stop=False).fit(g["in_features"])
    levels = model.hierarchy_.levels
    assert len(levels) == 5
    for i, level in enumerate(levels):
        assert level.labels.tolist() == d[f"L{i}.global_pred_labels"].tolist()
        assert level.peaks.tolist() == d[f"L{i}.global_peaks"].tolist()
        assert level.decoding.clusters.tolist() == d[f"L{i}.pred_labels"].tolist()
        assert level.links_added == d[f"L{i}.num_added"]
    assert model.labels_.tolist() == d["final_labels"].tolist()
    found = scores(d["gt_labels"], model.labels_)
    for name in ("pairwise", "bcubed"):
        ours = [found[f"{name}_{part}"] for part in ("precision", "recall", "f")]
        np.testing.assert_allclose(ours, d[name], rtol=1e-6)
    assert found["nmi"] == pytest.approx(float(d["nmi"]), rel=1e-6)


def test_given_neighbour_lists_at_every_level(weights, golden):
    """Lists that hold the node itself, as the official code keeps them."""
    g, d = golden("graph"), golden("multilevel")
    model = load_official(weights("gcn"), tau=0.5)

    def official_lists(features, k):
        if len(features) == len(g["nbrs"]):
            return KnnGraph.from_arrays(g["nbrs"], 1 - g["dists"])
        return knn(features, k)

    x = torch.from_numpy(g["in_features"])
    tree = build_hierarchy(x, model.predict, model.inference, graph=official_lists)
    assert tree.labels.tolist() == d["final_labels"].tolist()


def test_a_file_that_torch_saved(weights, tmp_path):
    torch.save(weights("gat"), tmp_path / "gat.pth")
    model = load_official(tmp_path / "gat.pth", preset="inat", k=4)
    assert (model.config.conv, model.config.layers, model.config.hidden, model.config.heads) == ("gat", 1, 64, 1)
    assert (model.inference.tau, model.inference.k, model.inference.early_stop) == (0.1, 4, True)


@pytest.mark.parametrize(
    "config",
    [LanderConfig("features", "gat", 2, 8, 3, False, 6), LanderConfig("features", "gcn", 3, 8, 1, True, 12)],
)
def test_heads_and_depth_follow_from_the_shapes(config):
    """Weights under official names, deeper and with more heads than the golden ones, come back as they were."""
    model = Lander(config)
    names = {"of_source.": "src_mlp.", "of_target.": "dst_mlp.", "head.": "classifier_conn."}
    state = {}
    for name, value in model.state_dict().items():
        for ours, official in names.items():
            name = name.replace(ours, official)
        if name.startswith("convs."):
            _, layer, rest = name.split(".", 2)
            layer = f"conv.{layer}"
            renamed = {"bias1": f"{layer}.gcn_layer.bias", "bias2": f"{layer}.bias"}
            name = renamed.get(rest, f"{layer}.gcn_layer.{rest}")
        state[name] = value.flatten() if name.endswith("gcn_layer.bias") else value
    loaded = load_official(state, average=config.average)
    assert loaded.config == config
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, model.state_dict()[name])


def test_bad_weights(weights, tmp_path):
    state = weights("gcn")
    with pytest.raises(ValueError, match=r"weights: 'fc1\.weight' is no weight of an official LANDER"):
        load_official({"fc1.weight": torch.zeros(2)})
    with pytest.raises(ValueError, match=r"missing or unknown here: \['src_mlp.bias'\]"):
        load_official({name: value for name, value in state.items() if name != "src_mlp.bias"})
    with pytest.raises(FileNotFoundError, match="weights: no file at"):
        load_official(tmp_path / "none.pth")
    with pytest.raises(ValueError, match="preset: expected one of faces, inat, got 'cars'"):
        load_official(state, preset="cars")
    (tmp_path / "code.pth").write_bytes(pickle.dumps(print, protocol=2))
    with pytest.raises(ValueError, match="not a whole file of weights alone"):
        load_official(tmp_path / "code.pth")
    torch.save({"fc1.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth: weights: 'fc1\.weight' is no weight of an official LANDER"):
        load_official(tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("it is damaged\n" * 9)
    with pytest.raises(ValueError, match=r"text\.pth: not a whole file of weights alone: it is damaged"):
        load_official(tmp_path / "text.pth")
    torch.save(state, tmp_path / "cut.pth")
    whole = (tmp_path / "cut.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut\.pth: not a whole file of weights"):
        load_official(tmp_path / "cut.pth")


@pytest.mark.parametrize(
    "change",
    [
        {"conv.99999999.gcn_layer.mlp.weight": torch.zeros(8, 16)},
        {"src_mlp.weight": torch.zeros(4)},
        {"src_mlp.weight": torch.zeros(1, 1).expand(4, 10**9)},
        {"src_mlp.weight": torch.full((4, 8), float("nan"))},
        {"src_mlp.bias": torch.zeros(4, device="meta")},
        {"src_mlp.weight": torch.zeros(4, 8).to_sparse()},
        {5: torch.zeros(1)},
    ],
)
def test_weights_that_claim_what_they_are_not(weights, tmp_path, change):
    torch.save({**weights("gcn"), **change}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"weights|a\.pth"):
        load_official(tmp_path / "a.pth")
