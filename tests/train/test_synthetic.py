import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.train.general.synthetic import RandomDraws, SyntheticConfig, class_sizes, draw_set, resampled

SMALL = SyntheticConfig(images=(60, 200))


@pytest.fixture(scope="module")
def source():
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(30).repeat_interleave(8)
    x = torch.randn(30, 12, generator=random)[labels] + 0.3 * torch.randn(240, 12, generator=random)
    return torch.nn.functional.normalize(x, dim=1), labels


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.booleans())
def test_every_set_is_usable(seed, real):
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(30).repeat_interleave(8)
    x = torch.nn.functional.normalize(torch.randn(240, 12, generator=random), dim=1)
    rows, classes = draw_set(seed, [(x, labels)] if real else [], SMALL)
    assert len(rows) == len(classes) > 1
    assert bool(torch.isfinite(rows).all())
    assert torch.allclose(rows.norm(dim=1), torch.ones(len(rows)), atol=1e-4)
    assert classes.unique().tolist() == list(range(int(classes.max()) + 1))


def test_the_seed_decides(source):
    one, other, third = (draw_set(seed, [source], SMALL) for seed in (5, 5, 6))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])
    assert one[0].shape != third[0].shape or not torch.equal(one[0], third[0])


def test_resampled_rows_are_the_sources(source):
    plain = SyntheticConfig(grow=0.0, singletons=0.0)
    x, labels = source
    rows, classes = resampled(RandomDraws(1), x, labels, 100, plain)
    where = (rows[:, None] == x[None]).all(dim=2)
    assert where.any(dim=1).all()
    assert (where.sum(dim=0) <= 1).all()
    came = labels[where.float().argmax(dim=1)]
    assert len({*zip(classes.tolist(), came.tolist(), strict=True)}) == len(classes.unique())


def test_grown_classes_lie_near_their_own(source):
    x, labels = source
    centers = torch.stack([x[labels == c].mean(dim=0) for c in range(30)])
    rows, classes = resampled(RandomDraws(2), x, labels, 600, SyntheticConfig(grow=1.0, singletons=0.0))
    assert len(rows) > 240
    nearest = (rows @ centers.T).argmax(dim=1)
    same = [len(nearest[classes == c].unique()) for c in classes.unique()]
    assert sum(same) / len(same) < 3


@given(st.integers(0, 1000), st.integers(1, 50), st.integers(50, 2000))
def test_sizes_sum_to_about_n(seed, classes, n):
    size = class_sizes(RandomDraws(seed), classes, n)
    assert len(size) == classes
    assert bool((size >= 1).all())
    assert abs(int(size.sum()) - n) <= classes
