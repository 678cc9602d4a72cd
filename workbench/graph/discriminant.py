"""How rows are compared: by cosine as they come, or after a map that shrinks what varies between near neighbours.

Most kinds of features vary in some directions that have nothing to do with classes: slant, loudness, length. The
nearest neighbours of a row are mostly of its own class, so their differences show these directions, without a label.
Shrinking them brings classes together before anything is searched, linked or cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from .._core.chunks import chunks
from .._core.memmap import new_like
from .._core.runtime import seeded
from .._core.validation import check_choice
from .distinct import sampled
from .gaps import MOSTLY, near_before_gap
from .knn import KnnGraph, query

METRICS = ("cosine", "discriminant")

# The map was chosen on the 18 sets of other kinds that were looked at (lander/weights/README.md); no measurement of any
# one of these numbers is recorded.
SAMPLE = 4096  # rows, chosen by content, whose neighbours are looked up: it bounds the cost, 7 s among a million rows
NEAREST = 3  # neighbours of each: the nearest ones are the most likely to be of the same class
SEEN = 4 * NEAREST  # neighbours looked up, since some are copies
COPY = 0.01  # of the median distance to the neighbours looked up: nearer rows are copies
RIDGE = 0.1  # of the mean variance within, added to every direction's: no direction is blown up without bound

FEW = 30  # rows: of 20 rows of a left-out kind mean item F is .72 with the map and .75 without; of 40 .68 and .62
SUBSPACE = 512  # wider rows are first projected on so many directions: 3 s in place of 27 at 3,072 columns
GONE = 1e-3  # of a map's largest singular value: a direction that it faded more cannot be mapped back
PART = 2**16  # rows mapped at a time: 128 MB at 512 columns


NearRows = tuple[Int[Tensor, " m"], KnnGraph]


@dataclass(frozen=True)
class Metric:
    """Linear maps of unit rows; mapped rows are compared by cosine.

    Attributes:
        matrix: float32 [D, E] on the rows' device, E = min(D, 512); None: rows stay as they are.
        whitening: a map that comes first, learned from labels (`within_class_whitening`) [D, D]; None: none.
        center: what is taken from the rows before that: their mean [D]; None: nothing.
    """

    matrix: Float[Tensor, "d e"] | None = None
    whitening: Float[Tensor, "d d"] | None = None
    center: Float[Tensor, " d"] | None = None

    @classmethod
    def of(
        cls,
        name: str,
        rows: Float[Tensor, "n d"],
        whitening: Float[Tensor, "w w"] | None = None,
        near: NearRows | None = None,
    ) -> Metric:
        """A metric by name, fitted to the very rows that will be compared, after a model's own map if it has one.

        Args:
            name: one of `METRICS`.
            rows: distinct: copies would count twice.
            whitening: the model's own map.
            near: `near_rows` of these rows, if they are known; after the model's own map others are nearest.

        Raises:
            ValueError: the name is not in `METRICS`, or the model's map is for rows of another width.

        Example:
            >>> Metric.of("cosine", torch.eye(3)).matrix is None
            True
        """
        check_choice(name, "metric", METRICS)
        metric = cls()
        if whitening is not None:
            if len(whitening) != rows.shape[1]:
                raise ValueError(
                    f"X: this model maps features of {len(whitening)} columns before it compares them, got "
                    f"{rows.shape[1]}; embed with the encoder that it was trained with"
                )
            # Sets of the same features lie apart: their own mean, not the training's, leaves more of a class together.
            center = rows[sampled(rows, 4 * SAMPLE)].mean(dim=0)
            metric = cls(None, whitening, center)
        if name != "discriminant":
            return metric
        return replace(metric, matrix=local_discriminant(metric(rows), near if whitening is None else None))

    @property
    def changes_rows(self) -> bool:
        """Whether there is any map.

        Example:
            >>> Metric().changes_rows
            False
        """
        return self.matrix is not None or self.whitening is not None

    def __call__(self, rows: Float[Tensor, "n d"]) -> Float[Tensor, "n e"]:
        """The rows mapped and scaled to length 1; memory-mapped if the rows are. A zero row stays zero.

        Example:
            >>> Metric(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))(torch.tensor([[0.6, 0.8]])).tolist()
            [[1.0, 0.0]]
        """
        if not self.changes_rows:
            return rows

        width = rows.shape[1] if self.matrix is None else self.matrix.shape[1]
        out = new_like(rows, (len(rows), width))
        for part in chunks(len(rows), PART):
            out[part] = self._mapped(rows[part])  # (b, e)
        return out

    def anew(self, rows: Float[Tensor, "n e"]) -> tuple[Metric, Float[Tensor, "n f"]]:
        """A map of the same make for some of the mapped rows alone, and those rows mapped by it.

        What this map kept of them is mapped back first: faded directions may matter among these rows.

        Args:
            rows: that this map has given.

        Example:
            >>> Metric().anew(torch.eye(3))[1].tolist() == torch.eye(3).tolist()
            True
        """
        if self.matrix is None:
            return Metric(), rows
        back = Metric(torch.linalg.pinv(self.matrix.double(), rtol=GONE).to(rows.dtype))(rows)
        metric = Metric(local_discriminant(back))
        return metric, metric(back)

    def _mapped(self, rows: Tensor) -> Tensor:
        if self.center is not None:
            rows = (rows - self.center) * rows.any(dim=1, keepdim=True)
        if self.whitening is not None:
            rows = normalize(rows @ self.whitening, dim=1)
        return rows if self.matrix is None else normalize(rows @ self.matrix, dim=1)


def near_rows(rows: Float[Tensor, "n d"]) -> NearRows:
    """Rows chosen by their content, 4,096 at most, and the 12 nearest rows of each.

    Example:
        >>> sample, found = near_rows(torch.eye(3)[[0, 1, 1]])
        >>> sample.tolist(), found.duplicates.any(dim=1).tolist()
        ([0, 1, 2], [False, True, True])
    """
    sample = sampled(rows, SAMPLE)
    return sample, query(rows, rows[sample], SEEN, itself=sample)


def local_discriminant(rows: Float[Tensor, "n d"], near: NearRows | None = None) -> Float[Tensor, "d e"] | None:
    """Linear discriminant analysis without labels: differences between near neighbours stand for the spread in classes.

    Formula: W = mean of (x_i - x_j)(x_i - x_j)^T / 2 over rows i of a sample and their 3 nearest rows j, plus a ridge
    of 0.1 tr(W) / D; T = covariance of all rows. With W^(-1/2) T W^(-1/2) = V diag(t) V^T and b = max(t - 1, 0), the
    variance between classes in units of the variance within: matrix = W^(-1/2) V diag(sqrt(b / (1 + b))) V^T. The first
    factor makes neighbours vary equally in every direction. The second fades directions in which rows far apart do not
    differ more than neighbours do. Rows of more than 512 columns are first projected on the 512 directions of largest
    second moment.

    Args:
        rows: unit rows on any device.
        near: `near_rows` of them; None: they are looked up here.

    Returns:
        The matrix [D, min(D, 512)]: rows @ matrix. None if there is nothing to learn: fewer than 30 rows, neighbours
        that are all alike, or small groups far apart (`near_before_gap`).

    Example:
        >>> random = torch.Generator().manual_seed(0)
        >>> classes = torch.randn(5, 4, generator=random).repeat(40, 1)
        >>> noise = torch.randn(200, 4, generator=random) * torch.tensor([0.05, 0.05, 0.05, 1.0])
        >>> first, _, _, last = local_discriminant(normalize(classes + noise, dim=1)).diagonal().tolist()
        >>> first > 1.5 * last
        True

    Source: after Hastie & Tibshirani, "Discriminant adaptive nearest neighbor classification", 1996, and Hatch et al.,
    "Within-class covariance normalization for SVM-based speaker recognition", 2006; both know the classes.
    """
    # Four times as many rows as those whose neighbours are looked up: here a row costs one product, there a pass over
    # all rows.
    part = rows[sampled(rows, 4 * SAMPLE)]  # (m, d)
    if len(part) < FEW:
        return None
    basis = _top_directions(part)  # (d, e)
    difference = _neighbor_differences(rows, *(near or near_rows(rows)))  # (pairs, d)
    centered = part.double()  # float64 from here on: a nearly singular matrix gets inverted
    centered = centered - centered.mean(dim=0)
    if basis is not None:
        difference = difference @ basis
        centered = centered @ basis

    within = difference.T @ difference / max(1, len(difference))  # (e, e)
    total = centered.T @ centered / max(1, len(centered))  # (e, e)
    if min(float(within.trace()), float(total.trace())) <= 1e-9:  # duplicates only: what is left is rounding
        return None

    variance, axes = torch.linalg.eigh(within)
    white = (axes * (variance.clamp(min=0) + RIDGE * variance.mean()).rsqrt()) @ axes.T
    ratio, axes = torch.linalg.eigh(white @ total @ white)
    between = (ratio - 1).clamp(min=0)  # (e,)
    if float(between.max()) <= 0:
        return None

    if basis is not None:
        white = basis @ white  # (d, e)
    matrix: Tensor = white @ (axes * (between / (1 + between)).sqrt()) @ axes.T
    return matrix.to(rows.dtype)


def _top_directions(part: Tensor) -> Float[Tensor, "d e"] | None:
    """Orthonormal columns: the top `SUBSPACE` directions of a sample of rows; None if rows are not wider."""
    if part.shape[1] <= SUBSPACE:
        return None
    # svd_lowrank starts from random directions of torch's global generator, which is put back afterwards.
    basis: Tensor = seeded(lambda: torch.svd_lowrank(part, q=min(SUBSPACE, len(part)))[2], 0)
    return basis.double()


def _neighbor_differences(rows: Tensor, sample: Tensor, found: KnnGraph) -> Float[Tensor, "pairs d"]:
    """Differences between sampled rows and their nearest rows, divided by the square root of 2.

    A difference of two independent rows varies twice as much as one row, hence the division. Copies, which differ by
    rounding only or nearly so, say nothing of how a class spreads: the next rows stand for them. No differences where
    nearly all rows lie in small groups far apart: the next rows are then of other classes.
    """
    distance = 1 - found.similarity  # (sample, 12)
    typical = distance[found.mask].median() if found.mask.any() else distance.new_zeros(())
    copies = found.mask & (distance <= COPY * typical)
    differs = found.mask & ~copies
    many_copies = (copies.sum(dim=1) >= NEAREST - 1).sum() >= MOSTLY * len(sample)
    if many_copies or near_before_gap(distance, differs, typical) is not None:
        differs = torch.zeros_like(differs)  # small classes far apart: of the three nearest some may be of others
    row, slot = (differs & (differs.cumsum(dim=1) <= NEAREST)).nonzero(as_tuple=True)
    return (rows[sample[row]] - rows[found.neighbors[row, slot]]).double() / 2**0.5
