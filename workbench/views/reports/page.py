"""A page in one file: figures, tables and images with words that explain them; it needs no network and no kernel."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from ..._core.files import atomic_path
from ..style import PAGE_STYLE, escape

# Nothing but this file's own scripts, styles and images; WebGL points compile code at run time.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; worker-src blob:"
)
_CONFIG = {"responsive": True, "displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}
_STYLE = """
:root{--ground:#f6f7f9;--card:#fff}@media(prefers-color-scheme:dark){:root{--ground:#14171a;--card:#1c2024}}
main,.top{max-width:1040px;margin:auto;padding:0 20px}
header{background:var(--card);border-bottom:1px solid var(--line);padding:34px 0 22px;border-top:5px solid var(--mark)}
h1{margin:0 0 6px;font-size:30px;line-height:1.2}h2{margin:44px 0 8px;font-size:23px}h3{margin:0 0 4px;font-size:17px}
p{margin:6px 0 12px}.lead{color:var(--soft);font-size:17px}
.facts{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0 4px}
.facts div{border:1px solid var(--line);border-radius:8px;padding:6px 14px;background:var(--ground)}
.facts b{display:block;font-size:19px;font-variant-numeric:tabular-nums}.facts span{font-size:13px;color:var(--soft)}
nav{margin-top:14px;font-size:15px}nav a{margin-right:18px;white-space:nowrap}
.panel{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px;margin:16px 0}
.words{font-size:15px;color:var(--soft)}.words b{color:var(--ink)}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:14px;min-width:55%;font-variant-numeric:tabular-nums}
th,td{padding:6px 12px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
td:first-child{white-space:nowrap}td:last-child:not(.number):not(:first-child){min-width:16em}
th{font-weight:600;color:var(--soft);border-bottom:2px solid var(--line);white-space:nowrap}
.number{text-align:right;white-space:nowrap}tr.strong td{font-weight:650;background:var(--ground)}
.best{color:var(--mark);font-weight:650}
figure{margin:14px 0}figure img{max-width:100%;height:auto;display:block}figcaption{font-size:14px;color:var(--soft)}
footer{color:var(--soft);font-size:13px;padding:26px 0 40px}
.js-plotly-plot :is(.infolayer text,.xaxislayer-above text,.yaxislayer-above text,.xtick text,.ytick text,.x2tick text,
.y2tick text,.x3tick text,.y3tick text,.textpoint text,.bartext-outside){fill:var(--ink)!important}
"""


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

    All text is escaped. plotly.js is in the file once (4.8 MB); a policy in the page forbids requests to any address.

    Args:
        path: file to write, .html.
        title: of the page.
        lead: one sentence below it.
        sections: the body.
        facts: name -> number or text, shown as cards.
        footer: last line.

    Raises:
        OSError: the file cannot be written; nothing is left behind then.

    Example:
        >>> import tempfile
        >>> file = write_page(tempfile.mkdtemp() + "/a.html", title="<A>", lead="a page", sections=[Section("One")])
        >>> "<title>&lt;A&gt;</title>" in file.read_text(encoding="utf-8")
        True
    """
    links = "".join(f'<a href="#part-{i}">{escape(s.heading)}</a>' for i, s in enumerate(sections))
    cards = "".join(f"<div><b>{_cell(v)}</b><span>{escape(k)}</span></div>" for k, v in (facts or {}).items())
    body = "".join(_section(i, section) for i, section in enumerate(sections))
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{PAGE_STYLE}{_STYLE}</style><script>{get_plotlyjs()}</script></head><body>"
        f'<header><div class="top"><h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>'
        f'<div class="facts">{cards}</div><nav>{links}</nav></div></header>'
        f"<main>{body}<footer>{escape(footer)}</footer></main></body></html>"
    )
    with atomic_path(path) as part:
        part.write_text(page, encoding="utf-8")
    return Path(path)


def _section(i: int, section: Section) -> str:
    panels = "".join(_panel(f"figure-{i}-{j}", panel) for j, panel in enumerate(section.panels))
    prose = f"<p>{escape(section.prose)}</p>" if section.prose else ""
    return f'<section id="part-{i}"><h2>{escape(section.heading)}</h2>{prose}{panels}</section>'


def _panel(name: str, panel: Panel) -> str:
    heading = f"<h3>{escape(panel.heading)}</h3>" if panel.heading else ""
    words = [("What you see", panel.see), ("What to look for", panel.look)]
    text = "".join(f'<p class="words"><b>{k}.</b> {escape(v)}</p>' for k, v in words if v)
    return f'<div class="panel">{heading}{_content(name, panel.content)}{text}</div>'


def _content(name: str, content: go.Figure | Table | tuple[Strip, ...]) -> str:
    if isinstance(content, Table):
        return table_html(content)
    if isinstance(content, tuple):
        return "".join(
            f'<figure><img src="{escape(s.source)}" alt="{escape(s.caption)}"><figcaption>{escape(s.caption)}'
            "</figcaption></figure>"
            for s in content
        )
    html: str = content.to_html(full_html=False, include_plotlyjs=False, div_id=name, config=_CONFIG)
    return html


def table_html(table: Table) -> str:
    """A table with aligned numbers: three decimals for floats below 2, thousands separated, a dash for what is missing.

    Example:
        >>> table_html(Table(pd.DataFrame({"name": ["<a>"], "n": [1234]})))[-66:]
        '<td>&lt;a&gt;</td><td class="number">1,234</td></tr></table></div>'
    """
    frame = table.frame
    numeric = [pd.api.types.is_numeric_dtype(t) and not pd.api.types.is_bool_dtype(t) for t in frame.dtypes]
    kinds = [' class="number"' if n else "" for n in numeric]
    head = "".join(f"<th{kind}>{escape(column)}</th>" for column, kind in zip(frame.columns, kinds, strict=True))
    tops = [frame[column].max() if column in table.best else None for column in frame.columns]
    rows = []
    for row in frame.itertuples(index=False):
        cells = [
            f"<td{kind}>{_cell(value, best=pd.notna(top) and bool(value == top), seconds=column == 'seconds')}</td>"
            for column, value, kind, top in zip(frame.columns, row, kinds, tops, strict=True)
        ]
        strong = ' class="strong"' if row and str(row[0]) in table.strong else ""
        rows.append(f"<tr{strong}>{''.join(cells)}</tr>")
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _cell(value: Any, *, best: bool = False, seconds: bool = False) -> str:
    text = f"{value:,.1f}" if seconds and pd.notna(value) else _number(value)
    return f'<span class="best">{text}</span>' if best else text


def _number(value: Any) -> str:
    if isinstance(value, str):
        return escape(value)
    if pd.isna(value):
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else ""
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return f"{value:.3f}" if abs(float(value)) < 2 else f"{value:,.1f}"
    return escape(value)
