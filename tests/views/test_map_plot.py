import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import views
from workbench.views.style import PALETTE, cluster_colours, colour_steps


@pytest.fixture
def frame(tree):
    hierarchy, x, labels = tree
    return views.cluster_frame(hierarchy, x[:, :2].numpy(), labels)


def test_one_trace_of_points_and_a_slider_over_levels_and_truth(frame):
    figure = views.plot_map(frame)
    assert [trace.type for trace in figure.data] == ["scattergl", "scattergl"]
    names = [step.label.split(" (")[0] for step in figure.layout.sliders[0].steps]
    assert names == [*(f"level {i}" for i in range(len(names) - 1)), "truth"]
    assert figure.layout.sliders[0].active == len(names) - 2
    assert len(figure.data[0].x) == 360
    assert "360 images" in figure.layout.title.text
    assert figure.layout.xaxis.title.text == "UMAP 1"


def test_a_step_shows_the_peaks_of_its_level_and_none_for_the_truth(frame):
    figure = views.plot_map(frame)
    sizes = [step.args[0]["marker.size"][1] for step in figure.layout.sliders[0].steps]
    shown = [sum(size > 0 for size in row) for row in sizes]
    assert shown[0] == frame["level_0"].nunique()
    assert shown[-2] == frame.filter(like="level_").iloc[:, -1].nunique()
    assert shown[-1] == 0


def test_rings_are_shown_on_request_only(frame):
    images, peaks = views.plot_map(frame).data
    assert (images.showlegend, peaks.visible) == (False, "legendonly")


def test_images_beyond_the_limit_are_sampled_and_the_title_says_so(frame):
    figure = views.plot_map(frame, max_points=100)
    assert len(figure.data[0].x) == 100
    assert "100 of 360 images" in figure.layout.title.text


def test_images_without_a_place_are_left_out(frame):
    frame.loc[:9, ["x", "y"]] = np.nan
    assert len(views.plot_map(frame).data[0].x) == 350


def test_levels_are_chosen_by_number_or_as_truth(frame):
    assert views.plot_map(frame, level=0).layout.sliders[0].active == 0
    assert (
        views.plot_map(frame, level="truth").layout.sliders[0].active
        == len(views.plot_map(frame).layout.sliders[0].steps) - 1
    )
    for wrong in (9, -9, "leaves"):
        with pytest.raises(ValueError, match="level: expected"):
            views.plot_map(frame, level=wrong)


def test_names_are_escaped(tree):
    hierarchy, x, labels = tree
    names = ["<script>"] * 360
    figure = views.plot_map(views.cluster_frame(hierarchy, x[:, :2].numpy(), labels, ids=names), title="<b>")
    assert "<script>" not in json.dumps(figure.to_dict(), default=str)
    assert "&lt;b&gt;" in figure.layout.title.text


@settings(max_examples=60)
@given(st.data())
def test_a_cluster_has_its_largest_childs_colour(data):
    """Against a slow reading of the rule: child by child."""
    n = data.draw(st.integers(1, 40))
    fine = np.unique(data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)), return_inverse=True)[1]
    above = np.unique(data.draw(st.lists(st.integers(0, 3), min_size=10, max_size=10)), return_inverse=True)[1]
    coarse = np.unique(above[fine], return_inverse=True)[1]
    below, top = cluster_colours([fine, coarse])
    for cluster in np.unique(coarse):
        children = fine[coarse == cluster]
        sizes = np.bincount(children)
        (colour,) = set(top[coarse == cluster])
        for child in np.unique(children):
            (own,) = set(below[fine == child])
            assert (own == colour) == (child == sizes.argmax())


def test_colours_are_far_from_each_other_for_colour_blind_readers():
    """Least distance of two palette colours under simulated deuteranopia (Machado et al. 2009), in linear RGB."""
    deuteranopia = np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])
    rgb = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in PALETTE])
    seen = (rgb**2.2) @ deuteranopia.T
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=2) + np.eye(len(rgb))
    assert apart.min() > 0.2
    assert len(colour_steps()) == 2 * len(PALETTE)
