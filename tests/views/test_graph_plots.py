import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import KnnGraph, views
from workbench.graph.density import density_target
from workbench.lander.model import Prediction
from workbench.views.figures.graph_plots import link_table


@pytest.fixture
def small():
    """Four nodes, two classes: 0-1 listed both ways, 1-2 between the classes, node 3 lists 2 alone."""
    graph = KnnGraph.from_arrays([[1, -1], [0, 2], [3, 1], [2, -1]], [[0.9, 0], [0.9, 0.4], [0.8, 0.4], [0.8, 0]])
    linkage = torch.tensor([[0.9, 0.0], [0.9, 0.3], [0.6, 0.7], [0.6, 0.0]])
    prediction = Prediction(linkage, torch.tensor([0.5, 0.1, 0.2, 0.4]))
    return graph, prediction, np.array([5, 5, 8, 8])


@pytest.fixture
def no_links():
    graph = KnnGraph(torch.empty(3, 0, dtype=torch.long), torch.empty(3, 0))
    return graph, Prediction(torch.empty(3, 0), torch.zeros(3)), np.array([0, 0, 1])


def lines_of(trace):
    """The (start, end) points of a trace's lines."""
    points = np.stack([trace.x, trace.y], axis=1).reshape(-1, 3, 2)
    assert np.isnan(points[:, 2]).all()
    return points[:, :2]


def test_the_table_has_every_list_entry_and_nothing_else(small):
    graph, prediction, labels = small
    table = link_table(graph, labels, prediction)
    assert table[["node", "neighbor"]].values.tolist() == [[0, 1], [1, 0], [1, 2], [2, 3], [2, 1], [3, 2]]
    assert table["same"].tolist() == [True, True, False, True, False, True]
    assert np.allclose(table["linkage"], [0.9, 0.9, 0.3, 0.6, 0.7, 0.6])
    assert list(link_table(graph)) == ["node", "neighbor", "similarity"]


def test_a_link_listed_twice_is_one_line_and_kinds_differ_in_more_than_colour(small):
    graph, _, labels = small
    xy = np.array([[0, 0], [1, 0], [2, 0], [3, 1]])
    same, other, nodes = views.plot_graph(graph, xy, labels, title="<b>").data
    assert lines_of(same)[:, :, 0].tolist() == [[0, 1], [2, 3]]
    assert lines_of(other)[:, :, 0].tolist() == [[1, 2]]
    assert same.line.dash != other.line.dash
    assert same.line.width != other.line.width
    assert len(nodes.x) == 4
    assert "&lt;b&gt;: 3 links" in views.plot_graph(graph, xy, labels, title="<b>").layout.title.text


def test_without_labels_all_links_look_alike_and_nodes_without_a_place_are_left_out(small):
    graph, _, _ = small
    xy = np.array([[0, 0], [1, 0], [np.nan, np.nan], [3, 1]])
    figure = views.plot_graph(graph, xy)
    assert [trace.name for trace in figure.data] == ["link (1)", "nodes"]
    assert "1 nodes without a place" in figure.layout.title.text


def test_many_links_are_sampled_both_kinds_alike_and_the_figure_stays_small():
    n, k = 100_000, 5
    random = np.random.default_rng(0)
    neighbors = (np.arange(n)[:, None] + np.arange(1, k + 1)) % n
    graph = KnnGraph(torch.from_numpy(neighbors), torch.rand(n, k))
    labels = np.arange(n) // 10
    figure = views.plot_graph(graph, random.normal(size=(n, 2)), labels)
    drawn = [len(lines_of(trace)) for trace in figure.data[:2]]
    assert sum(drawn) == 4000
    assert abs(drawn[1] / 4000 - 0.3) < 0.01  # of 5 links ahead within blocks of 10, 1.5 leave the block
    assert "4,000 of 500,000 links" in figure.layout.title.text
    assert len(figure.to_json()) < 400_000
    prediction = Prediction(torch.rand(n, k), torch.rand(n))
    others = [
        views.plot_similarity(graph, labels),
        views.plot_linkage(graph, prediction, labels, tau=0.5),
        views.plot_reliability(graph, prediction, labels),
        views.plot_density(graph, prediction, labels),
    ]
    assert max(len(other.to_json()) for other in others) < 200_000
    assert "5,000 of 100,000 nodes" in others[-1].layout.title.text


def test_histograms_count_every_link_of_a_kind_once(small):
    graph, prediction, labels = small
    for figure in (views.plot_similarity(graph, labels), views.plot_linkage(graph, prediction, labels)):
        same, other = figure.data
        assert [trace.name for trace in figure.data] == ["same class (4)", "different classes (2)"]
        assert np.isclose([sum(same.y[:-1]), sum(other.y[:-1])], 1).all()
        assert sum(same.customdata[:-1]) == 4
        assert same.line.dash != other.line.dash
        assert figure.layout.xaxis.title.text


def test_tau_is_marked_and_the_subtitle_says_what_passes(small):
    graph, prediction, labels = small
    figure = views.plot_linkage(graph, prediction, labels, tau=0.65)
    assert figure.layout.shapes[0].x0 == 0.65
    assert "50.0% of the links within a class, 50.0% between" in figure.layout.title.text
    assert not views.plot_linkage(graph, prediction, labels).layout.shapes


@settings(max_examples=80)
@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), max_size=40).map(lambda rows: [*rows, (1.0, True)]),
    st.integers(1, 12),
)
def test_reliability_is_what_counting_gives(rows, bins):
    table = views.reliability(np.array([r for r, _ in rows]), np.array([same for _, same in rows]), bins)
    assert table["n"].sum() == len(rows)
    for i, row in enumerate(table.itertuples()):
        inside = [(r, same) for r, same in rows if row.low <= r < row.high or (i == bins - 1 and r == 1)]
        assert row.n == len(inside)
        if inside:
            assert np.isclose(row.predicted, sum(r for r, _ in inside) / len(inside))
            assert np.isclose(row.actual, sum(same for _, same in inside) / len(inside))
        else:
            assert np.isnan(row.predicted)
            assert np.isnan(row.actual)


def test_the_calibration_error_is_the_mean_distance_from_the_diagonal(small):
    graph, prediction, labels = small
    figure = views.plot_reliability(graph, prediction, labels, bins=2)
    # below .5: one link, .3 and wrong; above: .9 .9 .7 .6 .6, four of five right
    expected = (1 * 0.3 + 5 * abs(0.74 - 0.8)) / 6
    assert f"expected calibration error {expected:.3f}, 6 links" in figure.layout.title.text
    assert list(figure.data[2].y) == [1, 5]
    assert np.allclose(figure.data[1].y, [0, 0.8])


def test_a_perfect_oracle_lies_on_the_diagonal(small):
    graph, _, labels = small
    same = link_table(graph, labels)["same"].to_numpy(copy=True)
    linkage = torch.zeros(graph.neighbors.shape)
    linkage[graph.mask] = torch.from_numpy(same).float()
    figure = views.plot_reliability(graph, Prediction(linkage, torch.zeros(4)), labels)
    assert "error 0.000" in figure.layout.title.text


def test_density_is_held_against_the_target(small):
    graph, prediction, labels = small
    target = density_target(graph, torch.from_numpy(labels)).numpy()
    figure = views.plot_density(graph, prediction, labels)
    assert np.array_equal(figure.data[1].x, target)
    assert f"correlation {np.corrcoef(target, prediction.density)[0, 1]:.3f}" in figure.layout.title.text
    error = np.mean([abs(float(d) - t) for d, t in zip(prediction.density, target, strict=True)])
    assert f"mean absolute error {error:.3f}" in figure.layout.title.text
    constant = views.plot_density(graph, Prediction(prediction.linkage, torch.ones(4)), labels)
    assert "no correlation" in constant.layout.title.text


def test_a_graph_without_links_is_drawn_and_says_so(no_links):
    graph, prediction, labels = no_links
    assert "0 links" in views.plot_graph(graph, np.eye(3)[:, :2], labels).layout.title.text
    assert len(views.plot_graph(graph, np.eye(3)[:, :2]).data[-1].x) == 3
    for figure in (
        views.plot_similarity(graph, labels),
        views.plot_linkage(graph, prediction, labels, tau=0.5),
        views.plot_reliability(graph, prediction, labels),
    ):
        assert "no links" in json.dumps(figure.to_dict(), default=str)
    assert "no correlation" in views.plot_density(graph, prediction, labels).layout.title.text


def test_bad_input_is_named(small):
    graph, prediction, labels = small
    with pytest.raises(ValueError, match="xy: expected shape"):
        views.plot_graph(graph, np.zeros((3, 2)))
    with pytest.raises(ValueError, match="labels: expected 4"):
        views.plot_similarity(graph, labels[:2])
    with pytest.raises(ValueError, match="prediction: expected a linkage"):
        views.plot_linkage(graph, Prediction(torch.zeros(4, 9), torch.zeros(4)), labels)
    for wrong in ({"max_edges": 0}, {"max_edges": True}):
        with pytest.raises((TypeError, ValueError), match="max_edges"):
            views.plot_graph(graph, np.zeros((4, 2)), **wrong)
    with pytest.raises(ValueError, match="bins"):
        views.plot_reliability(graph, prediction, labels, bins=0)
    with pytest.raises(ValueError, match="max_points"):
        views.plot_density(graph, prediction, labels, max_points=0)
