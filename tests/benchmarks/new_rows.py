"""`predict` beside a refit: do out-of-sample rows get the cluster that a fit of all rows would give them?

python tests/benchmarks/new_rows.py DIR [--share 0.1]

DIR holds sets as .npz files with features [N, D] and labels [N] (datasets/kinds builds them). A share of the rows,
drawn at random, comes later. Columns: `given`, share of new rows that predict gives a cluster; `same`, share of new
rows treated as the refit of all rows does: it puts most of the predicted cluster's rows where it puts the new one,
or predict said -1 and it puts the new one beside no old row; `old`, the same of the old rows and their own
clusters, which a refit changes too; `right`, share of given rows whose cluster is mostly of their class; `refit`,
the same of the new rows in the refit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from workbench import HiLander


def mode(values: np.ndarray, groups: np.ndarray, n: int) -> np.ndarray:
    """The commonest value in each of n groups; -1 of an empty one."""
    found = pd.Series(values).groupby(groups).agg(lambda of: of.mode().iloc[0])
    return found.reindex(range(n), fill_value=-1).to_numpy()


def measured(features: np.ndarray, labels: np.ndarray, share: float) -> dict[str, float]:
    """The row of one set."""
    new = np.random.default_rng(0).random(len(labels)) < share
    fitted, refit = HiLander(device="cpu").fit(features[~new]), HiLander(device="cpu").fit(features).labels_
    given = fitted.predict(features[new])
    clusters, refit_clusters = fitted.n_clusters_, int(refit.max()) + 1
    goes, truth = (mode(of[~new], fitted.labels_, clusters) for of in (refit, labels))
    beside_old = np.isin(refit[new], refit[~new])
    same = np.where(given >= 0, goes[given] == refit[new], ~beside_old)
    of_refit = mode(labels[~new], refit[~new], refit_clusters)[refit[new]]
    return {
        "n": len(labels),
        "given": float((given >= 0).mean()),
        "same": float(same.mean()),
        "old": float((goes[fitted.labels_] == refit[~new]).mean()),
        "right": float((truth[given] == labels[new])[given >= 0].mean()),
        "refit": float((of_refit == labels[new])[beside_old].mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--share", type=float, default=0.1, help="of the rows that come later")
    asked = parser.parse_args()
    rows = {}
    for path in sorted(asked.folder.glob("*.npz")):
        with np.load(path) as arrays:
            rows[path.stem] = measured(arrays["features"], arrays["labels"], asked.share)
        print(path.stem, {name: round(value, 3) for name, value in rows[path.stem].items()}, flush=True)
    print(pd.DataFrame(rows).T.mean().round(3).to_string())


if __name__ == "__main__":
    main()
