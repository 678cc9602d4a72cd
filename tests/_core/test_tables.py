"""Tables that people open in a spreadsheet: text stays text, and every writer of ours is the same one."""

from pathlib import Path

import pandas as pd
import pytest

import workbench
from workbench._core.tables import write_csv

SOURCES = sorted(Path(workbench.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_text_that_a_spreadsheet_would_run_gets_a_quote(tmp_path, start):
    table = pd.DataFrame(
        {"text": [f"{start}1+1", f"a{start}"], "kind": pd.Categorical([f"{start}b", "c"]), "n": [-1, 2]}
    )
    write_csv(table, tmp_path / "a.csv")
    read = pd.read_csv(tmp_path / "a.csv", lineterminator="\n" if start == "\r" else None)
    assert read["text"].tolist() == [f"'{start}1+1", f"a{start}"]
    assert read["kind"].tolist() == [f"'{start}b", "c"]
    assert read["n"].tolist() == [-1, 2]


def test_what_is_missing_stays_missing(tmp_path):
    table = pd.DataFrame({"a": ["x", None], "b": pd.array([True, None], dtype="boolean"), "c": [1.5, float("nan")]})
    write_csv(table, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "a,b,c\nx,True,1.5\n,,\n"


def test_names_of_columns_are_safe_and_numbers_among_objects_stay(tmp_path):
    mixed = pd.DataFrame([["=1", "@b", -1], [None, 2, None]], columns=["=cmd", 0, "a"], dtype=object)
    mixed.columns = ["=cmd", 0, "=cmd"]  # two of one name, one of them no text
    write_csv(mixed, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "'=cmd,0,'=cmd\n'=1,'@b,-1\n,2,\n"


def test_every_writer_of_csv_makes_cells_safe():
    lines = [(path.name, line) for path in SOURCES for line in path.read_text(encoding="utf-8").splitlines()]
    writers = [(name, line) for name, line in lines if ".to_csv(" in line]
    assert len(writers) == 1
    assert all("safe_cells(" in line for _, line in writers)
