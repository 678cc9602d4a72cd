import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from workbench import knn, views
from workbench.views.figures.maps import level_columns, on_map, spread_sample


def test_a_map_repeats_by_seed_and_keeps_classes_together(blobs):
    x, labels = blobs(n_classes=6, per_class=30)
    graph = knn(x, 10)
    first = views.umap_map(x, graph=graph, seed=1)
    assert first.dtype == np.float32
    assert np.array_equal(first, views.umap_map(x, graph=graph, seed=1))
    assert not np.array_equal(first, views.umap_map(x, graph=graph, seed=2))
    distance = np.linalg.norm(first[:, None] - first[None], axis=2) + np.eye(len(x)) * 1e9
    same = labels.numpy()[distance.argmin(axis=1)] == labels.numpy()
    assert same.mean() > 0.97


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 11])
def test_few_images_have_a_place_each(n):
    xy = views.umap_map(
        torch.nn.functional.normalize(torch.randn(n, 3, generator=torch.Generator().manual_seed(n)), dim=1)
    )
    assert xy.shape == (n, 2)
    assert np.isfinite(xy).all()
    assert len(np.unique(xy, axis=0)) == n


@pytest.mark.parametrize(
    "x", [np.zeros((9, 4)), np.ones((9, 4)), np.ones((9, 1)), np.eye(9)], ids=["zero", "same", "1-d", "eye"]
)
def test_rows_without_neighbours_or_alike_do_no_harm(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xy = views.umap_map(x)
    assert np.isfinite(xy).all()


def test_more_images_than_asked_are_sampled_and_the_others_have_no_place(blobs):
    x, _ = blobs(n_classes=3, per_class=20)
    xy = views.umap_map(x, max_points=40)
    assert np.isfinite(xy).all(axis=1).sum() == 40
    assert np.isnan(xy).all(axis=1).sum() == 20


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="graph: expected 4 nodes"):
        views.umap_map(np.eye(4), graph=knn(torch.eye(3), 1))
    with pytest.raises(ValueError, match="features"):
        views.umap_map([[np.nan, 1.0]])
    with pytest.raises(ValueError, match="max_points"):
        views.umap_map(np.eye(4), max_points=0)


def test_the_frame_has_a_row_per_image_and_knows_every_level(tree):
    hierarchy, x, labels = tree
    frame = views.cluster_frame(hierarchy, x[:, :2].numpy(), labels, class_names=[f"c{i}" for i in range(15)])
    assert level_columns(frame) == [f"level_{i}" for i in range(len(hierarchy.layers))]
    for i, layer in enumerate(hierarchy.layers):
        assert np.array_equal(frame[f"level_{i}"], layer)
        peaks = set(hierarchy.levels[i].peaks.tolist())
        assert set(frame.loc[frame["peak"] >= i, "image_id"]) == peaks
    assert frame["class_name"][7] == f"c{labels[7]}"
    assert on_map(frame).all()


def test_the_frame_refuses_what_does_not_match(tree):
    hierarchy, x, labels = tree
    with pytest.raises(ValueError, match="xy: expected shape"):
        views.cluster_frame(hierarchy, x[:5, :2].numpy())
    with pytest.raises(ValueError, match="ids: expected 360"):
        views.cluster_frame(hierarchy, x[:, :2].numpy(), ids=["a"])
    with pytest.raises(ValueError, match="labels: expected 360"):
        views.cluster_frame(hierarchy, x[:, :2].numpy(), labels[:5])


def test_the_level_table_scores_every_level(tree):
    hierarchy, _, labels = tree
    table = views.level_table(hierarchy, labels)
    assert list(table["level"]) == list(range(len(hierarchy.levels)))
    assert table["bcubed_f"].between(0, 1).all()
    assert "bcubed_f" not in views.level_table(hierarchy)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=200), st.integers(1, 50))
def test_a_sample_thins_all_groups_alike(groups, n):
    drawn = spread_sample(groups, n)
    assert len(drawn) == len(np.unique(drawn)) == min(n, len(groups))
    have = np.bincount(groups, minlength=6) * len(drawn) / len(groups)
    assert (np.abs(np.bincount(np.asarray(groups)[drawn], minlength=6) - have) <= 1).all()


def test_a_map_leaves_torch_its_threads():
    x = torch.randn(40, 8, generator=torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        views.umap_map(x)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_without_epochs_the_map_is_its_start_the_principal_components(blobs):
    x, _ = blobs()
    places = views.umap_map(x, epochs=0)
    components = PCA(2).fit_transform(x)
    for axis in range(2):
        assert abs(np.corrcoef(places[:, axis], components[:, axis])[0, 1]) > 0.999
    assert not np.allclose(places, views.umap_map(x))
    with pytest.raises(ValueError, match="epochs: expected an integer >= 0, got -1"):
        views.umap_map(x, epochs=-1)
