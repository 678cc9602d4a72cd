import numpy as np
import pytest

import workbench as wb
from workbench.cluster.predictors import similarity_predictor


@pytest.fixture
def tree(blobs):
    """(hierarchy, features, labels) of blobs that come together over three levels."""
    x, labels = blobs(n_classes=15, per_class=24, noise=0.12, seed=3)
    settings = wb.InferenceConfig(k=3, tau=0.6)
    return wb.build_hierarchy(x, similarity_predictor, settings), x, labels.numpy()


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, size=(360, 10, 10), dtype=np.uint8)
