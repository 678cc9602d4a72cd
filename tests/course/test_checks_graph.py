"""The checks of notebooks 00 to 03: a right, a nearly right, a wrong and an unusable answer to each."""

import numpy as np
import pytest
import torch
from asking import Answers

import workbench as wb
from workbench import course
from workbench.graph.knn import KnnGraph, knn

# Four nodes, two of each class; node 3 is on nobody's list, and lists strangers only.
GRAPH = KnnGraph.from_arrays([[1, 2], [0, 2], [1, 0], [1, 0]], [[0.9, 0.5], [0.9, 0.6], [0.6, 0.5], [0.4, 0.3]])
LABELS = np.array([7, 7, 8, 8])
DENSITY = [0.2, 0.15, -0.55, -0.35]
X = torch.nn.functional.normalize(torch.randn(30, 5, generator=torch.Generator().manual_seed(0)).abs(), dim=1)
Y = torch.arange(30) % 3
LINKAGE = torch.tensor([[0.9, 0.5], [0.9, 0.6], [0.8, 0.9], [0.2, 0.3]])
ORDER = torch.tensor([0.4, 0.3, 0.2, 0.1])
MARGIN = (torch.tensor([[0.0, 2.0]]), torch.eye(2), torch.tensor([1]), 10.0, 0.2)
OTHER = KnnGraph.from_arrays([[1, -1], [0, 3], [1, 0], [1, 2]], [[0.9, 0], [0.9, 0.6], [0.6, 0.5], [0.4, 0.3]])


def shares(x):
    """Top-1 purity and the share of variance of two axes, the slow way."""
    nearest = [max((float(x[i] @ x[j]), -j) for j in range(30) if j != i)[1] for i in range(30)]
    purity = np.mean([Y[i] == Y[-j] for i, j in enumerate(nearest)])
    values = np.linalg.eigvalsh(np.cov(x.numpy().T))
    return purity, values[-2:].sum() / values.sum()


CENTRED = torch.nn.functional.normalize(X - X.mean(dim=0), dim=1)
RIGHT = {
    "00-pairs": (6, (4,)),
    "01-margin": ([[0.0, 8.0]], MARGIN),
    "01-purity": (shares(X)[0], (X, Y)),
    "01-variance": (shares(X)[1], (X,)),
    "01-centred": (shares(CENTRED)[0], (X, Y)),
    "01-worse": (1, (GRAPH, KnnGraph.from_arrays([[2], [0], [1], [1]], [[0.5], [0.9], [0.6], [0.4]]), LABELS)),
    "02-knn": ((X @ X.T).fill_diagonal_(-1).sort(descending=True).values[:, :4], (X, 4)),
    "02-purity": ([2 / 4, 2 / 8], (GRAPH, LABELS, [1, 2])),
    "02-hubs": ([3, 3, 2, 0], (GRAPH,)),
    "02-mutual": ([[1, 1], [1, 1], [1, 1], [0, 0]], (GRAPH,)),
    "02-recall": (5 / 8, (OTHER, GRAPH)),
    "02-official": ([9, 4, 2], ([10, 5, 3],)),
    "02-one-sided": (0.0, (GRAPH, LABELS)),
    "02-ceiling": (0.5, (LABELS, 2)),
    "03-links": ([[1, 0], [1, 0], [0, 0], [0, 0]], (GRAPH, LABELS)),
    "03-density": (DENSITY, (GRAPH, LABELS)),
    "03-parents": ([0, 0, 0, 3], (GRAPH, LINKAGE, ORDER, 0.5)),
    "03-peaks": ([3, 2, 0], (GRAPH, LABELS)),
    "03-signed": (lambda graph, labels: torch.tensor(DENSITY), (GRAPH, LABELS)),
    "03-top": (0.25, (KnnGraph.from_arrays([[1], [2], [3], [0]], [[0.9], [0.8], [0.2], [0.1]]), [7, 7, 8, 9])),
}


class TestAnswers(Answers):
    right = RIGHT


def test_principal_axes_may_point_either_way():
    centred = X.numpy().astype(float) - X.numpy().mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    plane = u[:, :2] * s[:2]
    assert course.check("01-pca", plane, X).ok
    assert course.check("01-pca", plane * [1, -1], X).ok
    assert not course.check("01-pca", plane[:, ::-1], X).ok
    assert "was the mean taken away" in course.check("01-pca", plane + 0.1, X).detail
    assert "shape [30, 2]" in course.check("01-pca", "none", X).detail


def test_a_set_of_peaks_says_how_many_are_missing():
    assert "1 too many, 2 missing" in course.check("03-peaks", [0, 1], *RIGHT["03-peaks"][1]).detail


def test_a_density_function_may_be_rounded_but_not_unsigned():
    inputs = RIGHT["03-signed"][1]
    assert course.check("03-signed", lambda graph, labels: torch.tensor(DENSITY) + 5e-4, *inputs).status == "near"
    assert course.check("03-signed", lambda graph, labels: graph.similarity.mean(dim=1), *inputs).status == "wrong"
    assert "raised ZeroDivisionError" in course.check("03-signed", lambda graph, labels: 1 / 0, *inputs).detail


def test_a_full_recall_and_gaps_in_the_lists():
    assert course.check("02-recall", 1.0, OTHER, OTHER).ok  # the gap is no neighbour to be found
    assert course.check("02-hubs", [2, 3, 1, 1], OTHER).ok
    assert course.check("02-mutual", [[1, 0], [1, 0], [0, 0], [0, 0]], OTHER).ok is False  # 1 lists 3, which lists 1
    assert course.check("02-mutual", [[1, 0], [1, 1], [0, 0], [1, 0]], OTHER).ok


def test_the_checks_of_the_tour_on_a_hierarchy():
    model = wb.HiLander("glyphs-lander", k=4, tau=0.3).fit(X)
    hierarchy = model.hierarchy_
    level = hierarchy.levels[0]
    image = int((level.decoding.parent != torch.arange(30)).nonzero()[0])
    assert course.check("00-link", level.decoding.parent[image], level, image).status == "exact"
    assert course.check("00-link", image, level, image).status == "wrong"
    assert course.check("00-merged", hierarchy.levels[0].n_clusters - hierarchy.n_clusters, hierarchy).ok


def test_a_stricter_model_loses_recall(blobs):
    x, labels = blobs(n_classes=8, per_class=12, noise=0.25, seed=0)
    lander = wb.load_checkpoint("glyphs-lander")
    usual, raised = (wb.scores(labels, wb.HiLander(lander, tau=t).fit_predict(x)) for t in ("auto", 0.95))
    change = [raised[side] - usual[side] for side in ("bcubed_precision", "bcubed_recall")]
    assert course.check("00-strict", change, lander, x, labels).ok
    assert not course.check("00-strict", change[::-1], lander, x, labels).ok


def test_bad_input_to_a_check_is_an_error_of_the_notebook():
    with pytest.raises(ValueError, match="no check '02-hub'; did you mean '02-hubs'"):
        course.check("02-hub", 1, GRAPH)
    with pytest.raises(ValueError, match="k: expected"):
        course.check("02-knn", 1, X, 0)
    with pytest.raises(ValueError, match="threshold: expected"):
        course.check("03-parents", [0, 0, 0, 3], GRAPH, LINKAGE, ORDER, 1.5)


def test_knn_by_sorting_agrees_with_the_library_here():
    assert torch.allclose(torch.as_tensor(RIGHT["02-knn"][0]), knn(X, 4).similarity, atol=1e-5)
