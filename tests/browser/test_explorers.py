"""Every explorer in a real JupyterLab: each control moved, points clicked, lassos drawn, the status strip read.

In Notebook 7, too, where it is installed (`pip install notebook`); it is none of the workbench's own requirements.
"""

import json
import re
from dataclasses import dataclass, field
from importlib.util import find_spec

import pytest
from controls import idle, serious_violations, tab_to, work_through
from figures import screenshot, wait_until_drawn, wait_until_painted
from lab import notebook_of, run_all, running_lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

NASTY = "<img src=x onerror=alert(1)>"
DATA = f"""
import html, json
import tempfile
import numpy as np, torch, workbench as wb, ipywidgets as widgets
from workbench.experiments.ablation import AblationData, Settings
from workbench.views import explore

random = torch.Generator().manual_seed(0)
labels = torch.arange(12).repeat_interleave(25)
x = torch.randn(12, 16, generator=random)[labels] + 0.7 * torch.randn(300, 16, generator=random)
images = (torch.rand(300, 12, 12, generator=random) * 255).to(torch.uint8).numpy()
x, labels, xy, names = x.numpy(), labels.numpy(), x[:, :2].numpy(), [{NASTY!r}] * 12
model = wb.HiLander("glyphs-lander", k=5).fit(x)
tree, shown = model.hierarchy_, {{}}
sets = AblationData(wb.FeatureSet(x, labels), {{names[0]: wb.FeatureSet(x, labels)}})
brief = Settings().change("training.epochs", 4).change("training.validate", 4)

def show(name, explorer):
    explorer.add_class("explorer-" + name)
    shown[name] = explorer
    return explorer
"""
PROBE = """
def probe(name, explorer):
    out = widgets.HTML()
    def tell(_=None):
        state = {trait: getattr(explorer, trait) for trait in ("errors", "level", "tau") if explorer.has_trait(trait)}
        state["selected"] = int(np.size(getattr(explorer, "selection", 0)))
        out.value = f"<code id='state-{name}'>{html.escape(json.dumps(state))}</code>"
    explorer.observe(tell)
    tell()
    return out

widgets.VBox([probe(*one) for one in shown.items()])
"""


@dataclass(frozen=True)
class Case:
    """An explorer: the code that makes it, the kinds of control it must have, its figures, what its strip says."""

    code: str
    kinds: frozenset[str]
    figures: int = 1
    says: str = field(default=r"updated \d\d:\d\d:\d\d")


def case(code: str, kinds: str, **more) -> Case:
    return Case(code, frozenset(kinds.split()), **more)


CASES = {
    "hierarchy": case(
        "explore.explore_hierarchy(tree, images=images, labels=labels, xy=xy, class_names=names)",
        "slider number button figure",
        figures=2,
        says=r"Level \d: \d+ clusters of 300 images \(all drawn\)",
    ),
    "tau": case(
        "explore.explore_tau(model, x, labels, images=images, xy=xy)",
        "slider list button figure",
        figures=2,
        says=r"tau [\d.]+, 300 images \(all drawn\)\. Level 0 is exact",
    ),
    "links": case("explore.explore_links(tree, images, labels, xy=xy, class_names=names)", "number list button figure"),
    "errors": case(
        "explore.explore_errors(tree, images, labels=labels, class_names=names)", "number list button", figures=0
    ),
    "metric": case("explore.explore_metric()", "number list figure"),
    "oracle": case(
        "explore.explore_oracle(wb.load_checkpoint('glyphs-lander'), x, labels, images=images, xy=xy)",
        "number list box button figure",
    ),
    "training": case(
        "explore.explore_training(x, labels, training=wb.TrainConfig(epochs=400, validate=400), name='browser')",
        "button figure",
    ),
    "ablation": case(
        "explore.explore_ablation({'lander.layers': [1, 2]}, sets, tempfile.mkdtemp(), seeds=[0], base=brief)",
        "slider list button figure",
        figures=2,
        says=r"\d+ of \d+ runs inside the brushes",
    ),
}


NO_NOTEBOOK = pytest.mark.skipif(find_spec("notebook") is None, reason="Notebook 7 is not installed")
LOOKS = {"light": {}, "dark": {"dark": True}, "notebook": {"front": "notebook"}}  # how the server is started
SLOW = {"light": (), "dark": pytest.mark.slow, "notebook": (pytest.mark.slow, NO_NOTEBOOK)}
# What a front end says of an empty notebook, too (seen with Notebook 7.6).
ITS_OWN = {"notebook": "Cannot read properties of undefined (reading 'schema')"}


@pytest.fixture(scope="module", params=[pytest.param(look, marks=SLOW[look]) for look in LOOKS])
def opened(page, request, tmp_path_factory):
    """One notebook with all explorers, run in a server of its own; in the dark theme only looked at."""
    cells = [f"show({name!r}, {case.code})" for name, case in CASES.items()]
    notebook = notebook_of(DATA, *cells, PROBE)
    home = tmp_path_factory.mktemp(request.param)
    with running_lab(home, {"explorers.ipynb": notebook}, **LOOKS[request.param]) as address:
        page.troubles.clear()
        run_all(page, address("explorers.ipynb"), seconds=400)
        page.look, page.log = request.param, home / "lab.log"
        yield page
        page.goto("about:blank")  # or it would go on asking a server that is gone


def shown(page, name: str):
    """An explorer, scrolled to, with its figures drawn, which may be long after its cell has run."""
    explorer = page.locator(f".explorer-{name}").first
    explorer.scroll_into_view_if_needed()
    wait_until_drawn(page, explorer, CASES[name].figures)
    return explorer


def state(page, name: str) -> dict:
    """What the kernel has of an explorer, once it has answered everything."""
    idle(page)
    return json.loads(page.locator(f"#state-{name}").text_content())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "hierarchy" else pytest.mark.slow) for name in CASES]
)
def test_an_explorer_answers_to_every_control_and_loses_no_error(opened, name):
    explorer = shown(opened, name)
    screenshot(opened, f"explorer-{name}-{opened.look}")
    if opened.look != "dark":
        found = work_through(opened, explorer)
        explorer.scroll_into_view_if_needed()
        screenshot(opened, f"explorer-{name}-{opened.look}-used")
        assert found >= CASES[name].kinds
    strip = explorer.locator("[role=status]").first.text_content()
    assert re.search(CASES[name].says, strip), strip
    assert state(opened, name)["errors"] == []
    assert explorer.locator("[role=alert]").all_text_contents() == []
    assert opened.locator("img[src=x]").count() == 0, "a class's name has become markup"


def test_the_map_is_painted_and_a_box_of_the_tree_selects_its_cluster(opened):
    explorer = shown(opened, "hierarchy")
    wait_until_painted(opened, explorer.locator(".js-plotly-plot").first)
    box = explorer.locator(".js-plotly-plot").nth(1).locator(".point path").first.bounding_box()
    opened.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.wait_for_timeout(500)
    assert state(opened, "hierarchy")["selected"] > 0
    assert re.search(r"[1-9]\d* selected", explorer.locator("[role=status]").text_content())
    assert explorer.locator("img[alt$=images]").count() == 1


def test_the_hierarchy_explorer_is_worked_by_keys_alone(opened):
    explorer = shown(opened, "hierarchy")
    explorer.locator("button").first.focus()  # Play
    tab_to(opened, explorer, "[role=slider]")
    opened.keyboard.press("Home")
    assert state(opened, "hierarchy")["level"] == 0
    opened.keyboard.press("ArrowRight")
    assert state(opened, "hierarchy")["level"] == 1
    tab_to(opened, explorer, "input[type=number]")
    opened.keyboard.press("ControlOrMeta+a")
    opened.keyboard.type("1")
    opened.keyboard.press("Enter")
    assert state(opened, "hierarchy")["selected"] > 0
    tab_to(opened, explorer, "button.widget-button")
    opened.keyboard.press("Enter")
    assert state(opened, "hierarchy")["selected"] == 0
    assert opened.locator(".explorer-hierarchy").count() == 1, "a key went to the notebook: its cell is gone or doubled"


def test_the_tau_explorer_is_worked_by_keys_alone(opened):
    explorer = shown(opened, "tau")
    explorer.locator("[role=slider]").first.focus()
    opened.keyboard.press("End")
    assert state(opened, "tau")["tau"] == 1
    opened.keyboard.press("ArrowDown")
    assert state(opened, "tau")["tau"] == pytest.approx(0.999)
    tab_to(opened, explorer, "select")
    opened.keyboard.press("End")
    idle(opened)
    opened.wait_for_timeout(500)
    assert explorer.locator(".annotation-text").first.text_content() == "truth"
    opened.keyboard.press("Home")
    idle(opened)
    opened.wait_for_timeout(500)
    assert explorer.locator(".annotation-text").first.text_content().startswith("level 0")
    tab_to(opened, explorer, "button.widget-button")
    opened.keyboard.press("Enter")
    assert state(opened, "tau")["tau"] < 0.99


# Parts of an explorer that can be scrolled sideways, with how wide they are and how wide what is in them is.
_SIDEWAYS = """explorer => [explorer, ...explorer.querySelectorAll('*')].filter(part =>
  part.clientWidth > 20 && part.scrollWidth > part.clientWidth + 2 && part.tagName !== 'SELECT'
  && /auto|scroll/.test(getComputedStyle(part).overflowX) && !part.closest('.js-plotly-plot')
).map(part => `${part.className}: ${part.scrollWidth} in ${part.clientWidth}`)"""
# Titles that stick out of their figure.
_CUT = """explorer => [...explorer.querySelectorAll('.js-plotly-plot')].flatMap(figure => {
  const own = figure.getBoundingClientRect();
  return [...figure.querySelectorAll('.gtitle, .xtitle, .ytitle')].filter(text => {
    const box = text.getBoundingClientRect();
    return box.width && (box.left < own.left - 2 || box.right > own.right + 2 || box.bottom > own.bottom + 2);
  }).map(text => text.textContent);
})"""
# The least contrast (WCAG) between the ground and the ink of axes, titles and legends.
_CONTRAST = """explorer => {
  const part = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = colour => colour.match(/[\\d.]+/g).slice(0, 3)
    .reduce((sum, v, i) => sum + part(v / 255) * [.2126, .7152, .0722][i], 0);
  let place = explorer;
  while (/, 0\\)$/.test(getComputedStyle(place).backgroundColor)) place = place.parentElement;
  const ground = light(getComputedStyle(place).backgroundColor);
  const texts = explorer.querySelectorAll('.infolayer text, .xaxislayer-above text, .yaxislayer-above text');
  return Math.min(21, ...[...texts].filter(text => text.textContent && text.getBoundingClientRect().width).map(text => {
    const [low, high] = [ground, light(getComputedStyle(text).fill)].sort((a, b) => a - b);
    return (high + .05) / (low + .05);
  }));
}"""
_BESIDE = "figure => figure.querySelector('.main-svg').getBoundingClientRect().width - figure.clientWidth"


@pytest.mark.slow
@pytest.mark.parametrize("width", [1600, 1024, 760])
def test_explorers_reflow_without_scrolling_sideways(opened, width):
    """At 760 pixels the file browser is closed, as anyone would."""
    opened.set_viewport_size({"width": width, "height": 1000})
    if width < 1000:
        opened.keyboard.press("ControlOrMeta+b")
    opened.wait_for_timeout(1500)
    try:
        for name in CASES:
            explorer = shown(opened, name)
            opened.wait_for_timeout(500)
            screenshot(opened, f"explorer-{name}-{opened.look}-{width}")
            assert explorer.evaluate(_SIDEWAYS) == [], name
            assert explorer.evaluate(_CUT) == [], name
            output = explorer.locator("xpath=ancestor::*[contains(@class, 'jp-OutputArea-output')]").first
            assert explorer.bounding_box()["width"] <= output.bounding_box()["width"] + 1
            figures = explorer.locator(".js-plotly-plot")
            assert all(figures.nth(i).evaluate(_BESIDE) <= 2 for i in range(figures.count())), name
    finally:
        opened.set_viewport_size({"width": 1280, "height": 1000})
        if width < 1000:
            opened.keyboard.press("ControlOrMeta+b")
        opened.wait_for_timeout(1000)


def test_the_ink_of_figures_is_read_on_the_ground(opened):
    assert {name: shown(opened, name).evaluate(_CONTRAST) > 3.9 for name in CASES} == dict.fromkeys(CASES, True)


def test_every_control_has_a_name_and_the_focus_is_seen(opened):
    """By Tab through the hierarchy explorer, from Play on; no link is passed that has no name."""
    explorer = shown(opened, "hierarchy")
    buttons = explorer.locator(".widget-play button")
    assert [buttons.nth(i).get_attribute("aria-label") for i in range(buttons.count())][:2] == ["Play", "Stop"]
    buttons.first.focus()
    for _ in range(8):
        opened.keyboard.press("Tab")
        focus = opened.evaluate(
            "() => {const e = document.activeElement, s = getComputedStyle(e); return {inside: "
            "!!e.closest('.explorer-hierarchy'), outline: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2,"
            " name: e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || e.title || ''}}"
        )
        if focus["inside"]:
            assert focus["name"].strip()
            assert focus["outline"], focus


@pytest.mark.slow
def test_axe_finds_nothing_serious_in_the_explorers(opened):
    for name in CASES:
        shown(opened, name)
    assert serious_violations(opened, ".workbench-explorer") == []


def test_nothing_went_wrong_on_the_page_or_in_the_kernel(opened):
    stderr = opened.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]')
    assert stderr.all_text_contents() == []
    _, _, said = opened.log.read_text(encoding="utf-8").partition("Kernel started")
    assert said  # before that the server may answer with an error who asks for its kernels, as `open_notebook` does
    assert "Traceback" not in said
    assert [trouble for trouble in opened.troubles if trouble != ITS_OWN.get(opened.look)] == []
