"""The base class of every baseline: unit rows, scikit-learn's contract, and what zero rows and single rows become."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int64
from sklearn.base import BaseEstimator, ClusterMixin
from torch import Tensor

from ..._core.runtime import usual_torch
from ..._core.validation import check_array, unit_rows

Grid = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Prepared:
    """What a baseline computes once for all settings: which rows are not zero [N], and its data about those rows."""

    nonzero: Bool[np.ndarray, " n"]
    n_features: int
    data: Any


class Baseline(ClusterMixin, BaseEstimator, ABC):
    """A clusterer of unit rows. A subclass stores its settings in `__init__` and writes `_assign`, perhaps `_prepare`.

    `fit(X)` checks X, scales its rows to length 1, and calls `_assign(_prepare(rows))`. A zero row has no direction and
    becomes a cluster of its own, as a single row does; `_prepare` and `_assign` see only what is left, 2 rows or more.

    Class attributes:
        oracle: whether it is told the true number of classes, as `n_clusters`.
        grid: the settings that `tune` tries.
        prepared_by: the settings that `_prepare` depends on; `tune` prepares once for all others.
        max_n: rows above which it refuses, for its memory or time grows with N^2; None = no limit.
        extra: the optional extra of the package that it needs.

    Learned attributes: `labels_` int64 [N] (-1 = noise), `n_features_in_`.

    Example:
        >>> class Halves(Baseline):
        ...     def _assign(self, data):
        ...         return (data[:, 0] > 0).long().numpy()
        >>> Halves().fit_predict([[3.0, 4.0], [-3.0, 4.0], [0.6, -0.8]]).tolist()
        [1, 0, 1]
    """

    oracle: ClassVar[bool] = False
    grid: ClassVar[Grid] = {}
    prepared_by: ClassVar[tuple[str, ...]] = ()
    max_n: ClassVar[int | None] = None
    extra: ClassVar[str | None] = None

    @usual_torch()
    def fit(self, X: Any, y: Any = None) -> Baseline:
        """Cluster the rows of X [N, D]; `y` is ignored.

        Raises:
            ValueError: X is no finite numeric [N, D] array, or has more than `max_n` rows.
        """
        return self.fit_prepared(self.prepare(X))

    def prepare(self, X: Any) -> Prepared:
        """The part of `fit` that depends on X and on the settings in `prepared_by` only."""
        X = check_array(X)
        if self.max_n is not None and len(X) > self.max_n:
            raise ValueError(
                f"X: {type(self).__name__} takes at most {self.max_n:,} rows, for its cost grows with their square; "
                f"got {len(X):,}: cluster a sample of whole classes (stratified_sample)"
            )
        rows = unit_rows(X)
        nonzero = rows.any(dim=1)
        data = self._prepare(rows if nonzero.all() else rows[nonzero]) if nonzero.sum() > 1 else None
        return Prepared(nonzero.numpy(), X.shape[1], data)

    def fit_prepared(self, prepared: Prepared) -> Baseline:
        """The rest of `fit`."""
        labels = np.full(len(prepared.nonzero), -1, dtype=np.int64)
        if prepared.data is not None:
            labels[prepared.nonzero] = self._assign(prepared.data)

        # Numbers after the largest found one; where all is noise (-1) or nothing was found they begin at 0.
        alone = ~prepared.nonzero if prepared.data is not None else np.ones_like(prepared.nonzero)
        labels[alone] = labels.max() + 1 + np.arange(alone.sum())

        self.labels_ = labels
        self.n_features_in_ = prepared.n_features
        return self

    def _prepare(self, rows: Float[Tensor, "n d"]) -> Any:
        return rows

    @abstractmethod
    def _assign(self, data: Any) -> Int64[np.ndarray, " n"]: ...
