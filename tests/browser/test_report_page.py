"""The report of a clustering, opened from disk as its reader does."""

import re

import pytest
import torch
from figures import colours, move_slider, painted, screenshot

import workbench as wb
from workbench import views
from workbench.cluster.predictors import similarity_predictor

pytestmark = pytest.mark.browser
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    random = torch.Generator().manual_seed(0)
    centres = torch.randn(12, 16, generator=random)
    labels = torch.arange(12).repeat_interleave(40)
    x = torch.nn.functional.normalize(centres[labels] + 0.25 * torch.randn(480, 16, generator=random), dim=1)
    tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(tau=0.8))
    images = (torch.rand(480, 12, 12, generator=random) * 255).to(torch.uint8).numpy()
    names = [NASTY, *(f"class {i}" for i in range(1, 12))]
    path = tmp_path_factory.mktemp("report") / "report.html"
    return views.cluster_report(
        path, tree, x[:, :2].numpy(), labels=labels, class_names=names, images=images, title=f"Report {NASTY}"
    )


@pytest.fixture(scope="module")
def opened(page, report):
    page.goto(report.as_uri())
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 8")
    page.wait_for_timeout(500)
    return page


def test_every_figure_is_drawn(opened):
    figures = opened.locator(".js-plotly-plot")
    assert figures.count() == 4
    assert painted(figures.nth(0)) > 500
    assert figures.nth(1).locator("path.surface").count() > 12
    assert all(figures.nth(i).bounding_box()["width"] > 600 for i in range(4))
    assert opened.locator("figure img").evaluate_all("all => all.every(i => i.naturalWidth > 100)")


def test_the_slider_recolours_the_map(opened):
    figure = opened.locator(".js-plotly-plot").first
    seen = []
    for share in (0.0, 0.5, 1.0):
        move_slider(opened, figure, share)
        seen.append(colours(figure))
    assert len(set(seen)) >= 2


def test_text_from_data_is_printed_and_never_runs(opened):
    assert opened.locator("h1").text_content() == f"Report {NASTY}"
    assert opened.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(opened, scheme):
    """Titles of the figures follow the page's ink: contrast of at least 4.5 to 1 (WCAG AA)."""
    opened.emulate_media(color_scheme=scheme)
    ink = opened.locator(".gtitle").first.evaluate("e => getComputedStyle(e).fill")
    ground = opened.locator(".panel").first.evaluate("e => getComputedStyle(e).backgroundColor")
    screenshot(opened, f"report-{scheme}", full_page=True)
    assert contrast(ink, ground) >= 4.5


def contrast(a: str, b: str) -> float:
    low, high = sorted(_luminance(colour) for colour in (a, b))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    values = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_nothing_went_wrong_and_nobody_was_asked(opened):
    assert opened.troubles == []
    assert [url for url in opened.asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_a_script_that_got_into_the_page_does_not_run(browser, report, tmp_path):
    """The policy knows two scripts by their hashes: even markup that were not escaped would stay still."""
    brought = "<script>document.title = 'ran'</script><img src=x onerror=\"document.title = 'ran'\"><p id=brought>"
    broken = tmp_path / "broken.html"
    broken.write_text(report.read_text(encoding="utf-8").replace("<footer>", f"{brought}<footer>"), encoding="utf-8")
    page = browser.new_page()
    page.goto(broken.as_uri())
    page.wait_for_selector(".js-plotly-plot .main-svg", state="attached")
    assert page.locator("#brought").count() == 1
    assert page.title() == f"Report {NASTY}"
    page.close()
