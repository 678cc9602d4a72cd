"""Public sets of photographs: downloaded from a server of our own, unpacked, split by class."""

import hashlib
import io
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from web import serve

import workbench as wb
from workbench.data.download import Remote
from workbench.data.photo_sets import SOURCES, SPLITS, Source, class_splits, load_photo_set

PEOPLE = ("Ann_Lee", "Bo_Ek", "Cy_Os", "Di_Aho", "Eva_Ru", "Flo_Ma", "Gus_Ito", "Hal_Oz", "Ida_Po", "Jo_Xu")


def png(value=0):
    stream = io.BytesIO()
    Image.new("L", (4, 4), value).save(stream, "PNG")
    return stream.getvalue()


def tgz(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def mat(numbers):
    stream = io.BytesIO()
    savemat(stream, {"labels": np.array([numbers])})
    return stream.getvalue()


ARCHIVES = {
    "lfw": {
        "lfw-funneled.tgz": tgz({f"lfw_funneled/{name}/{name}_000{i}.jpg": png(i) for name in PEOPLE for i in (1, 2)})
    },
    "flowers102": {
        "102flowers.tgz": tgz({f"jpg/image_{i:05d}.jpg": png(i) for i in range(1, 6)}),
        "imagelabels.mat": mat([3, 1, 2, 1, 3]),
    },
    "butterflies": {
        "leedsbutterfly_dataset_v1.1.zip": zipped(
            {
                "leedsbutterfly_dataset_v1.1/leedsbutterfly/images/0010001.png": png(),
                "leedsbutterfly_dataset_v1.1/leedsbutterfly/images/0020001.png": png(),
                "leedsbutterfly_dataset_v1.1/leedsbutterfly/segmentations/0010001_seg0.png": png(),
            }
        )
    },
}


def sources(address, name):
    """The set's source with its files on our server; checksums of what is served."""
    source = SOURCES[name]
    remotes = tuple(
        Remote(f"{address}/{remote.name}", hashlib.sha256(ARCHIVES[name][remote.name]).hexdigest(), file=remote.name)
        for remote in source.remotes
    )
    return {name: Source(remotes, source.folder)}


@pytest.mark.parametrize("name", list(SOURCES))
def test_a_set_is_downloaded_once_and_unpacked(name, tmp_path):
    with serve(ARCHIVES[name]) as (address, asked):
        first = load_photo_set(name, root=tmp_path / "new", sources=sources(address, name))
        count = len(asked)
        again = load_photo_set(name, root=tmp_path / "new", sources=sources(address, name))
    assert count == len(asked) == len(ARCHIVES[name])
    assert first.paths == again.paths
    assert first.read(0).size == (4, 4)
    assert not [path for path in (tmp_path / "new").iterdir() if path.name.startswith(".")]
    expected = {"lfw": (20, 10), "flowers102": (5, 3), "butterflies": (2, 2)}[name]
    assert (len(first), len(first.class_names)) == expected


def test_a_broken_transfer_is_resumed(tmp_path):
    with serve(ARCHIVES["lfw"], break_after=300) as (address, asked):
        assert len(load_photo_set("lfw", root=tmp_path, sources=sources(address, "lfw"))) == 20
    assert asked == [None, "bytes=300-"]


def test_classes_come_from_folders_tables_and_names(tmp_path):
    loaded = {}
    for name in SOURCES:
        with serve(ARCHIVES[name]) as (address, _):
            loaded[name] = load_photo_set(name, root=tmp_path / name, sources=sources(address, name))
    assert loaded["lfw"].class_names == PEOPLE
    assert [loaded["flowers102"].class_names[label] for label in loaded["flowers102"].labels] == [
        "003", "001", "002", "001", "003",
    ]  # fmt: skip
    assert loaded["butterflies"].class_names == ("001", "002")
    assert set(loaded["butterflies"].splits) == {"test"}


def test_a_folder_that_is_there_needs_no_network(tmp_path):
    for person in PEOPLE:
        folder = tmp_path / "data" / "lfw_funneled" / person
        folder.mkdir(parents=True)
        (folder / f"{person}_0001.png").write_bytes(png())
    for root in (tmp_path, tmp_path / "data", tmp_path / "data" / "lfw_funneled"):
        assert len(wb.load("lfw", root=root)) == 10
    test = wb.load("lfw", split="test", root=tmp_path)
    assert (len(test), test.name) == (4, "lfw/test")


def test_no_class_is_in_two_splits_and_the_seed_decides():
    names = tuple(f"{i:03d}" for i in range(100))
    labels = np.repeat(np.arange(100), 3)
    splits = class_splits(names, labels)
    assert [(splits == split).sum() for split in SPLITS] == [150, 30, 120]
    assert all(len(set(splits[labels == label])) == 1 for label in range(100))
    assert not np.array_equal(splits, class_splits(names, labels, seed=1))
    order = np.random.default_rng(5).permutation(100)  # numbered otherwise, the same names stay in their splits
    renamed = class_splits(tuple(np.array(names)[order]), np.argsort(order)[labels])
    assert np.array_equal(splits, renamed)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"lfw-funneled.tgz": b"no archive"}, "not a whole archive"),
        ({"lfw-funneled.tgz": tgz({"other/a.png": png()})}, "expected a folder 'lfw_funneled' inside"),
        ({"lfw-funneled.tgz": ARCHIVES["lfw"]["lfw-funneled.tgz"][:500]}, "not a whole archive"),
    ],
)
def test_a_wrong_archive_is_named_and_leaves_no_folder(files, expected, tmp_path):
    with serve(files) as (address, _):
        unchecked = {"lfw": Source((Remote(f"{address}/lfw-funneled.tgz"),), "lfw_funneled")}
        with pytest.raises(ValueError, match=expected):
            load_photo_set("lfw", root=tmp_path, sources=unchecked)
    assert [path.name for path in tmp_path.iterdir()] == ["lfw-funneled.tgz"]


def test_without_a_network_the_error_says_what_to_put_where(tmp_path):
    source = {"lfw": Source((Remote("http://127.0.0.1:9/lfw-funneled.tgz", "0" * 64),), "lfw_funneled")}
    with pytest.raises(ConnectionError) as caught:
        load_photo_set("lfw", root=tmp_path, sources=source)
    for part in ("SHA-256 " + "0" * 64, str(tmp_path / "lfw-funneled.tgz")):
        assert part in str(caught.value)


def test_bad_names_are_refused():
    with pytest.raises(ValueError, match="name: expected one of"):
        load_photo_set("cifar")
    with pytest.raises(ValueError, match="split: expected one of"):
        wb.load("glyphs")
    with pytest.raises(ValueError, match="split: expected one of 'meta-train', 'meta-val', 'test', got 'foo'"):
        wb.load("lfw", "foo")  # before anything is downloaded
    with pytest.raises(ValueError, match="root: 'digits' has no folder"):
        wb.load("digits", split="test", root="/tmp")


def test_flowers_without_their_table_say_so(tmp_path):
    (tmp_path / "jpg").mkdir()
    (tmp_path / "jpg/image_00001.jpg").write_bytes(png())
    with pytest.raises(ValueError, match=r"expected imagelabels\.mat beside"):
        wb.load("flowers102", root=tmp_path)
