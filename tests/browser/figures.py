"""What a test can see of a plotly figure on a page."""

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


def colours(figure) -> str:
    return figure.evaluate(_COLOURS)


def painted(figure) -> int:
    """Pixels that the figure's canvases show."""
    return figure.evaluate(_PAINTED)


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
