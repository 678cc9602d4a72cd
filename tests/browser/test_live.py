"""Live figures on a page ten times slower than this machine: what a reader's busy laptop makes of them."""

import pytest
from lab import notebook_of, open_notebook, running_lab, start_all

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
