"""One cluster of one level from within: which node leads to which, up to the peak."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float64, Int64

from ..._core.validation import check_int, check_labels
from ...cluster.levels import Hierarchy, Level, check_hierarchy
from ..style import CLEAR, GREY, INK, PALETTE, escape, styled

_WIDTHS = (1.2, 2.6, 4.5)  # of links, weak to strong
_STRONG = (0.7, 0.9)  # linkages that part them


def plot_parents(
    hierarchy: Hierarchy, cluster: int, level: int = 0, *, labels: Any = None, max_nodes: int = 60, title: str = ""
) -> go.Figure:
    """The tree of parents of one cluster: every node is linked to a denser one to its right, the peak is rightmost.

    Args:
        hierarchy: the clustering; its decoder must be one that gives parents ("tree", "tree-strict").
        cluster: number of the cluster after this level, 0 .. c-1.
        level: whose links; its nodes are images at level 0, clusters of the level below above it.
        labels: true classes [N]: links between classes are drawn in another colour and dashed.
        max_nodes: with more nodes those with the largest branches are drawn; the title says so.

    Raises:
        ValueError: a level or cluster that is not there, or a decoder that gives no parents.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=2, tau=0.9))
        >>> plot_parents(tree, 0).layout.title.text.split("<")[0]
        'Cluster 0 of level 0: 2 nodes'
    """
    levels = check_hierarchy(hierarchy).levels
    chosen = levels[check_int(level, "level", 0, len(levels) - 1)]
    truth = None if labels is None else check_labels(labels, len(chosen.labels))

    tree = cluster_tree(chosen, check_int(cluster, "cluster", 0, chosen.n_clusters - 1), truth)
    kept = tree.sort_values(["branch", "density"], ascending=False, kind="stable")
    kept = kept.head(check_int(max_nodes, "max_nodes")).sort_index()
    rows = kept.assign(row=_rows(kept))

    figure = go.Figure([*_links(rows, truth is not None), _nodes(rows, level)])
    number = f"{len(tree):,} nodes" if len(rows) == len(tree) else f"{len(rows):,} of {len(tree):,} nodes"
    left = "" if len(rows) == len(tree) else "; the largest branches are drawn"
    wrong = "" if truth is None else f"; {int(tree['wrong'].sum()):,} of {len(tree) - 1:,} links join two classes"
    heading = f"{escape(title or f'Cluster {cluster} of level {level}')}: {number}"
    note = f"each node is linked to a denser one, up to the peak (ring){wrong}{left}"
    styled(figure, heading, height=int(np.clip(200 + 9 * len(rows), 310, 740)), subtitle=note)
    figure.update_layout(margin={"t": 104})  # the legend has up to six entries: room below the subtitle
    figure.update_xaxes(title="predicted density d_i of the node")
    return figure.update_yaxes(visible=False)


def cluster_tree(level: Level, cluster: int, truth: Int64[np.ndarray, " images"] | None = None) -> pd.DataFrame:
    """The tree of parents within one cluster, a row per node (its number is the index).

    Returns: parent (itself at the peak), image, size, density, linkage and similarity of the link to the parent (NaN
        at the peak, and where exact duplicates were joined that do not list each other), wrong (its ends are of two
        classes), depth (links to the peak), branch (nodes that reach the peak through this one, itself included).

    Raises:
        ValueError: the level's decoder gives no parents.
    """
    if level.decoding.parent is None:
        raise ValueError(
            "hierarchy: expected parents, but its decoder gives none; decode with decoder='tree', e.g. "
            "HiLander(decoder='tree')"
        )
    clusters, parent, image = (t.cpu().numpy() for t in (level.decoding.clusters, level.decoding.parent, level.image))
    nodes = np.flatnonzero(clusters == cluster)
    up = parent[nodes]
    depth = _depth(nodes, parent)
    branch = pd.Series(1, nodes)
    for deep in range(depth.max(), 0, -1):
        at = nodes[depth == deep]
        branch = branch.add(branch[at].groupby(parent[at]).sum(), fill_value=0)

    columns: dict[str, Any] = {"parent": up, "image": image[nodes], "size": level.size.cpu().numpy()[nodes]}
    columns["density"] = level.prediction.density.detach().cpu().numpy()[nodes]
    listed = level.graph.neighbors.cpu().numpy()[nodes] == up[:, None]
    values = {"linkage": level.prediction.linkage.detach(), "similarity": level.graph.similarity}
    for name, value in values.items():
        found = np.where(listed, value.cpu().numpy()[nodes], 0).sum(axis=1)
        columns[name] = np.where(listed.any(axis=1), found, np.nan)
    columns["wrong"] = np.zeros(len(nodes), bool) if truth is None else truth[image[nodes]] != truth[image[up]]
    return pd.DataFrame({**columns, "depth": depth, "branch": branch.astype(int)}, index=nodes)


def _depth(nodes: np.ndarray, parent: np.ndarray) -> Int64[np.ndarray, " m"]:
    """Links from each node to its peak."""
    depth = np.zeros(len(nodes), dtype=np.int64)
    at = nodes
    while (parent[at] != at).any():
        depth += parent[at] != at
        at = parent[at]
    return depth


def _rows(tree: pd.DataFrame) -> Float64[np.ndarray, " m"]:
    """Height of each node: leaves one below the other, the largest branch first, others amid their children."""
    children: dict[int, list[int]] = {}
    for node in tree.sort_values("branch", kind="stable").index:  # the last is taken from the stack first
        if tree.at[node, "parent"] != node:
            children.setdefault(int(tree.at[node, "parent"]), []).append(int(node))

    stack = [int(tree.index[tree["depth"] == 0][0])]
    visited = []
    while stack:
        visited.append(stack.pop())
        stack += children.get(visited[-1], [])

    row: dict[int, float] = {}
    leaves = 0
    for node in visited:
        if node not in children:
            row[node] = float(-leaves)
            leaves += 1
    for node in reversed(visited):
        if node in children:
            row[node] = float(np.mean([row[child] for child in children[node]]))
    return np.array([row[int(node)] for node in tree.index])


def _links(tree: pd.DataFrame, with_truth: bool) -> list[go.Scatter]:
    """A trace per strength and kind of link: plotly's lines have one width each."""
    links = tree[tree["depth"] > 0]
    ends = tree.loc[links["parent"]]
    strength = np.searchsorted(_STRONG, links["linkage"].fillna(1), side="right")
    traces = []
    for wrong in (False, True):
        kind = {"color": PALETTE[5] if wrong else PALETTE[0], "dash": "4px,3px" if wrong else "solid"}
        said = ("two classes, " if wrong else "one class, ") if with_truth else ""
        for i, width in enumerate(_WIDTHS):
            of = (links["wrong"] == wrong).to_numpy() & (strength == i)
            if of.any():
                x, y = (_path(links[c].to_numpy()[of], ends[c].to_numpy()[of]) for c in ("density", "row"))
                line = go.Scatter(x=x, y=y, mode="lines", line={**kind, "width": width}, hoverinfo="skip")
                traces.append(line.update(name=f"{said}linkage {_strength_name(i)}"))
    return traces


def _path(start: np.ndarray, end: np.ndarray) -> Float64[np.ndarray, " m"]:
    return np.stack([start, end, np.full(len(start), np.nan)], axis=1).astype(np.float64).ravel()


def _strength_name(i: int) -> str:
    return (f"< {_STRONG[0]:g}", f"{_STRONG[0]:g}–{_STRONG[1]:g}", f"≥ {_STRONG[1]:g}")[i]


def _nodes(tree: pd.DataFrame, level: int) -> go.Scatter:
    top = (tree["depth"] == 0).to_numpy()
    marker = {"size": np.where(top, 15, np.clip(4 + 2 * np.sqrt(tree["branch"]), 6, 13)), "opacity": 1}
    marker["color"] = np.where(top, CLEAR, GREY)
    marker["line"] = {"width": np.where(top, 3, 0), "color": np.where(top, PALETTE[0], INK)}
    dots = go.Scatter(x=tree["density"], y=tree["row"], mode="markers", marker=marker, showlegend=False)
    said = []
    for row in tree.reset_index(names="node").itertuples():
        lines = [f"image {row.image}" + (f" for {row.size:,} images" if level else ""), f"density {row.density:.3f}"]
        if row.depth:
            link = (
                "duplicate" if np.isnan(row.linkage) else f"linkage {row.linkage:.3f}, similarity {row.similarity:.3f}"
            )
            lines.append(f"linked to image {tree.at[row.parent, 'image']}: {link}" + (", wrong" if row.wrong else ""))
        lines.append(f"{row.branch:,} nodes in its branch" if row.depth else f"peak of {row.branch:,} nodes")
        said.append("<br>".join(lines))
    return dots.update(hovertext=said, hoverinfo="text")
