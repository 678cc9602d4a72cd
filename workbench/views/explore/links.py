"""The link inspector: the candidate links of one node, why each was kept or dropped, and the way to the peak."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import traitlets
from jaxtyping import Float

from ..._core.validation import check_int
from ...cluster.levels import Hierarchy, check_hierarchy
from ..figures.link_plots import links_figure
from ..figures.maps import cluster_frame, on_map, spread_sample
from ..style import PALETTE, cluster_colours
from .base import Explorer, text_pane
from .link_panes import Names, candidates, strip
from .link_state import LinkState
from .map_view import MapView
from .panes import checked_images, facts, thumbnail

_MAP = 400  # pixels, both ways


class LinkExplorer(Explorer):
    """What `explore_links` returns: see there.

    Attributes:
        selection: the image looked at; can be set.
        level: the level whose links are shown; can be set.
    """

    selection = traitlets.Int()
    level = traitlets.Int()

    def __init__(
        self,
        state: LinkState,
        *,
        images: np.ndarray | None = None,
        view: MapView | None = None,
        colours: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self._state = state
        self._images = images
        self._view = view
        self._colours = colours
        self._visited: list[int] = []
        self._build()
        self._refresh()

    @traitlets.validate("selection")
    def _check_selection(self, proposal: Any) -> int:
        return check_int(proposal["value"], "selection", 0, self._state.n_images - 1)

    @traitlets.validate("level")
    def _check_level(self, proposal: Any) -> int:
        return check_int(proposal["value"], "level", 0, len(self._state.levels) - 1)

    @property
    def table(self) -> pd.DataFrame:
        """`link_decisions.link_table` of the node shown."""
        return self._at.table

    @property
    def path(self) -> list[int]:
        """Images that stand for the nodes from the one shown to its peak."""
        return self._at.path

    def to_parent(self) -> None:
        """Go on to the image that stands for the parent; a peak has none."""
        self._go(self.path[min(1, len(self.path) - 1)])

    def to_peak(self) -> None:
        """Go on to the image that stands for the peak."""
        self._go(self.path[-1])

    def back(self) -> None:
        """Go back to the image before the last step along parents."""
        if self._visited:
            self.selection = self._visited.pop()

    def static(self) -> go.Figure:
        """The candidates of the node shown, and its way to the peak."""
        state = self._state
        title = f"Links of {state.title(self._at)}"
        return links_figure(self.table, self.path, state.names, title, state.rule.tau, self._images)

    def _build(self) -> None:
        """Controls, panes and who listens to whom."""
        plain = {"style": {"description_width": "initial"}}
        n = self._state.n_images
        self._number = widgets.BoundedIntText(
            0, min=0, max=n - 1, description="Image number", layout=widgets.Layout(width="190px"), **plain
        )
        options = [(f"{i}: {level.n_nodes:,} nodes", i) for i, level in enumerate(self._state.levels)]
        self._levels = widgets.Dropdown(options=options, description="Level", **plain)
        self._levels.layout.width = "190px"
        traitlets.link((self, "selection"), (self._number, "value"))
        traitlets.link((self, "level"), (self._levels, "value"))
        self._up = self._button("To the parent", "Go on to the node that this one is linked to", self.to_parent)
        self._top = self._button("To the peak", "Go on to the end of the parents", self.to_peak)
        self._return = self._button("Back", "Undo the last step", self.back)
        self._facts = text_pane(215 if self._view else 130)
        self._way = widgets.HTML(layout=widgets.Layout(min_height="170px", max_height="340px", overflow="auto"))
        self._links = text_pane(470)
        self.observe(self.guarded(lambda _: self._refresh()), ["selection", "level"])
        controls = widgets.HBox([self._number, self._levels, self._up, self._top, self._return])
        beside = widgets.VBox([self._facts, self._way], layout=widgets.Layout(width="100%", margin="0 0 0 14px"))
        middle = beside
        if self._view is not None:
            self._view.on_click(self.guarded(lambda image: self.set_trait("selection", image)))
            self._view.figure.layout.dragmode = "pan"  # a lasso has nothing to say here
            beside.layout = widgets.Layout(flex="1 1 420px", margin="0 0 0 14px")
            middle = widgets.HBox([self._view.figure, beside], layout=widgets.Layout(width="100%"))
        self.arrange(controls, middle, self._links)

    def _button(self, text: str, tip: str, step: Any) -> widgets.Button:
        button = widgets.Button(description=text, tooltip=tip, layout=widgets.Layout(width="auto"))
        button.on_click(self.guarded(lambda _: step()))
        return button

    def _go(self, image: int) -> None:
        if image != self.selection:
            self._visited.append(self.selection)
            self.selection = image

    def _refresh(self) -> None:
        """Show the node everywhere."""
        state = self._state
        self._at = at = state.at(self.selection, self.level)
        self._up.disabled = at.is_peak
        self._top.disabled = at.is_peak
        self._return.disabled = not self._visited
        self._links.value = candidates(at.table, state.names, state.rule.tau, self._images)
        picture = "" if self._images is None else thumbnail(self._images, at.image)
        words = facts(state.names.image(at.image), state.facts(at))
        self._facts.value = f"<div style='display:flex'>{picture}{words}</div>"
        way = strip(at.path, lambda i: state.step(at, i), self._images)
        self._way.value = f"<b>{state.way(at)}</b>{way}"
        if self._view is not None and self._colours is not None:
            self._draw(self._view, self._colours)
        self.say(state.status(at))

    def _draw(self, view: MapView, colours: np.ndarray) -> None:
        """Ring the path on the map, the images linked by lines: the kept solid, the other candidates dotted."""
        image = self._at.stands_for
        path = self.path
        lines = [_line(view.xy, image, int(i), PALETTE[5], "dot") for i in self.table["image"][~self.table["kept"]]]
        lines += [_line(view.xy, a, b, PALETTE[0], "solid") for a, b in pairwise(path)]
        with view.figure.batch_update():
            near = np.unique([*path, *self.table["image"]]).astype(np.int64)
            sizes = np.where(near == image, 30, np.where(np.isin(near, path), 4, 2))
            view.show([colours], peaks=near, sizes=sizes)
            view.figure.layout.shapes = [line for line in lines if line]


def _line(xy: Float[np.ndarray, "n 2"], a: int, b: int, colour: str, dash: str) -> dict[str, Any]:
    """A line on the map; empty where an end has no place."""
    if not np.isfinite(xy[[a, b]]).all():
        return {}
    (x0, y0), (x1, y1) = xy[[a, b]].tolist()
    return {"type": "line", "x0": x0, "y0": y0, "x1": x1, "y1": y1, "line": {"color": colour, "dash": dash, "width": 2}}


def explore_links(
    hierarchy: Hierarchy,
    images: Any = None,
    labels: Any = None,
    *,
    xy: Any = None,
    tau: float | None = None,
    class_names: Sequence[str] = (),
    ids: Any = None,
    max_points: int = 50_000,
) -> LinkExplorer:
    """Look at one node: its candidate links, why each was kept or dropped, and the way along the parents to the peak.

    Choose an image by its number or by a click on the map; choose the level, where the image is part of a node.

    Args:
        hierarchy: of the tree decode, e.g. `HiLander("glyphs-lander").fit(features).hierarchy_`.
        images: uint8 [N, H, W] or [N, H, W, 3], to be looked at.
        labels: true classes [N]: candidates of another class are marked.
        xy: places on the map [N, 2] (`umap_map`); None: no map.
        tau: of the hierarchy; None: read off its links (`link_decisions.read_rule`).
        class_names: a name per class.
        ids: a name per image.
        max_points: with more images a sample is drawn on the map; all can be chosen by number.

    Returns: a widget with the traits `selection` (image) and `level`, both to be read, set and observed.

    Raises:
        TypeError, ValueError: no tree decode, a wrong tau, or an argument that does not fit the hierarchy's images.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=2, tau=0.9))
        >>> explorer = explore_links(tree, labels=[0, 0, 1, 1])
        >>> explorer.selection = 2
        >>> explorer.to_parent()
        >>> explorer.selection, explorer.path, explorer.errors
        (3, [3], [])
    """
    n = len(check_hierarchy(hierarchy).labels)
    names = Names(n, labels, class_names, ids)
    shown = checked_images(images, n)
    view = colours = None
    if xy is not None:
        frame = cluster_frame(hierarchy, xy)
        placed = np.flatnonzero(on_map(frame))
        drawn = placed[spread_sample(hierarchy.layers[-1][placed], check_int(max_points, "max_points"))]
        places = frame[["x", "y"]].to_numpy()
        title = f"{len(drawn):,} of {n:,} images, colour = final cluster"
        view = MapView(places, drawn, [title], width=_MAP, height=_MAP)
        colours = cluster_colours(hierarchy.layers, places)[-1]
    return LinkExplorer(LinkState(hierarchy, names, tau), images=shown, view=view, colours=colours)
