import pandas as pd
import pytest

from workbench.experiments.published import published_results
from workbench.views.figures.published_plots import plot_growth, plot_published


@pytest.fixture
def figures():
    rows = [
        ("<b>", "one", "bcubed_f", 0.5, 10, True),
        ("two", "one", "bcubed_f", 0.7, 10, True),
        ("<b>", "&set", "bcubed_f", 0.4, 1_500_000, False),
        ("two", "&set", "nmi", 0.9, 1_500_000, True),
    ]
    return pd.DataFrame(rows, columns=["method", "data", "metric", "value", "images", "first_hand"]).assign(
        source="<s>"
    )


def test_a_panel_per_metric_a_colour_and_symbol_per_data_set(figures):
    figure = plot_published(figures, highlight=["two"])
    assert [note.text for note in figure.layout.annotations] == ["BCubed F", "NMI"]
    assert [(t.name, list(t.x), list(t.y)) for t in figure.data] == [
        ("one", [0.5, 0.7], ["&lt;b&gt;", "<b>two</b>"]),
        ("&amp;set", [0.4], ["&lt;b&gt;"]),
        ("&amp;set", [0.9], ["<b>two</b>"]),
    ]
    assert figure.data[0].marker.color != figure.data[1].marker.color == figure.data[2].marker.color
    assert list(figure.data[1].marker.symbol) == ["diamond-open"]  # second-hand
    assert list(figure.data[2].marker.symbol) == ["diamond"]


def test_the_best_stands_on_top_and_the_source_in_the_hover(figures):
    figure = plot_published(figures, title="<i>")
    assert figure.layout.yaxis.categoryarray == ("&lt;b&gt;", "two")
    assert "0.4<br>&lt;s&gt;<br>not first-hand" in figure.data[1].hovertext[0]
    assert "&lt;i&gt;" in figure.layout.title.text


def test_the_order_is_that_of_one_data_set_and_methods_without_a_figure_there_stand_below():
    rows = [
        ("high elsewhere", "b", 0.9),
        ("low", "a", 0.2),
        ("high", "a", 0.5),
        ("high", "b", 0.1),
        ("alone", "b", 0.8),
    ]
    table = pd.DataFrame(rows, columns=["method", "data", "value"]).assign(
        metric="pairwise_f", first_hand=True, source=""
    )
    figure = plot_published(table, by="a")
    assert figure.layout.yaxis.categoryarray == ("high elsewhere", "alone", "low", "high")  # the last is on top
    assert "in the order of pairwise F on a" in figure.layout.title.text
    assert plot_published(table).layout.yaxis.categoryarray[-1] == "high elsewhere"  # "b" has more methods
    with pytest.raises(ValueError, match=r"by: expected a data set of the table, one of \['b', 'a'\], got 'c'"):
        plot_published(table, by="c")


def test_all_methods_of_ms1m_make_a_small_figure_without_a_trace_per_method():
    table = published_results(data=[f"MS1M {n}" for n in ("584K", "1.74M", "2.89M", "4.05M", "5.21M")])
    figure = plot_published(table)
    assert len(figure.data) == 10
    assert sum(len(trace.x) for trace in figure.data) == len(table)
    assert len(figure.to_json()) < 120_000


def test_growth_has_a_line_per_method_and_colours_the_highlighted():
    figure = plot_growth(published_results(), metric="pairwise_f", highlight=["Infomap", "HAC"])
    lines = {line.name: line for line in figure.data}
    assert len(lines) == published_results(metric="pairwise_f").dropna(subset=["images"])["method"].nunique()
    assert [name for name, line in lines.items() if line.showlegend] == ["HAC", "Infomap"]
    assert lines["HAC"].line.dash != lines["Infomap"].line.dash
    assert list(lines["HAC"].y) == [0.7063, 0.544, 0.1108, 0.014, 0.0037]
    assert figure.layout.xaxis.ticktext == ("584K", "1.74M", "2.89M", "4.05M", "5.21M")
    assert figure.layout.xaxis.type == "log"


def test_what_cannot_be_drawn_is_told(figures):
    with pytest.raises(ValueError, match=r"table: expected the columns of published_results, missing \['source'\]"):
        plot_published(figures.drop(columns="source"))
    with pytest.raises(ValueError, match="at least one published figure"):
        plot_published(figures.head(0))
    with pytest.raises(ValueError, match="at most 7 data sets, got 12"):
        plot_published(published_results())
    with pytest.raises(ValueError, match=r"highlight: expected methods of the table, got \['tow'\]"):
        plot_growth(figures, highlight=["tow"])
    with pytest.raises(ValueError, match="at least one published figure"):
        plot_growth(figures, metric="ari", highlight=[])
