"""A page in one file: figures, tables and images with words that explain them; it needs no network and no kernel."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from ..._core.files import atomic_path, check_kind
from ..style import PAGE_STYLE

# Figures lie in the page as data; the one script that draws them is the same in every page.
_DRAW = """
const config = {responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"]};
for (const data of document.querySelectorAll("script[type='application/json']"))
  Plotly.newPlot(data.previousElementSibling, {...JSON.parse(data.textContent), config});
"""
# Scripts by their hash alone: what is ours and plotly's runs, and nothing that data could bring. Styles and images are
# the page's own. WebGL points compile code at run time ('unsafe-eval').
_POLICY = (
    "default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; worker-src blob:; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class Strip:
    """An image on the page: a data address (`png_uri`) and the line below it."""

    source: str
    caption: str


@dataclass(frozen=True)
class Table:
    """A table; rows with a `strong` value in the first column stand out, in `best` columns the highest number."""

    frame: pd.DataFrame
    strong: tuple[str, ...] = ()
    best: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """One thing to look at: what it shows, what to look for, and the figure, table or images."""

    content: go.Figure | Table | tuple[Strip, ...]
    see: str = ""
    look: str = ""
    heading: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, a few words, panels."""

    heading: str
    prose: str = ""
    panels: tuple[Panel, ...] = ()


def write_page(
    path: str | os.PathLike[str],
    *,
    title: str,
    lead: str,
    sections: Sequence[Section],
    facts: Mapping[str, Any] | None = None,
    footer: str = "",
) -> Path:
    """Write the page; an existing file is replaced only by a whole one.

    All text is escaped. plotly.js is in the file once (4.8 MB). A policy in the page forbids requests to any address,
    and any script but plotly.js and the one that draws the figures, both known by their hashes.

    Args:
        path: file to write, .html.
        title: of the page.
        lead: one sentence below it.
        sections: the body.
        facts: name -> number or text, shown as cards.
        footer: last line.

    Raises:
        OSError: the file cannot be written, or one of another ending than .html is there; nothing is left behind then.

    Example:
        >>> import tempfile
        >>> file = write_page(tempfile.mkdtemp() + "/a.html", title="<A>", lead="a page", sections=[Section("One")])
        >>> "<title>&lt;A&gt;</title>" in file.read_text(encoding="utf-8")
        True
    """
    plotly = get_plotlyjs()
    page = _TEMPLATES.get_template("page.html.j2").render(
        policy=_POLICY.format(hashes=f"{_hash(plotly)} {_hash(_DRAW)}"),
        title=title,
        lead=lead,
        facts=facts or {},
        sections=sections,
        footer=footer,
        shared_style=PAGE_STYLE,
        plotly=plotly,
        draw=_DRAW,
    )
    check_kind(path, ".html")
    with atomic_path(path) as part:
        part.write_text(page, encoding="utf-8")
    return Path(path)


def table_html(table: Table) -> str:
    """A table with aligned numbers: three decimals for floats below 2, thousands separated, a dash for what is missing.

    Example:
        >>> html = table_html(Table(pd.DataFrame({"name": ["<a>"], "n": [1234]})))
        >>> "<td>&lt;a&gt;</td>" in html, '<td class="number">1,234</td>' in html
        (True, True)
    """
    return _TEMPLATES.get_template("table.html.j2").render(table=_rows(table))


def _rows(table: Table) -> dict[str, Any]:
    """A table as its template reads it: `columns` with name and numeric, `rows` with strong and cells."""
    frame = table.frame
    names = list(frame.columns)
    numeric = [pd.api.types.is_numeric_dtype(t) and not pd.api.types.is_bool_dtype(t) for t in frame.dtypes]
    tops = [frame[name].max() if name in table.best else None for name in names]

    rows = []
    for values in frame.itertuples(index=False):
        cells = [
            {
                "text": _cell(value, seconds=name == "seconds"),
                "numeric": is_number,
                "best": pd.notna(top) and bool(value == top),
            }
            for name, value, is_number, top in zip(names, values, numeric, tops, strict=True)
        ]
        strong = bool(values) and str(values[0]) in table.strong
        rows.append({"cells": cells, "strong": strong})

    columns = [{"name": name, "numeric": is_number} for name, is_number in zip(names, numeric, strict=True)]
    return {"columns": columns, "rows": rows}


def _cell(value: Any, *, seconds: bool = False) -> str:
    """The text of a cell, not escaped: the template does that."""
    if seconds and pd.notna(value):
        return f"{value:,.1f}"
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else ""
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return f"{value:.3f}" if abs(float(value)) < 2 else f"{value:,.1f}"
    return str(value)


def _hash(script: str) -> str:
    """A script as a policy names it."""
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


def _figure(figure: go.Figure, name: str) -> str:
    """A figure as markup: its place, and its data, in which nothing can end the element that holds them."""
    data = str(figure.to_json()).replace("<", "\\u003c")
    return f'<div id="{name}"></div><script type="application/json">{data}</script>'


def _templates() -> Environment:
    """The templates beside this file. A misspelt name in one of them is an error, not an empty place on the page."""
    found = Environment(
        loader=PackageLoader("workbench.views.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"cell": _cell, "rows": _rows, "figure": _figure}
    found.tests |= {
        "table": lambda content: isinstance(content, Table),
        "strips": lambda content: isinstance(content, tuple),
    }
    return found


_TEMPLATES = _templates()
