"""The general model's cut on kinds of data that its ensemble never saw: trained three times, each time without a third.

python tests/benchmarks/kinds_folds.py DIR --omniglot PATH [--also DIR] [--real N] [--seeds 0 1 2] [--out folds.csv]

DIR holds the sets of datasets/kinds. Kinds that are kin are left out together (`FOLDS`). Links are taken over from
`--model`, which must have seen none of them; what is trained is the ensemble. `--also`: more to train on, never to
judge. Besides every kind, unions of two to four kinds of a fold are judged: sets with super-classes. Each row is of the
model without that fold; `--model` itself is measured on the same sets.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import pandas as pd
import torch

import workbench as wb
from workbench.cluster.checkpoint import load_encoder, load_lander
from workbench.train.general import GeneralConfig, general_sources, read_kinds, train_general
from workbench.train.general.kinds import TEST_ONLY, united
from workbench.train.general.synthetic import Labelled, RandomDraws

FOLDS = (  # kin together: sentences by one encoder; letters and words; speech and voices
    ("docstrings", "glosses", "manuals", "genomes", "instruments", "letter", "icons", "molecules"),
    ("languages", "toponyms", "packages", "sourcecode", "voices", "speech", "digits", "emoji", "creatures"),
    ("fashion", "fonts", "motion", "music", "openings", "photos", "populations", "satellite", "textures"),
)
UNIONS = 6  # per fold


def judged(fold: tuple[str, ...], kinds: dict[str, Labelled]) -> dict[str, Labelled]:
    """The kinds of a fold as they are, and unions of them."""
    own = {name: kinds[name] for name in fold}
    draws = RandomDraws(7)
    return own | {f"union {i}": united(draws, list(own.values()), fewest=2) for i in range(UNIONS)}


def rows_of(model: wb.Lander, sets: dict[str, Labelled], common: dict[str, object]) -> list[dict[str, object]]:
    """Scores and expected scores of a model on every set."""
    rows = []
    for name, (x, y) in sets.items():
        started = time.perf_counter()
        found = wb.HiLander(model).fit(x)
        took = time.perf_counter() - started
        expected = {f"expected_{key}": value for key, value in found.expected_.items()}
        rows.append({**common, "set": name, **wb.scores(y, found.labels_), **expected, "seconds": took})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--omniglot", type=Path)
    parser.add_argument("--also", type=Path)
    parser.add_argument("--model", default="general", help="whose links are taken over, and what is compared with")
    parser.add_argument("--real", type=int, default=GeneralConfig().real)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, default=Path("folds.csv"))
    asked = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)

    kinds = read_kinds(asked.folder, leave_out=())
    also = {} if asked.also is None else read_kinds(asked.also)
    sources = general_sources(load_encoder("glyphs-encoder"), omniglot=asked.omniglot)
    before = load_lander(asked.model)
    rows = []
    for number, fold in enumerate(FOLDS):
        sets = judged(fold, kinds)
        rows += rows_of(before, sets, {"model": asked.model, "fold": number, "seed": -1})
        learn = {**also, **{name: kind for name, kind in kinds.items() if name not in (*fold, *TEST_ONLY)}}
        for seed in asked.seeds:
            training = GeneralConfig(real=asked.real)
            model = train_general(
                sources, kinds=list(learn.values()), links=before, training=training, seed=seed, progress=False
            )
            rows += rows_of(model, sets, {"model": "without its fold", "fold": number, "seed": seed})
            pd.DataFrame(rows).to_csv(asked.out, index=False)

    table = pd.DataFrame(rows)
    table["what"] = table["set"].str.startswith("union").map({True: "unions", False: "kinds"})
    table["error"] = (table["expected_f"] - table["bcubed_f"]).abs()
    table["bias"] = table["expected_f"] - table["bcubed_f"]
    print(table.groupby(["what", "model"])[["pairwise_f", "bcubed_f", "item_f", "error", "bias"]].mean().round(3))


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
