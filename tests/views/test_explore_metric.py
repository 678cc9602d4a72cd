"""The metric explorer without a browser: boxes, presets, scores and words hang together."""

import ipywidgets as widgets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.evaluate.toy_tables import PRESETS, disagreement, table_scores
from workbench.views.explore import explore_metric
from workbench.views.explore.base import walk
from workbench.views.style import PALETTE


@pytest.fixture
def explorer():
    return explore_metric()


def controls(explorer, kind):
    return [widget for widget in walk(explorer) if isinstance(widget, kind)]


def cell(explorer, name):
    return next(box for box in controls(explorer, widgets.BoundedIntText) if box.description == name)


def text(explorer):
    return " ".join(pane.value for pane in controls(explorer, widgets.HTML))


def dots(explorer):
    return explorer._figure.data[1]


def test_it_begins_with_the_table_given():
    explorer = explore_metric([[3, 0, 1], [0, 2, 0]])
    assert explorer.table == ((3, 0, 1), (0, 2, 0))
    assert cell(explorer, "A3").value == 1
    assert [box.description for box in controls(explorer, widgets.BoundedIntText)] == [
        "Classes", "Clusters", "A1", "A2", "A3", "B1", "B2", "B3",
    ]  # fmt: skip
    assert explorer.scores == table_scores([[3, 0, 1], [0, 2, 0]])


def test_a_number_typed_in_updates_scores_words_and_dots(explorer):
    cell(explorer, "A2").value = 0
    assert explorer.table == ((5, 0), (1, 5))
    assert explorer.errors == []
    for value in ("pairwise_precision", "bcubed_recall", "nmi", "ari"):
        assert f"{explorer.scores[value]:.3f}" in text(explorer)
    assert disagreement(explorer.table) in text(explorer)
    assert len(dots(explorer).x) == 11
    assert list(dots(explorer).marker.color).count(PALETTE[0]) == 5
    assert "11 items of 2 classes in 2 clusters" in text(explorer)


def test_dots_lie_in_the_ring_of_their_cluster_and_apart(explorer):
    explorer.table = [[20, 3], [4, 9], [0, 7]]
    figure = explorer._figure
    for j, centre in enumerate(figure.data[2].x):
        mine = [text.endswith(f"cluster {j + 1}") for text in dots(explorer).hovertext]
        places = np.stack([dots(explorer).x, dots(explorer).y], axis=1)[mine]
        assert len(places) == np.sum(explorer.table, axis=0)[j]
        ring = np.array(figure.data[0].x).reshape(-1, 62)[j]
        assert np.hypot(places[:, 0] - centre, places[:, 1]).max() < np.nanmax(ring) - centre
        apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)) + 9 * np.eye(len(places))
        assert apart.min() > 0.6


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_chosen(explorer, name):
    (preset,) = controls(explorer, widgets.Dropdown)
    preset.value = name
    assert explorer.table == PRESETS[name]
    assert explorer.errors == []
    assert preset.value == name
    cell(explorer, "A1").value += 1
    assert preset.value == "your own"


def test_rows_and_columns_come_and_go(explorer):
    rows, columns = (cell(explorer, name) for name in ("Classes", "Clusters"))
    columns.value = 6
    rows.value = 6
    assert np.shape(explorer.table) == (6, 6)
    columns.value = rows.value = 1
    assert explorer.table == ((5,),)
    columns.value = 2
    assert explorer.table == ((5, 0),)  # what was cut off is gone
    assert explorer.errors == []


def test_a_table_of_zeros_says_what_to_do(explorer):
    explorer.table = [[0, 0]]
    assert "put a number into a cell" in text(explorer)
    assert explorer.errors == []
    assert not len(dots(explorer).x)
    cell(explorer, "A1").value = 1
    assert explorer.scores["bcubed_f"] == 1


@settings(max_examples=8)
@given(table=st.lists(st.lists(st.integers(0, 60), min_size=3, max_size=3), min_size=1, max_size=6))
def test_any_table_can_be_shown(table):
    explorer = explore_metric(table)
    assert explorer.errors == []
    assert len(dots(explorer).x) == np.sum(table)


def test_wrong_tables_are_refused(explorer):
    with pytest.raises(ValueError, match="table: expected whole numbers"):
        explore_metric([[1, -1]])
    with pytest.raises(ValueError, match="table: expected at most 60 items in a cell, got 61"):
        explore_metric([[61]])
    with pytest.raises(ValueError, match="table: expected whole numbers"):
        explorer.table = [[1] * 7]
    with pytest.raises(ValueError, match="table: expected whole numbers"):
        explorer.table = None
    assert explorer.table == ((5, 1), (1, 5))


def test_every_control_has_a_name(explorer):
    for kind in (widgets.BoundedIntText, widgets.Dropdown):
        assert all(widget.description for widget in controls(explorer, kind))


def test_without_a_kernel_there_is_a_figure(explorer):
    figure = explorer.static()
    assert "pairwise F 0.67, BCubed F 0.72" in figure.layout.title.text
    assert len(figure.data[1].x) == 12


def test_no_widget_is_left_behind_by_a_change(explorer):
    """Open widgets live as long as the kernel."""
    explorer._size[0].value = 5
    before = set(map(id, controls(explorer, widgets.Widget)))
    for count in (2, 5, 3, 5):
        explorer._size[0].value = count
    assert set(map(id, controls(explorer, widgets.Widget))) == before
