import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from workbench._core.state import read_state, write_state
from workbench.cluster.hierarchy import build_hierarchy
from workbench.cluster.predictors import similarity_predictor
from workbench.evaluate.scores import scores
from workbench.lander.config import InferenceConfig, LanderConfig
from workbench.lander.model import Lander
from workbench.train.config import TrainConfig
from workbench.train.episodes import draw_classes, random_projection, teacher_levels
from workbench.train.general.one_kind import meta_train_cut
from workbench.train.losses import LossConfig
from workbench.train.meta_train import meta_train
from workbench.train.select_tau import best_tau, tau_curve
from workbench.train.trainer import MetaTraining

QUICK = TrainConfig(epochs=12, validate=4, batch_size=150, projections=(1.0,))
PUBLISHED = TrainConfig.published(epochs=10)


def weights(model):
    return torch.cat([value.flatten() for value in model.state_dict().values()])


@pytest.fixture
def data(blobs):
    x, y = blobs(n_classes=10, per_class=24, noise=0.12)
    return x.numpy(), y.numpy()


def test_it_learns_to_cluster_other_classes(blobs):
    learn = blobs(n_classes=40, per_class=12, dim=32, noise=0.12)
    model = meta_train(*learn, training=TrainConfig(epochs=40, validate=40), progress=False)
    x, y = blobs(n_classes=30, per_class=25, dim=24, noise=0.12, seed=9)  # other classes, sizes and dimension
    tree = build_hierarchy(x, model.predict, model.inference)
    assert scores(y, tree.labels)["bcubed_f"] > 0.9


@pytest.mark.parametrize(
    ("config", "training"),
    [
        (LanderConfig(hidden=8), replace(QUICK, epochs=8, validate=8)),
        (LanderConfig.published(hidden=8), PUBLISHED),
        (LanderConfig.published("gat", 8), PUBLISHED),
    ],
)
def test_the_seed_settles_everything_and_global_generators_are_left_alone(config, training, data):
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    one, two, other = (meta_train(*data, config, training=training, seed=s, progress=False) for s in (3, 3, 4))
    assert torch.equal(weights(one), weights(two))
    assert not torch.equal(weights(one), weights(other))
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002


@pytest.mark.parametrize("optimizer", ["adamw", pytest.param("sgd", marks=pytest.mark.slow)])
def test_stopped_and_resumed_equals_never_stopped(optimizer, data, tmp_path):
    training = replace(QUICK, optimizer=optimizer, projections=(1.0, 0.5))
    config, state = LanderConfig(hidden=8), tmp_path / "my run"  # any name will do, and is saved to again and again
    whole = meta_train(*data, config, training=training, progress=False)
    epochs = iter(range(7))
    part = meta_train(*data, config, training=training, state=state, stop=lambda: next(epochs) == 6, progress=False)
    assert part.history["epoch"].max() == 6  # stopped between two saves
    seen = []
    resumed = meta_train(*data, config, training=training, state=state, on_epoch=seen.extend, progress=False)
    assert seen[0]["epoch"] == 5
    assert torch.equal(weights(resumed), weights(whole))
    assert resumed.inference == whole.inference
    columns = ["epoch", "level", "nodes", "link_loss", "density_loss"]
    assert resumed.history[columns].equals(whole.history[columns])


def test_a_damaged_state_is_one_line_that_names_it(data, tmp_path):
    state = tmp_path / "run.safetensors"
    run = {"training": replace(QUICK, epochs=4), "state": state, "progress": False}
    meta_train(*data, LanderConfig(hidden=8), **run)
    tensors, settings = read_state(state)
    for lacking in (next(name for name in tensors if name.startswith("model.")), "generator"):
        write_state(state, {name: value for name, value in tensors.items() if name != lacking}, settings)
        with pytest.raises(ValueError, match=r"^[^\n]*run.safetensors: not a whole saved run[^\n]*$"):
            meta_train(*data, LanderConfig(hidden=8), **run)


def test_a_state_of_another_run_is_refused(data, tmp_path):
    short, state = replace(QUICK, epochs=4), tmp_path / "run.safetensors"
    meta_train(*data, LanderConfig(hidden=8), training=short, state=state, progress=False)
    with pytest.raises(ValueError, match="was saved by a run with other seed"):
        meta_train(*data, LanderConfig(hidden=8), training=short, state=state, seed=1, progress=False)
    with pytest.raises(ValueError, match="was saved by a run with other config"):
        meta_train(*data, LanderConfig(hidden=10), training=short, state=state, progress=False)
    with pytest.raises(ValueError, match="other data"):
        meta_train(data[0] + 0.01, data[1], LanderConfig(hidden=8), training=short, state=state, progress=False)


def test_history_is_tidy(data):
    history = meta_train(*data, LanderConfig(hidden=8), training=PUBLISHED, progress=False).history
    assert sorted(history["epoch"].unique()) == list(range(1, 11))
    assert not history.duplicated(["epoch", "level", "k"]).any()
    assert history.loc[history["epoch"] == 10, "val_bcubed_f"].notna().all()
    first, last = (history.loc[history["epoch"] == e, "link_loss"].mean() for e in (1, 10))
    assert last < first


def test_patience_ends_a_run_that_no_longer_improves(data):
    training = TrainConfig(epochs=80, validate=4, patience=2, learning_rate=1e-12, projections=(1.0,))
    history = meta_train(*data, LanderConfig(hidden=8), training=training, progress=False).history
    assert history["epoch"].max() == 12  # one validation, then two without a gain


def test_stopping_at_once_still_gives_a_model(data):
    model = meta_train(*data, LanderConfig(hidden=8), training=QUICK, stop=lambda: True, progress=False)
    assert 0 < model.inference.tau < 1
    assert not len(model.history)


def test_minibatches_add_up_to_the_whole(data):
    """The mean of the losses over batches of equal size is the loss of the whole level."""
    run = MetaTraining(*data, LanderConfig(hidden=8), training=PUBLISHED)
    level = teacher_levels(run.model, run.features, run.labels, (4,), (1,), links="all")[0]
    rows = torch.randperm(level.n, generator=torch.Generator().manual_seed(0))
    even = rows[: level.n // 4 * 4]
    run.training = TrainConfig(loss=LossConfig(balanced=False))
    parts = [run.losses(run.batch(level, part)) for part in even.tensor_split(4)]
    for name, whole in run.losses(run.batch(level, even)).items():
        torch.testing.assert_close(torch.stack([part[name] for part in parts]).mean(), whole)


@dataclass(frozen=True)
class Sizes(LossConfig):
    size_weight: float = 10.0

    @property
    def weights(self):
        return {**super().weights, "size_loss": self.size_weight}


class Shrunk(MetaTraining):
    """A term of one's own: the mean square of the embeddings."""

    def losses(self, batch):
        own = batch.embedding[: len(batch.rows)]
        return {**super().losses(batch), "size_loss": own.float().square().mean()}


def test_a_term_of_ones_own_is_weighed_and_written_into_the_history(data):
    plain = MetaTraining(*data, LanderConfig(hidden=8), training=QUICK)
    off, on = (
        Shrunk(*data, LanderConfig(hidden=8), training=replace(QUICK, loss=Sizes(size_weight=weight)))
        for weight in (0.0, 10.0)
    )
    for run in (plain, off, on):
        for _ in range(3):
            run.run_epoch()
    assert torch.equal(weights(off.model), weights(plain.model))
    assert not torch.equal(weights(on.model), weights(plain.model))
    assert on.rows[-1]["size_loss"] < off.rows[-1]["size_loss"]


def test_a_run_is_not_taken_up_by_another_trainer(data, tmp_path):
    run = {"training": replace(QUICK, epochs=4, loss=Sizes()), "state": tmp_path / "run", "progress": False}
    meta_train(*data, LanderConfig(hidden=8), trainer=Shrunk, **run)
    with pytest.raises(ValueError, match="saved by a run with other trainer"):
        meta_train(*data, LanderConfig(hidden=8), **run)


def test_a_term_without_a_weight_is_refused_by_name(data):
    with pytest.raises(ValueError, match=r"losses: expected the terms that `weights` names, .* got .*size_loss"):
        Shrunk(*data, LanderConfig(hidden=8), training=QUICK).run_epoch()


@pytest.mark.parametrize(
    ("config", "training"),
    [
        (LanderConfig(hidden=8), QUICK),
        (LanderConfig.published(hidden=16), PUBLISHED),
        (LanderConfig("features", "gcn", layers=2, hidden=16), PUBLISHED),
        (LanderConfig("features", "gat", layers=2, hidden=16, heads=2), PUBLISHED),
    ],
)
def test_half_precision_trains_to_nearly_the_same(config, training, data):
    one_step = replace(training, batch_size=4096)  # AdamW's first steps are of one size, however small a gradient is
    runs = [MetaTraining(*data, config, training=one_step, precision=p) for p in ("float32", "bfloat16")]
    losses = [[[row["link_loss"], row["density_loss"]] for row in run.run_epoch()] for run in runs]
    assert all(parameter.dtype == torch.float32 for parameter in runs[1].model.parameters())
    np.testing.assert_allclose(*losses, rtol=0.02)
    assert not np.array_equal(*losses)
    with pytest.raises(ValueError, match=r"precision: expected one of 'float32', 'bfloat16', got 'half'"):
        MetaTraining(*data, precision="half")


def test_a_level_of_fewer_nodes_than_steps_takes_part_in_every_step(data):
    run = MetaTraining(*data, training=TrainConfig(epochs=4, validate=4, batch_size=1))
    rows = run.run_epoch()
    assert min(row["nodes"] for row in rows) < max(row["nodes"] for row in rows)
    assert np.isfinite([row["link_loss"] for row in rows]).all()
    batches = run._shuffled(3, 7)
    assert sorted(torch.cat(batches[:3]).tolist()) == [0, 1, 2]
    assert [len(batch) for batch in batches] == [1] * 7


def test_published_levels(data):
    run = MetaTraining(*data, LanderConfig.published(hidden=8), training=PUBLISHED)
    assert (run.model.inference.k, run.model.inference.decoder) == (9, "tree-strict")
    run.run_epoch()
    for k, most in zip(PUBLISHED.ks, PUBLISHED.levels, strict=True):
        alone = teacher_levels(run.model, run.features, run.labels, (k,), (most,), links=PUBLISHED.loss.links)
        ours = [level for level in run.levels if level.inputs.graph.k == k]
        for level, other in zip(ours, alone, strict=True):  # one search served both k
            assert torch.equal(level.inputs.graph.neighbors, other.inputs.graph.neighbors)
            assert torch.equal(level.inputs.graph.similarity, other.inputs.graph.similarity)
    for k in (4, 2):
        assert [level.level for level in run.levels if level.inputs.graph.k == k][:2] == [0, 1]


def test_drawn_classes_are_whole():
    labels = torch.arange(10).repeat(5)
    held = draw_classes(labels, 2, torch.Generator().manual_seed(0))
    assert set(labels[held].tolist()).isdisjoint(labels[~held].tolist())
    assert len(labels[held].unique()) == 2


def test_projection_keeps_cosines_roughly(blobs):
    x, _ = blobs(dim=64)
    small = random_projection(x, 0.5, torch.Generator().manual_seed(0))
    assert ((small @ small.T) - (x @ x.T)).abs().mean() < 0.25
    assert random_projection(x, 1.0, torch.Generator()) is x


def test_tau_curve_and_choice(blobs):
    x, y = blobs(noise=0.1)
    curve = tau_curve(similarity_predictor, InferenceConfig(), x, y, taus=(0.0, 0.8, 1.0))
    assert curve["n_clusters"].tolist()[1:] == [12, 240]
    assert best_tau(curve) == 0.8
    for tau, score in zip(curve["tau"], curve["bcubed_f"], strict=True):
        tree = build_hierarchy(x, similarity_predictor, InferenceConfig(tau=tau))
        assert score == pytest.approx(scores(y, tree.labels.numpy())["bcubed_f"])
    only = tau_curve(similarity_predictor, InferenceConfig(), x, y, scored=y < 3, taus=(0.8,))
    assert only["bcubed_f"].item() == 1


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (np.eye(4), [0, 0, 0, 0], "labels: expected at least 2 classes to learn from, got 1"),
        (np.eye(4), [0, 0, 1, 1], "labels: expected at least 3 classes"),
        (np.eye(4), [0, 1], "labels: expected 4 labels, one per item, got 2"),
        (np.full((4, 2), np.nan), [0, 1, 0, 1], "features: expected finite numbers, got NaN"),
        (np.eye(4), ["a", "b", "a", "b"], "labels: expected integers"),
    ],
)
def test_bad_data(features, labels, message):
    with pytest.raises(ValueError, match=message):
        meta_train(features, labels, progress=False)


@pytest.mark.cuda
def test_cuda_trains(data):
    assert meta_train(*data, training=QUICK, device="cuda", progress=False).history["link_loss"].notna().all()


def test_lander_is_returned_ready_for_use(data):
    model = meta_train(*data, LanderConfig(hidden=8), training=QUICK, progress=False)
    assert isinstance(model, Lander)
    assert not model.training


def test_a_model_that_reads_features_is_trained_on_policy_without_projections(data):
    run = MetaTraining(
        *data, LanderConfig(inputs="features", conv="gcn", hidden=8), training=TrainConfig(epochs=1, validate=4)
    )
    assert np.isfinite(run.run_epoch()[0]["link_loss"])


@pytest.mark.parametrize("learn", [meta_train, meta_train_cut])
def test_what_nothing_can_be_learned_from_is_refused_by_name(learn, data):
    x, y = (np.asarray(values) for values in data)
    quiet = {"progress": False}
    with pytest.raises(ValueError, match=rf"features: expected different rows .*, got {len(x)} copies of one row"):
        learn(np.ones_like(x), y, **quiet)
    with pytest.raises(ValueError, match=rf"labels: expected a class of two items or more, got {len(x)} items"):
        learn(x, np.arange(len(x)), **quiet)
    with pytest.raises(ValueError, match=r"labels: expected a class for every item, got -1 \(none\) for 3"):
        learn(x, np.where(np.arange(len(x)) < 3, -1, y), **quiet)
    with pytest.raises(ValueError, match=rf"validation features: expected dimension {x.shape[1]} .*, got 5"):
        learn(x, y, validation=(x[:, :5], y), **quiet)
    for seed in (2**70, -1):
        with pytest.raises(ValueError, match="seed: expected an integer"):
            learn(x, y, seed=seed, **quiet)


WRONG_KINDS = """
import numpy as np, workbench as wb
from workbench.data import FeatureSet
from workbench.train.general.one_kind import meta_train_cut
x, y = np.eye(12), np.arange(12) // 2
quiet = {"progress": False}
for call in (
    lambda: wb.TrainConfig(loss=None),
    lambda: wb.TrainConfig(ks=3),
    lambda: wb.meta_train(x, y, wb.TrainConfig(), **quiet),
    lambda: wb.meta_train(x, y, training=wb.LanderConfig(), **quiet),
    lambda: wb.meta_train(x, y, inference={}, **quiet),
    lambda: wb.meta_train(x, y, validation=(x,), **quiet),
    lambda: meta_train_cut(x, y, validation=FeatureSet(x, y), **quiet),
    lambda: wb.meta_train(x, y, seed=1.5, **quiet),
    lambda: wb.knn(x, 3, seed="a"),
    lambda: wb.build_hierarchy(x, None, {"k": 3}),
):
    try:
        call()
    except TypeError as error:
        print(error)
"""
TOLD = """loss: expected LossConfig, got NoneType
ks: expected a tuple of numbers, got 3
config: expected LanderConfig, got TrainConfig
training: expected TrainConfig, got LanderConfig
inference: expected InferenceConfig, got dict
validation: expected (features, labels), got 1 things
validation: expected (features, labels), got a FeatureSet
seed: expected an integer >= 0 and <= 4294967295, got 1.5 (float)
seed: expected an integer >= 0 and <= 4294967295, got 'a' (str)
settings: expected an InferenceConfig, got dict
"""


def test_arguments_of_another_kind_are_refused_by_name():
    """As a user meets them: the tests' own checks of types would speak first."""
    told = subprocess.run([sys.executable, "-c", WRONG_KINDS], capture_output=True, text=True, check=True)
    assert told.stdout == TOLD


def test_settings_that_learn_nothing_are_refused(data):
    with pytest.raises(ValueError, match="link_weight, density_weight: expected one above 0"):
        LossConfig(density_weight=0.0, link_weight=0.0)
    with pytest.raises(ValueError, match="jobs: expected an integer >= 1, got 0"):
        meta_train_cut(*data, jobs=0, progress=False)
