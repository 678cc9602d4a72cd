"""Static pictures in a real browser, wide and narrow: nothing cut or tiny, no number on another, ink that shows."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from figures import screenshot
from plotly.offline import get_plotlyjs

import workbench as wb
from workbench import views
from workbench.cluster import similarity_predictor
from workbench.graph import KnnGraph
from workbench.lander import Prediction

pytestmark = pytest.mark.browser

# Of a cell beside JupyterLab's file browser, at 1,280 px and at 1,024.
WIDTHS = (900, pytest.param(620, marks=pytest.mark.slow))
# Every text of a figure with where it is, how large its letters are on the screen, and what it belongs to.
_TEXTS = """figure => {
  const own = figure.getBoundingClientRect();
  return Array.from(figure.querySelectorAll('.main-svg text'), text => {
    const box = text.getBoundingClientRect(), matrix = text.getScreenCTM();
    const scale = matrix ? Math.hypot(matrix.a, matrix.b) : 1;
    return {text: text.textContent, left: box.left - own.left, right: box.right - own.left, top: box.top - own.top,
            bottom: box.bottom - own.top, size: scale * parseFloat(getComputedStyle(text).fontSize),
            bar: text.matches('.bartext'), title: (text.getAttribute('class') || '').match(/[xy]\\d*title/)?.[0] || '',
            annotation: text.matches('.annotation-text'), fill: getComputedStyle(text).fill,
            clipped: !!text.closest('[clip-path]')};
  }).filter(text => text.right > text.left && text.text.trim());
}"""
_AXES = """figure => Object.fromEntries(Object.entries(figure._fullLayout)
  .filter(([name]) => /^[xy]axis\\d*$/.test(name))
  .map(([name, axis]) => [name.replace('axis', '') + 'title', axis._length]))"""


def _small_tree():
    """Blobs in which some classes touch, over several levels."""
    random = torch.Generator().manual_seed(3)
    centre = torch.nn.functional.normalize(torch.randn(15, 16, generator=random), dim=1)
    labels = torch.arange(15).repeat_interleave(24)
    centre[1] = centre[0] + 0.2 * centre[1]
    x = centre[labels] + 0.14 * torch.randn(360, 16, generator=random)
    x = torch.nn.functional.normalize(x, dim=1)
    return wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=3, tau=0.6)), x, labels.numpy()


def _figures():
    tree, x, labels = _small_tree()
    names = [f"a class with a long name {i}" for i in range(15)]
    pictures = np.random.default_rng(0).integers(0, 256, size=(360, 16, 16), dtype=np.uint8)
    frame = views.cluster_frame(tree, x[:, :2].numpy(), labels, class_names=names)
    curve = pd.DataFrame(
        {"tau": [0.5, 0.905, 0.99], "bcubed_f": [0.7, 0.8, 0.6], "error": 0.02, "n_clusters": [9, 12, 30]}
    )
    graph = KnnGraph.from_arrays([[1], [0]], [[0.9], [0.9]])
    guess = Prediction(torch.tensor([[0.8], [0.95]]), torch.zeros(2))
    rows = {
        "lander.layers": [1, 2, 3] * 2,
        "lander.conv": ["gcn"] * 3 + ["gat"] * 3,
        "seed": 0,
        "test": "toy",
        "last": True,
    }
    heat = pd.DataFrame({**rows, "bcubed_f": [0.1, 0.45, 0.5, 0.55, 0.9, 0.501]})
    effects = pd.DataFrame([{"config": "conv=gat", "test": "toy", "n": 3, "mean": 0.1, "low": 0.05, "high": 0.15}])
    methods = pd.DataFrame({"method": ["Hi-LANDER", "k-means"], "oracle": [False, True], "pairwise_f": [0.9, 0.6]})
    history = pd.DataFrame(
        {"epoch": e, "level": i, "nodes": 9, "link_loss": 1 / e, "density_loss": 0.1, "val_bcubed_f": 0.5}
        for e in range(1, 6)
        for i in range(2)
    )
    return {
        "levels": views.plot_levels(tree, labels),
        "links": views.plot_links(tree, 7, pictures, labels, class_names=names),
        "icicle": views.plot_icicle(tree, labels, class_names=names),
        "sizes": views.plot_sizes({"truth": labels, "found": tree.labels.numpy()}),
        "map": views.plot_map(frame),
        "tau": views.plot_tau(curve, 0.905),
        "linkage": views.plot_linkage(graph, guess, [7, 7], tau=0.905),
        "reliability": views.plot_reliability(graph, guess, [7, 7]),
        "heat": views.plot_heat(heat, "lander.layers", "lander.conv"),
        "effects": views.plot_effects(effects),
        "scores": views.plot_scores(methods.assign(bcubed_f=[0.91, 0.7], item_f=[0.9, 0.65])),
        "training": views.plot_training(history),
        "published": views.plot_published(wb.published.published_results(data="DeepFashion")),
        "growth": views.plot_growth(wb.published.published_results(), highlight=["Infomap", "HAC"]),
    }


@pytest.fixture(scope="module")
def figures():
    return _figures()


@pytest.fixture(scope="module", params=WIDTHS)
def drawn(request, page, figures, tmp_path_factory):
    """The page of all figures at one width: name -> its texts and the lengths of its axes."""
    places = "".join(f"<div class='figure' id='{name}'></div>" for name in figures)
    draw = "".join(
        f"figure = {figure.to_json()}; Plotly.newPlot('{name}', figure.data, figure.layout, {{responsive: true}});"
        for name, figure in figures.items()
    )
    file = tmp_path_factory.mktemp("pictures") / "page.html"
    script = f"<script>{get_plotlyjs()}</script><script>let figure; {draw}</script>"
    file.write_text(f"<!doctype html><meta charset='utf-8'><body style='margin:0'>{places}{script}", encoding="utf-8")
    page.set_viewport_size({"width": request.param, "height": 900})
    page.goto(file.as_uri())
    page.wait_for_timeout(2000)
    screenshot(page, f"pictures-{request.param}", full_page=True)
    return {
        name: (page.eval_on_selector(f"#{name}", _TEXTS), page.eval_on_selector(f"#{name}", _AXES), request.param)
        for name in figures
    }


def test_no_text_is_cut_by_the_edge(drawn):
    cut = [
        f"{name}: {text['text']!r} {text['left']:.0f} to {text['right']:.0f} of {width}"
        for name, (texts, _, width) in drawn.items()
        for text in texts
        if not text["clipped"] and (text["left"] < -1 or text["right"] > width + 1)
    ]
    assert cut == []


def test_titles_of_axes_are_no_longer_than_their_axes(drawn):
    long = [
        f"{name}: {text['text']!r}"
        for name, (texts, axes, _) in drawn.items()
        for text in texts
        if text["title"]
        and max(text["right"] - text["left"], text["bottom"] - text["top"]) > 1.02 * axes.get(text["title"], 1e9)
    ]
    assert long == []


def test_no_letter_is_smaller_than_nine_pixels(drawn):
    tiny = {
        f"{name}: {text['text']!r} {text['size']:.1f}"
        for name, (texts, _, _) in drawn.items()
        for text in texts
        if text["size"] < 8.9
    }
    assert tiny == set()


def _cover(a, b):
    wide = min(a["right"], b["right"]) - max(a["left"], b["left"])
    high = min(a["bottom"], b["bottom"]) - max(a["top"], b["top"])
    return wide > 2 and high > 3


def test_no_text_lies_on_another(drawn):
    over = [
        f"{name}: {a['text']!r} and {b['text']!r}"
        for name, (texts, _, _) in drawn.items()
        for i, a in enumerate(texts)
        for b in texts[:i]
        if _cover(a, b)
    ]
    assert over == []


def test_numbers_on_cells_show_on_their_colours(drawn, figures):
    """Contrast of WCAG 2 of at least 4.5 between a number and its cell."""
    from plotly.colors import sample_colorscale, unlabel_rgb

    def light(colour):
        shares = np.array(unlabel_rgb(colour)) / 255
        return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    (heat,) = figures["heat"].data
    inks = [text["fill"] for text in drawn["heat"][0] if text["annotation"]]
    grounds = sample_colorscale("Cividis", ((heat.z - heat.zmin) / (heat.zmax - heat.zmin)).ravel().tolist())
    assert len(inks) == len(grounds) == 6
    for ink, ground in zip(inks, grounds, strict=True):
        dark, pale = sorted((light(ink), light(ground)))
        assert (pale + 0.05) / (dark + 0.05) >= 4.5


def test_pictures_of_one_hierarchy_show_one_number_of_levels(figures):
    tree, _, labels = _small_tree()
    n = len(tree.layers)
    assert len(figures["levels"].data[0].x) == n
    assert f"{n} levels" in figures["icicle"].layout.title.text
    assert len(figures["map"].layout.sliders[0].steps) == n + 1
    assert len(views.plot_level_strip(tree, labels).data[0].y) == n + 1


def test_the_map_shows_clusters_and_rings_on_request_only(drawn, figures, page):
    peaks = figures["map"].data[1]
    assert peaks.visible == "legendonly"
    item = page.locator("#map .legendtoggle").first
    item.scroll_into_view_if_needed()
    item.click()
    page.wait_for_timeout(600)
    assert page.eval_on_selector("#map", "figure => figure._fullData[1].visible") is True


def test_the_tree_starts_with_what_is_mixed_and_folds_what_is_right(figures):
    boxes = figures["icicle"].data[0]
    purity = dict(zip(boxes.ids, boxes.marker.colors, strict=True))
    tops = [key for key, parent in zip(boxes.ids, boxes.parents, strict=True) if parent == "all"]
    assert purity[tops[0]] < 1
    assert not [key for key, parent in zip(boxes.ids, boxes.parents, strict=True) if parent and purity[parent] == 1]
    assert "folded" in json.dumps(figures["icicle"].layout.title.text)
