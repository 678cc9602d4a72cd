"""What a test can see of a plotly figure on a page."""

import time
from pathlib import Path

ARTEFACTS = Path(__file__).resolve().parents[1] / "artefacts"

# Colours of the first trace, as counts per colour number, read from the figure itself.
_COLOURS = """figure => {
  const counts = {};
  for (const colour of Array.from(figure._fullData[0].marker.color)) counts[colour] = (counts[colour] || 0) + 1;
  return JSON.stringify(counts);
}"""
# Share of the WebGL canvases' pixels that are painted.
_PAINTED = """figure => {
  let painted = 0;
  for (const canvas of figure.querySelectorAll('canvas')) {
    const flat = document.createElement('canvas');
    flat.width = canvas.width; flat.height = canvas.height;
    if (!canvas.width) continue;
    const context = flat.getContext('2d');
    context.drawImage(canvas, 0, 0);
    const data = context.getImageData(0, 0, flat.width, flat.height).data;
    for (let i = 3; i < data.length; i += 4) painted += data[i] > 0;
  }
  return painted;
}"""


_DRAWN = """([place, n]) => {
  const figures = Array.from(place.querySelectorAll('.js-plotly-plot'));
  return figures.length >= n && figures.every(figure => figure.calcdata && figure.querySelector('.main-svg'));
}"""


def colours(figure) -> str:
    return figure.evaluate(_COLOURS)


def painted(figure) -> int:
    """Pixels that the figure's canvases show."""
    return figure.evaluate(_PAINTED)


def wait_until_drawn(page, place, n: int, seconds: int = 180) -> None:
    """Until there are `n` figures at a place and each has drawn its data."""
    page.wait_for_function(_DRAWN, arg=[place.element_handle(), n], timeout=1000 * seconds)
    page.wait_for_timeout(500)


def wait_until_painted(page, figure, least: int = 500, seconds: int = 60) -> None:
    """Until the canvases show so many pixels: WebGL paints some time after the axes are drawn."""
    end = time.monotonic() + seconds
    while painted(figure) <= least:
        assert time.monotonic() < end, f"{painted(figure)} pixels are painted after {seconds} s"
        page.wait_for_timeout(250)


def move_slider(page, figure, share: float) -> None:
    """Click the slider of a figure at `share` of its length; plotly answers to the press itself."""
    rail = figure.locator(".slider-rail-touch-rect")
    rail.scroll_into_view_if_needed()
    box = rail.bounding_box()
    page.mouse.click(box["x"] + 2 + share * (box["width"] - 4), box["y"] + box["height"] / 2)
    page.wait_for_timeout(400)


def slider_text(figure) -> str:
    return figure.locator(".slider-label").first.text_content()


def screenshot(page, name: str, **options) -> Path:
    ARTEFACTS.mkdir(exist_ok=True)
    path = ARTEFACTS / f"{name}.png"
    page.screenshot(path=path, **options)
    return path
