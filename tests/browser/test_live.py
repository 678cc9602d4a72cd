"""Live figures on a page ten times slower than this machine, and with a kernel that is busy."""

import pytest
from controls import POINTS, idle, lasso
from figures import wait_until_drawn
from lab import notebook_of, open_notebook, run_all, running_lab, start_all

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SETUP = """
import ipywidgets as widgets, plotly.graph_objects as go
from workbench.views.explore.live import LiveFigure

figures = [LiveFigure(go.Figure(go.Scatter(x=[0, 1], y=[1, i], name="old"))) for i in range(4)]
"""
SHOW = "widgets.VBox(figures)"
RENAME = "for figure in figures: figure.data[0].name = 'new'"
UP_TO_DATE = """() => Array.from(document.querySelectorAll('.js-plotly-plot'))
  .filter(figure => figure.calcdata && figure._fullData[0].name === 'new').length === 4"""


HEARD = """
import time
import ipywidgets as widgets, plotly.graph_objects as go
from workbench.views.explore.live import LiveFigure

points = go.Scatter(x=[0, 1, 2], y=[0, 1, 0], mode="markers", marker_size=20)
figure, heard = LiveFigure(go.Figure(points, {"dragmode": "lasso", "height": 300})), widgets.Label("")
figure.data[0].on_selection(lambda _, found, __: setattr(heard, "value", f"{heard.value} selected {found.point_inds}"))
figure.data[0].on_hover(lambda *_: time.sleep(3))
widgets.VBox([figure, heard.add_class("heard")])
"""


@pytest.fixture
def opened(page, tmp_path):
    """The notebook, opened and not run; `page.received` lists the sizes of what the kernel sends."""
    page.received = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: page.received.append(len(frame))))
    with running_lab(tmp_path, {"live.ipynb": notebook_of(SETUP, SHOW, RENAME)}) as address:
        open_notebook(page, address("live.ipynb"))
        page.troubles.clear()
        yield page
        page.goto("about:blank")


@pytest.mark.slow
def test_a_busy_page_draws_every_figure_and_what_has_changed_since(opened):
    """And so does a page that is loaded anew, at full speed."""
    slowed = opened.context.new_cdp_session(opened)
    slowed.send("Emulation.setCPUThrottlingRate", {"rate": 10})
    start_all(opened)
    opened.wait_for_function(UP_TO_DATE, timeout=200_000)
    assert sum(opened.received) < 7e6, "plotly's code, 5 MB, has come more than once"
    slowed.detach()
    opened.keyboard.press("ControlOrMeta+s")
    opened.wait_for_timeout(1000)
    opened.reload()
    opened.wait_for_function(UP_TO_DATE, timeout=90_000)
    assert opened.troubles == []


def test_no_lasso_is_lost_while_the_kernel_is_busy_and_the_pointer_moves_on(page, tmp_path):
    from playwright.sync_api import expect  # not above: where it is missing, `browser` says so

    with running_lab(tmp_path, {"heard.ipynb": notebook_of(HEARD.strip())}) as address:
        page.troubles.clear()
        run_all(page, address("heard.ipynb"))
        wait_until_drawn(page, page.locator(".jp-Notebook"), 1)
        idle(page)  # the figure has taken the width that there is
        figure = page.locator(".js-plotly-plot")
        figure.scroll_into_view_if_needed()
        left, top, right = figure.evaluate(POINTS)
        _over(page.mouse, right)  # the kernel sleeps over it: what follows waits
        page.wait_for_timeout(500)
        _lasso_around(page.mouse, left)
        _over(page.mouse, top)
        _lasso_around(page.mouse, right)
        _over(page.mouse, left)
        expect(page.locator(".heard")).to_have_text("selected [0] selected [2]", timeout=60_000)
        assert page.troubles == []
        page.goto("about:blank")


def _over(mouse, place):
    mouse.move(place[0] - 30, place[1] + 30, steps=3)
    mouse.move(*place, steps=5)


def _lasso_around(mouse, place):
    x, y = place
    lasso(mouse, x - 25, y - 25, 50, 50)
