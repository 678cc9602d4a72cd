"""Training sets of real kinds: read, thinned, united; and a general model that learns from them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from workbench.train.general import GeneralConfig, SyntheticConfig, draw_real_set, read_kinds, train_general
from workbench.train.general.kinds import few_images, some_classes, thinned, united
from workbench.train.general.sets import draw_sets, quality_table
from workbench.train.general.synthetic import RandomDraws

QUICK = GeneralConfig(sets=24, real=0.7, k=8, epochs=1, quality_epochs=1, synthetic=SyntheticConfig(images=(80, 160)))


@pytest.fixture
def kinds(blobs):
    return [blobs(30, 12, dim, 0.2, seed=dim) for dim in (8, 20)]


@pytest.mark.parametrize("seed", range(12))
def test_drawn_sets_are_unit_rows_with_classes_without_gaps(kinds, seed):
    x, y = draw_real_set(seed, kinds)
    assert torch.allclose(x.norm(dim=1), torch.ones(len(x)), atol=1e-5)
    assert len(x) == len(y) >= 20
    assert y.unique().tolist() == list(range(int(y.max()) + 1))
    again = draw_real_set(seed, kinds)
    assert torch.equal(x, again[0])
    assert torch.equal(y, again[1])


def test_thinned_and_some_classes_keep_rows_as_they_are(kinds):
    rows, labels = kinds[0]
    place = {tuple(row): int(label) for row, label in zip(rows.tolist(), labels, strict=True)}
    for draw in (thinned, some_classes, few_images):
        x, y = draw(RandomDraws(3), rows, labels)
        of = [place[tuple(row)] for row in x.tolist()]
        assert len(set(zip(of, y.tolist(), strict=True))) == len(set(of)) == len(y.unique())


def test_sets_of_few_images_have_classes_of_one_and_of_many():
    rows = torch.nn.functional.normalize(torch.randn(6000, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    drawn = [few_images(RandomDraws(seed), rows, torch.arange(6000) % 150) for seed in range(40)]
    n = torch.tensor([len(y) for _, y in drawn])
    n = n[n < len(rows)]  # of which hardly a row would be drawn is whole
    assert len(n) >= 36
    assert 20 <= n.min() < 100
    assert 500 < n.max() <= 1200
    usual = torch.tensor([int(y.bincount().median()) for _, y in drawn])  # images of a class
    assert (usual == 1).sum() >= 2
    assert (usual <= 2).sum() >= 6
    assert (usual > 3).sum() >= 6
    assert min(len(y.unique()) for _, y in drawn) <= 4


def test_none_of_the_sets_is_small_unless_asked_for(kinds):
    """`meta_train_cut` draws its sets as before."""
    usual, asked = (draw_real_set(4, kinds), draw_real_set(4, kinds, small=1.0))
    assert torch.equal(draw_real_set(4, kinds, small=0.0)[0], usual[0])
    assert not torch.equal(asked[0], usual[0])


def test_united_kinds_lie_apart(kinds):
    for seed in range(20):
        x, y = united(RandomDraws(seed), kinds, fewest=2)
        if x.shape[1] == 28:
            assert len(y.unique()) >= 4
    x, y = united(RandomDraws(0), kinds[:1])
    assert x.shape[1] == 8


def test_every_set_weighs_the_same(kinds):
    model = train_general([], training=QUICK, jobs=1, progress=False)
    for drawn in draw_sets(np.arange(3), True, kinds, QUICK, model):
        features, quality, weight = quality_table(drawn, "cosine", model, 1.0)
        assert weight.sum() == pytest.approx(1, abs=1e-5)
        assert len(features) == len(quality) < 2 * len(drawn.labels)


def test_rows_that_repeat_are_one_image(kinds):
    model = train_general([], training=QUICK, jobs=1, progress=False)
    drawn = draw_sets(np.arange(1), True, kinds, QUICK, model)[0]
    index = torch.cat([torch.arange(len(drawn.labels)), torch.arange(50)])
    repeated = replace(drawn, features=drawn.features[index], labels=drawn.labels[index])
    once = quality_table(drawn, "cosine", model, 1.0)
    twice = quality_table(repeated, "cosine", model, 1.0)
    assert all(np.array_equal(*columns) for columns in zip(once, twice, strict=True))


def test_both_stages_learn_from_kinds_which_weigh_as_asked(kinds):
    model = train_general([], kinds=kinds, training=QUICK, jobs=1, progress=False)
    without = train_general([], training=QUICK, jobs=1, progress=False)
    assert model.history["stage"].unique().tolist() == ["links", "quality"]
    for name, value in model.state_dict().items():
        if value.is_floating_point() and value.numel() > 1:
            assert not torch.equal(value, without.state_dict()[name]), name


def test_kinds_are_read_from_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"kinds: found no NAME\.npz"):
        read_kinds(tmp_path)
    x = np.random.default_rng(0).normal(size=(30, 4)).astype("f4")
    for name in ("one", "emoji"):
        np.savez(tmp_path / f"{name}.npz", features=x, labels=np.arange(30) % 3 * 7)
    found = read_kinds(tmp_path)
    assert list(found) == ["one"]
    assert found["one"][1].unique().tolist() == [0, 1, 2]
    np.savez(tmp_path / "two.npz", features=x)
    with pytest.raises(ValueError, match=r"two\.npz has no labels"):
        read_kinds(tmp_path)
    np.savez(tmp_path / "two.npz", features=x, labels=np.full(30, 4))
    with pytest.raises(ValueError, match=r"two\.npz has one class; expected at least two"):
        read_kinds(tmp_path)
