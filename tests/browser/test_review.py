"""A whole review in a real JupyterLab: answer, undo, merge, split, move, name, label, export, open again."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from controls import idle, lasso
from figures import screenshot, wait_until_drawn
from lab import notebook_of, run_all, running_lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MODEL = """
import numpy as np, workbench as wb
from workbench.views import explore_review
random = np.random.default_rng(0)
y = np.repeat(np.arange(10), 12)
x = random.normal(size=(10, 24))[y] + 0.7 * random.normal(size=(120, 24))
images = np.clip(25 * y[:, None, None] + random.integers(0, 30, (120, 12, 12)), 0, 255).astype(np.uint8)
xy = np.stack([y + x[:, 0] / 20, x[:, 1]], axis=1)
explorer = explore_review(wb.HiLander(k=8).fit(x), images, path="mine.json", xy=xy)
explorer.add_class("explorer-review")
explorer
"""
TEXTS = """
texts = explore_review(wb.HiLander(k=8).fit(x), texts=["<img src=x onerror=alert(1)> & more"] * 120)
texts.add_class("explorer-texts")
texts
"""


@pytest.fixture(scope="module")
def opened(page, tmp_path_factory):
    home = tmp_path_factory.mktemp("review")
    with running_lab(home, {"review.ipynb": notebook_of(MODEL.strip(), TEXTS.strip())}) as address:
        page.troubles.clear()
        run_all(page, address("review.ipynb"))
        page.home, page.address = home / "work", address("review.ipynb")
        yield page
        page.goto("about:blank")


class Board:
    """A review explorer on the page."""

    def __init__(self, page, name):
        self.page = page
        self.explorer = page.locator(f".{name}").first
        self.explorer.scroll_into_view_if_needed()
        self.explorer.locator(".wb-board").wait_for()

    def do(self, act, steps=None):
        """Something that is answered by the kernel; nothing of it may fail. `steps`: corrections there are then."""
        act()
        idle(self.page)
        alert = self.explorer.locator("[role=alert]")
        done = self.explorer.get_by_text("correction" if steps is None else f" {steps} correction")
        done.or_(alert).first.wait_for()
        self.page.wait_for_timeout(100)
        assert alert.all_text_contents() == []

    def press(self, key, steps=None):
        self.do(lambda: self.page.keyboard.press(key), steps)

    def row(self, item):
        """The row on the board that holds this item."""
        return self.explorer.locator(".row", has=self.page.locator(f".item[data-row='{item}']"))

    def items(self):
        """The items of each cluster that is shown."""
        rows = self.explorer.locator(".row")
        read = "cells => cells.map(cell => +cell.dataset.row)"
        return [rows.nth(i).locator(".item").evaluate_all(read) for i in range(rows.count())]

    def item(self, row):
        return self.explorer.locator(f".item[data-row='{row}']")

    @property
    def pair(self):
        return self.explorer.locator(".ask img").evaluate_all("images => images.map(image => image.alt)")


def test_a_whole_review(opened):
    board = Board(opened, "explorer-review")
    wait_until_drawn(opened, board.explorer, 1)
    screenshot(opened, "review")
    apart = _answer_by_keys(board)
    _contradict_and_take_back(board, apart)
    apart += _select_and_drag(board)
    _merge_and_split(board, apart)
    _name_and_confirm(board)
    _lasso_and_label(board)
    screenshot(opened, "review-used")
    _export_and_open_again(board)


def _answer_by_keys(board):
    board.explorer.locator(".pair").click()
    first = board.pair
    board.press("y", steps=1)
    assert board.pair != first
    board.press("u", steps=0)
    assert board.pair == first
    board.press("Space")
    assert board.pair != first
    board.press("u")
    assert board.pair == first
    board.press("n", steps=1)
    assert board.pair != first
    return [int(alt.split()[1]) for alt in first]


def _contradict_and_take_back(board, apart):
    board.item(apart[1]).click()
    board.do(lambda: board.row(apart[0]).get_by_role("button", name="merge").click(), steps=1)
    refused = board.explorer.locator(".against")
    assert "You said before: different" in refused.text_content()
    assert refused.locator("img").count() == 2
    screenshot(board.page, "review-refused")
    board.do(lambda: refused.get_by_role("button", name="take that back").click(), steps=0)
    assert refused.count() == 0
    assert sorted(int(alt.split()[1]) for alt in board.pair) == sorted(apart)  # asked again
    board.press("n", steps=1)


def _select_and_drag(board):
    shown = board.items()
    source, target = sorted((rows for rows in shown if len(rows) > 4), key=len)[-2:]
    board.item(source[0]).click()
    board.item(source[2]).click(modifiers=["Shift"])
    assert "3 selected" in board.explorer.locator(".chosen").text_content()
    board.do(lambda: board.item(source[1]).drag_to(board.row(target[0]).locator(".facts")), steps=2)
    assert set(source[:3]) | set(target) <= set(np.concatenate([r for r in board.items() if target[0] in r]).tolist())
    assert board.explorer.locator(".item[aria-selected=true]").count() == 0
    return source + target


def _merge_and_split(board, apart):
    one, other = [rows for rows in board.items() if not set(apart) & set(rows)][:2]
    board.item(other[0]).click()
    board.do(lambda: board.row(one[0]).get_by_role("button", name="merge").click())
    merged = next(rows for rows in board.items() if one[0] in rows)
    assert other[0] in merged
    board.press("u")  # the board has the focus, wherever the last click was
    largest = max(board.items(), key=len)
    for row in largest[-2:]:
        board.item(row).click()
    board.do(lambda: board.row(largest[0]).get_by_role("button", name="split").click(), steps=3)
    assert sorted(largest[-2:]) in [sorted(rows) for rows in board.items()]


def _name_and_confirm(board):
    row = board.items()[1][0]
    name = board.row(row).get_by_placeholder("name")
    name.fill("yung cups")  # Y, N, U and space are letters here
    board.do(lambda: name.press("Enter"))
    assert board.row(row).get_by_placeholder("name").input_value() == "yung cups"
    board.do(lambda: board.row(row).get_by_role("button", name="confirm").click(), steps=5)
    assert "1 confirmed" in board.explorer.text_content()


def _lasso_and_label(board):
    figure = board.explorer.locator(".js-plotly-plot")
    figure.scroll_into_view_if_needed()
    left, top, wide, high = figure.bounding_box().values()
    lasso(board.page.mouse, left + 0.75 * wide, top + 40, 0.24 * wide, 0.95 * high - 40)  # its right quarter
    chosen = board.explorer.locator(".chosen")
    chosen.wait_for()  # the kernel says what was chosen
    screenshot(board.page, "review-lasso")
    many = int(re.search(r"(\d+) selected", chosen.text_content())[1])
    assert 2 < many < 118
    label = chosen.get_by_placeholder("label")
    label.fill("right")
    board.do(lambda: label.press("Enter"), steps=6)
    assert f"{many} rows are right" in board.explorer.locator("[role=status]").text_content()
    assert not chosen.is_visible()


def _export_and_open_again(board):
    page = board.page
    board.explorer.get_by_placeholder("labels.csv").fill("labels.csv")
    board.do(lambda: board.explorer.get_by_role("button", name="Export").click())
    table = pd.read_csv(page.home / "labels.csv", keep_default_na=False)
    assert len(table) == 120
    assert {"yung cups", "right"} <= set(table["name"])
    assert table["confirmed"].any()
    actions = [step["action"] for step in json.loads((page.home / "mine.json").read_text())["steps"]]
    assert actions == ["answer", "move", "split", "name", "confirm", "label"]

    run_all(page, page.address)  # the page anew, and all cells: what was saved is taken over
    again = Board(page, "explorer-review")
    assert " 6 corrections" in again.explorer.text_content()
    again.explorer.get_by_placeholder("labels.csv").fill("again.csv")
    again.do(lambda: again.explorer.get_by_role("button", name="Export").click())
    assert (page.home / "again.csv").read_text() == (page.home / "labels.csv").read_text()


def test_texts_are_answered_too_and_stay_text(opened):
    board = Board(opened, "explorer-texts")
    board.explorer.locator(".pair").click()
    board.press("y", steps=1)
    screenshot(opened, "review-texts")
    assert opened.locator("img[src=x]").count() == 0
    assert board.explorer.locator(".text").count() > 10


def test_what_another_window_saved_is_not_overwritten(opened):
    board = Board(opened, "explorer-review")
    file = opened.home / "mine.json"
    theirs = file.read_text() + "\n"
    file.write_text(theirs)
    board.explorer.locator(".pair").click()
    opened.keyboard.press("y")
    board.explorer.locator("[role=alert] b").get_by_text("mine.json was changed elsewhere").wait_for()
    screenshot(opened, "review-elsewhere")
    assert file.read_text() == theirs


def test_nothing_went_wrong(opened):
    assert opened.troubles == []
    assert opened.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
