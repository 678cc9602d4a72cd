"""The general model on kinds of data that it never saw: trained three times, each time without a third of the kinds.

python tests/benchmarks/kinds_folds.py DIR --omniglot PATH [--also DIR] [--seeds 0 1 2] [--sets N] [--beside MODEL]
       [--models DIR] [--out CSV]
python tests/benchmarks/kinds_folds.py DIR --write-unions DIR

DIR holds the sets of datasets/kinds. Kinds that are kin are left out together (`FOLDS`). `--also`: more to train on,
never to judge. Besides every kind, unions of two to four kinds of a fold are judged: sets with super-classes. Each row
is of the model without that fold. `--sets`: fewer training sets than the packaged model has. `--beside`: another model,
measured on the same sets. `--models`: there the trained ones are kept, and those that are there are not trained again.
`--write-unions`: only write the unions as files, for `kinds.py` to measure other clusterers on.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from kinds import largest_precision

import workbench as wb
from workbench.cluster.checkpoint import load_encoder, load_lander, save_checkpoint
from workbench.train.general import GeneralConfig, general_sources, read_kinds, train_general
from workbench.train.general.kinds import TEST_ONLY, united
from workbench.train.general.synthetic import Labelled, RandomDraws

FOLDS = (  # kin together: sentences by one encoder; letters and words; speech and voices
    ("docstrings", "glosses", "manuals", "genomes", "instruments", "letter", "icons", "molecules"),
    ("languages", "toponyms", "packages", "sourcecode", "voices", "speech", "digits", "emoji", "creatures"),
    ("fashion", "fonts", "motion", "music", "openings", "photos", "populations", "satellite", "textures"),
)
UNIONS = 6  # per fold
SHOWN = ("pairwise_f", "bcubed_f", "item_f", "n_clusters")


def judged(fold: tuple[str, ...], kinds: dict[str, Labelled]) -> dict[str, Labelled]:
    """The kinds of a fold as they are, and unions of them."""
    own = {name: kinds[name] for name in fold}
    draws = RandomDraws(7)
    return own | {f"union {i}": united(draws, list(own.values()), fewest=2) for i in range(UNIONS)}


def rows_of(model: wb.Lander, sets: dict[str, Labelled], common: dict[str, object]) -> list[dict[str, object]]:
    """Scores of a model on every set, with the map and without, and the BCubed F that it expects."""
    rows = []
    for name, (x, y) in sets.items():
        for metric in (model.inference.metric, "cosine"):
            started = time.perf_counter()
            found = wb.HiLander(model, metric=metric).fit(x)
            seconds = time.perf_counter() - started
            scores = wb.scores(y, found.labels_)
            row = {"set": name, **common, "metric": metric, **{key: scores[key] for key in SHOWN}}
            row["largest_precision"] = largest_precision(y.numpy(), found.labels_)
            rows.append({**row, "expected_f": found.expected_["f"], "seconds": seconds})
    return rows


def write_unions(kinds: dict[str, Labelled], folder: Path) -> None:
    """The unions of every fold as files."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, fold in enumerate(FOLDS):
        for name, (x, y) in judged(fold, kinds).items():
            if name not in kinds:
                np.savez_compressed(folder / f"fold {number}, {name}.npz", features=x.numpy(), labels=y.numpy())


def trained(sources: list[Labelled], learn: list[Labelled], sets: int, seed: int, kept: Path | None) -> wb.Lander:
    """A model that has learned from these kinds, or the one that is kept."""
    if kept is not None and kept.exists():
        return load_lander(kept)
    model = train_general(sources, kinds=learn, training=GeneralConfig(sets=sets), seed=seed, progress=False)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(model, kept)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--omniglot", type=Path)
    parser.add_argument("--also", type=Path)
    parser.add_argument("--beside")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--sets", type=int, default=GeneralConfig.sets)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--write-unions", type=Path)
    parser.add_argument("--out", type=Path, default=Path("folds.csv"))
    asked = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)

    kinds = read_kinds(asked.folder, leave_out=())
    if asked.write_unions:
        write_unions(kinds, asked.write_unions)
        return
    also = {} if asked.also is None else read_kinds(asked.also)
    sources = general_sources(load_encoder("glyphs-encoder"), omniglot=asked.omniglot) if asked.seeds else []
    rows = []
    for number, fold in enumerate(FOLDS):
        sets = judged(fold, kinds)
        if asked.beside:
            rows += rows_of(load_lander(asked.beside), sets, {"model": asked.beside, "fold": number, "seed": -1})
        learn = {**also, **{name: kind for name, kind in kinds.items() if name not in (*fold, *TEST_ONLY)}}
        for seed in asked.seeds:
            kept = asked.models and asked.models / f"{asked.sets} sets, seed {seed}, without fold {number}.safetensors"
            model = trained(sources, list(learn.values()), asked.sets, seed, kept)
            rows += rows_of(model, sets, {"model": "without its fold", "fold": number, "seed": seed})
        pd.DataFrame(rows).to_csv(asked.out, index=False)

    table = pd.DataFrame(rows)
    table["what"] = table["set"].str.startswith("union").map({True: "unions", False: "kinds"})
    table["error"] = (table["expected_f"] - table["bcubed_f"]).abs()
    table["bias"] = table["expected_f"] - table["bcubed_f"]
    figures = ["pairwise_f", "bcubed_f", "item_f", "largest_precision", "error", "bias"]
    print(table.groupby(["what", "model", "metric"])[figures].mean().round(3))


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
