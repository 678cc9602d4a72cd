import json
import threading
import time

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from comm import DummyComm

from workbench.views.explore import Explorer
from workbench.views.explore.base import Delayed, walk
from workbench.views.explore.boxes import placed
from workbench.views.explore.live import LiveFigure
from workbench.views.explore.panes import checked_images, facts, grid, thumbnail
from workbench.views.explore.places import places_of

NASTY = "<img src=x onerror=alert(1)>"


class Counter(Explorer):
    """The smallest explorer: a button that fails at the third press."""

    def __init__(self):
        super().__init__()
        self.presses = 0
        self.button = widgets.Button(description="Press")
        self.button.on_click(self.guarded(self._press))
        self.figure = go.FigureWidget()
        self.arrange(self.button, self.figure)

    def _press(self, _):
        self.presses += 1
        self.say(f"{self.presses} presses {NASTY}")
        if self.presses == 3:
            raise ValueError(f"three {NASTY}")

    def static(self):
        return go.Figure(layout={"title": "pressed"})


def test_an_error_in_a_callback_is_shown_escaped_and_none_is_lost():
    explorer = Counter()
    for _ in range(5):
        explorer.button.click()
    assert explorer.presses == 5
    assert explorer.errors == [f"ValueError: three {NASTY}"]
    text = explorer._said.value + explorer._failed.value
    assert NASTY not in text
    assert "5 presses &lt;img" in text
    assert "ValueError: three &lt;img" in text
    assert "in _press" in text, "the traceback"
    explorer.presses = 2
    explorer.button.click()
    assert len(explorer.errors) == 2
    assert "all 2 errors" in explorer._failed.value


def test_callbacks_run_one_at_a_time_and_without_gradients():
    explorer, inside, seen = Explorer(), [], []

    def slow(i):
        inside.append(i)
        time.sleep(0.01)
        seen.append((len(inside), torch.is_grad_enabled()))
        inside.remove(i)

    guarded = explorer.guarded(slow)
    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(1, False)] * 6


def test_what_is_slow_lets_others_run_meanwhile_and_its_errors_are_kept():
    explorer, others = Explorer(), []

    def slow():
        time.sleep(0.3)
        others.append("slow")
        raise RuntimeError("late")

    thread = threading.Thread(target=explorer.guarded(slow, alone=False))
    thread.start()
    explorer.guarded(lambda: others.append("quick"))()
    thread.join()
    assert others == ["quick", "slow"]
    assert explorer.errors == ["RuntimeError: late"]


def test_a_delayed_function_runs_once_after_the_last_call():
    seen = []
    later = Delayed(seen.append, 0.05)
    for i in range(5):
        later(i)
    time.sleep(0.3)
    assert seen == [4]
    later.flush()
    assert seen == [4]


def test_a_debounced_callback_is_guarded():
    explorer = Explorer()
    explorer.debounced(lambda: 1 / 0, 60)()
    explorer.settle()
    assert explorer.errors == ["ZeroDivisionError: division by zero"]


def test_the_bundle_has_the_widget_and_a_static_figure(monkeypatch):
    monkeypatch.setattr("plotly.io.renderers.default", "plotly_mimetype")
    explorer = Counter()
    bundle = explorer._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.model_id
    assert bundle["application/vnd.plotly.v1+json"]["layout"]["title"]["text"] == "pressed"


def test_a_figure_changed_before_it_is_displayed_is_displayed_as_changed():
    explorer = Counter()
    explorer.figure.layout.title.text = "new"
    explorer._repr_mimebundle_()
    assert explorer.figure._widget_layout["title"]["text"] == "new"


def test_every_widget_inside_is_found():
    explorer = Counter()
    found = list(walk(explorer))
    assert all(any(widget is one for one in found) for widget in (explorer.button, explorer.figure, explorer._said))


def test_pieces_of_html_escape_what_comes_from_data():
    text = facts(NASTY, {NASTY: NASTY, "share": 0.51234, "count": 12_345})
    assert "<img" not in text
    assert "0.512" in text
    assert "12,345" in text


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 8, 8, 3), (5, 200, 100, 1)])
def test_images_of_any_kind_become_pictures(shape):
    images = np.zeros(shape, dtype=np.uint8)
    assert thumbnail(images, 3).count("data:image/png") == 1
    assert "alt='2 images'" in grid(images, np.array([0, 4]), [0, 0, 0, 0, 1], peak=4)


def test_a_large_cluster_is_shown_in_part_and_says_so():
    images = np.zeros((500, 8, 8), dtype=np.uint8)
    assert "of 500 images" in grid(images, np.arange(500))


def test_images_that_do_not_fit_are_refused_by_name():
    with pytest.raises(ValueError, match="images: expected 4"):
        checked_images(np.zeros((5, 8, 8), np.uint8), 4)
    with pytest.raises(ValueError, match="images: expected uint8"):
        checked_images(np.zeros((5, 8, 8)), 5)


def test_boxes_stand_inside_their_parents_without_overlap(tree):
    boxes = placed(tree[0].to_pandas())
    for level, group in boxes.groupby("level"):
        ordered = group.sort_values("start")
        assert (ordered["start"].to_numpy()[1:] == np.cumsum(ordered["size"].to_numpy())[:-1]).all()
        above = boxes[boxes["level"] == level + 1].set_index("cluster")
        if len(above):
            parent = above.loc[group["parent"]]
            assert (group["start"].to_numpy() >= parent["start"].to_numpy()).all()
            ends = (parent["start"] + parent["size"]).to_numpy()
            assert ((group["start"] + group["size"]).to_numpy() <= ends).all()


def test_places_are_taken_or_laid_out_once(tree):
    hierarchy, x, _ = tree
    graph = hierarchy.levels[0].graph
    assert np.array_equal(places_of(graph, xy=x[:, :2]), x[:, :2].numpy())
    alone = places_of(graph)
    assert np.isfinite(alone).all()
    assert np.array_equal(alone, places_of(graph))
    with pytest.raises(ValueError, match=r"xy: expected shape \(360, 2\)"):
        places_of(graph, xy=[[0, 1]])
    with pytest.raises(ValueError, match="features: expected 360 rows"):
        places_of(graph, features=x[:5])


@pytest.fixture
def told(monkeypatch):
    """What the browser is told when a channel is opened: the state of each widget."""
    states = []

    class Channel(DummyComm):
        def __init__(self, **sent):
            super().__init__(**sent)
            states.append(sent["data"]["state"])

    monkeypatch.setattr("ipywidgets.widgets.widget.comm.create_comm", Channel)
    return states


def test_a_figure_reaches_the_browser_whole(told):
    """Messages that follow may come too late for a view."""
    figure = LiveFigure(go.Figure(go.Bar(y=[1, 2]), layout={"width": 321}))
    (state,) = [state for state in told if "_widget_data" in state]
    assert [trace["type"] for trace in state["_widget_data"]] == ["bar"]
    assert state["wide"] == 321, "wide where there is room"
    assert "width" not in state["_widget_layout"], "plotly would not let it shrink"
    assert state["_id"] == figure.model_id
    assert len(json.dumps(state)) < 20_000, "plotly's code comes with it"


def test_plotlys_code_is_sent_once_and_again_after_all_widgets_were_closed(told):
    first, second = LiveFigure(go.Figure()), LiveFigure(go.Figure())
    (name,) = {state["_library"] for state in told if "_library" in state}
    assert first.get_state("_library") == second.get_state("_library") == {"_library": name}
    widgets.Widget.close_all()
    told.clear()
    third = LiveFigure(go.Figure())
    assert third.get_state("_library") == {"_library": name}
    assert len(told) >= 2, "the figure, and plotly's code before it"
    assert "_library" not in told[0]


def test_a_page_that_is_loaded_anew_is_told_of_the_figure_as_it_is_now():
    figure = LiveFigure(go.Figure(go.Bar(y=[1, 2]), layout={"width": 321}))
    figure.data[0].y, figure.layout.width = [3, 4], 99
    state = figure.get_state()
    assert state["_widget_data"][0]["y"] == [3, 4]
    assert state["_widget_layout"]["width"] == 99
    assert list(figure.get_state("_widget_layout")) == ["_widget_layout"]
