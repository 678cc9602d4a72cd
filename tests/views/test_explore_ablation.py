"""The ablation panel without a browser: switches, the queue, errors, brushes, and a cell that is run again."""

import threading

import ipywidgets as widgets
import numpy as np
import pandas as pd
import pytest
from brief import BRIEF

import workbench as wb
from workbench.experiments.ablation import AblationData, configurations, describe, queue, run_grid
from workbench.views.explore import explore_ablation
from workbench.views.explore.base import walk

GRID = {"lander.layers": [1, 2, 3], "lander.conv": ["gcn", "gat"]}
NASTY = "<img src=x>"


@pytest.fixture
def data(blobs):
    x, y = blobs(n_classes=5, per_class=8)
    toy = wb.FeatureSet(x.numpy(), y.numpy())
    return AblationData(toy, {"toy": toy, NASTY: toy})


class Grid:
    """In place of `run_grid`: each run takes as long as `go` is held back; three layers fail."""

    def __init__(self):
        self.done, self.computed = set(), []
        self.went, self.go, self.held = threading.Semaphore(0), threading.Semaphore(0), False

    def __call__(self, grid, data, store, *, seeds, base, device, progress, stop):
        wanted = [(describe(factors), factors, seed) for factors, _ in configurations(grid, base) for seed in seeds]
        for config, _, seed in wanted:
            if (config, seed) not in self.done and not stop():
                self.went.release()
                assert not self.held or self.go.acquire(timeout=60)
                if not stop():
                    self.computed.append((config, seed))
                    self.done.add((config, seed))
        rows = [row for config, factors, seed in wanted if (config, seed) in self.done
                for row in self.rows(config, factors, seed)]  # fmt: skip
        return pd.DataFrame(rows)

    def rows(self, config, factors, seed):
        head = {**factors, "config": config, "seed": seed, "data": "d", "code": "c", "run": f"{config}{seed}"}
        if factors["lander.layers"] == 3:
            return [{**head, "test": "", "last": True, "error": f"RuntimeError: {NASTY}", "bcubed_f": np.nan}]
        score = 0.5 + 0.1 * factors["lander.layers"] + 0.01 * seed * (factors["lander.conv"] == "gcn")
        scores = dict.fromkeys(("pairwise_f", "bcubed_f", "item_f", "nmi", "n_clusters", "seconds_training"), score)
        return [
            {**head, "test": test, "level": level, "last": level == 1, "error": "", **scores}
            for test in ("toy", NASTY)
            for level in (0, 1)
        ]


@pytest.fixture
def runs(monkeypatch):
    fake = Grid()
    monkeypatch.setattr(queue, "run_grid", fake)
    yield fake
    fake.go.release(1000)


@pytest.fixture
def make(data, runs, request, tmp_path):
    made = []

    def build(grid=GRID, **more):
        more = {"seeds": [0, 1], "base": BRIEF, "name": request.node.name, **more}
        made.append(explore_ablation(grid, data, tmp_path, **more))
        return made[-1]

    yield build
    for panel in made:
        panel.stop()
    runs.go.release(1000)
    for panel in made:
        if panel.phase != "ready":
            panel.run._thread.join(60)


def press(panel, name):
    next(w for w in walk(panel) if isinstance(w, widgets.Button) and w.description == name).click()


def switch(panel, name):
    return next(w for w in walk(panel) if getattr(w, "description", "") == name)


def text(panel):
    return " ".join(pane.value for pane in walk(panel) if isinstance(pane, widgets.HTML))


def test_nothing_is_computed_before_compute_is_pressed(make, runs):
    panel = make()
    panel.choice = {"lander.layers": 2}
    assert (panel.phase, runs.computed, len(panel.table)) == ("ready", [], 0)
    assert [seed for _, seed in panel.run.waiting] == [0, 1, 0, 1]
    assert "No seed has a result of both yet" in text(panel)
    assert "queued" in text(panel)
    press(panel, "Compute")
    table = panel.wait(60)
    assert runs.computed == [("layers=2, conv=gcn", 0), ("layers=2, conv=gcn", 1),
                             ("layers=1, conv=gcn", 0), ("layers=1, conv=gcn", 1)]  # fmt: skip
    assert (panel.phase, len(table), panel.errors) == ("done", 16, [])
    assert "+0.1000, n = 2 seeds" in text(panel)
    assert "4 of 12 runs there" in text(panel)


def test_a_flip_shows_what_the_store_has_at_once(make, runs):
    runs.done = {(f"layers={n}, conv={conv}", seed) for n in (1, 2) for conv in ("gcn", "gat") for seed in (0, 1)}
    panel = make(reference={"lander.layers": 2, "lander.conv": "gcn"})
    panel._result.figure.data[0].name = "trace 0"  # as the browser calls the dots, and tells Python
    switch(panel, "layers").value = 0
    assert panel.choice == {"lander.layers": 1, "lander.conv": "gcn"}
    assert "These seeds show that chosen is worse" in text(panel)
    assert panel.run.waiting == []
    dots, mean, chosen_dots, chosen = panel._result.figure.data
    assert all(trace.visible for trace in (dots, mean, chosen_dots, chosen))
    assert chosen_dots.x.round(2).tolist() == [0.6, 0.61, 0.6, 0.6, 0.61, 0.61]  # the result, then both levels
    assert list(mean.y) == pytest.approx([-0.175, 0.825, 1.825])
    panel.choice = {"lander.layers": 2}
    assert not chosen.visible
    assert "This is the reference" in text(panel)
    assert runs.computed == panel.errors == []


def test_while_it_computes_what_is_flipped_comes_next(make, runs):
    runs.held = True
    panel = make()
    press(panel, "Compute")
    assert runs.went.acquire(timeout=60)
    assert "computing layers 1, convolution gcn, seed 0" in text(panel)
    panel.choice = {"lander.conv": "gat"}
    runs.go.release(1000)
    panel.wait(60)
    order = [config for config, _ in runs.computed]
    assert order == ["layers=1, conv=gcn", "layers=1, conv=gat", "layers=1, conv=gat", "layers=1, conv=gcn"]
    panel.choice = {"lander.layers": 2}  # and it goes on without being told to
    panel.wait(60)
    assert len(runs.computed) == 6


def test_stop_keeps_what_is_done_and_what_waits(make, runs):
    runs.held = True
    panel = make()
    press(panel, "Queue all")
    assert len(panel.run.waiting) == 12
    press(panel, "Compute")
    for _ in range(2):
        assert runs.went.acquire(timeout=60)
        if not runs.computed:
            runs.go.release()
    press(panel, "Stop")
    runs.go.release()
    panel.wait(60)
    assert (panel.phase, len(runs.computed), len(panel.run.waiting)) == ("stopped", 1, 11)
    runs.go.release(1000)
    press(panel, "Compute")
    panel.wait(60)
    assert (panel.phase, len(runs.computed)) == ("done", 12)


def test_a_run_that_fails_is_a_row_with_its_error(make):
    panel = make()
    panel.choice = {"lander.layers": 3}
    press(panel, "Compute")
    panel.wait(60)
    assert panel.errors == []
    assert "failed: RuntimeError: &lt;img src=x&gt;" in text(panel)
    assert "<b>2 failed</b>" in text(panel)
    assert "<img" not in text(panel)


def test_an_error_of_the_sweep_itself_is_shown_and_ends_it(make, runs, monkeypatch):
    panel = make()
    monkeypatch.setattr(runs, "rows", lambda *_: 1 / 0)
    press(panel, "Compute")
    with pytest.raises(RuntimeError, match="wait: the sweep failed: division"):
        panel.wait(60)
    assert panel.errors == ["ZeroDivisionError: division by zero"]
    assert (panel.phase, panel._wanted) == ("failed", False)


def test_a_combination_that_cannot_be_is_said_and_not_queued(make):
    panel = make([{}, {"lander.conv": "gat", "lander.heads": 2}])
    panel.choice = {"lander.heads": 2}
    assert "This combination cannot be" in text(panel)
    assert panel.errors == []
    assert all(factors["lander.heads"] == 1 for factors, _ in panel.run.waiting)
    switch(panel, "Configuration").value = "convolution gat, heads 2"
    assert panel.choice == {"lander.conv": "gat", "lander.heads": 2}
    assert "cannot be" not in text(panel)


def test_a_brush_of_the_browser_chooses_the_rows_of_the_table(make, runs):
    runs.done = {(f"layers={n}, conv={conv}", seed) for n in (1, 2, 3) for conv in ("gcn", "gat") for seed in (0, 1)}
    panel = make()
    assert len(panel.selection) == 8
    lines = panel._runs.figure.data[0]
    lines.dimensions[0].constraintrange = [0.9, 1.1]  # as plotly's own message sets it
    assert panel.brush == {"lander.layers": [(0.9, 1.1)]}
    for wrong in ([0.2, 0.8], None, 1):
        with pytest.raises(ValueError, match=r"brush: expected ranges \[\(low, high\), ...\]"):
            panel.brush = {"bcubed_f": wrong}
    assert panel.brush == {"lander.layers": [(0.9, 1.1)]}
    assert set(panel.selection["lander.layers"]) == {2}
    assert "4 of 8 runs inside the brushes" in text(panel)
    lines.dimensions[3].constraintrange = [[0.0, 0.65], [0.705, 0.8]]
    assert panel.selection["bcubed_f"].tolist() == pytest.approx([0.71])
    press(panel, "Clear brushes")
    assert (panel.brush, len(panel.selection)) == ({}, 8)
    assert lines.dimensions[0].constraintrange is None
    panel._filter._slider.value = (0.0, 0.65)  # by the keyboard
    assert set(panel.selection["lander.layers"]) == {1}
    panel.value = "nmi"
    assert panel._filter._slider.value == (0.0, 1.0)
    assert len(panel.selection) == 4
    assert panel.errors == []


def test_another_test_set_is_another_part_of_the_table(make, runs):
    runs.done = {("layers=1, conv=gcn", seed) for seed in (0, 1)}
    panel = make()
    panel.test = NASTY
    assert set(panel.selection["test"]) == {NASTY}
    assert "<img" not in text(panel)


def test_a_cell_run_again_gets_the_same_panel_with_new_figures(make, runs):
    panel = make()
    panel.choice = {"lander.layers": 2}
    press(panel, "Compute")
    panel.wait(60)
    assert make() is panel
    panel._repr_mimebundle_()
    first, brushed = panel._runs, {"lander.layers": [(-0.1, 0.1)]}
    panel.brush = brushed
    panel._repr_mimebundle_()
    assert panel._runs is not first
    assert first.figure not in panel.children
    assert list(panel._runs.figure.data[0].dimensions[0].constraintrange) == [-0.1, 0.1]
    assert panel.brush == brushed
    assert make(reference={"lander.layers": 1, "lander.conv": "gat"}) is not panel
    assert panel.errors == []


def test_another_panel_of_the_name_waits_until_this_one_is_stopped(make, runs):
    runs.held = True
    press(make(), "Compute")
    assert runs.went.acquire(timeout=60)
    with pytest.raises(RuntimeError, match=r"a sweep called .* with other arguments is running"):
        make(seeds=[7])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"reference": {"lander.layers": 1}}, "fits 2; there is: layers=1, conv=gcn, layers=1, conv=gat"),
        ({"reference": {"lander.layers": 9}}, "fits 0"),
        ({"grid": {"lander.layer": [1]}}, "no setting 'lander.layer'"),
    ],
)
def test_wrong_input_is_refused_at_once(make, more, words):
    with pytest.raises(ValueError, match=words):
        make(**more)


def test_wrong_values_of_the_traits_are_refused_by_name(make):
    panel = make()
    with pytest.raises(ValueError, match=r"choice: expected one of .*, got 'lander.layers': 9"):
        panel.choice = {"lander.layers": 9}
    with pytest.raises(ValueError, match=r"choice: .*got 'heads': 1"):
        panel.choice = {"heads": 1}


def test_without_a_kernel_there_is_a_figure(make, runs):
    runs.done = {("layers=1, conv=gcn", 0)}
    assert make().static().layout.title.text.startswith("BCubed F, chosen and reference")


def test_with_a_real_run_the_table_is_that_of_run_grid(data, tmp_path):
    go = {"seeds": [0], "base": BRIEF.change("inference.max_levels", 1)}
    panel = explore_ablation({"lander.layers": [1, 2]}, data, tmp_path, name="real", **go)
    panel.start()
    table = panel.wait(300)
    pd.testing.assert_frame_equal(table, run_grid([{"lander.layers": 1}], data, tmp_path, progress=False, **go))
    assert set(table["test"]) == {"toy", NASTY}
    assert "1 of 2 runs there" in text(panel)
    assert panel.errors == []
