import pickle
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from workbench.cluster.checkpoint import load_checkpoint
from workbench.cluster.hilander import HiLander
from workbench.evaluate.scores import scores
from workbench.experiments.benchmarks.inputs import clusters
from workbench.lander.config import LanderConfig
from workbench.lander.model import Lander


def test_scikit_learn_agrees():
    """In a process of its own: the check of shapes that these tests switch on refuses bad settings before `fit` can."""
    code = "import sklearn.utils.estimator_checks as c, workbench; c.check_estimator(workbench.HiLander())"
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
def test_unit_rows_are_freed_once_they_are_mapped():
    """In a process of its own: the check of shapes that these tests switch on holds every argument."""
    code = """
import weakref, numpy as np
from workbench.cluster import HiLander, hierarchy, hilander
made = []
make, judge = hilander.unit_rows, hierarchy.sampled_recall
def unit_rows(*args, **settings):
    rows = make(*args, **settings)
    made.append(weakref.ref(rows))
    return rows
def sampled_recall(rows, graph):
    assert made[0]() is None
    return judge(rows, graph)
hilander.unit_rows, hierarchy.sampled_recall = unit_rows, sampled_recall
HiLander(device="cpu").fit(np.random.default_rng(0).normal(size=(300, 8)))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_it_finds_the_classes(blobs):
    x, y = blobs(noise=0.1)
    model = HiLander().fit(x)
    assert model.n_clusters_ == 12
    assert scores(y, model.labels_)["bcubed_f"] == 1
    assert (model.cluster_layers_[-1] == model.labels_).all()
    assert model.n_features_in_ == 16


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.astype(np.float64),
        lambda x: x.tolist(),
        lambda x: torch.from_numpy(x),
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x * 1000,
        lambda x: pd.DataFrame(x).set_axis([f"f{i}" for i in range(x.shape[1])], axis=1),
    ],
)
def test_forms_of_input_give_the_same_labels(convert, blobs):
    x = blobs(noise=0.15)[0].numpy()
    expected = HiLander().fit_predict(x)
    given = convert(x)
    before = pickle.dumps(given)
    assert (HiLander().fit_predict(given) == expected).all()
    assert pickle.dumps(given) == before


def test_memory_mapped_read_only_and_half_precision(blobs, tmp_path):
    x = blobs()[0].numpy()
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert (HiLander().fit_predict(mapped) == HiLander().fit_predict(x)).all()
    assert HiLander().fit(x.astype(np.float16)).n_clusters_ == 12


def test_extreme_scales_do_not_overflow(blobs):
    x = blobs()[0].double().numpy()
    for scale in (1e300, 1e-300):
        assert HiLander().fit(x * scale).n_clusters_ == 12


def test_zero_rows_are_singletons_and_warned_about_once(blobs):
    x = blobs()[0].numpy().copy()
    x[[3, 50]] = 0
    with pytest.warns(UserWarning, match=r"X: 2 zero row\(s\), the first is row 3") as warned:
        model = HiLander().fit(x)
    assert len(warned) == 1
    labels = model.labels_
    counts = np.bincount(labels)
    assert counts[labels[3]] == counts[labels[50]] == 1
    assert len(counts) == 14
    with pytest.warns(UserWarning, match="X: 1 zero row.*, -1 where it is predicted"):
        assert model.predict(x[3:5]).tolist() == [-1, labels[4]]


def test_duplicates_share_a_cluster(blobs):
    x = blobs(5, 4)[0].numpy()
    labels = HiLander().fit_predict(np.repeat(x, 30, axis=0)).reshape(-1, 30)
    assert (labels == labels[:, :1]).all()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_rows(n):
    x = np.random.default_rng(0).normal(size=(n, 6))
    model = HiLander().fit(x)
    assert model.labels_.shape == (n,)
    assert (model.predict(x) == model.labels_).all()


def test_one_cluster_and_all_singletons():
    one = np.ones((40, 8)) + 0.01 * np.random.default_rng(0).normal(size=(40, 8))
    assert HiLander(tau=0.0).fit(one).n_clusters_ == 1
    assert HiLander(tau=1.0).fit(one).n_clusters_ == 40


def test_predict(blobs):
    x, y = (v.numpy() for v in blobs(per_class=30, noise=0.1))
    new = np.arange(len(x)) // 12 % 3 == 0  # a third of every class
    fitted = ~new
    model = HiLander().fit(x[fitted])
    assert (model.predict(x[fitted]) == model.labels_).all()
    found = model.predict(x[new])
    together = model.predict(np.concatenate([x[new], np.random.default_rng(0).normal(size=(5, 16))]))
    assert (together[: len(found)] == found).all()  # each row is judged alone
    assert (found >= 0).mean() > 0.9
    class_of = dict(zip(model.labels_.tolist(), y[fitted].tolist(), strict=True))
    joined = found >= 0
    assert [class_of[label] for label in found[joined].tolist()] == y[new][joined].tolist()


@pytest.mark.parametrize("settings", [{}, {"metric": "cosine"}, {"lander": "glyphs-lander"}])
def test_later_rows_lead_where_one_fit_leads(settings, blobs):
    x = blobs(noise=0.3)[0].numpy()
    whole, parts = HiLander(**settings).fit(x), HiLander(**settings)
    for part in np.split(x, [1, 2, 40, 41]):
        assert parts.partial_fit(part) is parts
    assert (parts.labels_ == whole.labels_).all()
    assert (parts.confidence_ == whole.confidence_).all()
    pd.testing.assert_frame_equal(parts.clusters_, whole.clusters_)


@pytest.mark.parametrize(
    "said", [{"must_link": [(55, 0), (56, 57)]}, {"cannot_link": [(55, 0)]}, {"partial_labels": [-1] * 50 + [3] * 10}]
)
def test_later_rows_are_spoken_of_when_they_come(said, blobs):
    x = blobs(per_class=30, noise=0.3)[0].numpy()[:60]
    later, whole = HiLander(metric="cosine").fit(x[:50]).partial_fit(x[50:], **said), HiLander(metric="cosine")
    assert (later.labels_ == whole.fit(x, **said).labels_).all()
    assert later.changes_["asked"].dtype == bool


def test_the_map_stays_once_many_rows_gave_it(blobs, monkeypatch):
    x = blobs(per_class=30, noise=0.3)[0].numpy()
    monkeypatch.setattr("workbench.cluster.hierarchy.SAMPLE", 250)  # not many, that a test need not wait
    model = HiLander().partial_fit(x[:2])
    assert model.hierarchy_.metric.matrix is None  # of two rows nothing can be learnt
    first = model.partial_fit(x[2:240]).hierarchy_.metric.matrix
    matrix = model.partial_fit(x[240:300]).hierarchy_.metric.matrix
    assert not torch.equal(matrix, first)
    assert torch.equal(matrix, HiLander().fit(x[:300]).hierarchy_.metric.matrix)
    assert torch.equal(model.partial_fit(x[300:]).hierarchy_.metric.matrix, matrix)
    assert (model.predict(x) == model.labels_).all()


def test_corrections_between_leave_the_map_to_be_made_of_all_rows(blobs):
    x = blobs(per_class=30, noise=0.3)[0].numpy()
    matrix = HiLander().fit(x[:40]).merge(0, 1).undo().partial_fit(x[40:]).hierarchy_.metric.matrix
    assert torch.equal(matrix, HiLander().fit(x).hierarchy_.metric.matrix)


def test_rows_of_new_classes_found_clusters_and_the_old_ones_go_on(blobs):
    x, y = (v.numpy() for v in blobs())
    old = y < 8
    model = HiLander().fit(x[old])
    assert model.continues_.tolist() == [-1] * 8
    before = model.labels_
    model.partial_fit(x[~old])
    assert scores(np.concatenate([y[old], y[~old]]), model.labels_)["bcubed_f"] == 1
    assert (model.continues_[model.labels_[: len(before)]] == before).all()
    assert (model.continues_[model.labels_[len(before) :]] == -1).all()


def test_what_does_not_go_on_from_a_fit_is_refused_and_leaves_it(blobs):
    x = blobs()[0].numpy()
    model = HiLander(metric="cosine").fit(x)
    before = model.labels_
    with pytest.raises(ValueError, match="8 features"):
        model.partial_fit(np.ones((2, 8)))
    with pytest.raises(ValueError, match="metric: expected 'cosine' as before, got 'discriminant'; call fit"):
        model.set_params(metric="discriminant").partial_fit(x)
    assert model.labels_ is before
    by_another = HiLander().fit(x).set_params(lander="glyphs-lander")
    with pytest.raises(ValueError, match="expected 'discriminant' as before, got 'cosine' of this lander; call fit"):
        by_another.partial_fit(x)


@pytest.mark.parametrize("lander", ["general", "glyphs-lander"])
def test_half_precision_gives_nearly_the_same(lander, blobs):
    x, _ = blobs(noise=0.4)
    exact, fast = (HiLander(lander, precision=p).fit(x) for p in ("float32", "bfloat16"))
    first, second = (model.hierarchy_.levels[0].prediction.linkage for model in (exact, fast))
    assert second.dtype == torch.float32
    torch.testing.assert_close(first, second, rtol=0, atol=0.02)
    assert not torch.equal(first, second)
    assert scores(exact.labels_, fast.labels_)["bcubed_f"] > 0.9
    assert fast.settings_.precision == fast.lander_.inference.precision == "bfloat16"
    with pytest.raises(ValueError, match="precision: expected one of 'float32', 'bfloat16', got 'half'"):
        HiLander(precision="half").fit(x)


def test_rows_of_other_classes_are_often_minus_one_and_those_of_the_same_never(blobs):
    x, y = (part.numpy() for part in blobs(18, noise=0.15))
    later = np.arange(len(y)) % 5 == 0
    model = HiLander().fit(x[(y < 12) & ~later])
    assert (model.predict(x[y >= 12]) == -1).mean() > 0.5
    assert (model.predict(x[(y < 12) & later]) >= 0).all()
    positive = np.abs(x)
    assert HiLander().fit(positive).predict(-positive[:1]).tolist() == [-1]  # like none at all


def test_clone_pickle_pipeline(blobs):
    x = blobs()[0].numpy()
    model = HiLander(tau=0.4, k=7)
    assert clone(model).get_params() == model.get_params()
    again = pickle.loads(pickle.dumps(model.fit(x)))
    assert (again.predict(x) == model.labels_).all()
    assert len(make_pipeline(StandardScaler(), HiLander()).fit_predict(x)) == len(x)
    trained = Lander(LanderConfig(hidden=8))
    assert clone(HiLander(trained)).lander.config == trained.config


def test_settings_override_the_models(blobs):
    x = blobs()[0].numpy()
    model = HiLander("glyphs-lander", k=3, tau=0.9, max_levels=1).fit(x)
    level = model.hierarchy_.levels[0]
    assert (level.graph.k, len(model.hierarchy_.levels)) == (3, 1)
    linked = level.decoding.parent != torch.arange(len(x))
    assert level.prediction.linkage.max(dim=1).values[linked].min() > 0.9


def test_own_decoder(blobs):
    from workbench.decode.decoding import Decoding

    def all_apart(graph, prediction, tau):
        each = torch.arange(graph.n)
        return Decoding(each, each, None)

    x = blobs()[0].numpy()
    assert HiLander(decoder=all_apart).fit(x).n_clusters_ == len(x)


@pytest.mark.parametrize(
    ("make", "X", "error", "message"),
    [
        ({"tau": 1.5}, np.eye(3), ValueError, r"tau: expected a number in \[0, 1\], got 1.5"),
        ({"tau": "best"}, np.eye(3), ValueError, "tau: expected 'auto' or a number"),
        ({"k": 0}, np.eye(3), ValueError, "k: expected an integer >= 1"),
        ({"k": True}, np.eye(3), TypeError, "k: expected an integer >= 1, got True"),
        ({"lander": 7}, np.eye(3), TypeError, "lander: expected a Lander"),
        ({"lander": "no/such/file"}, np.eye(3), FileNotFoundError, "^lander: no checkpoint at no/such/file"),
        ({"lander": ""}, np.eye(3), ValueError, "^lander: expected the path of a checkpoint or one of"),
        (
            {"lander": "glyphs-lander", "decoder": lambda *_: None},
            np.eye(3),
            TypeError,
            "decoder: expected .* a Decoding",
        ),
        ({"lander": "glyphs-encoder"}, np.eye(3), ValueError, "lander: glyphs-encoder holds an encoder"),
        ({"decoder": "best"}, np.eye(3), ValueError, "decoder: expected one of"),
        ({"device": "tpu?"}, np.eye(3), ValueError, "device: expected 'auto', 'cpu'"),
        ({"device": "meta"}, np.eye(3), ValueError, "device: expected 'auto', 'cpu'"),
        ({}, np.empty((0, 3)), ValueError, "X: Found array with 0 sample"),
        ({}, np.empty((3, 0)), ValueError, "X: Found array with 0 feature"),
        ({}, np.arange(3), ValueError, "X: expected a 2D array"),
        ({}, [[1.0], [1.0, 2.0]], ValueError, "X: expected rows of equal length"),
        ({}, [["a", "b"]], ValueError, "X: expected numbers"),
        ({}, np.array([[1.0, np.nan]]), ValueError, "X: expected finite numbers, got NaN at row 0, column 1"),
        ({}, np.array([[np.inf, 1.0]]), ValueError, "X: expected finite numbers, got infinity at row 0, column 0"),
    ],
)
def test_bad_input(make, X, error, message):
    with pytest.raises(error, match=message):
        HiLander().set_params(**make).fit(X)


def test_another_dimension_is_refused(blobs):
    model = HiLander().fit(blobs(dim=16)[0].numpy())
    with pytest.raises(ValueError, match="8 features"):
        model.predict(np.ones((2, 8)))


def test_the_packaged_model_is_small_and_takes_any_dimension():
    model = load_checkpoint("glyphs-lander")
    assert model.config.inputs == "structural"
    assert model.n_parameters < 100_000


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["general", "glyphs-lander"])
def test_cuda_gives_the_clusters_of_the_cpu(name):
    """But for rows whose links tie within rounding."""
    x, _ = clusters(6000, 64)
    here, there = (HiLander(name, device=device).fit(x) for device in ("cpu", "cuda"))
    assert there.hierarchy_.features.is_cuda
    assert scores(here.labels_, there.labels_)["bcubed_f"] > 0.999
    new = clusters(200, 64, seed=1)[0]
    assert (here.predict(new) == -1).mean() == pytest.approx((there.predict(new) == -1).mean(), abs=0.02)


def test_a_refused_fit_leaves_every_attribute(blobs, monkeypatch):
    x = blobs(noise=0.1)[0].numpy()
    model = HiLander().fit(x)
    before = dict(vars(model))
    monkeypatch.setattr("workbench.cluster.hilander.cluster_table", interrupt)  # as late as can be
    for bad, error in ((x[:, :0], ValueError), ([["a"]], ValueError), (x[:50, :5], KeyboardInterrupt)):
        with pytest.raises(error):
            model.fit(bad)
        assert vars(model) == before
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(x[:3] + 1)
    assert vars(model) == before


def interrupt(*_):
    raise SystemError from KeyboardInterrupt()  # as compiled code says it


def test_linkages_that_are_no_numbers_end_at_once(blobs):
    model = load_checkpoint("general")
    with torch.no_grad():
        model.of_source.weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="linkage: expected finite numbers"):
        HiLander(model).fit(blobs(noise=0.1)[0])
    ensemble = load_checkpoint("general")
    with torch.no_grad():
        ensemble.ensemble.networks[0][0].weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="quality: expected finite numbers"):
        HiLander(ensemble).fit(blobs(noise=0.1)[0])


@contextmanager
def set_and_back(setter, value, usual):
    setter(value)
    try:
        yield
    finally:
        setter(usual)


@pytest.mark.parametrize(
    "state",
    [
        lambda: set_and_back(torch.set_default_dtype, torch.float64, torch.float32),
        lambda: torch.device("meta"),
        lambda: torch.autocast("cpu", torch.bfloat16),
        torch.inference_mode,
    ],
)
def test_the_callers_global_state_changes_nothing(state, blobs):
    x = blobs(noise=0.3)[0].numpy()
    usual = HiLander().fit(x)
    with state():
        model = HiLander().fit(x)
        later = model.predict(x[:9] * 1.5)
    assert np.array_equal(model.labels_, usual.labels_)
    assert np.array_equal(model.confidence_, usual.confidence_)
    assert np.array_equal(later, usual.predict(x[:9] * 1.5))
