"""Words for clusters of texts: what tells each from the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
        texts: one per row; a missing one (None, NaN) is empty.
        labels: cluster of each row, 0 .. C-1.
        n: words per cluster, at most.
        stop_words: as scikit-learn's `CountVectorizer`: "english", a list, None.

    Raises:
        ValueError: no text holds a word, another number of texts, or unknown stop words.

    Example:
        >>> cluster_terms(["a red cup", "the red cups", "blue cup", "blue cup"], np.array([0, 0, 1, 1]), 1)
        [['red'], ['blue']]

    Source: Joachims, "A Probabilistic Analysis of the Rocchio Algorithm with TFIDF", ICML 1997; on clusters:
    Grootendorst, "BERTopic", arXiv 2203.05794, which takes counts of words in place of shares of texts.
    """
    known = (str, list, tuple, set, type(None))
    if not isinstance(stop_words, known) or (isinstance(stop_words, str) and stop_words != "english"):
        raise ValueError(
            f"stop_words: expected 'english', a list of words or None, got {stop_words!r}; pass a list of your own"
        )
    stopped = list(stop_words) if isinstance(stop_words, (tuple, set)) else stop_words
    counter = CountVectorizer(stop_words=stopped, token_pattern=WORD, binary=True)
    listed = check_texts(texts, len(labels))
    try:
        held = counter.fit_transform(listed)  # (n, words)
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


def check_texts(texts: Any, n: int) -> list[str]:
    """A text per row, in the rows' order; missing ones (None, NaN, NA) are empty.

    Raises:
        ValueError: another number of texts, one string, a table.

    Example:
        >>> check_texts(["red", None, float("nan")], 3)
        ['red', '', '']
    """
    if isinstance(texts, (str, bytes)):
        raise ValueError(f"texts: expected {n}, one per row, got one string; pass a list")
    if isinstance(texts, (Mapping, pd.DataFrame)) or not isinstance(texts, Iterable):
        raise ValueError(f"texts: expected {n}, one per row, got {type(texts).__name__}; pass a list, or one column")
    listed = list(texts)
    if len(listed) != n:
        raise ValueError(f"texts: expected {n}, one per row, got {len(listed)}")
    return ["" if pd.api.types.is_scalar(text) and pd.isna(text) else str(text) for text in listed]


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
    texts = check_texts(texts, len(layers[0]))
    rows = []
    for layer, labels in enumerate(layers):
        order = np.argsort(labels, kind="stable")
        members = np.split(order, np.cumsum(np.bincount(labels))[:-1])
        for cluster, terms in enumerate(cluster_terms(texts, labels, n, stop_words=stop_words)):
            name = ", ".join(terms) if namer is None else namer([texts[i] for i in members[cluster]], terms)
            size = len(members[cluster])
            rows.append({"layer": layer, "cluster": cluster, "size": size, "terms": terms, "name": name})
    return pd.DataFrame(rows)
