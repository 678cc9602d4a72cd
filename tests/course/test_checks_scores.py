"""The checks of the notebooks on scores, baselines, errors and own data: right, nearly right, wrong, bad input."""

from itertools import combinations

import numpy as np
import pytest
import torch

import workbench as wb
from workbench import course
from workbench.cluster.predictors import oracle_predictor, similarity_predictor
from workbench.evaluate.baselines import AverageLinkage, Dbscan, NoLearningOneLevel
from workbench.evaluate.interventions import InterventionStudy

TRUTH = np.array([0, 0, 0, 0, 1, 1, 2, 2])
FOUND = np.array([0, 0, 0, 1, 0, 2, 2, 2])


def status(name, answer, *inputs):
    return course.check(name, answer, *inputs).status


@pytest.fixture(scope="module")
def blobs():
    """Unit rows around eight directions, some close to each other, and their classes."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(8), 12)
    rows = rng.normal(size=(8, 6))[labels] + 0.45 * rng.normal(size=(96, 6))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.fixture(scope="module")
def study(blobs):
    return InterventionStudy(similarity_predictor, *blobs, wb.InferenceConfig(k=5, tau=0.8))


# ---------------------------------------------------------------- 08 scores


def test_scores_by_hand():
    """Four pairs of nine claimed are right, of eight that belong together."""
    assert status("08-pairwise", [4 / 9, 4 / 8, 8 / 17], TRUTH, FOUND) == "exact"
    assert status("08-pairwise", [4 / 9, 4 / 8, 0.5], TRUTH, FOUND) == "wrong"
    precision = (3 * 3 / 4 + 1 / 4 + 1 + 1 / 3 + 2 * 2 / 3) / 8
    recall = (3 * 3 / 4 + 1 / 4 + 2 * 1 / 2 + 2) / 8
    f = 2 * precision * recall / (precision + recall)
    assert status("08-bcubed", [precision, recall, f], TRUTH, FOUND) == "exact"
    assert status("08-bcubed", [recall, precision, f], TRUTH, FOUND) == "wrong"


def test_ari_from_a_count_of_pairs():
    pairs = list(combinations(range(8), 2))
    in_class, in_cluster = ({(i, j) for i, j in pairs if x[i] == x[j]} for x in (TRUTH, FOUND))
    chance = len(in_class) * len(in_cluster) / len(pairs)
    ari = (len(in_class & in_cluster) - chance) / ((len(in_class) + len(in_cluster)) / 2 - chance)
    assert status("08-ari", ari, TRUTH, FOUND) == "exact"
    assert status("08-ari", ari + 0.004, TRUTH, FOUND) == "near"
    assert status("08-ari", len(in_class & in_cluster) / len(pairs), TRUTH, FOUND) == "wrong"


DRAW = np.random.default_rng(0).integers(60, size=(400, 60))


def resampled(labels_true, labels_pred, draw=DRAW):
    """BCubed F of classes drawn with replacement, image by image: slow and obvious."""
    classes = np.unique(labels_true)
    same_class, same_cluster = (x[:, None] == x for x in (labels_true, labels_pred))
    shared = (same_class & same_cluster).sum(axis=1)
    precision, recall = shared / same_cluster.sum(axis=1), shared / same_class.sum(axis=1)
    found = []
    for chosen in draw:
        items = np.concatenate([np.flatnonzero(labels_true == c) for c in classes[chosen]])
        p, r = precision[items].mean(), recall[items].mean()
        found.append(2 * p * r / (p + r))
    return np.array(found)


@pytest.fixture(scope="module")
def many():
    """600 images of 60 classes; the last two classes are one cluster, every third class is in two."""
    truth = np.repeat(np.arange(60), 10)
    found = np.minimum(truth, 58) * 2 + (truth % 3 == 0) * (np.arange(600) % 2)
    return truth, found


def test_interval_over_classes(many):
    interval = np.quantile(resampled(*many), [0.025, 0.975])
    assert status("08-interval", interval, *many) == "near"
    assert status("08-interval", interval.mean() + 0.05 * (interval - interval.mean()), *many) == "wrong"
    assert status("08-interval", interval[0], *many) == "wrong"


def test_share_of_draws_that_are_better(many):
    truth, found = many
    assert status("08-better", 1.0, truth, truth, found, DRAW) == "exact"
    assert status("08-better", 0.5, truth, truth, found, DRAW) == "wrong"
    rival = np.where(truth < 58, truth, 58)  # no class split, the same two merged
    share = (resampled(truth, found) > resampled(truth, rival)).mean()
    assert status("08-better", share, truth, found, rival, DRAW) in ("exact", "near")
    alone = (resampled(truth, found) > resampled(truth, rival, DRAW[::-1])).mean()
    assert alone == share or status("08-better", alone, truth, found, rival, DRAW) == "wrong"


def test_apart_takes_any_clustering_with_the_property():
    truth = np.array([0] * 10 + [1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    assert status("08-apart", [0] * 10 + [5, 1, 1, 2, 2, 3, 3, 4, 4, 5], truth) == "exact"
    assert status("08-apart", truth, truth) == "wrong"  # perfect: no difference
    assert status("08-apart", [0] * 19, truth) == "wrong"
    assert status("08-apart", "no labels", truth) == "wrong"


def test_singletons_get_an_nmi_above_nothing():
    """Eight images, classes of 4, 2, 2: H = 1.5 bits of 3; NMI = 1.5 / 2.25."""
    assert status("08-singletons", 2 / 3, TRUTH) in ("exact", "near")
    assert status("08-singletons", 0.0, TRUTH) == "wrong"


# ---------------------------------------------------------------- 09 baselines


def f_of(labels, found):
    return wb.scores(labels, found)["bcubed_f"]


def best_threshold(rows, labels):
    grid = AverageLinkage.grid["distance_threshold"]
    f = [f_of(labels, AverageLinkage(distance_threshold=t).fit(rows).labels_) for t in grid]
    return grid[int(np.argmax(f))], max(f)


def test_chosen_and_tuned_by_a_loop_over_the_grid(blobs):
    rows, labels = blobs
    meta, test = labels < 4, labels >= 4
    threshold, _ = best_threshold(rows[meta], labels[meta])
    inputs = (AverageLinkage, rows[meta], labels[meta])
    assert status("09-chosen", threshold, *inputs, "distance_threshold") == "exact"
    assert status("09-chosen", threshold + 0.05, *inputs, "distance_threshold") == "wrong"
    fair = f_of(labels[test], AverageLinkage(distance_threshold=threshold).fit(rows[test]).labels_)
    cheat = best_threshold(rows[test], labels[test])[1]
    test_set = (rows[test], labels[test])
    assert status("09-tuned", fair, *inputs, *test_set) == "exact"
    assert status("09-tuned", fair - 0.001, *inputs, *test_set) == "near"
    assert status("09-tuned", fair - 0.1, *inputs, *test_set) == "wrong"
    assert status("09-optimism", cheat - fair, *inputs, *test_set) == "exact"
    assert status("09-optimism", fair - cheat - 0.1, *inputs, *test_set) == "wrong"


def test_tuned_asks_for_labels_of_the_right_length(blobs):
    rows, labels = blobs
    with pytest.raises(ValueError, match="labels"):
        course.check("09-tuned", 0.5, Dbscan, rows, labels[:-1], rows, labels)


def test_no_learning_compares_partitions(blobs):
    rows, _ = blobs
    found = NoLearningOneLevel(tau=0.8).fit(rows).labels_
    assert status("09-no-learning", found.max() - found, rows, 0.8) == "exact"
    assert status("09-no-learning", np.zeros(len(rows), int), rows, 0.8) == "wrong"
    assert status("09-no-learning", found[:-1], rows, 0.8) == "wrong"


def test_crowd_says_where_the_threshold_is_lower(blobs):
    rows, labels = blobs
    few = np.mean([best_threshold(rows[labels % 4 == part], labels[labels % 4 == part])[0] for part in range(4)])
    answer = few - best_threshold(rows, labels)[0]
    assert status("09-crowd", answer, rows, labels, 4) == "exact"
    assert status("09-crowd", answer - 0.1, rows, labels, 4) == "wrong"


# ---------------------------------------------------------------- 11 errors


@pytest.fixture(scope="module")
def line():
    """Three images in one direction after another, the last of another class: one cluster, merged by 2 -> 1."""
    rows = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.3]]), dim=1)
    return wb.build_hierarchy(rows, similarity_predictor, wb.InferenceConfig(tau=0.5)), [0, 0, 1]


def test_the_costliest_merge(line):
    """Cutting image 2 off leaves two clean clusters: two false pairs less, F from 2/4 to 1."""
    assert status("11-merge", [2, 0.5], *line) == "exact"
    assert status("11-merge", [1, 0.5], *line) == "wrong"
    assert status("11-merge", 2, *line) == "wrong"


def test_the_costliest_split():
    rows = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.3]]), dim=1)
    tree = wb.build_hierarchy(rows, similarity_predictor, wb.InferenceConfig(tau=0.99))  # image 2 stays alone
    assert status("11-split", 2, tree, [0, 0, 0]) == "exact"
    assert status("11-split", 3, tree, [0, 0, 0]) == "wrong"


def test_which_error_dominates():
    assert status("11-dominates", [4, 0], [0, 0, 1, 1], [0, 0, 0, 0]) == "exact"
    assert status("11-dominates", [0, 4], [0, 0, 0, 0], [0, 0, 1, 1]) == "exact"
    assert status("11-dominates", [4, 0], [0, 0, 0, 0], [0, 0, 1, 1]) == "wrong"


def test_cuts_that_last():
    """Six images in a row, three of each class: only the cut between images 2 and 3 parts them, the next one heals."""
    angle = torch.tensor([0.0, 0.2, 0.4, 0.75, 0.95, 1.15])
    rows, labels = torch.stack([angle.cos(), angle.sin()], dim=1), [0, 0, 0, 1, 1, 1]
    cutting = InterventionStudy(similarity_predictor, rows, labels, wb.InferenceConfig(k=3, tau=0.85))
    assert cutting.own.levels[0].decoding.parent.tolist() == [1, 2, 2, 2, 3, 4]
    assert status("11-cuts", 1, cutting, labels, 1) == "exact"
    assert status("11-cuts", 1, cutting, labels, 2) == "exact"
    assert status("11-cuts", 2, cutting, labels, 2) == "wrong"


def test_ceiling_with_both_heads_right(study, blobs):
    labels = torch.from_numpy(blobs[1])
    best = wb.build_hierarchy(study.features, oracle_predictor(labels), study.settings)
    assert status("11-ceiling", f_of(labels.numpy(), best.labels.numpy()), study) == "exact"
    assert status("11-ceiling", 0.1, study) == "wrong"


# ---------------------------------------------------------------- 12 your data


def test_duplicates_and_orphans_of_a_small_graph():
    """Images 0 and 1 are duplicates; 3 stands in no list."""
    graph = wb.KnnGraph.from_arrays([[1], [0], [1], [2]], [[1.0], [1.0], [0.9], [0.5]])
    assert status("12-duplicates", {0, 1}, graph) == "exact"
    assert status("12-duplicates", [0, 1, 2], graph) == "wrong"
    assert status("12-orphans", 0.25, graph) == "exact"
    assert status("12-orphans", 0.2505, graph) == "near"
    assert status("12-orphans", 0.0, graph) == "wrong"


def test_labels_of_a_file_strangers_and_tau(blobs):
    rows, labels = blobs
    found = wb.HiLander().fit(rows).labels_
    assert status("12-labels", found + 3, rows) == "exact"
    assert status("12-labels", np.arange(len(rows)), rows) == "wrong"
    known = labels < 6
    share = float(np.mean(wb.HiLander().fit(rows[known]).predict(rows[~known]) == -1))
    assert status("12-strangers", share, rows, labels, 6) == "exact"
    assert status("12-strangers", share + 0.1, rows, labels, 6) == "wrong"
    part, taus = np.arange(0, 96, 3), (0.3, 0.9, 0.99)
    f = [f_of(labels[part], wb.HiLander(tau=tau).fit_predict(rows)[part]) for tau in taus]
    assert status("12-tau", taus[int(np.argmax(f))], rows, labels, part, taus) == "exact"
    assert status("12-tau", taus[int(np.argmin(f))], rows, labels, part, taus) == "wrong"


def test_open_answers_are_open():
    names = [name for name in course.CHECKS if name[:2] in ("08", "09", "11", "12")]
    assert len(names) >= 19
    assert {status(name, ...) for name in names} == {"open"}
