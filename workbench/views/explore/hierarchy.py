"""The hierarchy explorer: one fixed map, a slider for the level, truth beside prediction, the tree linked both ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
import traitlets

from ..._core.validation import check_int
from ...cluster.levels import Hierarchy, check_hierarchy
from ..figures.icicle import tree_frame
from ..figures.map_plot import colours_of_views, plot_map
from ..figures.maps import cluster_frame, level_columns, on_map, spread_sample
from .base import Explorer, slider, text_pane
from .boxes import BoxView
from .hierarchy_state import HierarchyState, Images
from .map_view import MapView
from .panes import checked_images, facts, grid, thumbnail
from .places import places_of

_STATIC_POINTS = 4_000  # keeps what an exported page holds of a map below 200 kB
_BESIDE = 340  # pixels of the panes beside the tree
_GRID = 320  # pixels of the images in them


class HierarchyExplorer(Explorer):
    """What `explore_hierarchy` returns: see there.

    Attributes:
        level: the level shown, 0 .. L-1; can be set.
        selection: int64, numbers of the selected images; can be set.
    """

    level = traitlets.Int()
    # Unlike traitlets.Any it checks None, too.
    selection: traitlets.TraitType[Any, Any] = traitlets.TraitType(default_value=np.zeros(0, dtype=np.int64))

    def __init__(
        self, state: HierarchyState, boxes: BoxView, *, images: np.ndarray | None = None, max_points: int = 50_000
    ) -> None:
        super().__init__()
        self._state = state
        self._boxes = boxes
        self._images = images

        frame = state.frame
        layers = level_columns(frame)
        truth = [] if state.truth is None else ["label"]
        self._colours = colours_of_views(frame, layers, [*layers, *truth])
        placed = np.flatnonzero(on_map(frame))
        drawn = placed[spread_sample(frame[layers[-1]].to_numpy()[placed], max_points)]
        self._map = MapView(frame[["x", "y"]].to_numpy(), drawn, ["clusters", *state.truth_title()])

        self._shown: tuple[int, np.ndarray, bool] | None = None
        self._filling = False
        self._build()
        self.level = state.last
        self._refresh()

    @traitlets.validate("level")
    def _check_level(self, proposal: Any) -> int:
        return self._state.check_level(proposal["value"])

    @traitlets.validate("selection")
    def _check_selection(self, proposal: Any) -> Images:
        return self._state.check_selection(proposal["value"])

    def select_cluster(self, cluster: int, level: int | None = None) -> None:
        """Select the images of one cluster; of the level shown, or of another, which is shown then."""
        level = self.level if level is None else self._state.check_level(level)
        check_int(cluster, "cluster", 0, len(self._state.sizes(level)) - 1)
        with self.hold_trait_notifications():
            self.level = level
            self.selection = self._state.members(level, cluster)

    def static(self) -> go.Figure:
        """The map with its own slider, of a sample of the images."""
        return plot_map(self._state.frame, level=self.level, max_points=_STATIC_POINTS)

    def _build(self) -> None:
        """Controls, panes and who listens to whom."""
        last = self._state.last
        self._slider = slider(0, last, last, "Level")
        # Not plotly's own animation: a FigureWidget refuses frames.
        self._play = widgets.Play(min=0, max=last, value=last, interval=1500, disabled=last == 0)
        self._play.tooltip = "Play the levels"
        widgets.jslink((self._play, "value"), (self._slider, "value"))
        traitlets.link((self, "level"), (self._slider, "value"))
        self._number = widgets.BoundedIntText(-1, min=-1, description="Cluster", tooltip="Select by number; -1: none")
        self._number.layout.width = "150px"
        self._number.observe(self.guarded(lambda change: self._enter(change["new"])), "value")
        clear = widgets.Button(description="Clear selection", tooltip="Select nothing")
        clear.on_click(self.guarded(lambda _: self.set_trait("selection", [])))
        self._rings = widgets.Checkbox(False, description="Rings on all peaks", indent=False)
        self._rings.layout.width = "auto"
        self._rings.observe(self.guarded(lambda _: self._refresh()), "value")
        self._under = text_pane(134, _BESIDE)
        self._chosen = text_pane(286, _BESIDE)
        self._under.value = "<i>Point at an image to see it here.</i>"
        self.observe(self.guarded(lambda _: self._refresh()), ["level", "selection"])
        self._map.on_click(self.guarded(self._click))
        self._map.on_lasso(self.guarded(lambda images: self.set_trait("selection", images)))
        self._map.on_clear(self.guarded(lambda: self.set_trait("selection", [])))
        self._map.on_hover(self.guarded(self._point_at))
        self._boxes.on_click(self.guarded(self._open))
        beside = widgets.VBox([self._under, self._chosen], layout=widgets.Layout(margin="0 0 0 16px"))
        controls = widgets.HBox([self._play, self._slider, self._number, clear, self._rings])
        self.arrange(controls, self._map.figure, widgets.HBox([self._boxes.figure, beside]))

    def _click(self, image: int) -> None:
        self._point_at(image)
        self.select_cluster(int(self._state.layers[self.level][image]))

    def _enter(self, cluster: int) -> None:
        if not self._filling:
            self.selection = self._state.members(self.level, cluster)

    def _open(self, row: int) -> None:
        box = self._boxes.tree.iloc[row]
        self.select_cluster(int(box["cluster"]), int(box["level"]))

    def _refresh(self) -> None:
        """Show level and selection everywhere; two traits set at once are shown once."""
        before = self._shown
        now = (self.level, self.selection, self._rings.value)
        if before is not None and before[1] is not self.selection:
            self._map.clear_lasso()
        # The array itself is kept, not its id(): a new array may get the id of one that is gone.
        elif before is not None and before[::2] == now[::2]:
            return
        self._shown = now

        self._draw()
        held = self._state.clusters_of(self.level, self.selection)
        row = self._boxes.row_of(self.level, int(held[0])) if len(held) == 1 else None
        self._boxes.select(row)

        self._filling = True  # what is put into the box below is no choice of the user
        self._number.max = len(self._state.sizes(self.level)) - 1
        self._number.value = -1 if row is None else int(held[0])
        self._filling = False

        self._describe(row)
        self.say(self._state.status(self.level, self.selection, len(self._map.drawn)))

    def _draw(self) -> None:
        """The map: colours of the level, what is selected, rings on peaks."""
        state = self._state
        picked = np.isin(np.arange(len(state.frame)), self.selection) if len(self.selection) else None
        ringed = picked is not None or self._rings.value
        title = state.title(self.level) + ", rings = peaks" * ringed
        self._map.show(
            [self._colours[self.level], *self._colours[len(state.layers) :]],
            picked=picked,
            peaks=state.levels[self.level].peaks.cpu().numpy() if ringed else None,
            sizes=state.sizes(self.level),
            titles=[title],
        )

    def _describe(self, row: int | None) -> None:
        """Statistics and images of the selection; `row` of the tree if all of it lies in one cluster."""
        chosen = self.selection
        if not len(chosen):
            self._chosen.value = "<i>Click an image or a box to see its cluster, or draw a lasso around images.</i>"
            return
        box = None if row is None else self._boxes.tree.iloc[row]
        if box is not None and len(chosen) != box["size"]:
            box = None
        heading = facts(*self._state.of_selection(self.level, chosen, box))
        peak = None if box is None else int(box["peak"])
        pictures = "" if self._images is None else grid(self._images, chosen, self._state.truth, peak=peak, width=_GRID)
        self._chosen.value = heading + pictures

    def _point_at(self, image: int) -> None:
        picture = "" if self._images is None else thumbnail(self._images, image)
        words = facts(*self._state.of_image(self.level, image))
        self._under.value = f"<div style='display:flex'>{picture}{words}</div>"


def explore_hierarchy(
    hierarchy: Hierarchy,
    *,
    images: Any = None,
    labels: Any = None,
    xy: Any = None,
    features: Any = None,
    class_names: Sequence[str] = (),
    ids: Any = None,
    seed: int = 0,
    max_points: int = 50_000,
) -> HierarchyExplorer:
    """Go through the levels on one fixed map, beside the truth; click, lasso or open the tree to look into clusters.

    Colours: a cluster keeps its largest child's colour from level to level, a class has that of the cluster it meets
    most. Rings are peaks, larger for larger clusters. A click selects the image's cluster, a lasso single images;
    what is selected keeps its colour. The tree opens where the selection is too small to be seen.

    Args:
        hierarchy: the clustering, e.g. `HiLander().fit(features).hierarchy_`.
        images: uint8 [N, H, W] or [N, H, W, 3], to be looked at.
        labels: true classes [N]: the truth's map, purities.
        xy: places on the map [N, 2] (`umap_map`). None: laid out here, once, which takes UMAP about 20 s for 10,000
            images, from the features or, without them, from level 0's graph alone.
        features: [N, D].
        class_names: a name per class.
        ids: a name per image.
        seed: of the layout.
        max_points: with more images a sample is drawn, every cluster of the last level thinned alike; the strip below
            says so. Clusters are still selected whole.

    Returns: a widget with the traits `level` and `selection` (numbers of images), both to be read, set and observed.

    Raises:
        ValueError: an argument that does not fit the hierarchy's images.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=2, tau=0.9))
        >>> explorer = explore_hierarchy(tree, labels=[0, 0, 1, 1], xy=x)
        >>> explorer.select_cluster(1)
        >>> explorer.level, explorer.selection.tolist(), explorer.errors
        (0, [2, 3], [])
    """
    check_int(max_points, "max_points")
    shown = checked_images(images, len(check_hierarchy(hierarchy).labels))
    xy = places_of(hierarchy.levels[0].graph, xy, features, seed=seed, max_points=max_points)
    frame = cluster_frame(hierarchy, xy, labels, class_names=class_names, ids=ids)
    boxes = BoxView(tree_frame(hierarchy, labels, class_names=class_names, ids=ids))
    state = HierarchyState(hierarchy, frame, class_names)
    return HierarchyExplorer(state, boxes, images=shown, max_points=max_points)
