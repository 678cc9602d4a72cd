"""What a clustering got wrong, and the links that did it: false merges and false splits, the costliest first.

Costs are counted in pairs of images and in pairwise F, F = 2 T / (P + S), with T the pairs put together rightly, P all
pairs put together, S the pairs of one class.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

from .._core.validation import check_int, check_labels
from ..cluster.levels import Hierarchy, Level
from ..decode.decoding import roots
from ._forest_counts import subtree_pairs
from .link_decisions import WHY, Rule, link_reasons, nodes_of, parents, read_rule
from .scores import Contingency, contingency, pairs_within

Sides = tuple[Int64[np.ndarray, " a"], Int64[np.ndarray, " b"]]
NEVER = "never a candidate"  # why two clusters stayed apart of which no node listed a node of the other
# Pairs of clusters looked at for one class. A class torn into m clusters has m^2 / 2 pairs, so the limit bounds memory;
# up to about 1,000 clusters (1,000^2) every pair is looked at.
_MOST_PAIRS = 1_000_000


class Pairs(NamedTuple):
    """Pairs of images: rightly together (same class and cluster), together (same cluster), of one class."""

    right: int
    together: int
    same: int

    def f(self, right: Any = 0, together: Any = 0) -> Float[np.ndarray, "*n"]:
        """Pairwise F with so many more pairs rightly together and together; 1 where there are no pairs at all.

        Example:
            >>> Pairs(2, 6, 4).f().item(), Pairs(2, 6, 4).f(together=-4).item()
            (0.4, 0.6666666666666666)
        """
        total = np.asarray(self.together + self.same + together, dtype=np.float64)
        return np.asarray(np.where(total > 0, 2.0 * (self.right + np.asarray(right)) / np.maximum(total, 1), 1.0))


def _pairs_of(table: Contingency) -> Pairs:
    sizes = (table.counts, table.col_sizes, table.row_sizes)
    return Pairs(*(pairs_within(n) for n in sizes))


def false_merges(hierarchy: Hierarchy, labels: Any) -> pd.DataFrame:
    """Every kept link that joined images of different classes, the costliest first.

    Formula: without the link, the images A below it (child and all that hang on it) part from the rest B of the tree.
    With a_c, b_c images of class c, right_pairs = sum a_c b_c and false_pairs = |A| |B| - right_pairs are the pairs it
    joined; f_gain = F(T - right_pairs, P - |A| |B|, S) - F(T, P, S) is what cutting this one link would add to
    pairwise F after its level. It is negative where more would be lost than gained.

    Args:
        hierarchy: of the tree decode.
        labels: true classes of the images [N].

    Returns: a row per link with false pairs, by falling f_gain, then falling false_pairs: level, cluster (after the
        level), child and parent (nodes), child_image and parent_image (that stand for them), linkage (NaN where the
        child's list does not hold its parent, a duplicate), below (images of A), rest (images of B), false_pairs,
        right_pairs, f_gain.

    Raises:
        ValueError: no tree decode; labels that are not one integer per image.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.3]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(tau=0.5))
        >>> false_merges(tree, [0, 0, 1])[["child", "parent", "false_pairs", "right_pairs"]].values.tolist()
        [[2, 1, 2, 0], [0, 1, 1, 1]]
    """
    truth = check_labels(labels, len(hierarchy.labels))
    classes = np.unique(truth, return_inverse=True)[1]
    found = pd.concat([_merges_of(hierarchy, i, classes) for i in range(len(hierarchy.levels))], ignore_index=True)
    order = ["f_gain", "false_pairs", "level", "child"]
    return found.sort_values(order, ascending=[False, False, True, True], kind="stable", ignore_index=True)


def _merges_of(hierarchy: Hierarchy, i: int, classes: Int64[np.ndarray, " images"]) -> pd.DataFrame:
    level = hierarchy.levels[i]
    parent = parents(level).cpu().numpy()  # (n,)
    clusters = level.decoding.clusters.cpu().numpy()  # (n,)
    image = level.image.cpu().numpy()  # (n,)
    below, right = subtree_pairs(parent, clusters, nodes_of(hierarchy, i).cpu().numpy(), classes)

    child = np.flatnonzero(parent != np.arange(len(parent)))  # (links,)
    tree_size = np.bincount(clusters, weights=level.size.cpu().numpy()).astype(np.int64)
    rest = tree_size[clusters[child]] - below[child]
    joined = below[child] * rest
    right = right[child]

    now = _pairs_of(contingency(classes, level.labels.cpu().numpy()))
    columns = {
        "level": i,
        "cluster": clusters[child],
        "child": child,
        "parent": parent[child],
        "child_image": image[child],
        "parent_image": image[parent[child]],
        "linkage": _linkage_to_parent(level)[child],
        "below": below[child],
        "rest": rest,
        "false_pairs": joined - right,
        "right_pairs": right,
        "f_gain": now.f(-right, -joined) - now.f(),
    }
    return pd.DataFrame(columns)[joined > right]


def sides(hierarchy: Hierarchy, level: int, child: int) -> Sides:
    """The images that part when the link from `child` to its parent is cut: those below it, and the rest of the tree.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.3]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(tau=0.5))
        >>> sides(tree, 0, 2)
        (array([2]), array([0, 1]))
    """
    node = nodes_of(hierarchy, level)  # (images,)
    parent = parents(hierarchy.levels[level])
    root = roots(parent)
    whole = root[node] == root[child]
    cut = parent.clone()
    cut[child] = child
    below = roots(cut)[node] == child
    return np.flatnonzero(below.cpu()), np.flatnonzero((whole & ~below).cpu())


def _linkage_to_parent(level: Level) -> Float[np.ndarray, " n"]:
    """Linkage of each node to its parent; NaN where it is none of its candidates."""
    kept = level.graph.mask & (level.graph.neighbors == parents(level)[:, None])
    linkage = (level.prediction.linkage * kept).sum(dim=1).masked_fill(~kept.any(dim=1), float("nan"))
    return np.asarray(linkage.double().cpu().numpy())


def false_splits(hierarchy: Hierarchy, labels: Any, *, n: int = 200, tau: float | None = None) -> pd.DataFrame:
    """Pairs of final clusters that share a class, the costliest first, and why no link joined them.

    Formula: clusters u, v with n_cu, n_cv images of class c miss x = sum over c of n_cu n_cv pairs;
    f_gain = F(T + x, P + |u| |v|, S) - F(T, P, S) is what joining the two would add to pairwise F. It is negative where
    joining them would put too many images of different classes together.

    Args:
        hierarchy: of the tree decode.
        labels: true classes of the images [N].
        n: rows wanted. The search among all pairs is exact while no class lies in more than 1,000 clusters; beyond,
            pairs that miss few are left out of it.
        tau: of the hierarchy, where it is known (`read_rule`).

    Returns: a row per pair of clusters, by falling f_gain, then falling pairs_missed: label (the shared class that
        misses most), cluster_a, cluster_b, images_a and images_b (of that class), size_a, size_b, pairs_missed (of
        all shared classes), f_gain, level (the first at which a node of one listed a node of the other; -1: none),
        child_image, parent_image and linkage (of the link that came closest to being kept there), why.

    Raises:
        TypeError, ValueError: no tree decode; labels that are not one integer per image; `n` below 1; a wrong `tau`.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.3]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(tau=0.99))
        >>> false_splits(tree, [0, 0, 0])[["pairs_missed", "level", "why"]].values.tolist()
        [[2, 0, 'linkage not above tau']]
    """
    truth = check_labels(labels, len(hierarchy.labels))
    rule = read_rule(hierarchy.levels, tau)
    table = contingency(truth, hierarchy.labels.cpu().numpy())
    now = _pairs_of(table)

    pairs = _split_pairs(table)
    pairs["label"] = np.unique(truth)[pairs["label"]]
    pairs["size_a"] = table.col_sizes[pairs["cluster_a"]]
    pairs["size_b"] = table.col_sizes[pairs["cluster_b"]]
    pairs["f_gain"] = now.f(pairs["pairs_missed"], pairs["size_a"] * pairs["size_b"]) - now.f()

    order = ["f_gain", "pairs_missed", "cluster_a", "cluster_b"]
    ascending = [False, False, True, True]
    top = pairs.sort_values(order, ascending=ascending, kind="stable").head(check_int(n, "n"))

    first = links_between(hierarchy, top, rule).drop_duplicates(["cluster_a", "cluster_b"])
    found = top.merge(first, how="left", on=["cluster_a", "cluster_b"])
    absent = {"level": -1, "child_image": -1, "parent_image": -1}
    return found.fillna({**absent, "why": NEVER}).astype(dict.fromkeys(absent, np.int64))[_SPLIT]


_SPLIT = ["label", "cluster_a", "cluster_b", "images_a", "images_b", "size_a", "size_b", "pairs_missed", "f_gain"]
_SPLIT += ["level", "child_image", "parent_image", "linkage", "why"]


def _split_pairs(table: Contingency) -> pd.DataFrame:
    """Pairs of clusters that share a class: the class that misses most, its images in each, pairs missed in all."""
    order = np.lexsort((table.cols, -table.counts, table.rows))  # by class, its largest part first
    label = table.rows[order]  # (cells,)
    cluster = table.cols[order]
    count = table.counts[order]

    # The cell of rank r is paired with the r larger ones before it. Where those would be too many pairs, it meets only
    # the first _MOST_PAIRS / r, the largest: a pair that holds a large part of the class misses most.
    start = np.searchsorted(label, label)
    rank = np.arange(len(label)) - start
    partners = np.minimum(rank, _MOST_PAIRS // np.maximum(rank, 1))
    second = np.repeat(np.arange(len(label)), partners)  # (pairs,)
    first = start[second] + np.arange(len(second)) - np.repeat(np.cumsum(partners) - partners, partners)

    swap = cluster[first] > cluster[second]
    a = np.where(swap, second, first)
    b = np.where(swap, first, second)
    frame = pd.DataFrame({"label": label[a], "cluster_a": cluster[a], "cluster_b": cluster[b]})
    frame["images_a"] = count[a]
    frame["images_b"] = count[b]

    frame["missed"] = frame["images_a"] * frame["images_b"]
    frame["pairs_missed"] = frame.groupby(["cluster_a", "cluster_b"])["missed"].transform("sum")
    main = frame.sort_values(["missed", "label"], ascending=[False, True], kind="stable")
    return main.drop_duplicates(["cluster_a", "cluster_b"]).drop(columns="missed")


def links_between(hierarchy: Hierarchy, pairs: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """For pairs of final clusters: at each level, the candidate link between the two that came closest to being kept.

    Args:
        hierarchy: of the tree decode.
        pairs: columns cluster_a, cluster_b (a < b), numbers of `hierarchy.labels`.
        rule: from `read_rule`.

    Returns: a row per pair and level that has such a link, by pair and level: cluster_a, cluster_b, level, links (how
        many there are), child_image, parent_image, linkage, why.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.3]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(tau=0.99))
        >>> pair = pd.DataFrame({"cluster_a": [0], "cluster_b": [1]})
        >>> links_between(tree, pair, read_rule(tree.levels, 0.99))[["level", "links"]].values.tolist()
        [[0, 4], [1, 2]]
    """
    wanted = (pairs["cluster_a"] * hierarchy.n_clusters + pairs["cluster_b"]).to_numpy()
    found = pd.concat([_candidates(hierarchy, i, wanted, rule) for i in range(len(hierarchy.levels))])
    groups = ["cluster_a", "cluster_b", "level"]
    found["links"] = found.groupby(groups)["reason"].transform("size")
    found = found.sort_values([*groups, "reason", "linkage"], ascending=[True] * 4 + [False], kind="stable")
    found = found.drop_duplicates(groups, ignore_index=True)
    found["why"] = pd.Series([WHY[i] for i in found["reason"]], dtype="str")
    return found[[*groups, "links", "child_image", "parent_image", "linkage", "why"]]


def _candidates(hierarchy: Hierarchy, i: int, wanted: Int64[np.ndarray, " pairs"], rule: Rule) -> pd.DataFrame:
    """All candidate links of a level between clusters of a wanted pair (a * number of clusters + b)."""
    level = hierarchy.levels[i]
    node, slot = level.graph.mask.cpu().numpy().nonzero()  # (links,)
    image = level.image.cpu().numpy()
    final = hierarchy.labels.cpu().numpy()
    child = image[node]
    parent = image[level.graph.neighbors.cpu().numpy()[node, slot]]

    low, high = np.sort([final[child], final[parent]], axis=0)
    kept = np.isin(low * hierarchy.n_clusters + high, wanted)
    columns = {
        "cluster_a": low,
        "cluster_b": high,
        "child_image": child,
        "parent_image": parent,
        "linkage": level.prediction.linkage.cpu().numpy()[node, slot],
        "reason": link_reasons(level, rule).cpu().numpy()[node, slot],
    }
    return pd.DataFrame({name: values[kept] for name, values in columns.items()}).assign(level=i)
