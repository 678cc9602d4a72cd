"""Every explorer in a real JupyterLab: each control moved, points clicked, lassos drawn, the status strip read."""

import json
import re
from dataclasses import dataclass, field

import pytest
from controls import idle, work_through
from figures import painted, screenshot
from lab import notebook_of, run_all, running_lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

NASTY = "<img src=x onerror=alert(1)>"
DATA = f"""
import html, json
import numpy as np, torch, workbench as wb, ipywidgets as widgets
from workbench.views import explore

random = torch.Generator().manual_seed(0)
labels = torch.arange(12).repeat_interleave(25)
x = torch.randn(12, 16, generator=random)[labels] + 0.7 * torch.randn(300, 16, generator=random)
images = (torch.rand(300, 12, 12, generator=random) * 255).to(torch.uint8).numpy()
x, labels, xy, names = x.numpy(), labels.numpy(), x[:, :2].numpy(), [{NASTY!r}] * 12
model = wb.HiLander(k=5).fit(x)
tree, shown = model.hierarchy_, {{}}

def show(name, explorer):
    explorer.add_class("explorer-" + name)
    shown[name] = explorer
    return explorer
"""
PROBE = """
def probe(name, explorer):
    out = widgets.HTML()
    def tell(_=None):
        out.value = f"<code id='errors-{name}'>{html.escape(json.dumps(explorer.errors))}</code>"
    explorer.observe(tell, "errors")
    tell()
    return out

widgets.VBox([probe(*one) for one in shown.items()])
"""


@dataclass(frozen=True)
class Case:
    """An explorer: the code that makes it, the kinds of control it must have, patterns of its status strip."""

    code: str
    kinds: frozenset[str]
    says: str = field(default=r"updated \d\d:\d\d:\d\d")


def case(code: str, kinds: str, **more) -> Case:
    return Case(code, frozenset(kinds.split()), **more)


CASES = {
    "hierarchy": case(
        "explore.explore_hierarchy(tree, images=images, labels=labels, xy=xy, class_names=names)",
        "slider button figure",
        says=r"Level \d: \d+ clusters of 300 images \(all drawn\)",
    ),
    "tau": case(
        "explore.explore_tau(model, x, labels, images=images, xy=xy)",
        "slider list button figure",
        says=r"tau [\d.]+, 300 images \(all drawn\)\. Level 0 is exact",
    ),
    "links": case("explore.explore_links(tree, images, labels, xy=xy, class_names=names)", "number list button figure"),
    "errors": case("explore.explore_errors(tree, images, labels=labels, class_names=names)", "list button"),
    "metric": case("explore.explore_metric()", "number list figure"),
    "oracle": case(
        "explore.explore_oracle(wb.load_checkpoint('glyphs-lander'), x, labels, images=images, xy=xy)",
        "number list box button figure",
    ),
    "training": case(
        "explore.explore_training(x, labels, training=wb.TrainConfig(epochs=4, validate=4), name='browser')",
        "button figure",
    ),
}


@pytest.fixture(scope="module", params=["light", pytest.param("dark", marks=pytest.mark.slow)])
def opened(page, request, tmp_path_factory):
    """One notebook with all explorers, run in a JupyterLab of its own; in the dark theme only looked at."""
    cells = [f"show({name!r}, {case.code})" for name, case in CASES.items()]
    notebook = notebook_of(DATA, *cells, PROBE)
    home = tmp_path_factory.mktemp(request.param)
    with running_lab(home, {"explorers.ipynb": notebook}, dark=request.param == "dark") as address:
        page.troubles.clear()
        run_all(page, address("explorers.ipynb"), seconds=400)
        page.theme, page.log = request.param, home / "lab.log"
        yield page
        page.goto("about:blank")  # or it would go on asking a server that is gone


@pytest.mark.parametrize("name", CASES)
def test_an_explorer_answers_to_every_control_and_loses_no_error(opened, name):
    explorer = opened.locator(f".explorer-{name}").first
    explorer.scroll_into_view_if_needed()
    opened.wait_for_timeout(1500)
    screenshot(opened, f"explorer-{name}-{opened.theme}")
    if opened.theme == "light":
        found = work_through(opened, explorer)
        explorer.scroll_into_view_if_needed()
        screenshot(opened, f"explorer-{name}-used")
        assert found >= CASES[name].kinds
    strip = explorer.locator("[role=status]").first.text_content()
    assert re.search(CASES[name].says, strip), strip
    assert json.loads(opened.locator(f"#errors-{name}").text_content()) == []
    assert explorer.locator("[role=alert]").all_text_contents() == []
    assert opened.locator("img[src=x]").count() == 0, "a class's name has become markup"


def test_the_map_is_painted_and_a_box_of_the_tree_selects_its_cluster(opened):
    explorer = opened.locator(".explorer-hierarchy").first
    explorer.scroll_into_view_if_needed()
    assert painted(explorer.locator(".js-plotly-plot").first) > 500
    box = explorer.locator(".js-plotly-plot").nth(1).locator(".point path").first.bounding_box()
    opened.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    idle(opened)
    opened.wait_for_timeout(500)
    assert re.search(r"[1-9]\d* selected", explorer.locator("[role=status]").text_content())
    assert explorer.locator("img[alt$=images]").count() == 1


def test_nothing_went_wrong_on_the_page_or_in_the_kernel(opened):
    stderr = opened.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]')
    assert stderr.all_text_contents() == []
    assert "Traceback" not in opened.log.read_text(encoding="utf-8")
    assert opened.troubles == []
