"""The oracle explorer: which head loses at which level, and what one link more or less does to all levels above it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
import traitlets

from ..._core.validation import check_array, check_int
from ...cluster.levels import Hierarchy
from ...evaluate.interventions import HEADS, Edit, Intervention, InterventionStudy, check_edits, check_several
from ...evaluate.link_decisions import link_table, nodes_of, read_rule
from ...lander.config import InferenceConfig
from ...lander.model import Lander
from ..figures.maps import level_table
from .base import Explorer
from .link_panes import Names
from .link_picker import LinkPicker
from .live import LiveFigure
from .oracle_panes import changes, edits_html, oracle_figure, show_node, show_scores, summary, summary_html
from .panes import checked_images
from .places import places_of

_WORDS = {"links": "True links", "density": "True density"}


class OracleExplorer(Explorer):
    """What `explore_oracle` returns: see there.

    Attributes:
        links, density: rows of switches that are on: levels at which that head is the truth; the last row stands for
            all levels above it, too. Can be set.
        edits: links flipped, `workbench.evaluate.Edit`, in order; can be set.
        hierarchy: what the model, the switches and the edits make; read only.
    """

    links: traitlets.TraitType[Any, Any] = traitlets.TraitType(default_value=())  # unlike Any it checks None, too
    density: traitlets.TraitType[Any, Any] = traitlets.TraitType(default_value=())
    edits: traitlets.TraitType[Any, Any] = traitlets.TraitType(default_value=())

    def __init__(
        self,
        study: InterventionStudy,
        names: Names,
        *,
        images: np.ndarray | None = None,
        xy: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self.study = study
        self._names = names
        self._images = images
        self._xy = xy

        self.hierarchy: Hierarchy = study.own
        self._rule = read_rule(study.own.levels, study.settings.tau)
        self._own = self._now = level_table(study.own, names.labels)
        self._gains: Any = None

        self._n_rows = len(study.own.levels)
        self._filling = False
        self._shown: tuple[Any, ...] = ((), (), ())
        self._build()
        self._show("The model's own hierarchy.")

    @traitlets.validate("links", "density")
    def _check_rows(self, proposal: Any) -> tuple[int, ...]:
        name = proposal["trait"].name
        return tuple(sorted({check_int(i, name, 0, self._n_rows - 1) for i in check_several(proposal["value"], name)}))

    @traitlets.validate("edits")
    def _check_edits(self, proposal: Any) -> tuple[Edit, ...]:
        edits = check_edits(proposal["value"])
        for edit in edits:
            if max(edit.node, edit.neighbor) >= len(self.study.features):
                raise ValueError(f"edits: expected images 0 to {len(self.study.features) - 1}, got {edit}")
        return edits

    def flip(self, level: int, node: int, neighbor: int) -> None:
        """Flip a link: forbid it where its linkage passes tau, force it where it does not.

        Args:
            level: of `hierarchy`.
            node, neighbor: images that stand for its ends; the neighbour must be a candidate of the node.

        Raises:
            ValueError: no such node or candidate link.
        """
        check_int(level, "level", 0, len(self.hierarchy.levels) - 1)
        at = self.hierarchy.levels[level]
        found = (at.image == node).nonzero()[:, 0]
        links = link_table(at, int(found[0]), self._rule) if len(found) else None
        row = None if links is None else links[(links["image"] == neighbor) & links["linkage"].notna()]
        if row is None or row.empty:
            raise ValueError(f"neighbor: image {neighbor} is no candidate of image {node} at level {level}")
        linkage = 0 if row["above_tau"].iloc[0] else 1
        self.edits = (*self.edits, Edit(level, int(node), int(neighbor), linkage))

    def static(self) -> go.Figure:
        """F by level, the model's own and now."""
        figure = oracle_figure(with_map=False)
        show_scores(figure, self._own, self._now)
        return figure

    def _build(self) -> None:
        self._boxes = {head: [self._switch(head, i) for i in range(self._n_rows)] for head in HEADS}
        rows = [self._row(head) for head in HEADS]
        each = self._button("Try each alone", "What each switch would bring at the end", self._try_each)
        reset = self._button("Reset", "The model's own again: no switches, no flips", self._reset)
        self._flip = self._button("Flip link", "Forbid the link, or force it", self._flip_chosen)
        self._undo = self._button("Undo", "Take back the last flip", lambda: self.set_trait("edits", self.edits[:-1]))
        self._figure = LiveFigure(oracle_figure(with_map=self._xy is not None))
        self._summary = widgets.HTML()
        self._list = widgets.HTML()
        self._picker = LinkPicker(self, self._names, self._rule, self._images)
        self._picker.on_choice(self._chosen)
        self.observe(self.guarded(lambda _: self._change()), ["links", "density", "edits"])
        flips = widgets.HBox([self._picker.controls, self._flip, self._undo])
        parts = [self._figure, self._summary, flips, self._list, self._picker.table]
        self.arrange(*rows, widgets.HBox([each, reset]), *parts)

    def _row(self, head: str) -> widgets.HBox:
        name = widgets.HTML(f"<b>{_WORDS[head]}</b>", layout=widgets.Layout(width="92px"))
        return widgets.HBox([name, widgets.HBox(self._boxes[head], layout=widgets.Layout(flex_flow="row wrap"))])

    def _switch(self, head: str, i: int) -> widgets.Checkbox:
        above = " and above" if i == self._n_rows - 1 else ""
        box = widgets.Checkbox(False, description=f"level {i}{above}", indent=False)
        box.layout.width = "140px" if above else "84px"
        box.tooltip = f"{_WORDS[head]} at level {i}{above}"
        box.observe(self.guarded(lambda _: self._switched(head)), "value")
        return box

    def _button(self, text: str, tooltip: str, then: Callable[[], Any]) -> widgets.Button:
        button = widgets.Button(description=text, tooltip=tooltip, layout=widgets.Layout(width="auto"))
        button.on_click(self.guarded(lambda _: then()))
        return button

    def _switched(self, head: str) -> None:
        if not self._filling:
            self.set_trait(head, [i for i, box in enumerate(self._boxes[head]) if box.value])

    def _reset(self) -> None:
        with self.hold_trait_notifications():
            self.links = ()
            self.density = ()
            self.edits = ()

    def _flip_chosen(self) -> None:
        link = self._picker.chosen
        if link is not None:
            level = self.hierarchy.levels[self._picker.level]
            node = nodes_of(self.hierarchy, self._picker.level)[self._picker.image]
            self.flip(self._picker.level, int(level.image[node]), int(link["image"]))

    def _try_each(self) -> None:
        self._gains = self.study.gains(self._n_rows)
        self._summary.value = summary_html(summary(self._own, self._now, self._gains))
        best = self._gains.loc[self._gains["gain"].idxmax()]
        self.say(f"Most would be gained by true {best['head']} at level {best['level']}: {best['gain']:+.4f} BCubed F.")

    def _change(self) -> None:
        """Build the hierarchy under the switches and flips as they are now, and say what the last step did."""
        state = (self.links, self.density, self.edits)
        if state == self._shown:  # several traits set at once are shown once
            return
        self._shown = state

        on = {h: [i for r in getattr(self, h) for i in self.study.levels_of(r, self._n_rows)] for h in HEADS}
        self.hierarchy = self.study.hierarchy(Intervention(on["links"], on["density"], self.edits))
        before = self._now
        self._now = level_table(self.hierarchy, self._names.labels)
        self._show(changes(before, self._now))

    def _show(self, words: str) -> None:
        self._filling = True  # the boxes show the traits here; they must not set them in turn
        try:
            for head in HEADS:
                for i, box in enumerate(self._boxes[head]):
                    box.value = i in getattr(self, head)
        finally:
            self._filling = False
        with self._figure.batch_update():
            show_scores(self._figure, self._own, self._now)
        self._summary.value = summary_html(summary(self._own, self._now, self._gains))
        self._list.value = edits_html(self.edits, self.hierarchy, self._names)
        self._undo.disabled = not self.edits
        self._picker.show(self.hierarchy)
        self.say(f"{words} {len(self.study.features):,} images, {self.hierarchy.n_clusters:,} clusters at the end.")

    def _chosen(self) -> None:
        """Another node or link is chosen: name what a flip would do, and show the node on the map."""
        link = self._picker.chosen
        self._flip.disabled = link is None
        if link is not None:
            self._flip.description = "Forbid link" if link["above_tau"] else "Force link"
        if self._xy is not None:
            level = self.hierarchy.levels[self._picker.level]
            node = int(nodes_of(self.hierarchy, self._picker.level)[self._picker.image])
            with self._figure.batch_update():
                show_node(self._figure, self._xy, int(level.image[node]), self._picker.links, self._names)


def explore_oracle(
    lander: Lander,
    features: Any,
    labels: Any,
    *,
    images: Any = None,
    xy: Any = None,
    settings: InferenceConfig | None = None,
) -> OracleExplorer:
    """See which head loses at which level, and what one link more or less does to its level and all above.

    A switch puts the truth in the place of one head at one level; "Try each alone" tells what every switch would bring.
    A flip forces a candidate link (linkage 1) or forbids it (0), in both directions; densities stay, so a forced link
    to a neighbour that is less dense is still not kept. What no change reaches is not computed again.

    Args:
        lander: the model.
        features: [N, D]; rows are scaled to length 1.
        labels: true classes [N].
        images: uint8 [N, H, W] or [N, H, W, 3], to be looked at.
        xy: places [N, 2] (`umap_map`): the chosen node is shown on the map.
        settings: k, tau, stopping rules; None: the model's own. The decoder must be a tree decode.

    Returns: a widget with the traits `links`, `density` (rows of switches that are on) and `edits`, all to be read, set
        and observed, `hierarchy` and the method `flip`.

    Raises:
        TypeError, ValueError: an argument that does not fit; a decoder that gives no tree.

    Example:
        >>> import torch, workbench as wb
        >>> random = torch.Generator().manual_seed(0)
        >>> labels = torch.arange(8).repeat_interleave(20)
        >>> x = torch.randn(8, 16, generator=random)[labels] + 0.8 * torch.randn(160, 16, generator=random)
        >>> explorer = explore_oracle(wb.load_checkpoint("glyphs-lander"), x, labels)
        >>> own = explorer.hierarchy.labels
        >>> explorer.links = range(len(explorer.hierarchy.levels))
        >>> explorer.links = ()
        >>> bool((explorer.hierarchy.labels == own).all()), explorer.errors
        (True, [])
    """
    if not isinstance(lander, Lander):
        raise TypeError(f"lander: expected a Lander, got {type(lander).__name__}; see workbench.load_checkpoint")
    n = len(check_array(features, "features"))
    names = Names(n, labels)
    pictures = checked_images(images, n)
    study = InterventionStudy(
        lander.predict, features, labels, settings or lander.inference, ensemble=lander.ensemble, device=lander.device
    )
    places = None if xy is None else places_of(study.own.levels[0].graph, xy)
    return OracleExplorer(study, names, images=pictures, xy=places)
