"""Choosing one candidate link of one node: boxes for level and node, a list of links, a table of the decisions."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets
import numpy as np
import pandas as pd

from ...cluster.levels import Hierarchy
from ...evaluate.link_decisions import Rule, link_table, nodes_of
from ..style import escape
from .base import Explorer
from .link_panes import Names, candidates
from .panes import thumbnail


class LinkPicker:
    """Controls to choose a node of a hierarchy and one of its candidate links.

    What is chosen is remembered as an image, so that another hierarchy shows the node that holds the same image.

    Args:
        host: the explorer whose guard wraps the callbacks.
        names: of the images.
        rule: of the hierarchies, from `link_decisions.read_rule`.
        images: of the whole set.

    Attributes:
        controls, table: widgets: boxes in a row, and the table of candidates.
        image: stands for the chosen node.
        links: its candidates, as `link_decisions.link_table` gives them.
    """

    def __init__(self, host: Explorer, names: Names, rule: Rule, images: np.ndarray | None = None) -> None:
        self._names = names
        self._rule = rule
        self._images = images
        self._filling = False
        self._then: Callable[[], None] = _nothing
        self._level, self._node = (self._number(host, name) for name in ("Level", "Node"))
        shape = {"layout": widgets.Layout(width="310px"), "style": {"description_width": "50px"}}
        self._link = widgets.Dropdown(description="Link to", **shape)
        self._link.observe(host.guarded(lambda _: self._then()), "value")
        self.table = widgets.HTML()
        self.controls = widgets.HBox([self._level, self._node, self._link])
        self.image = 0
        self.links = pd.DataFrame()

    @property
    def level(self) -> int:
        """Level of the chosen node."""
        return int(self._level.value)

    @property
    def chosen(self) -> pd.Series | None:
        """The chosen link, a row of `links`; None where the node has no candidate."""
        row = self.links[self.links["image"] == self._link.value] if self._link.value is not None else self.links[:0]
        return None if row.empty else row.iloc[0]

    def on_choice(self, then: Callable[[], None]) -> None:
        """Call this whenever another node or link is chosen."""
        self._then = then

    def show(self, hierarchy: Hierarchy, level: int | None = None, image: int | None = None) -> None:
        """Show the node that holds the image chosen last, or this one, in this hierarchy."""
        self._hierarchy = hierarchy
        self.image = self.image if image is None else image
        self._filling = True
        try:
            self._level.max = len(hierarchy.levels) - 1
            self._level.value = self._level.value if level is None else level
            self._node.max = hierarchy.levels[self.level].n_nodes - 1
            self._node.value = int(nodes_of(hierarchy, self.level)[self.image])
        finally:
            self._filling = False
        self._describe()

    def _number(self, host: Explorer, name: str) -> widgets.BoundedIntText:
        shape = {"layout": widgets.Layout(width="125px"), "style": {"description_width": "42px"}}
        box = widgets.BoundedIntText(0, min=0, max=0, description=name, **shape)
        box.observe(host.guarded(lambda _: self._moved(name)), "value")
        return box

    def _moved(self, name: str) -> None:
        if self._filling:
            return
        if name == "Level":
            self.show(self._hierarchy)
        else:
            self.image = int(self._hierarchy.levels[self.level].image[self._node.value])
            self._describe()

    def _describe(self) -> None:
        """The node's candidates, in the list and in the table."""
        at = self._hierarchy.levels[self.level]
        node = int(self._node.value)
        names = self._names
        table = link_table(at, node, self._rule, labels=names.labels)
        self.links = table[table["linkage"].notna()]  # a link beyond the list has no number to be changed
        before = self._link.value
        ends = [int(i) for i in self.links["image"]]
        texts = [f"{names.image(i)}: linkage {r:.3f}" for i, r in zip(ends, self.links["linkage"], strict=True)]
        self._link.options = list(zip(texts, ends, strict=True))
        if ends:
            kept = [int(i) for i in self.links.loc[self.links["kept"], "image"]]
            self._link.value = before if before in ends else (kept or ends)[0]
        self.table.value = self._heading(node, int(at.image[node]), int(at.size[node])) + candidates(
            table, names, self._rule.tau, self._images
        )
        self._then()

    def _heading(self, node: int, image: int, size: int) -> str:
        seen = "" if self._images is None else thumbnail(self._images, image, height=44)
        held = f", {size:,} image{'s' * (size != 1)}, represented by" if self.level else ","
        return f"<div>{seen}<b>Node {node:,} of level {self.level}</b>{held} {escape(self._names.image(image))}</div>"


def _nothing() -> None:
    """What happens on a choice before anyone asked to be told."""
