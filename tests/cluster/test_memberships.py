"""The clusters of each row, against a slow reading of the formula."""

import math

import numpy as np
import pytest

import workbench as wb
from workbench.cluster.memberships import ODDS


@pytest.fixture(scope="module")
def model():
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(8), 15)
    x = random.normal(size=(8, 12))[y] + 0.9 * random.normal(size=(120, 12))
    return wb.HiLander(k=8).fit(np.concatenate([x, x[:5], 9 * np.eye(12)[:1]]))  # five rows twice


def test_against_the_formula(model):
    level = model.hierarchy_.levels[0]
    found = model.memberships_
    labels = model.labels_
    seen = 0
    for row in range(5, 120):  # rows that occur once
        into = {}
        listed = zip(level.graph.neighbors[row].tolist(), level.prediction.linkage[row].tolist(), strict=True)
        for other, linkage in listed:
            if other >= 0:
                into.setdefault(int(labels[other]), []).append(linkage)
        for cluster, probability in zip(found.cluster[row], found.probability[row], strict=True):
            if cluster < 0 or (labels == labels[row]).sum() == 1:
                continue
            mean = min(max(np.mean(into.get(int(cluster), [0])), 0.01), 0.99)
            z = ODDS[0] * math.log(mean / (1 - mean)) + ODDS[1] * (cluster == labels[row]) + ODDS[2]
            assert probability == pytest.approx(1 / (1 + math.exp(-z)), abs=1e-6)
            seen += 1
    assert seen > 150


def test_own_first_and_repeats_alike(model):
    found = model.memberships_
    assert (found.cluster[:, 0] == model.labels_).all()
    assert (found.cluster[120:125] == found.cluster[:5]).all()
    assert ((found.probability >= 0) & (found.probability <= 1)).all()
    assert (found.probability[:, 1] >= found.probability[:, 2]).all()
    table = found.to_pandas()
    assert (table.groupby("row")["cluster"].nunique() == table.groupby("row").size()).all()
    assert len(table[table["rank"] == 0]) == 126
    assert table["cluster"].min() == 0


def test_they_follow_a_correction(model):
    before = model.memberships_.cluster[:, 0].copy()
    model.merge(0, 1)
    assert (model.memberships_.cluster[:, 0] == model.labels_).all()
    assert (model.undo().memberships_.cluster[:, 0] == before).all()
