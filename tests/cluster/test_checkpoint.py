import errno
import json
import os
from importlib.resources import files

import pytest
import torch
from safetensors.torch import save_file

import workbench as wb
from workbench._core.state import read_state, write_state
from workbench.cluster import HiLander
from workbench.cluster.checkpoint import load_checkpoint, load_encoder, load_lander, save_checkpoint
from workbench.encoder.train import Encoder, EncoderConfig
from workbench.lander.config import InferenceConfig, LanderConfig
from workbench.lander.model import Lander


@pytest.mark.parametrize("config", [LanderConfig(hidden=8), LanderConfig.published("gat", 8).for_features(5)])
def test_a_lander_comes_back_whole(config, tmp_path):
    model = Lander(config, InferenceConfig(k=7, tau=0.35))
    save_checkpoint(model, tmp_path / "m.safetensors")
    again = load_checkpoint(tmp_path / "m.safetensors")
    assert (again.config, again.inference) == (config, InferenceConfig(k=7, tau=0.35))
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in again.state_dict().items())
    assert not again.training


def test_an_encoder_comes_back_whole(tmp_path):
    model = Encoder(EncoderConfig(image_size=16, dim=8, widths=(4, 8, 8)))
    save_checkpoint(model, tmp_path / "e.safetensors")
    assert load_checkpoint(tmp_path / "e.safetensors").config == model.config


def test_truncated_and_foreign_files(tmp_path):
    path = tmp_path / "m.safetensors"
    save_checkpoint(Lander(LanderConfig(hidden=8)), path)
    whole = path.read_bytes()
    for cut in (0, 7, 100, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="not a whole safetensors file"):
            load_checkpoint(path)
    path.write_text("a letter to my aunt")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        load_checkpoint(path)
    save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="holds weights but no workbench settings"):
        load_checkpoint(path)
    with pytest.raises(FileNotFoundError, match="packaged ones are glyphs-encoder, glyphs-lander"):
        load_checkpoint(tmp_path / "none")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "teapot"}, "holds a 'teapot'; expected a 'lander' or an 'encoder'"),
        ({"kind": "lander", "config": {"depth": 2}, "inference": {}}, r"unknown setting\(s\) \['depth'\]"),
        ({"kind": "lander", "config": {}, "inference": {}}, "do not fit their own settings"),
        ({"kind": "lander", "config": {}, "inference": {"decoder": "x"}}, "m: not a whole .*: decoder: expected one"),
    ],
)
def test_foreign_settings(settings, message, tmp_path):
    save_file({"w": torch.zeros(2)}, tmp_path / "m", metadata={"workbench": json.dumps(settings)})
    with pytest.raises(ValueError, match=message):
        load_checkpoint(tmp_path / "m")


def test_a_failed_save_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "m.safetensors"
    save_checkpoint(Lander(LanderConfig(hidden=8)), path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="its decoder is a function"):
        save_checkpoint(Lander(LanderConfig(hidden=8), InferenceConfig(decoder=print)), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.safetensors"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    from workbench._core.files import atomic_path

    target = tmp_path / "out.csv"
    target.write_text("old")

    def fill_the_disk():
        with atomic_path(target) as part:
            part.write_text("half")
            with open("/dev/full", "w") as full:
                full.write("x" * 100_000)

    with pytest.raises(OSError, match="No space left") as caught:
        fill_the_disk()
    assert caught.value.errno == errno.ENOSPC
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_a_checkpoint_of_the_other_kind_is_refused():
    with pytest.raises(ValueError, match="encoder: glyphs-lander holds a LANDER"):
        load_encoder("glyphs-lander")
    with pytest.raises(ValueError, match="lander: glyphs-encoder holds an encoder"):
        load_lander("glyphs-encoder")


@pytest.mark.parametrize("model", [None, HiLander(), "general"])
def test_what_is_no_model_is_not_saved(model, tmp_path):
    with pytest.raises(
        TypeError, match=f"model: expected a Lander or an Encoder, got {type(model).__name__}"
    ) as refused:
        save_checkpoint(model, tmp_path / "m.safetensors")
    assert ("pass model.lander_" in str(refused.value)) == isinstance(model, HiLander)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "cat"}, "holds a 'cat'"),
        ({"kind": "lander", "config": {"layers": 99}, "inference": {}}, "claims layers=99 and holds 1 tensors only"),
        ({"kind": "lander", "config": {}, "inference": {}}, "do not fit their own settings"),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_told_of_the_argument(settings, message, tmp_path):
    save_file({"w": torch.zeros(2)}, tmp_path / "m", metadata={"workbench": json.dumps({"version": 1, **settings})})
    for load, name in ((load_checkpoint, "path"), (load_lander, "lander"), (load_encoder, "encoder")):
        with pytest.raises(ValueError, match=f"^{name}: .*{message}"):
            load(tmp_path / "m")


@pytest.mark.parametrize(
    ("load", "name"), [(load_checkpoint, "path"), (load_lander, "lander"), (load_encoder, "encoder")]
)
def test_what_names_no_checkpoint(load, name):
    with pytest.raises(FileNotFoundError, match=f"^{name}: no checkpoint at nope; packaged ones are"):
        load("nope")
    with pytest.raises(ValueError, match=f"^{name}: expected the path of a checkpoint or one of .*, got the folder ''"):
        load("")
    with pytest.raises(TypeError, match=f"^{name}: expected the path of a checkpoint or one of .*, got None"):
        load(None)


def test_files_saved_under_the_names_of_version_0_1_load_and_cluster_alike(tmp_path, blobs):
    x, _ = blobs()
    model = load_lander("general")
    old = {
        name.replace("ensemble.networks.", "forecaster.members.").replace("ensemble.", "forecaster."): value
        for name, value in model.state_dict().items()
    }
    assert any(name.startswith("forecaster.members.0.") for name in old)
    settings = {"kind": "lander", **model.settings()}
    settings["config"] = {"members" if k == "ensemble_size" else k: v for k, v in settings["config"].items()}
    write_state(tmp_path / "old.safetensors", old, settings)
    again = load_lander(tmp_path / "old.safetensors")
    assert again.config == model.config
    assert (wb.HiLander(again).fit_predict(x) == wb.HiLander(model).fit_predict(x)).all()

    settings["inference"] = {**settings["inference"], "decoder": "mass"}
    write_state(tmp_path / "mass.safetensors", old, settings)
    assert load_lander(tmp_path / "mass.safetensors").inference.decoder == "excess-of-mass"


def altered(path, **changes):
    """The packaged model with other settings or weights."""
    tensors, settings = read_state(files("workbench.lander") / "weights" / "general.safetensors")
    settings["config"] |= {name: value for name, value in changes.items() if not isinstance(value, torch.Tensor)}
    write_state(path, tensors | {n: v for n, v in changes.items() if isinstance(v, torch.Tensor)}, settings)
    return path


@pytest.mark.parametrize(
    ("name", "value"),
    [("layers", 10**9), ("ensemble_size", 10**9), ("hidden", 10**8), ("hidden", 10**30), ("hidden", "x")],
)
def test_claimed_sizes_take_no_memory(tmp_path, name, value):
    with pytest.raises(ValueError, match=r"m\.safetensors"):
        load_checkpoint(altered(tmp_path / "m.safetensors", **{name: value}))


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    weight = load_checkpoint("general").of_source.weight.detach().clone()
    for bad in (float("nan"), float("inf")):
        weight[0, 0] = bad
        with pytest.raises(ValueError, match=r"of_source\.weight holds NaN or infinity"):
            load_checkpoint(altered(tmp_path / "m.safetensors", **{"of_source.weight": weight}))


@pytest.mark.parametrize(
    "settings", ["[1]", "[" * 100_000, "3", "{}", '{"kind": "lander"}', '{"kind": "lander", "config": 3}']
)
def test_settings_that_are_none_are_named(tmp_path, settings):
    save_file({"w": torch.zeros(2)}, tmp_path / "m.safetensors", {"workbench": settings})
    with pytest.raises(ValueError, match=r"m\.safetensors"):
        load_checkpoint(tmp_path / "m.safetensors")


def test_weights_that_are_no_floats_are_refused(tmp_path):
    model = load_checkpoint("glyphs-lander")
    save_checkpoint(model, tmp_path / "m.safetensors")
    sound = (tmp_path / "m.safetensors").read_bytes()
    header = sound.index(b'"dtype":"F32"')
    (tmp_path / "m.safetensors").write_bytes(sound[:header] + b'"dtype":"I32"' + sound[header + 13 :])
    with pytest.raises(ValueError, match=r"m\.safetensors are of another kind: .* is torch.int32, torch.float32 was"):
        load_checkpoint(tmp_path / "m.safetensors")
