"""The main job from end to end: images -> encoder -> meta-training -> clusters of both test sets -> scores, report."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from .._core.tables import write_csv
from ..cluster.checkpoint import load_encoder, load_lander, save_checkpoint
from ..cluster.hilander import OURS, HiLander
from ..data import ImageSet, check_disjoint, load
from ..encoder.train import Encoder, train_encoder
from ..evaluate.scores import FIGURES
from ..experiments.comparison import Methods, methods_for, score_table, together
from ..lander.model import Lander
from ..train.meta_train import meta_train
from ..views import DemoResults, DemoTest, demo_report, level_table, umap_map

SPLITS = ("encoder", "meta-train", "meta-val", "test-seen", "test-unseen")
TESTS = SPLITS[3:]
SAMPLE = (
    4_000  # images for methods whose cost grows with n^2: keeps the demo within minutes; `evaluate` runs them whole
)
MAP = 5_000  # images on each map
SHOWN = ["method", "n", *FIGURES, "nmi", "n_clusters", "oracle", "seconds", "settings"]


@dataclass
class _Clock:
    """Says what is going on and keeps the time of each step."""

    say: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.say(f"[{len(self.seconds) + 1}] {name} ...")
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start
        self.say(f"    {self.seconds[name]:.1f} s")


def run_demo(
    out: Path,
    *,
    packaged: bool = False,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Train on some scripts, cluster others, score beside every baseline; write `report.html`, `scores.csv`,
    `encoder.safetensors` and `lander.safetensors` into a folder.

    Args:
        out: the folder; made if missing.
        packaged: use the packaged encoder and LANDER instead of training both anew.
        seed: of everything.
        device: "auto", "cpu" or "cuda".
        progress: show progress bars.
        say: takes each line of the story.

    Returns: one row per test set and method: `score_table`'s columns and `test`.
    """
    clock = _Clock(say)
    with clock.step("images: characters drawn from fonts"):
        sets = {split: load("glyphs", split=split, seed=seed) for split in SPLITS}
        for images in sets.values():
            say(f"    {images}")
        disjoint = [check_disjoint(a, b) for a, b in combinations(sets.values(), 2)]
    encoder, features, lander = (_packaged if packaged else _trained)(sets, clock, seed, device, progress)
    say(f"    tau {lander.inference.tau}, chosen on meta-val; {lander.n_parameters:,} parameters")
    save_checkpoint(encoder, out / "encoder.safetensors")
    save_checkpoint(lander, out / "lander.safetensors")
    with clock.step("settings of the baselines, chosen on meta-training classes"):
        known = together(*((features[split], sets[split].labels) for split in SPLITS[1:3]))
        methods = methods_for(lander, *known, device=device, progress=progress)
    tests = []
    for split in TESTS:
        with clock.step(f"{split}: clusters level by level, and every baseline"):
            tests.append(_run_test(sets[split], features[split], methods, seed, say, progress))
    with clock.step("report"):
        overlap = tuple(map(str, disjoint))
        learned = lander.history, lander.tau_curve, lander.inference.tau
        results = DemoResults(tuple(tests), *learned, overlap, clock.seconds, _facts(seed, lander))
        demo_report(out / "report.html", results)
    table = pd.concat([test.table.assign(test=test.images.name) for test in tests], ignore_index=True)
    write_csv(table, out / "scores.csv")
    say(f"{out / 'report.html'}: open it in a browser. {sum(clock.seconds.values()):.0f} s in all.")
    return table


Models = tuple[Encoder, dict[str, np.ndarray], Lander]
Sets = Mapping[str, ImageSet]


def _trained(sets: Sets, clock: _Clock, seed: int, device: str, progress: bool) -> Models:
    with clock.step("encoder: a classifier is trained, its decoder thrown away"):
        encoder = train_encoder(sets["encoder"], seed=seed, device=device, progress=progress)
    features = _embedded(encoder, sets, clock, device)
    with clock.step("meta-training: LANDER learns to link and to judge density"):
        train, val = ((features[split], sets[split].labels) for split in ("meta-train", "meta-val"))
        lander = meta_train(*train, validation=val, seed=seed, device=device, progress=progress)
    return encoder, features, lander


def _packaged(sets: Sets, clock: _Clock, seed: int, device: str, progress: bool) -> Models:
    encoder = load_encoder("glyphs-encoder")
    return encoder, _embedded(encoder, sets, clock, device), load_lander("glyphs-lander")


def _embedded(encoder: Encoder, sets: Sets, clock: _Clock, device: str) -> dict[str, np.ndarray]:
    with clock.step("features of all sets the encoder has not seen"):
        return {split: encoder.embed(sets[split].images, device=device) for split in SPLITS[1:]}


def _run_test(
    images: ImageSet, features: np.ndarray, methods: Methods, seed: int, say: Callable[[str], None], progress: bool
) -> DemoTest:
    """Our hierarchy of one test set, its map, and the table beside the baselines."""
    ours = methods[OURS]
    assert isinstance(ours, HiLander)  # methods_for makes it so
    hierarchy = ours.fit(features).hierarchy_
    say(level_table(hierarchy, images.labels).round(3).to_string(index=False))
    table = score_table(features, images.labels, methods, seed=seed, progress=progress)
    say(table[SHOWN].round(3).to_string(index=False))
    return DemoTest(images, hierarchy, umap_map(features, max_points=MAP, seed=seed), table)


def _facts(seed: int, lander: Lander) -> dict[str, str]:
    packages = {name: version(name) for name in ("hilander-workbench", "torch", "torch-geometric", "scikit-learn")}
    cores = f"{torch.get_num_threads()} threads of {platform.processor() or platform.machine()}"
    return {**packages, "python": platform.python_version(), "device": f"{lander.device}, {cores}", "seed": str(seed)}
