import numpy as np
import pytest
import torch

from workbench.cluster.checkpoint import load_checkpoint, load_lander, save_checkpoint
from workbench.cluster.hilander import HiLander
from workbench.lander.config import InferenceConfig, LanderConfig
from workbench.train.general.sets import GeneralConfig
from workbench.train.general.sources import gradients, pixels
from workbench.train.general.synthetic import SyntheticConfig
from workbench.train.general.train import train_general
from workbench.train.trainer import MetaTraining

QUICK = GeneralConfig(sets=40, k=8, epochs=2, quality_epochs=2, synthetic=SyntheticConfig(images=(80, 160)))


@pytest.fixture(scope="module")
def trained():
    return train_general([], training=QUICK, jobs=1, progress=False)


def test_both_stages_learn(trained):
    history = trained.history
    for stage in ("links", "quality"):
        losses = history[history["stage"] == stage]["loss"].tolist()
        assert losses[-1] < losses[0]
    assert history["held_out_loss"].notna().all()
    assert trained.inference == InferenceConfig.general(8)


def test_same_seed_same_model(trained):
    again = train_general([], training=QUICK, jobs=1, progress=False)
    for name, value in again.state_dict().items():
        assert torch.allclose(value, trained.state_dict()[name], atol=1e-5), name


def test_saved_and_loaded(trained, tmp_path, blobs):
    x = blobs()[0].numpy()
    save_checkpoint(trained, tmp_path / "mine.safetensors")
    labels = HiLander(tmp_path / "mine.safetensors").fit_predict(x)
    assert (labels == HiLander(trained).fit_predict(x)).all()


def test_training_leaves_the_global_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    train_general(
        [],
        training=GeneralConfig(sets=2, epochs=1, quality_epochs=1, synthetic=QUICK.synthetic),
        jobs=1,
        progress=False,
    )
    assert torch.equal(torch.rand(1), expected)


def test_an_ensemble_is_needed_and_is_not_meta_trained(blobs):
    with pytest.raises(ValueError, match="config: the general model needs a quality ensemble"):
        train_general([], LanderConfig(inputs="relative"), progress=False)
    x, y = blobs()
    with pytest.raises(ValueError, match="ensemble_size: the ensemble is trained by"):
        MetaTraining(x, y, LanderConfig.general())


def test_relative_inputs_can_be_meta_trained(blobs):
    x, y = blobs()
    run = MetaTraining(x, y, LanderConfig(inputs="relative", hidden=8))
    assert run.run_epoch()[0]["link_loss"] > 0


def test_the_packaged_model():
    model = load_lander("general")
    assert model.config == LanderConfig.general()
    assert model.inference == InferenceConfig.general()
    size = sum(value.numel() * value.element_size() for value in load_checkpoint("general").state_dict().values())
    assert size < 3e6


def test_views_of_images():
    images = np.random.default_rng(0).integers(0, 255, (70, 28, 28), dtype=np.uint8)
    assert gradients(images).shape == (70, 7 * 7 * 8)
    assert np.allclose(np.square(gradients(images)).sum(axis=1) > 0, True)
    assert pixels(images).shape == (70, 64)
    edge = np.zeros((1, 8, 8), dtype=np.uint8)
    edge[:, :, 4:] = 255  # ink grows to the right: direction 0 only
    cells = gradients(edge).reshape(8, 2, 2)
    assert cells[0].min() > 0
    assert cells[1:].max() == 0
