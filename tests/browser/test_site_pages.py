"""Three pages of the course's site in a real browser: nothing serious by axe, nothing sideways, no network."""

import re
import shutil

import pytest
from controls import serious_violations
from figures import screenshot
from lab import ROOT

pytest.importorskip("myst_nb", reason="the site's builder is not installed: pip install -e '.[course]'")

from workbench.course.site import build_site

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # myst-nb and napoleon call what Sphinx will drop
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]
PAGES = ("index", "00_tour", "quiz")
_SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The first page, one lesson run in fast mode, and the quiz; axe takes minutes for the page of public names."""
    place = tmp_path_factory.mktemp("course")
    (place / "notebooks" / "solutions").mkdir(parents=True)
    for name in ("START.ipynb", "solutions/00_tour.ipynb"):
        shutil.copy(ROOT / "notebooks" / name, place / "notebooks" / name)
    return build_site(place / "notebooks", place / "site", fast=True, tell=lambda line: None)


@pytest.fixture(params=["light", "dark"])
def looked_at(page, request):
    page.emulate_media(color_scheme=request.param)
    page.look = request.param
    yield page
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 1000})


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious_on_a_page(site, looked_at, name):
    looked_at.goto((site / f"{name}.html").as_uri())
    looked_at.wait_for_timeout(500)
    assert serious_violations(looked_at) == []


@pytest.mark.parametrize("width", [1440, 1024, 760])
def test_pages_need_no_scrolling_sideways_and_no_network(site, looked_at, width):
    looked_at.set_viewport_size({"width": width, "height": 1000})
    looked_at.asked.clear()
    looked_at.troubles.clear()
    for name in PAGES:
        looked_at.goto((site / f"{name}.html").as_uri())
        looked_at.wait_for_timeout(500)
        screenshot(looked_at, f"site-{name}-{looked_at.look}-{width}")
        assert looked_at.evaluate(_SIDEWAYS) <= 0, name
    assert looked_at.troubles == []
    assert [address for address in looked_at.asked if re.match("(http|ws)s?:", address)] == []
