"""Recipes of published runs: for each the files, the model, the settings of training and test, and the figures."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd

from ..._core.validation import check_choice
from ...lander.config import InferenceConfig, LanderConfig
from ...lander.official import PRESETS
from ...train.config import TrainConfig
from ...train.losses import LossConfig
from .files import HILANDER, LEARN_TO_CLUSTER, FeatureFile
from .table import published_results

OURS = "Hi-LANDER"
FIRST = "Hi-LANDER (first variant)"
PEER = "GCN-V+E"  # whose published figures stand beside


@dataclass(frozen=True)
class Recipe:
    """A published run: what it read, how it was set, what it gave.

    Attributes:
        name: of the recipe.
        data, method: the rows of `published_results` that its result is put beside.
        test, train: the feature files.
        model: architecture.
        inference: settings of the test.
        weights: the file that the authors' training command writes. Their README links no trained weights.
        training: settings of the training.
        note: what else is to be known.

    Example:
        >>> RECIPES["hannah"].model.conv, RECIPES["hannah"].inference.tau, RECIPES["hannah"].training.ks
        ('gcn', 0.8, (9, 4, 2))
    """

    name: str
    data: str
    method: str
    test: FeatureFile
    train: FeatureFile
    model: LanderConfig
    inference: InferenceConfig
    weights: str
    training: TrainConfig = field(default_factory=TrainConfig.published)
    note: str = ""

    @property
    def commit(self) -> str:
        """Commit of dmlc/dgl whose command files the settings of training and test were read from."""
        if self.method == PEER:
            return "4c27cf9a"  # the last with commands for MS1M and DeepFashion: the release of July 2021 has none
        return "9c41c22d" if self.method == FIRST or self.data.startswith("iNat") else "c0719ec5"

    @property
    def year(self) -> int:
        """Of the figures: the authors' code of July 2021 for Hi-LANDER, the article (CVPR 2020) for the peer."""
        return 2020 if self.method == PEER else 2021

    def published(self) -> pd.DataFrame:
        """The figures beside which ours are put: rows of `published_results`.

        Example:
            >>> RECIPES["hannah"].published()["value"].tolist()
            [0.741, 0.706, 0.81]
        """
        return published_results(data=self.data, method=self.method)


def get_recipe(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        ValueError: no such recipe; lists those there are.
    """
    return RECIPES[check_choice(name, "name", tuple(RECIPES))]


def recipes(folder: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """All recipes as a table.

    Args:
        folder: where the files are looked for; None: nowhere.

    Returns: a row per recipe: recipe; data, method, whose published figures pairwise_f, bcubed_f of the year stand
        beside; conv, dim; k, tau, threshold (what tau is held against: linkage, or similarity), levels, early_stop of
        the test; commit of the official commands that these were read from; test_file, train_file; with a folder also
        test, train: "there" or "missing".

    Example:
        >>> recipes().set_index("recipe")["tau"].to_dict()["imdb"]
        0.8
    """
    return pd.DataFrame([_row(recipe, folder) for recipe in RECIPES.values()])


def _row(recipe: Recipe, folder: str | os.PathLike[str] | None) -> dict[str, object]:
    used = recipe.inference
    figures = recipe.published().set_index("metric")["value"]
    row: dict[str, object] = {"recipe": recipe.name, "data": recipe.data, "method": recipe.method, "year": recipe.year}
    row |= {"pairwise_f": figures["pairwise_f"], "bcubed_f": figures["bcubed_f"]}
    row |= {"conv": recipe.model.conv, "dim": recipe.test.dim, "k": used.k, "tau": used.tau}
    row |= {"threshold": "similarity" if used.decoder == "tree-similarity" else "linkage"}
    row |= {"levels": used.max_levels, "early_stop": used.early_stop, "commit": recipe.commit}
    for role, file in (("test", recipe.test), ("train", recipe.train)):
        row[f"{role}_file"] = file.path
        if folder is not None:
            row[role] = "there" if file.find(folder) else "missing"
    return row


def _face_file(name: str, what: str) -> FeatureFile:
    return FeatureFile(f"subcenter_arcface_deepglint_{name}.pkl", f"face features of {what}", 128, HILANDER)


def _species_file(name: str, what: str, *, named: bool) -> FeatureFile:
    return FeatureFile(f"inat2018_{name}.pkl", f"species features of {what}", 512, HILANDER, named=named)


def _cluster_file(name: str, what: str, images: int | None = None, classes: int | None = None) -> FeatureFile:
    return FeatureFile(f"features/{name}.bin", f"features of {what}", 256, LEARN_TO_CLUSTER, images, classes)


_GCN = LanderConfig.published("gcn")
_GAT = LanderConfig.published("gat")
_GAT_AVERAGE = replace(_GAT, average=True)
_FACES = PRESETS["faces"]
_SPECIES = PRESETS["inat"]
_MS1M = InferenceConfig.published(k=9, tau=0.65).override(max_levels=5, decoder="tree-similarity")
_DEEPFASHION = InferenceConfig.published(k=4, tau=0.8).override(max_levels=1, decoder="tree-similarity")
_ALL_LINKS = LossConfig(links="denser", balanced=False)
_MS1M_TRAINING = replace(TrainConfig.published(), ks=(9,), levels=(3,), loss=_ALL_LINKS)
_DEEPFASHION_TRAINING = replace(  # the whole graph at once: there are fewer images than that
    TrainConfig.published(500), ks=(4,), levels=(1,), learning_rate=0.1, batch_size=100_000, loss=_ALL_LINKS
)
_FACE_TRAIN = _face_file("train_1_in_10_recreated", "Trillion Pairs (DeepGlint), a tenth of its classes")
_FACE_TESTS = {
    "imdb-samedist": (
        "IMDB-Test-SameDist",
        _face_file(
            "imdb_features_sampled_as_deepglint_1_in_10", "IMDB-Face, drawn to the cluster sizes of the training set"
        ),
    ),
    "hannah": ("Hannah", _face_file("hannah_features", "the film Hannah and Her Sisters")),
    "imdb": ("IMDB", _face_file("imdb_features", "IMDB-Face")),
}
_SPECIES_TEST = _species_file("test", "iNaturalist 2018, test classes", named=False)
_SPECIES_RUNS = (
    (
        "inat2018-test",
        "iNat2018-Test",
        _species_file("train_dedup_inter_intra", "iNaturalist 2018, training classes", named=False),
        "inat.ckpt",
    ),
    (
        "inat2018-test-resampled",
        "iNat2018-Test (trained on 1-in-6 resample)",
        _species_file(
            "train_dedup_inter_intra_1_in_6_per_class", "iNaturalist 2018, training classes resampled", named=True
        ),
        "inat_resampled_1_in_6_per_class.ckpt",
    ),
)
_MS1M_TRAIN = _cluster_file("part0_train", "MS1M part 0", 576_494, 8_573)
_MS1M_TESTS = (  # each file is a whole test set of its own: no parts have to be joined
    ("584K", "part1_test", 584_013, 8_573),
    ("1.74M", "part3_test", 1_740_000, None),
    ("2.89M", "part5_test", 2_890_000, None),
    ("4.05M", "part7_test", 4_050_000, None),
    ("5.21M", "part9_test", 5_210_000, None),
)
_NO_FIGURE = (
    "no figure of Hi-LANDER is published here; the figures beside are a peer's, and a difference to them compares two "
    "methods. Commands for this set stood in the authors' code before its release"
)
_FIRST_NOTE = "the authors' first variant: attention without average feature"


def _all() -> list[Recipe]:
    faces = "deepglint_sampler.pth"
    found = [Recipe(n, d, OURS, test, _FACE_TRAIN, _GCN, _FACES, faces) for n, (d, test) in _FACE_TESTS.items()]
    found += [Recipe(n, d, OURS, _SPECIES_TEST, train, _GAT, _SPECIES, w) for n, d, train, w in _SPECIES_RUNS]
    found += [
        Recipe(f"{n}-first", d, FIRST, test, _FACE_TRAIN, _GAT, _FACES, faces, note=_FIRST_NOTE)
        for n, (d, test) in _FACE_TESTS.items()
    ]
    of_peer = partial(Recipe, method=PEER, model=_GAT_AVERAGE, note=_NO_FIGURE)
    ms1m = partial(of_peer, train=_MS1M_TRAIN, inference=_MS1M, weights="ms1m.pth", training=_MS1M_TRAINING)
    for size, part, images, classes in _MS1M_TESTS:
        test = _cluster_file(part, f"MS1M, test set of {size}", images, classes)
        found.append(ms1m(f"ms1m-{size.lower()}", f"MS1M {size}", test=test))
    test, train = (_cluster_file(f"deepfashion_{part}", f"DeepFashion, {part}") for part in ("test", "train"))
    clothes = of_peer("deepfashion", "DeepFashion", test=test, train=train, inference=_DEEPFASHION, weights="df.pth")
    return [*found, replace(clothes, training=_DEEPFASHION_TRAINING)]


RECIPES = {recipe.name: recipe for recipe in _all()}
