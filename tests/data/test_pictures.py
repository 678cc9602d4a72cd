"""One reader of pictures: what is taken from a file is what the file shows, and whatever else lies there is named."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from workbench.data import find_pictures, load_features, read_picture

GREY = (np.arange(12, dtype=np.uint8) * 20).reshape(3, 4)


def picture(path, image=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (Image.fromarray(GREY) if image is None else image).save(path, **options)
    return path


def pixels(path):
    return np.asarray(read_picture(path)).tolist()


def tiff(bits, row, photometric=1):
    """A TIFF of one grey row, by hand: Pillow writes no 12 bits."""
    packed = int("".join(f"{value:012b}" for value in row), 2)
    data = packed.to_bytes(len(row) * 12 // 8, "big") if bits == 12 else np.array(row, "<u2").tobytes()
    tags = {256: len(row), 257: 1, 258: bits, 259: 1, 262: photometric, 273: 0, 277: 1, 278: 1, 279: len(data)}
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


@pytest.mark.parametrize(
    ("turn", "right"),
    [
        (1, GREY),
        (2, GREY[:, ::-1]),
        (3, GREY[::-1, ::-1]),
        (4, GREY[::-1]),
        (5, GREY.T),
        (6, np.rot90(GREY, -1)),
        (7, GREY[::-1, ::-1].T),
        (8, np.rot90(GREY)),
    ],
)
@pytest.mark.parametrize(("ending", "depth"), [("png", 8), ("tif", 8), ("png", 16)])
def test_orientation(tmp_path, turn, right, ending, depth):
    tags = Image.Exif()
    tags[0x0112] = turn
    image = Image.fromarray(GREY if depth == 8 else GREY.astype(np.uint16) << 8)
    assert pixels(picture(tmp_path / f"a.{ending}", image, exif=tags)) == right.tolist()


def test_damaged_tags_leave_the_picture(tmp_path):
    file = picture(tmp_path / "a.png", exif=b"Exif\0\0no tags at all")
    assert pixels(file) == GREY.tolist()


@pytest.mark.parametrize(
    ("image", "options", "right"),
    [
        (Image.new("RGBA", (1, 1), (0, 0, 0, 0)), {}, [255, 255, 255]),
        (Image.new("RGBA", (1, 1), (255, 0, 0, 51)), {}, [255, 204, 204]),
        (Image.new("LA", (1, 1), (0, 51)), {}, 204),
        (Image.new("L", (1, 1), 9), {"transparency": 9}, 255),
        (Image.new("RGB", (1, 1), (9, 8, 7)), {"transparency": (9, 8, 7)}, [255, 255, 255]),
        (Image.new("1", (1, 1), 1), {}, 255),
        (Image.new("RGB", (1, 1), (9, 8, 7)).convert("P", palette=Image.Palette.ADAPTIVE), {}, [9, 8, 7]),
    ],
)
def test_transparency_and_modes(tmp_path, image, options, right):
    assert pixels(picture(tmp_path / "a.png", image, **options)) == [[right]]


def test_cmyk(tmp_path):
    assert pixels(picture(tmp_path / "a.tif", Image.new("CMYK", (1, 1), (0, 255, 255, 0)))) == [[[255, 0, 0]]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("12 bits.tif", tiff(12, [0, 4095, 2048, 16])),
        ("16 bits.tif", tiff(16, [0, 65535, 32768, 256])),
        ("white is zero.tif", tiff(16, [65535, 0, 32767, 65279], photometric=0)),
        ("10 bits.pgm", b"P2 4 1 1020\n0 1020 511 4\n"),
        ("16 bits.pgm", b"P5 4 1 65535\n" + np.array([0, 65535, 32768, 256], ">u2").tobytes()),
    ],
)
def test_more_than_eight_bits(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert pixels(tmp_path / name) == [[0, 255, 128, 1]]


@pytest.mark.parametrize("ending", ["gif", "png", "tif", "webp"])
def test_the_first_of_several_frames(tmp_path, ending):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    file = picture(tmp_path / "a" / f"x.{ending}", frames[0], save_all=True, append_images=frames[1:])
    shown = read_picture(file)
    assert shown.info["animated"]
    red = np.asarray(shown)[2, 2]
    assert red[0] > 250
    assert red[1:].max() < 5
    with pytest.warns(UserWarning, match=rf"first of several frames is taken of .*x\.{ending}"):
        load_features(tmp_path)


def huge(side):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def eps():
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "EPS")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "none of PNG"), (eps(), "none of PNG"), (huge(20_000), "exceeds limit"), (huge(2**31), ""), (huge(0), "")],
)
def test_what_is_no_picture_is_named(tmp_path, content, message):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.png: not a whole picture: .*{message}"):
        read_picture(tmp_path / "a.png")


def test_floats_are_no_grey_values(tmp_path):
    with pytest.raises(ValueError, match="expected 8, 12 or 16 bits"):
        read_picture(picture(tmp_path / "a.tif", Image.new("F", (2, 2))))


def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ValueError, match="ordinary file"):
        read_picture(tmp_path / "a.png")
    assert find_pictures(tmp_path).skipped == {tmp_path / "a.png": "not an ordinary file"}


def names(found):
    return [path.name for path in found.paths], {path.name: why for path, why in found.skipped.items()}


def test_hidden_and_other_files_are_left_out_by_name(tmp_path):
    for place in ("a/1.png", ".ipynb_checkpoints/2.png", "__MACOSX/a/3.png", "a/._1.png"):
        picture(tmp_path / place)
    (tmp_path / "a" / "page.eps").write_bytes(eps())
    found, skipped = names(find_pictures(tmp_path))
    assert found == ["1.png"]
    hidden = {".ipynb_checkpoints": "hidden", "__MACOSX": "hidden", "._1.png": "hidden"}
    assert skipped == hidden | {"page.eps": "no picture by its ending"}
    with pytest.warns(UserWarning, match=r"4 left out: hidden: .*; no picture by its ending: .*page\.eps"):
        assert load_features(tmp_path).class_names == ("a",)


def test_links_lead_out_only_if_asked(tmp_path):
    picture(tmp_path / "out" / "1.png")
    picture(tmp_path / "set" / "a" / "2.png")
    (tmp_path / "set" / "b").symlink_to(tmp_path / "out")
    (tmp_path / "set" / "a" / "3.png").symlink_to(tmp_path / "out" / "1.png")
    (tmp_path / "set" / "a" / "gone.png").symlink_to(tmp_path / "nowhere")
    found, skipped = names(find_pictures(tmp_path / "set"))
    assert found == ["2.png"]
    assert skipped == {
        "3.png": "a link out of the folder",
        "b": "a link out of the folder",
        "gone.png": "cannot be read (No such file or directory)",
    }
    assert names(find_pictures(tmp_path / "set", links=True))[0] == ["2.png", "3.png", "1.png"]
    with pytest.warns(UserWarning, match=r"gone\.png"):
        assert load_features(tmp_path / "set", links=True).class_names == ("a", "b")


def test_links_inside_are_followed_and_circles_end(tmp_path):
    picture(tmp_path / ".store" / "x" / "1.png")
    picture(tmp_path / "a" / "2.png")
    (tmp_path / "b").symlink_to(tmp_path / ".store" / "x")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    found, skipped = names(find_pictures(tmp_path))
    assert found == ["2.png", "1.png"]
    assert skipped["up"] == "a link to a folder that is read already"
    assert "circle" in skipped["self"] or "links" in skipped["self"]


def test_names_that_are_no_text(tmp_path):
    picture(tmp_path / os.fsdecode(b"\xff\xfe") / "1.png")
    picture(tmp_path / "né\nw" / "1.png")
    assert load_features(tmp_path).class_names == ("\\xff\\xfe", "né\nw")


def test_every_broken_picture_is_counted(tmp_path):
    for place in ("a/1.png", "a/2.png", "b/3.png"):
        picture(tmp_path / place)
    for place in ("a/2.png", "b/3.png"):
        (tmp_path / place).write_bytes(b"")
    with pytest.raises(ValueError, match=r"2\.png: not a whole.*3\.png: not a whole.*2 of 3 pictures"):
        load_features(tmp_path)
