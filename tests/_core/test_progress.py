import numpy as np
import pytest
import torch

from workbench import HiLander
from workbench._core import progress
from workbench._core.progress import progress_bar, show_progress
from workbench.graph.knn import knn


@pytest.fixture
def at_once(monkeypatch):
    """Bars are shown from the start, not after two seconds."""
    monkeypatch.setattr(progress, "DELAY", 0)


@pytest.mark.parametrize("parts", [[slice(0, 300), slice(300, 500)], list(torch.arange(500).split(300)), []])
def test_the_bar_counts_rows_and_is_only_shown_when_asked_for(parts, at_once, capsys):
    assert list(progress_bar(parts, "things")) == parts
    assert capsys.readouterr().err == ""
    with show_progress(True):
        seen = list(progress_bar(parts, "things"))
    assert all(one is other for one, other in zip(seen, parts, strict=True))
    err = capsys.readouterr().err
    assert "things" in err
    assert ("/500 [" in err) == bool(parts)  # of 500 rows


def test_what_was_asked_for_ends_with_the_block_even_by_an_error():
    with pytest.raises(RuntimeError), show_progress(True):
        raise RuntimeError
    assert not progress._asked.get()


@pytest.mark.parametrize("method", ["exact", "approximate"])
def test_searches_show_their_bars_and_find_the_same(method, blobs, at_once, capsys):
    x, _ = blobs(20, 30)
    quiet = knn(x, 5, method=method)
    with show_progress(True):
        loud = knn(x, 5, method=method)
    assert "k-NN graph" in capsys.readouterr().err
    assert torch.equal(quiet.neighbors, loud.neighbors)


def test_fit_shows_its_stages_and_no_bar_unless_told(blobs, at_once, capsys):
    x, _ = blobs()
    quiet = HiLander().fit_predict(x)
    assert capsys.readouterr().err == ""
    loud = HiLander(progress=True).fit_predict(x)
    err = capsys.readouterr().err
    assert all(stage in err for stage in ("k-NN graph", "convolution", "links", "quality of clusters"))
    np.testing.assert_array_equal(quiet, loud)


def test_an_interrupted_fit_leaves_what_was_fitted_before(blobs, monkeypatch):
    x, _ = blobs()
    model = HiLander().fit(x)
    labels = model.labels_.copy()

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(model.lander_), "linkage", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.fit(x[:50])
    np.testing.assert_array_equal(model.labels_, labels)
    np.testing.assert_array_equal(model.predict(x[:5]), labels[:5])
