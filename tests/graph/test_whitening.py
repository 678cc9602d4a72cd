import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from workbench._core.memmap import is_memmap, new_tensor
from workbench.graph.discriminant import METRICS, Metric
from workbench.graph.whitening import RIDGE, mean_average_precision, within_class_whitening

seeds = st.integers(0, 2**31)


def loud(seed=0, classes=8, per_class=12, dim=6):
    """Unit rows of classes whose images vary most in the last direction, which tells nothing of the class."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(classes).repeat_interleave(per_class)
    noise = torch.randn(len(labels), dim, generator=random) * torch.tensor([0.2] * (dim - 1) + [2.0])
    return normalize(torch.randn(classes, dim, generator=random)[labels] + noise, dim=1), labels


def by_loops(rows, labels):
    """The definition, row by row."""
    x = rows.double().numpy()
    d = x.shape[1]
    within = np.zeros((d, d))
    rows_counted = classes = 0
    for c in np.unique(labels):
        own = x[labels == c]
        if len(own) > 1:
            classes += 1
            rows_counted += len(own)
            for row in own:
                within += np.outer(row - own.mean(0), row - own.mean(0))
    within /= rows_counted - classes
    within += RIDGE * np.trace(within) / d * np.eye(d)
    variance, axes = np.linalg.eigh(within)
    return axes @ np.diag(variance**-0.5) @ axes.T


@given(seeds)
def test_matrix_is_that_of_the_slow_definition(seed):
    rows, labels = loud(seed, classes=4, per_class=5, dim=4)
    labels = torch.where(torch.arange(len(labels)) == 0, 4, labels)  # a class of one row says nothing
    assert np.allclose(within_class_whitening(rows, labels).numpy(), by_loops(rows, labels.numpy()), rtol=1e-3)


def test_what_was_learned_from_some_classes_helps_with_others():
    rows, labels = loud(classes=16)
    known = labels < 8
    metric = Metric.of("cosine", rows[~known], within_class_whitening(rows[known], labels[known]))
    before = mean_average_precision(rows[~known], labels[~known] - 8)
    assert mean_average_precision(metric(rows[~known]), labels[~known] - 8) > before + 0.1


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 0, 1]])
def test_nothing_to_learn_is_no_map(labels):
    rows = normalize(torch.tensor([[1.0, 2.0], [1.0, 2.0], [3.0, 1.0]]), dim=1)
    assert within_class_whitening(rows, torch.tensor(labels)) is None


@given(seeds)
def test_mean_average_precision_is_that_of_scikit_learn(seed):
    from sklearn.metrics import average_precision_score

    rows, labels = loud(seed, classes=4, per_class=3)
    similarity = (rows @ rows.T).numpy()
    each = []
    for i in range(len(rows)):
        others = np.arange(len(rows)) != i
        each.append(average_precision_score(labels.numpy()[others] == int(labels[i]), similarity[i, others]))
    assert mean_average_precision(rows, labels) == pytest.approx(np.mean(each), abs=1e-5)


def test_without_a_class_of_two_there_is_no_precision():
    assert np.isnan(mean_average_precision(torch.eye(3), torch.arange(3)))


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_maps_in_parts_and_keeps_zero_rows(name, monkeypatch):
    rows, labels = loud()
    rows[3] = 0
    metric = Metric.of(name, rows, within_class_whitening(rows, labels))
    whole = metric(rows)
    assert not whole[3].any()
    assert torch.allclose(whole[4:].norm(dim=1), torch.ones(len(rows) - 4))
    monkeypatch.setattr("workbench.graph.discriminant.PART", 7)
    on_disk = new_tensor(tuple(rows.shape), mapped=True)
    on_disk[:] = rows
    mapped = metric(on_disk)
    assert is_memmap(mapped)
    assert torch.allclose(mapped, whole, atol=1e-6)


def test_the_sets_own_mean_is_taken_away():
    rows, labels = loud()
    whitening = within_class_whitening(rows, labels)
    assert torch.allclose(Metric.of("cosine", rows, whitening).center, rows.mean(dim=0))


def test_rows_of_another_width_are_refused():
    rows, labels = loud()
    with pytest.raises(ValueError, match="maps features of 6 columns before it compares them, got 3"):
        Metric.of("cosine", rows[:, :3], within_class_whitening(rows, labels))
