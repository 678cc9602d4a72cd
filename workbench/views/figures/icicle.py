"""The tree of clusters as an icicle, pruned before it is drawn: a browser takes seconds for thousands of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from jaxtyping import Float, Int

from ..._core.ids import check_image_ids
from ..._core.validation import check_class_names, check_int, check_labels
from ...cluster.levels import Hierarchy, check_hierarchy
from ...decode.aggregate import majority
from ..style import escape
from .boxes import box_traits, boxes_styled

ROOT = "all"
_LEAST = 0.006  # of all images: a box below that is a line a few pixels high


def plot_icicle(
    hierarchy: Hierarchy,
    labels: Any = None,
    *,
    max_nodes: int = 200,
    class_names: Sequence[str] = (),
    ids: Any = None,
    title: str = "",
) -> go.Figure:
    """The hierarchy from the top (left) down to the clusters of level 0; a click on a box opens it.

    A box is a cluster, its height the number of images, its name that of its peak (the image, or the class it has). To
    its right stand the clusters it was joined from; a cluster that several levels left as it was is one box. The
    largest clusters are shown, down to 0.6 % of the images; what is left of a cluster is one box
    "k smaller clusters". With labels the clusters with most images of another class stand on top, and a cluster of one
    class is folded: whatever it was joined from is of that class, too.

    Args:
        hierarchy: the clustering.
        labels: true classes [N]: boxes are coloured by purity (the share of the largest class), else by size.
        max_nodes: boxes of clusters to show; a browser needs about 2 ms for each.
        class_names: a name per class, for the hover text.
        ids: a name per image.
        title: in place of "Hierarchy".

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> tree = wb.build_hierarchy(torch.eye(3), similarity_predictor, wb.InferenceConfig())
        >>> plot_icicle(tree).data[0].values.tolist()
        [3, 1, 1, 1]
    """
    boxes, note = shown_boxes(hierarchy, labels, max_nodes, _LEAST, class_names, ids)
    icicle = go.Icicle(**box_traits(boxes, by_purity=labels is not None), tiling={"orientation": "h", "pad": 1})
    heading = escape(title or "Hierarchy")
    return boxes_styled(go.Figure(icicle), heading, f"{note}")


def shown_boxes(
    hierarchy: Hierarchy,
    labels: Any,
    max_nodes: int,
    min_share: float,
    class_names: Sequence[str] = (),
    ids: Any = None,
) -> tuple[pd.DataFrame, str]:
    """The boxes of an icicle or a treemap, checked, and a line that says which they are and what their colour is."""
    every = collapse(tree_frame(hierarchy, labels, class_names=class_names, ids=ids))
    tree = every if labels is None else folded(every)
    boxes = prune(tree, check_int(max_nodes, "max_nodes"), min_share)
    check_totals(boxes)
    if labels is not None:
        boxes = boxes.sort_values(["wrong", "size"], ascending=False, kind="stable", ignore_index=True)
    shown = int((boxes["kind"] == "cluster").sum())
    note = f"clusters: the {shown:,} largest of {len(tree):,}" if shown < len(tree) else f"clusters: all {len(tree):,}"
    n = len(hierarchy.layers)
    note = f"{n} level{'' if n == 1 else 's'}, {note}"
    if labels is None:
        return boxes, f"{note}; colour = size"
    hidden = len(every) - len(tree)
    fold = f", {hidden:,} more within clusters of one class: folded, all there is right" if hidden else ""
    return boxes, f"{note}{fold}; mixed ones first"


def folded(tree: pd.DataFrame) -> pd.DataFrame:
    """The tree without what lies within clusters of one class; `tree_frame` gives the purities.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import oracle_predictor
        >>> x = torch.nn.functional.normalize(torch.eye(4) + 0.5, dim=1)
        >>> truth = torch.tensor([0, 0, 0, 1])
        >>> tree = wb.build_hierarchy(x, oracle_predictor(truth), wb.InferenceConfig(k=2))
        >>> len(folded(tree_frame(tree, truth)))
        2
    """
    pure = set(tree.loc[tree["purity"] == 1, "key"])
    return tree[~tree["parent_key"].isin(pure)]


def tree_frame(
    hierarchy: Hierarchy, labels: Any = None, *, class_names: Sequence[str] = (), ids: Any = None
) -> pd.DataFrame:
    """`Hierarchy.to_pandas()` with what a box needs: key, parent_key, name, finest (the first level that has
    it) and, of labels, purity and majority.

    Raises:
        ValueError: labels or ids of another length than the hierarchy's images; a class without a name.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> tree = wb.build_hierarchy(torch.eye(2), similarity_predictor, wb.InferenceConfig())
        >>> tree_frame(tree, [0, 0])[["key", "parent_key", "purity"]].values.tolist()
        [['0/0', 'all', 1.0], ['0/1', 'all', 1.0]]
    """
    tree = check_hierarchy(hierarchy).to_pandas()
    tree["key"] = tree["level"].astype(str) + "/" + tree["cluster"].astype(str)
    above = (tree["level"] + 1).astype(str) + "/" + tree["parent"].astype(str)
    tree["parent_key"] = above.where(tree["parent"] >= 0, ROOT)
    n = len(hierarchy.layers[0])
    truth = None if labels is None else check_labels(labels, n)
    classes = check_class_names(class_names, truth)
    tree["name"] = _names(tree["peak"].to_numpy(), truth, classes, check_image_ids(ids, n))
    tree["finest"] = tree["level"]
    tree["purity"] = np.nan
    tree["majority"] = ""
    if truth is not None:
        found = [purities(layer, truth) for layer in hierarchy.layers]
        tree["purity"] = np.concatenate([share for _, share in found])
        majority = np.concatenate([best for best, _ in found])
        tree["majority"] = [classes[c] if classes else f"class {c}" for c in majority]
    return tree


def _names(
    peaks: np.ndarray, labels: np.ndarray | None, class_names: tuple[str, ...], ids: list[str] | None
) -> list[str]:
    """What to call the image that stands for a cluster: its own name, else its class's, else its number."""
    if ids is not None:
        return [ids[i] for i in peaks]
    if labels is not None and class_names:
        return [class_names[c] for c in labels[peaks]]
    return [f"image {i}" for i in peaks]


def purities(
    clusters: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " c"], Float[np.ndarray, " c"]]:
    """Largest class of each cluster 0 .. c-1 and its share.

    Example:
        >>> purities(np.array([0, 0, 0, 1]), np.array([4, 4, 2, 2]))
        (array([4, 2]), array([0.66666667, 1.        ]))
    """
    largest = majority(torch.from_numpy(clusters), torch.from_numpy(labels)).numpy()
    return largest, np.bincount(clusters, weights=labels == largest[clusters]) / np.bincount(clusters)


def collapse(tree: pd.DataFrame) -> pd.DataFrame:
    """Clusters that went through levels unchanged as one row: that of the last level, `finest` being the first.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import oracle_predictor
        >>> x = torch.nn.functional.normalize(torch.eye(4) + 0.5, dim=1)
        >>> tree = wb.build_hierarchy(x, oracle_predictor(torch.tensor([0, 0, 0, 1])), wb.InferenceConfig(k=2))
        >>> len(tree_frame(tree)), len(collapse(tree_frame(tree)))
        (2, 2)
    """
    rows = tree.set_index("key")
    above = rows["size"].reindex(rows["parent_key"]).to_numpy()  # NaN at the top
    same = pd.Series(above == rows["size"].to_numpy(), rows.index)
    head = pd.Series(rows.index, rows.index)
    for level in sorted(rows["level"].unique(), reverse=True):
        chained = rows.index[same & (rows["level"] == level)]
        head[chained] = head[rows.loc[chained, "parent_key"]].to_numpy()
    finest = rows["finest"].groupby(head).min()
    kept = rows[~same].reset_index()
    kept["finest"] = finest[kept["key"]].to_numpy()
    kept["parent_key"] = head.reindex(kept["parent_key"]).fillna(ROOT).to_numpy()
    return kept


def prune(tree: pd.DataFrame, max_nodes: int, min_share: float = 0.0) -> pd.DataFrame:
    """The `max_nodes` largest clusters, a root, and in each box one for all its children that are left out.

    A parent is never smaller than its child, so what is kept is a tree.

    Args:
        tree: as `tree_frame` or `collapse` gives it.
        max_nodes: clusters to keep.
        min_share: of all images, that a cluster must have to be kept.

    Returns: columns key, parent_key, name, level, finest, size, purity, majority, kind ("root", "cluster", "rest"),
        wrong (images of another class than most).
    """
    # Done here, as plotly's `maxdepth` saves no time: 5,500 boxes took a browser 11 s, 22,000 took 84 s.
    top = tree[tree["parent_key"] == ROOT]
    large = tree[tree["size"] >= min_share * top["size"].sum()]
    order = np.lexsort((large["cluster"], -large["level"], -large["size"]))
    kept = large.iloc[np.sort(order[:max_nodes])].assign(kind="cluster")
    left = tree[~tree["key"].isin(kept["key"]) & tree["parent_key"].isin({ROOT, *kept["key"]})]
    root = pd.DataFrame([{**_sums(top), "key": ROOT, "parent_key": "", "name": "all images", "kind": "root"}])
    columns = ["key", "parent_key", "name", "level", "finest", "size", "purity", "majority", "kind"]
    boxes = pd.concat([root, kept, _rest(left)], ignore_index=True).reindex(columns=columns)
    return boxes.assign(wrong=boxes["size"] * (1 - boxes["purity"]))


def _rest(left: pd.DataFrame) -> pd.DataFrame:
    """One row per parent in `left`, standing for its rows."""
    if left.empty:
        return pd.DataFrame()
    weighted = left.assign(pure=left["size"] * left["purity"]).groupby("parent_key")
    rest = weighted.agg(size=("size", "sum"), pure=("pure", "sum"), n=("size", "count"), level=("level", "first"))
    rest = rest.reset_index()
    rest["purity"] = np.where(left["purity"].isna().all(), np.nan, rest["pure"] / rest["size"])
    rest["name"] = [f"{n:,} smaller clusters" if n > 1 else "1 smaller cluster" for n in rest["n"]]
    return rest.assign(key="rest of " + rest["parent_key"], majority="", kind="rest")


def _sums(top: pd.DataFrame) -> dict[str, Any]:
    size = int(top["size"].sum())
    return {"size": size, "purity": float((top["size"] * top["purity"]).sum(skipna=False) / size), "majority": ""}


def check_totals(boxes: pd.DataFrame) -> None:
    """An icicle with a parent smaller than its children draws nothing, and without a word: so it is checked here.

    Raises:
        AssertionError: naming the first parent whose children do not add up to it.
    """
    below = boxes[boxes["parent_key"] != ""].groupby("parent_key")["size"].sum()
    own = boxes.set_index("key")["size"].reindex(below.index)
    wrong = below.index[(below != own).to_numpy()]
    if len(wrong):
        key = wrong[0]
        raise AssertionError(f"cluster {key} has {own[key]} images, its children {below[key]}: not a tree")
