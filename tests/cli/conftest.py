"""Files that several tests of the command line share."""

import re

import numpy as np
import pytest
from PIL import Image
from runner import OFF, TRAINED, run

import workbench as wb


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A folder with a labelled feature file and a LANDER that the command line trained on it."""
    folder = tmp_path_factory.mktemp("cli")
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(20), 12)
    features = rng.normal(size=(20, 16))[labels] + 0.15 * rng.normal(size=(len(labels), 16))
    np.savez(folder / "mine.npz", features=features.astype(np.float32), labels=[f"c{label}" for label in labels])
    np.save(folder / "rows.npy", features)
    result = run("train", "--features", folder / "mine.npz", "-o", folder / "lander.safetensors", *TRAINED)
    assert result.exit_code == 0, result.stderr
    assert re.search(r"lander.safetensors: validation BCubed F [01]\.\d{4} at tau 0\.\d+\n", result.stdout)
    return folder


@pytest.fixture
def clustered(home, tmp_path):
    """Clusters a file of `home` into a fresh folder."""

    def cluster(name, *options, out=tmp_path / "out"):
        return run("cluster", home / name, "-o", out, "--lander", home / "lander.safetensors", *OFF, *options)

    return cluster


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of 3 classes of 6 images, and an encoder for them."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name in ("bar", "dot", "ring"):
        (folder / "images" / name).mkdir(parents=True)
        base = rng.integers(0, 200, (16, 16))
        for i in range(6):
            noisy = (base + rng.integers(0, 40, (16, 16))).astype(np.uint8)
            Image.fromarray(noisy).save(folder / "images" / name / f"{i}.png")
    wb.save_checkpoint(wb.Encoder(wb.EncoderConfig(image_size=16, dim=8, widths=(4, 8))), folder / "enc.safetensors")
    return folder
