"""The tau explorer: move tau, and see clusters and scores follow at once."""

from __future__ import annotations

import time
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
import traitlets
from jaxtyping import Float, Int
from torch import Tensor

from ..._core.validation import check_array, check_labels, check_unit_interval, unit_rows
from ...cluster.hierarchy import decode_level, rebuild
from ...cluster.hilander import HiLander
from ...cluster.levels import Hierarchy
from ...decode.decoding import Decoding
from ...evaluate.scores import FIGURES
from ...evaluate.tau_sweep import cluster_f
from ...lander.model import Lander
from ..figures.maps import spread_sample
from ..style import SCORE_NAMES, cluster_colours
from .base import WIDTH, Explorer, slider, text_pane
from .curve import CurveView
from .map_view import MapView
from .panes import checked_images, facts, frame_table, thumbnail
from .places import places_of
from .tau_source import source_of

_MAX_POINTS = 50_000  # a browser paints 100,000 after 3.3 s, and a lasso over them takes 6 s
_HALF = WIDTH // 2
_BY = ("level 0", "last level", "truth")


class TauExplorer(Explorer):
    """What `explore_tau` returns: see there.

    Attributes:
        tau: the threshold, in [0, 1]; can be set.
        hierarchy: all levels at the tau at which they were last run.
    """

    tau = traitlets.Float()
    hierarchy = traitlets.Any()

    def __init__(
        self,
        model: HiLander,
        xy: Float[np.ndarray, "n 2"],
        *,
        labels: Int[np.ndarray, " n"] | None = None,
        images: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self._run = model.hierarchy_
        self._lander = model.lander_
        self._settings = model.settings_
        self._first = self._run.levels[0]
        self._source = source_of(self._first, self._settings.decoder)

        self._labels = labels
        self._images = images
        self._xy = xy
        self._decoding: Decoding = self._first.decoding

        self._own = cluster_colours([np.arange(len(xy))], xy)[0]  # of a peak, so of its cluster, at every tau
        self._truth = self._own if labels is None else cluster_colours([labels], xy)[0]
        self._upper_rows: list[dict[str, Any]] = []
        self._curve = CurveView(self._source.curve(labels), self._settings.tau, axis=self._source.axis, width=_HALF)

        placed = np.flatnonzero(np.isfinite(xy).all(axis=1))
        drawn = placed[spread_sample(model.labels_[placed], _MAX_POINTS)]
        self._map = MapView(xy, drawn, ["level 0"], width=_HALF)

        self.tau = self._settings.tau
        self._build()
        self._took(model.hierarchy_, self.tau, 0.0)

    @traitlets.validate("tau")
    def _check_tau(self, proposal: Any) -> float:
        return check_unit_interval(proposal["value"], "tau")

    def static(self) -> go.Figure:
        """The curves, with the slider where it stands."""
        return self._curve.static()

    def _build(self) -> None:
        """Controls, panes and who listens to whom."""
        self._slider = slider(0.0, 1.0, self._settings.tau, "tau", step=0.001, live=True)
        self._by = widgets.Dropdown(options=_BY[: 2 + (self._labels is not None)], description="Colour by")
        self._by.layout.width = "200px"
        back = widgets.Button(
            description=f"Model's tau: {self._settings.tau:.3g}", tooltip="Back to the model's own tau"
        )
        back.on_click(self.guarded(lambda _: self.set_trait("tau", self._settings.tau)))
        self._rings = widgets.Checkbox(False, description="Rings on all peaks", indent=False)
        self._rings.layout.width = "auto"
        self._rings.observe(self.guarded(lambda _: self._draw()), "value")
        self._table = text_pane(190, _HALF)
        self._under = text_pane(190, _HALF - 20)
        self._under.value = "<i>Point at an image to see what it hangs on.</i>"
        self._upper = self.debounced(self._run_upper, 0.4, alone=False)
        self._arrived = self.guarded(self._took)
        traitlets.link((self, "tau"), (self._slider, "value"))
        self.observe(self.guarded(lambda _: self._move()), "tau")
        self._by.observe(self.guarded(lambda _: self._draw()), "value")
        self._map.on_hover(self.guarded(self._point_at))
        self._map.on_click(self.guarded(self._point_at))
        self._map.figure.layout.dragmode = "pan"  # a lasso has nothing to say here
        figures = widgets.HBox([self._map.figure, self._curve.figure])
        controls = widgets.HBox([self._slider, self._by, back, self._rings])
        self.arrange(controls, figures, widgets.HBox([self._table, self._under]))

    def _move(self) -> None:
        """At once: level 0, exactly. The levels above wait until the slider rests."""
        self._decoding = decode_level(self._first, self._settings.decoder, self.tau)
        self._curve.move(self.tau)
        self._draw()
        self._tell("levels above wait until the slider rests")
        self._upper()

    def _run_upper(self) -> None:
        """Run the levels above at the tau of now; the slider may move on meanwhile."""
        start = time.perf_counter()
        tau = self.tau
        model = self._lander
        tree = rebuild(self._run, model.predict, self._settings, tau, ensemble=model.ensemble)
        self._arrived(tree, tau, time.perf_counter() - start)

    def _took(self, tree: Hierarchy, tau: float, seconds: float) -> None:
        """Show a hierarchy that was run at `tau`."""
        self._run_at = tau
        self.hierarchy = tree
        self._upper_rows = [self._row(level, tree.levels[level].labels) for level in range(1, len(tree.levels))]
        last = self._upper_rows[-1] if self._upper_rows else self._level_0(tau, tree.levels[0].decoding)
        self._curve.add_run(tau, last)
        self._draw()
        self._tell(f"levels above run anew in {seconds:.2f} s" if seconds else "levels above as fitted")

    def _row(self, level: int, labels: Tensor) -> dict[str, Any]:
        """Counts and, where the truth is known, scores of a level above 0."""
        at = self.hierarchy.levels[level]
        row: dict[str, Any] = {"level": level, "nodes": at.n_nodes, "links kept": at.links_added}
        return row | self._scores(labels) | {"how": "run anew"}

    def _level_0(self, tau: float, decoding: Decoding) -> dict[str, Any]:
        """Of level 0 at tau: looked up where the curve is exact, as the slider must not wait."""
        return self._curve.at(tau) if self._source.exact else self._scores(decoding.clusters)

    def _scores(self, labels: Tensor) -> dict[str, Any]:
        """The number of clusters and, where the truth is known, their F."""
        return {"n_clusters": int(labels.max()) + 1} | ({} if self._labels is None else cluster_f(self._labels, labels))

    def _draw(self) -> None:
        """Colour the map and fill the table."""
        if self._by.value == "truth":
            self._map.show([self._truth], titles=["truth"])
        else:
            level0 = self._by.value == "level 0"
            labels = self._decoding.clusters if level0 else self.hierarchy.labels
            peaks = self._decoding.representative if level0 else self.hierarchy.levels[-1].peaks
            found = labels.cpu().numpy()
            tops = peaks.cpu().numpy()
            sizes = np.bincount(found, minlength=len(tops))
            title = f"{self._by.value} at tau {self.tau if level0 else self._run_at:.3f}: {len(tops):,} clusters"
            rings = tops if self._rings.value else None
            self._map.show([self._own[tops][found]], peaks=rings, sizes=sizes, titles=[title])
        first = {"level": 0, "nodes": len(self._own), "links kept": self._decoding.n_links}
        first |= self._level_0(self.tau, self._decoding)
        stale = self._run_at != self.tau
        above = [{**row, "how": f"at tau {self._run_at:.3f}"} if stale else row for row in self._upper_rows]
        rows = pd.DataFrame([first | {"how": "exact"}, *above])
        names = {"n_clusters": "clusters", **{figure: SCORE_NAMES[figure] for figure in FIGURES}}
        rows[["level", "n_clusters"]] = rows[["level", "n_clusters"]].astype(int)
        columns = [name for name in ("level", "nodes", "links kept", *names, "how") if name in rows]
        self._table.value = frame_table(rows[columns].rename(columns=names))

    def _tell(self, above: str) -> None:
        n = len(self._own)
        drawn = len(self._map.drawn)
        sample = "all drawn" if drawn == n else f"a sample of {drawn:,} drawn, clusters thinned alike"
        self.say(f"tau {self.tau:.3f}, {n:,} images ({sample}). Level 0 is exact, decoded at once; {above}.")

    def _point_at(self, image: int) -> None:
        """The image, the one it is linked to at level 0, and why."""
        rows, other = self._source.why(image, self.tau, self._decoding)
        pictures = ""
        if self._images is not None:
            pictures = "".join(thumbnail(self._images, i, height=72) for i in dict.fromkeys((image, other)))
        self._under.value = facts(f"image {image}", rows) + pictures


def explore_tau(
    model: HiLander | Lander, features: Any, labels: Any = None, *, images: Any = None, xy: Any = None
) -> TauExplorer:
    """Move tau and see the clusters and their F follow.

    The model's prediction of level 0 does not depend on tau, so level 0 is decoded at once and exactly while the slider
    moves. Of a tree decode the curve of F against tau is exact, too, from one pass
    (`workbench.evaluate.nested_scores`); other decoders are asked at 51 tau. The levels above are other graphs at every
    tau: they are run anew once the slider rests, and until then the table says at which tau they are. A cluster has its
    peak's colour, at every tau.

    Args:
        model: a fitted or unfitted `HiLander`, or a `Lander`; it is not changed.
        features: [N, D].
        labels: true classes [N]. None: the curve shows the number of clusters.
        images: uint8 [N, H, W] or [N, H, W, 3], to be looked at.
        xy: places on the map [N, 2] (`umap_map`). None: laid out here, once.

    Returns: a widget with the traits `tau`, to be read, set and observed, and `hierarchy`, all levels as last run.

    Raises:
        TypeError, ValueError: an argument of the wrong kind or length.

    Example:
        >>> import workbench as wb
        >>> x = np.random.default_rng(1).normal(size=(40, 5))
        >>> explorer = explore_tau(wb.HiLander(k=4), x, [0, 1] * 20, xy=x[:, :2])
        >>> explorer.tau = 1.0
        >>> explorer.settle()
        >>> explorer.hierarchy.n_clusters, explorer.errors
        (40, [])
    """
    fitted = _fitted(model, features)
    n = len(fitted.labels_)
    truth = None if labels is None else check_labels(labels, n)
    shown = checked_images(images, n)
    places = places_of(fitted.hierarchy_.levels[0].graph, xy, features)
    return TauExplorer(fitted, places, labels=truth, images=shown)


def _fitted(model: Any, features: Any) -> HiLander:
    """The model fitted to these features: itself, or a new one of the same settings."""
    if not isinstance(model, (HiLander, Lander)):
        raise TypeError(
            f"model: expected a HiLander or a Lander, got {type(model).__name__}; "
            "e.g. HiLander(), or load_checkpoint('glyphs-lander')"
        )
    estimator = HiLander(model) if isinstance(model, Lander) else model
    rows = unit_rows(check_array(features, "features"), "features", warn=False)
    if hasattr(estimator, "hierarchy_"):
        known = estimator.features_
        same_shape = (len(known), estimator.n_features_in_) == rows.shape
        if same_shape and torch.equal(known, estimator.hierarchy_.metric(rows.to(known.device))):
            return estimator
    return HiLander(**estimator.get_params(deep=False)).fit(features)
