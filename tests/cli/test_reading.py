"""Files of answers: read, or refused in one line that names the file."""

import os
import sys

import pytest

from workbench.cli.reading import read_answers


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_answers(tmp_path, start):
    file = tmp_path / "said.csv"
    file.write_bytes(start + b"first,second,same\n0,1,1\n2,3,0\n\n")
    pairs, corrections = read_answers(file)
    assert (pairs["must_link"].tolist(), pairs["cannot_link"].tolist()) == ([[0, 1]], [[2, 3]])
    assert corrections is None


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\xff\xfe\x00", b"a,b\n1,2\n", b"first,second,same\n0,1,2\n", b'first,second,same\n"0,1,1\n'],
)
@pytest.mark.parametrize("ending", ["csv", "json"])
def test_files_that_are_none_are_named(tmp_path, content, ending):
    file = tmp_path / f"said.{ending}"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^[^\n]*said.{ending}[^\n]*$"):
        read_answers(file)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes")
@pytest.mark.parametrize("ending", ["csv", "json"])
def test_a_pipe_is_not_waited_for(tmp_path, ending):
    os.mkfifo(tmp_path / f"said.{ending}")
    with pytest.raises(ValueError, match="expected an ordinary file"):
        read_answers(tmp_path / f"said.{ending}")
