import numpy as np
import pytest
import torch

import workbench as wb
from workbench import views
from workbench.cluster.predictors import similarity_predictor
from workbench.evaluate.link_decisions import link_table, path_to_peak, read_rule
from workbench.views.style import PALETTE, ink_on, mark_at, styled


def texts(figure):
    return [note.text for note in figure.layout.annotations]


def test_a_row_is_a_neighbour_with_its_linkage_its_decision_and_its_picture(tree, pictures):
    hierarchy, _, labels = tree
    level = hierarchy.levels[0]
    node = next(i for i in range(360) if len(path_to_peak(level, i)) > 2)
    links = link_table(level, node, read_rule(hierarchy.levels))
    way = path_to_peak(level, node)
    figure = views.plot_links(hierarchy, node, pictures, labels, class_names=["<b>"] * 15)
    assert list(figure.data[0].x) == links["linkage"].tolist()
    assert figure.data[0].marker.color[links["kept"].to_numpy().argmax()] == PALETTE[0]
    assert len(figure.layout.images) == len(links) + len(way)
    said = " ".join(texts(figure))
    assert "kept: the best of the" in said
    assert "The way to its peak" in said
    assert all(f"image {image}" in said for image in way)
    assert "<b>)" not in said
    assert f"{len(way) - 1} kept links" in figure.layout.title.text


def test_a_peak_an_upper_level_and_no_images(tree):
    hierarchy, _, _ = tree
    level = hierarchy.levels[1]
    peak = next(i for i in range(level.n_nodes) if len(path_to_peak(level, i)) == 1)
    figure = views.plot_links(hierarchy, peak, level=1)
    assert "its own peak" in figure.layout.title.text
    assert f"node {peak} of level 1" in figure.layout.title.text
    assert len(figure.layout.images) == 0


def test_a_long_way_shows_both_ends():
    x = torch.nn.functional.normalize(torch.stack([torch.cos(t := torch.linspace(0, 1.2, 24)), torch.sin(t)], 1), dim=1)
    tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=2, tau=0.1))
    far = max(range(24), key=lambda i: len(path_to_peak(tree.levels[0], i)))
    way = path_to_peak(tree.levels[0], far)
    said = texts(views.plot_links(tree, far))
    assert len(way) > 7
    assert "…" in said
    assert f"image {way[-1]}" in said


def test_what_does_not_fit_is_told(tree):
    hierarchy, _, _ = tree
    for arguments, words in (((360,), "node"), ((0, np.zeros((3, 4, 4), np.uint8)), "images")):
        with pytest.raises(ValueError, match=words):
            views.plot_links(hierarchy, *arguments)
    with pytest.raises(ValueError, match="level"):
        views.plot_links(hierarchy, 0, level=9)


def test_words_at_a_line_stand_where_there_is_room():
    figure = styled(views.plot_sizes({"a": [0, 1]}), "a")
    mark_at(figure, 0.2, "<left>")
    mark_at(figure, 0.9, "right", top=True)
    left, right = figure.layout.annotations
    assert (left.xanchor, left.y, left.text.strip()) == ("left", 0, "&lt;left&gt;")
    assert (right.xanchor, right.y) == ("right", 1)


def test_ink_is_the_one_with_more_contrast():
    assert ink_on("rgb(0, 0, 0)") == "#fff"
    assert ink_on("rgb(255, 255, 255)") == "#000"
    assert ink_on("rgb(124, 123, 120)") == "#000"
