"""What the tau explorer asks of level 0: its scores at every tau, and why an image is where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from ...cluster.levels import Level
from ...decode.decoding import Decoder, Decoding
from ...decode.tree import TREES
from ...evaluate.tau_sweep import BestLinks, best_links, nested_scores, swept_scores
from ..style import counted

Facts = tuple[dict[str, Any], int]  # what to say of an image, and the other image it is about


@dataclass(frozen=True)
class TreeSource:
    """Of a tree decode: each image hangs on one link, which tau keeps or drops."""

    first: Level
    links: BestLinks
    axis = "tau: links above it are kept"
    exact = True  # the curve holds at every tau

    def curve(self, labels: Int[np.ndarray, " n"] | None) -> pd.DataFrame:
        """Counts and, with labels, scores at every tau, exactly."""
        return self.links.counts() if labels is None else nested_scores(self.links, labels)

    def why(self, image: int, tau: float, decoding: Decoding) -> Facts:
        """Its density, and its best link with what becomes of it at tau."""
        parent = int(self.links.parent[image])
        strength = float(self.links.strength[image])
        told: dict[str, Any] = {"density": float(self.first.prediction.density[image])}
        if parent == image:
            return told | {"best link": "none: no denser neighbour"}, image
        linkage = "duplicate, always" if strength > 1 else f"linkage {strength:.3f}"
        return told | {"best link": f"image {parent}, {linkage}: {'kept' if strength > tau else 'dropped'}"}, parent


@dataclass(frozen=True)
class CutSource:
    """Of any other decoder: decoded anew at every tau; an image hangs on all its links."""

    first: Level
    decoder: str | Decoder
    axis = "tau: higher gives finer clusters"
    exact = False

    def curve(self, labels: Int[np.ndarray, " n"] | None) -> pd.DataFrame:
        """Counts and, with labels, scores at some tau from 0 to 1."""
        return swept_scores(self.first, self.decoder, labels)

    def why(self, image: int, tau: float, decoding: Decoding) -> Facts:
        """Its cluster with the predicted quality, and its strongest link."""
        graph = self.first.graph
        quality = decoding.quality
        mates = decoding.clusters == decoding.clusters[image]
        size = int(mates.sum())
        told: dict[str, Any] = {"cluster": counted(size, "image")}
        if quality is not None and decoding.node is not None:
            node = int(decoding.node[image])
            told |= {"its predicted precision": f"{quality.precision[node]:.2f}"}
            told |= {"its predicted recall": f"{quality.recall[node]:.2f}"}
        linkage = self.first.prediction.linkage[image]
        if not bool(graph.mask[image].any()):
            return told | {"strongest link": "none: no neighbour"}, image
        best = int(graph.neighbors[image][linkage.argmax()])
        where = "in its cluster" if bool(mates[best]) else "in another cluster"
        return told | {"strongest link": f"image {best}, linkage {float(linkage.max()):.3f}: {where}"}, best


def source_of(first: Level, decoder: str | Decoder) -> TreeSource | CutSource:
    """The source for a decoder.

    Example:
        >>> import torch
        >>> from workbench.lander import InferenceConfig
        >>> from workbench.cluster import build_hierarchy, similarity_predictor
        >>> first = build_hierarchy(torch.eye(3), similarity_predictor, InferenceConfig(k=2, tau=0.5)).levels[0]
        >>> source_of(first, "tree").why(0, 0.5, first.decoding)[0]["best link"]
        'none: no denser neighbour'
    """
    if decoder in TREES or decoder in TREES.values():
        return TreeSource(first, best_links(first.graph, first.prediction, decoder=decoder))
    return CutSource(first, decoder)
