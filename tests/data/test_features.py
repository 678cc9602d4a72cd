"""The user's own files: each kind read right, each broken one named."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from workbench._core.memmap import is_memmap
from workbench._core.names import check_path
from workbench.data import ImageSet, features, load_features

X = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
Y = np.arange(12) % 3
NAMES = np.array(["ant", "bee", "cat"])


def write_npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_npz_with_either_spelling(tmp_path):
    for keys in (("features", "labels"), ("X", "y")):
        data = load_features(write_npz(tmp_path / "a.npz", **dict(zip(keys, (X, Y), strict=True))))
        assert np.array_equal(data.features, X)
        assert np.array_equal(data.labels, Y)
    assert load_features(write_npz(tmp_path / "a.npz", X=X)).labels is None


def test_names_become_numbers(tmp_path):
    data = load_features(write_npz(tmp_path / "a.npz", features=X, labels=NAMES[Y]))
    assert data.class_names == ("ant", "bee", "cat")
    assert np.array_equal(data.labels, Y)


def test_npy_is_not_read_into_memory(tmp_path):
    np.save(tmp_path / "a.npy", X)
    data = load_features(tmp_path / "a.npy")
    assert np.array_equal(data.features, X)
    assert isinstance(data.features.base, np.memmap) or isinstance(data.features, np.memmap)
    assert not data.features.flags.writeable


@pytest.mark.parametrize("labels", [Y, NAMES[Y]])
def test_parquet_of_columns_and_of_lists(tmp_path, labels):
    wide = pd.DataFrame(X, columns=[f"x{i}" for i in range(5)]).assign(label=labels)
    lists = pd.DataFrame({"features": list(X), "label": labels})
    for frame in (wide, lists):
        frame.to_parquet(tmp_path / "a.parquet")
        data = load_features(tmp_path / "a.parquet")
        assert np.array_equal(data.features, X)
        assert np.array_equal(data.labels, Y)


def test_learn_to_cluster_files(tmp_path):
    X.tofile(tmp_path / "a.bin")
    (tmp_path / "a.meta").write_text("\n".join(map(str, Y)) + "\n")
    for dim in (None, 5):
        data = load_features(tmp_path / "a.bin", dim=dim)
        assert np.array_equal(data.features, X)
        assert np.array_equal(data.labels, Y)
    (tmp_path / "a.meta").unlink()
    assert load_features(tmp_path / "a.bin", dim=5).labels is None


def test_learn_to_cluster_folders(tmp_path):
    for name in ("features", "labels", "else"):
        (tmp_path / name).mkdir()
    for name in ("features", "else"):
        X.tofile(tmp_path / name / "a.bin")
    (tmp_path / "labels/a.meta").write_text("\n".join(map(str, Y)) + "\n")
    assert np.array_equal(load_features(tmp_path / "features/a.bin").labels, Y)
    assert load_features(tmp_path / "else/a.bin", dim=5).labels is None
    (tmp_path / "features/a.meta").write_text("0\n" * 12)
    assert np.array_equal(load_features(tmp_path / "features/a.bin").labels, Y)  # the layout wins


@pytest.mark.parametrize(("dim", "message"), [(None, "dim: how many numbers"), (7, "not whole float32 rows")])
def test_a_bin_needs_its_dimension(tmp_path, dim, message):
    X.tofile(tmp_path / "a.bin")
    with pytest.raises(ValueError, match=message):
        load_features(tmp_path / "a.bin", dim=dim)


def test_a_bin_must_match_its_labels(tmp_path):
    X.tofile(tmp_path / "a.bin")
    (tmp_path / "a.meta").write_text("0\n" * 7)
    with pytest.raises(ValueError, match=r"a\.bin: 240 bytes .* 7 rows by a\.meta"):
        load_features(tmp_path / "a.bin")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_official_pickle_in_every_protocol(tmp_path, protocol):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([X, Y], protocol=protocol))
    data = load_features(tmp_path / "a.pkl")
    assert np.array_equal(data.features, X)
    assert np.array_equal(data.labels, Y)


def test_images_by_class(tmp_path):
    grey = np.arange(2 * 36, dtype=np.uint8).reshape(2, 6, 6)
    for name, image in zip(("b", "a"), grey, strict=True):
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.fromarray(image).save(tmp_path / "set" / name / "1.png")
    (tmp_path / "set" / "a" / "notes.txt").write_text("no image")
    with pytest.warns(UserWarning, match=r"1 left out: .*notes\.txt"):
        data = load_features(tmp_path / "set")
    assert isinstance(data, ImageSet)
    assert np.array_equal(data.images, grey[::-1])
    assert (data.class_names, data.labels.tolist(), data.name) == (("a", "b"), [0, 1], "set")


def test_images_of_many_kinds_come_to_one_size(tmp_path):
    (tmp_path / "set" / "a").mkdir(parents=True)
    Image.new("L", (6, 6), 9).save(tmp_path / "set" / "a" / "1.png")
    Image.new("RGBA", (9, 8), (255, 0, 0, 255)).save(tmp_path / "set" / "a" / "2.PNG")
    with pytest.raises(ValueError, match="scale them to one: size="):
        load_features(tmp_path / "set")
    data = load_features(tmp_path / "set", size=10)
    assert data.images.shape == (2, 10, 10, 3)
    assert data.images[:, 5, 5].tolist() == [[9, 9, 9], [255, 0, 0]]


def test_folders_without_classes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="found none"):
        load_features(tmp_path)
    Image.new("L", (6, 6)).save(tmp_path / "1.png")
    with pytest.raises(ValueError, match="class"):
        load_features(tmp_path)


def test_a_broken_image_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    Image.new("RGB", (60, 60), "red").save(tmp_path / "a" / "1.jpg")
    content = (tmp_path / "a" / "1.jpg").read_bytes()
    for broken in (content[: len(content) // 2], b"no image"):
        (tmp_path / "a" / "1.jpg").write_bytes(broken)
        with pytest.raises(ValueError, match=r"1\.jpg: not a whole picture"):
            load_features(tmp_path)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".pkl"])
@pytest.mark.parametrize("kind", ["empty", "foreign", "cut"])
def test_broken_files_are_named(tmp_path, suffix, kind):
    file = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(file, X)
    elif suffix == ".npz":
        np.savez(file, features=X)
    elif suffix == ".parquet":
        pd.DataFrame(X, columns=list("abcde")).to_parquet(file)
    else:
        file.write_bytes(pickle.dumps([X, Y]))
    whole = file.read_bytes()
    file.write_bytes({"empty": b"", "foreign": b"hello, this is text\n", "cut": whole[: len(whole) // 2]}[kind])
    with pytest.raises(ValueError, match=rf"a\{suffix}"):
        load_features(file)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"other": X}, "named features or x or embeddings, got other"),
        ({"features": X[0]}, "expected a 2D array"),
        ({"features": X, "labels": Y[:-1]}, "expected 12 labels"),
        ({"features": np.where(X > 2, np.nan, X), "labels": Y}, "NaN"),
        ({"features": X.astype(str)}, "expected numbers"),
        ({"features": X.astype(object)}, "not a whole"),
    ],
)
def test_wrong_contents_are_named(tmp_path, arrays, message):
    features = arrays.get("features")
    if features is not None and message == "NaN":
        features[3, 2] = np.nan
    with pytest.raises(ValueError, match=rf"a\.npz.*{message}"):
        load_features(write_npz(tmp_path / "a.npz", **arrays))


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("labels", [None, list("cabca")])
def test_parquet_of_many_rows_is_read_part_by_part(lists, labels, tmp_path, monkeypatch):
    X = np.random.default_rng(0).random((5, 3))
    frame = pd.DataFrame({"features": list(X)} if lists else dict(zip("abc", X.T, strict=True)))
    if labels:
        frame["label"] = labels
    frame.to_parquet(tmp_path / "a.parquet")
    whole = load_features(tmp_path / "a.parquet")
    monkeypatch.setattr(features, "BATCH", 2)
    parts = load_features(tmp_path / "a.parquet")
    assert is_memmap(parts.features)
    np.testing.assert_array_equal(parts.features, whole.features.astype(np.float32))
    assert parts.class_names == whole.class_names
    assert labels is None or parts.labels.tolist() == whole.labels.tolist()


def test_parquet_without_numbers_and_with_missing_labels(tmp_path):
    file = tmp_path / "a.parquet"
    pd.DataFrame({"label": ["a"], "text": ["b"]}).to_parquet(file)
    with pytest.raises(ValueError, match="numeric columns"):
        load_features(file)
    pd.DataFrame({"label": ["a", None], "x": [1.0, 2.0]}).to_parquet(file)
    with pytest.raises(ValueError, match="expected one per row, got none in row 1"):
        load_features(file)
    pd.DataFrame({"features": [[1.0, 2.0], [1.0]]}).to_parquet(file)
    with pytest.raises(ValueError, match=r"a\.parquet"):
        load_features(file)


def test_unknown_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="path"):
        load_features(tmp_path / "none.npy")
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(ValueError, match=r"\.npy, \.npz, \.parquet.*got \.csv"):
        load_features(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "content", [b"0\n1\n2\n" * 4, b"\xef\xbb\xbf" + b"0\r\n1\r\n2\r\n" * 4 + b"\n\n", b" 0 \n1\n+2\n" * 4]
)
def test_labels_as_people_save_them(tmp_path, content):
    X.tofile(tmp_path / "a.bin")
    (tmp_path / "a.meta").write_bytes(content)
    assert load_features(tmp_path / "a.bin").labels.tolist() == Y.tolist()
    (tmp_path / "a.meta").write_bytes(content.decode("utf-8-sig").encode("utf-16"))
    assert load_features(tmp_path / "a.bin").labels.tolist() == Y.tolist()


@pytest.mark.parametrize(
    ("line", "message"),
    [(b"Jos\xe9", r"a\.meta: labels: expected text in UTF-8, got byte 0xe9"), (b"9" * 30, "too large")],
)
def test_labels_that_cannot_be_are_named(tmp_path, line, message):
    X.tofile(tmp_path / "a.bin")
    (tmp_path / "a.meta").write_bytes((line + b"\n") * 12)
    with pytest.raises(ValueError, match=message):
        load_features(tmp_path / "a.bin")


@pytest.mark.parametrize("name", ["label", "Labels", "y", "class", "target"])
def test_labels_have_the_same_names_in_every_format(tmp_path, name):
    frame = pd.DataFrame(X, columns=list("abcde")).assign(**{name: Y, "id": range(12), "text": "x"})
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.warns(UserWarning, match="left out: id, text"):
        table = load_features(tmp_path / "a.parquet")
    for data in (table, load_features(write_npz(tmp_path / "a.npz", embeddings=X, **{name: Y}))):
        assert np.array_equal(data.features, X)
        assert np.array_equal(data.labels, Y)


def test_whole_numbers_that_may_number_rows_or_classes_are_told(tmp_path):
    """An index is none; a column named so is left out; one of another name is a feature, and doubtful."""
    frame = pd.DataFrame(X, columns=list("abcde"))
    index = frame.set_index(pd.Index(range(100, 112), name="customer"))
    index.to_parquet(tmp_path / "a.parquet")
    assert np.array_equal(load_features(tmp_path / "a.parquet").features, X)
    index.reset_index().to_parquet(tmp_path / "a.parquet")
    with pytest.warns(UserWarning, match="whole numbers beside fractions are taken for features: customer; if th"):
        found = load_features(tmp_path / "a.parquet").features
    assert np.array_equal(found, np.column_stack([np.arange(100, 112), X]))
    frame.assign(species=Y).to_parquet(tmp_path / "a.parquet")
    with pytest.warns(UserWarning, match="taken for features: species; .* one 'label', or drop them"):
        assert load_features(tmp_path / "a.parquet").features.shape == (12, 6)
    sound = (frame * 9999).astype(int)  # all are whole numbers
    sound.to_parquet(tmp_path / "a.parquet")
    assert np.array_equal(load_features(tmp_path / "a.parquet").features, sound.to_numpy())


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ([1.0], "features: expected lists of 2 numbers, got 1 in row 11"),
        (None, "features: expected a list of numbers in each row, got 'None' in row 11"),
    ],
)
def test_a_column_of_lists_names_the_row_that_is_none(tmp_path, last, words):
    pd.DataFrame({"features": [*([[1.0, 2.0]] * 11), last]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=f"a.parquet: {words}"):
        load_features(tmp_path / "a.parquet")
    pd.DataFrame({"features": [[[1.0], [2.0]]] * 3}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(
        ValueError, match=r"a.parquet: features: expected a list of numbers in each row, got '\[array.* row 0"
    ):
        load_features(tmp_path / "a.parquet")


def test_an_index_of_labels_holds_labels(tmp_path):
    pd.DataFrame(X, columns=list("abcde"), index=pd.Index(Y, name="Label")).to_parquet(tmp_path / "a.parquet")
    found = load_features(tmp_path / "a.parquet")
    assert np.array_equal(found.labels, Y)
    assert np.array_equal(found.features, X)


def test_classes_that_are_none_are_told_or_refused(tmp_path):
    labels = np.where(np.arange(12) < 4, -1, Y)
    with pytest.warns(UserWarning, match=r"a.npz: labels: 4 of 12 rows are -1, which counts as one class"):
        data = load_features(write_npz(tmp_path / "a.npz", features=X, labels=labels))
    assert np.array_equal(data.labels, labels)
    for empty in ("", "  ", None):
        frame = pd.DataFrame(X, columns=list("abcde")).assign(label=["u", "v", empty] * 4)
        frame.to_parquet(tmp_path / "a.parquet")
        with pytest.raises(ValueError, match=r"a.parquet: labels: expected one per row, got none in row 2"):
            load_features(tmp_path / "a.parquet")


def test_two_columns_of_labels_are_doubtful(tmp_path):
    with pytest.raises(ValueError, match=r"labels: expected one of .* got y, label; rename"):
        load_features(write_npz(tmp_path / "a.npz", X=X, y=Y, label=Y))


def test_a_dimension_goes_with_bin_only_and_endings_in_capitals_are_read(tmp_path):
    np.save(tmp_path / "a.npy", X)
    (tmp_path / "a.npy").rename(tmp_path / "a.NPY")
    assert np.array_equal(load_features(tmp_path / "a.NPY").features, X)
    with pytest.raises(ValueError, match=r"dim: goes with \.bin files only"):
        load_features(tmp_path / "a.NPY", dim=5)


def test_a_wrong_dimension_is_no_fault_of_the_file(tmp_path):
    X.astype(np.float32).tofile(tmp_path / "a.bin")
    with pytest.raises(ValueError, match=r"^dim: expected an integer"):
        load_features(tmp_path / "a.bin", dim=0)


def test_two_columns_of_one_name_are_two_columns(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [pa.array([float(i), float(i + 1), 0.0]) for i in range(3)]
    pq.write_table(pa.table(columns, names=["a", "a", "b"]), tmp_path / "x.parquet")
    assert load_features(tmp_path / "x.parquet").features.tolist() == [[0, 1, 2], [1, 2, 3], [0, 0, 0]]


def test_lists_of_other_lengths_in_a_later_part_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.data.features.BATCH", 2)
    pd.DataFrame({"features": [[1.0, 2.0], [3.0, 4.0], [5.0], [6.0]]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"x.parquet: .*expected rows of 2 numbers, got 1 from 2 on"):
        load_features(tmp_path / "x.parquet")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("ending", ["npy", "npz", "parquet", "pkl", "bin"])
def test_a_name_that_is_no_utf_8_is_read_and_escaped(tmp_path, ending):
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "a.npz", features=X)
    pd.DataFrame(X, columns=list("abcde")).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([X, Y]))
    X.tofile(tmp_path / "a.bin")
    named = tmp_path / os.fsdecode(b"caf\xe9." + ending.encode())
    (tmp_path / f"a.{ending}").rename(named)
    data = load_features(named, dim=5 if ending == "bin" else None)
    assert data.name == r"caf\xe9"
    assert np.array_equal(data.features, X)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "none in line 1"), (b" \n\n", "none in line 1"), (b"0\n" * 3 + b"\n" + b"0\n" * 8, "none in line 4")],
)
def test_a_line_without_a_label_is_no_label(tmp_path, content, message):
    X.tofile(tmp_path / "a.bin")
    (tmp_path / "a.meta").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.meta: labels: expected one in each line, got {message}"):
        load_features(tmp_path / "a.bin")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"a": [1.0], "label": [0]}).iloc[:0], "expected at least one row, got none"),
        (pd.DataFrame({"features": [[1.0]]}).iloc[:0], "expected at least one row, got none"),
        (pd.DataFrame({"text": ["a"]}), "expected numeric columns, .* got text"),
    ],
)
def test_a_whole_table_is_not_called_damaged(tmp_path, frame, message):
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=rf"a\.parquet: {message}") as caught:
        load_features(tmp_path / "a.parquet")
    assert "not a whole" not in str(caught.value)


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_numpys_advice_to_run_a_pickle_is_not_passed_on(tmp_path, ending):
    file = tmp_path / f"a.{ending}"
    file.write_text("1 2 3\n4 5 6\n")
    objects = np.array([[1, "a"]], dtype=object)
    with pytest.raises(ValueError, match=rf"a\.{ending}: not a whole .*another kind") as text:
        load_features(file)
    np.save(file, objects) if ending == "npy" else np.savez(file, features=objects)
    with pytest.raises(ValueError, match=rf"a\.{ending}: not a whole") as pickled:
        load_features(file)
    assert not any("allow_pickle" in str(caught.value) for caught in (text, pickled))


@pytest.mark.parametrize(
    ("given", "message"), [({"size": 3}, "size: goes with folders"), ({"links": True}, "links: goes with folders")]
)
def test_options_of_folders_are_refused_with_files(tmp_path, given, message):
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(ValueError, match=message):
        load_features(tmp_path / "a.npy", **given)
    with pytest.raises(ValueError, match=r"dim: goes with \.bin files only"):
        load_features(tmp_path, dim=3)


@pytest.mark.parametrize("path", [3, None, b"a.npy"])
def test_what_is_no_path_is_named(path):
    with pytest.raises(TypeError, match="path: expected the name of a file or folder, got"):
        check_path(path)


@pytest.mark.parametrize("name", ["load_features", "find_pictures", "read_picture"])
def test_readers_name_what_is_no_path(name):
    """In a process of its own: in this one types are checked at the call."""
    command = [sys.executable, "-c", f"import workbench.data; workbench.data.{name}(3)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "expected the name of a file or folder, got int; pass a text or a pathlib.Path" in done.stderr
