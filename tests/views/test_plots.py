import base64
import io

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from workbench import InferenceConfig, views
from workbench._core.tables import require
from workbench.cluster.predictors import similarity_predictor
from workbench.train.select_tau import tau_curve
from workbench.views.figures.calibration_plots import reliability
from workbench.views.figures.gallery import png_uri
from workbench.views.figures.plots import plot_sizes, sizes_of


def has_titles(figure):
    axes = [axis for axis in figure.to_dict()["layout"] if axis.startswith(("xaxis", "yaxis"))]
    return bool(figure.layout.title.text) and len(axes) >= 2


def test_levels_show_counts_and_scores(tree):
    hierarchy, _, labels = tree
    figure = views.plot_levels(hierarchy, labels)
    assert has_titles(figure)
    by_name = {trace.name: trace for trace in figure.data}
    shown = hierarchy.levels[: len(hierarchy.layers)]  # the last level kept no link
    assert list(by_name["nodes in"].y) == [level.n_nodes for level in shown]
    assert list(by_name["clusters out"].y) == [level.n_clusters for level in shown]
    last = views.level_table(hierarchy, labels)["bcubed_f"].iloc[-1]
    assert by_name[f"BCubed F (last: {last:.3f})"].y[-1] == last
    assert hierarchy.stop_reason in figure.layout.title.text


def test_sizes_fall_from_the_largest_and_noise_is_single():
    assert sizes_of(np.array([5, 5, 5, 1, -1, -1])).tolist() == [3, 1, 1, 1]
    figure = views.plot_sizes({"<i>": [0, 0, 1], "found": [0, 1, 2]})
    assert figure.data[0].name == "&lt;i&gt; (2)"
    assert list(figure.data[1].y) == [1, 1, 1]
    assert has_titles(figure)


def test_a_size_line_of_many_clusters_is_thinned_but_keeps_its_ends():
    line = views.plot_sizes({"truth": np.arange(20_000)}).data[0]
    assert len(line.x) <= 400
    assert (line.x[0], line.x[-1]) == (1, 20_000)


def test_scores_put_the_best_on_top_mark_ours_and_oracles_and_name_the_missing():
    rows = [
        ("Hi-LANDER", 0.9, 0.8, False),
        ("k-means", 0.7, 0.6, True),
        ("<b>", 0.95, 0.7, False),
        ("gone", None, None, False),
    ]
    table = pd.DataFrame(rows, columns=["method", "bcubed_f", "pairwise_f", "oracle"])
    figure = views.plot_scores(table)
    assert list(figure.data[0].y) == ["k-means *", "<b>Hi-LANDER</b>", "&lt;b&gt;"]
    assert "no score: gone" in figure.layout.title.text
    assert has_titles(figure)


def test_training_weighs_the_graphs_of_a_level_by_their_nodes():
    common = {"epoch": 1, "level": 0, "density_loss": 0.1}
    rows = [{**common, "nodes": 30, "link_loss": 1.0}, {**common, "nodes": 10, "link_loss": 2.0}]
    figure = views.plot_training(pd.DataFrame(rows))
    assert list(figure.data[0].y) == [1.25]
    assert [axis.title.text for axis in figure.select_yaxes()] == ["link loss", "density loss"]


def test_training_shows_the_score_where_it_was_validated():
    rows = [{"epoch": e, "level": 0, "nodes": 5, "link_loss": 1 / e, "density_loss": 0.1} for e in range(1, 101)]
    history = pd.DataFrame(rows).assign(val_bcubed_f=lambda h: np.where(h["epoch"] % 50 == 0, 0.8, np.nan))
    figure = views.plot_training(history)
    assert list(figure.data[-1].x) == [50, 100]
    assert "mean over 2 epochs" in figure.layout.title.text


def test_tau_marks_the_choice(tree):
    _, x, labels = tree
    curve = tau_curve(similarity_predictor, InferenceConfig(k=3), x, torch.from_numpy(labels), taus=(0.3, 0.6))
    figure = views.plot_tau(curve, 0.6)
    assert figure.layout.shapes[0].x0 == 0.6
    assert list(figure.data[0].x) == [0.3, 0.6]
    assert not views.plot_tau(curve).layout.shapes


@pytest.mark.parametrize("shape", [(9, 8, 8), (9, 8, 8, 3)])
def test_a_mosaic_shows_grey_as_ink_and_colour_as_it_is(shape):
    images = np.full(shape, 200, dtype=np.uint8)
    grid = views.mosaic(images, columns=4, other=np.arange(9) == 1, peak=0)
    assert grid.shape == (3 * 16, 4 * 16, 4)
    assert grid[8, 8].tolist() == ([55] * 3 if len(shape) == 3 else [200] * 3) + [255]
    assert grid[2, 2].tolist() == [0, 114, 178, 255]
    assert grid[2, 18].tolist() == [213, 94, 0, 255]
    assert grid[-8, -8].tolist() == [0, 0, 0, 0]  # no image there


def test_a_cluster_is_shown_peak_first_and_states_what_is_left_out(pictures):
    labels = np.array([0] * 200 + [1] * 160)
    figure = views.plot_cluster(pictures, np.arange(150, 260), labels, peak=200, max_images=50, title="<b>")
    assert figure.layout.title.text == "&lt;b&gt;: 110 images, 50 shown, 50 of another class than most"
    assert figure.data[0].source.startswith("data:image/png;base64,")
    with pytest.raises(ValueError, match="members: expected at least one"):
        views.plot_cluster(pictures, np.array([], dtype=int))


@pytest.mark.parametrize("kind", [list, np.asarray, pd.Series, torch.tensor])
def test_members_may_be_a_mask(kind):
    images = np.arange(6, dtype=np.uint8)[:, None, None] * np.full((8, 8), 40, dtype=np.uint8)
    by_index = views.plot_cluster(images, [2, 5])
    by_mask = views.plot_cluster(images, kind([i in (2, 5) for i in range(6)]))
    assert by_mask.layout.title.text == "Cluster: 2 images"
    assert by_mask.data[0].source == by_index.data[0].source


@pytest.mark.parametrize(
    ("members", "options", "message"),
    [
        ([0, -1], {}, "members: expected indices of the 6 images, 0 to 5, got -1"),
        ([0, 6], {}, "members: expected indices of the 6 images, 0 to 5, got 6"),
        ([True] * 5, {}, "members: expected 6 labels, one per item, got 5"),
        ([False] * 6, {}, "members: expected at least one image"),
        ([0], {"peak": 6}, "peak: expected an integer >= 0 and <= 5, got 6"),
        ([0], {"peak": -1}, "peak: expected an integer >= 0 and <= 5, got -1"),
    ],
)
def test_images_that_are_not_there_are_named(members, options, message):
    with pytest.raises(ValueError, match=message):
        views.plot_cluster(np.zeros((6, 8, 8), np.uint8), members, **options)


@pytest.mark.parametrize(
    ("n", "options", "message"),
    [
        (0, {}, "images: expected at least one image, got none"),
        (3, {"other": [True]}, r"other: expected 3 booleans, one per image, got shape \(1,\)"),
        (3, {"other": [[True] * 3]}, r"other: expected 3 booleans, one per image, got shape \(1, 3\)"),
        (3, {"peak": 99}, "peak: expected an integer >= 0 and <= 2, got 99"),
        (3, {"peak": -1}, "peak: expected an integer >= 0 and <= 2, got -1"),
    ],
)
def test_a_mosaic_names_what_does_not_fit(n, options, message):
    with pytest.raises(ValueError, match=message):
        views.mosaic(np.zeros((n, 8, 8), np.uint8), **options)


@pytest.mark.parametrize(
    ("plot", "name", "missing"),
    [
        (views.plot_scores, "table", r"\['method', 'bcubed_f'\]"),
        (views.plot_tau, "curve", r"\['tau', 'bcubed_f', 'error', 'n_clusters'\]"),
        (views.plot_training, "history", r"\['epoch', 'level', 'nodes', 'link_loss', 'density_loss'\]"),
        (views.plot_map, "frame", r"\['image_id', 'x', 'y', 'level_0', 'peak'\]"),
        (views.plot_effects, "table", r"\['config', 'test', 'n', 'mean', 'low', 'high'\]"),
    ],
)
def test_a_table_of_something_else_is_named(plot, name, missing):
    with pytest.raises(ValueError, match=rf"{name}: expected the columns of .*, missing {missing}; there is: a, 1$"):
        plot(pd.DataFrame({"a": [1], 1: [2]}))
    with pytest.raises(ValueError, match=rf"{name}: expected the columns of .*, missing .* there is: none"):
        plot(pd.DataFrame())
    columns = missing.replace("\\", "")[2:-2].split("', '")
    with pytest.raises(ValueError, match=rf"{name}: expected at least one row of .*, got none"):
        plot(pd.DataFrame(columns=columns))


def test_what_is_no_table_is_named():
    with pytest.raises(TypeError, match=r"curve: expected a pandas table, the rows of train\.tau_curve, got list"):
        require([1], ["tau"], "train.tau_curve", "curve")


def test_bins_that_no_figure_shows_are_refused():
    with pytest.raises(ValueError, match="bins: expected an integer >= 1 and <= 1000, got 1000000000"):
        views.reliability(np.array([0.5]), np.array([True]), 10**9)


def test_values_that_cannot_be_drawn_are_refused_by_name():
    with pytest.raises(ValueError, match=r"labels_by_name\['a'\]: expected at least one label"):
        plot_sizes({"a": []})
    for bad in (np.nan, 1.5, -0.1):
        with pytest.raises(ValueError, match=r"linkage: expected numbers in \[0, 1\]"):
            reliability(np.array([0.5, bad]), np.array([True, False]))


def test_pixels_that_are_no_bytes_are_refused_with_the_cure():
    pixels = np.array([[[0.0, 0.5, 1.0]]])
    with pytest.raises(ValueError, match=r"pixels: expected uint8, 0 to 255, got float64; \(255 \* pixels\)"):
        png_uri(pixels)
    shown = Image.open(io.BytesIO(base64.b64decode(png_uri((255 * pixels).astype(np.uint8)).split(",")[1])))
    assert shown.getpixel((0, 0)) == (0, 127, 255)
