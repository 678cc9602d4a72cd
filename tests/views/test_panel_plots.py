import numpy as np
import pytest

from workbench.views.figures.panel_plots import plot_panels

MAPS = {"a <b>": np.arange(20.0).reshape(10, 2), "b": np.zeros((10, 2)), "c": np.ones((10, 2))}
LABELS = np.arange(10)


def test_every_image_stands_in_every_panel_and_each_class_once_in_the_legend():
    figure = plot_panels(MAPS, LABELS % 2, class_names=["x", "<i>y</i>"])
    assert len(figure.data) == 6
    assert sum(len(trace.x) for trace in figure.data) == 30
    assert [trace.name for trace in figure.data if trace.showlegend] == ["x", "&lt;i&gt;y&lt;/i&gt;"]
    assert figure.data[0].x.tolist() == [0, 4, 8, 12, 16]
    assert figure.layout.annotations[0].text == "a &lt;b&gt;"


def test_no_two_of_ten_classes_look_alike():
    figure = plot_panels({"a": MAPS["b"]}, LABELS)
    looks = [(trace.marker.color, trace.marker.symbol) for trace in figure.data]
    assert len(set(looks)) == 10


@pytest.mark.parametrize(
    ("places", "match"), [({}, "at least one map"), ({"a": np.zeros((9, 2))}, r"\(10, 2\) for 'a', got \(9, 2\)")]
)
def test_bad_input(places, match):
    with pytest.raises(ValueError, match=match):
        plot_panels(places, LABELS)
