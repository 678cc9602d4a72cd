"""Labelled training sets in any number, each of another kind, drawn from real sources or made of Gaussians.

A set takes some classes of a source at drawn sizes, or Gaussian classes nested in groups. Then the classes of a source
get groups and modes, images get bursts of near-duplicates, outliers and noise, and the features another dimension,
spread and centre. What stays the same over all of them is what a class is, and that is what the general model learns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

Labelled = tuple[Tensor, Tensor]  # unit rows [n, d], classes [n]


class RandomDraws:
    """Draws from one seeded generator."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def uniform(self, low: float | int = 0, high: float | int = 1) -> float:
        """Evenly between two numbers."""
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def scale(self, low: float | int, high: float | int) -> float:
        """Evenly between two positive numbers on a logarithmic scale."""
        return math.exp(self.uniform(math.log(low), math.log(max(low, high))))

    def chance(self, share: float | int) -> bool:
        """True in that share of draws."""
        return self.uniform() < share

    def below(self, n: int, *shape: int) -> Int[Tensor, ...]:
        """Integers 0 .. n - 1."""
        return torch.randint(max(1, n), shape, generator=self.generator)

    def normal(self, *shape: int) -> Float[Tensor, ...]:
        """Standard normal numbers."""
        return torch.randn(*shape, generator=self.generator)

    def even(self, *shape: int) -> Float[Tensor, ...]:
        """Numbers evenly in [0, 1)."""
        return torch.rand(*shape, generator=self.generator)

    def order(self, n: int) -> Int[Tensor, " n"]:
        """A permutation."""
        return torch.randperm(n, generator=self.generator)


def class_sizes(draws: RandomDraws, classes: int, n: int) -> Int[Tensor, " classes"]:
    """Sizes that sum to about n: equal, log-normal or by a power law; at least 1.

    Example:
        >>> int(class_sizes(RandomDraws(0), 4, 100).sum()) in range(96, 105)
        True
    """
    kind = int(draws.below(3))
    if kind == 0:
        weight = torch.ones(classes)
    elif kind == 1:
        weight = torch.exp(draws.normal(classes) * draws.uniform(0.3, 1.5))
    else:
        weight = torch.arange(1.0, classes + 1) ** -draws.uniform(0.5, 1.3)
    return (weight / weight.sum() * n).round().long().clamp(min=1)


@dataclass(frozen=True)
class SyntheticConfig:
    """The share of sets that gets each property; how much of it a set gets is drawn from the ranges in the code.

    Attributes:
        images: least and most images of a set, evenly on a logarithmic scale; one in seven is up to 2.4 times larger.
        gaussian: share of sets without a source, of Gaussian classes.
        round: share of those whose classes are round and that nothing is done to but a change of features.
        grow: share of real sets whose classes may be larger than the source's, by mixing two images of a class.
        singletons, groups, modes, bursts, outliers, noise, uneven: share of sets with: one image each of other classes;
            classes that lie in nested groups; classes that fall apart in modes; near-duplicates; mixtures of two
            images; noise; features of uneven spread.

    Groups are commoner than modes on purpose. How fine a class is depends on who asks; people seldom name something
    finer than the parts into which the data fall by themselves.
    """

    images: tuple[int, int] = (120, 5000)
    gaussian: float = 0.5
    round: float = 0.4
    grow: float = 0.35
    singletons: float = 0.3
    groups: float = 0.5
    modes: float = 0.25
    bursts: float = 0.25
    outliers: float = 0.3
    noise: float = 0.5
    uneven: float = 0.15


def draw_set(seed: int, sources: Sequence[Labelled], config: SyntheticConfig | None = None) -> Labelled:
    """One training set: unit rows in random order and classes 0 .. c - 1.

    Args:
        seed: of everything drawn.
        sources: labelled unit rows to draw from; none: synthetic sets only.
        config: shares; None: `SyntheticConfig()`.

    Example:
        >>> x, y = draw_set(0, [])
        >>> len(x) == len(y), bool(torch.allclose(x.norm(dim=1), torch.ones(len(x)), atol=1e-5))
        (True, True)
    """
    config = config or SyntheticConfig()
    draws = RandomDraws(seed)
    low, high = config.images
    n = int(draws.scale(low, high) if draws.chance(0.85) else draws.scale(high, 2.4 * high))
    gaussian = not sources or draws.chance(config.gaussian)
    if gaussian and draws.chance(config.round):
        rows, labels = round_gaussians(draws, n)
    elif gaussian:
        rows, labels = disturbed(draws, *nested_gaussians(draws, n), config)
    else:
        source = sources[int(draws.below(len(sources)))]
        rows, labels = resampled(draws, *source, n, config)
        rows = grouped(draws, rows, labels, config)
        rows, labels = disturbed(draws, rows, labels, config)

    rows = transformed(draws, rows, config)
    order = draws.order(len(rows))
    return rows[order].contiguous(), torch.unique(labels[order], return_inverse=True)[1]


def round_gaussians(draws: RandomDraws, n: int) -> Labelled:
    """Classes that spread alike in every direction, as scikit-learn's `make_blobs` draws them; 2 to n / 3 classes.

    What anybody tries first. In many dimensions a class has rows that lie far out and are nobody's neighbour. Without
    such sets they were cut off as classes of their own: 40 classes of 50 rows in 64 dimensions came out as 67 clusters.

    Example:
        >>> x, y = round_gaussians(RandomDraws(1), 200)
        >>> len(x) == len(y)
        True
    """
    dim = int(draws.scale(2, 256))
    classes = int(draws.scale(2, n / 3))
    labels = torch.repeat_interleave(torch.arange(classes), class_sizes(draws, classes, n))  # (m,)
    center = draws.normal(classes, dim) * draws.scale(0.5, 10)
    width = torch.exp(draws.normal(classes, 1) * (draws.uniform(0, 0.5) if draws.chance(0.5) else 0))
    rows = center[labels] + width[labels] * draws.normal(len(labels), dim)
    return normalize(rows, dim=1), labels


def nested_gaussians(draws: RandomDraws, n: int) -> Labelled:
    """Classes of low rank in groups of groups, seen through a random linear or saturating map; 2 to 5,000 classes.

    Example:
        >>> x, y = nested_gaussians(RandomDraws(1), 200)
        >>> len(x) == len(y)
        True
    """
    dim = int(draws.scale(8, 256))
    classes = int(draws.scale(2, min(5000, n / 2)))
    labels = torch.repeat_interleave(torch.arange(classes), class_sizes(draws, classes, n))  # (m,)
    m = len(labels)
    latent = int(draws.scale(3, min(dim, 64)))  # dimensions in which classes differ; the features have `dim`

    groups = max(1, int(classes / draws.scale(1, 20)))
    group = draws.below(groups, classes)  # (classes,)
    center = draws.normal(groups, latent)[group] * draws.uniform(0.3, 2)  # (classes, latent)
    center = center + draws.normal(classes, latent) * draws.scale(0.3, 2)
    if draws.chance(1 / 3):  # groups of groups
        uppers = max(1, int(groups / draws.scale(1, 10)))
        center += draws.normal(uppers, latent)[draws.below(uppers, groups)[group]] * draws.uniform(0.3, 3)

    width = torch.exp(draws.normal(classes, 1) * draws.uniform(0, 0.6))[labels]  # (m, 1)
    rank = 1 + int(draws.below(6))  # directions in which a class spreads widely: classes are flat, not round
    axes = draws.normal(classes, rank, latent) / math.sqrt(latent)
    # 3.4 wide: sqrt(12) = 3.46 gives even numbers the variance of normal ones.
    place = (draws.even(m, rank) - 0.5) * 3.4 if draws.chance(0.3) else draws.normal(m, rank)
    if draws.chance(0.3):  # heavy tails
        place *= torch.exp(draws.normal(m, 1) * 0.5)

    inside = torch.einsum("nr,nrl->nl", place, axes[labels])
    rows = center[labels] + width * (draws.scale(0.3, 2) * inside + draws.scale(0.05, 0.8) * draws.normal(m, latent))
    if draws.chance(0.5):  # bent by a saturating map, so that classes are no ellipsoids
        rows = torch.tanh(rows @ draws.normal(latent, dim) / math.sqrt(latent) * draws.uniform(0.5, 2))
    else:
        rows = rows @ draws.normal(latent, dim)
    return normalize(rows + draws.scale(0.01, 0.3) * rows.std() * draws.normal(m, dim), dim=1), labels


def resampled(draws: RandomDraws, rows: Tensor, labels: Tensor, n: int, config: SyntheticConfig) -> Labelled:
    """Some classes of a source at drawn sizes; larger ones, where they may grow, hold mixtures of two of their images.

    Example:
        >>> x, y = resampled(RandomDraws(0), torch.eye(40), torch.arange(40) % 4, 20, SyntheticConfig())
        >>> len(x) == len(y)
        True
    """
    order = draws.order(len(labels))
    order = order[labels[order].argsort(stable=True)]  # class by class, in random order within each
    classes, counts = torch.unique(labels, return_counts=True)
    first = counts.cumsum(0) - counts  # where each class begins in `order`

    count = int(draws.scale(2 if len(classes) < 50 else 8, len(classes)))
    drawn = draws.order(len(classes))[:count]
    size = class_sizes(draws, count, n)
    grow = draws.chance(config.grow)
    enough = (size <= counts[drawn]) | torch.tensor(not grow)  # (count,)
    size = torch.where(enough, torch.minimum(size, counts[drawn]), size)

    own = torch.repeat_interleave(torch.arange(count), size)
    place = torch.arange(len(own)) - torch.repeat_interleave(size.cumsum(0) - size, size)
    start = first[drawn][own]
    many = counts[drawn][own]
    keep = enough[own]
    left = order[start + torch.where(keep, place, _below_each(draws, many))]
    right = order[start + torch.where(keep, place, _below_each(draws, many))]
    mix = draws.even(len(own), 1) * 0.5
    out = torch.where(keep[:, None], rows[left], normalize((1 - mix) * rows[left] + mix * rows[right], dim=1))
    if grow:
        out = _noisy(draws, out, draws.uniform(0.05, 0.4))

    unused = draws.order(len(classes))
    unused = unused[~torch.isin(unused, drawn)]
    if len(unused) and draws.chance(config.singletons):
        lone = unused[: int(draws.uniform(0, 0.3) * len(out)) + 1]
        out = torch.cat([out, rows[order[first[lone]]]])
        own = torch.cat([own, count + torch.arange(len(lone))])
    return out, own


def _below_each(draws: RandomDraws, limits: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
    """A number 0 .. limit - 1 for each limit."""
    drawn = draws.even(len(limits)) * limits  # float32 may round it up to the limit itself
    return drawn.long().clamp(max=limits - 1)


def grouped(draws: RandomDraws, rows: Tensor, labels: Tensor, config: SyntheticConfig) -> Float[Tensor, "n d"]:
    """Classes in groups that share an offset, perhaps in groups of groups, and modes within classes.

    Example:
        >>> grouped(RandomDraws(0), torch.eye(12), torch.arange(12) // 2, SyntheticConfig(groups=1.0)).shape
        torch.Size([12, 12])
    """
    dim = rows.shape[1]
    classes = int(labels.max()) + 1
    span = max(2, min(dim, int(draws.scale(4, 64))))  # groups and modes differ in some directions only
    base = draws.normal(span, dim)

    def offsets(count: int) -> Tensor:
        return normalize(draws.normal(count, span) @ base, dim=1)

    if classes > 5 and draws.chance(config.groups):
        group = torch.arange(classes)
        groups = classes
        for _ in range(1 + draws.chance(0.5)):
            fewer = int(draws.scale(2, max(3, groups / 2)))
            group = draws.below(fewer, groups)[group]
            groups = fewer
            rows = normalize(rows + draws.scale(0.3, 2.5) * offsets(groups)[group[labels]], dim=1)
            if groups < 4:
                break

    if draws.chance(config.modes):
        modes = 1 + draws.below(int(draws.scale(2, 12)), classes)
        first = modes.cumsum(0) - modes
        mode = first[labels] + _below_each(draws, modes[labels])  # (n,)
        shared = draws.chance(0.4)  # the same twelve modes in every class, as poses are
        total = int(modes.sum())
        offset = offsets(12)[draws.below(12, total)] if shared else offsets(total)
        rows = normalize(rows + draws.scale(0.15, 1.2) * offset[mode], dim=1)
    return rows


def disturbed(draws: RandomDraws, rows: Tensor, labels: Tensor, config: SyntheticConfig) -> Labelled:
    """Bursts of near-duplicates, mixtures of two images as outliers (classes of their own), noise.

    Example:
        >>> config = SyntheticConfig(outliers=1.0, bursts=0.0)
        >>> x, y = disturbed(RandomDraws(0), torch.eye(12), torch.arange(12) // 2, config)
        >>> len(x) > 12, int(y.max()) > 5
        (True, True)
    """
    n = len(rows)
    if draws.chance(config.bursts):
        # 2 to 40 % more images: 2 to 15 near-duplicates, on average 8, of each one that has any.
        count = max(1, int(draws.scale(0.02, 0.4) * n / 8))
        source = torch.repeat_interleave(draws.order(n)[:count], 2 + draws.below(14, min(count, n)))
        rows = torch.cat([rows, _noisy(draws, rows[source], draws.scale(0.01, 0.3))])
        labels = torch.cat([labels, labels[source]])

    if draws.chance(config.outliers):
        count = int(draws.scale(0.005, 0.08) * n) + 1
        mixed = normalize(rows[draws.below(n, count)] + rows[draws.below(n, count)], dim=1)
        rows = torch.cat([rows, _noisy(draws, mixed, 0.2)])
        labels = torch.cat([labels, labels.max() + 1 + torch.arange(count)])

    if draws.chance(config.noise):
        rows = _noisy(draws, rows, draws.uniform(0, 0.9))
    return rows, labels


def transformed(draws: RandomDraws, rows: Tensor, config: SyntheticConfig) -> Float[Tensor, "n e"]:
    """The same images in other features: projected, whitened in part, centred, shifted, bent, or as they are.

    Example:
        >>> transformed(RandomDraws(0), torch.eye(12), SyntheticConfig()).shape[0]
        12
    """
    n, dim = rows.shape
    kind = int(draws.below(6))  # 5: as they are
    if kind == 0:
        rows = rows @ draws.normal(dim, max(4, int(dim * draws.scale(0.08, 1))))
    elif kind == 1:
        kept = min(n, dim, max(4, int(draws.scale(8, dim))))
        centered = rows - rows.mean(dim=0)
        axes, spread, _ = torch.linalg.svd(centered.T @ centered / n)
        rows = centered @ axes[:, :kept] / (spread[:kept].sqrt() + 1e-6) ** draws.uniform(0, 1)
    elif kind == 2:
        rows = rows - rows.mean(dim=0)
    elif kind == 3:
        rows = rows + draws.scale(0.2, 3) * normalize(draws.normal(1, dim), dim=1)
    elif kind == 4:
        rows = rows.sign() * rows.abs() ** draws.uniform(0.5, 1.5)

    if draws.chance(config.uneven):
        rows = rows * torch.exp(draws.normal(1, rows.shape[1]) * draws.uniform(0, 0.7))
    return normalize(rows, dim=1)


def _noisy(draws: RandomDraws, rows: Tensor, amount: float | int) -> Float[Tensor, "n d"]:
    """Unit rows plus a random vector of length about `amount`."""
    return normalize(rows + amount * draws.normal(*rows.shape) / math.sqrt(rows.shape[1]), dim=1)
