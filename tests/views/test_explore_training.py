"""The training monitor without a browser: buttons, curves, errors, and a cell that is run again."""

import time

import ipywidgets as widgets
import pytest

import workbench as wb
from workbench.views import plot_training
from workbench.views.explore import explore_training
from workbench.views.explore.base import walk

QUICK = wb.TrainConfig(epochs=6, refresh=2, validate=2, ks=(4,), projections=(1.0,))


@pytest.fixture
def make(blobs, request):
    """Monitors under a name of this test's own; what still runs is stopped."""
    x, labels = blobs(noise=0.15)
    made = []

    def build(**more):
        more = {"training": QUICK, "name": request.node.name, **more}
        made.append(explore_training(x, labels, **more))
        return made[-1]

    yield build
    for monitor in made:
        if monitor.run.running:
            monitor.stop()
            monitor.wait(60)


def press(monitor, name):
    next(w for w in walk(monitor) if isinstance(w, widgets.Button) and w.description.startswith(name)).click()


def lines(monitor):
    return [trace for trace in monitor._figure.data if trace.visible]


def text(monitor):
    return " ".join(pane.value for pane in walk(monitor) if isinstance(pane, widgets.HTML))


def test_start_trains_and_the_curves_are_those_of_the_history(make):
    monitor = make()
    assert (monitor.phase, monitor.lander, len(monitor.history)) == ("ready", None, 0)
    press(monitor, "Start")
    lander = monitor.wait(60)
    assert monitor.lander is lander
    assert monitor.errors == []
    assert "Done" in text(monitor)
    assert "6 of 6" in text(monitor)
    wanted = plot_training(lander.history)
    shown = lines(monitor)
    assert [trace.name for trace in shown] == [trace.name for trace in wanted.data]
    for own, right in zip(shown, wanted.data, strict=True):
        assert list(own.x) == list(right.x)
        assert list(own.y) == pytest.approx(list(right.y))


def test_nothing_is_blocked_and_stop_keeps_the_best_model(make, held):
    went, go = held
    monitor = make()
    monitor.start()
    assert went.acquire(timeout=60)
    monitor._draw()  # an epoch that ends within a quarter of a second is not drawn by itself
    assert "1 of 6" in text(monitor)
    assert "epochs/s" in text(monitor)
    go.release()
    assert went.acquire(timeout=60)
    press(monitor, "Stop")
    go.release()
    assert isinstance(monitor.wait(60), wb.Lander)
    assert (monitor.phase, int(monitor.history["epoch"].max())) == ("stopped", 2)
    assert "Stopped" in text(monitor)
    assert monitor.errors == []


def test_a_cell_run_again_gets_the_same_monitor(make, held):
    went, go = held
    monitor = make()
    monitor.start()
    assert went.acquire(timeout=60)
    assert make() is monitor
    with pytest.raises(RuntimeError, match="with other arguments is running"):
        make(seed=1)
    monitor.stop()
    go.release()
    monitor.wait(60)
    assert make() is monitor
    other = make(seed=1)
    assert other is not monitor
    assert make(seed=1) is other
    assert make(seed=1, name="another") is not other


def test_an_error_on_the_thread_is_shown_and_kept(make, tmp_path):
    path = tmp_path / "run.safetensors"
    path.write_bytes(b"<img src=x>")
    monitor = make(state=path)
    press(monitor, "Start")
    with pytest.raises(RuntimeError, match="wait: the training failed"):
        monitor.wait(60)
    assert monitor.phase == "failed"
    assert len(monitor.errors) == 1
    assert "role='alert'" in text(monitor)
    assert "<img" not in text(monitor)


def test_an_error_of_the_drawing_ends_no_training(make, monkeypatch):
    monitor = make()
    monkeypatch.setattr(monitor, "_curves", lambda history: 1 / 0)
    monitor.start()
    monitor.wait(60)
    assert monitor.phase == "done"
    assert set(monitor.errors) == {"ZeroDivisionError: division by zero"}


def test_start_while_it_runs_is_an_error_that_is_shown(make, held):
    went, _ = held
    monitor = make()
    monitor.start()
    assert went.acquire(timeout=60)
    with pytest.raises(RuntimeError, match="is running"):
        monitor.start()
    press(monitor, "Start")
    assert "is running" in monitor.errors[0]


def test_begun_anew_the_curves_begin_anew(make):
    monitor = make()
    monitor.start()
    monitor.wait(60)
    press(monitor, "Start again")
    monitor.wait(60)
    assert monitor.errors == []
    assert max(lines(monitor)[0].x) == 6


def test_drawing_keeps_to_four_times_a_second(make, monkeypatch):
    monitor = make()
    drawn = []
    monkeypatch.setattr(monitor, "_draw", lambda: drawn.append(time.monotonic()))
    monitor._shown_phase, monitor._drawn, monitor._cost = monitor.phase, time.monotonic(), 0.0
    monitor.watch()
    assert not drawn
    monitor._drawn -= 0.3
    monitor.watch()
    assert len(drawn) == 1


def test_wrong_input_is_refused_at_once(blobs):
    x, labels = blobs()
    with pytest.raises(ValueError, match="labels: expected 240 labels"):
        explore_training(x, labels[:3], name="wrong")


def test_without_a_kernel_there_is_a_figure(make):
    monitor = make()
    assert monitor.static().layout.title.text.startswith("Meta-training")
    monitor.start()
    monitor.wait(60)
    assert len(monitor.static().data) == len(lines(monitor))


def test_shown_again_it_has_a_new_figure_with_the_same_lines(make):
    monitor = make()
    monitor.start()
    monitor.wait(60)
    monitor._repr_mimebundle_()
    first = monitor._figure
    monitor._repr_mimebundle_()
    assert monitor._figure is not first
    assert first not in monitor.children
    assert [list(line.y) for line in lines(monitor)] == [list(line.y) for line in first.data if line.visible]
    assert monitor.errors == []
