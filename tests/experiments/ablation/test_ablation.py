"""Ablations: the grid says what runs, the store that each runs once, the effects what may be compared."""

import inspect
import json
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import fields
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from brief import BRIEF
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

import workbench as wb
from workbench import ablation
from workbench._core import provenance
from workbench._core.provenance import FOLDERS
from workbench.evaluate.intervals import intervals
from workbench.experiments.ablation import (
    AblationData,
    Store,
    configurations,
    differences,
    effects,
    presets,
    run_grid,
    sets,
    sweep,
)
from workbench.experiments.ablation.effects import verdicts
from workbench.experiments.ablation.run import Run
from workbench.experiments.ablation.store import check_run
from workbench.experiments.ablation.use import subgraph_predictor
from workbench.graph.knn import KnnGraph
from workbench.graph.nodes import Nodes
from workbench.train.losses import LossConfig


@pytest.fixture
def data(blobs):
    train, test = blobs(n_classes=8, per_class=10, seed=1), blobs(n_classes=5, per_class=12, noise=0.1, seed=2)
    sets = [wb.FeatureSet(x.numpy(), y.numpy()) for x, y in (train, test)]
    return AblationData(sets[0], {"new": sets[1], "known": sets[0]})


@pytest.fixture
def counted(monkeypatch):
    """Replaces the training by a count: list of (factors, seed) computed; what `fail` says fails."""
    calls = []

    def compute(run, data, place, device, stop):
        calls.append((tuple(run.factors.values()), run.seed))
        if run.factors.get("lander.hidden") == 13:
            raise RuntimeError("unlucky")
        if run.factors.get("lander.hidden") == 28 and len(calls) == 1:
            raise OSError(28, "No space left on device")
        row = {"test": "new", "level": 0, "last": True, "nodes": 9, "links_added": 1, **wb.scores([0, 1], [0, 1])}
        return {"rows": [{**row, "n_parameters": 7}], "error": ""}

    monkeypatch.setattr(sweep, "computed", compute)
    return calls


# ---------------------------------------------------------------- settings and grids


def test_a_grid_is_every_combination_over_the_base():
    found = configurations({"lander.hidden": [8, 16], "training.loss.gamma": [0.0, 2.0]}, BRIEF)
    assert [tuple(factors.values()) for factors, _ in found] == [(8, 0.0), (8, 2.0), (16, 0.0), (16, 2.0)]
    settings = found[-1][1]
    assert (settings.lander.hidden, settings.training.loss.gamma, settings.training.epochs) == (16, 2.0, 4)
    assert settings.training.loss.balanced  # what is not named stays


def test_a_list_of_changes_is_one_factor_at_a_time():
    found = configurations([{}, {"lander.layers": 1}, {"tau": 0.5}], BRIEF)
    assert [factors for factors, _ in found] == [
        {"lander.layers": 2, "tau": "auto"},
        {"lander.layers": 1, "tau": "auto"},
        {"lander.layers": 2, "tau": 0.5},
    ]
    assert ablation.describe(found[1][0]) == "layers=1, tau=auto"


def test_changes_that_need_each_other_are_made_in_a_possible_order():
    ((_, settings),) = configurations([{"lander.heads": 2, "lander.conv": "gat"}])
    assert (settings.lander.heads, settings.lander.conv) == (2, "gat")
    ((_, teacher),) = configurations([{"training.policy": "teacher", "training.ks": [9, 4], "training.levels": [2, 3]}])
    assert (teacher.training.ks, teacher.training.levels) == ((9, 4), (2, 3))


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"lander.hiden": [8]}, "no setting 'lander.hiden'; did you mean 'lander.hidden'"),
        ({"inference.tau": [0.5]}, "training chooses inference.tau .* vary 'tau'"),
        ({"": [1]}, "no setting ''; did you mean 'lander.inputs'"),
        ({"training.policy": ["off-policy"]}, "cannot be: policy: expected one of 'on-policy'"),
        ({"lander.heads": [2]}, "only conv='gat' has heads"),
        ({"lander.conv": "gat"}, "expected a list of values for 'lander.conv'"),
        ({"tau": [1.5]}, "tau: expected a number"),
        ({"lander.hidden": [8, 8]}, "same configuration"),
        ([{}, {"lander.hidden": 8}], "same configuration"),
        ({"lander.hidden": []}, "at least one configuration"),
        ([], "at least one configuration"),
        ({"inference.decoder": [len]}, "expected a name in DECODERS, got a function"),
        ({"inference.decoder": ["tree", "nosuch"]}, "inference.decoder: expected one of .*, got .nosuch."),
    ],
)
def test_a_grid_that_cannot_be_is_refused_before_anything_runs(grid, words):
    with pytest.raises(ValueError, match=words):
        configurations(grid, BRIEF)


def test_names_in_words_are_short_until_they_would_be_equal():
    assert ablation.describe({"lander.hidden": 8, "tau": 0.5}) == "hidden=8, tau=0.5"
    both = {"training.levels": (2,), "inference.levels": 3}
    assert ablation.describe(both) == "training.levels=(2,), inference.levels=3"
    assert ablation.describe({}) == "base"


# ---------------------------------------------------------------- runs


def test_a_sweep_scores_every_level_of_every_test_set(data, tmp_path):
    table = run_grid({"inference.max_levels": [1, 10]}, data, tmp_path, seeds=[3], base=BRIEF, progress=False)
    assert table.loc[table["inference.max_levels"] == 1, "level"].tolist() == [0, 0]
    assert table[table["last"]].groupby(["config", "test"]).size().tolist() == [1, 1, 1, 1]
    many = table[(table["inference.max_levels"] == 10) & (table["test"] == "new")].set_index("level")
    lander = wb.meta_train(
        *(data.train.features, data.train.labels, BRIEF.lander), training=BRIEF.training, seed=3, progress=False
    )
    tree = wb.HiLander(lander).fit(data.tests["new"].features).hierarchy_
    for i, level in enumerate(tree.levels):
        assert many.loc[i, "bcubed_f"] == wb.scores(data.tests["new"].labels, level.labels)["bcubed_f"]
        assert many.loc[i, "links_added"] == level.links_added
    assert (many["tau_used"] == lander.inference.tau).all()
    assert (many["n_parameters"] == lander.n_parameters).all()
    assert (table[["seconds_training", "seconds_clustering"]] > 0).all(axis=None)
    assert set(table["error"]) == {""}


def test_the_same_run_is_never_computed_twice_whatever_the_grid(data, tmp_path, counted):
    first = run_grid({"lander.hidden": [8, 16]}, data, tmp_path, seeds=[0, 1], base=BRIEF, progress=False)
    again = run_grid({"lander.hidden": [8, 16]}, data, tmp_path, seeds=[0, 1], base=BRIEF, progress=False)
    pd.testing.assert_frame_equal(first, again)
    other = run_grid([{"lander.layers": 2}], data, tmp_path, seeds=[0], base=BRIEF, progress=False)  # hidden 8 again
    assert other["config"].tolist() == ["layers=2"]
    assert len(counted) == 4
    assert counted[:2] == [((8,), 0), ((16,), 0)]  # seed by seed


@pytest.mark.parametrize("what", ["seed", "data", "code", "settings"])
def test_another_seed_data_code_or_setting_is_another_run(data, tmp_path, counted, monkeypatch, what):
    go = {"grid": [{}], "data": data, "store": tmp_path, "seeds": [0], "base": BRIEF, "progress": False}
    run_grid(**go)
    if what == "code":
        monkeypatch.setattr(sweep, "code_version", lambda: "other")
    moved = AblationData(data.train, {"new": wb.FeatureSet(data.tests["new"].features + 1, data.tests["new"].labels)})
    changes = {"seed": {"seeds": [1]}, "data": {"data": moved}, "settings": {"base": BRIEF.change("tau", 0.4)}}
    run_grid(**{**go, **changes.get(what, {})})
    assert len(counted) == 2


def test_a_fixed_tau_is_used_and_the_chosen_one_is_not(data, tmp_path):
    table = run_grid({"tau": [0.99, "auto"]}, data, tmp_path, seeds=[0], base=BRIEF, progress=False)
    used = table.groupby("config", sort=False)["tau_used"].first()
    assert used["tau=0.99"] == 0.99
    assert used["tau=auto"] != 0.99


def test_a_failed_run_is_a_row_with_its_error_and_may_be_tried_again(data, tmp_path, counted):
    go = {"data": data, "store": tmp_path, "seeds": [0], "base": BRIEF, "progress": False}
    table = run_grid({"lander.hidden": [13, 8]}, **go)
    assert table["error"].tolist() == ["RuntimeError: unlucky", ""]
    assert table["bcubed_f"].isna().tolist() == [True, False]
    assert table["last"].all()
    run_grid({"lander.hidden": [13, 8]}, **go)
    assert len(counted) == 2
    run_grid({"lander.hidden": [13, 8]}, **go, retry=True)
    assert counted[2:] == [((13,), 0)]


def test_what_failed_by_the_machine_is_made_again(data, tmp_path, counted):
    go = {"data": data, "store": tmp_path, "seeds": [0], "base": BRIEF, "progress": False}
    table = run_grid({"lander.hidden": [28]}, **go)
    assert table["error"].tolist() == ["OSError: [Errno 28] No space left on device"]
    assert run_grid({"lander.hidden": [28]}, **go)["error"].tolist() == [""]


def test_a_store_of_failed_runs_only_is_a_table(data, tmp_path, counted):
    table = run_grid({"lander.hidden": [13]}, data, tmp_path, seeds=[0], base=BRIEF, progress=False)
    assert table["error"].tolist() == ["RuntimeError: unlucky"]


def test_cancel_keeps_what_is_done(data, tmp_path, counted):
    grid = {"lander.hidden": [8, 16, 32]}
    go = {"data": data, "store": tmp_path, "seeds": [0], "base": BRIEF, "progress": False}
    part = run_grid(grid, **go, stop=lambda: len(counted) >= 2)
    assert part["lander.hidden"].tolist() == [8, 16]
    assert run_grid(grid, **go)["lander.hidden"].tolist() == [8, 16, 32]
    assert len(counted) == 3
    assert run_grid(grid, **{**go, "seeds": [5]}, stop=lambda: True).empty


def test_cancel_in_the_middle_of_a_run_stores_nothing_of_it(data, tmp_path):
    asked = []
    table = run_grid(
        [{}], data, tmp_path, seeds=[0], base=BRIEF, progress=False, stop=lambda: len(asked) > 2 or asked.append(1)
    )
    assert table.empty
    assert list(tmp_path.glob("*")) in ([], [tmp_path / ".claims"])


def test_an_interrupt_keeps_what_is_done_and_gives_up_the_claim(data, tmp_path, counted, monkeypatch):
    compute = sweep.computed

    def interrupted(run, *rest):
        if run.seed == 1:
            raise KeyboardInterrupt
        return compute(run, *rest)

    monkeypatch.setattr(sweep, "computed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_grid([{}], data, tmp_path, seeds=[0, 1], base=BRIEF, progress=False)
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_progress_is_a_bar_with_the_time_left(data, tmp_path, counted, capsys):
    run_grid({"lander.hidden": [8, 16]}, data, tmp_path, seeds=[0], base=BRIEF, progress=True)
    assert "2/2 [" in capsys.readouterr().err


@pytest.mark.parametrize(("seeds", "error"), [([], ValueError), ([0, 0], ValueError), ([-1], ValueError)])
def test_bad_seeds(data, tmp_path, seeds, error):
    with pytest.raises(error, match="seeds: expected"):
        run_grid([{}], data, tmp_path, seeds=seeds, base=BRIEF, progress=False)


def test_data_must_be_labelled(data):
    bare = wb.FeatureSet(data.train.features)
    with pytest.raises(ValueError, match="train: expected labels"):
        AblationData(bare, data.tests)
    with pytest.raises(ValueError, match="dark: expected labels"):
        AblationData(data.train, {"dark": bare})
    with pytest.raises(ValueError, match="at least one labelled test set"):
        AblationData(data.train, {})


def test_the_code_version_covers_all_code_that_a_run_imports():
    """Every folder that a run loads is hashed, but for those that cannot change a result."""
    script = (
        "import sys, workbench.experiments.ablation.run\nprint(*[m for m in sys.modules if m.startswith('workbench.')])"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    folders = {name.split(".")[1] for name in loaded}
    assert folders == {*FOLDERS, "data", "encoder", "experiments"}


def test_the_code_version_changes_with_any_file_of_its_folders(tmp_path, monkeypatch):
    package = tmp_path / "workbench"
    shutil.copytree(Path(wb.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "__file__", str(package / "_core" / "provenance.py"))
    before = provenance.code_version()
    (package / "views" / "style.py").write_text("changed")
    assert provenance.code_version() == before
    (package / "graph" / "_triton.py").write_text("changed")
    changed = provenance.code_version()
    assert changed != before
    (package / "graph" / "new.py").write_text("")
    assert provenance.code_version() not in {before, changed}


# ---------------------------------------------------------------- one training, several uses


@pytest.fixture
def trainings(monkeypatch):
    """Settings of every training that is made; the real one runs."""
    made, real = [], ablation.trainings.meta_train

    def train(features, labels, *rest, **settings):
        made.append((len(labels), settings["training"].loss))
        return real(features, labels, *rest, **settings)

    monkeypatch.setattr(ablation.trainings, "meta_train", train)
    return made


def test_runs_that_differ_in_their_use_share_a_training(data, tmp_path, trainings):
    grid = [{}, {"use.max_levels": 1}, {"use.density": "similarity"}, {"use.hops": 2}, {"use.k": 5}, {"tau": 0.5}]
    go = {"data": data, "seeds": [0], "base": BRIEF, "progress": False}
    table = run_grid(grid, store=tmp_path, **go)
    assert len(trainings) == 1
    assert table["seconds_training"].nunique() == 1
    assert table.loc[table["use.max_levels"] == 1, "level"].tolist() == [0, 0]
    assert table.loc[table["tau"] == 0.5, "tau_used"].unique().tolist() == [0.5]
    assert (table["peak_mb"] > 50).all()
    fresh = run_grid([grid[1]], store=tmp_path / "other", **go)  # trained for itself: the same scores
    one = table[table["use.max_levels"] == 1]
    assert fresh[["bcubed_f", "tau_used"]].values.tolist() == one[["bcubed_f", "tau_used"]].values.tolist()


@pytest.mark.slow
def test_two_models_are_links_alone_and_density_alone(data, tmp_path, trainings):
    go = {"data": data, "store": tmp_path, "seeds": [0], "base": BRIEF, "progress": False}
    table = run_grid({"models": ["separate", "none"]}, **go)
    assert [(loss.link_weight, loss.density_weight) for _, loss in trainings] == [(1, 0), (0, 1)]
    run_grid({"training.loss.density_weight": [0.0]}, **go)
    assert len(trainings) == 2, "links alone is there already"
    by_models = table.groupby("models")[["n_parameters", "seconds_training"]].first()
    one = wb.Lander(BRIEF.lander).n_parameters
    assert by_models["n_parameters"].to_dict() == {"separate": 2 * one, "none": 0}
    assert by_models.loc["none", "seconds_training"] == 0


@pytest.mark.slow
def test_a_share_of_classes_and_images_is_learned_from(data, tmp_path, trainings):
    grid = [{}, {"classes": 0.5}, {"images": 0.5}, {"classes": 0.01, "images": 0.01}]
    run_grid(grid, data, tmp_path, seeds=[0], base=BRIEF, progress=False)
    assert [n for n, _ in trainings] == [80, 40, 40, 6]


def test_features_names_another_view_of_the_data(data, tmp_path):
    turned = AblationData(
        wb.FeatureSet(data.train.features[:, ::-1].copy(), data.train.labels), {"new": data.tests["new"]}
    )
    both = AblationData(data.train, data.tests, {"turned": turned})
    assert both.fingerprint != data.fingerprint
    table = run_grid({"features": ["", "turned", "lost"]}, both, tmp_path, seeds=[0], base=BRIEF, progress=False)
    assert table.groupby("features")["test"].unique().map(list).to_dict() == {
        "": ["new", "known"],
        "turned": ["new"],
        "lost": [""],
    }
    assert "expected one that the data has ('', 'turned'), got 'lost'" in table["error"].iloc[-1]


def test_a_piece_of_the_graph_shows_what_its_steps_reach(blobs):
    x = torch.nn.functional.normalize(blobs(n_classes=6, per_class=10, noise=0.4)[0], dim=1)
    lander, graph = wb.Lander(wb.LanderConfig(hidden=8)), wb.knn(x, 4)
    nodes = Nodes.of_images(x)
    whole = lander.predict(nodes, graph).linkage
    far, near = (subgraph_predictor(lander, hops)(nodes, graph).linkage for hops in (graph.n, 1))
    torch.testing.assert_close(far, whole, atol=1e-5, rtol=0)
    assert not torch.allclose(near, whole, atol=1e-3)
    for i in (0, 17, 59):  # by hand: the node, its neighbours, and the links among them
        inside = [i, *graph.neighbors[i].tolist()]
        lists = [[inside.index(j) for j in graph.neighbors[a].tolist() if j in inside] for a in inside]
        values = [
            [s for j, s in zip(graph.neighbors[a].tolist(), graph.similarity[a].tolist(), strict=True) if j in inside]
            for a in inside
        ]
        pad = [[*row, *[-1] * (4 - len(row))] for row in lists]
        weights = [[*row, *[0.0] * (4 - len(row))] for row in values]
        piece = KnnGraph.from_arrays(pad, weights)
        by_hand = lander.predict(Nodes.of_images(x[inside]), piece).linkage[0]
        torch.testing.assert_close(near[i], by_hand, atol=1e-5, rtol=0)


# ---------------------------------------------------------------- presets


def test_the_base_of_the_presets_names_every_setting():
    source = inspect.getsource(presets)
    base = source[source.index("ABLATION_BASE = ") : source.index("@dataclass")]
    for record in (wb.LanderConfig, wb.TrainConfig, wb.InferenceConfig, LossConfig):
        left_open = {"in_dim", "tau"}  # follow from the features, from the training
        assert [f.name for f in fields(record) if f"{f.name}=" not in base and f.name not in left_open] == []


@pytest.mark.parametrize("preset", presets.PRESETS.values(), ids=lambda preset: preset.name)
def test_each_preset_is_a_grid_around_the_base(preset):
    found = configurations(preset.grid, presets.ABLATION_BASE)
    assert len(found) == len(preset.arms) >= 2
    assert found[0][1] == presets.ABLATION_BASE
    assert preset.question.endswith("?")
    assert preset.explanation.endswith(".")


def test_a_preset_names_its_arms_and_compares_them_with_the_first(data, tmp_path, counted):
    ties = presets.preset("ties")
    runs = ties.named(run_grid(ties.grid, data, tmp_path, seeds=[0, 1], base=presets.ABLATION_BASE, progress=False))
    assert runs["arm"].tolist() == ["by index", "strict"] * 2
    others = runs.assign(preset="another", bcubed_f=0.0)
    found = ties.effects(pd.concat([others, runs]))
    assert found[["config", "test", "n", "mean"]].values.tolist() == [["strict", "new", 2, 0.0]]
    with pytest.raises(ValueError, match="preset: expected one of 'learning'"):
        presets.preset("tie")


def test_the_sets_of_the_presets_share_no_class():
    for images in (sets._glyphs(None),):
        parts = {"encoder": images.encoder, "train": images.train, **images.tests}
        for (_, one), (_, other) in combinations(parts.items(), 2):
            assert wb.data.check_disjoint(one, other).ok


def test_thinned_classes_have_two_images_up_to_all():
    labels = np.arange(200).repeat(20)
    images = wb.ImageSet(np.zeros((len(labels), 4, 4), np.uint8), labels)
    counts = np.bincount(sets._thinned(images).labels)
    assert counts.min() == 2
    assert counts.max() >= 19
    assert np.median(counts) == pytest.approx(2 * 10**0.5, abs=1.5)


# ---------------------------------------------------------------- the store


def test_a_claim_keeps_others_out_and_is_given_up(tmp_path):
    store = Store(tmp_path / "new" / "folder")
    with store.claim("a") as mine, store.claim("a") as other, store.claim("b") as another:
        assert (mine, other, another) == (True, False, True)
    with store.claim("a") as mine:
        assert mine
    with pytest.raises(RuntimeError), store.claim("a"):
        raise RuntimeError
    assert list(store.folder.glob("*.json")) == []


def test_of_many_that_want_a_claim_one_gets_it(tmp_path):
    for turn in range(20):
        won, start, end = [], threading.Barrier(4), threading.Barrier(4)

        def want(turn=turn, won=won, start=start, end=end):
            start.wait()
            with Store(tmp_path).claim(str(turn)) as mine:
                won.append(mine)
                end.wait()

        threads = [threading.Thread(target=want) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert sorted(won) == [False, False, False, True]


WHOLE = {"data": "d", "code": "c", "run": "a", "error": "", "rows": [{"level": 0, "bcubed_f": 0.5, "last": True}]}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "5",
        *(json.dumps({name: value for name, value in WHOLE.items() if name != lost}) for lost in WHOLE),
        *(json.dumps({**WHOLE, "rows": rows}) for rows in (5, "x", [1], True, None, {"level": 0})),
        *(json.dumps({**WHOLE, "rows": [{"level": v}]}) for v in (0.5, "0", True, [0], 2**63, None)),
        json.dumps({**WHOLE, "rows": [{"bcubed_f": []}]}),
        json.dumps({**WHOLE, "error": 5}),
    ],
)
def test_a_damaged_file_is_told(tmp_path, text):
    (tmp_path / "a.json").write_text(json.dumps(WHOLE))
    store = Store(tmp_path, check_run)
    assert store.read("a") == WHOLE
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.json: not a whole run: .*remove it"):
        store.read("a")


PROCESS = """
    import sys, time, numpy as np
    from workbench import FeatureSet
    from workbench.experiments.ablation import AblationData, run_grid, sweep

    place, log = sys.argv[1:3]

    def compute(run, data, place, device, stop):
        with open(log, "a") as file:
            print(run.seed, file=file, flush=True)
        time.sleep(0.5 if run.seed else float(sys.argv[3]))
        return {"rows": [{"test": "t", "last": True, "level": 0, "bcubed_f": run.seed / 8}], "error": ""}

    sweep.computed = compute
    x = FeatureSet(np.eye(4), np.arange(4) // 2)
    print(run_grid([{}], AblationData(x, {"t": x}), place, seeds=range(6), progress=False)["seed"].tolist())
"""


def process(place, log, seconds):
    call = [sys.executable, "-c", textwrap.dedent(PROCESS), str(place), str(log), str(seconds)]
    return subprocess.Popen(call, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_processes_share_a_store_and_a_killed_one_is_replaced(tmp_path):
    log, place = tmp_path / "log", tmp_path / "store"
    killed = process(place, log, 600)  # it will never finish its first run
    while not log.exists() or not log.read_text():
        time.sleep(0.05)
    killed.kill()
    killed.communicate()
    both = [process(place, log, 0.1) for _ in range(2)]
    said = [run.communicate(timeout=200)[0] for run in both]
    assert [json.loads(text) for text in said] == [list(range(6))] * 2
    assert sorted(map(int, log.read_text().split())) == [0, 0, 1, 2, 3, 4, 5]  # 0 again after the one that was killed
    assert sorted(path.suffix for path in place.iterdir()) == ["", *6 * [".json"]]


# ---------------------------------------------------------------- effects


def runs_of(values, **constant):
    """values: {config: {seed: score}}."""
    rows = [(c, s, v) for c, by_seed in values.items() for s, v in by_seed.items()]
    table = pd.DataFrame(rows, columns=["lander.hidden", "seed", "bcubed_f"])
    table["config"] = "hidden=" + table["lander.hidden"].astype(str)
    return table.assign(**{"test": "t", "last": True, "data": "d", "code": "c", **constant})


PAIRS = runs_of({8: {0: 0.5, 1: 0.6, 2: 0.7}, 16: {0: 0.6, 1: 0.8, 2: 0.8}})


def test_differences_are_paired_by_seed():
    shuffled = PAIRS.sample(frac=1, random_state=1)
    found = differences(shuffled, {"lander.hidden": 8}).sort_values("seed")
    assert found["difference"].round(6).tolist() == [0.1, 0.2, 0.1]
    assert set(found["config"]) == {"hidden=16"}


def test_the_interval_is_that_of_a_paired_t_test():
    (row,) = effects(PAIRS, {"lander.hidden": 8}).to_dict("records")
    low, high = ttest_rel([0.6, 0.8, 0.8], [0.5, 0.6, 0.7]).confidence_interval(0.95)
    assert (row["config"], row["n"]) == ("hidden=16", 3)
    assert np.allclose([row["mean"], row["low"], row["high"]], [0.4 / 3, low, high])


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=6))
def test_the_other_reference_gives_the_other_sign(pairs):
    table = runs_of({8: dict(enumerate(a for a, _ in pairs)), 16: dict(enumerate(b for _, b in pairs))})
    one, two = (effects(table, {"lander.hidden": h}).iloc[0] for h in (8, 16))
    assert np.allclose([one["mean"], one["low"], one["high"]], [-two["mean"], -two["high"], -two["low"]])


def test_runs_without_a_partner_and_levels_below_the_last_are_left_out():
    table = runs_of({8: {0: 0.5, 1: np.nan, 2: 0.5}, 16: {0: 0.6, 1: 0.6, 3: 0.6}, 32: {0: 0.7, 2: np.nan}})
    below = table.assign(last=False, bcubed_f=0.0)
    found = effects(pd.concat([below, table, table]), {"lander.hidden": 8})  # a table joined twice counts once
    assert found[["config", "n"]].values.tolist() == [["hidden=16", 1], ["hidden=32", 1]]
    assert np.isnan(found["low"]).all()


def test_test_sets_are_apart():
    table = pd.concat([PAIRS, PAIRS.assign(test="u", bcubed_f=PAIRS["bcubed_f"] ** 2)])
    assert effects(table, {"lander.hidden": 8})["test"].tolist() == ["t", "u"]


@pytest.mark.parametrize(
    ("table", "reference", "words"),
    [
        (pd.concat([PAIRS, PAIRS.assign(data="e")]), {"lander.hidden": 8}, "mixes runs on different data .2 kinds"),
        (pd.concat([PAIRS, PAIRS.assign(code="e")]), {"lander.hidden": 8}, "different versions of the code"),
        (PAIRS, {"lander.hidden": 9}, "fits 0; there is: 'hidden=8', 'hidden=16'"),
        (PAIRS, {}, "fits 2; there is: 'hidden=8', 'hidden=16'"),
        (PAIRS, {"hidden": 8}, r"expected factors of the table \(lander.hidden\), got \['hidden'\]"),
        (PAIRS.drop(columns="data"), {"lander.hidden": 8}, r"missing \['data'\]"),
        (PAIRS[PAIRS["lander.hidden"] == 8], {"lander.hidden": 8}, "expected another configuration"),
    ],
)
def test_what_cannot_be_compared_is_refused(table, reference, words):
    with pytest.raises(ValueError, match=words):
        effects(table, reference)


def test_effects_of_a_sweep_and_its_intervals(data, tmp_path):
    grid = {"training.ks": [(10, 5), (5,)]}
    table = run_grid(grid, data, tmp_path, seeds=[0, 1], base=BRIEF, progress=False)
    found = effects(table, {"training.ks": (5,)}, value="pairwise_f")
    assert found[["config", "test", "n"]].values.tolist() == [["ks=(10, 5)", "new", 2], ["ks=(10, 5)", "known", 2]]
    means = intervals(table[table["last"]], "pairwise_f", "config", by="test")
    by_test = {name: part["mean"].tolist() for name, part in means.groupby("test")}
    for row in found.itertuples():
        ((a, b),) = pairwise(by_test[row.test])
        assert np.isclose(row.mean, a - b)


@pytest.mark.parametrize("name", ["glyphs", "omniglot"])
def test_keys_of_the_shipped_results_follow_from_what_their_rows_say(name):
    """Settings by preset and arm, seed, data and code in; the key of the run out."""
    arms = {
        (preset.name, arm): settings
        for preset in ablation.PRESETS.values()
        for arm, (_, settings) in zip(preset.arms, configurations(preset.grid, ablation.ABLATION_BASE), strict=True)
    }
    for row in ablation.ablation_results(name).itertuples():
        assert Run({}, arms[row.preset, row.arm], row.seed, row.data, row.code).key == row.run


def test_one_seed_shows_nothing():
    table = pd.DataFrame({"config": ["b", "a"], "test": "toy", "seed": 0, "bcubed_f": [0.9, 0.4], "last": True})
    table = table.assign(data="d", code="c")
    found = ablation.effects(table, "a")
    assert found["low"].isna().all()
    assert verdicts(found) == [
        "b on toy: one seed does not show which is better; n needed: more than one can guess from these."
    ]
