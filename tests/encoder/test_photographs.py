"""Photographs of people who do not exist (openpeople, MIT): features, boxes, what is kept on disk, bad files."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import openpeople
import pytest
import torch
from PIL import Image

import workbench as wb
from workbench.data import PhotoSet
from workbench.encoder import photographs

PEOPLE = Path(openpeople.__file__).parent / "data/curated"
PICTURES = ("studio_portrait", "amateur_selfie", "studio_posture")


def colour(batch):
    """Stands in for an encoder that takes a list of PIL pictures, as sentence-transformers' `encode` does."""
    return np.stack([np.asarray(picture, dtype=np.float64).mean(axis=(0, 1)) for picture in batch])


class TorchModel(torch.nn.Module):
    """Stands in for a model of torchvision, timm, open_clip or DINO: a batch of tensors in, features out."""

    def forward(self, x):
        return x.mean(dim=(2, 3))


def preprocess(picture):
    """Stands in for their transforms: a PIL picture to a tensor."""
    return torch.from_numpy(np.array(picture.resize((8, 8)), dtype=np.float32)).permute(2, 0, 1) / 255


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Four people, three small pictures of each."""
    folder = tmp_path_factory.mktemp("people")
    for person in ("P001", "P002", "P003", "P004"):
        for name in PICTURES:
            with Image.open(PEOPLE / person / "assets" / f"{name}.jpg") as picture:
                picture.thumbnail((900, 900))
                picture.save(folder / f"{person}_{name}.jpg")
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


def embedded(*arguments, **options):
    return wb.embed(*arguments, **{"progress": False, "device": "cpu", **options})


def test_faces_of_one_person_are_nearest_each_other(people, kept):
    found = embedded(people, encoder="faces", cache=kept)
    assert found.features.shape == (12, 128)
    who = np.array([Path(file).name[:4] for file in found.rows["file"]])
    apart = np.linalg.norm(found.features[:, None] - found.features[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (who[apart.argmin(axis=1)] == who).all()
    same = who[:, None] == who[None]
    assert np.median(apart[same & np.isfinite(apart)]) < 0.6 < np.median(apart[~same])  # dlib's own rule
    assert (found.rows["right"] > found.rows["left"]).all()
    assert not len(found.skipped)


def test_several_faces_of_a_photograph_are_rows_that_know_their_box(tmp_path, people):
    """Two portraits side by side: left to right, each like the portrait alone."""
    portraits = [Image.open(people / f"{person}_studio_portrait.jpg") for person in ("P001", "P002")]
    both = Image.new("RGB", (1800, 900))
    for i, portrait in enumerate(portraits):
        both.paste(portrait, (900 * i, 0))
    found = embedded([both, *portraits], encoder="faces", cache=False)
    assert found.rows["image"].tolist() == [0, 0, 1, 2]
    assert found.rows["right"][0] <= 900 <= found.rows["left"][1]
    apart = np.linalg.norm(found.features[:2] - found.features[2:], axis=1)
    assert (apart < 0.3).all()


def test_cut_faces_are_one_row_each(people):
    picture = Image.open(people / "P001_studio_portrait.jpg")
    nobody = Image.new("RGB", (250, 250), "grey")
    found = embedded([picture, nobody], encoder="faces", detect=False, cache=False)
    assert found.rows["image"].tolist() == [0, 1]
    assert found.rows.loc[1, ["left", "top", "right", "bottom"]].tolist() == [75, 80, 176, 191]
    whole = embedded([picture], encoder="faces", cache=False)
    assert np.array_equal(found.features[0], whole.features[0])


def test_photos_have_1280_numbers_and_alike_pictures_are_alike(people):
    found = embedded(people, encoder="photos", cache=False, batch_size=5)
    assert found.features.shape == (12, 1280)
    assert (found.features >= 0).all()
    rows = found.features / np.linalg.norm(found.features, axis=1, keepdims=True)
    kind = np.array([Path(file).stem[5:] for file in found.rows["file"]])
    cosine = rows @ rows.T
    np.fill_diagonal(cosine, -1)
    assert (kind[cosine.argmax(axis=1)] == kind).mean() > 0.7  # portraits, selfies and standing people
    alone = embedded([people / Path(found.rows["file"][7]).name], encoder="photos", cache=False)
    np.testing.assert_allclose(alone.features[0], found.features[7], atol=1e-4)


@pytest.mark.parametrize(
    "encoder",
    [
        colour,
        lambda batch: TorchModel()(torch.stack([preprocess(picture) for picture in batch])),
    ],
    ids=["list of pictures, as sentence-transformers", "tensors, as torchvision, timm, open_clip, DINO"],
)
def test_any_function_is_an_encoder(encoder, people):
    found = embedded(people, encoder=encoder)
    assert found.features.shape == (12, 3)
    assert found.features.dtype == np.float32
    assert found.rows.loc[1, ["left", "top", "right", "bottom"]].tolist() == [0, 0, 900, 900]


def test_a_file_is_encoded_once_by_its_content(people, tmp_path):
    seen = []

    def counted(batch):
        seen.extend(batch)
        return colour(batch)

    first = embedded(people, encoder=counted, cache=tmp_path / "kept", cache_as="colour-1")
    copies = tmp_path / "moved and renamed"
    copies.mkdir()
    for i, file in enumerate(sorted(people.iterdir())):
        (copies / f"{i:02d}.jpg").write_bytes(file.read_bytes())
    again = embedded(copies, encoder=counted, cache=tmp_path / "kept", cache_as="colour-1")
    assert len(seen) == 12
    assert np.array_equal(first.features, again.features)
    embedded(copies, encoder=counted, cache=tmp_path / "kept", cache_as="colour-2")
    assert len(seen) == 24  # another version of the encoder
    embedded(copies, encoder=counted, cache=tmp_path / "kept")
    assert len(seen) == 36  # no name, nothing kept


def test_a_damaged_file_of_features_is_computed_anew(people, tmp_path):
    first = embedded(people, encoder=colour, cache=tmp_path, cache_as="colour")
    damaged = sorted(tmp_path.rglob("*.npz"))
    assert len(damaged) == 12
    damaged[0].write_bytes(b"half")
    damaged[1].write_bytes(damaged[1].read_bytes()[:100])
    assert np.array_equal(embedded(people, encoder=colour, cache=tmp_path, cache_as="colour").features, first.features)
    assert embedded(people, encoder=colour, cache=tmp_path, cache_as="colour").rows.equals(first.rows)


def test_what_cannot_be_read_is_skipped_by_name(people, tmp_path):
    good = people / "P001_studio_portrait.jpg"
    (tmp_path / "άγνωστος 顔.jpg").write_bytes(good.read_bytes())
    (tmp_path / "half.jpg").write_bytes(good.read_bytes()[:3000])
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "notes.txt").write_text("notes")
    Image.new("RGB", (300, 300)).save(tmp_path / "nobody.png")
    found = embedded(tmp_path, encoder="faces", cache=False)
    assert [Path(file).name for file in found.rows["file"]] == ["άγνωστος 顔.jpg"]
    reasons = {
        Path(file).name: reason for file, reason in zip(found.skipped["file"], found.skipped["reason"], strict=True)
    }
    assert set(reasons) == {"half.jpg", "text.jpg", "notes.txt", "nobody.png"}
    assert reasons["nobody.png"] == "no face found"
    assert found.skipped.loc[found.skipped["file"].str.endswith("notes.txt"), "image"].tolist() == [-1]


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGBA", "P", "1", "I;16"])
def test_every_kind_of_pixels_is_met(mode, tmp_path):
    ending = "tif" if mode == "CMYK" else "png"
    if mode == "I;16":
        Image.fromarray(np.full((40, 30), 40_000, np.uint16)).save(tmp_path / "one.png")
    else:
        Image.new("RGB", (30, 40), "white").convert(mode).save(tmp_path / f"one.{ending}")
    found = embedded(tmp_path, encoder=colour)
    expected = 40_000 // 256 if mode == "I;16" else 255
    np.testing.assert_allclose(found.features, [[expected] * 3], atol=2)


def test_boxes_are_of_the_photograph_as_it_is_seen(tmp_path):
    turned = Image.new("RGB", (30, 40))
    exif = turned.getexif()
    exif[274] = 6  # to be turned by a quarter
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert embedded(tmp_path, encoder=colour).rows.loc[0, ["right", "bottom"]].tolist() == [40, 30]


def test_a_photo_set_gives_labels(people):
    files = tuple(sorted(people.iterdir()))
    labels = np.repeat(np.arange(4), 3)
    photographs = PhotoSet(files, labels, tuple("abcd"), np.repeat("test", 12), "four people")
    found = embedded(photographs, encoder=colour)
    assert np.array_equal(found.labels, labels)
    assert found.class_names == tuple("abcd")
    assert repr(found) == "Embedded('four people', 12 x 3 of 12 photographs, 0 skipped)"


def test_where_no_picture_can_be_read_a_picture_is_named(tmp_path):
    for name in ("a.txt", "b.jpg", "c.txt"):
        (tmp_path / name).write_text("words")
    with pytest.raises(ValueError, match=r"none of 1 pictures gave a feature; .*b.jpg: .* \(1 of 1 are left out"):
        embedded(tmp_path, encoder=colour)


def test_numbers_in_memory_are_photographs_too(tmp_path):
    pictures = np.zeros((3, 20, 10), np.uint8)
    assert embedded(pictures, encoder=colour).features.tolist() == [[0, 0, 0]] * 3
    assert embedded(pictures, encoder=colour, cache=tmp_path, cache_as="c").rows["file"].tolist() == [""] * 3
    assert len(list(tmp_path.rglob("*.npz"))) == 1  # equal contents are kept once


@pytest.mark.parametrize(
    ("images", "options", "error", "expected"),
    [
        ([], {}, ValueError, "images: expected at least one picture"),
        (7, {}, TypeError, "images: expected a PhotoSet, a folder, files or pictures, got int"),
        ([1.5], {}, TypeError, "images: expected files, PIL pictures or uint8 arrays, got float"),
        (["/no/such.jpg"], {}, ValueError, "images: none of 1 pictures gave a feature; /no/such.jpg"),
        ("/no/such/folder", {}, FileNotFoundError, "/no/such/folder"),
        (
            np.zeros((1, 9, 9), np.uint8),
            {"encoder": "nonsense"},
            ValueError,
            "encoder: expected one of",
        ),
        (np.zeros((1, 9, 9), np.uint8), {"batch_size": 0}, ValueError, "batch_size"),
        (np.zeros((1, 9, 9), np.uint8), {"encoder": lambda batch: np.zeros(3)}, ValueError, r"expected rows \[1, D\]"),
        (np.zeros((1, 99, 99), np.uint8), {"encoder": "faces", "cache": False}, ValueError, "no face found"),
    ],
)
def test_bad_input_is_named(images, options, error, expected):
    with pytest.raises(error, match=expected):
        embedded(images, **{"encoder": colour, **options})


def test_a_folder_without_pictures_is_named(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(FileNotFoundError, match="no picture found in"):
        embedded(tmp_path)


@pytest.mark.parametrize("name", ["faces", "photos"])
def test_a_missing_extra_is_named(name, monkeypatch):
    monkeypatch.setattr(photographs, "find_spec", lambda package: None)
    with pytest.raises(ImportError, match=rf"pip install -c constraints.txt -e '\.\[{name}\]'"):
        embedded(np.zeros((1, 9, 9), np.uint8), encoder=name)


def test_the_file_of_68_landmarks_is_never_opened(people, monkeypatch):
    """Its training data exclude commercial use."""
    import face_recognition_models

    def never():
        raise AssertionError("opened")

    monkeypatch.setattr(face_recognition_models, "pose_predictor_model_location", never)
    assert len(embedded([people / "P001_studio_portrait.jpg"], encoder="faces", cache=False)) == 1


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="their disks take no such names")
def test_names_that_are_no_utf_8_are_used_and_escaped(tmp_path):
    for name, level in ((b"caf\xe9.png", 40), (b"z.png", 90), (b"caf\xe9.txt", 0), (b"half\xe9.png", 0)):
        file = tmp_path / os.fsdecode(name)
        if level:
            Image.new("RGB", (20, 10), (level, 0, 0)).save(tmp_path / "new.png")
            (tmp_path / "new.png").rename(file)
        else:
            file.write_bytes(b"no picture")
    found = embedded(tmp_path, encoder=colour, cache=tmp_path / "kept", cache_as="colour")
    assert found.rows["file"].tolist() == [f"{tmp_path}/caf\\xe9.png", f"{tmp_path}/z.png"]
    assert found.features[:, 0].tolist() == [40, 90]
    assert [os.fsencode(file.name) for file in found.files] == [b"caf\xe9.png", b"z.png"]
    assert found.thumbnails(20)[0].max() == 40
    assert {f"{tmp_path}/caf\\xe9.txt", f"{tmp_path}/half\\xe9.png"} <= set(found.skipped["file"])
    for table in (found.rows, found.skipped):
        table.to_csv(tmp_path / "table.csv", encoding="utf-8")
        json.dumps(table.to_dict(), ensure_ascii=False).encode("utf-8")
    alone = embedded([found.files[0]], encoder=colour, cache=False)
    assert len(alone) == 1


def test_thumbnails_are_in_the_order_of_the_rows(tmp_path):
    for name, level in (("a.png", 40), ("b.png", 90)):
        Image.new("RGB", (20, 20), (level, 0, 0)).save(tmp_path / name)
    found = embedded([tmp_path / name for name in ("a.png", "b.png", "a.png")], encoder=colour, cache=False)
    assert found.thumbnails(8)[:, 4, 4, 0].tolist() == [40, 90, 40]
    with pytest.raises(ValueError, match="thumbnails: expected photographs in files, got pictures in memory"):
        embedded(np.zeros((1, 9, 9), np.uint8), encoder=colour).thumbnails()


def test_rows_that_are_no_numbers_are_refused_and_never_kept(tmp_path):
    pictures = np.stack([np.full((8, 8, 3), value, dtype=np.uint8) for value in (10, 200, 20)])
    options = {"cache": tmp_path, "cache_as": "bright"}

    def broken(batch):
        rows = colour(batch)
        return np.where(rows > 100, np.nan, rows)

    with pytest.raises(ValueError, match=r"encoder: .* got NaN or infinity for .*1"):
        embedded(pictures, encoder=broken, **options)
    assert not [*tmp_path.rglob("*.npz")]
    whole = embedded(pictures, encoder=colour, **options)
    kept = sorted(tmp_path.rglob("*.npz"))
    for file in kept:
        np.savez(file, features=np.full((1, 3), np.inf, np.float32), boxes=np.array([[0, 0, 8, 8]]))
    again = embedded(pictures, encoder=colour, **options)
    assert np.array_equal(again.features, whole.features)
    assert all(np.isfinite(np.load(file)["features"]).all() for file in kept)
