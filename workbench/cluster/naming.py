"""Words for clusters of texts: what tells each from the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int64
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

WORD = r"(?u)\b[^\W\d]\w+\b"  # two letters or more, no number
Namer = Callable[[list[str], list[str]], str]


def cluster_terms(
    texts: Sequence[str], labels: Int64[np.ndarray, " n"], n: int = 3, *, stop_words: Any = "english"
) -> list[list[str]]:
    """The words that tell each cluster from the others, the best first.

    Formula: class TF-IDF: share of a cluster's texts that hold the word, times log((1 + C) / (1 + clusters that hold
    it)) + 1, C the number of clusters. Equal ones go by the alphabet.

    Args:
        texts: one per row.
        labels: cluster of each row, 0 .. C-1.
        n: words per cluster, at most.
        stop_words: as scikit-learn's `CountVectorizer`: "english", a list, None.

    Raises:
        ValueError: no text holds a word.

    Example:
        >>> cluster_terms(["a red cup", "the red cups", "blue cup", "blue cup"], np.array([0, 0, 1, 1]), 1)
        [['red'], ['blue']]

    Source: Joachims, "A Probabilistic Analysis of the Rocchio Algorithm with TFIDF", ICML 1997; on clusters:
    Grootendorst, "BERTopic", arXiv 2203.05794, which takes counts of words in place of shares of texts.
    """
    counter = CountVectorizer(stop_words=stop_words, token_pattern=WORD, binary=True)
    try:
        held = counter.fit_transform(map(str, texts))  # (n, words)
    except ValueError as error:
        raise ValueError("texts: expected words of two letters or more, got none; is it the right column?") from error
    size = np.bincount(labels)
    of = csr_array((1 / size[labels], (labels, np.arange(len(labels)))), shape=(len(size), len(labels)))
    weight = csr_array(TfidfTransformer(norm=None).fit_transform(of @ held))  # (clusters, words)
    words = counter.get_feature_names_out()
    terms = []
    for start, end in zip(weight.indptr[:-1], weight.indptr[1:], strict=True):
        word = weight.indices[start:end]
        order = np.lexsort([word, -weight.data[start:end]])[:n]
        terms.append(words[word[order]].tolist())
    return terms


def name_table(
    texts: Sequence[str], layers: Sequence[Int64[np.ndarray, " n"]], n: int, namer: Namer | None, stop_words: Any
) -> pd.DataFrame:
    """A row per cluster of every layer, finest first: layer, cluster, size, terms, name.

    Args:
        texts: one per row.
        layers: labels of each.
        n: words per cluster.
        namer: (the cluster's texts, its terms) -> name; None: the terms, joined.
        stop_words: as in `cluster_terms`.

    Example:
        >>> name_table(["red", "blue"], [np.array([0, 1])], 1, None, "english")["name"].tolist()
        ['red', 'blue']
    """
    rows = []
    for layer, labels in enumerate(layers):
        order = np.argsort(labels, kind="stable")
        members = np.split(order, np.cumsum(np.bincount(labels))[:-1])
        for cluster, terms in enumerate(cluster_terms(texts, labels, n, stop_words=stop_words)):
            name = ", ".join(terms) if namer is None else namer([texts[i] for i in members[cluster]], terms)
            size = len(members[cluster])
            rows.append({"layer": layer, "cluster": cluster, "size": size, "terms": terms, "name": name})
    return pd.DataFrame(rows)
