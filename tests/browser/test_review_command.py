"""`workbench review` as it is typed: JupyterLab opens its notebook, and what is answered there is kept."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from figures import screenshot
from lab import run_all, serving
from test_review import Board

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def opened(page, tmp_path_factory):
    home = tmp_path_factory.mktemp("command")
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(8), 15)
    np.save(home / "features.npy", random.normal(size=(8, 24))[y] + 0.8 * random.normal(size=(120, 24)))
    pd.DataFrame({"word": [f"{kind} of kind {kind}" for kind in y]}).to_csv(home / "words.csv", index=False)
    typed = [sys.executable, "-m", "workbench", "review", "features.npy", "--texts", "words.csv", "-o", "mine", "--"]
    with serving(home, home, typed) as address:
        page.troubles.clear()
        page.home, page.address = home / "mine", address("lab/tree/review.ipynb")
        run_all(page, page.address)
        yield page
        page.goto("about:blank")


def test_answers_of_a_review_that_was_opened_by_its_command_are_kept(opened):
    board = Board(opened, "workbench-explorer")
    board.explorer.locator(".pair").click()
    first = board.explorer.locator(".ask .text").all_text_contents()
    assert all(" of kind " in text for text in first)
    board.press("y", steps=1)
    board.press("n", steps=2)
    board.press("u", steps=1)
    board.press("n", steps=2)
    screenshot(opened, "review-command")
    said = json.loads((opened.home / "corrections.json").read_text())["steps"]
    assert [bool(step["together"]) for step in said] == [True, False]

    run_all(opened, opened.address)  # the page anew, and all cells
    again = Board(opened, "workbench-explorer")
    assert " 2 corrections" in again.explorer.text_content()
    again.explorer.locator(".pair").click()  # so that the board hears keys
    again.press("u", steps=1)
    assert json.loads((opened.home / "corrections.json").read_text())["steps"] == said[:1]


def test_nothing_went_wrong(opened):
    assert opened.troubles == []
