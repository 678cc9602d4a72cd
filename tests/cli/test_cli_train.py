import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from runner import ENVIRONMENT, OFF, failed, run

import workbench as wb

GLYPHS = ("glyphs-encoder", "glyphs-lander")


@pytest.mark.slow
def test_training_goes_on_to_the_same_result_after_ctrl_c(home, tmp_path):
    whole, part, state = (tmp_path / f"{name}.safetensors" for name in ("whole", "part", "part.run"))
    settings = ("--epochs", 104, "--device", "cpu")  # a run saves itself after epoch 100
    assert run("train", "--features", home / "mine.npz", "-o", whole, *settings, "--quiet").exit_code == 0
    options = ("train", "--features", home / "mine.npz", "-o", part, *settings)
    command = [sys.executable, "-m", "workbench", *map(str, options)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=ENVIRONMENT) as running:
        while not state.exists() and running.poll() is None:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        last = running.communicate(timeout=120)[1].decode().splitlines()[-1]
    assert (running.returncode, last) == (130, f"interrupted: the best model so far is {part}; --resume goes on")
    assert isinstance(wb.load_checkpoint(part), wb.Lander)
    failed(run(*options, "--quiet"), "holds an interrupted run; go on with --resume")
    failed(run(*options, "--quiet", "--resume", "--seed", 1), "other seed")
    result = run(*options, "--quiet", "--resume")
    assert (result.exit_code, result.output) == (0, "")
    assert not state.exists()
    assert part.read_bytes() == whole.read_bytes()


def test_the_published_recipe_binds_the_model_to_a_dimension(home, tmp_path):
    lander = tmp_path / "published.safetensors"
    recipe = ("--preset", "published", "--epochs", 1, "--quiet")
    assert run("train", "--features", home / "mine.npz", "-o", lander, *recipe).exit_code == 0
    assert wb.load_checkpoint(lander).config == wb.LanderConfig.published().for_features(16)
    np.save(tmp_path / "other.npy", np.eye(9))
    failed(run("cluster", tmp_path / "other.npy", "-o", tmp_path, "--lander", lander, *OFF), "dimension 9")


@pytest.mark.slow
def test_training_on_glyphs_goes_on_from_its_encoder(pictures, tmp_path):
    encoder, lander = (tmp_path / f"{name}.safetensors" for name in GLYPHS)
    encoder.write_bytes((pictures / "enc.safetensors").read_bytes())
    result = run("train", "--data", "glyphs", "-o", tmp_path, "--resume", "--epochs", 1, "--quiet", "--device", "cpu")
    assert (result.exit_code, result.output) == (0, "")
    assert encoder.read_bytes() == (pictures / "enc.safetensors").read_bytes()
    assert isinstance(wb.load_checkpoint(lander), wb.Lander)
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.slow
def test_training_on_glyphs_writes_both_models(tmp_path):
    quick = ("--encoder-epochs", 1, "--epochs", 1, "--quiet", "--device", "cpu")
    assert run("train", "-o", tmp_path, *quick).exit_code == 0
    encoder, lander = (wb.load_checkpoint(tmp_path / f"{name}.safetensors") for name in GLYPHS)
    assert (type(encoder), type(lander)) == (wb.Encoder, wb.Lander)
