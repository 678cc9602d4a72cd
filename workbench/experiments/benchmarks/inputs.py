"""What is measured on: features of overlapping classes, and labelings that differ a little."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64

from ..._core.chunks import chunks
from ..._core.files import atomic_path

Clusters = tuple[Float32[np.ndarray, "n dim"], Int64[np.ndarray, " n"]]


def clusters(
    n: int, dim: int = 128, per_class: int = 40, seed: int = 0
) -> tuple[Float32[np.ndarray, "n dim"], Int64[np.ndarray, " n"]]:
    """Unit rows of overlapping classes with a falling spectrum, as embeddings have.

    Args:
        n: rows.
        dim: columns.
        per_class: rows of a class on average.
        seed: of everything random.

    Returns: features [n, dim], labels [n].

    Example:
        >>> x, labels = clusters(100, dim=8)
        >>> x.shape, int(labels.max()) < 2
        ((100, 8), True)
    """
    random = np.random.default_rng(seed)
    labels = random.integers(max(2, n // per_class), size=n)
    centers = random.standard_normal((labels.max() + 1, dim), dtype=np.float32)
    return _around(centers[labels], random), labels


def _around(centers: Float32[np.ndarray, "n dim"], random: np.random.Generator) -> Float32[np.ndarray, "n dim"]:
    """A unit row near each center."""
    spectrum = np.linspace(1, 0.1, centers.shape[1], dtype=np.float32) ** 2
    x = (centers + 0.7 * random.standard_normal(centers.shape, dtype=np.float32)) * spectrum
    unit: Float32[np.ndarray, "n dim"] = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit


def clusters_in_file(n: int, dim: int = 128, per_class: int = 40, seed: int = 0) -> tuple[np.memmap, np.ndarray]:
    """Rows like those of `clusters`, as float16 in a nameless file, made in blocks: for more rows than memory holds.

    Example:
        >>> x, labels = clusters_in_file(100, dim=8)
        >>> x.shape, x.dtype.name, len(labels)
        ((100, 8), 'float16', 100)
    """
    random = np.random.default_rng(seed)
    labels = random.integers(max(2, n // per_class), size=n)
    centers = random.standard_normal((labels.max() + 1, dim), dtype=np.float32)
    with tempfile.TemporaryFile() as file:  # the map keeps it
        x = np.memmap(file, np.float16, "w+", shape=(n, dim))
    for part in chunks(n, 2**16):
        x[part] = _around(centers[labels[part]], random)
    return x, labels


def kept_clusters(n: int, dim: int, folder: str | None) -> Clusters:
    """`clusters`, made once for all processes that name the same folder; None: made here.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     made, read = kept_clusters(50, 4, folder), kept_clusters(50, 4, folder)
        >>> bool((made[0] == read[0]).all())
        True
    """
    if folder is None:
        return clusters(n, dim)
    features = Path(folder) / f"features_{n}_{dim}.npy"
    labels = Path(folder) / f"labels_{n}_{dim}.npy"
    if features.exists():  # written last
        return np.load(features), np.load(labels)

    found = clusters(n, dim)
    for path, values in zip((labels, features), reversed(found), strict=True):
        with atomic_path(path) as whole, whole.open("wb") as file:
            np.save(file, values)
    return found


def labelings(n: int, per_class: int = 40, seed: int = 0) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """True classes, and clusters as found by a fair clusterer: every second class in two, a tenth of the items astray.

    Args:
        n: items.
        per_class: items of a class on average.
        seed: of everything random.

    Returns: labels_true [n], labels_pred [n].

    Example:
        >>> true, pred = labelings(1000)
        >>> len(true) == len(pred), len(set(pred.tolist())) > len(set(true.tolist()))
        (True, True)
    """
    random = np.random.default_rng(seed)
    n_classes = max(2, n // per_class)
    true = random.integers(n_classes, size=n)
    pred = 2 * true + (random.random(n) < 0.5) * (true % 2)
    astray = random.random(n) < 0.1
    pred[astray] = random.integers(2 * n_classes, size=int(astray.sum()))
    return true, pred
