"""Downloads: resumed, checked, whole or absent."""

import hashlib
import socket

import numpy as np
import pytest
from web import serve

from workbench.data.download import Remote, fetch

CONTENT = np.random.default_rng(0).bytes(300_000)


def remote(address, content=CONTENT):
    return Remote(f"{address}/data.zip", hashlib.md5(content).hexdigest(), len(content))


def test_a_file_is_fetched_once(tmp_path):
    with serve({"data.zip": CONTENT}) as (address, asked):
        path = fetch(remote(address), tmp_path / "new", progress=False)
        assert fetch(remote(address), tmp_path / "new", progress=False) == path
    assert path.read_bytes() == CONTENT
    assert asked == [None]
    assert [f.name for f in path.parent.iterdir()] == ["data.zip"]


def test_a_broken_transfer_is_resumed(tmp_path):
    with serve({"data.zip": CONTENT}, break_after=100_000) as (address, asked):
        assert fetch(remote(address), tmp_path, progress=False).read_bytes() == CONTENT
    assert asked == [None, "bytes=100000-"]


def test_what_an_earlier_run_left_is_resumed(tmp_path):
    (tmp_path / "data.zip.part").write_bytes(CONTENT[:1234])
    with serve({"data.zip": CONTENT}) as (address, asked):
        assert fetch(remote(address), tmp_path, progress=False).read_bytes() == CONTENT
    assert asked == ["bytes=1234-"]


def test_a_part_that_is_complete_already_is_taken(tmp_path):
    (tmp_path / "data.zip.part").write_bytes(CONTENT)
    with serve({"data.zip": CONTENT}) as (address, _):
        assert fetch(remote(address), tmp_path, progress=False).read_bytes() == CONTENT


def test_a_server_without_ranges_starts_anew(tmp_path):
    (tmp_path / "data.zip.part").write_bytes(CONTENT[:1234])
    with serve({"data.zip": CONTENT}, ranges=False) as (address, _):
        assert fetch(remote(address), tmp_path, progress=False).read_bytes() == CONTENT


def test_wrong_bytes_are_refused_and_leave_nothing(tmp_path):
    with serve({"data.zip": CONTENT}) as (address, _):
        wanted = remote(address, CONTENT[::-1])
        with pytest.raises(ValueError, match=f"expected MD5 {wanted.checksum}, got"):
            fetch(wanted, tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_file_in_place_is_named(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"data\.zip: expected MD5 .*delete it"):
        fetch(remote("http://127.0.0.1:9"), tmp_path, progress=False)


def test_a_missing_file_is_an_error(tmp_path):
    with serve({}) as (address, _), pytest.raises(ConnectionError, match="404"):
        fetch(remote(address), tmp_path, progress=False)


def test_without_a_network_the_error_says_what_to_put_where(tmp_path):
    with socket.socket() as closed:  # a port that nobody listens on
        closed.bind(("127.0.0.1", 0))
        wanted = remote(f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(ConnectionError) as caught:
            fetch(wanted, tmp_path, progress=False)
    for part in (wanted.url, wanted.checksum, str(tmp_path / "data.zip")):
        assert part in str(caught.value)


@pytest.mark.parametrize("folder", ["a file", "a file/omniglot"])
def test_a_folder_that_cannot_be_written_to_is_named_with_the_way_out(tmp_path, folder):
    """A path through a file refuses everybody, root too."""
    (tmp_path / "a file").write_text("no folder")
    wanted = remote("http://127.0.0.1:9")
    with pytest.raises(PermissionError, match=r"^data\.zip: not there, .*set WORKBENCH_DATA to a folder") as caught:
        fetch(wanted, tmp_path / folder, progress=False)
    for part in (str(tmp_path / folder / "data.zip"), wanted.url):
        assert part in str(caught.value)


def test_a_cache_without_the_right_to_write_is_read_but_not_filled(tmp_path, monkeypatch):
    (tmp_path / "data.zip").write_bytes(CONTENT)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    wanted = remote("http://127.0.0.1:9")
    assert fetch(wanted, tmp_path, progress=False).read_bytes() == CONTENT
    (tmp_path / "data.zip").unlink()
    with pytest.raises(PermissionError, match="Permission denied"):
        fetch(wanted, tmp_path, progress=False)


def test_the_bar_counts_bytes(tmp_path, capsys):
    with serve({"data.zip": CONTENT}) as (address, _):
        fetch(remote(address), tmp_path)
    assert "data.zip: 100%" in capsys.readouterr().err
