from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from workbench import views
from workbench.experiments.ablation import effects
from workbench.views.figures.parallel import Axis, inside
from workbench.views.figures.setting_words import config_words

NASTY = "<b>x</b>"


@pytest.fixture
def runs():
    """Layers times convolutions times three seeds; gat with 3 layers was not run, gcn with 3 layers failed."""
    rows = []
    for conv, layers, seed in product(("gcn", "gat"), (3, 1, 2), range(3)):
        if (conv, layers) != ("gat", 3):
            score = np.nan if layers == 3 else 0.5 + 0.1 * layers + 0.05 * (conv == "gat") + 0.01 * seed
            head = {"lander.conv": conv, "lander.layers": layers, "config": f"conv={conv}, layers={layers}"}
            rows += [{**head, "seed": seed, "test": "a", "last": last, "bcubed_f": score - (not last), "nmi": score}
                     for last in (False, True)]  # fmt: skip
    return pd.DataFrame(rows).assign(data="d", code="c", error="")


# ---------------------------------------------------------------- effects


def frame(**columns):
    table = {"test": "a", "n": 3, "low": 0.0, "high": 0.0, **columns}
    return pd.DataFrame(table)


def test_effects_are_sorted_and_hollow_where_the_interval_holds_0():
    table = frame(config=["k=1", "k=2", "k=3"], mean=[-0.2, 0.1, 0.02], low=[-0.3, 0.05, -0.1], high=[-0.1, 0.15, 0.14])
    figure = views.plot_effects(table)
    (bars,) = figure.data
    assert figure.layout.yaxis.ticktext == tuple(f"neighbours k {k}  (n=3)" for k in (2, 3, 1))
    assert dict(zip(bars.x, bars.y, strict=True)) == {-0.2: 2, 0.1: 0, 0.02: 1}
    assert dict(zip(bars.x, bars.marker.symbol, strict=True)) == {-0.2: "circle", 0.1: "circle", 0.02: "circle-open"}
    assert list(bars.error_x.array) == pytest.approx([0.1, 0.05, 0.12])
    assert figure.layout.shapes[0].x0 == 0


def test_factors_are_groups_by_their_largest_effect():
    table = frame(config=["p", "q", "r"], factor=["lander.conv", "small", "lander.conv"], mean=[0.1, -0.2, -0.4])
    names = views.plot_effects(table).layout.yaxis.ticktext
    assert names == ("<b>convolution</b>", "p  (n=3)", "r  (n=3)", "<b>small</b>", "q  (n=3)")


def test_each_test_set_has_a_colour_and_a_symbol(runs):
    table = effects(pd.concat([runs, runs.assign(test="b")]), {"lander.conv": "gcn", "lander.layers": 1})
    bars = views.plot_effects(table).data
    assert [trace.name for trace in bars] == ["a", "b"]
    assert len({trace.marker.color for trace in bars}) == 2
    assert not set(bars[0].marker.symbol) & set(bars[1].marker.symbol)
    assert sorted(bars[0].x) == pytest.approx(sorted(table.loc[table["test"] == "a", "mean"]))


def test_one_pair_has_no_interval_and_is_hollow():
    (bars,) = views.plot_effects(frame(config=["a"], n=1, mean=[0.5], low=[np.nan], high=[np.nan])).data
    assert list(bars.marker.symbol) == ["circle-open"]


def test_text_from_data_is_escaped():
    figure = views.plot_effects(frame(config=[NASTY], factor=[NASTY], mean=[0.1]), title=NASTY)
    assert NASTY not in figure.to_json().replace("\\u003c", "<").replace("\\u003e", ">")


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match=r"columns of ablation.effects, missing \['n', 'mean', 'low', 'high'\]"):
        views.plot_effects(pd.DataFrame({"config": ["a"], "test": ["b"]}))
    with pytest.raises(ValueError, match=r"at least one row of ablation.effects"):
        views.plot_effects(frame(config=["a"], mean=[0.1]).iloc[:0])


# ---------------------------------------------------------------- heat


def test_a_cell_is_the_mean_over_its_seeds(runs):
    figure = views.plot_heat(runs, "lander.conv", "lander.layers")
    (heat,) = figure.data
    assert figure.layout.xaxis.ticktext == ("1", "2", "3")
    assert figure.layout.yaxis.ticktext == ("gcn", "gat")
    wanted = [[0.61, 0.71, np.nan], [0.66, 0.76, np.nan]]
    assert np.allclose(heat.z.astype(float), wanted, equal_nan=True)
    half = student.ppf(0.975, 2) * 0.01 / np.sqrt(3)
    said = {(note.x, note.y): note.text for note in figure.layout.annotations}
    assert said[0, 0] == f"0.610 ± {half:.3f}<br>n=3"
    assert heat.hovertext[1][1] == f"mean 0.7600 ± {half:.4f}, n = 3"


def test_a_cell_without_a_score_is_a_frame_that_says_why(runs):
    figure = views.plot_heat(runs, "lander.conv", "lander.layers")
    said = {(note.x, note.y): note.text for note in figure.layout.annotations}
    assert (said[2, 0], said[2, 1]) == ("failed", "no run")
    assert len(figure.layout.shapes) == 2


def test_a_third_factor_within_a_cell_is_refused(runs):
    third = runs.assign(**{"training.loss.gamma": np.where(runs["seed"] == 0, 0.0, 2.0)})
    with pytest.raises(ValueError, match=r"training.loss.gamma varies within a cell"):
        views.plot_heat(third, "lander.conv", "lander.layers")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"rows": "lander.hidden"}, r"missing \['lander.hidden'\]; there is: lander.conv"),
        ({"value": "ari"}, r"missing \['ari'\]"),
        ({"test": "z"}, r"test: expected one of \['a'\], got 'z'"),
    ],
)
def test_a_wrong_name_is_refused(runs, more, words):
    with pytest.raises(ValueError, match=words):
        views.plot_heat(runs, **{"rows": "lander.conv", "columns": "lander.layers", **more})


def test_one_of_several_test_sets_has_to_be_named(runs):
    both = pd.concat([runs, runs.assign(test="b")])
    with pytest.raises(ValueError, match=r"several test sets, \['a', 'b'\]; name one"):
        views.plot_heat(both, "lander.conv", "lander.layers")
    assert len(views.plot_parallel(both, test="b").data[0].line.color) == 12


# ---------------------------------------------------------------- parallel


def test_a_line_per_run_through_its_settings_and_scores(runs):
    lines = views.plot_parallel(runs).data[0]
    conv, layers, f, nmi = lines.dimensions
    assert [axis.label for axis in lines.dimensions] == ["convolution", "layers", "BCubed F", "NMI"]
    assert (conv.ticktext, layers.ticktext) == (("gcn", "gat"), ("1", "2"))  # those that failed have no line
    done = runs[runs["last"] & runs["bcubed_f"].notna()]
    assert list(f.values) == list(lines.line.color) == done["bcubed_f"].tolist()
    assert [conv.ticktext[int(i)] for i in conv.values] == done["lander.conv"].tolist()
    assert [layers.ticktext[int(i)] for i in layers.values] == done["lander.layers"].map(str).tolist()
    assert nmi.range[0] == pytest.approx(done["nmi"].min())


def test_factors_can_be_chosen_and_one_value_is_no_axis(runs):
    assert views.plot_parallel(runs, ["lander.layers"]).data[0].dimensions[0].label == "layers"
    one = runs[runs["lander.conv"] == "gat"]
    assert "convolution" not in [a.label for a in views.plot_parallel(one).data[0].dimensions]
    with pytest.raises(ValueError, match=r"missing \['lander.hidden'\]"):
        views.plot_parallel(runs, ["lander.hidden"])
    with pytest.raises(ValueError, match="at least one run with a number in 'bcubed_f'"):
        views.plot_parallel(runs.assign(bcubed_f=np.nan))


def test_ticks_are_printed_as_they_are_and_labels_escaped(runs):
    odd = runs.assign(**{"lander.inputs": np.where(runs["seed"] == 0, NASTY, "y"), "a<b>": runs["nmi"]})
    lines = views.plot_parallel(odd, ["lander.inputs"], value="a<b>").data[0]
    assert lines.dimensions[0].ticktext == (NASTY, "y")  # plotly takes no markup there
    assert lines.dimensions[-1].label == "a&lt;b&gt;"


values = st.lists(st.floats(0, 1), min_size=1, max_size=20)
ranges = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=3)


@given(values, ranges, ranges)
def test_inside_is_some_range_of_every_brushed_axis(numbers, first, second):
    axes = [Axis("a", np.array(numbers)), Axis("b", np.array(numbers)[::-1].copy())]
    found = inside(axes, {"a": first, "b": second})
    for i, kept in enumerate(found):
        wanted = all(
            not brushed or any(low <= axis.values[i] <= high for low, high in brushed)
            for axis, brushed in zip(axes, (first, second), strict=True)
        )
        assert kept == wanted


def test_names_of_configurations_in_words():
    assert config_words("lander.layers=1, use.k=5") == "layers 1, neighbours k in use 5"
    assert config_words("base") == "base"
    assert config_words("levels=(2, 3), tau=auto") == "levels=(2, 3), tau=auto"
