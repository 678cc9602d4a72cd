import numpy as np
import pytest
import traitlets

import workbench as wb
from workbench.cluster.predictors import similarity_predictor
from workbench.evaluate.link_decisions import WHY, link_table, nodes_of, path_to_peak, read_rule
from workbench.views.explore import explore_links
from workbench.views.explore.base import walk
from workbench.views.explore.link_panes import Names, decision, linkage_bar, strip

EVIL = "<img src=x onerror=alert(1)>"


def html_of(explorer):
    return " ".join(w.value for w in walk(explorer) if type(w).__name__ == "HTML")


def button(explorer, text):
    return next(w for w in walk(explorer) if getattr(w, "description", "") == text)


@pytest.fixture
def explorer(tree, pictures):
    hierarchy, x, labels = tree
    return explore_links(hierarchy, pictures, labels, xy=x[:, :2].numpy())


def test_each_image_at_each_level_shows_the_table_and_the_path(explorer, tree):
    hierarchy, _, labels = tree
    rule = read_rule(hierarchy.levels)
    for level in range(len(hierarchy.levels)):
        explorer.level = level
        for image in range(0, 360, 30):
            explorer.selection = image
            node = int(nodes_of(hierarchy, level)[image])
            expected = link_table(hierarchy.levels[level], node, rule, labels=labels)
            assert explorer.table.equals(expected)
            steps = path_to_peak(hierarchy.levels[level], node)
            assert explorer.path == [int(hierarchy.levels[level].image[step]) for step in steps]
            assert all(why in html_of(explorer) for why in expected["why"])
    assert explorer.errors == []


def test_steps_lead_to_the_parent_to_the_peak_and_back(explorer, tree):
    level = tree[0].levels[0]
    far = max(range(360), key=lambda i: len(path_to_peak(level, i)))
    explorer.selection = far
    path = list(explorer.path)
    assert len(path) > 2
    button(explorer, "To the parent").click()
    assert explorer.selection == path[1]
    button(explorer, "To the peak").click()
    assert explorer.selection == path[-1]
    assert button(explorer, "To the parent").disabled
    button(explorer, "Back").click()
    button(explorer, "Back").click()
    assert explorer.selection == far
    assert button(explorer, "Back").disabled


def test_controls_and_traits_are_one(explorer):
    number, levels = button(explorer, "Image number"), button(explorer, "Level")
    number.value = 77
    levels.value = 1
    assert (explorer.selection, explorer.level) == (77, 1)
    explorer.selection, explorer.level = 5, 0
    assert (number.value, levels.value) == (5, 0)


def test_a_click_on_the_map_selects(explorer):
    view = explorer._view
    click = view.figure.data[0]._click_callbacks[0]
    click(None, type("Points", (), {"point_inds": [123]}), None)
    assert explorer.selection == view.drawn[123]


def test_the_map_shows_a_line_per_link(explorer, tree):
    node = next(i for i in range(360) if len(path_to_peak(tree[0].levels[0], i)) > 1)
    explorer.selection = node
    lines = [shape.line.dash for shape in explorer._view.figure.layout.shapes]
    assert lines.count("solid") == len(explorer.path) - 1
    assert lines.count("dot") == int((~explorer.table["kept"]).sum())


def test_images_without_a_place_have_no_line(tree):
    hierarchy, x, _ = tree
    xy = x[:, :2].numpy().copy()
    xy[5] = np.nan
    explorer = explore_links(hierarchy, xy=xy)
    explorer.selection = 5
    assert explorer.errors == []
    assert not any(shape.line.dash == "dot" for shape in explorer._view.figure.layout.shapes)


def test_text_from_data_is_escaped(tree, pictures):
    hierarchy, x, labels = tree
    names, ids = [EVIL] * 15, [f"{EVIL}{i}" for i in range(360)]
    explorer = explore_links(hierarchy, pictures, labels, xy=x[:, :2].numpy(), class_names=names, ids=ids)
    for level in range(len(hierarchy.levels)):
        explorer.level = level
        assert "<img src=x" not in html_of(explorer)
        assert "&lt;img src=x" in html_of(explorer)
    assert "<img src=x" not in str(explorer.static().to_dict())


def test_without_labels_images_or_map(tree):
    explorer = explore_links(tree[0])
    explorer.selection = 9
    assert "same_class" not in explorer.table
    assert explorer.errors == []
    assert "image 9" in explorer.static().layout.title.text


def test_the_way_to_the_peak_wraps_so_that_the_peak_is_seen():
    assert strip(range(20), str).startswith("<div style='white-space:normal'>")


def test_a_node_without_candidates_says_so():
    import torch

    alone = wb.build_hierarchy(torch.eye(3), similarity_predictor, wb.InferenceConfig())
    explorer = explore_links(alone, labels=[0, 1, 2])
    assert "No candidate" in html_of(explorer)
    assert "no link of its own is kept" in explorer.static().layout.title.text


def test_a_decision_has_colour_symbol_and_words():
    assert all(why in decision(why) and "#" in decision(why) for why in WHY)
    assert {decision(why).split(">")[1][0] for why in WHY[:1] + WHY[4:5] + WHY[5:6]} == {"✔", "○", "✘"}
    assert linkage_bar(float("nan"), 0.5) == "–"


def test_bad_input(tree, pictures):
    hierarchy, x, labels = tree
    wrong = (
        ({"images": pictures[:5]}, "images: expected 360"),
        ({"labels": labels[:5]}, "labels: expected 360 labels"),
        ({"ids": ["a"]}, "ids: expected 360"),
        (
            {"labels": labels, "class_names": ["a"]},
            "class_names: expected a name for each class 0 to 14, counted from 0, got 1",
        ),
        ({"xy": x[:5, :2].numpy()}, "xy: expected shape"),
        ({"tau": 0.1}, "tau: expected the one this hierarchy was made with"),
    )
    for arguments, message in wrong:
        with pytest.raises(ValueError, match=message):
            explore_links(hierarchy, **arguments)
    explorer = explore_links(hierarchy)
    for trait, value in (("selection", 360), ("level", 99), ("selection", -1)):
        with pytest.raises((ValueError, traitlets.TraitError), match=trait):
            setattr(explorer, trait, value)
    assert (explorer.selection, explorer.level) == (0, 0)


def test_names():
    assert Names(2).image(1) == "image 1"
    assert Names(2, [0, 1], ids=["a", "b"]).image(1) == "b (class 1)"
    with pytest.raises(ValueError, match="class_names"):
        Names(2, [-1, 0], class_names=["a"])
