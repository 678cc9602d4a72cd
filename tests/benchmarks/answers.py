"""What an answer is worth: F against the number of answers of a simulated person, for several ways to ask.

python tests/benchmarks/answers.py FOLDER SET ... --out FILE.jsonl [--seeds 0 1 2] [--per-class 3] [--error 0.05] ...
python tests/benchmarks/answers.py --table FILE.jsonl

FOLDER holds SET.npz with features and labels; of each set the seed draws `--classes` classes of `--least` rows or more
and `--rows` of their rows. The person answers for the two images shown: by their labels, and wrongly with probability
`--error`. An answer that contradicts what follows from earlier ones is dropped, but counts. FILE gets a line per curve;
curves that it has are not run again. Every way starts from the same clustering and feeds the same constraints; they
differ in which pairs they ask:

- gain: `HiLander.questions`.
- random: two images drawn at random.
- doubt: pairs of linked clusters by how near their probability is to one half (uncertainty only).
- nearest: pairs of clusters by the similarity of their peaks, the highest first (as COBRA merges its super-instances).
- pairs: linked clusters by probability times the pairs of images that a yes would join (in the manner of A3S, whose
  gain is of a score of pairs).
"""

import argparse
import copy
import itertools
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import workbench as wb
from workbench.cluster.questions import Clusters, LinkedPairs
from workbench.evaluate.intervals import intervals
from workbench.experiments import answer_curve

SHOWN = ("pairwise_f", "bcubed_f", "item_f")


def linked(model):
    """Pairs of linked clusters that no answer has parted: peaks (images), probability, sizes, likeness of the peaks."""
    tree = model.hierarchy_
    computed = tree.distinct
    level = computed.levels[0]
    clusters = Clusters.of(computed)
    known = model._answers().of_nodes(tree.group.numpy())
    pairs = LinkedPairs.of(clusters, level.graph, level.prediction.linkage).unanswered(clusters, known)
    low = clusters.peak[pairs.low]
    high = clusters.peak[pairs.high]
    likeness = (computed.features[torch.from_numpy(low)] * computed.features[torch.from_numpy(high)]).sum(dim=1).numpy()
    image = np.arange(len(model.labels_)) if tree.repeats is None else tree.repeats.first.numpy()
    sizes = clusters.size[pairs.low] * clusters.size[pairs.high]
    return image[low], image[high], pairs.same, sizes, likeness


def best(model, n, score):
    """The n pairs of highest score."""
    a, b, same, pairs, likeness = linked(model)
    order = np.argsort(-score(same, pairs, likeness), kind="stable")[:n]
    return list(zip(a[order].tolist(), b[order].tolist(), strict=True))


def ways(random):
    """Each way's pairs: (model, n) -> list of pairs."""
    return {
        "gain": lambda model, n: model.questions(n)[["first", "second"]].to_numpy().tolist(),
        "random": lambda model, n: [random.choice(len(model.labels_), 2, replace=False).tolist() for _ in range(n)],
        "doubt": lambda model, n: best(model, n, lambda same, pairs, like: -abs(same - 0.5)),
        "nearest": lambda model, n: best(model, n, lambda same, pairs, like: like),
        "pairs": lambda model, n: best(model, n, lambda same, pairs, like: same * pairs),
    }


def drawn(path, args, seed):
    """Features and labels of some classes of a set."""
    with np.load(path) as file:
        features = file["features"].astype(np.float32)
        labels = file["labels"]
    random = np.random.default_rng(seed)
    classes, many = np.unique(labels, return_counts=True)
    chosen = random.permutation(classes[many >= args.least])[: args.classes]
    rows = random.permutation(np.flatnonzero(np.isin(labels, chosen)))[: args.rows]
    return features[rows], labels[rows]


def curve(model, labels, way, *, per_class, error, seed):
    """The three F after each answer (`answer_curve`), a list each."""
    ask = ways(np.random.default_rng(seed))[way]
    n = round(per_class * len(np.unique(labels)))
    best_pair = lambda model: next(iter(ask(model, 1)), None)  # noqa: E731
    table = answer_curve(copy.copy(model), labels, n, ask=best_pair, error=error, seed=seed)
    return {name: table[name].round(4).tolist() for name in SHOWN}


def run(args):
    """Every curve that the file does not have, seed by seed, so that what is there is balanced."""
    key = ("set", "seed", "error", "way", "per_class")
    lines = args.out.read_text().splitlines() if args.out.exists() else []
    done = {tuple(json.loads(line)[name] for name in key) for line in lines}
    for seed, name in itertools.product(args.seeds, args.sets):
        wanted = [(name, seed, args.error, way, args.per_class) for way in args.ways]
        if done.issuperset(wanted):
            continue
        features, labels = drawn(args.folder / f"{name}.npz", args, seed)
        model = wb.HiLander().fit(features)
        for one in wanted:
            if one in done:
                continue
            found = curve(model, labels, one[3], per_class=args.per_class, error=args.error, seed=seed)
            about = {"classes": len(np.unique(labels)), "rows": len(labels)}
            with args.out.open("a") as file:
                file.write(json.dumps({**dict(zip(key, one, strict=True)), **about, **found}) + "\n")


def tables(path):
    """F at no, half a, one, two, three questions a class and questions a class to half of the way, mean [interval]."""
    rows = []
    for line in path.read_text().splitlines():
        found = json.loads(line)
        f = np.array(found["bcubed_f"])
        half = np.flatnonzero(f >= (1 + f[0]) / 2)
        to_half = half[0] / found["classes"] if len(half) else np.inf
        about = {name: found[name] for name in ("set", "seed", "error", "way")}
        for a_class in (0, 0.5, 1, 2, 3):
            place = round(a_class * found["classes"])
            if a_class <= found["per_class"]:  # where nothing was left to ask, the last score
                place = min(place, len(f) - 1)
                values = {name: found[name][place] for name in SHOWN}
                rows.append({**about, "a class": a_class, **values, "to half": to_half})
    return pd.DataFrame(rows)


def show(path):
    """Print, for each share of errors, sets and their mean: the three F at each number of questions a class."""
    table = tables(path)
    mean = table.groupby(["error", "way", "a class", "seed"], sort=False)[[*SHOWN, "to half"]].mean().reset_index()
    table = pd.concat([table, mean.assign(set="mean of the sets")])
    for (error, name), part in table.groupby(["error", "set"], sort=False):
        print(f"\n{name}, {error:.0%} of answers wrong")
        for way, own in part.groupby("way", sort=False):
            cells = []
            for a_class, here in own.groupby("a class"):
                f = [here[value].mean() for value in SHOWN]
                found = intervals(here, "bcubed_f", "way").iloc[0]
                cells.append(f"{a_class}: {' / '.join(f'{x:.3f}' for x in f)} [{found.low:.3f}, {found.high:.3f}]")
            to_half = own["to half"].unique()
            print(f"  {way:8s}", "; ".join(cells), "; to half:", " ".join(f"{x:.2f}" for x in to_half))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--classes", type=int, default=60)
    parser.add_argument("--rows", type=int, default=2500)
    parser.add_argument("--least", type=int, default=5)
    parser.add_argument("--per-class", type=float, default=1.0)
    parser.add_argument("--error", type=float, default=0.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--ways", nargs="+", default=list(ways(None)))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.table:
        show(args.table)
    else:
        run(args)


if __name__ == "__main__":
    main()
