import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.callbacks import Points

from workbench.views.explore.base import walk
from workbench.views.explore.hierarchy import explore_hierarchy

NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def explorer(tree, pictures):
    hierarchy, x, labels = tree
    names = [NASTY] * 15
    made = explore_hierarchy(
        hierarchy, images=pictures, labels=labels, xy=x[:, :2], class_names=names, ids=[NASTY] * 360
    )
    yield made
    assert made.errors == []


def press(trace, event: str, *points: int) -> None:
    """What the browser reports of a click, lasso or hover on a trace."""
    getattr(trace, f"_dispatch_on_{event}")(Points(point_inds=list(points)), None)


def test_the_level_recolours_one_map_and_the_truth_stays(explorer, tree):
    hierarchy, _, _ = tree
    seen = []
    for level in range(len(hierarchy.layers)):
        explorer.level = level
        found, truth = explorer._map.figure.data[:2]
        seen.append(tuple(found.marker.color))
        assert f"level {level}: {hierarchy.levels[level].n_clusters}" in explorer._map.figure.layout.annotations[0].text
        assert f"Level {level}:" in explorer._said.value
        assert explorer._slider.value == level
    assert len(set(seen)) > 1
    assert len(set(map(tuple, [truth.marker.color]))) == 1
    assert len(found.x) == 360


def test_a_cluster_has_one_colour_on_the_map(explorer, tree):
    for level, layer in enumerate(tree[0].layers):
        explorer.level = level
        colours = explorer._map.figure.data[0].marker.color
        assert all(len(set(colours[layer == cluster])) == 1 for cluster in np.unique(layer))


def test_a_click_selects_the_image_s_cluster_and_marks_its_box(explorer, tree):
    labels = tree[0].layers[-1]
    press(explorer._map.figure.data[1], "click", 7)
    assert np.array_equal(explorer.selection, np.flatnonzero(labels == labels[7]))
    bars = explorer._boxes.figure.data[0]
    marked = explorer._boxes.drawn[np.asarray(bars.marker.line.width) > 1]
    assert marked[["level", "cluster"]].values.tolist() == [[len(tree[0].layers) - 1, labels[7]]]
    faded = np.asarray(explorer._map.figure.data[0].marker.color) == 7
    assert np.array_equal(np.flatnonzero(~faded), explorer.selection)
    assert "data:image/png" in explorer._chosen.value


def test_a_box_selects_its_cluster_and_shows_its_level(explorer, tree):
    explorer.level = 1
    boxes = explorer._boxes
    at = int(np.flatnonzero((boxes.drawn["level"] == 0).to_numpy())[0])
    box = boxes.drawn.iloc[at]
    press(boxes.figure.data[0], "click", at)
    assert explorer.level == 0
    assert np.array_equal(explorer.selection, np.flatnonzero(tree[0].layers[0] == box["cluster"]))


def test_a_small_box_is_opened_until_it_can_be_seen(explorer):
    sizes = explorer._boxes.tree["size"]
    explorer._open(int(sizes.to_numpy().argmin()))
    high, low = explorer._boxes.figure.layout.yaxis.range
    assert sizes.min() >= 0.04 * (high - low)
    explorer.selection = []
    assert explorer._boxes.figure.layout.yaxis.range == (360, 0)


def test_a_number_selects_a_cluster_and_follows_the_selection(explorer, tree):
    layers = tree[0].layers
    number, last = explorer._number, len(layers) - 1
    number.value = 2
    assert np.array_equal(explorer.selection, np.flatnonzero(layers[last] == 2))
    explorer.select_cluster(4, level=0)
    assert (number.value, number.max) == (4, layers[0].max())
    assert np.array_equal(explorer.selection, np.flatnonzero(layers[0] == 4))
    explorer.level = last  # a part of a cluster, or all of it: still the images selected
    assert number.value == layers[last][explorer.selection[0]]
    assert np.array_equal(explorer.selection, np.flatnonzero(layers[0] == 4))
    number.value = -1
    assert len(explorer.selection) == 0
    explorer.selection = [np.flatnonzero(layers[0] == c)[0] for c in (0, 1)]
    explorer.level = 0
    assert number.value == -1
    assert len(explorer.selection) == 2


def test_a_click_on_a_box_that_is_gone_by_now_does_nothing(explorer):
    before = explorer.selection
    press(explorer._boxes.figure.data[0], "click", len(explorer._boxes.drawn))
    assert explorer.selection is before


def test_a_lasso_selects_images_and_counts_their_classes(explorer, tree):
    press(explorer._map.figure.data[0], "selection", 1, 5, 9, 9)
    assert explorer.selection.tolist() == [1, 5, 9]
    assert len(set(tree[2][[1, 5, 9]])) == 3
    assert ">0.333<" in explorer._chosen.value
    press(explorer._map.figure.data[1], "selection")  # the trace that was not meant
    assert len(explorer.selection) == 3
    explorer._map.figure.data[0]._dispatch_on_deselect(Points())
    assert len(explorer.selection) == 0


def test_hover_shows_the_image(explorer):
    press(explorer._map.figure.data[0], "hover", 4)
    assert "alt='image 4'" in explorer._under.value


def test_selection_and_level_can_be_set_from_python_and_are_checked(explorer):
    seen = []
    explorer.observe(lambda change: seen.append(change["new"].tolist()), "selection")
    explorer.selection = [3, 1, 1]
    assert seen == [[1, 3]]
    with pytest.raises(ValueError, match="selection: expected numbers of images, 0 to 359"):
        explorer.selection = [360]
    with pytest.raises(TypeError, match="selection: expected numbers of images, got None"):
        explorer.selection = None
    with pytest.raises(ValueError, match="level: expected an integer >= 0"):
        explorer.level = 99
    with pytest.raises(ValueError, match="cluster: expected"):
        explorer.select_cluster(10_000)
    explorer.select_cluster(0, level=0)
    assert explorer.level == 0


def test_text_from_data_is_escaped_everywhere(explorer):
    press(explorer._map.figure.data[0], "hover", 4)
    explorer.select_cluster(0)
    texts = [widget.value for widget in walk(explorer) if isinstance(widget, widgets.HTML)]
    figures = [widget.to_json() for widget in walk(explorer) if isinstance(widget, go.FigureWidget)]
    assert any("&lt;img" in text for text in texts)
    assert not any(NASTY in text for text in [*texts, *figures])


def test_every_control_has_a_label(explorer):
    for widget in walk(explorer):
        if isinstance(widget, (widgets.Button, widgets.IntSlider, widgets.Play)):
            assert widget.description or widget.tooltip


def test_few_webgl_traces_and_a_static_figure(explorer):
    assert sum(trace.type == "scattergl" for trace in explorer._map.figure.data) == 3
    assert explorer.static().layout.sliders
    assert 0 < explorer._map.figure.wide <= 900


def test_without_labels_images_places_or_names(tree):
    explorer = explore_hierarchy(tree[0])
    explorer.select_cluster(1)
    explorer.level = 0
    press(explorer._map.figure.data[0], "hover", 2)
    assert explorer.errors == []
    assert len(explorer._map.figure.layout.annotations) == 1


def test_more_images_than_asked_are_sampled_and_it_says_so(tree):
    hierarchy, x, labels = tree
    explorer = explore_hierarchy(hierarchy, labels=labels, xy=x[:, :2], max_points=100)
    assert len(explorer._map.figure.data[0].x) == 100
    assert "a sample of 100 drawn" in explorer._said.value
    press(explorer._map.figure.data[0], "click", 5)
    image = explorer._map.drawn[5]
    assert np.array_equal(explorer.selection, np.flatnonzero(hierarchy.layers[-1] == hierarchy.layers[-1][image]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"images": np.zeros((3, 8, 8), np.uint8)}, "images: expected 360"),
        ({"labels": [0, 1]}, "labels: expected 360"),
        ({"xy": [[0, 1]]}, "xy: expected shape"),
        ({"features": [[0.0, 1.0]], "xy": None}, "features: expected 360 rows"),
        ({"ids": ["a"]}, "ids: expected 360"),
        ({"max_points": 0}, "max_points: expected an integer >= 1"),
    ],
)
def test_wrong_arguments_are_refused_by_name(tree, wrong, message):
    with pytest.raises(ValueError, match=message):
        explore_hierarchy(tree[0], **{"xy": tree[1][:, :2], **wrong})
