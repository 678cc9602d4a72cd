import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workbench.cluster.checkpoint import load_lander, save_checkpoint
from workbench.cluster.hilander import HiLander
from workbench.evaluate.scores import FIGURES, scores
from workbench.train.episodes import held_out
from workbench.train.general.one_kind import TAUS, meta_train_cut

QUICK = {"sets": 24, "k": 5, "epochs": 2, "jobs": 1, "progress": False}


@pytest.fixture(scope="module")
def trained(blobs):
    x, y = blobs(noise=0.1)
    return meta_train_cut(x, y, **QUICK)


def test_it_learns_and_chooses_tau_by_the_mean_of_the_three(trained):
    curve = trained.tau_curve
    assert curve["tau"].tolist() == list(TAUS)
    mean = curve[list(FIGURES)].mean(axis=1)
    assert trained.inference.tau == curve["tau"][mean == mean.max()].max()  # of equals the strictest
    assert trained.history["loss"].notna().all()


def test_it_clusters_other_classes(trained, blobs, tmp_path):
    x, y = blobs(noise=0.1, seed=5)
    save_checkpoint(trained, tmp_path / "own.safetensors")
    model = load_lander(tmp_path / "own.safetensors")
    assert scores(y, HiLander(model).fit_predict(x))["bcubed_f"] > 0.9


def test_given_validation_leaves_all_classes_to_learn_from(blobs):
    x, y = blobs()
    held_x, held_y = blobs(seed=5)
    model = meta_train_cut(x, y, validation=(held_x, held_y), **{**QUICK, "sets": 2})
    assert len(model.tau_curve) == len(TAUS)


def test_four_classes_are_enough(blobs):
    x, y = blobs(4, 30)
    assert meta_train_cut(x, y, **{**QUICK, "sets": 2}).inference.tau in TAUS


@given(st.lists(st.integers(1, 3), min_size=4, max_size=30), st.floats(0, 1), st.integers(0, 99))
def test_of_many_lone_images_some_class_is_held_out_and_some_is_left(sizes, share, seed):
    """Which were drawn decided whether there was anything to score, or to learn."""
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    if (torch.tensor(sizes) > 1).sum() < 2:
        with pytest.raises(ValueError, match="labels: expected at least two classes of two images or more"):
            held_out(labels, share, torch.Generator().manual_seed(seed), least=2)
        return
    held = held_out(labels, share, torch.Generator().manual_seed(seed), least=2)
    sides = [labels[held], labels[~held]]
    assert not set(sides[0].tolist()) & set(sides[1].tolist())
    assert len(sides[0].unique()) == min(max(2, round(share * len(sizes))), len(sizes) - 2)
    assert all(side.bincount().max() > 1 for side in sides)


def test_bad_input():
    rows = torch.eye(4)
    with pytest.raises(TypeError, match="whiten"):
        meta_train_cut(rows, [0, 0, 1, 1], whiten="no", progress=False)
    with pytest.raises(ValueError, match="labels: expected at least 4 classes, two to be held out, got 2"):
        meta_train_cut(rows, [0, 0, 1, 1], progress=False)
    with pytest.raises(ValueError, match="hold_out"):
        meta_train_cut(rows, [0, 1, 2, 3], hold_out=1.5, progress=False)
    with pytest.raises(ValueError, match="features"):
        meta_train_cut(np.full((4, 2), np.nan), [0, 1, 2, 3], progress=False)


def blurred(seed):
    """Classes whose images vary most in the last direction, which tells nothing of the class."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(24).repeat(12)
    noise = torch.randn(len(labels), 8, generator=random) * torch.tensor([0.1] * 7 + [3.0])
    return torch.nn.functional.normalize(torch.randn(24, 8, generator=random)[labels] + noise, dim=1), labels


def test_a_map_comes_first_where_it_brings_held_out_classes_together(tmp_path):
    validation = blurred(1)
    lander = meta_train_cut(*blurred(0), validation=validation, **QUICK)
    assert lander.whitening.shape == (8, 8)
    plain = meta_train_cut(*blurred(0), validation=validation, whiten=False, **QUICK)
    assert plain.whitening is None

    x, labels = blurred(2)
    found = {name: HiLander(model).fit(x) for name, model in {"mapped": lander, "plain": plain}.items()}
    f = {name: scores(labels, model.labels_)["bcubed_f"] for name, model in found.items()}
    assert f["mapped"] > f["plain"] + 0.1

    model = found["mapped"]
    assert (model.predict(x) == model.labels_).all()
    assert (HiLander(lander).fit(x.repeat(2, 1)).labels_ == np.tile(model.labels_, 2)).all()
    save_checkpoint(lander, tmp_path / "mapped.safetensors")
    again = HiLander(tmp_path / "mapped.safetensors")
    assert (again.fit_predict(x) == model.labels_).all()
    assert len(again.partial_fit(x[:5] + 0.01).labels_) == len(x) + 5
    with pytest.raises(ValueError, match="maps features of 8 columns"):
        again.fit(x[:, :5])


def test_classes_of_copies_give_no_map():
    x = torch.nn.functional.normalize(torch.randn(60, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    with pytest.raises(ValueError, match=r"whiten: .* two different rows"):
        meta_train_cut(x.repeat(2, 1), torch.arange(60).repeat(2), whiten=True, **QUICK)
