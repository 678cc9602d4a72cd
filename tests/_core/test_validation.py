"""What people pass as features, labels and names: taken as it is meant, or refused by name with the cure."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from workbench._core.validation import check_array, check_class_names, check_columns, check_labels

X = np.arange(12.0).reshape(4, 3) - 5
ROWS = X.tolist()
FRAME = pd.DataFrame(X)
HOLED = FRAME.mask(FRAME > 5)  # one cell, [3, 2]


@pytest.mark.parametrize(
    "given",
    [
        pd.Series(ROWS),
        pd.Series(list(X)),
        pd.DataFrame({"embedding": ROWS}),
        pd.Series([torch.tensor(row).bfloat16() for row in ROWS]),
        pa.array(ROWS),
        pa.chunked_array([pa.array(ROWS[:1]), pa.array(ROWS[1:])]),
        pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 3),
        pa.table({str(i): column for i, column in enumerate(X.T)}),
        np.array([*map(tuple, ROWS), None], dtype=object)[:4],
        np.ma.masked_greater(X, 99),
        FRAME.convert_dtypes(),
        FRAME.astype("Float64"),
        FRAME.convert_dtypes(dtype_backend="pyarrow"),
        FRAME.astype(pd.SparseDtype("float", 0.0)),
        torch.tensor(X).bfloat16(),
        torch.complex(torch.tensor(X), -torch.tensor(X)).conj().imag,
        torch.tensor(X, requires_grad=True),
    ],
    ids=lambda given: type(given).__name__,
)
def test_rows_arrive_as_they_are_meant(given):
    np.testing.assert_array_equal(check_array(given), X)


def test_float8_is_read_exactly():
    given = torch.tensor(X).to(torch.float8_e4m3fn)
    np.testing.assert_array_equal(check_array(given), given.float().numpy())


class Lazy:
    """As a Dask delayed value: every attribute it is asked for is one more lazy value."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Lazy()

    def __iter__(self):
        raise TypeError("objects of unspecified length are not iterable")


LAZY = Lazy()


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (np.ma.masked_greater(X, 5), ValueError, "got 1 masked ones; drop such rows, or fill them: X.filled"),
        (HOLED, ValueError, "got NaN at row 3, column 2"),
        (HOLED.convert_dtypes(), ValueError, "got NaN at row 3, column 2"),
        (HOLED.convert_dtypes(dtype_backend="pyarrow"), ValueError, "got NaN at row 3, column 2"),
        (pa.table({"a": [1.0, None]}), ValueError, "got NaN at row 1, column 0"),
        (pd.Series([[1, 2], None]), ValueError, "expected a vector in each row, got none in row 1"),
        (pd.Series([None, [1, 2]]), ValueError, "expected a vector in each row, got none in row 0"),
        (pd.Series([[1, 2], [1, None]]), ValueError, "got NaN at row 1, column 1"),
        (pd.Series([[1, 2], [3]]), ValueError, "rows of equal length"),
        (pd.Series([["a"], ["b"]]), ValueError, "expected numbers"),
        (torch.tensor(X).to_sparse(), TypeError, r"pass X.to_dense\(\)"),
        (torch.empty(2, 2, device="meta"), TypeError, "expected an array of numbers, got torch.float32"),
        ((row for row in ROWS), TypeError, "got generator; make a list"),
        ({"a": ROWS}, TypeError, "got dict"),
        (LAZY, TypeError, "got Lazy; .* collect a lazy table"),
        (None, TypeError, "got NoneType"),
        ([[10**400, 1]], ValueError, "expected numbers"),
        (np.full((2, 2), np.longdouble("1e4000")), ValueError, "got infinity at row 0, column 0"),
    ],
    ids=[
        "masked",
        "NaN",
        "nullable",
        "arrow",
        "table",
        "no last",
        "no first",
        "None inside",
        "ragged",
        "text",
        "sparse",
        "meta",
        "generator",
        "dict",
        "lazy",
        "None",
        "huge",
        "long",
    ],
)
def test_what_cannot_be_taken_is_refused_with_the_cure(given, kind, words):
    with pytest.raises(kind, match=f"^X: .*{words}"):
        check_array(given)


class Foreign:
    """A table of another library, which makes numbers of its dates, as Polars' does."""

    def __init__(self, columns):
        self.columns = columns

    def iter_columns(self):
        return iter(self.columns.values())

    def __array__(self, dtype=None, copy=None):
        return np.column_stack([np.asarray(column).astype(float) for column in self.columns.values()])


DAYS = pd.Series(pd.to_datetime(["1970-01-01", "1971-02-05"]), name="day")


@pytest.mark.parametrize(
    "given",
    [
        pd.DataFrame({"day": DAYS, "b": [1.0, 2.0]}),
        pd.DataFrame({"day": DAYS - DAYS[0], "b": [1.0, 2.0]}),
        pd.DataFrame({"day": DAYS}),
        pa.table({"day": pa.array(DAYS), "b": [1.0, 2.0]}),
        pa.table({"day": pa.array(DAYS - DAYS[0]), "b": [1.0, 2.0]}),
        Foreign({"day": DAYS, "b": pd.Series([1.0, 2.0])}),
        Foreign({"day": DAYS - DAYS[0], "b": pd.Series([1, 2])}),
    ],
    ids=lambda given: type(given).__module__,
)
def test_days_are_no_numbers(given):
    with pytest.raises((TypeError, ValueError), match=r"^X: expected (an array of )?numbers"):
        check_array(given)


def test_what_another_library_raises_is_told_of_the_argument():
    class Own(Exception):
        """An error that is neither a ValueError nor a TypeError."""

    class Strange:
        def __array__(self, dtype=None, copy=None):
            raise Own("no such integers here")

    with pytest.raises(TypeError, match=r"^labels: .* numbers, got Strange that gives none .*no such integers here"):
        check_labels(Strange())


def test_two_columns_of_one_name_are_refused():
    twice = pd.DataFrame(X, columns=["a", "b", "a"])
    with pytest.raises(ValueError, match=r"^X: expected a name of its own for each column, got 'a' 2 times"):
        check_columns(twice, X)
    table = pa.table([[1.0], [2.0]], names=["a", "a"])
    with pytest.raises(ValueError, match="got 'a' 2 times"):
        check_columns(table, X)
    assert check_columns(FRAME, X) is FRAME
    assert check_columns(X, X) is X


@pytest.mark.parametrize(("names", "kinds"), [(["a", 0], "int and str"), (["a", (0, 1)], "str and tuple")])
def test_names_of_columns_are_texts_or_none_is(names, kinds):
    table = pd.DataFrame(np.eye(2), columns=names)
    with pytest.raises(TypeError, match=f"^X: expected names of columns of one type, got {kinds}; make them texts, "):
        check_columns(table, table.to_numpy())
    for others in ([0, 1], [("a", 1), ("b", 1)]):
        table.columns = others
        assert check_columns(table, table.to_numpy()) is table


@pytest.mark.parametrize(
    "given",
    [
        pd.Series([2, 0, 1], dtype="Int64"),
        pd.Series([2, 0, 1], dtype="category"),
        pa.array([2, 0, 1]),
        torch.tensor([2, 0, 1], dtype=torch.bfloat16),
        [2.0, 0.0, 1.0],
    ],
    ids=lambda given: type(given).__name__,
)
def test_labels_of_every_kind(given):
    assert check_labels(given).tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (None, TypeError, "got None; they are needed here"),
        (pd.Series([1, None], dtype="Int64"), ValueError, "got none for item 1"),
        (pd.array([None, 1], dtype="Int64"), ValueError, "got none for item 0"),
        (pa.array([None, 1]), ValueError, "got none for item 0; drop such items"),
        ([0, float("nan")], ValueError, "got none for item 1"),
        (np.ma.masked_equal([1, 2], 2), ValueError, "got 1 masked ones"),
        (torch.tensor([1, 0]).to_sparse(), TypeError, "labels.to_dense"),
        (torch.tensor([300], dtype=torch.bfloat16), ValueError, "expected integers up to 256"),
        (["a", "b"], ValueError, "pandas.factorize"),
    ],
    ids=str,
)
def test_labels_that_are_none_are_refused_with_the_cure(given, kind, words):
    with pytest.raises(kind, match=f"^labels: .*{words}"):
        check_labels(given)


@pytest.mark.parametrize(
    "names", [["a", "b"], np.array(["a", "b"]), pd.Series(["a", "b"])], ids=lambda n: type(n).__name__
)
def test_class_names_of_every_kind(names):
    assert check_class_names(names, np.array([1, 0])) == ("a", "b")
    with pytest.raises(ValueError, match="class_names: expected a name for each class 0 to 2, counted from 0, got 2"):
        check_class_names(names, np.array([0, 2]))
    with pytest.raises(ValueError, match="class_names: expected a name for each class -1"):
        check_class_names(names, np.array([0, -1]))
