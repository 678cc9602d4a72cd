"""The tour in a real JupyterLab in a real browser: every cell run, the map's slider moved, the pictures looked at."""

import json

import pytest
from figures import colours, move_slider, painted, screenshot, slider_text
from lab import ROOT, run_all, running_lab

pytestmark = pytest.mark.browser


@pytest.fixture
def tour(tmp_path):
    """Address of the tour in its fast mode."""
    notebook = json.loads((ROOT / "notebooks" / "solutions" / "00_tour.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            cell["source"] = "seed = 0\nfast = True"
    with running_lab(tmp_path, {"00_tour.ipynb": notebook}) as address:
        yield address("00_tour.ipynb")


def test_the_tour_runs_and_its_map_answers(page, tour):
    run_all(page, tour)
    assert "Right: image" in " ".join(page.locator(".jp-OutputArea-output").all_text_contents())
    figure = page.locator(".js-plotly-plot", has=page.locator(".slider-rail-touch-rect")).first
    figure.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)
    assert painted(figure) > 500
    seen = {}
    for share, name in ((0.0, "first"), (0.5, "middle"), (1.0, "last")):
        move_slider(page, figure, share)
        seen[slider_text(figure)] = colours(figure)
        screenshot(page, f"tour-map-{name}")
    assert len(set(seen.values())) >= 2, seen
    _other_figures_are_drawn(page)


def _other_figures_are_drawn(page) -> None:
    figures = page.locator(".js-plotly-plot")
    assert figures.count() >= 5
    for i in range(figures.count()):
        figures.nth(i).scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        box = figures.nth(i).bounding_box()
        assert box["width"] > 300, f"figure {i} is {box['width']} px wide"
        assert box["height"] > 100
        screenshot(page, f"tour-figure-{i}")
    assert page.locator("path.surface").count() > 12
