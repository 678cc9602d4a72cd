"""Real sets of many kinds: features and classes from files, thinned, or several put together as super-classes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize, pad

from ..._core.validation import unit_rows
from ...data.features import load_features
from ...data.records import ImageSet
from .synthetic import Labelled, RandomDraws, SyntheticConfig, draw_set

MOST = 12_000  # rows of a set
TEST_ONLY = ("creatures", "emoji")  # pictures whose licence allows tests only


def read_kinds(folder: str | Path, leave_out: Collection[str] = TEST_ONLY) -> dict[str, Labelled]:
    """All labelled feature files `NAME.npz` of a folder, as `datasets/kinds/build.py` makes them.

    Args:
        folder: where they lie.
        leave_out: names that are not to be trained on.

    Raises:
        FileNotFoundError: no such file there.
        ValueError: a file without labels, or of one class.
    """
    found = {}
    for path in sorted(Path(folder).glob("*.npz")):
        if path.stem in leave_out:
            continue
        data = load_features(path)
        if isinstance(data, ImageSet) or data.labels is None:
            raise ValueError(f"kinds: {path} has no labels; expected arrays features [N, D] and labels [N]")
        labels = np.unique(data.labels, return_inverse=True)[1]
        if labels.max() < 1:
            raise ValueError(f"kinds: {path} has one class; expected at least two, there is nothing to learn from one")
        found[path.stem] = (unit_rows(data.features, warn=False), torch.from_numpy(labels))
    if not found:
        raise FileNotFoundError(f"kinds: found no NAME.npz in {folder}; make them with datasets/kinds/build.py")
    return found


def draw_real_set(seed: int, kinds: Sequence[Labelled], small: float = 0.0) -> Labelled:
    """One training set of real kinds: a kind thinned (two in six), several put together (two), some classes of one
    (one), or one altered as characters are (one). The rows are in random order.

    Args:
        seed: of everything drawn.
        kinds: to draw from.
        small: share of sets that have a few images of one kind instead.

    Example:
        >>> rows = torch.nn.functional.normalize(torch.randn(600, 5, generator=torch.Generator().manual_seed(0)), dim=1)
        >>> x, y = draw_real_set(0, [(rows, torch.arange(600) % 20)])
        >>> len(x) == len(y) > 60
        True
    """
    draws = RandomDraws(seed)
    way = int(draws.below(6))
    kind = kinds[int(draws.below(len(kinds)))]
    if small and draws.chance(small):
        rows, labels = few_images(draws, *kind)
    elif way < 2:
        rows, labels = thinned(draws, *kind)
    elif way < 4:
        rows, labels = united(draws, kinds)
    elif way == 4:
        rows, labels = some_classes(draws, *kind)
    else:
        rows, labels = draw_set(seed, [kind], SyntheticConfig(images=(500, 5000), gaussian=0.0))

    order = draws.order(len(rows))
    return rows[order].contiguous(), torch.unique(labels[order], return_inverse=True)[1]


def thinned(draws: RandomDraws, rows: Tensor, labels: Tensor) -> Labelled:
    """A kind nearly as it is: four to all fifths of its classes, six to all tenths of its rows.

    Example:
        >>> x, y = thinned(RandomDraws(0), torch.eye(40), torch.arange(40) % 4)
        >>> 20 < len(x) <= 40
        True
    """
    classes = int(labels.max()) + 1
    kept = torch.arange(classes)
    if classes > 12 and draws.chance(0.5):
        kept = draws.order(classes)[: round(classes * draws.uniform(0.8, 1))]
    chosen = torch.isin(labels, kept) & (draws.even(len(labels)) < draws.uniform(0.6, 1))
    return _first(draws, rows, labels, chosen, MOST)


def some_classes(draws: RandomDraws, rows: Tensor, labels: Tensor) -> Labelled:
    """Some classes of a kind, 300 to 6,000 rows; in three sets of ten most classes are thinned to a tail, in two of ten
    all but a few have one to six rows.

    Example:
        >>> x, y = some_classes(RandomDraws(0), torch.eye(40), torch.arange(40) % 4)
        >>> len(x) == len(y)
        True
    """
    count = torch.bincount(labels)
    classes = len(count)
    fewest = min(classes, 8) if classes < 20 else 0.15 * classes
    kept = draws.order(classes)[: max(2, round(draws.scale(fewest, classes)))]
    size = count[kept].float()
    shape = draws.uniform()
    if shape < 0.2:  # fewer rows a class than a node has neighbours
        size = _few_a_class(draws, size, 6)
    elif shape < 0.5:
        tail = torch.arange(1.0, len(kept) + 1) ** -draws.uniform(0.5, 1.3)
        size = torch.minimum(size, size.max() * tail[draws.order(len(kept))])
    size = size * min(1.0, draws.scale(300, 6000) / float(size.sum()))
    return _by_shares(draws, rows, labels, kept, (size / count[kept]).clamp(min=1e-3))


def few_images(draws: RandomDraws, rows: Tensor, labels: Tensor) -> Labelled:
    """40 to 1,000 images of a kind, of few classes or many; in three sets of ten nearly all classes have one each, or
    up to two, three ... six. All images where fewer than 20 would be drawn.

    Most people try a few hundred images first, and most people in photographs show up once. Without such sets a hundred
    images of a kind were put into 20 clusters, whether they were of 54 classes or of 94.

    Example:
        >>> x, y = few_images(RandomDraws(0), torch.eye(40), torch.arange(40) % 4)
        >>> len(x) == len(y)
        True
    """
    count = torch.bincount(labels)
    classes = len(count)
    kept = draws.order(classes)[: round(draws.scale(2, classes))]
    size = count[kept].float()
    if draws.chance(0.3):
        size = _few_a_class(draws, size, 1 + int(draws.below(6)))
    size = size * min(1.0, draws.scale(40, 1000) / float(size.sum()))
    return _by_shares(draws, rows, labels, kept, size / count[kept])


def united(draws: RandomDraws, kinds: Sequence[Labelled], fewest: int = 1) -> Labelled:
    """Up to four kinds in one set, each a super-class: in directions of their own or in the same, shifted apart.

    What is far from everything else is then no class but a whole kind. Without such sets the predicted quality of these
    heaps was far too high: on unions of kinds that training had not seen pairwise / BCubed / item F were .37 / .55 /
    .42, and .46 / .57 / .47 with them.

    Example:
        >>> kind = (torch.eye(300)[:, :40] + 0.1, torch.arange(300) % 30)
        >>> x, y = united(RandomDraws(1), [kind, kind])
        >>> len(x) == len(y)
        True
    """
    chosen = draws.order(len(kinds))[: fewest + int(draws.below(5 - fewest))].tolist()
    parts = []
    for i in chosen:
        rows, labels = kinds[i]
        classes = int(labels.max()) + 1
        kept = draws.order(classes)[: max(2, round(classes * draws.uniform(0.3, 1)))]
        parts.append(_first(draws, rows, labels, torch.isin(labels, kept), 200 + int(draws.below(1800))))

    width = sum(rows.shape[1] for rows, _ in parts)
    side_by_side = draws.chance(0.5)
    start = 0
    n_classes = 0
    blocks = []
    classes_of = []
    for rows, labels in parts:
        centred = rows - rows.mean(dim=0) if draws.chance(0.5) else rows
        left = start if side_by_side else 0
        block = pad(normalize(centred, dim=1), (left, width - left - rows.shape[1]))
        blocks.append(block + draws.uniform(0, 2) * normalize(draws.normal(1, width), dim=1))
        classes_of.append(labels + n_classes)
        start += rows.shape[1]
        n_classes += int(labels.max()) + 1

    shift = int(draws.below(3)) * normalize(draws.normal(1, width), dim=1)  # a narrow band of similarities
    return normalize(torch.cat(blocks) + shift, dim=1), torch.cat(classes_of)


def _few_a_class(draws: RandomDraws, size: Tensor, most: int) -> Tensor:
    """Sizes of classes, 19 of 20 of them cut to one row, or up to `most`."""
    few = 1 + draws.below(most, len(size))
    return torch.where(draws.even(len(size)) < 0.95, torch.minimum(size, few), size)


def _by_shares(draws: RandomDraws, rows: Tensor, labels: Tensor, kept: Tensor, share: Tensor) -> Labelled:
    """Of every class that is kept about this share of its rows, and none of the others."""
    of_class = torch.zeros(int(labels.max()) + 1)
    of_class[kept] = share
    return _first(draws, rows, labels, draws.even(len(labels)) < of_class[labels], MOST)


def _first(draws: RandomDraws, rows: Tensor, labels: Tensor, chosen: Tensor, most: int) -> Labelled:
    """At most so many of the rows chosen, drawn at random, with classes 0 .. c - 1; all rows where hardly any is."""
    index = chosen.nonzero()[:, 0]
    if len(index) < 20:
        index = torch.arange(len(rows))
    index = index[draws.order(len(index))[:most]]
    return rows[index], torch.unique(labels[index], return_inverse=True)[1]
