import pandas as pd
import pytest
import torch
import traitlets

import workbench as wb
from workbench.cluster.predictors import similarity_predictor
from workbench.evaluate.errors import NEVER, false_merges, false_splits, links_between
from workbench.evaluate.link_decisions import read_rule
from workbench.views.explore import explore_errors, explore_links
from workbench.views.explore.base import walk
from workbench.views.explore.error_panes import level_by_level

EVIL = "<img src=x onerror=alert(1)>"


def html_of(explorer):
    return " ".join(w.value for w in walk(explorer) if type(w).__name__ == "HTML")


def control(explorer, kind):
    return next(w for w in walk(explorer) if type(w).__name__ == kind)


@pytest.fixture
def wrong(blobs, pictures):
    """(hierarchy, labels, pictures) with both kinds of mistakes."""
    x, labels = blobs(n_classes=15, per_class=24, noise=0.2, seed=3)
    tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=4, tau=0.66))
    mixed = labels.clone()
    mixed[::11] = (mixed[::11] + 1) % 15
    return tree, mixed.numpy(), pictures


def test_every_mistake_of_both_kinds_can_be_shown(wrong):
    tree, labels, pictures = wrong
    explorer = explore_errors(tree, pictures, labels=labels)
    for kind, expected in (("merges", false_merges(tree, labels)), ("splits", false_splits(tree, labels))):
        explorer.kind = kind
        assert len(expected) > 3
        assert explorer.row == 0
        pd.testing.assert_frame_equal(explorer.table[expected.columns], expected)
        assert len(control(explorer, "Select").options) == min(200, len(expected))
        for row in range(0, min(200, len(expected)), 5):
            explorer.row = row
            assert (explorer.level, explorer.selection) == tuple(expected[["level", "child_image"]].iloc[row])
            assert f"<b>{expected['f_gain'].iloc[row]:+.4f}</b>" in html_of(explorer)
    assert explorer.errors == []


def test_a_split_shows_the_links_between_its_own_two_clusters(wrong):
    tree, labels, _ = wrong
    explorer, splits, rule = explore_errors(tree, labels=labels), false_splits(tree, labels), read_rule(tree.levels)
    explorer.kind = "splits"
    seen = set()
    for row in range(len(explorer._list.options)):
        explorer.row = row
        expected = level_by_level(links_between(tree, splits.iloc[[row]], rule), rule.tau)
        assert explorer._sides.value.endswith(expected)
        seen.add(expected)
    assert len(seen) > 3


def test_a_mistake_is_drawn_once(wrong, monkeypatch):
    tree, labels, _ = wrong
    explorer, drawn = explore_errors(tree, labels=labels), []
    refresh = explorer._refresh
    monkeypatch.setattr(explorer, "_refresh", lambda: drawn.append(explorer.row) or refresh())
    explorer.kind = "splits"  # from the first row, and below from another
    explorer.row = 3
    explorer.kind = "merges"
    assert drawn == [0, 3, 0]


def test_number_list_and_trait_are_one(wrong):
    tree, labels, _ = wrong
    explorer = explore_errors(tree, labels=labels)
    listed, number, kinds = (control(explorer, kind) for kind in ("Select", "BoundedIntText", "ToggleButtons"))
    listed.value = 2
    assert (explorer.row, number.value) == (2, 3)
    number.value = 2
    assert (explorer.row, listed.value) == (1, 1)
    number.value = number.max
    assert explorer.row == len(listed.options) - 1
    kinds.value = "splits"
    assert (explorer.kind, explorer.row, number.value, listed.value) == ("splits", 0, 1, 0)
    assert number.max == len(listed.options)
    assert explorer.errors == []


def test_only_so_many_are_listed_but_the_table_has_all_merges(wrong):
    tree, labels, _ = wrong
    explorer = explore_errors(tree, labels=labels, n=2)
    assert len(control(explorer, "Select").options) == 2
    assert len(explorer.table) == len(false_merges(tree, labels)) > 2
    assert "the 2 costliest listed" in html_of(explorer)
    explorer.kind = "splits"
    assert len(explorer.table) == 2


def test_the_table_is_written_whole(wrong, tmp_path):
    tree, labels, _ = wrong
    names = ['a,"b"', *(f"class {i}" for i in range(1, 15))]
    explorer = explore_errors(tree, labels=labels, class_names=names)
    for kind in ("merges", "splits"):
        explorer.kind = kind
        path = explorer.export(tmp_path / "new" / f"{kind}.csv")
        read = pd.read_csv(path, keep_default_na=False, na_values={"linkage": [""]})
        pd.testing.assert_frame_equal(read, explorer.table, check_dtype=False)
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["merges.csv", "splits.csv"]


def test_the_button_exports_and_shows_what_goes_wrong(wrong, tmp_path):
    tree, labels, _ = wrong
    explorer = explore_errors(tree, labels=labels)
    file, export = control(explorer, "Text"), control(explorer, "Button")
    file.value = str(tmp_path / "out.csv")
    export.click()
    assert (tmp_path / "out.csv").exists()
    assert "Written" in html_of(explorer)
    (tmp_path / "file").write_text("")
    file.value = str(tmp_path / "file" / "out.csv")
    export.click()
    assert len(explorer.errors) == 1
    assert "role='alert'" in html_of(explorer)


def test_text_from_data_is_escaped(wrong):
    tree, labels, pictures = wrong
    ids = [f"{EVIL}{i}" for i in range(360)]
    explorer = explore_errors(tree, pictures, labels=labels, class_names=[EVIL] * 15, ids=ids)
    for kind in ("merges", "splits"):
        explorer.kind = kind
        assert "<img src=x" not in html_of(explorer)
        assert "&lt;img src=x" in html_of(explorer)
        assert "<img src=x" not in str(explorer.static().to_dict())


def test_no_mistake_says_so(blobs):
    x, labels = blobs(noise=0.01)
    tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=25, tau=0.9))
    explorer = explore_errors(tree, labels=labels)
    assert "No link joined images of different classes" in html_of(explorer)
    explorer.kind = "splits"
    assert "No class lies in more than one cluster" in html_of(explorer)
    assert (explorer.level, explorer.selection, explorer.errors) == (-1, -1, [])
    assert explorer.table.empty
    assert explorer.static().data[0].type == "table"
    explorer.kind = "merges"
    assert explorer.row == 0


def test_clusters_that_were_never_compared():
    tree = wb.build_hierarchy(torch.eye(4), similarity_predictor, wb.InferenceConfig())
    explorer = explore_errors(tree, labels=[0, 0, 1, 2])
    explorer.kind = "splits"
    assert NEVER in html_of(explorer)
    assert "never compared" in html_of(explorer)
    assert (explorer.level, explorer.selection, explorer.errors) == (-1, -1, [])


def test_the_link_inspector_can_follow(wrong):
    tree, labels, _ = wrong
    errors, links = explore_errors(tree, labels=labels), explore_links(tree, labels=labels)
    for trait in ("level", "selection"):
        traitlets.dlink((errors, trait), (links, trait))
    errors.row = 1
    merge = errors.table.iloc[1]
    assert (links.level, links.selection) == (merge["level"], merge["child_image"])
    assert merge["parent_image"] in links.path


def test_level_by_level_has_a_row_per_level():
    rows = {"level": [0, 2], "links": [3, 1], "linkage": [0.4, 0.2], "why": ["not denser", "linkage not above tau"]}
    html = level_by_level(pd.DataFrame(rows), 0.5)
    assert html.count("<tr>") == 3
    assert "✘ not denser" in html


def test_bad_input(wrong):
    tree, labels, pictures = wrong
    with pytest.raises(ValueError, match="labels: expected 360 labels"):
        explore_errors(tree, labels=labels[:3])
    with pytest.raises(ValueError, match="images: expected 360"):
        explore_errors(tree, pictures[:3], labels=labels)
    with pytest.raises(ValueError, match="n: expected an integer >= 1"):
        explore_errors(tree, labels=labels, n=0)
    with pytest.raises(ValueError, match="tau: expected the one"):
        explore_errors(tree, labels=labels, tau=0.01)
    explorer = explore_errors(tree, labels=labels)
    with pytest.raises(ValueError, match="row: expected"):
        explorer.row = 10**6
    with pytest.raises(traitlets.TraitError, match="merges"):
        explorer.kind = "neither"
    assert (explorer.row, explorer.kind) == (0, "merges")
