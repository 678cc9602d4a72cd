"""Training on a thread: the same result as without one, stopped when asked, no error lost."""

import threading

import pandas as pd
import pytest
import torch

import workbench as wb
from workbench.train.background import BackgroundTraining

QUICK = wb.TrainConfig(epochs=8, refresh=2, validate=4, ks=(4,), projections=(1.0,))


@pytest.fixture
def make(blobs):
    x, labels = blobs(noise=0.15)

    made = []

    def build(training=QUICK, **more):
        made.append(BackgroundTraining(x, labels, training=training, **more))
        return made[-1]

    yield build
    for run in made:
        run.stop()
    assert not any(thread.name == "training" for thread in threading.enumerate())


def test_it_gives_what_the_call_without_a_thread_gives(make, blobs):
    with torch.no_grad():  # grad mode is a thread's own: this one must not reach the worker
        run = make(seed=5)
        run.start()
        lander = run.wait(60)
    plain = wb.meta_train(*blobs(noise=0.15), training=QUICK, seed=5, progress=False)
    assert all(torch.equal(a, b) for a, b in zip(lander.parameters(), plain.parameters(), strict=True))
    assert lander.inference == plain.inference
    assert (run.phase, run.epoch, run.lander, run.running, run.error) == ("done", 8, lander, False, None)
    pd.testing.assert_frame_equal(run.history, lander.history)


def test_it_does_not_block_and_can_be_watched(make, held):
    went, go = held
    seen = []
    run = make(on_change=lambda: seen.append((run.phase, run.epoch, threading.current_thread().name)))
    assert (run.phase, run.epoch, run.rate, run.seconds_left, len(run.history)) == ("ready", 0, 0, float("inf"), 0)
    run.start()
    assert went.acquire(timeout=60)
    assert run.running
    assert (run.phase, run.epoch, set(run.history["epoch"])) == ("training", 1, {1})
    assert run.rate > 0
    assert run.seconds_left == pytest.approx(7 / run.rate)
    with pytest.raises(RuntimeError, match="start: this training is running"):
        run.start()
    with pytest.raises(TimeoutError, match="at epoch 1 of 8; it goes on"):
        run.wait(0.01)
    go.release(20)
    run.wait(60)
    assert [epoch for phase, epoch, _ in seen] == [1, 2, 3, 4, 5, 6, 7, 8, 8]
    assert [phase for phase, *_ in seen][-3:] == ["training", "choosing tau", "done"]
    assert {name for *_, name in seen} == {"training"}


def test_stop_ends_it_after_the_epoch_and_keeps_the_best_model(make, held):
    went, go = held
    run = make()
    run.start()
    for _ in range(5):
        assert went.acquire(timeout=60)
        go.release()
    assert went.acquire(timeout=60)
    run.stop()
    go.release()
    lander = run.wait(60)
    assert (run.phase, run.epoch) == ("stopped", 6)
    assert isinstance(lander, wb.Lander)
    assert set(lander.history["epoch"]) == {1, 2, 3, 4, 5, 6}
    assert len(lander.tau_curve)


def test_it_can_be_started_again(make):
    run = make()
    run.start()
    first = run.wait(60)
    run.start()
    second = run.wait(60)
    assert second is not first
    assert run.epoch == 8
    assert torch.equal(first.of_source.weight, second.of_source.weight)


def test_a_saved_run_goes_on_with_its_history(make, held, tmp_path, blobs):
    went, go = held
    run = make(state=tmp_path / "run.safetensors")
    run.start()
    for _ in range(4):
        assert went.acquire(timeout=60)
        go.release()
    assert went.acquire(timeout=60)  # epoch 5; saved after 4
    run.stop()
    go.release(20)
    run.wait(60)
    assert (run.phase, run.epoch) == ("stopped", 5)
    run.start()
    lander = run.wait(60)
    assert run.phase == "done"
    assert run.history["epoch"].drop_duplicates().tolist() == list(range(1, 9))
    plain = wb.meta_train(*blobs(noise=0.15), training=QUICK, progress=False)
    assert torch.equal(lander.of_source.weight, plain.of_source.weight)


def test_an_error_on_the_thread_is_kept_and_raised_by_wait(make, tmp_path):
    path = tmp_path / "run.safetensors"
    path.write_bytes(b"not a saved run")
    run = make(state=path)
    run.start()
    with pytest.raises(RuntimeError, match="wait: the training failed") as caught:
        run.wait(60)
    assert run.phase == "failed"
    assert run.error is caught.value.__cause__
    assert run.lander is None


def test_an_error_of_the_watcher_is_kept_too(make):
    def complain():
        if run.epoch == 2 and run.running:
            raise ZeroDivisionError("watcher")

    run = make(on_change=complain)
    run.start()
    with pytest.raises(RuntimeError, match="watcher"):
        run.wait(60)
    assert isinstance(run.error, ZeroDivisionError)


def test_the_fingerprint_tells_other_arguments(make, blobs):
    x, labels = blobs(noise=0.15)
    own = make().fingerprint
    assert own == make().fingerprint
    assert own == BackgroundTraining(x.numpy(), labels.tolist(), training=QUICK).fingerprint
    others = [make(seed=1), make(training=wb.TrainConfig(epochs=9)), make(state="x"), make(validation=(x, labels))]
    others.append(BackgroundTraining(x + 1, labels, training=QUICK))
    assert len({own, *(other.fingerprint for other in others)}) == 6


def test_wrong_input_is_refused_at_once(make, blobs):
    x, labels = blobs()
    with pytest.raises(ValueError, match="labels: expected 240 labels"):
        BackgroundTraining(x, labels[:9])
    with pytest.raises(ValueError, match="device"):
        make(device="abacus")
    with pytest.raises(RuntimeError, match="wait: this training was not started"):
        make().wait()


def test_started_again_while_its_end_is_being_told_it_does_not_wait_for_whoever_is_told(make):
    """Who starts it may hold the lock that the telling of the end waits for."""
    lock, told = threading.Lock(), threading.Event()

    def tell():
        if run.phase == "done":
            told.set()
            with lock:
                pass

    run = make(on_change=tell)
    with lock:
        run.start()
        assert told.wait(60)
        starter = threading.Thread(target=run.start)
        starter.start()
        starter.join(10)
        assert not starter.is_alive()
    run.wait(60)
