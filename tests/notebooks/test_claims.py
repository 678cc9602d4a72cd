"""What the lessons say about their numbers, asserted on the lessons' own data (full, seed 0)."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import t as student

import workbench as wb
from workbench.cluster import oracle_predictor
from workbench.decode import decode_tree
from workbench.evaluate import false_merges
from workbench.graph import KnnGraph, density_target, link_labels
from workbench.lander import Prediction


class Lesson:
    """A split as the lessons load it, its features, and its hierarchy by the packaged model of glyphs."""

    def __init__(self, split: str) -> None:
        self.images = wb.load("glyphs", split=split, seed=0)
        self.labels = self.images.labels
        self.truth = torch.from_numpy(self.labels)
        self.x = torch.as_tensor(wb.load_checkpoint("glyphs-encoder").embed(self.images.images))
        self.lander = wb.load_checkpoint("glyphs-lander")
        self.tree = wb.build_hierarchy(self.x, self.lander.predict, self.lander.inference)
        self.table = wb.views.level_table(self.tree, self.labels)

    def part(self, chosen: np.ndarray) -> list[float]:
        """BCubed F after every level of a clustering of these images alone."""
        tree = wb.build_hierarchy(self.x[chosen], self.lander.predict, self.lander.inference)
        return [wb.scores(self.labels[chosen], level.labels)["bcubed_f"] for level in tree.levels]


@pytest.fixture(scope="module")
def unseen():
    return Lesson("test-unseen")


@pytest.fixture(scope="module")
def seen():
    return Lesson("test-seen")


# ---------------------------------------------------------------- 00


def test_00_all_neighbours_of_the_image_are_its_letter_and_denser(unseen):
    level = unseen.tree.levels[0]
    others = level.graph.neighbors[7]
    assert (unseen.truth[others] == unseen.truth[7]).all()
    assert (level.prediction.density[others] > level.prediction.density[7]).all()


def test_00_the_first_level_is_too_fine_the_next_two_join_and_the_last_joins_are_not_all_right(unseen):
    f = unseen.table["bcubed_f"].tolist()
    assert unseen.table["clusters"][0] > 4 * unseen.images.n_classes
    assert f[1] - f[0] > 0.3 < f[2] - f[0]
    assert max(abs(a - b) for a, b in itertools.pairwise(f[2:])) < 0.01
    assert 0 < max(f) - f[-1] < 0.01
    assert unseen.table["links_added"][3:].sum() < 0.01 * unseen.table["links_added"].sum()


def test_00_five_images(unseen):
    found = wb.scores([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])
    assert (found["pairwise_precision"], found["pairwise_recall"], found["pairwise_f"]) == (0.5, 0.5, 0.5)
    assert (
        round(found["bcubed_precision"], 2) == round(found["bcubed_recall"], 2) == round(found["bcubed_f"], 2) == 0.73
    )


@pytest.mark.slow
def test_00_a_little_too_few_clusters_and_k_means_loses_by_recall(unseen):
    classes = unseen.images.n_classes
    assert 0.85 * classes < unseen.tree.n_clusters < classes
    sizes = np.bincount(unseen.labels)
    assert (sizes.min(), sizes.max()) == (2, 600)
    methods = {"k-means": wb.baselines.KMeans(random_state=0), "HDBSCAN": wb.baselines.Hdbscan(min_cluster_size=3)}
    table = wb.baselines.compare(unseen.x.numpy(), unseen.labels, methods).set_index("method")
    ours = unseen.table.iloc[-1]
    assert table["pairwise_recall"]["k-means"] < 0.5 < table["pairwise_precision"]["k-means"]
    assert table["bcubed_f"]["k-means"] < ours["bcubed_f"] - 0.1
    assert abs(table["bcubed_f"]["HDBSCAN"] - ours["bcubed_f"]) < 0.03
    assert abs(table["pairwise_f"]["HDBSCAN"] - ours["pairwise_f"]) < 0.03


# ---------------------------------------------------------------- 01, 02


@pytest.mark.slow
def test_01_pixels_find_nine_of_ten_a_random_network_is_worse_and_training_clears_the_wrong_links(unseen):
    flat = torch.from_numpy(unseen.images.images.reshape(len(unseen.labels), -1)).float()
    random = torch.from_numpy(wb.Encoder(seed=0).embed(unseen.images.images))
    kinds = {"pixels": torch.nn.functional.normalize(flat, dim=1), "random": random, "features": unseen.x}
    right = {name: link_labels(wb.knn(x, k=9), unseen.truth) for name, x in kinds.items()}
    first = {name: float(links[:, 0].float().mean()) for name, links in right.items()}
    assert 0.85 < first["pixels"] < 0.95
    assert first["random"] < first["pixels"] < first["features"]
    assert int((~right["features"]).sum()) < 0.1 * int((~right["pixels"]).sum())


def test_02_two_of_three_links_are_mutual_and_those_are_purer(unseen):
    graph = wb.knn(unseen.x, k=9)
    same = link_labels(graph, unseen.truth)
    ends = torch.stack([torch.arange(graph.n)[:, None].expand_as(graph.neighbors), graph.neighbors])  # (2, n, k)
    there = set(map(tuple, ends.flatten(1).T.tolist()))
    mutual = torch.tensor([(j, i) in there for i, j in ends.flatten(1).T.tolist()]).reshape(graph.n, -1)
    assert 0.6 < float(mutual.float().mean()) < 0.73
    assert same[mutual].float().mean() > same[~mutual].float().mean()
    degree = torch.bincount(graph.neighbors.flatten(), minlength=graph.n)
    assert int(degree.min()) == 0
    assert int(degree.max()) > 3 * 9


# ---------------------------------------------------------------- 03


@pytest.fixture(scope="module")
def twelve():
    left = [[0.0, 0.0], [0.5, 0.1], [-0.1, 0.45], [-0.4, -0.1], [0.1, -0.55], [1.0, 0.6]]
    right = [[3.0, 0.1], [3.5, 0.0], [2.9, 0.6], [3.2, -0.5], [2.3, 0.3], [1.2, 0.1]]
    x = torch.cat([torch.tensor(left + right), torch.full((12, 1), 2.0)], dim=1)
    graph = wb.knn(torch.nn.functional.normalize(x, dim=1), k=3)
    return graph, torch.tensor([0] * 6 + [1] * 6)


def test_03_twelve_points(twelve):
    graph, labels = twelve
    density = density_target(graph, labels)
    assert (density < 0).nonzero().flatten().tolist() == [5, 11]
    assert round(float(density[1]), 2) == 0.32
    others = density[[0, 2, 3, 4, 6, 7, 8, 9, 10]]
    assert 0.94 < float(others.min()) < float(others.max()) < 1
    assert (int(density[:6].argmax()), 6 + int(density[6:].argmax())) == (0, 6)
    linkage = link_labels(graph, labels).float() * graph.similarity
    assert decode_tree(graph, Prediction(linkage, density), 0.5).representative.tolist() == [0, 6]


def _true_tree(graph: KnnGraph, truth: torch.Tensor, density: torch.Tensor, strict: bool):
    return decode_tree(graph, Prediction(link_labels(graph, truth).float(), density), 0.5, strict=strict)


def test_03_the_proportion_leaves_nearly_everyone_alone_and_the_signed_density_does_not(unseen):
    graph = wb.knn(unseen.x, k=9)
    signed = density_target(graph, unseen.truth)
    proportion = link_labels(graph, unseen.truth).sum(dim=1) / graph.mask.sum(dim=1)
    alone = len(_true_tree(graph, unseen.truth, proportion, strict=True).representative)
    assert alone > 0.9 * graph.n
    found = [len(_true_tree(graph, unseen.truth, signed, strict).representative) for strict in (True, False)]
    assert found[0] == found[1]
    assert 2 < found[0] / unseen.images.n_classes < 4


def test_03_denser_is_more_central_and_the_model_is_careful(unseen):
    graph = wb.knn(unseen.x, k=9)
    signed = density_target(graph, unseen.truth)
    middle = torch.zeros(unseen.images.n_classes, unseen.x.shape[1]).index_add_(0, unseen.truth, unseen.x)
    near = (unseen.x * torch.nn.functional.normalize(middle, dim=1)[unseen.truth]).sum(dim=1).numpy()
    central = pd.Series(near).groupby(unseen.labels).rank(pct=True).to_numpy()
    assert central[_true_tree(graph, unseen.truth, signed, strict=False).representative.numpy()].mean() > 0.7
    tenth = pd.Series(signed.numpy()).groupby(unseen.labels).rank(pct=True).mul(10).apply(np.ceil)
    assert pd.Series(central).groupby(tenth).mean().is_monotonic_increasing
    level = unseen.tree.levels[0]
    assert (level.prediction.density < density_target(level.graph, unseen.truth)).float().mean() > 0.9


# ---------------------------------------------------------------- 04


def test_04_one_layer_or_two_help_many_make_everything_alike(unseen):
    x = unseen.x[::5]
    truth = unseen.truth[::5]
    purity, alike = [], []
    for _ in range(9):
        graph = wb.knn(x, k=10)
        purity.append(float(link_labels(graph, truth)[graph.mask].float().mean()))
        alike.append(float(graph.similarity.mean()))
        weight = graph.similarity / graph.similarity.sum(dim=1, keepdim=True)
        x = torch.nn.functional.normalize((x + (weight[..., None] * x[graph.neighbors]).sum(dim=1)).relu(), dim=1)
    best = int(np.argmax(purity))
    assert best in (1, 2)
    assert purity[-1] < purity[best]
    assert alike[-1] > 0.99
    assert alike == sorted(alike)


# ---------------------------------------------------------------- 06


def _components(graph: KnnGraph, kept: torch.Tensor) -> np.ndarray:
    ends = kept.nonzero()[:, 0].numpy(), graph.neighbors[kept].numpy()
    links = coo_array((np.ones(len(ends[0])), ends), shape=(graph.n, graph.n))
    return connected_components(links, directed=False)[1]


def _three_ways(lesson: Lesson, taus: tuple[float, ...]) -> pd.DataFrame:
    graph, prediction = lesson.tree.levels[0].graph, lesson.tree.levels[0].prediction
    top = torch.zeros_like(graph.mask).scatter(1, prediction.linkage.argmax(dim=1, keepdim=True), True)
    rows = []
    for tau in taus:
        above = graph.mask & (prediction.linkage > tau)
        found = {"all": _components(graph, above), "best": _components(graph, above & top)}
        found["tree"] = decode_tree(graph, prediction, tau).clusters.numpy()
        rows += [{"tau": tau, "decode": name, **wb.scores(lesson.labels, c)} for name, c in found.items()]
    return pd.DataFrame(rows).pivot(index="tau", columns="decode", values=["bcubed_precision", "bcubed_recall"])


def test_06_three_ways_to_decode(seen):
    table = _three_ways(seen, (0.3, 0.5, 0.7, 0.85))
    precision, recall = table["bcubed_precision"], table["bcubed_recall"]
    assert (precision["all"] < precision[["best", "tree"]].min(axis=1)).all()
    assert precision["all"].round(2).iloc[[0, -1]].tolist() == [0.25, 0.65]
    assert (recall["all"] > recall[["best", "tree"]].max(axis=1)).all()
    assert precision["tree"].round(2).iloc[[0, -1]].tolist() == [0.86, 0.92]
    assert (precision["best"] > 0.97).all()
    assert (recall["best"] < 0.25).all()


def test_06_on_a_fifth_of_the_classes_all_links_do_better(seen):
    fifth = Lesson.__new__(Lesson)
    chosen = seen.labels % 5 == 0
    fifth.labels = seen.labels[chosen]
    fifth.tree = wb.build_hierarchy(seen.x[chosen], seen.lander.predict, seen.lander.inference)
    small, whole = (_three_ways(lesson, (0.5,))["bcubed_precision"]["all"].iloc[0] for lesson in (fifth, seen))
    assert small > whole + 0.1


def test_06_no_few_links_make_most_of_the_damage_and_their_linkage_is_high(seen):
    merges = false_merges(seen.tree, seen.labels)
    merges = merges[merges["level"] == 0]
    pairs = merges["false_pairs"].to_numpy()
    assert len(merges) > 500
    assert pairs[:5].sum() == pytest.approx(0.05 * pairs.sum(), rel=0.1)
    assert pairs[: len(pairs) // 10].sum() < pairs.sum() / 3
    assert (merges["linkage"].head(5) > seen.lander.inference.tau + 0.03).all()
    parent = seen.tree.levels[0].decoding.parent
    assert len(merges) > 3 * int((seen.truth != seen.truth[parent]).sum())


def test_06_with_true_predictions_the_decode_is_close_to_perfect_after_the_last_level_only(seen):
    levels = wb.build_hierarchy(seen.x, oracle_predictor(seen.truth), seen.lander.inference).levels
    first, last = (wb.scores(seen.labels, level.labels)["bcubed_f"] for level in (levels[0], levels[-1]))
    assert first < 0.9 < 0.98 < last


# ---------------------------------------------------------------- 07


def test_07_level_0_does_worse_on_unseen_sizes_and_the_next_gains_more_there(seen, unseen):
    assert np.bincount(wb.load("glyphs", split="meta-train").labels).max() <= 120
    assert np.bincount(seen.labels).max() <= 120 < np.bincount(unseen.labels).max()
    (s0, s1), (u0, u1) = (lesson.table["bcubed_f"][:2] for lesson in (seen, unseen))
    assert u0 < s0
    assert u1 - u0 > s1 - s0


def test_07_small_classes_are_found_at_level_0_and_lose_later_large_ones_are_not(seen, unseen):
    gaps = {}
    for name, lesson in {"seen": seen, "unseen": unseen}.items():
        of_class = np.bincount(lesson.labels)[lesson.labels]
        small, large = lesson.part(of_class <= 10), lesson.part(of_class >= 60)
        assert small[0] > 0.85
        assert small[-1] < small[0]
        assert large[0] < 0.5
        assert large[1] > 0.9
        gaps |= {(name, "small"): max(small) - small[-1], (name, "large"): max(large) - large[-1]}
    assert max(gaps, key=gaps.__getitem__) == ("unseen", "small")


@pytest.mark.slow
def test_07_too_high_a_tau_leaves_pieces_and_too_low_a_tau_glues(unseen):
    def run(tau: float):
        tree = wb.build_hierarchy(unseen.x, unseen.lander.predict, unseen.lander.inference.override(tau=tau))
        return tree.n_clusters / unseen.images.n_classes, wb.scores(unseen.labels, tree.labels)["bcubed_f"]

    (many, high), (few, low) = run(0.99), run(0.5)
    assert many > 10
    assert few < 0.2
    assert max(high, low) < unseen.table["bcubed_f"].iloc[-1] - 0.5


# ---------------------------------------------------------------- 08


def test_08_no_image_is_well_off_but_bcubed_f_is_respectable():
    labels = np.repeat(np.arange(60), 10)
    clusters = np.where(np.arange(600) % 10 < 5, np.arange(600), 600)
    found = wb.scores(labels, clusters)
    assert found["bcubed_precision"] > 0.5
    assert found["bcubed_recall"] == pytest.approx(0.3, abs=0.04)
    assert found["item_f"] < found["bcubed_f"] - 0.1
    assert 300 * 299 // 2 == 44_850
    assert 60 * 10 == 600  # pairs of one class in the heap: 60 classes of 5
    assert found["pairwise_precision"] == pytest.approx(600 / 44_850)


def test_08_nmi_of_random_clusters_climbs_and_what_is_adjusted_does_not():
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(50), 20)
    few, many = (wb.scores(labels, random.integers(0, n, 1000)) for n in (10, 500))
    assert few["nmi"] < 0.5 < many["nmi"]
    assert max(abs(row[name]) for row in (few, many) for name in ("ami", "ari")) < 0.05


# ---------------------------------------------------------------- 10


@pytest.fixture(scope="module")
def shipped():
    """Effects of every preset on BCubed F, by data set, with five seeds."""
    return {d: wb.ablation.Suite().effects(wb.ablation.ablation_results(d)) for d in ("glyphs", "omniglot")}


def _effect(table: pd.DataFrame, preset: str, config: str, test: str) -> float:
    (mean,) = table[(table[["preset", "config", "test"]] == [preset, config, test]).all(axis=1)]["mean"]
    return float(mean)


def test_10_the_hierarchy_helps_by_the_sizes_of_clusters(shipped):
    def gained(data: str, config: str) -> list[float]:
        return [round(-_effect(shipped[data], "hierarchy", config, test), 2) for test in ("seen", "unseen")]

    assert gained("glyphs", "1 level") == [0.09, 0.44]
    assert max(gained("glyphs", "2 levels")) < 0.05
    assert gained("omniglot", "1 level")[0] == -0.07


def test_10_large_small_and_against_each_other(shipped):
    every = pd.concat(shipped.values())
    large = every[every["mean"].abs() > 0.2]
    assert set(large["preset"]) == {"tau", "recipe", "hierarchy", "inputs"}
    assert set(large[large["preset"] == "tau"]["config"]) == {"0.1", "0.5"}
    small = every[every["preset"].isin(["joint", "density", "convolution", "depth"])]
    assert small["mean"].abs().max() < 0.03
    missed = small[(small["low"] > 0) | (small["high"] < 0)]
    assert len(missed) < len(small) / 5
    assert missed[["low", "high"]].abs().min(axis=1).max() < 0.002  # by a hair
    seen, unseen = (_effect(shipped["omniglot"], "loss", "not balanced", test) for test in ("seen", "unseen"))
    assert seen > 0 > unseen


def test_10_the_factor_of_student():
    factors = [round(float(student.ppf(0.975, n - 1)), 1) for n in (2, 3, 5, 10)]
    assert factors == [12.7, 4.3, 2.8, 2.3]


# ---------------------------------------------------------------- 11


def test_11_upper_levels_raise_recall_and_the_dearest_wrong_links_are_among_clusters(seen):
    assert seen.table["bcubed_f"].iloc[-1] == pytest.approx(0.85, abs=0.02)
    recall = [wb.scores(seen.labels, level.labels)["bcubed_recall"] for level in seen.tree.levels]
    assert recall == sorted(recall)
    merges = false_merges(seen.tree, seen.labels)
    by_level = merges.groupby("level")["false_pairs"].agg(["size", "mean"])
    assert by_level["size"].idxmax() == 0
    assert by_level["mean"].loc[1] > 5 * by_level["mean"].loc[0]
    assert merges.head(5)["level"].min() > 0
