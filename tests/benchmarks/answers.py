"""What an answer is worth: F against the number of answers of a simulated person, for several ways to ask.

python tests/benchmarks/answers.py FOLDER SET ... [--classes 60] [--rows 2500] [--per-class 1] [--error 0.05] [--seed 0]

FOLDER holds SET.npz with features and labels. The person answers for the two images shown: by their labels, and wrongly
with probability `--error`. An answer that contradicts what follows from earlier ones is dropped, but counts.
Every way starts from the same clustering and feeds the same constraints; they differ in which pairs they ask:

- gain: `HiLander.questions`.
- random: two images drawn at random.
- doubt: pairs of linked clusters by how near their probability is to one half (uncertainty only).
- nearest: pairs of clusters by the similarity of their peaks, the highest first (as COBRA merges its super-instances).
- pairs: linked clusters by probability times the pairs of images that a yes would join (in the manner of A3S, whose
  gain is of a score of pairs).
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import torch

import workbench as wb
from workbench.cluster.questions import Clusters, LinkedPairs
from workbench.experiments import answer_curve


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


def curve(features, labels, way, *, per_class, error, seed):
    """Scores after every quarter of a question a class (`answer_curve`)."""
    ask = ways(np.random.default_rng(seed))[way]
    classes = len(np.unique(labels))
    model = wb.HiLander().fit(features)
    table = answer_curve(
        model,
        labels,
        round(per_class * classes),
        ask=lambda model: next(iter(ask(model, 1)), None),
        error=error,
        seed=seed,
    )
    return table.groupby(table["answers"] * 4 // classes).first().round(3).to_dict("records")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--classes", type=int, default=60)
    parser.add_argument("--rows", type=int, default=2500)
    parser.add_argument("--per-class", type=float, default=1.0)
    parser.add_argument("--error", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ways", nargs="+", default=list(ways(None)))
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in args.sets:
        with np.load(args.folder / f"{name}.npz") as file:
            features = file["features"]
            labels = file["labels"]
        chosen = np.random.default_rng(args.seed).permutation(np.unique(labels))[: args.classes]
        rows = np.random.default_rng(args.seed).permutation(np.flatnonzero(np.isin(labels, chosen)))[: args.rows]
        features = features[rows]
        labels = labels[rows]
        settings = {"per_class": args.per_class, "error": args.error, "seed": args.seed}
        for way in args.ways:
            for point in curve(features, labels, way, **settings):
                about = {"set": name, "classes": len(np.unique(labels)), "rows": len(rows), "way": way}
                print(json.dumps({**about, **point}), flush=True)


if __name__ == "__main__":
    main()
