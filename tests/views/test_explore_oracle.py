"""The oracle explorer without a browser: switches, flips, undo, and what is said of them."""

import ipywidgets as widgets
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import torch

import workbench as wb
from workbench.cluster.predictors import oracle_predictor
from workbench.evaluate.interventions import Edit
from workbench.views import level_table
from workbench.views.explore import explore_oracle
from workbench.views.explore.base import walk
from workbench.views.explore.oracle_panes import changes, meets, summary

NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def lander():
    return wb.load_checkpoint("glyphs-lander")


@pytest.fixture(scope="module")
def parts():
    random = torch.Generator().manual_seed(3)
    labels = torch.arange(15).repeat_interleave(24)
    x = torch.randn(15, 16, generator=random)[labels] + 0.9 * torch.randn(360, 16, generator=random)
    return torch.nn.functional.normalize(x, dim=1), labels.numpy()


@pytest.fixture
def explorer(lander, parts, pictures):
    x, labels = parts
    return explore_oracle(lander, x, labels, images=pictures, xy=x[:, :2].numpy())


def find(explorer, kind, name):
    return next(w for w in walk(explorer) if isinstance(w, kind) and w.description == name)


def switches(explorer, head):
    return [w for w in walk(explorer) if isinstance(w, widgets.Checkbox) and w.tooltip.startswith(f"True {head}")]


def press(explorer, name):
    find(explorer, widgets.Button, name).click()
    assert explorer.errors == []


def text(explorer):
    return " ".join(pane.value for pane in walk(explorer) if isinstance(pane, widgets.HTML))


def same(a, b):
    return len(a.levels) == len(b.levels) and all(
        torch.equal(x.labels, y.labels) for x, y in zip(a.levels, b.levels, strict=True)
    )


def own(lander, parts):
    return wb.build_hierarchy(parts[0], lander.predict, lander.inference)


def test_it_begins_with_the_models_own(explorer, lander, parts):
    assert same(explorer.hierarchy, own(lander, parts))
    assert explorer.errors == []
    mine, now = explorer._figure.data[:2]
    assert list(mine.y) == list(now.y) == list(level_table(explorer.hierarchy, parts[1])["bcubed_f"])
    assert "360 images" in text(explorer)


def test_all_switches_on_are_the_oracle(explorer, lander, parts):
    for head in ("links", "density"):
        for box in switches(explorer, head):
            box.value = True
    truth = wb.build_hierarchy(parts[0], oracle_predictor(torch.from_numpy(parts[1])), lander.inference)
    assert same(explorer.hierarchy, truth)
    press(explorer, "Reset")
    assert same(explorer.hierarchy, own(lander, parts))
    assert not any(box.value for head in ("links", "density") for box in switches(explorer, head))


def test_a_switch_and_its_trait_are_one(explorer):
    switches(explorer, "density")[1].value = True
    assert explorer.density == (1,)
    explorer.links = [0, 0]
    assert explorer.links == (0,)
    assert switches(explorer, "links")[0].value
    switches(explorer, "density")[1].value = False
    assert explorer.density == ()
    assert explorer.errors == []


def test_a_switch_changes_the_figure_and_says_by_how_much(explorer, parts):
    before = level_table(explorer.hierarchy, parts[1])
    switches(explorer, "links")[0].value = True
    after = level_table(explorer.hierarchy, parts[1])
    mine, now = explorer._figure.data[:2]
    assert list(mine.y) == list(before["bcubed_f"])
    assert list(now.y) == list(after["bcubed_f"]) != list(before["bcubed_f"])
    assert f"level 0 {after['bcubed_f'][0] - before['bcubed_f'][0]:+.4f}" in text(explorer)


def test_flip_and_undo_give_identical_labels(explorer, lander, parts):
    find(explorer, widgets.BoundedIntText, "Node").value = 17
    picker = explorer._picker
    assert picker.image == 17
    link = find(explorer, widgets.Dropdown, "Link to")
    before = int(picker.links.loc[picker.links["image"] == link.value, "above_tau"].iloc[0])
    press(explorer, "Forbid link" if before else "Force link")
    (edit,) = explorer.edits
    assert (edit.level, edit.node, edit.neighbor, edit.linkage) == (0, 17, link.value, 1 - before)
    at = explorer.hierarchy.levels[0]
    assert at.prediction.linkage[17][at.graph.neighbors[17] == link.value].tolist() == [1 - before]
    assert "Links flipped" in text(explorer)
    press(explorer, "Undo")
    assert explorer.edits == ()
    assert same(explorer.hierarchy, own(lander, parts))
    assert "No link is flipped" in text(explorer)


def test_flips_at_an_upper_level_name_images(explorer):
    find(explorer, widgets.BoundedIntText, "Level").value = 1
    at = explorer.hierarchy.levels[1]
    find(explorer, widgets.BoundedIntText, "Node").value = at.n_nodes - 1
    image = int(at.image[-1])
    assert explorer._picker.image == image
    neighbor = int(at.image[at.graph.neighbors[-1, 0]])
    explorer.flip(1, image, neighbor)
    assert explorer.edits[0].node == image
    assert torch.equal(explorer.hierarchy.levels[0].labels, explorer.study.own.levels[0].labels)
    assert explorer.errors == []


def test_a_flip_that_meets_no_link_any_more_is_marked(explorer, parts):
    at = explorer.hierarchy.levels[1]
    explorer.edits = [Edit(1, int(at.image[0]), int(at.image[at.graph.neighbors[0, 0]]), 0)]
    assert "it does nothing" not in text(explorer)
    explorer.edits = [Edit(40, 0, 1, 1)]
    assert "it does nothing" in text(explorer)
    assert not meets(explorer.edits[0], explorer.hierarchy)
    assert "BCubed F" in text(explorer)


def test_every_node_of_every_level_can_be_looked_at(explorer):
    level, node = (find(explorer, widgets.BoundedIntText, name) for name in ("Level", "Node"))
    for i in range(level.max + 1):
        level.value = i
        assert node.max == explorer.hierarchy.levels[i].n_nodes - 1
        for value in (0, node.max // 2, node.max):
            node.value = value
    assert explorer.errors == []


def test_the_map_shows_the_node_and_its_candidates(explorer, parts):
    find(explorer, widgets.BoundedIntText, "Node").value = 30
    ends = explorer._figure.data[-1]
    neighbors = explorer.hierarchy.levels[0].graph.neighbors[30].numpy()
    assert np.allclose(ends.x, parts[0][[*neighbors, 30], 0])
    assert ends.marker.symbol[-1] == "star"


def test_each_switch_alone_is_tried(explorer):
    press(explorer, "Try each alone")
    assert "+ true links" in text(explorer)
    best = explorer.study.gains()["gain"].max()
    assert f"{best:+.4f} BCubed F" in text(explorer)


def test_the_end_is_the_last_level_there_is():
    long = pd.DataFrame({"level": [0, 1], "clusters": [5, 3], "bcubed_f": [0.5, 0.6], "pairwise_f": [0.1, 0.2]})
    short = long.iloc[:1].assign(bcubed_f=0.75)
    rows = summary(long, short)
    assert rows["level"].tolist() == ["0", "1", "end"]
    assert rows["bcubed_own"].tolist() == [0.5, 0.6, 0.6]
    assert rows["bcubed_now"].fillna(-1).tolist() == [0.75, -1, 0.75]
    assert rows["clusters"].fillna(-1).tolist() == [5, -1, 5]
    assert changes(long, short) == "BCubed F: level 0 +0.2500, end +0.1500."


def test_it_works_without_images_and_places(lander, parts):
    explorer = explore_oracle(lander, *parts)
    switches(explorer, "links")[0].value = True
    assert explorer.errors == []
    assert len(explorer._figure.data) == 4


def test_a_node_without_neighbours_has_nothing_to_flip(lander):
    x = torch.eye(4)
    explorer = explore_oracle(lander, x, [0, 0, 1, 1])
    assert explorer.errors == []
    assert next(w for w in walk(explorer) if isinstance(w, widgets.Button) and "link" in w.description).disabled


def test_wrong_input_is_named(lander, parts, explorer):
    x, labels = parts
    with pytest.raises(ValueError, match="labels: expected 360 labels"):
        explore_oracle(lander, x, labels[:7])
    with pytest.raises(ValueError, match="xy: expected shape"):
        explore_oracle(lander, x, labels, xy=np.zeros((5, 2)))
    with pytest.raises(ValueError, match="images: expected 360"):
        explore_oracle(lander, x, labels, images=np.zeros((5, 8, 8), np.uint8))
    with pytest.raises(ValueError, match="links: expected an integer"):
        explorer.links = [99]
    for name in ("links", "density", "edits"):
        for wrong in (None, 1):
            with pytest.raises(TypeError, match=f"{name}: expected several, .* got {wrong}"):
                setattr(explorer, name, wrong)
    with pytest.raises(TypeError, match=r"edits: expected workbench.evaluate.Edit, got tuple"):
        explorer.edits = [(0, 1, 2, 1)]
    with pytest.raises(ValueError, match="edits: expected images 0 to 359"):
        explorer.edits = [Edit(0, 1, 4000, 1)]
    with pytest.raises(ValueError, match="is no candidate of image 0"):
        explorer.flip(0, 0, 0)


def test_controls_have_names_and_there_is_a_figure_without_a_kernel(explorer):
    kinds = (widgets.BoundedIntText, widgets.Dropdown, widgets.Button, widgets.Checkbox)
    assert all(w.description for w in walk(explorer) if isinstance(w, kinds))
    figure = explorer.static()
    assert isinstance(figure, go.Figure)
    assert len(figure.data) == 4
