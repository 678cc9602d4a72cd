"""For people who must look clusters through: which images and which clusters to doubt first, from linkage alone."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..graph.density import link_labels
from ..graph.knn import KnnGraph
from ..graph.similarity_stats import Background
from ..lander.model import Lander
from .levels import Hierarchy

# Mean cosine above the training's at which `fit` warns: glyphs, digits and most kinds lie within .2 of it, photographs
# .6 to .8 above.
UNLIKE = 0.3


def warn_unlike(lander: Lander, rows: Float[Tensor, "n d"]) -> None:
    """Warn where two random rows are far more alike than in the training of a model that reads cosines.

    Such a model links rows of different classes: of 2,300 people, mean cosine .84, "glyphs-lander" made one cluster.

    Example:
        >>> from workbench.lander import LanderConfig
        >>> warn_unlike(Lander(LanderConfig()), torch.eye(3))  # silent: it does not know its background
    """
    if lander.background is None:
        return
    here = Background.of(rows).mean
    if here > lander.background + UNLIKE:
        warnings.warn(
            f"lander: two random rows have a mean cosine of {here:.2f}; this model learned from rows with "
            f"{lander.background:.2f} and reads cosines, so its links mean little here; use HiLander() "
            "or learn from such rows: workbench train --features FILE --preset cut",
            stacklevel=2,
        )


def confidence(graph: KnnGraph, linkage: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """How sure an image is of its cluster, in [0, 1].

    Formula: of an image with neighbours in its cluster, mean linkage to them times the share of all its linkage that
    goes to them; of an image alone, 1 - its highest linkage.

    Example:
        >>> graph = KnnGraph.from_arrays([[1, 2], [0, 2], [0, 1]], [[0.9, 0.2], [0.9, 0.2], [0.2, 0.2]])
        >>> linkage = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.1, 0.1]])
        >>> [round(c, 2) for c in confidence(graph, linkage, torch.tensor([0, 0, 1])).tolist()]
        [0.81, 0.81, 0.9]
    """
    inside = link_labels(graph, labels)  # (n, k)
    count = inside.sum(dim=1)
    within = (linkage * inside).sum(dim=1)
    together = within / count.clamp(min=1) * within / linkage.sum(dim=1).clamp(min=1e-12)
    return torch.where(count > 0, together, 1 - _highest(linkage))


def outlier_scores(linkage: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """1 - the highest linkage of each image: 1 for an image that is like no other.

    Example:
        >>> outlier_scores(torch.tensor([[0.75, 0.1], [0.0, 0.0]])).tolist()
        [0.25, 1.0]
    """
    return 1 - _highest(linkage)


def _highest(linkage: Tensor) -> Tensor:
    return linkage.max(dim=1).values if linkage.shape[1] else linkage.new_zeros(len(linkage))


def cluster_table(tree: Hierarchy) -> pd.DataFrame:
    """One row per final cluster, those to look at first on top.

    Returns: cluster, size, peak (the image that stands for it), stability (share of the linkage at its images that
    stays inside; of an image alone 1 - its highest linkage), confidence (mean over its images), and from the learned
    cut: precision (expected share of a class-mate among its images) and recall (expected share of an image's
    class that is inside), both as BCubed; missing where a person's answers changed the cluster. Sorted by rising
    stability, then falling size.

    Example:
        >>> from workbench.lander import InferenceConfig
        >>> from workbench.cluster import build_hierarchy, similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> cluster_table(build_hierarchy(x, similarity_predictor, InferenceConfig(k=1, tau=0.9)))["size"].tolist()
        [2, 2]
    """
    first = tree.distinct.levels[0]  # an image that occurs more than once is judged once, and counts as often
    labels = tree.distinct.labels
    linkage = first.prediction.linkage
    graph = first.graph
    inside = link_labels(graph, labels)  # (n, k)
    columns = {
        "cluster": labels,
        "within": (linkage * inside).sum(dim=1),
        "all": linkage.sum(dim=1),
        "confidence": confidence(graph, linkage, labels),
        "alone": outlier_scores(linkage),
    }
    images = pd.DataFrame({name: tree.spread(column).cpu().numpy() for name, column in columns.items()})
    grouped = images.groupby("cluster")
    size = grouped.size()
    total = grouped.sum()
    several = torch.bincount(labels).cpu().numpy() > 1  # distinct images
    stability = np.where(several, total["within"] / total["all"].clip(lower=1e-12), total["alone"] / size)
    peak = tree.levels[-1].peaks.cpu().numpy()
    table = pd.DataFrame({"cluster": size.index, "size": size.to_numpy(), "peak": peak, "stability": stability})
    table["confidence"] = (total["confidence"] / size).to_numpy()
    if cut := tree.learned_cut:
        quality, node_of_image = cut
        node = node_of_image.cpu().numpy()
        expected = pd.DataFrame({"precision": quality.precision[node], "recall": quality.recall[node]})
        expected[~tree.as_cut] = np.nan
        table[["precision", "recall"]] = expected.groupby(images["cluster"]).mean().to_numpy()
    return table.sort_values(["stability", "size"], ascending=[True, False], ignore_index=True)


def expected_scores(tree: Hierarchy) -> dict[str, float]:
    """BCubed precision, recall and f that the learned cut forecasts for the images whose clusters are as it made them;
    {} where a person's answers changed all of them, or there is no learned cut.

    Example:
        >>> from workbench.lander import InferenceConfig
        >>> from workbench.cluster import build_hierarchy, similarity_predictor
        >>> expected_scores(build_hierarchy(torch.eye(3), similarity_predictor, InferenceConfig()))
        {}
    """
    cut = tree.learned_cut
    if cut is None:
        return {}
    quality, node_of_image = cut
    node = node_of_image.cpu().numpy()
    return quality.expected(node[tree.as_cut]) if tree.as_cut.any() else {}
