"""Checks of the notebooks 00 to 03: the tour, images and features, the k-NN graph, links and densities."""

from __future__ import annotations

from typing import Any

from ..clusterer import HiLander
from ..hierarchy import Hierarchy, Level
from ..lander import Lander
from ..metrics import scores
from .checks import add_check


@add_check("00-pairs", hint="Each of n images forms a pair with n - 1 others, and every pair is counted twice so.")
def pairs(n: int) -> int:
    """number of pairs among the images"""
    return n * (n - 1) // 2


@add_check("00-link", hint="Compare the linkages of the neighbours that are denser.")
def link(level: Level, image: int) -> int:
    """image and the one it hangs on"""
    parent = level.decoding.parent
    return int(parent[image]) if parent is not None else image


@add_check("00-merged", hint="A link of an upper level joins two clusters of the level below: count from level 1 on.")
def merged(hierarchy: Hierarchy) -> int:
    """number of links that the upper levels added"""
    return sum(level.links_added for level in hierarchy.levels[1:])


@add_check("00-strict", how="choice", hint="A strict model joins less: what it joins is right, but what does it miss?")
def strict(lander: Lander, features: Any, labels: Any) -> str:
    """what a higher tau takes away"""
    usual, raised = (scores(labels, HiLander(lander, tau=tau).fit_predict(features)) for tau in ("auto", 0.9))
    return min(("precision", "recall"), key=lambda side: raised[f"bcubed_{side}"] - usual[f"bcubed_{side}"])
