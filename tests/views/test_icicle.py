import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import views
from workbench.views.figures.icicle import check_totals, collapse, folded, prune, purities, tree_frame
from workbench.views.figures.link_plots import Names


def test_every_parent_is_the_sum_of_its_children_however_it_is_pruned(tree):
    hierarchy, _, labels = tree
    boxes = tree_frame(hierarchy, labels)
    for most in (1, 2, 5, 20, 10_000):
        shown = prune(boxes, most)
        check_totals(shown)
        assert (shown["kind"] == "cluster").sum() == min(most, len(boxes))
        assert shown["key"].is_unique
        assert set(shown["parent_key"]) - {""} <= set(shown["key"])
        assert shown.loc[0, "size"] == 360


def test_rest_boxes_count_what_they_stand_for(tree):
    hierarchy, _, _ = tree
    figure = views.plot_icicle(hierarchy, max_nodes=4)
    rests = [label for label in figure.data[0].labels if "smaller" in label]
    assert rests
    assert "4 largest of" in figure.layout.title.text


def test_a_tree_whose_totals_do_not_add_up_is_refused():
    boxes = pd.DataFrame({"key": ["all", "a"], "parent_key": ["", "all"], "size": [2, 3]})
    with pytest.raises(AssertionError, match="all has 2 images, its children 3"):
        check_totals(boxes)


def test_names_come_from_ids_then_classes_then_numbers_and_are_escaped(tree):
    hierarchy, _, labels = tree
    assert views.plot_icicle(hierarchy).data[0].labels[1].startswith("image ")
    by_class = views.plot_icicle(hierarchy, labels, class_names=["<b>"] * 15).data[0]
    assert by_class.labels[1] == "&lt;b&gt;"
    assert "mostly &lt;b&gt;" in by_class.hovertext[1]
    by_id = views.plot_icicle(hierarchy, ids=[f"file-{i}" for i in range(360)]).data[0]
    assert by_id.labels[1].startswith("file-")


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([f"file-{i}" for i in range(359)], "expected 360, one per image, got 359"),
        ("x" * 360, "expected a list of names, one per row, got str"),
        (np.array("x"), "expected a list of names, one per row, got ndarray"),
        (dict.fromkeys(range(360)), "expected a list of names, one per row, got dict"),
        (7, "expected a list of names, one per row, got int"),
        ([*range(359), None], "got None for row 359; name it, or leave ids out"),
        (pd.Series([*range(359), np.nan]), "got nan for row 359"),
    ],
)
def test_ids_that_name_no_images_are_refused(tree, ids, words):
    hierarchy, x, _ = tree
    n, xy = len(x), x[:, :2].numpy()
    for show in (
        lambda: tree_frame(hierarchy, ids=ids),
        lambda: views.plot_icicle(hierarchy, ids=ids),
        lambda: views.cluster_frame(hierarchy, xy, ids=ids),
        lambda: Names(n, ids=ids),
    ):
        with pytest.raises(ValueError, match=f"^ids: .*{words}"):
            show()


def test_ids_of_a_shuffled_column_go_by_position(tree):
    hierarchy, x, _ = tree
    names = [f"file-{i}" for i in range(360)]
    column = pd.Series(names, index=range(360, 0, -1))
    assert tree_frame(hierarchy, ids=column)["name"].tolist() == tree_frame(hierarchy, ids=names)["name"].tolist()
    assert views.cluster_frame(hierarchy, x[:, :2].numpy(), ids=column)["name"].tolist() == names
    assert Names(360, ids=column).image(7) == "file-7"


def test_colour_is_purity_with_labels_and_size_without(tree):
    hierarchy, _, labels = tree
    assert views.plot_icicle(hierarchy, labels).data[0].marker.colorbar.title.text == "purity"
    assert views.plot_icicle(hierarchy).data[0].marker.colorbar.title.text == "images"


def test_with_labels_the_mixed_stand_first_and_the_pure_are_folded(tree):
    hierarchy, _, labels = tree
    labels = np.where(labels == 1, 0, labels)  # so that more is of one class
    figure = views.plot_icicle(hierarchy, labels)
    boxes = figure.data[0]
    purity = dict(zip(boxes.ids, boxes.marker.colors, strict=True))
    assert not [key for key, parent in zip(boxes.ids, boxes.parents, strict=True) if purity.get(parent) == 1]
    wrong = np.array(boxes["values"]) * (1 - np.array(boxes.marker.colors, dtype=float))
    assert (np.diff(wrong) <= 1e-9).all()
    assert not boxes.sort
    every = len(collapse(tree_frame(hierarchy, labels)))
    hidden = every - len(folded(collapse(tree_frame(hierarchy, labels))))
    assert hidden
    assert f"{hidden} more within clusters of one class" in figure.layout.title.text


def test_the_box_of_all_images_says_that_its_purity_is_that_of_its_clusters(tree):
    hierarchy, _, labels = tree
    whole, cluster = views.plot_icicle(hierarchy, labels).data[0].hovertext[:2]
    clusters = hierarchy.labels.numpy()
    mean = np.average(purities(clusters, labels)[1], weights=np.bincount(clusters))
    assert f"mean purity of its clusters {mean:.3f}" in whole
    assert "<br>purity " in cluster


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=60))
def test_purity_is_what_counting_gives(pairs):
    clusters = np.unique([c for c, _ in pairs], return_inverse=True)[1]
    labels = np.array([label for _, label in pairs])
    classes, share = purities(clusters, labels)
    for cluster in range(clusters.max() + 1):
        counts = np.bincount(labels[clusters == cluster])
        assert classes[cluster] == counts.argmax()
        assert share[cluster] == counts.max() / counts.sum()
