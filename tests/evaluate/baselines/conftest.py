"""Toys whose clusters anyone can see."""

import numpy as np
import pytest


def blobs_of(sizes, d=16, noise=0.04, seed=0):
    """Points around the axes 0, 1, 2 ...: far apart in angle, of any length."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    points = np.eye(d)[labels] + noise * rng.normal(size=(len(labels), d))
    order = rng.permutation(len(labels))
    return (points * rng.uniform(0.5, 2.0, (len(labels), 1)))[order].astype(np.float32), labels[order]


@pytest.fixture
def make_blobs():
    return blobs_of


@pytest.fixture
def blobs():
    return blobs_of((12, 7, 9))
