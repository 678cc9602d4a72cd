"""The link inspector: the candidate links of one node, why each was kept or dropped, and the way to the peak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import traitlets
from jaxtyping import Float

from ..._core.validation import check_int
from ...cluster.levels import Hierarchy, check_hierarchy
from ...evaluate.link_decisions import link_table, nodes_of, path_to_peak, read_rule
from ..figures.link_plots import links_figure
from ..figures.maps import cluster_frame, on_map, spread_sample
from ..style import PALETTE, cluster_colours
from .base import Explorer, text_pane
from .link_panes import Names, candidates, strip
from .map_view import MapView
from .panes import checked_images, facts, thumbnail

_MAP = 400  # pixels, both ways


class LinkExplorer(Explorer):
    """What `explore_links` returns: see there.

    Attributes:
        selection: the image looked at; can be set.
        level: the level whose links are shown; can be set.
        table: `link_decisions.link_table` of the node shown.
        path: images that stand for the nodes from the one shown to its peak.
    """

    selection = traitlets.Int()
    level = traitlets.Int()

    def __init__(
        self,
        hierarchy: Hierarchy,
        names: Names,
        *,
        images: np.ndarray | None = None,
        view: MapView | None = None,
        colours: np.ndarray | None = None,
        tau: float | None = None,
    ) -> None:
        super().__init__()
        self._hierarchy = hierarchy
        self._names = names
        self._images = images
        self._rule = read_rule(hierarchy.levels, tau)
        self._about = "" if tau is not None else ", read off the links"
        self._view = view
        self._colours = colours
        self._nodes = [nodes_of(hierarchy, i).cpu().numpy() for i in range(len(hierarchy.levels))]
        self._visited: list[int] = []
        self.table = pd.DataFrame()
        self.path = [0]
        self._build()
        self._refresh()

    @traitlets.validate("selection")
    def _check_selection(self, proposal: Any) -> int:
        return check_int(proposal["value"], "selection", 0, len(self._nodes[0]) - 1)

    @traitlets.validate("level")
    def _check_level(self, proposal: Any) -> int:
        return check_int(proposal["value"], "level", 0, len(self._nodes) - 1)

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
        title = f"Links of {self._title()}"
        return links_figure(self.table, self.path, self._names, title, self._rule.tau, self._images)

    def _build(self) -> None:
        """Controls, panes and who listens to whom."""
        plain = {"style": {"description_width": "initial"}}
        n = len(self._nodes[0])
        self._number = widgets.BoundedIntText(
            0, min=0, max=n - 1, description="Image number", layout=widgets.Layout(width="190px"), **plain
        )
        options = [(f"{i}: {level.n_nodes:,} nodes", i) for i, level in enumerate(self._hierarchy.levels)]
        self._levels = widgets.Dropdown(options=options, description="Level", **plain)
        self._levels.layout.width = "190px"
        traitlets.link((self, "selection"), (self._number, "value"))
        traitlets.link((self, "level"), (self._levels, "value"))
        self._up, self._top, self._return = (
            self._button(text, tip, step)
            for text, tip, step in (
                ("To the parent", "Go on to the node that this one is linked to", self.to_parent),
                ("To the peak", "Go on to the end of the parents", self.to_peak),
                ("Back", "Undo the last step", self.back),
            )
        )
        self._facts = text_pane(215 if self._view else 130)
        self._way = text_pane(170)
        self._links = text_pane(470)
        self.observe(self.guarded(lambda _: self._refresh()), ["selection", "level"])
        controls = widgets.HBox([self._number, self._levels, self._up, self._top, self._return])
        beside = widgets.VBox([self._facts, self._way], layout=widgets.Layout(width="100%", margin="0 0 0 14px"))
        middle = beside
        if self._view is not None:
            self._view.on_click(self.guarded(lambda image: self.set_trait("selection", image)))
            self._view.figure.layout.dragmode = "pan"  # a lasso has nothing to say here
            beside.layout.width = "420px"
            middle = widgets.HBox([self._view.figure, beside])
        self.arrange(controls, middle, self._links)

    def _button(self, text: str, tip: str, step: Any) -> widgets.Button:
        button = widgets.Button(description=text, tooltip=tip, layout=widgets.Layout(width="auto"))
        button.on_click(self.guarded(lambda _: step()))
        return button

    def _go(self, image: int) -> None:
        if image != self.selection:
            self._visited.append(self.selection)
            self.selection = image

    def _node(self) -> int:
        return int(self._nodes[self.level][self.selection])

    def _title(self) -> str:
        name = self._names.image(self.selection)
        return name if self.level == 0 else f"node {self._node()} of level {self.level}, which holds {name}"

    def _refresh(self) -> None:
        """Show the node everywhere."""
        level = self._hierarchy.levels[self.level]
        node = self._node()
        self.table = link_table(level, node, self._rule, labels=self._names.labels)
        steps = path_to_peak(level, node)
        self.path = [int(level.image[step]) for step in steps]
        self._up.disabled = self._top.disabled = len(steps) == 1
        self._return.disabled = not self._visited
        self._links.value = candidates(self.table, self._names, self._rule.tau, self._images)
        self._describe(node, steps)
        if self._view is not None and self._colours is not None:
            self._draw(self._view, self._colours, int(level.image[node]))
        kept = "a peak: no link of its own is kept" if len(steps) == 1 else f"{_links(len(steps) - 1)} from its peak"
        text = f"{_links(len(self.table), 'candidate link')}; {kept}. tau {self._rule.tau:.4g}{self._about}."
        self.say(f"{self._title()}: {text}")

    def _describe(self, node: int, steps: list[int]) -> None:
        level = self._hierarchy.levels[self.level]
        image = int(level.image[node])
        rows: dict[str, Any] = {"image number": self.selection}
        if self.level:
            rows |= {f"node of level {self.level}": node, "stands for it": self._names.image(image)}
            rows["images in the node"] = int(level.size[node])
        rows |= {"density": float(level.prediction.density[node]), "candidates": len(self.table)}
        rows["cluster after this level"] = int(level.labels[self.selection])
        picture = "" if self._images is None else thumbnail(self._images, self.selection)
        words = facts(self._names.image(self.selection), rows)
        self._facts.value = f"<div style='display:flex'>{picture}{words}</div>"
        way = strip(self.path, lambda i: self._step(steps, i), self._images)
        heading = "Its own peak" if len(steps) == 1 else f"To its peak: {_links(len(steps) - 1)}"
        self._way.value = f"<b>{heading}</b>{way}"

    def _step(self, steps: list[int], i: int) -> str:
        density = float(self._hierarchy.levels[self.level].prediction.density[steps[i]])
        return f"{self._names.image(self.path[i])}, density {density:.3f}"

    def _draw(self, view: MapView, colours: np.ndarray, image: int) -> None:
        """Ring the path on the map, the images linked by lines: the kept solid, the other candidates dotted."""
        lines = [_line(view.xy, image, int(i), PALETTE[5], "dot") for i in self.table["image"][~self.table["kept"]]]
        lines += [_line(view.xy, a, b, PALETTE[0], "solid") for a, b in zip(self.path, self.path[1:], strict=False)]
        with view.figure.batch_update():
            near = np.unique([*self.path, *self.table["image"]]).astype(np.int64)
            sizes = np.where(near == image, 30, np.where(np.isin(near, self.path), 4, 2))
            view.show([colours], peaks=near, sizes=sizes)
            view.figure.layout.shapes = [line for line in lines if line]


def _links(n: int, noun: str = "link") -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


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
    ids: Sequence[Any] | None = None,
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
    return LinkExplorer(hierarchy, names, images=shown, view=view, colours=colours, tau=tau)
