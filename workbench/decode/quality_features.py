"""What the learned cut reads of every node of a dendrogram: the node, its children, their merge, where it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64
from torch import Tensor

from .._core.chunks import chunks
from ..graph.knn import KnnGraph
from ..graph.similarity_stats import Background
from .cut_criteria import Found, excess_of_mass, map_equation
from .dendrogram import Dendrogram
from .edges import Edges
from .node_stats import HEIGHT, LOWEST, SIZE, NodeStats, OfNodes, log_linkage, node_stats
from .subtrees import Subtrees

# The packaged ensembles were trained with these. No measurement of other values is recorded.
TINY = 1e-6  # keeps ratios of nothing to nothing finite
BOUND = 25.0  # of every feature: logarithms of what hardly exists say no more beyond
FAINT = 0.05  # similarity above background that a divisor has at least: within a loose cluster it is near 0

ROWS = 2**16  # nodes of a block: what is read of them and hidden layers that read it take some 100 MB

OWN_INPUTS = (
    "links inside",
    "linkage inside",
    "mean linkage inside",
    "mean linkage leaving",
    "similarity of its pairs",
    "mean best linkage",
    "mean linkage of its links",
    "mean best similarity",
)
MERGE_INPUTS = (
    "links across, of the larger's",
    "links across, of the smaller's",
    "linkage across, of the larger's",
    "linkage across, of the smaller's",
    "mean linkage across",
    "linkage across per image of the smaller",
    "links across, of those that leave the larger",
    "links across, of those that leave the smaller",
    "linkage across, of that leaving the larger",
    "linkage across, of that leaving the smaller",
    "similarity across",
    "similarity across over within the larger",
    "similarity across over within the smaller",
    "height",
    "height less the larger's",
    "height less the smaller's",
    "height less the parent's",
    "height less the larger's runner-up",
    "height less the smaller's runner-up",
    "height times size",
    "size of the smaller over the larger",
)
PLACE_INPUTS = (
    "size of the sibling over its own",
    "linkage to the sibling",
    "similarity to the sibling",
    "has a parent",
    "is an image",
)
CRITERIA = ("map equation of linkage", "map equation of similarity", "excess of mass")
LANDMARK_INPUTS = (
    *(f"size over that of the clusters by {criterion}" for criterion in CRITERIA),
    *(f"size of the clusters by {criterion} here over anywhere" for criterion in CRITERIA),
    *(f"{criterion}: {name}" for criterion in CRITERIA for name in ("gain as one cluster", "best below")),
)
QUALITY_FEATURES = (  # in the order in which the packaged ensemble reads them
    *(f"{side}: {name}" for side in ("own", "larger", "smaller") for name in OWN_INPUTS),
    *MERGE_INPUTS,
    *PLACE_INPUTS,
    *LANDMARK_INPUTS,
)
COLUMN = {name: i for i, name in enumerate(QUALITY_FEATURES)}

Columns = dict[str, Tensor]  # by name


@dataclass(frozen=True)
class QualityFeatures:
    """What is read of a dendrogram's nodes, in blocks: all of it at once would take 600 bytes an image.

    Attributes:
        dendrogram: whose nodes they are.
        background: of the images' features.
        stats: [nodes, 13], the columns of `NodeStats`.
        criteria: what the criteria without learning find (`cut_criteria`).
        landmarks: [nodes, criteria], mean logarithm of the size of the clusters that each of them puts the images in.
    """

    dendrogram: Dendrogram
    background: Background
    stats: Float64[Tensor, "nodes stats"]
    criteria: list[Found]
    landmarks: Float64[Tensor, "nodes criteria"]

    @property
    def table(self) -> Float32[Tensor, "nodes features"]:
        """All nodes, columns `QUALITY_FEATURES`, where the graph is."""
        return torch.cat([self.rows(part) for part in self.blocks])

    @property
    def blocks(self) -> list[slice]:
        """All nodes in parts for `rows`."""
        return chunks(self.dendrogram.n_nodes, ROWS)

    @cached_property
    def anywhere(self) -> Float64[Tensor, " criteria"]:
        """The landmarks' mean over all images."""
        return self.landmarks[: self.dendrogram.n].mean(dim=0)

    @cached_property
    def possible(self) -> Bool[np.ndarray, " nodes"]:
        """Whether any of the criteria would put a node's images in a cluster as large. Where none would, no prediction
        is believed: they are least sure for large clusters."""
        return torch.stack([~self._tree.above(node) for _, node, _ in self.criteria]).any(dim=0).cpu().numpy()

    def rows(self, part: slice) -> Float32[Tensor, "b features"]:
        """`QUALITY_FEATURES` of the nodes part.start .. part.stop - 1."""
        table = torch.zeros(part.stop - part.start, len(QUALITY_FEATURES), device=self.stats.device)
        own = NodeStats.of(self.stats[part])
        _write(table, {**_named("own", _own(own)), **self._place(part, own), **self._landmarks(part, own)})

        merges = self._merges(part)
        sides = [NodeStats.of(self.stats[side[merges]]) for side in (self._tree.larger, self._tree.smaller)]
        columns = self._merge(merges, *sides)
        for side, stats in zip(("larger", "smaller"), sides, strict=True):
            columns |= _named(side, _own(stats))
        _write(table[len(table) - len(columns["height"]) :], columns)
        return table.nan_to_num_(nan=0.0, posinf=BOUND, neginf=-BOUND).clamp_(-BOUND, BOUND)

    @property
    def _tree(self) -> Subtrees:
        return self.dendrogram.subtrees

    def _merges(self, part: slice) -> slice:
        """The merges among some nodes: their last ones."""
        n = self.dendrogram.n
        return slice(max(part.start - n, 0), max(part.stop - n, 0))

    def _merge(self, merges: slice, larger: NodeStats, smaller: NodeStats) -> Columns:
        """`MERGE_INPUTS` of some merges."""
        known = {name: column[merges] for name, column in self.dendrogram.columns.items()}
        links = known["links"]
        weight = known["weight"]
        across = self.background.above(known["product"] / (larger.size * smaller.size))
        height = log_linkage(known["height"])
        parent = self._tree.parent[self.dendrogram.n :][merges]
        of_parent = torch.where(parent >= 0, self.stats[parent, HEIGHT], math.log(2 * LOWEST))
        return {
            "links across, of the larger's": links / (larger.degree + TINY),
            "links across, of the smaller's": links / (smaller.degree + TINY),
            "linkage across, of the larger's": weight / (larger.volume + TINY),
            "linkage across, of the smaller's": weight / (smaller.volume + TINY),
            "mean linkage across": weight / (links + TINY),
            "linkage across per image of the smaller": weight / smaller.size,
            "links across, of those that leave the larger": _share(links, larger.degree, larger.inner_links),
            "links across, of those that leave the smaller": _share(links, smaller.degree, smaller.inner_links),
            "linkage across, of that leaving the larger": _share(weight, larger.volume, larger.inner_volume),
            "linkage across, of that leaving the smaller": _share(weight, smaller.volume, smaller.inner_volume),
            "similarity across": across,
            "similarity across over within the larger": across / (larger.pairs.abs() + FAINT),
            "similarity across over within the smaller": across / (smaller.pairs.abs() + FAINT),
            "height": height,
            "height less the larger's": height - larger.height,
            "height less the smaller's": height - smaller.height,
            "height less the parent's": height - of_parent,
            "height less the larger's runner-up": height - log_linkage(known["second_of_larger"]),
            "height less the smaller's runner-up": height - log_linkage(known["second_of_smaller"]),
            "height times size": log_linkage(known["height"] * (larger.size + smaller.size)),
            "size of the smaller over the larger": (smaller.size / larger.size).log(),
        }

    def _place(self, part: slice, own: NodeStats) -> Columns:
        """`PLACE_INPUTS` of some nodes: what each is beside its sibling."""
        node = torch.arange(part.start, part.stop, device=self.stats.device)
        parent = self._tree.parent[part]
        below = (parent >= 0).nonzero()[:, 0]  # those that have a parent
        merge = parent[below] - self.dendrogram.n
        sibling = self._tree.larger[merge] + self._tree.smaller[merge] - node[below]
        its_size = self.stats[sibling, SIZE]
        own_size = own.size[below]
        cosine = self.dendrogram.columns["product"][merge] / (own_size * its_size)

        def spread(values: Tensor) -> OfNodes:
            """Values of the nodes that have a parent, 0 for the roots."""
            return torch.zeros_like(own.size).index_copy_(0, below, values)

        return {
            "size of the sibling over its own": spread((its_size / own_size).log()),
            "linkage to the sibling": spread(self.dendrogram.columns["weight"][merge] / (own.volume[below] + TINY)),
            "similarity to the sibling": spread(self.background.above(cosine)),
            "has a parent": parent >= 0,
            "is an image": node < self.dendrogram.n,
        }

    def _landmarks(self, part: slice, own: NodeStats) -> Columns:
        """`LANDMARK_INPUTS` of some nodes: their size beside those of the criteria's clusters, and what these say."""
        merges = self._merges(part)
        larger = self._tree.larger[merges]
        smaller = self._tree.smaller[merges]
        images = own.size.new_zeros(len(own.size) - len(larger))
        size = own.size.log()
        here = self.landmarks[part]
        columns: Columns = {}
        for i, (criterion, (score, _, value)) in enumerate(zip(CRITERIA, self.criteria, strict=True)):
            below = torch.cat([images, value[larger] + value[smaller]])
            columns[f"size over that of the clusters by {criterion}"] = size - here[:, i]
            columns[f"size of the clusters by {criterion} here over anywhere"] = here[:, i] - self.anywhere[i]
            columns[f"{criterion}: gain as one cluster"] = (score[part] - below) / own.size
            columns[f"{criterion}: best below"] = below / own.size
        return columns


def quality_features(
    dendrogram: Dendrogram,
    edges: Edges,
    graph: KnnGraph,
    linkage: Float[Tensor, "n k"],
    features: Float[Tensor, "n d"],
) -> QualityFeatures:
    """`QUALITY_FEATURES` of every node: shares, ratios and logarithms of ratios, free of the number of images and of
    what similarity means in this kind of data.

    "Similarity" is above the background (`Background`); heights are logarithms of mean linkage; sizes enter as
    logarithms of ratios only: to the sibling's, and to the sizes of the clusters that three criteria with no learning
    would make of the same images (`cut_criteria`). What is read of a merge is 0 for an image.

    Args:
        dendrogram: of `edges` and `features`.
        edges: of `graph` and `linkage`.
        graph, linkage, features: of the images.

    Example:
        >>> from workbench.decode import Edges, build_dendrogram
        >>> x, graph = torch.eye(2), KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
        >>> edges = Edges.of(graph, graph.similarity)
        >>> read = quality_features(build_dendrogram(edges, x), edges, graph, graph.similarity, x)
        >>> read.table.shape == (3, len(QUALITY_FEATURES)), round(float(read.table[2, COLUMN["own: links inside"]]), 3)
        (True, 1.0)
    """
    background = Background.of(features)
    table = node_stats(dendrogram, graph, linkage, edges, background)
    stats = NodeStats.of(table)
    criteria = [
        map_equation(dendrogram, stats.volume, stats.inner_volume),
        map_equation(dendrogram, stats.closeness, stats.inner_closeness),
        excess_of_mass(dendrogram),
    ]

    landmarks = table.new_zeros(dendrogram.n_nodes, len(criteria))
    for i, (_, node, _) in enumerate(criteria):
        landmarks[: dendrogram.n, i] = stats.size[node].log()
    landmarks = dendrogram.subtrees.sums(landmarks) / stats.size[:, None]
    return QualityFeatures(dendrogram, background, table, criteria, landmarks)


def _named(side: str, columns: Columns) -> Columns:
    return {f"{side}: {name}": column for name, column in columns.items()}


def _write(table: Tensor, columns: Columns) -> None:
    for name, column in columns.items():
        table[:, COLUMN[name]] = column


def _own(stats: NodeStats) -> Columns:
    """`OWN_INPUTS` of some nodes."""
    leaving_volume = stats.volume - 2 * stats.inner_volume
    leaving_links = stats.degree - 2 * stats.inner_links
    return {
        "links inside": 2 * stats.inner_links / (stats.degree + TINY),
        "linkage inside": 2 * stats.inner_volume / (stats.volume + TINY),
        "mean linkage inside": stats.inner_volume / (stats.inner_links + TINY),
        "mean linkage leaving": leaving_volume / (leaving_links + TINY),
        "similarity of its pairs": stats.pairs,
        "mean best linkage": stats.best_linkage,
        "mean linkage of its links": stats.mean_linkage,
        "mean best similarity": stats.best_similarity,
    }


def _share(across: Tensor, total: Tensor, inside: Tensor) -> Tensor:
    """What runs across, of all that leaves a side."""
    return (across / (total - 2 * inside + TINY)).clamp(max=1)
