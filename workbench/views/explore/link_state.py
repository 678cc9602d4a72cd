"""What the link inspector knows: a node's candidate links, its way to the peak, and its sentences; no widgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ...cluster.levels import Hierarchy, Level
from ...evaluate.link_decisions import link_table, nodes_of, path_to_peak, read_rule
from ..style import counted
from .link_panes import Names


@dataclass(frozen=True)
class NodeLinks:
    """One node of one level.

    Attributes:
        number, node: the level's number, and the node's in it.
        level: it.
        image: the image that was asked for, which the node holds.
        table: candidate links (`link_decisions.link_table`).
        steps: nodes from this one to its peak.
    """

    number: int
    node: int
    level: Level
    image: int
    table: pd.DataFrame
    steps: list[int]

    @property
    def stands_for(self) -> int:
        """The image that represents the node."""
        return int(self.level.image[self.node])

    @property
    def path(self) -> list[int]:
        """The images that represent the nodes from this one to its peak."""
        return [int(self.level.image[step]) for step in self.steps]

    @property
    def is_peak(self) -> bool:
        """True if no link of its own is kept."""
        return len(self.steps) == 1


class LinkState:
    """The links of a hierarchy, node by node, and what there is to say of them.

    Args:
        hierarchy: of the tree decode.
        names: of images and classes.
        tau: of the hierarchy; None: read off its links.
    """

    def __init__(self, hierarchy: Hierarchy, names: Names, tau: float | None = None) -> None:
        self.levels = hierarchy.levels
        self.names = names
        self.rule = read_rule(hierarchy.levels, tau)
        self._about = "" if tau is not None else ", read off the links"
        self._nodes = [nodes_of(hierarchy, i).cpu().numpy() for i in range(len(hierarchy.levels))]

    @property
    def n_images(self) -> int:
        """Images of the hierarchy."""
        return len(self._nodes[0])

    def at(self, image: int, level: int) -> NodeLinks:
        """The node of a level that holds an image."""
        node = int(self._nodes[level][image])
        here = self.levels[level]
        table = link_table(here, node, self.rule, labels=self.names.labels)
        return NodeLinks(level, node, here, image, table, path_to_peak(here, node))

    def title(self, at: NodeLinks) -> str:
        """What the node is called."""
        name = self.names.image(at.image)
        return name if at.number == 0 else f"node {at.node} of level {at.number}, which holds {name}"

    def status(self, at: NodeLinks) -> str:
        """What is shown, in a sentence."""
        way = f"{counted(len(at.steps) - 1, 'link')} from its peak"
        kept = "a peak: no link of its own is kept" if at.is_peak else way
        tau = f"tau {self.rule.tau:.4g}{self._about}"
        return f"{self.title(at)}: {counted(len(at.table), 'candidate link')}; {kept}. {tau}."

    def facts(self, at: NodeLinks) -> dict[str, Any]:
        """What the node is."""
        rows: dict[str, Any] = {"image number": at.image}
        if at.number:
            rows |= {f"node of level {at.number}": at.node, "stands for it": self.names.image(at.stands_for)}
            rows["images in the node"] = int(at.level.size[at.node])
        rows |= {"density": float(at.level.prediction.density[at.node]), "candidates": len(at.table)}
        rows["cluster after this level"] = int(at.level.labels[at.image])
        return rows

    def way(self, at: NodeLinks) -> str:
        """The heading of the way to the peak."""
        return "Its own peak" if at.is_peak else f"To its peak: {counted(len(at.steps) - 1, 'link')}"

    def step(self, at: NodeLinks, i: int) -> str:
        """The i-th node of the way to the peak."""
        return f"{self.names.image(at.path[i])}, density {float(at.level.prediction.density[at.steps[i]]):.3f}"
