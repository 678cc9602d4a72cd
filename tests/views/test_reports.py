import re

import numpy as np
import pandas as pd
import pytest

from workbench import views
from workbench.data import ImageSet
from workbench.views.reports.page import table_html

NASTY = "</script><script>alert(1)</script>"


def without_plotly(path):
    """The page without plotly.js itself."""
    text = path.read_text(encoding="utf-8")
    start, end = text.index("<script>"), text.index("</script>\n</head>")
    return text[:start] + text[end:]


@pytest.fixture
def page(tree, pictures, tmp_path):
    hierarchy, x, labels = tree
    path = views.cluster_report(
        tmp_path / "deep" / "report.html",
        hierarchy,
        x[:, :2].numpy(),
        ids=[NASTY] * 360,
        labels=labels,
        class_names=[NASTY] * 15,
        images=pictures,
        title=NASTY,
        facts={"tau": 0.6},
    )
    return path


def test_the_page_holds_plotly_once_and_asks_for_nothing(page):
    text = page.read_text(encoding="utf-8")
    assert text.count("plotly.js v") == 1
    assert "default-src 'none'" in text
    assert "script-src 'sha256-" in text
    assert "'unsafe-inline'" not in re.search(r"script-src[^;]*", text).group()
    rest = without_plotly(page)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", rest)
    assert 4_000_000 < page.stat().st_size < 8_000_000


def test_text_from_data_never_becomes_markup(page):
    assert "alert(1)</script>" not in without_plotly(page)


def test_the_page_has_all_parts(page):
    rest = without_plotly(page)
    assert rest.count('<script type="application/json">') == 4
    assert rest.count("data:image/png;base64,") >= 5
    for words in ("What you see", "What to look for", "Level summary", "0.600"):
        assert words in rest


def test_it_works_without_labels_images_or_ids(tree, tmp_path):
    hierarchy, x, _ = tree
    text = without_plotly(views.cluster_report(tmp_path / "r.html", hierarchy, x[:, :2].numpy()))
    assert "BCubed" not in text.split("<main>")[0]


def test_a_failed_write_leaves_the_old_page(tree, tmp_path):
    hierarchy, x, labels = tree
    old = tmp_path / "r.html"
    old.write_text("old")
    with pytest.raises(ValueError, match="labels: expected 360"):
        views.cluster_report(old, hierarchy, x[:, :2].numpy(), labels=labels[:3])
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]


def test_the_demo_report_shows_every_baseline_also_those_that_win(tree, pictures, tmp_path):
    hierarchy, x, labels = tree
    test = ImageSet(pictures, labels, tuple(f"c{i}" for i in range(15)), "toy/test")
    rows = [
        ("Hi-LANDER", 0.8, 0.7, 360),
        ("winner", 0.9, 0.8, 360),
        ("Hi-LANDER", 0.85, 0.7, 90),
        ("slow", 0.5, 0.4, 90),
    ]
    table = pd.DataFrame(rows, columns=["method", "bcubed_f", "pairwise_f", "n"]).assign(oracle=False, error="")
    history = pd.DataFrame({"epoch": [1, 2], "level": 0, "nodes": 9, "link_loss": [1, 0.5], "density_loss": 0.1})
    curve = pd.DataFrame({"tau": [0.4, 0.5], "bcubed_f": [0.7, 0.8], "error": 0.02, "n_clusters": 9})
    results = views.DemoResults(
        (views.DemoTest(test, hierarchy, x[:, :2].numpy(), table),),
        history,
        curve,
        0.5,
        disjoint=("a and b: disjoint",),
        seconds={"draw": 1.5},
        versions={"torch": "2"},
    )
    text = without_plotly(views.demo_report(tmp_path / "demo.html", results))
    for words in (
        "winner",
        "slow",
        "all 360 images",
        "a sample of whole classes, 90 images",
        "a and b: disjoint",
        "1.5",
    ):
        assert words in text


def test_a_table_aligns_numbers_and_shows_what_is_missing():
    frame = pd.DataFrame(
        {"name": ["a", "<b>"], "F": [0.5, np.nan], "n": [12345, 6], "told": [True, False], "seconds": [1.25, 60]}
    )
    html = table_html(views.Table(frame, strong=("a",), best=("F",)))
    for cell in (
        ">12,345<",
        ">–<",
        ">yes<",
        "&lt;b&gt;",
        ">1.2<",
        ">60.0<",
        '<span class="best">0.500</span>',
        'class="strong"',
    ):
        assert cell in html


def test_too_few_class_names_are_named_everywhere(tree, tmp_path):
    hierarchy, x, labels = tree
    xy = x[:, :2].numpy()
    calls = [
        lambda: views.cluster_report(tmp_path / "r.html", hierarchy, xy, labels=labels, class_names=["a"]),
        lambda: views.plot_icicle(hierarchy, labels, class_names=["a"]),
        lambda: views.explore_hierarchy(hierarchy, labels=labels, class_names=["a"], xy=xy),
        lambda: views.plot_panels({"map": xy}, labels, class_names=["a"]),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="class_names: expected a name for each class 0 to 14, counted"):
            call()
