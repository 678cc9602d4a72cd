"""Omniglot: the zips and an .npz of them give the same arrays."""

import hashlib
import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from web import serve

from workbench.data import load
from workbench.data.download import Remote
from workbench.data.omniglot import load_omniglot

# In the zips' spelling, with the spelling of the .npz: sorted differently on purpose.
ALPHABETS = {"Tifinagh": "Tifinaghs", "Japanese_(hiragana)": "Japanese (Hiragana)", "Angelic": "Angelic"}
DRAWERS = 3


@pytest.fixture(scope="module")
def drawings():
    """(alphabet, character, drawer) -> 105x105 with ink 0 on 255, as in the zips."""
    rng = np.random.default_rng(0)
    keys = [(a, c, d) for a in ALPHABETS for c in range(1, 3) for d in range(DRAWERS)]
    return {key: np.where(rng.random((105, 105)) < 0.2, 0, 255).astype(np.uint8) for key in keys}


def write_zip(path, drawings):
    with zipfile.ZipFile(path, "w") as archive:
        for (alphabet, character, drawer), pixels in reversed(list(drawings.items())):
            png = io.BytesIO()
            Image.fromarray(pixels).convert("1").save(png, "png")
            archive.writestr(f"{path.stem}/{alphabet}/character{character:02d}/07_{drawer + 1:02d}.png", png.getvalue())
    content = path.read_bytes()
    return Remote(f"http://127.0.0.1:9/{path.name}", hashlib.md5(content).hexdigest(), len(content))


def shrunk(pixels):
    return np.asarray(Image.fromarray(255 - pixels).resize((28, 28), Image.Resampling.LANCZOS))


def write_npz(path, drawings):
    names = list(ALPHABETS)
    classes = sorted({(names.index(a), c) for a, c, _ in drawings})
    np.savez(
        path,
        images=np.stack([shrunk(p) for p in drawings.values()]),
        labels=np.array([classes.index((names.index(a), c)) for a, c, _ in drawings], np.int32),
        alphabet=np.array([names.index(a) for a, _, _ in drawings], np.int16),
        alphabet_names=np.array(list(ALPHABETS.values())),
        drawer=np.array([d for _, _, d in drawings], np.int8),
        split=np.array(["evaluation"] * len(drawings)),
    )


@pytest.fixture
def folder(tmp_path, drawings):
    """A folder with the zip, and the record that knows its checksum."""
    return tmp_path, {"evaluation": write_zip(tmp_path / "images_evaluation.zip", drawings)}


def test_the_zip_is_read_in_order(folder, drawings):
    path, remotes = folder
    data = load_omniglot("evaluation", path=path, remotes=remotes)
    expected = [drawings[key] for key in sorted(drawings)]
    assert np.array_equal(data.images, np.stack([shrunk(p) for p in expected]))
    assert data.labels.tolist() == [i // DRAWERS for i in range(len(drawings))]
    assert data.class_names[:3] == ("Angelic/character01", "Angelic/character02", "Japanese_(hiragana)/character01")
    assert data.images.mean() == pytest.approx(0.2 * 255, abs=2)  # a fifth of the drawings is ink


def test_the_npz_gives_the_same(folder, drawings):
    path, remotes = folder
    write_npz(path / "copy.npz", drawings)
    one = load_omniglot("evaluation", path=path / "images_evaluation.zip", remotes=remotes)
    two = load("omniglot", split="evaluation", path=path / "copy.npz")
    assert one.fingerprint == two.fingerprint
    assert one.class_names == two.class_names


def test_the_environment_names_a_local_copy(folder, drawings, monkeypatch):
    path, remotes = folder
    monkeypatch.setenv("WORKBENCH_DATA", str(path))
    assert len(load_omniglot("evaluation", remotes=remotes)) == len(drawings)


def test_it_is_downloaded_once(folder, drawings, tmp_path, monkeypatch):
    path, remotes = folder
    content = (path / "images_evaluation.zip").read_bytes()
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "fresh"))
    with serve({"images_evaluation.zip": content}, break_after=5000) as (address, asked):
        known = remotes["evaluation"]
        served = {"evaluation": Remote(f"{address}/images_evaluation.zip", known.md5, known.size)}
        for _ in range(2):
            assert len(load_omniglot("evaluation", remotes=served)) == len(drawings)
    assert len(asked) == 2
    assert (tmp_path / "fresh" / "omniglot" / "images_evaluation.zip").read_bytes() == content


def test_a_truncated_zip_is_named(folder):
    path, remotes = folder
    file = path / "images_evaluation.zip"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"images_evaluation\.zip: expected MD5"):
        load_omniglot("evaluation", path=path, remotes=remotes)


def test_an_empty_zip_is_named(tmp_path):
    remotes = {"evaluation": write_zip(tmp_path / "images_evaluation.zip", {})}
    with pytest.raises(ValueError, match="found none"):
        load_omniglot("evaluation", path=tmp_path, remotes=remotes)


def test_a_foreign_npz_is_named(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match=r"other\.npz: expected arrays .*images"):
        load("omniglot", split="evaluation", path=tmp_path / "other.npz")


def test_an_npz_without_the_split_is_named(folder, drawings):
    path, _ = folder
    write_npz(path / "half.npz", drawings)
    with pytest.raises(ValueError, match="background"):
        load("omniglot", split="background", path=path / "half.npz")


def test_a_folder_without_it_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"images_background\.zip or omniglot28\.npz"):
        load("omniglot", split="background", path=tmp_path)
