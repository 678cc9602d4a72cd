"""Glyph images: clean, distinct, deterministic, cached whole."""

import importlib.util
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from workbench.data import check_disjoint, load, splits
from workbench.data.faces import FACES, MASTER, draw, faces_of
from workbench.data.glyph_classes import CLASSES
from workbench.data.glyphs import MIN_FACES, SEEN_SIZES, UNSEEN_SIZES, render_split

SPLITS = ("encoder", "meta-train", "meta-val", "test-seen", "test-unseen")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def val(cache):
    return load("glyphs", split="meta-val", path=cache)


@pytest.fixture(scope="module")
def recipe():
    file = Path(__file__).parents[2] / "datasets" / "glyphs" / "recipe.py"
    spec = importlib.util.spec_from_file_location("glyph_recipe", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_splits_share_no_character():
    assert splits("glyphs") == SPLITS
    for a, b in combinations(SPLITS, 2):
        assert not set(CLASSES[a]) & set(CLASSES[b])
    assert all(len(set(chars)) == len(chars) for chars in CLASSES.values())


def test_every_class_can_be_drawn_by_two_faces_or_more():
    counts = [len(faces_of(char)) for chars in CLASSES.values() for char in chars]
    assert min(counts) >= MIN_FACES
    assert max(counts) == len(FACES) == 16


def test_a_drawing_is_centred_and_fills_its_box():
    drawing = draw("H", "DejaVuSans")
    rows, columns = np.flatnonzero(drawing.any(axis=1)), np.flatnonzero(drawing.any(axis=0))
    assert drawing.shape == (MASTER, MASTER)
    assert len(rows) == 48
    assert abs(columns[0] - (MASTER - 1 - columns[-1])) <= 1
    assert drawing.max() == 255


@pytest.mark.parametrize("char", [" ", "\ue000", "\U0001f600"])
def test_no_box_and_no_blank_is_ever_drawn(char):
    face = "STIXGeneral"
    with pytest.raises(RuntimeError, match=f"{face} has no drawing"):
        draw(char, face)


def test_homoglyphs_are_not_two_classes():
    every = set("".join(CLASSES.values()))
    for group in ("AΑАᴀꓮ", "Oo0ОоΟοꓳ߀Օ", "cCсСϹꓚ", "IlІⵏⵊ", "ΔᐃⵠߡДд"):
        assert len(every & set(group)) <= 2 - (group[0] != "Δ")


def test_no_two_kept_characters_look_alike_in_the_plainest_face(recipe):
    chars = [c for chars in CLASSES.values() for c in chars if "DejaVuSans" in faces_of(c)]
    alike = recipe.similarity(chars, ("DejaVuSans",))
    np.fill_diagonal(alike, -1)
    assert alike.max() <= recipe.THRESHOLD + 1e-3


def test_the_recipe_measures_likeness_right(recipe):
    alike = recipe.similarity(["A", "Α", "c", "C", "W"], ("DejaVuSans",))
    assert alike[0, 1] == pytest.approx(1, abs=1e-5)
    assert alike[2, 3] > recipe.THRESHOLD > alike[0, 4]
    assert np.array_equal(alike, alike.T)
    kept, dropped = recipe.keep_distinct(["A", "Α", "c", "C", "W"], alike)
    assert (kept, dropped) == (["A", "c", "W"], {"Α": "A", "C": "c"})


def test_the_recipe_s_table_reads_back(recipe):
    space = {}
    exec(recipe.table_source(CLASSES), space)
    assert space["CLASSES"] == CLASSES


def test_images_are_inked_and_not_cut_off(val):
    assert val.images.shape[1:] == (32, 32)
    assert val.images.dtype == np.uint8
    assert (val.images.max(axis=(1, 2)) > 150).all()
    ink = val.images.astype(int).sum(axis=(1, 2)) / 255
    assert ink.min() > 15
    assert ink.max() < 32 * 32 * 0.6
    edge = np.concatenate([val.images[:, [0, -1]], val.images[:, :, [0, -1]].transpose(0, 2, 1)], axis=1)
    assert edge.mean() < 8  # noise alone


def test_labels_and_names_fit(val):
    assert val.n_classes == len(val.class_names) == len(CLASSES["meta-val"])
    assert val.class_names[0].startswith(CLASSES["meta-val"][0] + " ")
    assert "letter" in val.class_names[0]
    assert val.name == "glyphs/meta-val"


def test_the_seed_settles_everything(val):
    again = render_split("meta-val", 0)
    assert np.array_equal(again[0], val.images)
    assert np.array_equal(again[1], val.labels)
    other = render_split("meta-val", 1)
    assert not np.array_equal(other[1], val.labels)


def test_images_of_a_class_differ(val):
    assert len(np.unique(val.images.reshape(len(val), -1), axis=0)) == len(val)


def test_size_laws():
    rng = np.random.default_rng(0)
    seen, unseen = SEEN_SIZES.draw(20_000, rng), UNSEEN_SIZES.draw(20_000, rng)
    assert 20 < seen.mean() < 24
    assert 65 < unseen.mean() < 75
    assert (seen.min(), seen.max(), unseen.min(), unseen.max()) == (4, 120, 2, 600)


def test_a_cached_split_is_read_not_drawn(val, cache):
    (file,) = (cache / "glyphs").glob("meta-val-seed0-*.npz")
    before = file.stat().st_mtime_ns
    assert load("glyphs", split="meta-val", path=cache).fingerprint == val.fingerprint
    assert file.stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", ["cut", "flip", "foreign"])
def test_a_damaged_cache_is_rebuilt(val, cache, damage):
    (file,) = (cache / "glyphs").glob("meta-val-seed0-*.npz")
    content = bytearray(file.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flip":
        content[len(content) // 2] ^= 255
    else:
        content = bytearray(b"not a zip")
    file.write_bytes(content)
    assert load("glyphs", split="meta-val", path=cache).fingerprint == val.fingerprint
    assert np.load(file)["images"].shape == val.images.shape
    assert len(list((cache / "glyphs").iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_only_warned_about(val, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.warns(UserWarning, match="not cached"):
        glyphs = load("glyphs", split="meta-val", path=blocked)
    assert glyphs.fingerprint == val.fingerprint


def test_splits_are_disjoint_by_image_too(val, cache):
    report = check_disjoint(val, load("glyphs", split="meta-train", path=cache))
    assert report.ok
    assert report.shared_classes == ()


@pytest.mark.parametrize(
    ("name", "split", "message"),
    [
        ("glyphs", "train", "'encoder', 'meta-train', 'meta-val', 'test-seen', 'test-unseen', got 'train'"),
        ("mnist", "test", "'glyphs', 'digits', 'omniglot', 'lfw', 'flowers102', 'butterflies', got 'mnist'"),
        ("digits", "train", "'test', got 'train'"),
    ],
)
def test_unknown_names_list_the_known(name, split, message):
    with pytest.raises(ValueError, match=message):
        load(name, split=split)


@pytest.mark.parametrize("seed", [-1, 1.5])
def test_a_bad_seed_is_refused(seed):
    with pytest.raises((ValueError, TypeError), match="seed"):
        load("glyphs", split="meta-val", seed=seed)
