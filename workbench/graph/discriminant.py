"""What rows are compared by: their cosine as they come, or after a map that shrinks what varies between neighbours.

Features of most kinds spread in some directions that have nothing to do with classes: slant, loudness, length. The
nearest neighbours of a row are mostly of its own class, so how they differ from it shows these directions, without a
label. Shrinking them brings classes together before anything is searched, linked or cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from .._core.chunks import chunks
from .._core.memmap import is_memmap, new_tensor
from .._core.runtime import seeded
from .._core.validation import check_choice
from .knn import query

METRICS = ("cosine", "discriminant")
SAMPLE = 4096  # rows, at even steps, whose neighbours are looked up
NEAREST = 3  # neighbours of each
SUBSPACE = 512  # leading directions that more columns are first projected on: eigenvectors take time with their cube
RIDGE = 0.1  # of the mean variance within, added to every direction's
PART = 2**16  # rows mapped at a time


@dataclass(frozen=True)
class Metric:
    """A linear map of unit rows, after which they are compared by cosine.

    Attributes:
        matrix: float32 [D, E] on the rows' device, E = min(D, 512); None: rows stay as they are.
    """

    matrix: Float[Tensor, "d e"] | None = None

    @classmethod
    def of(cls, name: str, rows: Float[Tensor, "n d"]) -> Metric:
        """A metric by its name, fitted to the rows it is for.

        Raises:
            TypeError, ValueError: the name is none of `METRICS`.

        Example:
            >>> Metric.of("cosine", torch.eye(3)).matrix is None
            True
        """
        return cls(local_discriminant(rows) if check_choice(name, "metric", METRICS) == "discriminant" else None)

    def __call__(self, rows: Float[Tensor, "n d"]) -> Float[Tensor, "n e"]:
        """The rows mapped and scaled to length 1, in a file where they lie in one; a zero row stays zero.

        Example:
            >>> Metric(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))(torch.tensor([[0.6, 0.8]])).tolist()
            [[1.0, 0.0]]
        """
        if self.matrix is None:
            return rows
        shape = len(rows), self.matrix.shape[1]
        out = new_tensor(shape, mapped=True) if is_memmap(rows) else rows.new_empty(shape)
        for part in chunks(len(rows), PART):
            out[part] = normalize(rows[part] @ self.matrix, dim=1)
        return out


def local_discriminant(rows: Float[Tensor, "n d"]) -> Float[Tensor, "d e"] | None:
    """Linear discriminant analysis with no label: what varies between near neighbours stands for the spread in classes.

    Formula: W = mean of (x_i - x_j)(x_i - x_j)^T / 2 over rows i of a sample and their 3 nearest rows j, plus a ridge
    of 0.1 tr(W) / D; T = covariance of all rows. With W^(-1/2) T W^(-1/2) = V diag(t) V^T and b = max(t - 1, 0), what
    varies between classes in units of what varies within: matrix = W^(-1/2) V diag(sqrt(b / (1 + b))) V^T. The first
    factor makes every direction vary alike between neighbours, the second fades those in which rows far apart do not
    differ more than neighbours do. Of more than 512 columns all this happens in the 512 directions of largest second
    moment.

    Args:
        rows: unit rows on any device.

    Returns: the matrix [D, min(D, 512)], by which rows are multiplied from the right; None where there is nothing to
        learn from: fewer than three rows, or neighbours that are all alike.

    Example:
        >>> random = torch.Generator().manual_seed(0)
        >>> classes = torch.randn(5, 4, generator=random).repeat(40, 1)
        >>> noise = torch.randn(200, 4, generator=random) * torch.tensor([0.05, 0.05, 0.05, 1.0])
        >>> first, _, _, last = local_discriminant(normalize(classes + noise, dim=1)).diagonal().tolist()
        >>> first > 1.5 * last
        True

    Source: after Hastie & Tibshirani, "Discriminant adaptive nearest neighbor classification", 1996, and Hatch et al.,
    "Within-class covariance normalization for SVM-based speaker recognition", 2006, which both know the classes.
    """
    if len(rows) < 3:
        return None
    part = rows[_even(rows, 4 * SAMPLE)]
    basis, apart, away = _leading(part), _apart(rows), part.double()
    away = away - away.mean(dim=0)
    if basis is not None:
        apart, away = apart @ basis, away @ basis
    within, total = (spread.T @ spread / max(1, len(spread)) for spread in (apart, away))
    if min(float(within.trace()), float(total.trace())) <= 1e-9:
        return None
    variance, axes = torch.linalg.eigh(within)
    white = (axes * (variance.clamp(min=0) + RIDGE * variance.mean()).rsqrt()) @ axes.T
    spread, axes = torch.linalg.eigh(white @ total @ white)
    between = (spread - 1).clamp(min=0)
    if float(between.max()) <= 0:
        return None
    if basis is not None:
        white = basis @ white
    matrix: Tensor = white @ (axes * (between / (1 + between)).sqrt()) @ axes.T
    return matrix.to(rows.dtype)


def _leading(part: Tensor) -> Float[Tensor, "d e"] | None:
    """Orthonormal columns, the `SUBSPACE` directions in which a sample of the rows is largest; None: all directions."""
    if part.shape[1] <= SUBSPACE:
        return None
    basis: Tensor = seeded(lambda: torch.svd_lowrank(part, q=min(SUBSPACE, len(part)))[2], 0)
    return basis.double()


def _apart(rows: Tensor) -> Float[Tensor, "pairs d"]:
    """Differences of sampled rows to their nearest ones, over the square root of 2: their scatter is a variance."""
    sample = _even(rows, SAMPLE)
    found = query(rows, rows[sample], NEAREST, itself=sample)
    row, slot = found.mask.nonzero(as_tuple=True)
    return (rows[sample[row]] - rows[found.neighbors[row, slot]]).double() / 2**0.5


def _even(rows: Tensor, most: int) -> Tensor:
    """Row numbers, all or so many at even steps."""
    n = len(rows)
    if n <= most:
        return torch.arange(n, device=rows.device)
    return torch.linspace(0, n - 1, most, device=rows.device, dtype=torch.float64).long()
