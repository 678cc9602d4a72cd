"""Hands on an explorer: every control set to its least, middle and greatest value, figures clicked and lassoed."""

from lab import IDLE

_MOST = 6  # controls of one kind that are tried: a table of numbers has dozens that are alike
# Where a figure's points are on the page: of its first trace that has any.
POINTS = """figure => {
  const box = figure.getBoundingClientRect(), axes = figure._fullLayout;
  for (const trace of figure._fullData) {
    if (!trace.type.startsWith('scatter') || !trace.x || trace.x.length < 3 || trace.hoverinfo === 'skip') continue;
    const x = axes[trace.xaxis.replace('x', 'xaxis')], y = axes[trace.yaxis.replace('y', 'yaxis')];
    const places = Array.from(trace.x, (value, i) => [x._offset + x.c2p(value), y._offset + y.c2p(trace.y[i])]);
    return places.filter(place => place.every(Number.isFinite)).map(place => [box.x + place[0], box.y + place[1]]);
  }
  return Array.from(figure.querySelectorAll('.point path, path.surface'), shape => {
    const place = shape.getBoundingClientRect();
    return [place.x + place.width / 2, place.y + place.height / 2];
  });
}"""


def work_through(page, explorer) -> set[str]:
    """Try every control and figure of an explorer; the kinds that were found."""
    kinds = {
        "slider": _sliders,
        "number": _numbers,
        "list": _lists,
        "box": _boxes,
        "button": _buttons,
        "figure": _figures,
    }
    return {kind for kind, hands in kinds.items() if hands(page, explorer)}


def idle(page, seconds: int = 60) -> None:
    """Wait until the kernel has answered everything."""
    page.wait_for_timeout(250)
    page.wait_for_function(IDLE, timeout=1000 * seconds)


def tab_to(page, explorer, selector: str, most: int = 12) -> None:
    """Press Tab until a control of this kind has the focus."""
    wanted = explorer.locator(f"{selector}:focus")
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.count():
            return
    raise AssertionError(f"Tab does not reach {selector} within {most} steps")


def _usable(explorer, selector: str) -> list:
    found = explorer.locator(selector)
    return [
        found.nth(i)
        for i in range(min(found.count(), _MOST))
        if found.nth(i).is_visible() and found.nth(i).is_enabled()
    ]


def _sliders(page, explorer) -> int:
    """By the keyboard, as who has no mouse: Home, the middle of the rail, End."""
    sliders = _usable(explorer, "[role=slider]")
    for slider in sliders:
        slider.focus()
        slider.press("Home")
        idle(page)
        rail = slider.locator("xpath=ancestor::*[contains(@class, 'noUi-target')]").bounding_box()
        page.mouse.click(rail["x"] + rail["width"] / 2, rail["y"] + rail["height"] / 2)
        idle(page)
        slider.press("End")
        idle(page)
    return len(sliders)


def _numbers(page, explorer) -> int:
    fields = _usable(explorer, "input[type=number]")
    for field in fields:
        low, high = (int(field.get_attribute(bound) or 0) for bound in ("min", "max"))
        for value in (low, (low + high) // 2, high):
            if field.is_enabled():
                field.fill(str(value))
                field.press("Enter")
                idle(page)
    return len(fields)


def _lists(page, explorer) -> int:
    lists = _usable(explorer, "select")
    for one in lists:
        n = one.locator("option").count()
        for index in sorted({0, n // 2, n - 1}) if n else ():
            one.select_option(index=min(index, one.locator("option").count() - 1))
            idle(page)
    return len(lists)


def _boxes(page, explorer) -> int:
    boxes = _usable(explorer, "input[type=checkbox]")
    for box in boxes * 2:  # on, then off again
        box.click()
        idle(page)
    return len(boxes)


def _buttons(page, explorer) -> int:
    """All that can be pressed when their turn comes; Play and Stop among them."""
    buttons = explorer.locator("button.widget-button, button.widget-toggle-button, .widget-play button")
    for i in range(buttons.count()):
        if i < buttons.count() and buttons.nth(i).is_visible() and buttons.nth(i).is_enabled():
            buttons.nth(i).click()
            idle(page)
    return buttons.count()


def _figures(page, explorer) -> int:
    """Click a first, a middle and a last point; draw a lasso where the figure takes one."""
    figures = explorer.locator(".js-plotly-plot")
    for i in range(figures.count()):
        figure = figures.nth(i)
        figure.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        points = figure.evaluate(POINTS)
        for x, y in {tuple(points[at]) for at in (0, len(points) // 2, -1)} if points else ():
            page.mouse.move(x - 3, y - 3)
            page.mouse.move(x, y)
            page.wait_for_timeout(150)
            page.mouse.click(x, y)
            idle(page)
        if figure.evaluate("f => f._fullLayout.dragmode") == "lasso":
            left, top, wide, high = figure.bounding_box().values()
            lasso(page.mouse, left + 0.1 * wide, top + 0.2 * high, 0.3 * wide, 0.6 * high)  # of its left map
            idle(page)
    return figures.count()


def lasso(mouse, x, y, wide, high) -> None:
    """Around a rectangle of the page, given by its upper left corner."""
    mouse.move(x, y)
    mouse.down()
    for dx, dy in ((wide, 0), (wide, high), (0, high), (0, 4)):
        mouse.move(x + dx, y + dy, steps=5)
    mouse.up()


def serious_violations(page, context=None):
    """What axe calls serious or critical: its rule and the element."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=context).response["violations"]
    worst = [one for one in found if one["impact"] in ("serious", "critical")]
    return [(one["id"], node["html"][:120]) for one in worst for node in one["nodes"]]
