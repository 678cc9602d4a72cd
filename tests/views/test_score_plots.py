import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from workbench import views
from workbench.evaluate.scores import bcubed, contingency
from workbench.views.figures.score_plots import by_class, intervals

labellings = st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 4)), min_size=1, max_size=40)


@settings(max_examples=80)
@given(labellings)
def test_scores_of_a_class_are_the_mean_over_its_items(pairs):
    """Against a slow reading: item by item."""
    true, pred = np.array(pairs).T
    pred = np.where(pred == -1, 100 + np.arange(len(pred)), pred)
    table = by_class(true, np.where(pred >= 100, -1, pred))
    for row, label in zip(table.itertuples(), np.unique(true), strict=True):
        items = np.flatnonzero(true == label)
        both = [((pred == pred[i]) & (true == label)).sum() for i in items]
        assert row.size == len(items)
        assert np.isclose(
            row.precision, np.mean([b / (pred == pred[i]).sum() for b, i in zip(both, items, strict=True)])
        )
        assert np.isclose(row.recall, np.mean([b / len(items) for b in both]))


@settings(max_examples=50)
@given(labellings)
def test_weighed_by_size_the_classes_give_bcubed(pairs):
    true, pred = np.array(pairs).T
    table, whole = by_class(true, pred), bcubed(contingency(true, pred))
    assert np.isclose(np.average(table["precision"], weights=table["size"]), whole.precision)
    assert np.isclose(np.average(table["recall"], weights=table["size"]), whole.recall)


def test_bins_double_and_every_class_counts_the_same():
    true = np.repeat([0, 1, 2, 3], [1, 2, 3, 8])
    pred = np.array([0, 1, 1, 2, 2, 3, *[4] * 8])
    precision, recall = views.plot_by_size(true, pred).data
    assert list(recall.x) == ["1<br>n=1", "2–3<br>n=2", "8–15<br>n=1"]
    assert np.allclose(recall.y, [1, (1 + 5 / 9) / 2, 1])
    assert np.allclose(precision.y, 1)
    assert precision.marker.symbol != recall.marker.symbol


def test_one_class_and_one_image_make_a_figure():
    assert list(views.plot_by_size([4], [-1]).data[0].y) == [1]
    assert "&lt;b&gt;" in views.plot_by_size([4], [0], title="<b>").layout.title.text
    with pytest.raises(ValueError, match="labels_pred: expected 2"):
        views.plot_by_size([0, 1], [0])


def test_a_hundred_thousand_images_make_a_small_figure():
    labels = np.arange(100_000) // 7
    assert len(views.plot_by_size(labels, labels // 2).to_json()) < 20_000


@pytest.fixture
def runs():
    rows = [("<i>", "a", 0.5), ("<i>", "a", 0.7), ("<i>", "b", 0.6), ("two", "a", 0.9), ("two", "a", np.nan)]
    return pd.DataFrame(rows, columns=["decoder", "conv", "f"])


def test_intervals_are_students(runs):
    first, second = intervals(runs, "f", "decoder").itertuples()
    values = np.array([0.5, 0.7, 0.6])
    expected = t.interval(0.95, 2, values.mean(), values.std(ddof=1) / np.sqrt(3))
    assert (first.decoder, first.n) == ("<i>", 3)
    assert np.allclose([first.low, first.high], expected)
    assert (second.n, second.mean) == (1, 0.9)
    assert np.isnan([second.low, second.high]).all()


def test_a_row_per_group_from_the_top_with_n_and_all_numbers_in_the_hover(runs):
    figure = views.plot_intervals(runs, value="f", group="decoder")
    dots, mean = figure.data
    assert figure.layout.yaxis.ticktext == ("&lt;i&gt;  (n=3)", "two  (n=1)")
    assert figure.layout.yaxis.range == (1.5, -0.5)
    assert sorted(zip(dots.y, dots.x, strict=True)) == [(0, 0.5), (0, 0.6), (0, 0.7), (1, 0.9)]
    assert mean.hovertext[0] == "mean 0.6000, 0.3516 to 0.8484, n = 3"
    assert mean.hovertext[1] == "mean 0.9000, n = 1"
    assert not figure.layout.showlegend


def test_by_parts_groups_by_colour_symbol_and_height(runs):
    figure = views.plot_intervals(runs, value="f", group="decoder", by="conv", title="<b>")
    means = figure.data[1::2]
    assert [trace.name for trace in means] == ["a", "b"]
    assert len({trace.marker.symbol for trace in means}) == len({trace.marker.color for trace in means}) == 2
    assert means[0].y[0] < means[1].y[0]
    assert figure.layout.yaxis.ticktext[0] == "&lt;i&gt;  (n=2, 1)"
    assert "&lt;b&gt;" in figure.layout.title.text
    assert figure.layout.showlegend


def test_what_the_table_lacks_is_named(runs):
    with pytest.raises(ValueError, match=r"table: .* missing \['seed'\]; there is: decoder, conv, f"):
        views.plot_intervals(runs, value="f", group="seed")
    with pytest.raises(ValueError, match="by: expected another column than group, got 'conv' for both"):
        views.plot_intervals(runs, value="f", group="conv", by="conv")
    with pytest.raises(ValueError, match="at least one row with a number in 'f'"):
        views.plot_intervals(runs.assign(f=np.nan), value="f", group="decoder")
