"""A place in the plane for every image (UMAP, fitted once), and the one tidy frame that all views read."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int64

from ..._core.compiled import keep_loops
from ..._core.ids import check_image_ids
from ..._core.runtime import same_threads, usual_torch
from ..._core.validation import check_array, check_class_names, check_int, check_labels, unit_rows
from ...cluster.levels import Hierarchy, check_hierarchy
from ...evaluate.scores import bcubed, contingency, item_f, nmi, pairwise
from ...graph.knn import KnnGraph, knn

_NEIGHBOURS = 15  # of the map where no graph is given: UMAP's own default


@usual_torch()
def umap_map(
    features: Any, *, graph: KnnGraph | None = None, seed: int = 0, max_points: int = 50_000, epochs: int = 200
) -> Float[np.ndarray, "n 2"]:
    """Places of the images on a map where near images are alike; neighbours count, distances between groups do not.

    Formula: UMAP on the k-NN graph with distance 1 - s_ij, started from the first two principal components. Images
    without a neighbour (zero rows) stand in a row below.

    Args:
        features: [N, D]; rows are scaled to length 1.
        graph: their k-NN graph, e.g. `hierarchy.levels[0].graph`, so that no second search is made; None: 15
            neighbours.
        seed: of the layout; the same seed gives the same map on the same machine.
        max_points: with more images a random sample of that many is laid out and the others' places are NaN, which
            every view leaves out and says so.
        epochs: of the layout; 0: its start, the principal components, at once (UMAP compiles for seconds where
            it never ran).

    Returns: float32 [N, 2].

    Raises:
        ValueError: a graph of another number of nodes, or features that are not finite numbers.

    Example:
        >>> umap_map([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]]).shape
        (3, 2)

    Source: McInnes, Healy & Melville 2018, arXiv 1802.03426.
    """
    rows = unit_rows(check_array(features, "features"), "features", warn=False)
    n = len(rows)
    check_int(max_points, "max_points")
    check_int(epochs, "epochs", low=0)
    if graph is not None and graph.n != n:
        raise ValueError(f"graph: expected {n} nodes, one per row of features, got {graph.n}")
    if n <= max_points:
        return _layout(rows, graph, seed, epochs)
    drawn = np.sort(np.random.default_rng(seed).choice(n, max_points, replace=False))
    xy = np.full((n, 2), np.nan, dtype=np.float32)
    xy[drawn] = _layout(rows[torch.from_numpy(drawn)], None, seed, epochs)
    return xy


def _layout(rows: torch.Tensor, graph: KnnGraph | None, seed: int, epochs: int) -> Float[np.ndarray, "n 2"]:
    start = _principal_plane(rows, seed)
    if len(rows) <= 4 or not epochs:  # too few for neighbourhoods, or no wish for them
        return start
    graph = knn(rows, _NEIGHBOURS, seed=seed) if graph is None else graph
    if not graph.similarity.any():  # no image is like another: nothing to lay out
        return start
    index, distance = _with_itself(graph.to("cpu"))
    with warnings.catch_warnings(), same_threads():
        warnings.filterwarnings("ignore", ".*Tensorflow not installed", ImportWarning)
        warnings.filterwarnings("ignore", "precomputed_knn.2. .knn_search_index. is not an NNDescent", UserWarning)
        warnings.filterwarnings("ignore", ".*vertices were disconnected", UserWarning)  # zero rows, as expected
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # numba's and scikit-learn's, from umap
        warnings.filterwarnings("ignore", category=FutureWarning)
        import umap  # imported here: that takes seconds, and most views never need it

        keep_loops(umap.umap_, umap.layouts)  # or every process would compile them for a quarter of a minute
        model = umap.UMAP(
            n_neighbors=index.shape[1],
            n_epochs=epochs,
            metric="cosine",
            init=start,
            precomputed_knn=(index, distance, None),
            random_state=seed,
            n_jobs=1,
            min_dist=0.3,
        )
        return _with_lone(np.asarray(model.fit_transform(rows.numpy()), dtype=np.float32))


def _with_lone(xy: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Images without any neighbour, for which UMAP has no place, in a row below the map."""
    lone = np.isnan(xy).any(axis=1)
    low, high = (xy[~lone].min(axis=0), xy[~lone].max(axis=0)) if not lone.all() else (np.zeros(2), np.ones(2))
    row = np.linspace(low[0], max(high[0], low[0] + 1), int(lone.sum()))
    placed = xy.copy()
    placed[lone] = np.stack([row, np.full_like(row, low[1] - 0.05 * (high[1] - low[1]) - 0.1)], axis=1)
    return placed


def _with_itself(graph: KnnGraph) -> tuple[np.ndarray, np.ndarray]:
    """UMAP's form of the graph: each node first in its own list, at most n - 1 entries.

    A missing neighbour becomes the node itself, to which UMAP gives the weight 0, at the distance of unrelated rows.
    """
    width = max(min(graph.k, graph.n - 2), 1)
    itself = torch.arange(graph.n)[:, None]
    lists = graph.neighbors[:, :width]
    similarity = graph.similarity[:, :width]
    if not graph.k:
        lists = -torch.ones_like(itself)
        similarity = torch.zeros(graph.n, 1)
    index = torch.cat([itself, torch.where(lists < 0, itself, lists)], dim=1)
    distance = torch.cat([torch.zeros(graph.n, 1), 1 - similarity], dim=1)
    return index.to(torch.int32).numpy(), distance.clamp(min=0).float().numpy()


def _principal_plane(rows: torch.Tensor, seed: int) -> Float[np.ndarray, "n 2"]:
    """The first two principal components, scaled to a spread of 1, with a grain that parts duplicates."""
    centred = rows.double() - rows.double().mean(dim=0)
    axes = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :2]
    axes = axes * torch.where(axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)) < 0, -1.0, 1.0)
    plane = torch.nn.functional.pad(centred @ axes, (0, 2 - axes.shape[1])).numpy()
    spread = plane.std()
    grain = np.random.default_rng(seed).normal(scale=1e-4, size=plane.shape)
    return np.asarray(plane / (spread if spread > 1e-9 else 1.0) + grain, dtype=np.float32)


def cluster_frame(
    hierarchy: Hierarchy,
    xy: Float[np.ndarray, "n 2"],
    labels: Any = None,
    *,
    class_names: Sequence[str] = (),
    ids: Any = None,
) -> pd.DataFrame:
    """The one tidy frame that every view reads: a row per image.

    Args:
        hierarchy: the clustering.
        xy: places [N, 2], as `umap_map` gives them; NaN where an image has none.
        labels: true classes [N]; None where unknown.
        class_names: a name per class.
        ids: a name per image.

    Returns: columns `image_id` (0 .. N-1), `x`, `y`, `label`, `class_name` and `name` (where given), `level_0` ...
        `level_L` (cluster after each level), `peak` (the last level at which the image stands for a cluster; -1: none)
        and `density` (as predicted at level 0).

    Raises:
        ValueError: xy, labels, ids of another length than the hierarchy's images.

    Example:
        >>> import workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=2, tau=0.9))
        >>> cluster_frame(tree, x.numpy(), [5, 5, 7])[["label", "level_0", "peak"]].values.tolist()
        [[5, 0, 0], [5, 0, -1], [7, 1, 0]]
    """
    layers = check_hierarchy(hierarchy).layers
    n = len(layers[0])
    xy = np.asarray(xy, dtype=np.float32)
    if xy.shape != (n, 2):
        raise ValueError(f"xy: expected shape ({n}, 2), a place for each image of the hierarchy, got {xy.shape}")
    names = check_image_ids(ids, n)
    columns: dict[str, Any] = {"image_id": np.arange(n), "x": xy[:, 0], "y": xy[:, 1]}
    if labels is not None:
        columns["label"] = check_labels(labels, n)
        if classes := check_class_names(class_names, columns["label"]):
            columns["class_name"] = np.asarray(classes, dtype=object)[columns["label"]]
    if names is not None:
        columns["name"] = names
    columns |= {f"level_{i}": layer for i, layer in enumerate(layers)}
    columns["peak"] = _last_level_as_peak(hierarchy, n)
    columns["density"] = hierarchy.levels[0].prediction.density.cpu().numpy()
    return pd.DataFrame(columns)


def _last_level_as_peak(hierarchy: Hierarchy, n: int) -> Int64[np.ndarray, " n"]:
    last = np.full(n, -1)
    for i in range(len(hierarchy.layers)):
        last[hierarchy.levels[i].peaks.cpu().numpy()] = i
    return last


def level_columns(frame: pd.DataFrame) -> list[str]:
    """`level_0` ... `level_L` of a cluster frame, finest first."""
    return sorted((c for c in frame.columns if c.startswith("level_")), key=lambda c: int(c.removeprefix("level_")))


def level_table(hierarchy: Hierarchy, labels: Any = None) -> pd.DataFrame:
    """The hierarchy's level summary with scores after each level where the truth is given: pairwise_f, bcubed_f,
    item_f, nmi.

    Example:
        >>> import workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> tree = wb.build_hierarchy(torch.eye(3), similarity_predictor, wb.InferenceConfig())
        >>> level_table(tree, [0, 1, 2])["bcubed_f"].tolist()
        [1.0]
    """
    summary = check_hierarchy(hierarchy).summary()
    if labels is None:
        return summary
    tables = [contingency(labels, level.labels.cpu().numpy()) for level in hierarchy.levels]
    scored = [
        {"pairwise_f": pairwise(t).f, "bcubed_f": bcubed(t).f, "item_f": item_f(t), "nmi": nmi(t)} for t in tables
    ]
    return pd.concat([summary, pd.DataFrame(scored)], axis=1)


def spread_sample(groups: Any, n: int, *, seed: int = 0) -> Int64[np.ndarray, " m"]:
    """Indices of at most `n` items, every group thinned alike: the share of each group stays what it was.

    Formula: items ordered by group (shuffled inside), every (N / n)-th is taken.

    Args:
        groups: integers [N], e.g. clusters.
        n: items wanted; N or more gives all.

    Example:
        >>> spread_sample([0] * 90 + [1] * 10, 10).size, (spread_sample([0] * 90 + [1] * 10, 10) >= 90).sum().item()
        (10, 1)
    """
    groups = check_labels(groups, name="groups")
    check_int(n, "n")
    if len(groups) <= n:
        return np.arange(len(groups))
    order = np.lexsort((np.random.default_rng(seed).random(len(groups)), groups))
    return np.sort(order[(np.arange(n) * len(groups)) // n + len(groups) // (2 * n)])


def on_map(frame: pd.DataFrame) -> Bool[np.ndarray, " n"]:
    """Which images have a place on the map."""
    return np.asarray(np.isfinite(frame[["x", "y"]].to_numpy()).all(axis=1))
