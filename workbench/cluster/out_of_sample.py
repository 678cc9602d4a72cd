"""Rows that come after a fit: which cluster each one alone would join, and which clusters go on when all are clustered
anew."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor
from torch.nn.functional import pad

from .._core.memmap import stack_rows
from ..decode.cuts import UNLEARNED_CUTS
from ..decode.decoding import Decoder
from ..decode.tree import decode_tree_by_similarity
from ..graph.discriminant import Metric
from ..graph.distinct import find_rows, map_distinct, row_codes
from ..graph.knn import KnnGraph, k_hop_subgraph
from ..graph.nodes import Nodes
from ..lander.model import Lander
from .levels import Hierarchy
from .overlaps import overlaps

# Over which mean linkage a new row joins a cluster. Of ten kinds without a tenth of their classes: at 0.3 .83 of the
# rows join as in a new fit of all, and .17 of those of other classes are told; at 0.45 .80 and .38, at 0.6 .69 and .57.
MIN_MEAN_LINKAGE = 0.45


@dataclass(frozen=True)
class OutOfSample:
    """Which cluster each new row is nearest to, and whether it joins.

    Attributes:
        cluster: the only one that is tried [m]; -1 where no fitted row has a similarity over 0.
        linkage: its strongest link, or the mean of its links, by the rule [m]; 1 of a row equal to a fitted one.
        joins: whether that is enough [m].
    """

    cluster: Int[Tensor, " m"]
    linkage: Float[Tensor, " m"]
    joins: Bool[Tensor, " m"]

    @property
    def labels(self) -> Int[Tensor, " m"]:
        """The cluster that each row joins; -1: none."""
        return torch.where(self.joins, self.cluster, -1)

    def of_known(self, known: Int[Tensor, " m"], labels: Int[Tensor, " n"]) -> OutOfSample:
        """The same, rows that equal the fitted row `known` (-1: none) in that one's cluster."""
        is_known = known >= 0
        cluster = torch.where(is_known, labels[known], self.cluster)
        return OutOfSample(cluster, self.linkage.masked_fill(is_known, 1.0), self.joins | is_known)

    def to_pandas(self, threshold: float | None) -> pd.DataFrame:
        """Columns label, cluster, linkage, threshold."""
        columns = {"label": self.labels, "cluster": self.cluster, "linkage": self.linkage}
        table = pd.DataFrame({name: column.cpu().numpy() for name, column in columns.items()})
        return table.assign(threshold=MIN_MEAN_LINKAGE if threshold is None else threshold)


def as_fitted(
    hierarchy: Hierarchy, rows: Float[Tensor, "m d"]
) -> tuple[Float[Tensor, "m e"], Int[Tensor, " m"], Int[Tensor, " m"]]:
    """Later unit rows as they are compared with the fitted ones, their codes, and the fitted row that each equals and
    is then replaced by; -1: none. A zero row is like no other.

    Example:
        >>> from workbench.lander import InferenceConfig
        >>> from workbench.cluster import build_hierarchy, similarity_predictor
        >>> tree = build_hierarchy(torch.eye(3), similarity_predictor, InferenceConfig(k=1))
        >>> as_fitted(tree, torch.eye(3)[[1, 0]])[2].tolist()
        [1, 0]
    """
    code = row_codes(rows)
    mapped = map_distinct(hierarchy.metric, rows, code)
    known = torch.where(mapped.any(dim=1), find_rows(hierarchy.code, code), -1)
    mapped[known >= 0] = hierarchy.features[known[known >= 0]]
    return mapped, code, known


def with_later(
    hierarchy: Hierarchy, rows: Float[Tensor, "m d"]
) -> tuple[Float[Tensor, "all e"], Int[Tensor, " all"], Metric | None]:
    """The fitted rows and later unit rows below them, the codes of all, and the metric that has mapped them.

    None in its place: all are as they came, since so few rows were fitted that they are at hand, or there was no map.
    A map of 30 rows would part what belongs together among the thousands that come.

    Example:
        >>> from workbench.lander import InferenceConfig
        >>> from workbench.cluster import build_hierarchy, similarity_predictor
        >>> tree = build_hierarchy(torch.eye(3), similarity_predictor, InferenceConfig(k=1))
        >>> with_later(tree, torch.eye(3))[0].shape
        torch.Size([6, 3])
    """
    if hierarchy.unmapped is not None:
        return stack_rows(hierarchy.unmapped, rows), torch.cat([hierarchy.code, row_codes(rows)]), None
    later, code, _ = as_fitted(hierarchy, rows)
    metric = hierarchy.metric if hierarchy.metric.changes_rows else None
    return stack_rows(hierarchy.features, later), torch.cat([hierarchy.code, code]), metric


def joins_by_mean(decoder: str | Decoder) -> bool:
    """Whether the links of a new row are judged together: tau of these decoders is no threshold on one link's linkage.

    Example:
        >>> joins_by_mean("cut"), joins_by_mean("tree")
        (True, False)
    """
    return decoder in ("cut", "tree-similarity", decode_tree_by_similarity, *UNLEARNED_CUTS, *UNLEARNED_CUTS.values())


def assign_out_of_sample(
    lander: Lander, hierarchy: Hierarchy, rows: Float[Tensor, "m d"], found: KnnGraph, threshold: float | None
) -> OutOfSample:
    """The cluster that each new row joins, judged alone, or none.

    Formula: r_xj is the linkage the model gives if row x joined the graph of level 0 as one more node. With a
    threshold: the cluster of argmax_j r_xj if that r_xj exceeds it. Without: the cluster of highest summed r_xj if the
    mean of r_xj over the found rows in it exceeds `MIN_MEAN_LINKAGE`; no other is tried. A row equal to a fitted one
    (similarity 1) joins that one's cluster; one without a similarity over 0 joins none.

    Args:
        lander: the model that made the hierarchy.
        hierarchy: of the fitted rows.
        rows: the new ones, unit, mapped by the hierarchy's metric.
        found: for each the most similar fitted rows, as the hierarchy numbers them (`Hierarchy.distinct`: each once).
        threshold: on linkage (tau); None where the decoder's tau is not a threshold on one link's linkage.

    Example:
        >>> from workbench.lander import InferenceConfig, LanderConfig
        >>> from workbench.graph import query
        >>> from workbench.cluster import build_hierarchy
        >>> model = Lander(LanderConfig())
        >>> tree = build_hierarchy(torch.eye(3), model.predict, InferenceConfig(k=2))
        >>> row = torch.eye(3)[1:2]
        >>> assign_out_of_sample(model, tree, row, query(torch.eye(3), row, 2), 1.0).labels.tolist()
        [1]
    """
    linkage = _linkage(lander, hierarchy.levels[0].graph, hierarchy.features, rows, found)
    label = hierarchy.labels[found.padded]  # (m, k)
    if threshold is None:
        same = (label[:, :, None] == label[:, None, :]) & found.mask[:, None, :]  # (m, k, k)
        strength = (same * linkage[:, None, :]).sum(dim=2)  # (m, k)
        value = strength / same.sum(dim=2).clamp(min=1)
        enough = value > MIN_MEAN_LINKAGE
    else:
        strength = linkage
        value = linkage
        enough = linkage > threshold

    twin = found.duplicates  # (m, k)
    best = torch.where(twin, torch.inf, strength * found.mask).argmax(dim=1, keepdim=True)  # (m, 1)
    listed = found.mask.gather(1, best)
    cluster = torch.where(listed, label.gather(1, best), -1)[:, 0]
    shown = torch.where(twin, 1.0, value * found.mask).gather(1, best)[:, 0]
    return OutOfSample(cluster, shown, ((enough & found.mask) | twin).gather(1, best)[:, 0])


def _linkage(lander: Lander, graph: KnnGraph, features: Tensor, rows: Tensor, found: KnnGraph) -> Float[Tensor, "m k"]:
    """Linkage of new rows to the fitted rows they list.

    The new rows join the fitted graph as nodes that nobody lists, so none of them changes what another one sees. Only
    what lies around them is computed: what a node sends is made of its own neighbours' lists.
    """
    m = len(rows)
    near = found.neighbors[found.mask].unique()
    around, lists, hop_sizes = k_hop_subgraph(graph.neighbors, near, len(lander.convs) + 2)
    listed = torch.searchsorted(near, found.neighbors).where(found.mask, -m - 1)
    missing = (0, found.k - graph.k)
    neighbors = torch.cat([m + listed, pad(torch.where(lists < 0, -1, m + lists), missing, value=-1)])
    similarity = torch.cat([found.similarity, pad(graph.similarity[around].masked_fill(lists < 0, 0), missing)])
    context = lander.context(Nodes.of_images(features), graph)
    if context is not None:
        context = replace(context, in_degree=pad(context.in_degree[around], (m, 0), value=-1))
    part = Nodes.of_images(torch.cat([rows, features[around]]))
    inputs = lander.inputs(part, KnnGraph(neighbors, similarity), context)
    return lander.linkage_from(replace(inputs, hop_sizes=(m, *(m + size for size in hop_sizes))))


def continued_clusters(
    before: Int64[np.ndarray, " n"], now: Int64[np.ndarray, " m"], n_clusters: int
) -> Int64[np.ndarray, " clusters"]:
    """For each cluster of a later clustering the one of an earlier that it goes on from, -1 where it is new.

    Formula: c goes on from b if c holds most of b's rows and most of c's earlier rows were in b; most = more than any
    other cluster does, the lowest number where several do.

    Args:
        before: labels of the earlier rows.
        now: labels of the later rows, of which the first n are the earlier ones.
        n_clusters: the later clustering's.

    Example: cluster 0 has split, its larger part goes on; rows that came later have founded cluster 2.
        >>> continued_clusters(np.array([0, 0, 0, 1]), np.array([1, 1, 3, 0, 2]), 4).tolist()
        [1, 0, -1, -1]
    """
    shared = overlaps(before, now[: len(before)])
    # The last one written stays: the largest, of those the lowest.
    rising = np.argsort(shared.rows[::-1], kind="stable")
    old = shared.one[::-1][rising]
    new = shared.other[::-1][rising]
    heir = np.full(int(before.max(initial=-1)) + 2, -1)  # one more, so that heir[-1], of no cluster, is none
    origin = np.full(n_clusters, -1)
    heir[old] = new
    origin[new] = old
    return np.where(heir[origin] == np.arange(n_clusters), origin, -1)


def warn_of_joined_names(names: Mapping[int, str], labels: Int64[np.ndarray, " n"]) -> None:
    """Warn where clusters that a person gave different names are one now, of which the last name holds.

    Args:
        names: of rows that stand for clusters, the older ones first.
        labels: now.

    Example:
        >>> warn_of_joined_names({0: "Anna", 2: "Anna"}, np.array([0, 1, 0]))  # silent
    """
    named: dict[int, dict[str, int]] = {}
    for row, name in names.items():
        named.setdefault(int(labels[row]), {})[name] = row
    for cluster, rows in named.items():
        if len(rows) > 1:
            said = ", ".join(f"{name!r} (row {row})" for name, row in rows.items())
            warnings.warn(
                f"X: clusters of different names are one now, cluster {cluster}: {said}; the last name holds; if they "
                "differ, say so: model.answer(row, row, same=False)",
                UserWarning,
                stacklevel=3,
            )
