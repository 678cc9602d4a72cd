"""Words for clusters, against the formula written out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.cluster import cluster_terms

TEXTS = ["Red cup", "a red, red pot", "blue cup", "blue sky 77", "green sky", "sky"]
LABELS = np.array([0, 0, 1, 1, 2, 2])


def test_terms_are_those_of_the_formula():
    words = [set(text.lower().replace(",", "").split()) - {"a", "77"} for text in TEXTS]

    def weight(word, cluster):
        inside = [word in words[i] for i in np.flatnonzero(cluster == LABELS)]
        holds = sum(any(word in words[i] for i in np.flatnonzero(c == LABELS)) for c in range(3))
        return np.mean(inside) * (math.log(4 / (1 + holds)) + 1)

    for cluster, terms in enumerate(cluster_terms(TEXTS, LABELS, 9)):
        every = {word for i in np.flatnonzero(cluster == LABELS) for word in words[i]}
        assert terms == sorted(every, key=lambda word: (-weight(word, cluster), word))


def test_names_of_every_layer_and_by_a_function():
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(5), 20)
    words = ["otter", "heron", "badger", "newt", "mole"]
    model = wb.HiLander().fit(random.normal(size=(5, 16))[y] + 0.3 * random.normal(size=(100, 16)))
    texts = [f"the {words[c]} number {i}" for i, c in enumerate(y)]
    table = model.name_clusters(texts, 1)
    assert table.groupby("layer")["size"].sum().eq(100).all()
    assert table["layer"].nunique() == len(model.cluster_layers_)
    last = np.flatnonzero([np.array_equal(layer, model.labels_) for layer in model.cluster_layers_])[0]
    for row in table[table["layer"] == last].itertuples():
        most = np.bincount(y[model.labels_ == row.cluster]).argmax()
        assert row.name == words[most]
    named = model.name_clusters(texts, 2, namer=lambda found, terms: f"{len(found)} {terms[0]}")
    assert (
        named["name"] == [f"{size} {terms[0]}" for size, terms in zip(named["size"], named["terms"], strict=True)]
    ).all()


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["1"] * 3, "words of two letters"),
        (["a"], "expected 3, one per row, got 1"),
        ("abc", "expected 3, one per row, got one string"),
        (None, "expected 3, one per row, got NoneType"),
        (pd.DataFrame({"a": ["x"] * 3}), "got DataFrame; pass a list, or one column"),
    ],
)
def test_texts_that_cannot_be_used(texts, words):
    with pytest.raises(ValueError, match=words):
        wb.HiLander().fit(np.eye(3)).name_clusters(texts)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT])
def test_missing_texts_are_empty(missing):
    x = np.repeat(np.eye(3), 5, axis=0) + np.arange(15)[:, None] % 5 / 99
    model = wb.HiLander(tau=0.5).fit(x)
    texts = ["red cup"] * 7 + [missing] * 8
    table = model.name_clusters(texts, namer=lambda found, terms: " ".join(sorted({*found, *terms})).strip())
    assert set(" ".join(table["name"]).split()) == {"red", "cup"}
    assert {term for terms in table["terms"] for term in terms} == {"red", "cup"}


def test_stop_words():
    texts = ["red cup", "blue cup", "blue pot"]
    for words in (["cup"], ("cup",), {"cup"}):
        assert cluster_terms(texts, np.array([0, 1, 1]), stop_words=words) == [["red"], ["blue", "pot"]]
    for words in ("german", 5):
        with pytest.raises(
            ValueError, match=f"^stop_words: expected 'english', a list of words or None, got {words!r}"
        ):
            cluster_terms(texts, np.array([0, 1, 1]), stop_words=words)
