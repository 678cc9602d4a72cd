"""A small course as slides: a deck a lesson, figures without a kernel, no answers, nothing from the network."""

import json
import re

import pytest

pytest.importorskip("sphinx_revealjs", reason="reveal.js is not installed: pip install -e '.[dev]'")

from test_site import FIGURE, write_lesson

from workbench.course.slides import MARK, build_slides


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    place = tmp_path_factory.mktemp("course")
    write_lesson(place / "books", "00_one", "One & all", FIGURE, "# solution\nprint('the answer')")
    return build_slides(place / "books", place / "slides", fast=True, tell=lambda line: None)


def test_a_deck_for_each_lesson_and_a_page_that_lists_them(slides):
    first = (slides / "index.html").read_text(encoding="utf-8")
    assert '<a href="00_one.html">One &amp; all</a>' in first
    deck = (slides / "00_one.html").read_text(encoding="utf-8")
    assert deck.count("<section") >= 2
    assert "the answer" not in deck
    (data,) = re.findall(r'<script [^>]*type="application/json"[^>]*>(.*?)</script>', deck, flags=re.DOTALL)
    assert json.loads(data)["data"][0]["type"] == "scatter"


def test_everything_is_in_the_folder(slides):
    for page in slides.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r'<(?:script|link|img)[^>]+(?:href|src)="([^"#?]+)', text):
            assert (slides / link).exists(), f"{page.name}: {link}"
            assert not re.search(r"@import[^;]*//", (slides / link).read_text(encoding="utf-8")), link
        assert not re.search(r'<(script|link|img|iframe)[^>]+(src|href)="(https?:)?//', text)
        assert "cdnjs" not in text


def test_earlier_slides_are_replaced_but_no_other_folder(slides, tmp_path):
    assert (slides / MARK).exists()
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="no slides of this course"):
        build_slides("notebooks", tmp_path)
