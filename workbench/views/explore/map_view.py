"""One or two maps of the same images in one figure: they move together and answer to clicks, lasso and hover."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float, Int
from plotly.subplots import make_subplots

from ..style import CLEAR, INK, PALETTE, colour_steps, escape, styled
from .base import WIDTH
from .live import LiveFigure

_FADED = len(PALETTE)  # the colour of what is not selected
_N = len(PALETTE) + 1
_STEPS = [[place * _FADED / _N, colour] for place, colour in colour_steps()]
_STEPS += [[_FADED / _N, "rgba(138,143,152,0.28)"], [1.0, "rgba(138,143,152,0.28)"]]
_KEPT = {"marker": {"opacity": 1}}  # what the browser does by itself to selected points: nothing, we fade them


class MapView:
    """Maps in one figure: a WebGL trace per panel, and one for the peaks on the first panel.

    Args:
        xy: places of all images [N, 2].
        drawn: the images to draw [m]; with a sample, not all.
        panels: a title per map.
        width, height: of the figure in pixels.

    Example:
        >>> view = MapView(np.eye(3, 2), np.arange(3), ["found", "truth"])
        >>> view.show([np.array([0, 1, 2]), np.array([0, 0, 1])], picked=np.array([True, False, True]))
        >>> view.figure.data[0].marker.color.tolist()
        [0, 7, 2]
    """

    def __init__(
        self,
        xy: Float[np.ndarray, "n 2"],
        drawn: Int[np.ndarray, " m"],
        panels: Sequence[str],
        *,
        width: int = WIDTH,
        height: int = 400,
    ) -> None:
        self.xy = xy
        self.drawn = drawn
        self.panels = len(panels)
        places = make_subplots(rows=1, cols=self.panels, subplot_titles=list(panels), horizontal_spacing=0.02)
        for panel in range(self.panels):
            places.add_trace(self._points(panel), row=1, col=panel + 1)
        places.add_trace(_peaks(), row=1, col=1)
        self.figure = LiveFigure(_looks(places, width, height))

    def show(
        self,
        colours: Sequence[Int[np.ndarray, " n"]],
        *,
        picked: Bool[np.ndarray, " n"] | None = None,
        peaks: Int[np.ndarray, " p"] | None = None,
        sizes: Int[np.ndarray, " p"] | None = None,
        titles: Sequence[str] = (),
    ) -> None:
        """Colour the maps, in one message to the browser.

        Args:
            colours: per panel, colour 0 .. 6 of every image.
            picked: the selected images; the others fade. None: nothing is selected.
            peaks: images to ring on the first panel, where they stand for more than themselves; with `picked`, the
                selected ones.
            sizes: images in the cluster of each: a larger one has a larger ring.
            titles: new titles of the panels, plain text.
        """
        rings = np.zeros(0, dtype=np.int64) if peaks is None else peaks
        images = np.full(len(rings), 2) if peaks is None or sizes is None else sizes
        at = np.isin(rings, self.drawn) & (images > 1) & (True if picked is None else picked[rings])
        rings = rings[at]
        images = images[at]
        faded = [np.where(picked, colour, _FADED) if picked is not None else colour for colour in colours]
        with self.figure.batch_update():
            for trace, colour in zip(self.figure.data, faded, strict=False):
                trace.marker.color = colour[self.drawn].astype(np.uint8)
            top = self.figure.data[-1]
            top.x, top.y = self.xy[rings].T.astype(np.float32)
            top.marker.color = faded[0][rings].astype(np.uint8)
            top.marker.size = np.clip(5 + 2 * np.log2(images), 6, 18).astype(np.float32)
            for title, text in zip(self.figure.layout.annotations, titles, strict=False):
                title.text = escape(text)

    def clear_lasso(self) -> None:
        """Take away the outline that a lasso left; the browser would go on selecting by it."""
        self.figure.plotly_relayout({"selections": []})  # sent as it is; the kernel does not hear of outlines

    def on_click(self, f: Callable[[int], Any]) -> None:
        """Call `f(image)` for a clicked point."""
        self._listen("on_click", lambda images: f(int(images[0])))

    def on_hover(self, f: Callable[[int], Any]) -> None:
        """Call `f(image)` for a point under the pointer."""
        self._listen("on_hover", lambda images: f(int(images[0])))

    def on_lasso(self, f: Callable[[Int[np.ndarray, " m"]], Any]) -> None:
        """Call `f(images)` for points inside a lasso or box."""
        self._listen("on_selection", f)

    def on_clear(self, f: Callable[[], Any]) -> None:
        """Call `f()` when a double click takes a lasso back."""
        self.figure.data[0].on_deselect(lambda *_: f())

    def _listen(self, event: str, f: Callable[[Int[np.ndarray, " m"]], Any]) -> None:
        def heard(_: Any, points: Any, __: Any) -> None:
            if points.point_inds:  # the traces that were not meant are called as well
                f(self.drawn[np.asarray(points.point_inds)])

        for trace in self.figure.data[: self.panels]:
            getattr(trace, event)(heard)

    def _points(self, panel: int) -> go.Scattergl:
        x, y = self.xy[self.drawn].T.astype(np.float32)
        return go.Scattergl(
            x=x,
            y=y,
            mode="markers",
            name=f"map {panel + 1}",
            customdata=self.drawn.astype(np.int32),
            hovertemplate="image %{customdata}<extra></extra>",
            marker=_marker(size=float(np.clip(250 / np.sqrt(len(x) + 1), 2.4, 9))),
            selected=_KEPT,
            unselected=_KEPT,
        )


def _marker(**more: Any) -> dict[str, Any]:
    return {"cmin": -0.5, "cmax": _N - 0.5, "colorscale": _STEPS, **more}


def _peaks() -> go.Scattergl:
    line = {"width": 1.4, "color": INK}
    rings = go.Scattergl(mode="markers", name="peaks", hoverinfo="skip", marker=_marker(line=line))
    return rings.update(selected=_KEPT, unselected=_KEPT)


def _looks(figure: go.Figure, width: int, height: int) -> go.Figure:
    """The house look; the second map follows the first one's ranges, and the other way round."""
    styled(figure, "", height=height)
    hidden = {"visible": False}
    figure.update_xaxes(**hidden, matches="x").update_yaxes(**hidden, matches="y")
    figure.update_annotations(font_size=14, xanchor="left", x=0)
    for i, annotation in enumerate(figure.layout.annotations):
        annotation.x = figure.layout["xaxis" if i == 0 else f"xaxis{i + 1}"].domain[0]
    margin = {"l": 4, "r": 4, "t": 34, "b": 4}
    modebar = {"bgcolor": CLEAR, "color": INK, "activecolor": PALETTE[0], "orientation": "v" if width < 600 else "h"}
    return figure.update_layout(width=width, showlegend=False, dragmode="lasso", margin=margin, modebar=modebar)
