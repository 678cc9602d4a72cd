"""Tables that people open in a spreadsheet."""

from __future__ import annotations

import pandas as pd


def safe_cells(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a quote before text that a spreadsheet would take for a formula.

    Example:
        >>> safe_cells(pd.DataFrame({"name": ["=1+1", "a"], "n": [-1, 2]})).values.tolist()
        [["'=1+1", -1], ['a', 2]]
    """
    texts = table.select_dtypes(exclude=["number", "bool"])
    quoted = {name: texts[name].astype(str).str.replace(r"^([=+\-@\t\r])", r"'\1", regex=True) for name in texts}
    return table.assign(**quoted)
