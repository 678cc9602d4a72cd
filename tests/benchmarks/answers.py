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
from workbench.cluster.questions import Clusters, LinkedPairs, _open


def linked(model):
    """Pairs of linked clusters that no answer has parted: peaks (images), probability, sizes, likeness of the peaks."""
    tree = model.hierarchy_
    computed = tree.distinct
    level = computed.levels[0]
    clusters = Clusters.of(computed)
    every = np.arange(len(model.labels_))
    known = model._answers().of_nodes(every if tree.repeats is None else tree.repeats.group.numpy())
    pairs = LinkedPairs.of(clusters, level.graph, level.prediction.linkage)
    low, high = _open(pairs.low, pairs.high, clusters, known)
    count = len(clusters.size)
    same = pairs.same[np.isin(pairs.low * count + pairs.high, low * count + high)]
    peaks = torch.from_numpy(clusters.peak)
    likeness = (computed.features[peaks[low]] * computed.features[peaks[high]]).sum(dim=1).numpy()
    image = every if tree.repeats is None else tree.repeats.first.numpy()
    size = clusters.size
    return image[clusters.peak[low]], image[clusters.peak[high]], same, size[low] * size[high], likeness


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
    """Scores after every quarter of a question a class."""
    random = np.random.default_rng(seed)
    ask = ways(random)[way]
    model = wb.HiLander().fit(features)
    classes = len(np.unique(labels))
    batch = max(1, classes // 20)
    points = [scores_of(labels, model, 0, 0, way)]
    answered = dropped = 0
    while answered < per_class * classes:
        pairs = ask(model, min(batch, per_class * classes - answered))
        if not pairs:
            break
        for a, b in pairs:
            same = bool(labels[a] == labels[b]) != (random.random() < error)
            answered += 1
            try:
                model.answer(a, b, same=same)
            except ValueError:
                dropped += 1
        if answered * 4 // classes > points[-1]["answers"] * 4 // classes:
            points.append(scores_of(labels, model, answered, dropped, way))
    return points


def scores_of(labels, model, answered, dropped, way):
    row = wb.scores(labels, model.labels_)
    of = {"pairwise": round(row["pairwise_f"], 3), "bcubed": round(row["bcubed_f"], 3)}
    return {"way": way, "answers": answered, "dropped": dropped, **of, "clusters": model.n_clusters_}


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
                print(
                    json.dumps({"set": name, "classes": len(np.unique(labels)), "rows": len(rows), **point}), flush=True
                )


if __name__ == "__main__":
    main()
