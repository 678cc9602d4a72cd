"""Published results: the paper's and its peers' figures as a tidy table, each with where it was stated.

>>> table = published_results(data="DeepFashion", metric="bcubed_f")
>>> table.sort_values("value")[["method", "value"]].values[-1].tolist()
['LCEPCE', 0.6456]
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib.resources import files

import pandas as pd

METRICS = ("pairwise_f", "bcubed_f", "nmi")
Choice = str | Sequence[str] | None


def published_results(*, data: Choice = None, metric: Choice = None, method: Choice = None) -> pd.DataFrame:
    """Published figures of clustering methods, one row per figure.

    The figures are copied, not measured here. Between papers the features, the settings and even the k-NN search may
    differ: read differences of a point as no difference. Only the parts of MS1M have many methods on the same features.

    Args:
        data: name or names of data sets, e.g. "MS1M 584K"; None: all.
        metric: of `METRICS`; None: all.
        method: name or names of methods, e.g. "Infomap"; None: all.

    Returns: a frame with the columns
        method, data;
        distribution: "seen" or "unseen" sizes of clusters, for the paper's own sets; else empty;
        images: rounded number of images, for the parts of MS1M; else missing;
        metric, value: in [0, 1], 1 is best;
        first_hand: True: read where the method's own authors publish it, False: in a table that repeats figures;
        source: where it was read (a group of documents where several repeat the same table);
        note: what else was said.

    Raises:
        ValueError: a name that the table does not have, or a choice that leaves no row.

    Example:
        >>> published_results(method="Infomap", data="MS1M 584K")[["metric", "value"]].values.tolist()
        [['pairwise_f', 0.9391], ['bcubed_f', 0.9242]]
    """
    table = _read("results.csv").astype({"images": "Int64"})
    for column, wanted in (("data", data), ("metric", metric), ("method", method)):
        if wanted is not None:
            names = _known(wanted, column, list(table[column].unique()))
            left = table[table[column].isin(names)]
            if left.empty:
                others = ", ".join(map(repr, table[column].unique()))
                raise ValueError(f"{column}: no published figure fits {wanted!r} and the other choices; left: {others}")
            table = left
    return table.reset_index(drop=True)


def published_claims() -> pd.DataFrame:
    """What the paper's abstracts and its authors' article claim as mean gains, in percent of the other methods' score.

    Returns: a row per claim: where, over (whom), gain_f (F-score, +%), gain_nmi (+%), compute (share of theirs).

    Example:
        >>> published_claims()["gain_f"].tolist()
        [54, 49, 49, 47]
    """
    return _read("claims.csv").astype({"gain_nmi": "Int64"})


def _read(name: str) -> pd.DataFrame:
    with (files("workbench.experiments.published") / name).open(encoding="utf-8") as file:
        table = pd.read_csv(file, keep_default_na=False, na_values={"images": [""], "gain_nmi": [""]})
    return table


def _known(wanted: str | Sequence[str], column: str, there: list[str]) -> list[str]:
    """The names asked for, once each is found among all names of the table."""
    everything = list(_read("results.csv")[column].unique())
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in everything:
            near = difflib.get_close_matches(str(name), everything, n=3, cutoff=0.3) or everything[:3]
            raise ValueError(
                f"{column}: expected one of {len(everything)} published names, got {name!r}; "
                f"did you mean {', '.join(map(repr, near))}?"
            )
    return [name for name in names if name in there]
