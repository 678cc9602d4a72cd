"""The pages of the course's site: head and foot, the list of lessons, a figure drawn when it comes into view."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..views.style import PAGE_STYLE, escape
from .lesson import About

PLOTLY_FILE = "plotly.min.js"
_STYLE = """
:root{--ground:#fff;--code:#f6f7f9;--word:#8a3b00;--text:#00684c;--note:#6a727d}
@media(prefers-color-scheme:dark){:root{--ground:#16191c;--code:#1e2226;--word:#f0a860;--text:#5fd3ae;--note:#939ba6}}
main{max-width:980px;margin:auto;padding:8px 20px 40px}
h1{font-size:30px;line-height:1.2;margin:24px 0 8px}h2{font-size:23px;margin:40px 0 8px}
h3{font-size:18px;margin:28px 0 4px}li{max-width:76ch}
.anchor-link{visibility:hidden;margin-left:8px;text-decoration:none}
:is(h1,h2,h3):hover .anchor-link,.anchor-link:focus{visibility:visible}
nav{display:flex;justify-content:space-between;gap:16px;max-width:980px;margin:auto;padding:14px 20px;font-size:15px}
nav span:last-child{text-align:right}nav span{flex:1}
header{border-top:5px solid var(--mark);border-bottom:1px solid var(--line)}footer{border-top:1px solid var(--line)}
pre,code{font:13.5px/1.5 ui-monospace,'Cascadia Code',Menlo,Consolas,monospace}
code{background:var(--code);padding:1px 4px; border-radius:4px}pre{overflow-x:auto;margin:0}pre code{padding:0}
.text_cell pre,.input pre{background:var(--code);border:1px solid var(--line);border-radius:8px;padding:10px 14px}
.code_cell{margin:14px 0}.output{margin:8px 0 18px;overflow-x:auto}.output_text pre{padding:2px 14px}
.k,.kn,.kc,.ow,.o.ow{color:var(--mark)}.s1,.s2,.sa,.si,.sd{color:var(--text)}.mi,.mf{color:var(--word)}
.c1{color:var(--note)}table{border:0;border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:5px 12px;text-align:right;border:0;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600}
.text_cell :is(th,td){text-align:left}.plot{width:100%;min-height:100px}details{margin:8px 0}
summary{cursor:pointer; color:var(--mark);padding:4px 0}.lessons{list-style:none;padding:0}
.lessons li{max-width:none;border:1px solid var(--line); border-radius:10px;padding:12px 18px;margin:10px 0;
background:var(--code)}
.lessons a{font-size:18px;font-weight:600}.lessons p{margin:4px 0}
.minutes{float:right;color:var(--soft);font-size:14px}.course-question{margin:24px 0}
.js-plotly-plot :is(.infolayer text,.xaxislayer-above text,.yaxislayer-above text,.textpoint text,.bartext-outside,
.cell-text) {
fill:var(--ink)!important}
"""
_DRAW = """
const draw = new IntersectionObserver(seen => seen.filter(e => e.isIntersecting).forEach(e => {
  draw.unobserve(e.target);
  const figure = JSON.parse(document.getElementById(e.target.id + '-data').textContent);
  Plotly.newPlot(e.target, figure.data, figure.layout,
    {responsive: true, displaylogo: false, ...figure.config}).then(() =>
    figure.frames && Plotly.addFrames(e.target, figure.frames));
}), {rootMargin: '600px'});
document.querySelectorAll('.plot').forEach(place => draw.observe(place));
"""


@dataclass(frozen=True)
class Link:
    """A page's address and title."""

    address: str
    title: str


def plot_html(name: str, figure: dict[str, Any]) -> str:
    """A place for a figure and its data; the page's script draws it when it comes near the view.

    Example:
        >>> plot_html("plot-0", {"data": [], "layout": {"height": 300}})[:52]
        '<div class="plot" id="plot-0" style="height:300px"><'
    """
    kept = {key: figure[key] for key in ("data", "layout", "frames", "config") if figure.get(key)}
    data = json.dumps({"data": [], "layout": {}, **kept}, separators=(",", ":")).replace("</", "<\\/")
    height = int(figure.get("layout", {}).get("height") or 450)
    place = f'<div class="plot" id="{escape(name)}" style="height:{height}px"></div>'
    return f'{place}<script type="application/json" id="{escape(name)}-data">{data}</script>'


def page_html(title: str, body: str, around: tuple[Link | None, Link | None] | None = None) -> str:
    """A page; `body` is HTML, everything else is escaped. Only a page with figures loads plotly.js.

    Args:
        around: the pages before and after this one; None: the page has no bar to others.

    Example:
        >>> "<title>a &lt; b</title>" in page_html("a < b", "<p>text</p>")
        True
    """
    bar = _bar(*around) if around else ""
    script = f'<script src="{PLOTLY_FILE}"></script><script>{_DRAW}</script>' if 'class="plot"' in body else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{PAGE_STYLE}{_STYLE}</style></head><body>"
        f"<header>{bar}</header><main>{body}</main><footer>{bar}</footer>{script}</body></html>\n"
    )


def _bar(before: Link | None, after: Link | None) -> str:
    back = _link(before, "← {}")
    on = _link(after, "{} →")
    return f'<nav><span>{back}</span><a href="index.html">All lessons</a><span>{on}</span></nav>'


def _link(link: Link | None, form: str) -> str:
    return f'<a href="{escape(link.address)}">{escape(form.format(link.title))}</a>' if link else ""


def index_html(lessons: Sequence[tuple[Link, About]], quiz: Link) -> str:
    """The first page: every lesson with its objectives and minutes."""
    items = "".join(
        f'<li><span class="minutes">{about.minutes} minutes</span>{_link(link, "{}")}'
        f"<p>You will {escape(about.goal)}</p></li>"
        for link, about in lessons
    )
    minutes = sum(about.minutes for _, about in lessons)
    lead = f"Lessons: {len(lessons)}, about {minutes / 60:.1f} hours in all, and a quiz. Figures answer to the mouse; "
    lead += "to run and change the code, open the notebooks in JupyterLab (<code>make lab</code>)."
    quiz_item = (
        f'<li><a href="{escape(quiz.address)}">{escape(quiz.title)}</a><p>Twelve questions with answers.</p></li>'
    )
    body = f'<h1>Learning to cluster: the course</h1><p>{lead}</p><ol class="lessons">{items}{quiz_item}</ol>'
    return page_html("Learning to cluster: the course", body)
