"""A browser to drive, or the reason why there is none."""

import os
import shutil

import pytest

SWITCHES = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


# anywidget gives a figure two seconds, which a busy machine misses; it is drawn all the same, as the tests see.
_LATE = "[anywidget] Failed to initialize model."


def _missing(reason: str) -> None:
    """Skip, or fail where the environment says that a browser must be there."""
    if os.environ.get("WORKBENCH_REQUIRE_BROWSER") == "1":
        pytest.fail(f"WORKBENCH_REQUIRE_BROWSER=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, driven by Playwright."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        _missing(f"there is no browser on the path (looked for {', '.join(_NAMES)})")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("Playwright is not installed: pip install playwright")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=SWITCHES)
        yield running
        running.close()


def _answer(dialog, troubles: list) -> None:
    """Leave a notebook that is not saved; anything else that pops up is a trouble."""
    if dialog.type == "beforeunload":
        dialog.accept()
        return
    troubles.append(dialog.message)
    dialog.dismiss()


@pytest.fixture(scope="module")
def page(browser):
    """A page for one file's tests; it notes what goes wrong on it in `troubles`, what it asks for in `asked`."""
    opened = browser.new_page(viewport={"width": 1280, "height": 1000})
    opened.troubles, opened.asked = [], []
    opened.on("pageerror", lambda error: opened.troubles.append(str(error)) if str(error) != _LATE else None)
    opened.on("console", lambda message: opened.troubles.append(message.text) if message.type == "error" else None)
    opened.on("dialog", lambda dialog: _answer(dialog, opened.troubles))
    opened.on("request", lambda request: opened.asked.append(request.url))
    yield opened
    opened.close()
