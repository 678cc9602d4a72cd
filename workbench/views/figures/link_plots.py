"""Where a link is decided, as a picture: a node's neighbours, their linkages beside tau, and the decision on each."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..._core.ids import check_image_ids
from ..._core.validation import check_class_names, check_int, check_labels
from ...cluster.levels import Hierarchy
from ...evaluate.link_decisions import WHY, link_table, path_to_peak, read_rule
from ..style import GREY, INK, PALETTE, escape, styled
from .gallery import checked_images, mosaic, png_uri

# How a decision looks: a symbol and a colour beside its words, in the order of `WHY`.
_KEPT = ("✔", PALETTE[0])
_DUPLICATE = ("≡", PALETTE[4])
_BEATEN = ("○", PALETTE[2])
_WEAK = ("✘", PALETTE[5])
_THIN = ("✘", GREY)
LOOKS = dict(zip(WHY, (_KEPT, _KEPT, _DUPLICATE, _DUPLICATE, _BEATEN, _WEAK, _THIN, _THIN), strict=True))
_ROW = 46  # pixels of a neighbour, its thumbnail and a gap
_TOP = 116  # pixels above the first row: title and headings
_BARS = (0.345, 0.585)  # of the width
_AT = {"image": 0.0, "name": 0.065, "linkage": 0.28, "density": 0.60, "decision": 0.71}  # where each column begins
_WAY = 7  # images of the way to the peak that there is room for


class Names:
    """What images and classes are called, as plain text.

    Args:
        n: images.
        labels: true classes [n].
        class_names: a name per class.
        ids: a name per image.

    Raises:
        ValueError: labels, names or ids of another length.

    Example:
        >>> names = Names(2, labels=[0, 1], class_names=["a", "b"])
        >>> names.image(1), names.label(0), Names(2, ids=["x.png", "y.png"]).image(0)
        ('image 1 (b)', 'a', 'x.png')
    """

    def __init__(self, n: int, labels: Any = None, class_names: Sequence[str] = (), ids: Any = None) -> None:
        self.labels = None if labels is None else check_labels(labels, n)
        self.class_names = check_class_names(class_names, self.labels)
        self.ids = check_image_ids(ids, n)

    def label(self, label: int) -> str:
        """Name of a class."""
        return self.class_names[label] if self.class_names else f"class {label}"

    def number(self, image: int) -> str:
        """Name of an image without its class."""
        return f"image {image}" if self.ids is None else self.ids[image]

    def image(self, image: int) -> str:
        """Name of an image, with its class where it is known."""
        own = self.number(image)
        return own if self.labels is None else f"{own} ({self.label(int(self.labels[image]))})"


def plot_links(
    hierarchy: Hierarchy,
    node: int,
    images: Any = None,
    labels: Any = None,
    *,
    level: int = 0,
    tau: float | None = None,
    class_names: Sequence[str] = (),
    ids: Any = None,
) -> go.Figure:
    """The candidate links of one node, why each was kept or dropped, and the way along the kept links to the peak.

    A row is a neighbour, the most similar first: a bar as long as its linkage, a line at tau, how much denser it is,
    the decision in words. Below, the images from the node to the peak of its cluster.

    Args:
        hierarchy: of the tree decode.
        node: number of the node at that level (at level 0 the image).
        images: uint8 [N, H, W] or [N, H, W, 3], to be looked at.
        labels: true classes [N], which are added to the names.
        level: of the hierarchy.
        tau: of the hierarchy; None: read off its links.
        class_names: a name per class.
        ids: a name per image.

    Raises:
        TypeError, ValueError: no tree decode, no such node or level, an argument that does not fit the images.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=2, tau=0.9))
        >>> [round(float(linkage), 3) for linkage in plot_links(tree, 1).data[0].x]
        [0.995, 0.1]

    Source: paper section 3.3 (density-aware decoding).
    """
    n = len(hierarchy.labels)
    names = Names(n, labels, class_names, ids)
    shown = checked_images(images, n)
    at = hierarchy.levels[check_int(level, "level", 0, len(hierarchy.levels) - 1)]
    rule = read_rule(hierarchy.levels, tau)
    links = link_table(at, node, rule)
    way = [int(at.image[step]) for step in path_to_peak(at, node)]

    title = f"Links of {names.image(way[0])}" + (f", node {node} of level {level}" if level else "")
    return links_figure(links, way, names, title, rule.tau, shown)


def links_figure(
    links: pd.DataFrame, way: Sequence[int], names: Names, title: str, tau: float, images: np.ndarray | None = None
) -> go.Figure:
    """The picture that `plot_links` returns, of a table of links that is there already.

    Args:
        links: as `link_decisions.link_table` gives it.
        way: images from the node's to the peak's.
        names: of the images.
        title: plain text.
        tau: a line there.
        images: of the whole set.
    """
    rows = np.arange(len(links))
    height = _TOP + 8 + round(_ROW * (len(links) + 2.4))
    words = "its own peak: no link of its own is kept" if len(way) == 1 else f"{len(way) - 1} kept links from its peak"
    bars = go.Bar(
        x=links["linkage"].fillna(0),
        y=rows,
        orientation="h",
        width=0.42,
        marker_color=[LOOKS[why][1] for why in links["why"]],
        hoverinfo="skip",
    )
    figure = styled(go.Figure(bars), escape(title), height=height, subtitle=f"tau {tau:.3f}; {words}")
    figure.update_layout(margin={"l": 8, "r": 8, "t": _TOP, "b": 8}, showlegend=False)
    figure.update_xaxes(domain=_BARS, range=[0, 1], visible=False, fixedrange=True)
    figure.update_yaxes(range=[len(links) + 1.9, -0.5], visible=False, fixedrange=True)
    figure.add_shape(type="line", x0=tau, x1=tau, y0=-0.5, y1=len(links) - 0.5, line={"color": INK, "dash": "dot"})

    heads = {
        "name": "neighbour",
        "linkage": "linkage</b> (line: tau)<b>",
        "density": "denser by",
        "decision": "decision",
    }
    for column, head in heads.items():
        _write(figure, _AT[column], -0.5, f"<b>{head}</b>", yanchor="bottom")
    for row, link in zip(rows.tolist(), links.to_dict("records"), strict=True):
        _draw_row(figure, row, link, names, images)
    _draw_way(figure, len(links) + 0.5, way, names, images)
    return figure


def _draw_row(figure: go.Figure, row: int, link: dict[Any, Any], names: Names, images: np.ndarray | None) -> None:
    image = int(link["image"])
    symbol, colour = LOOKS[link["why"]]
    _thumbnail(figure, _AT["image"], row, images, image)
    _write(figure, _AT["name"] if images is not None else 0, row, _wrapped(names.image(image), 19))
    _write(figure, _AT["linkage"], row, _decimals(link["linkage"]))
    _write(figure, _AT["density"], row, f"{link['density_difference']:+.3f}")
    _write(figure, _AT["decision"], row, f"<span style='color:{colour}'>{symbol}</span> {_wrapped(link['why'], 24)}")


def _draw_way(figure: go.Figure, row: int | float, way: Sequence[int], names: Names, images: np.ndarray | None) -> None:
    """The images from the node to its peak, with arrows; of a long way both ends."""
    shown = [*way] if len(way) <= _WAY else [*way[: _WAY - 1], way[-1]]
    _write(figure, 0, row - 0.62, f"<b>{'Its own peak' if len(way) == 1 else 'The way to its peak'}</b>")
    for i, image in enumerate(shown):
        left = i / _WAY
        _thumbnail(figure, left, row + 0.2, images, image)
        _write(figure, left, row + (0.9 if images is not None else 0.2), _wrapped(names.number(image), 13), size=11)
        if i:
            gap = "…" if i == _WAY - 1 and len(way) > _WAY else "→"
            _write(figure, left - 0.03, row + 0.2, gap, xanchor="center", size=16)


def _thumbnail(figure: go.Figure, x: int | float, y: int | float, images: np.ndarray | None, image: int) -> None:
    if images is not None:
        picture = png_uri(mosaic(images[image : image + 1]))
        place = {"x": x, "y": y, "xref": "paper", "yref": "y", "sizex": 0.06, "sizey": 0.86}
        figure.add_layout_image(source=picture, xanchor="left", yanchor="middle", **place)


def _write(
    figure: go.Figure,
    x: int | float,
    y: int | float,
    text: str,
    *,
    size: int = 12,
    xanchor: str = "left",
    yanchor: str = "middle",
) -> None:
    place = {"x": x, "y": y, "xref": "paper", "yref": "y", "xanchor": xanchor, "yanchor": yanchor}
    figure.add_annotation(text=text, align="left", showarrow=False, font_size=size, **place)


def _wrapped(text: str, width: int) -> str:
    """At most two lines; the rest is cut."""
    lines = textwrap.wrap(text, width, max_lines=2, placeholder=" …")
    return "<br>".join(escape(line) for line in lines)


def _decimals(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"
