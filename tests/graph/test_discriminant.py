import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from workbench import HiLander, scores
from workbench._core.memmap import is_memmap, new_tensor
from workbench.graph.discriminant import COPY, METRICS, NEAREST, RIDGE, SAMPLE, SUBSPACE, Metric, local_discriminant
from workbench.graph.knn import knn

seeds = st.integers(0, 2**31)


def skewed(seed=0, classes=12, per_class=15, dim=6, loud=1.0):
    """Unit rows of classes whose images vary most in the last direction, which tells nothing of the class."""
    random = torch.Generator().manual_seed(seed)
    centers = torch.randn(classes, dim, generator=random)
    centers[:, -1] = 0
    labels = torch.arange(classes).repeat_interleave(per_class)
    noise = 0.2 * torch.randn(len(labels), dim, generator=random)
    noise[:, -1] *= 5 * loud
    return normalize(centers[labels] + noise, dim=1), labels


def by_loops(rows):
    """The definition, pair by pair."""
    x = rows.double().numpy()
    n, d = x.shape
    within, pairs = np.zeros((d, d)), 0
    others = [sorted((j for j in range(n) if j != i), key=lambda j: (-x[i] @ x[j], j)) for i in range(n)]
    lists = [[j for j in others[i][: 4 * NEAREST] if x[i] @ x[j] > 0] for i in range(n)]
    distances = sorted(1 - x[i] @ x[j] for i in range(n) for j in lists[i])
    nearest = COPY * distances[(len(distances) - 1) // 2]
    for i in range(n):
        for j in [j for j in lists[i] if 1 - x[i] @ x[j] > nearest][:NEAREST]:
            within += np.outer(x[i] - x[j], x[i] - x[j]) / 2
            pairs += 1
    within /= pairs
    within += RIDGE * np.trace(within) / d * np.eye(d)
    variance, axes = np.linalg.eigh(within)
    white = axes @ np.diag(variance**-0.5) @ axes.T
    t, axes = np.linalg.eigh(white @ np.cov(x.T, bias=True) @ white)
    b = np.maximum(t - 1, 0)
    return white @ axes @ np.diag(np.sqrt(b / (1 + b))) @ axes.T


@given(seeds)
def test_matrix_is_that_of_the_slow_definition(seed):
    rows, _ = skewed(seed, classes=3, per_class=16, dim=4)  # lists stay within classes: no gap
    expected = by_loops(rows)
    assert np.allclose(local_discriminant(rows).numpy(), expected, atol=1e-3 * np.abs(expected).max())


def test_a_direction_that_only_varies_within_classes_is_shrunk():
    rows, labels = skewed()
    matrix = local_discriminant(rows).diagonal()
    assert matrix[-1] < 0.9 * matrix[:-1].min()
    both = rows, Metric.of("discriminant", rows)(rows)
    plain, mapped = ((labels[knn(x, 5).neighbors] == labels[:, None]).float().mean() for x in both)
    assert mapped > plain + 0.02


@given(seeds)
def test_order_and_rotation_of_the_features_change_nothing(seed):
    rows, _ = skewed(seed)
    last = knn(rows, NEAREST + 1).similarity[:, -2:]
    assume((last[:, 0] - last[:, 1]).min() > 1e-5)  # else rounding decides who is the third neighbour
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(rows), generator=random)
    turn = torch.linalg.qr(torch.randn(6, 6, generator=random)).Q
    mapped = Metric.of("discriminant", rows)(rows)
    cosines = mapped @ mapped.T
    for other in (rows[order], rows[order] @ turn):
        again = Metric.of("discriminant", other)(other)
        assert torch.allclose(again @ again.T, cosines[order][:, order], atol=1e-3)


@given(seeds, st.integers(1, 40), st.integers(1, 6))
def test_mapped_rows_have_length_one_and_zero_rows_stay_zero(seed, n, dim):
    rows = normalize(torch.randn(n, dim, generator=torch.Generator().manual_seed(seed)), dim=1)
    rows[0] = 0
    mapped = Metric.of("discriminant", rows)(rows)
    assert torch.isfinite(mapped).all()
    assert (mapped[0] == 0).all()
    lengths = mapped[1:].norm(dim=1)
    assert ((lengths - 1).abs() < 1e-4).logical_or(lengths < 1e-4).all()


@pytest.mark.parametrize("rows", [torch.eye(2), torch.ones(30, 4) / 2, torch.eye(50), torch.zeros(40, 3)])
def test_rows_that_teach_nothing_stay_as_they_are(rows):
    metric = Metric.of("discriminant", rows)
    assert metric.matrix is None
    assert metric(rows) is rows


@pytest.mark.parametrize("rows", [2, 3, 6])
@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_small_classes_far_apart_have_no_map(rows, noise):
    """Of a row's three nearest some are of other classes, or all are copies: their differences are no spread within."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(60, 64, generator=random).repeat(rows, 1)
    x = normalize(x + noise * torch.randn(len(x), 64, generator=random), dim=1)
    few = noise == 0.05 and rows == 2  # pairs so tight are copies, of which the next rows tell
    assert (local_discriminant(x) is None) != few
    assert local_discriminant(x[:29]) is None


def test_the_order_of_the_rows_does_not_change_the_map(monkeypatch):
    """A sample at even steps was another one for another order: of `creatures` no labelling agreed with another."""
    monkeypatch.setattr("workbench.graph.discriminant.SAMPLE", 60)
    random = torch.Generator().manual_seed(3)
    rows = torch.nn.functional.normalize(torch.randn(500, 6, generator=random).cumsum(dim=1), dim=1)
    order = torch.randperm(500, generator=random)
    assert torch.allclose(local_discriminant(rows), local_discriminant(rows[order]), atol=1e-6)
    assert not torch.allclose(local_discriminant(rows), local_discriminant(rows[:400]), atol=1e-3)


def test_a_sample_gives_nearly_the_same(monkeypatch):
    rows, _ = skewed(classes=40, per_class=30)
    assert len(rows) < SAMPLE
    whole = local_discriminant(rows)
    monkeypatch.setattr("workbench.graph.discriminant.SAMPLE", 300)
    part = local_discriminant(rows)
    assert 0 < (part - whole).norm() / whole.norm() < 0.1


def test_many_columns_are_first_projected_on_the_top_directions(blobs):
    x, y = blobs(n_classes=20, per_class=30, dim=16, noise=0.1)
    wide = x @ torch.linalg.qr(torch.randn(SUBSPACE + 88, 16, generator=torch.Generator().manual_seed(0))).Q.T
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    model, again = (HiLander(metric="discriminant").fit(wide) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)  # nobody else's generator is drawn from
    assert model.features_.shape == (len(x), SUBSPACE)
    assert torch.equal(model.features_, again.features_)
    assert (model.predict(wide) == model.labels_).all()
    narrow = HiLander(metric="discriminant").fit(x)
    assert scores(narrow.labels_, model.labels_)["bcubed_f"] > 0.95
    assert scores(y.numpy(), model.labels_)["bcubed_f"] > 0.9


def test_rows_of_a_file_are_mapped_into_a_file():
    rows, _ = skewed()
    there = new_tensor(tuple(rows.shape), mapped=True).copy_(rows)
    metric = Metric.of("discriminant", there)
    assert is_memmap(metric(there))
    assert torch.equal(metric(there), metric(rows))


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"metric: expected one of .*'cosine'.*got 'euclid'"):
        HiLander(metric="euclid").fit(torch.eye(3))
    assert METRICS[0] == "cosine"


def test_the_estimator_compares_fitted_and_new_rows_alike(blobs):
    x, _ = blobs(n_classes=20, per_class=25, dim=16, noise=0.1)
    model = HiLander(metric="discriminant").fit(x)
    assert torch.allclose(model.features_, model.hierarchy_.metric(x), atol=1e-6)
    assert model.settings_.metric == "discriminant"
    assert (model.predict(x) == model.labels_).all()
    plain = HiLander(metric="cosine").fit(x)
    assert plain.hierarchy_.metric.matrix is None
    assert torch.allclose(plain.features_, x, atol=1e-6)


@pytest.mark.cuda
def test_cpu_and_cuda_agree():
    rows, _ = skewed()
    here, there = local_discriminant(rows), local_discriminant(rows.cuda()).cpu()
    assert torch.allclose(here, there, atol=1e-3 * float(here.abs().max()))
