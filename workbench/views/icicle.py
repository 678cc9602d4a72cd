"""The tree of clusters as an icicle, pruned before it is drawn: a browser takes seconds for thousands of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float, Int

from .._checks import check_int, check_labels
from ..hierarchy import Hierarchy
from .style import escape, styled

_ROOT = "all"


def plot_icicle(
    hierarchy: Hierarchy,
    labels: Any = None,
    *,
    max_nodes: int = 200,
    class_names: Sequence[str] = (),
    ids: Sequence[Any] | None = None,
    title: str = "",
) -> go.Figure:
    """The hierarchy from the top (left) down to the clusters of level 0; a click on a box opens it.

    A box is a cluster, its height the number of images, its name that of its peak (the image, or the class it has). The
    largest clusters are shown; what is left of a cluster is one box "k smaller clusters".

    Args:
        hierarchy: the clustering.
        labels: true classes [N]: boxes are coloured by purity (the share of the largest class), else by size.
        max_nodes: boxes of clusters to show; a browser needs about 2 ms for each.
        class_names: a name per class, for the hover text.
        ids: a name per image.
        title: in place of "Hierarchy".

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.hierarchy import similarity_predictor
        >>> tree = wb.build_hierarchy(torch.eye(3), similarity_predictor, wb.InferenceConfig())
        >>> plot_icicle(tree).data[0].values.tolist()
        [3, 1, 1, 1]
    """
    tree = tree_frame(hierarchy, labels, class_names=class_names, ids=ids)
    boxes = prune(tree, check_int(max_nodes, "max_nodes"))
    check_totals(boxes)
    figure = go.Figure(_boxes(boxes, by_purity=labels is not None))
    shown = int((boxes["kind"] == "cluster").sum())
    note = f"the {shown:,} largest of {len(tree):,} boxes" if shown < len(tree) else f"all {len(tree):,} boxes"
    colour = "purity: the share of the largest class" if labels is not None else "size"
    n_levels = len(hierarchy.layers)
    heading = f"{escape(title or 'Hierarchy')}, {n_levels} level{'' if n_levels == 1 else 's'}"
    styled(figure, heading, height=620, subtitle=f"{note}; coarse to fine from left to right; colour = {colour}")
    return figure.update_layout(margin={"l": 8, "r": 8, "b": 16}, uniformtext={"minsize": 9, "mode": "hide"})


def tree_frame(
    hierarchy: Hierarchy, labels: Any = None, *, class_names: Sequence[str] = (), ids: Sequence[Any] | None = None
) -> pd.DataFrame:
    """`Hierarchy.to_pandas()` with what a box needs: key, parent_key, name and, of labels, purity and majority.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.hierarchy import similarity_predictor
        >>> tree = wb.build_hierarchy(torch.eye(2), similarity_predictor, wb.InferenceConfig())
        >>> tree_frame(tree, [0, 0])[["key", "parent_key", "purity"]].values.tolist()
        [['0/0', 'all', 1.0], ['0/1', 'all', 1.0]]
    """
    tree = hierarchy.to_pandas()
    tree["key"] = tree["level"].astype(str) + "/" + tree["cluster"].astype(str)
    above = (tree["level"] + 1).astype(str) + "/" + tree["parent"].astype(str)
    tree["parent_key"] = above.where(tree["parent"] >= 0, _ROOT)
    tree["name"] = _names(tree["peak"].to_numpy(), labels, class_names, ids)
    tree["purity"], tree["majority"] = np.nan, ""
    if labels is not None:
        truth = check_labels(labels, len(hierarchy.layers[0]))
        found = [majority(layer, truth) for layer in hierarchy.layers]
        tree["purity"] = np.concatenate([share for _, share in found])
        classes = np.concatenate([best for best, _ in found])
        tree["majority"] = [str(class_names[c]) if class_names else f"class {c}" for c in classes]
    return tree


def _names(peaks: np.ndarray, labels: Any, class_names: Sequence[str], ids: Sequence[Any] | None) -> list[str]:
    """What to call the image that stands for a cluster: its own name, else its class's, else its number."""
    if ids is not None:
        return [str(ids[i]) for i in peaks]
    if labels is not None and class_names:
        return [class_names[c] for c in check_labels(labels)[peaks]]
    return [f"image {i}" for i in peaks]


def majority(
    clusters: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " c"], Float[np.ndarray, " c"]]:
    """Largest class of each cluster 0 .. c-1 and its share.

    Example:
        >>> majority(np.array([0, 0, 0, 1]), np.array([4, 4, 2, 2]))
        (array([4, 2]), array([0.66666667, 1.        ]))
    """
    counts = pd.DataFrame({"cluster": clusters, "label": labels}).value_counts(sort=False).reset_index(name="n")
    counts = counts.sort_values(["cluster", "n", "label"], ascending=[True, False, True])
    best = counts.drop_duplicates("cluster")
    return best["label"].to_numpy(), best["n"].to_numpy() / counts.groupby("cluster")["n"].sum().to_numpy()


def prune(tree: pd.DataFrame, max_nodes: int) -> pd.DataFrame:
    """The `max_nodes` largest clusters, a root, and in each box one for all its children that are left out.

    A parent is never smaller than its child, so what is kept is a tree.

    Returns: columns key, parent_key, name, size, purity, majority, kind ("root", "cluster", "rest").
    """
    order = np.lexsort((tree["cluster"], -tree["level"], -tree["size"]))
    kept = tree.iloc[np.sort(order[:max_nodes])].assign(kind="cluster")
    left = tree.drop(kept.index)
    left = left[left["parent_key"].isin({_ROOT, *kept["key"]})]
    rest = _rest(left)
    top = tree[tree["parent_key"] == _ROOT]
    root = pd.DataFrame([{**_sums(top), "key": _ROOT, "parent_key": "", "name": "all images", "kind": "root"}])
    columns = ["key", "parent_key", "name", "level", "size", "purity", "majority", "kind"]
    return pd.concat([root, kept, rest], ignore_index=True).reindex(columns=columns)


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


def _boxes(boxes: pd.DataFrame, *, by_purity: bool) -> go.Icicle:
    size = boxes["size"].to_numpy()
    colour = boxes["purity"].to_numpy() if by_purity else np.log10(size)
    names = boxes["name"].map(escape)
    return go.Icicle(
        ids=boxes["key"],
        parents=boxes["parent_key"],
        labels=names,
        values=size,
        branchvalues="total",
        text=[f"{s:,}" for s in size],
        texttemplate="%{label}  %{text}",
        hovertext=[_hover(box) for box in boxes.itertuples()],
        hoverinfo="text",
        marker={"colors": colour, "line": {"width": 0}, "colorscale": "Cividis", **_scale(size, by_purity)},
        tiling={"orientation": "h", "pad": 1},
        pathbar={"visible": True, "thickness": 24},
        root={"color": "rgba(128,134,145,0.25)"},
        sort=True,
    )


def _scale(size: np.ndarray, by_purity: bool) -> dict[str, Any]:
    """Range and legend of the colours: purity from 0 to 1, or size by powers of ten."""
    bar: dict[str, Any] = {"thickness": 12, "len": 0.6, "outlinewidth": 0}
    if by_purity:
        return {"cmin": 0, "cmax": 1, "colorbar": {**bar, "title": {"text": "purity"}}}
    top = max(float(np.log10(size.max())), 1.0)
    powers = np.arange(int(top) + 1)
    ticks = {"tickvals": powers, "ticktext": [f"{10**p:,}" for p in powers]}
    return {"cmin": 0, "cmax": top, "colorbar": {**bar, **ticks, "title": {"text": "images"}}}


def _hover(box: Any) -> str:
    lines = [f"<b>{escape(box.name)}</b>", f"{box.size:,} images"]
    if box.kind == "cluster":
        lines.insert(1, f"level {int(box.level)}, cluster {escape(box.key.split('/')[1])}")
    if not np.isnan(box.purity):
        lines.append(f"purity {box.purity:.3f}" + (f", mostly {escape(box.majority)}" if box.majority else ""))
    return "<br>".join(lines)
