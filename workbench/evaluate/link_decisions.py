"""Why the tree decode kept or dropped each candidate link, worked out from the hierarchy that it left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from .._core.validation import check_int, check_labels, check_unit_interval
from ..cluster.levels import Hierarchy, Level
from ..decode.tree import decode_tree
from ..graph.density import denser_neighbors

# In order: from the link that came closest to being kept to the one farthest from it. `links_between` sorts by it.
WHY = (
    "kept: the best of the allowed",
    "kept: duplicates join the densest of them",
    "duplicate: in the cluster without this link",
    "allowed, but duplicates join first",
    "allowed, but another is better",
    "linkage not above tau",
    "not denser",
    "not denser, and linkage not above tau",
)
N_KEPT = 2  # the first so many of WHY are links kept
NO_LINK = len(WHY)  # where the mask says that there is no neighbour


class Rule(NamedTuple):
    """How the links of a hierarchy were chosen: tau, and whether equal densities never count (`decode_tree`)."""

    tau: float
    strict: bool


def read_rule(levels: Sequence[Level], tau: float | None = None) -> Rule:
    """The rule by which the tree decode chose these links.

    Formula: a peak refused all its denser neighbours, so tau is at least the highest linkage among those links. With
    just that value every link comes out as it did. On thousands of nodes it lies close below the true tau. On few
    nodes it may lie far below; a link that another one beat may then count as allowed, though it was not above tau.

    Args:
        levels: of one hierarchy.
        tau: the threshold, where it is known; None reads it off the links.

    Raises:
        TypeError, ValueError: `tau` is no number in [0, 1] or gives other links; the decoder was no tree decode.

    Example:
        >>> import workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(tau=0.6))
        >>> read_rule(tree.levels, 0.6), round(read_rule(tree.levels).tau, 3)
        (Rule(tau=0.6, strict=False), 0.447)
    """
    given = None if tau is None else check_unit_interval(tau, "tau")
    levels = [level.distinct or level for level in levels]  # a copy is linked to the image it equals by no rule
    for strict in (False, True):
        threshold = max(_refused(level, strict) for level in levels) if given is None else given
        rule = Rule(threshold, strict)
        if all(_gives(rule, level) for level in levels):
            return rule

    if given is None:
        raise ValueError("hierarchy: no single tau gives its links by decoder 'tree' or 'tree-strict'")
    raise ValueError(
        f"tau: expected the one this hierarchy was made with, got {given:g}, which gives other links; leave it out to "
        f"read it off the links (about {read_rule(levels).tau:.4g})"
    )


def _refused(level: Level, strict: bool) -> float:
    """Highest linkage of a peak to a denser neighbour; 0 where no peak has one."""
    peak = parents(level) == torch.arange(level.n_nodes, device=level.image.device)
    denser = denser_neighbors(level.graph, level.prediction.density, strict=strict)
    linkage = level.prediction.linkage[denser & peak[:, None]]
    return float(linkage.max()) if len(linkage) else 0.0


def _gives(rule: Rule, level: Level) -> bool:
    found = decode_tree(level.graph, level.prediction, rule.tau, strict=rule.strict)
    return found.parent is not None and torch.equal(found.parent, parents(level))


def parents(level: Level) -> Int[Tensor, " n"]:
    """The node each node is linked to, itself at a peak.

    Raises:
        ValueError: the decoder gave no parents.
    """
    if level.decoding.parent is None:
        raise ValueError("hierarchy: expected links of the tree decode, which gives parents; use decoder='tree'")
    return level.decoding.parent


def link_reasons(level: Level, rule: Rule) -> Int[Tensor, "n k"]:
    """Number in `WHY` of every candidate link of a level; `NO_LINK` where there is no neighbour.

    Example:
        >>> import workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(tau=0.6))
        >>> link_reasons(tree.levels[0], read_rule(tree.levels, 0.6)).tolist()
        [[6, 8], [0, 7], [5, 8]]
    """
    graph = level.graph
    kept = graph.mask & (graph.neighbors == parents(level)[:, None])  # (n, k)
    above = level.prediction.linkage > rule.tau
    denser = denser_neighbors(graph, level.prediction.density, strict=rule.strict)
    duplicate = graph.duplicates & (not rule.strict)  # the strict decode has no rule for duplicates
    by_linkage = _by_linkage(level, kept, above & denser)[:, None]  # (n, 1)

    cases = (  # in the order of WHY; several may hold, and the first one counts
        kept & by_linkage,
        kept,
        duplicate,
        above & denser & ~by_linkage,
        above & denser,
        denser,
        above & graph.mask,
        graph.mask,
    )

    reason = torch.full_like(graph.neighbors, NO_LINK)
    for number, case in reversed(list(enumerate(cases))):
        reason[case] = number
    return reason


def _by_linkage(level: Level, kept: Bool[Tensor, "n k"], allowed: Bool[Tensor, "n k"]) -> Bool[Tensor, " n"]:
    """Nodes whose kept link has the highest linkage of the allowed; the others are peaks or joined as duplicates."""
    if not level.graph.k:
        return torch.zeros_like(level.image, dtype=torch.bool)
    strength = torch.where(allowed, level.prediction.linkage, -1.0)  # below every linkage
    return (kept & allowed & (strength == strength.max(dim=1, keepdim=True).values)).any(dim=1)


def link_table(level: Level, node: int, rule: Rule, *, labels: Any = None) -> pd.DataFrame:
    """The candidate links of one node, the most similar first, and why each was kept or dropped.

    A node with more duplicates than its list is long may be linked to one that is not in it. That link is then the last
    row, without similarity and linkage.

    Args:
        level: one of `hierarchy.levels`.
        node: number of the node at that level (at level 0 the image; `nodes_of` gives the others).
        rule: of the hierarchy, from `read_rule`.
        labels: true classes of the images [N].

    Returns: a row per link: neighbor (node), image (that stands for it), size (images), similarity, linkage,
        density_difference (neighbour's minus node's), denser, above_tau, kept, why (of `WHY`) and, with labels,
        same_class (of the images that stand for the two).

    Raises:
        TypeError, ValueError: no such node; labels that are not one integer per image.

    Example:
        >>> import workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(tau=0.6))
        >>> link_table(tree.levels[0], 1, read_rule(tree.levels, 0.6))[["neighbor", "why"]].values.tolist()
        [[0, 'kept: the best of the allowed'], [2, 'not denser, and linkage not above tau']]

    Source: paper section 3.3 (density-aware decoding).
    """
    check_int(node, "node", 0, level.n_nodes - 1)
    graph = level.graph
    slots = graph.mask[node].nonzero()[:, 0]  # (links,)
    other = graph.neighbors[node, slots]
    denser = denser_neighbors(graph, level.prediction.density, strict=rule.strict)[node, slots]
    reason = link_reasons(level, rule)[node, slots]

    columns = {
        "neighbor": other,
        "similarity": graph.similarity[node, slots],
        "linkage": level.prediction.linkage[node, slots],
        "denser": denser,
        "kept": reason < N_KEPT,
    }
    table = pd.DataFrame({name: column.cpu().numpy() for name, column in columns.items()})
    table["why"] = [WHY[i] for i in reason.tolist()]
    table = _with_link_beyond_the_list(table, int(parents(level)[node]), node)
    return _described(table, level, node, rule, labels)


def _with_link_beyond_the_list(table: pd.DataFrame, parent: int, node: int) -> pd.DataFrame:
    if parent == node or bool(table["kept"].any()):
        return table
    row = {"neighbor": parent, "similarity": np.nan, "linkage": np.nan, "denser": True, "kept": True, "why": WHY[1]}
    return pd.DataFrame([*table.to_dict("records"), row])


def _described(table: pd.DataFrame, level: Level, node: int, rule: Rule, labels: Any) -> pd.DataFrame:
    """The table with what follows from the neighbours and numbers in it, its columns in order."""
    image = level.image.cpu().numpy()
    size = level.size.cpu().numpy()
    density = level.prediction.density.cpu().numpy()

    other = table["neighbor"].to_numpy(np.int64)
    table["image"] = image[other]
    table["size"] = size[other]
    table["density_difference"] = density[other] - density[node]
    # In float32, as the decode compares them: in float64 a linkage equal to tau might come out above it.
    table["above_tau"] = table["linkage"].to_numpy(np.float32) > np.float32(rule.tau)

    columns = ["neighbor", "image", "size", "similarity", "linkage", "density_difference", "denser", "above_tau"]
    if labels is None:
        return table[[*columns, "kept", "why"]]
    truth = check_labels(labels, len(level.labels))
    return table.assign(same_class=truth[image[other]] == truth[image[node]])[[*columns, "kept", "why", "same_class"]]


def path_to_peak(level: Level, node: int) -> list[int]:
    """The node, its parent, the parent's parent, ... up to the peak of its cluster.

    Example:
        >>> import workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(tau=0.6))
        >>> path_to_peak(tree.levels[0], 1)
        [1, 0]
    """
    parent = parents(level)
    path = [check_int(node, "node", 0, level.n_nodes - 1)]
    while (above := int(parent[path[-1]])) != path[-1]:
        path.append(above)
    return path


def nodes_of(hierarchy: Hierarchy, level: int) -> Int[Tensor, " images"]:
    """The node of a level that each image is in: itself at level 0, above that its cluster after the level below.

    Example:
        >>> import workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> tree = wb.build_hierarchy(torch.eye(3), similarity_predictor, wb.InferenceConfig())
        >>> nodes_of(tree, 0).tolist()
        [0, 1, 2]
    """
    check_int(level, "level", 0, len(hierarchy.levels) - 1)
    return hierarchy.levels[level - 1].labels if level else hierarchy.levels[0].image
