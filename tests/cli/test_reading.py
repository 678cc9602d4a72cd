"""Files of answers: read, or refused in one line that names the file."""

import os
import sys

import numpy as np
import pytest

import workbench as wb
from workbench.cli.reading import fit_answered, read_answers
from workbench.cluster import Correction


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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2,,0", "line 3: expected a row number as second, got ''"),
        ("1.0,2,0", "line 3: expected a row number as first, got '1.0'"),
        ("2,x,0", "line 3: expected a row number as second, got 'x'"),
        ("-2,1,0", "line 3: expected a row number as first, got '-2'"),
        (f"{10**30},1,0", "line 3: expected a row number as first"),
        ("2,3,0,4", "line 3: expected first, second, same, got 4 cells"),
        *((f"2,3,{same}", f"line 3: expected 1 or 0 as same, got '{same}'") for same in ("2", "yes", ".5", "")),
    ],
)
def test_a_line_that_is_no_answer_is_named(tmp_path, line, words):
    file = tmp_path / "said.csv"
    file.write_text(f"first,second,same\n0,1,1\n{line}\n")
    with pytest.raises(ValueError, match=rf"^constraints: .*said.csv, {words}[^\n]*$"):
        read_answers(file)


@pytest.mark.parametrize("head", ["first,second,same,extra", "second,first,same"])
def test_other_columns_are_named(tmp_path, head):
    file = tmp_path / "said.csv"
    file.write_text(f"{head}\n0,1,1,0\n")
    with pytest.raises(
        ValueError, match=rf"the columns first, second, same in .*said.csv, got {', '.join(head.split(','))}"
    ):
        read_answers(file)


def test_answers_as_tables_are_written(tmp_path):
    file = tmp_path / "said.csv"
    for yes, no in (("1", "0"), ("1.0", "0.0"), ("True", "False")):
        file.write_text(f"first,second,same\n0,1,{yes}\n2,3,{no}\n")
        pairs = read_answers(file)[0]
        assert (pairs["must_link"].tolist(), pairs["cannot_link"].tolist()) == ([[0, 1]], [[2, 3]])


def test_what_turns_out_to_be_wrong_with_answers_names_their_file(tmp_path):
    x = np.eye(4)[[0, 0, 1, 2]]
    model = wb.HiLander().fit(x)
    other = wb.HiLander().fit(x[::-1].copy())
    for said, words in {
        "0,99,1": r"said.csv: must_link: expected rows 0 to 3, got the pair \(0, 99\)",
        "0,2,1\n0,2,0": "said.csv: cannot_link: rows 0 and 2 are apart",
        "0,1,0": "said.csv: cannot_link: rows 0 and 1 are equal",
    }.items():
        (tmp_path / "said.csv").write_text(f"first,second,same\n{said}\n")
        with pytest.raises(ValueError, match=words):
            fit_answered(wb.HiLander(), x, tmp_path / "said.csv", *read_answers(tmp_path / "said.csv"))
    for corrections, words in (
        (model.corrections_ + Correction("name", ((999,),), name="a"), "got row 999 in step 0"),
        (other.corrections_, "made on other data"),
    ):
        corrections.save(tmp_path / "said.json")
        with pytest.raises(ValueError, match=rf"said.json: corrections: .*{words}"):
            fit_answered(wb.HiLander(), x, tmp_path / "said.json", *read_answers(tmp_path / "said.json"))
