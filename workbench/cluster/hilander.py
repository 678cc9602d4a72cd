"""`HiLander`: the whole method behind scikit-learn's face, from an array of embeddings to cluster labels."""

from __future__ import annotations

import copy
import numbers
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from .._core.progress import show_progress
from .._core.provenance import need_dask
from .._core.runtime import resolve_device, usual_torch
from .._core.validation import check_array, check_columns, check_int, unit_rows
from ..decode.decoding import Decoder
from ..graph.knn import knn, query
from ..lander.config import InferenceConfig
from ..lander.model import Lander
from .checkpoint import as_lander
from .constraints import Constraints
from .corrected import Corrected
from .corrections import Corrections, changes
from .diagnostics import cluster_table, confidence, expected_scores, outlier_scores, warn_unlike
from .hierarchy import build_hierarchy, nested_layers
from .levels import Hierarchy
from .memberships import Memberships, memberships
from .naming import Namer, check_texts, name_table
from .out_of_sample import (
    as_fitted,
    assign_out_of_sample,
    continued_clusters,
    joins_by_mean,
    warn_of_joined_names,
    with_later,
)
from .predictors import Predictor

OURS = "Hi-LANDER"  # its name in tables and figures
Labels = Int64[np.ndarray, " n"]
Rows = Int64[np.ndarray, " _"]
NOBODY = np.empty(0, np.int64)


class HiLander(Corrected, ClusterMixin, BaseEstimator):
    """Hierarchical clustering by a LANDER; decides by itself how many clusters there are.

    Args:
        lander: a `Lander`, the path or name of a checkpoint, or None: the packaged "general", made for embeddings of
            any kind and dimension.
        k: neighbours per node, itself not counted. None, here and below: what goes with the model (`lander.inference`).
        tau: in [0, 1], higher gives finer clusters, nearly always; "auto": the model's own. With decoder "cut" (general
            model) what precision counts against recall, 0.5 = both alike; else the threshold on linkage, or the cosine.
        max_levels: most levels to run.
        early_stop: also stop when the links of a level have not shrunk by the factor k.
        decoder: name in `DECODERS`, "cut", or a function (graph, prediction, tau) -> Decoding.
        metric: "cosine", or "discriminant": cosine after a map, fitted to X without labels, that shrinks what varies
            between neighbours (`workbench.graph.discriminant`).
        precision: of the model's products of matrices, "float32" or "bfloat16".
        device: "auto" (CUDA where there is one), "cpu", "cuda".
        random_state: of the approximate k-NN search from 30,000 rows on, on the CPU; None is 0, so results repeat.
        progress: show bars of what takes over two seconds. An interrupted `fit` leaves what was fitted before.
        client: a `distributed.Client`: large levels run on its workers (docs/many-machines.md); True: the active one;
            None: this machine alone. Copies and pickles hold no connection: they look for the active one.

    Attributes:
        labels_: int64 [N], clusters 0 .. n_clusters_-1.
        n_clusters_: clusters after the last level.
        continues_: int64 [n_clusters_], after `partial_fit` or a correction the earlier cluster that each one goes on
            from; -1: new.
        changes_: what became of the clusters that did not stay as they were, and whether it was asked for.
        constraints_: what `fit` and `partial_fit` were told of pairs of rows.
        corrections_: what was put right since `fit`, by `merge`, `split`, `move`, `label`, `confirm`, `answer`, `name`.
        cluster_layers_: labels after each level, finest first; of the general model's one level nested cuts at tau 0.9,
            0.7, its own, 0.3 and 0.1, of which its own is `labels_`.
        clusters_: one row per cluster, those to doubt first on top: size, peak, stability, confidence, expected
            precision and recall (`diagnostics.cluster_table`).
        confidence_: [N], how sure each row is of its cluster; outlier_scores_: [N], 1 where nothing is like it.
        expected_: BCubed precision, recall and f forecast for the rows whose cluster no answer of a person changed; {}
            where there are none, and from models without a quality ensemble. On kinds of data that the general model
            had not learned from f was off by .17 on average, either way: a hint, no measurement.
        recall_: share of the true nearest neighbours that the graph holds, estimated on 200 rows; under .9 `fit` warns.
        hierarchy_: all levels with graph, prediction, parents, peaks; `.to_pandas()`, `.to_networkx()`, `.summary()`.
        n_features_in_: columns of X.
        features_: the rows of X as they were compared [N, D], of length 1, mapped by the metric; where the model ran.
        lander_: the model, there.
        settings_: metric, k, tau, decoder and stopping rules in force, those of the model where none was given.

    Example:
        >>> from sklearn.datasets import make_blobs
        >>> x, y = make_blobs(2000, n_features=64, centers=40, random_state=0)
        >>> np.bincount(HiLander().fit_predict(x)).tolist() == [50] * 40
        True

    Source: Xing et al., "Learning Hierarchical Graph Neural Networks for Image Clustering", ICCV 2021.
    """

    def __init__(
        self,
        lander: Lander | str | Path | None = None,
        *,
        k: int | None = None,
        tau: float | str = "auto",
        max_levels: int | None = None,
        early_stop: bool | None = None,
        decoder: str | Decoder | None = None,
        metric: str | None = None,
        precision: str | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        progress: bool = False,
        client: Any = None,
    ) -> None:
        self.lander = lander
        self.k = k
        self.tau = tau
        self.max_levels = max_levels
        self.early_stop = early_stop
        self.decoder = decoder
        self.metric = metric
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.progress = progress
        self.client = client

    def fit(
        self, X: Any, y: Any = None, *, must_link: Any = None, cannot_link: Any = None, partial_labels: Any = None
    ) -> HiLander:
        """Cluster the rows of X by direction (cosine).

        Args:
            X: [N, D] numbers; any float width, tensors, memory maps. Rows are scaled to length 1 in a copy. A zero row
                has similarity 0 to all and becomes a cluster of its own (warned about once).
            y: ignored; labels are never seen.
            must_link, cannot_link: pairs of rows [m, 2] of one class, or of two; honoured at every level.
            partial_labels: [N] known classes, -1 where unknown: one class is one cluster, two never share one.

        Raises:
            TypeError, ValueError: X or a setting is not usable, or answers contradict each other.
            ImportError, ClusterError (an OSError): a client is given, but no Dask is installed, or its cluster fails.
        """
        lander, settings = self._resolve()
        array = check_array(X)
        answers = Constraints.of(len(array), must_link, cannot_link, partial_labels)
        with usual_torch(), self._renewed() as new:
            validate_data(new, check_columns(X, array), skip_check_array=True)
            lander.config.for_features(array.shape[1])  # refuses another dimension before any work is done
            with show_progress(self.progress), self._machines(lander) as (predict, builders):
                # The unit rows get no name here: `build_hierarchy` frees them as soon as they are mapped.
                hierarchy = build_hierarchy(
                    unit_rows(array, device=lander.device),
                    predict,
                    settings,
                    ensemble=lander.ensemble,
                    **builders,
                    whitening=lander.whitening,
                    constraints=answers,
                )
            new.constraints_ = answers
            new.corrections_ = Corrections(0, "").of_rows(hierarchy.code.cpu().numpy())
            new._keep(hierarchy, lander, settings, NOBODY, NOBODY)
        return self

    def partial_fit(
        self, X: Any, y: Any = None, *, must_link: Any = None, cannot_link: Any = None, partial_labels: Any = None
    ) -> HiLander:
        """Cluster the rows of X together with all rows so far: old clusters may grow, join or split, new ones appear.

        The outcome, and the time, is that of one `fit` on all rows in the order in which they came. After more than
        4,096 rows the map of the metric, and the rows that stand for near copies, stay as these gave them. `labels_` is
        of all rows.

        Args:
            X: [M, D], later rows; without any before them this is `fit`.
            y: ignored.
            must_link, cannot_link, partial_labels: as in `fit`, said of all rows so far, these the last; what was said
                before, and all corrections, go on to hold.

        Raises:
            TypeError, ValueError: as `fit`; another number of columns or another `metric` than before.
        """
        said = {"must_link": must_link, "cannot_link": cannot_link, "partial_labels": partial_labels}
        if not hasattr(self, "hierarchy_"):
            return self.fit(X, **said)
        lander, settings = self._resolve()
        if settings.metric != self.settings_.metric:
            got = f"{settings.metric!r}{'' if self.metric else ' of this lander'}"
            raise ValueError(f"metric: expected {self.settings_.metric!r} as before, got {got}; call fit")
        rows, code, mapped = with_later(self.hierarchy_, self._later(X))
        later = Constraints.of(len(rows), **said)
        constraints = self.constraints_ + later
        answers = constraints + self.corrections_.constraints(len(rows))
        answers.check(np.arange(len(rows)))
        with usual_torch(), self._renewed() as new:
            with show_progress(self.progress), self._machines(lander) as (predict, builders):
                hierarchy = build_hierarchy(
                    rows.to(lander.device),
                    predict,
                    settings,
                    ensemble=lander.ensemble,
                    **builders,
                    mapped=mapped,
                    whitening=lander.whitening,
                    constraints=answers,
                )
            new.constraints_ = constraints
            new._keep(replace(hierarchy, code=code), lander, settings, self.labels_, later.named)
        warn_of_joined_names(self.corrections_.names, self.labels_)
        return self

    def _later(self, X: Any) -> Float[Tensor, "m d"]:
        """Later rows, checked, of length 1, where the fitted ones are."""
        array = check_array(X)
        validate_data(self, check_columns(X, array), skip_check_array=True, reset=False)
        return unit_rows(array, device=self.features_.device)

    def _keep(self, hierarchy: Hierarchy, lander: Lander, settings: Any, before: Rows, named: Rows) -> None:
        """The outcome of a fit; `before`: labels of its first rows in the last; `named`: rows a person spoke of now."""
        self.features_: Float[Tensor, "n d"] = hierarchy.features
        self.hierarchy_ = hierarchy
        self.recall_ = hierarchy.recall
        warn_unlike(lander, hierarchy.features)
        self.lander_ = lander
        self.settings_ = settings
        self.labels_: Labels = self.hierarchy_.labels.cpu().numpy()
        self.n_clusters_ = self.hierarchy_.n_clusters
        self.continues_ = continued_clusters(before, self.labels_, self.n_clusters_)
        self.changes_ = changes(before, self.labels_, named)
        self._review()

    def _review(self) -> None:
        """What `fit` tells beside the labels."""
        spread = self.hierarchy_.spread
        computed = self.hierarchy_.distinct
        first = computed.levels[0]
        linkage = first.prediction.linkage
        self.confidence_ = spread(confidence(first.graph, linkage, computed.labels)).cpu().numpy()
        self.outlier_scores_ = spread(outlier_scores(linkage)).cpu().numpy()
        self.clusters_ = cluster_table(self.hierarchy_)
        self.__dict__.pop("cluster_layers_", None)
        self.expected_ = expected_scores(self.hierarchy_)

    @cached_property
    def cluster_layers_(self) -> list[Labels]:
        """Labels after each level, or nested cuts; computed when first asked for: a correction need not wait."""
        check_is_fitted(self)
        return nested_layers(self.hierarchy_, self.settings_.tau)

    def predict(self, X: Any) -> Labels:
        """The cluster that each new row [M, D] joins, judged alone by its linkages to its k most similar fitted rows.

        Decoders "tree", "tree-strict", "best-links", functions of your own: the cluster of the strongest link; -1 if
        its linkage is at most tau. Others, as the general model's: the cluster of highest summed linkage; -1 if the
        mean of these linkages is at most 0.45, whatever tau is. A row equal to a fitted one gets that one's label.
        `predict_details` shows the numbers. Settings changed after `fit` do not count.

        Raises:
            NotFittedError, ValueError: before `fit`; another number of columns.
        """
        labels: Labels = self.predict_details(X)["label"].to_numpy()
        return labels

    def predict_details(self, X: Any) -> pd.DataFrame:
        """Why `predict` says so: label; cluster, the only one that was tried (-1: no fitted row is similar at all); its
        linkage (1 of an equal row), which must exceed threshold. Formula: `out_of_sample.assign_out_of_sample`.
        """
        check_is_fitted(self)
        threshold = None if joins_by_mean(self.settings_.decoder) else self.settings_.tau
        with usual_torch(), show_progress(self.progress):
            rows, _, known = as_fitted(self.hierarchy_, self._later(X))
            computed = self.hierarchy_.distinct
            found = query(computed.features, rows, self.settings_.k)
            joined = assign_out_of_sample(self.lander_, computed, rows, found, threshold)
        return joined.of_known(known, self.hierarchy_.labels).to_pandas(threshold)

    @property
    def memberships_(self) -> Memberships:
        """Each row's cluster and the two others it is linked to most, with probabilities; computed when asked for."""
        check_is_fitted(self)
        return memberships(self.hierarchy_)

    def name_clusters(
        self, texts: Any, n: int = 3, *, namer: Namer | None = None, stop_words: Any = "english"
    ) -> pd.DataFrame:
        """Words for the clusters of texts, layer by layer (`naming.cluster_terms` has the formula).

        Args:
            texts, n: one per row, a missing one (None, NaN) is empty; words per cluster.
            namer: (texts of a cluster, its terms) -> name, e.g. a language model of your own; None: the terms, joined.
            stop_words: "english", a list, None (scikit-learn's `CountVectorizer`).

        Returns: a row per cluster of every layer of `cluster_layers_`, finest first: layer, cluster, size, terms, name.

        Raises:
            ValueError: another number of texts, texts without words, or unknown stop words.
        """
        check_is_fitted(self)
        listed = check_texts(texts, len(self.labels_))
        return name_table(listed, self.cluster_layers_, check_int(n, "n"), namer, stop_words)

    def _resolve(self) -> tuple[Lander, InferenceConfig]:
        """The model, where and as it is to run, and its settings, with what this estimator overrides."""
        lander = as_lander("general" if self.lander is None else self.lander)
        if isinstance(self.tau, str) and self.tau != "auto":
            raise ValueError(f"tau: expected 'auto' or a number in [0, 1], got {self.tau!r}")
        overridden = ("k", "max_levels", "early_stop", "decoder", "metric", "precision")
        changes = {name: getattr(self, name) for name in overridden}
        settings = lander.inference.override(tau=None if self.tau == "auto" else self.tau, **changes)
        return lander.on(resolve_device(self.device), settings.precision), settings

    @contextmanager
    def _machines(self, lander: Lander) -> Iterator[tuple[Predictor, dict[str, Any]]]:
        """Who predicts, searches and merges: this machine, or the client's cluster."""
        if self.client is None:
            yield lander.predict, {"graph": partial(knn, seed=self._seed())}
            return
        need_dask("client")
        from .dask.backend import DaskBackend, resolve_client

        settings: dict[str, Any] = {"device": self.device, "seed": self._seed()}
        with resolve_client(self.client) as client, closing(DaskBackend(client, lander, **settings)) as backend:
            yield backend.predict, {"graph": backend.knn, "dendrogram": backend.dendrogram}

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return state if self.client is None else {**state, "client": True}

    def __sklearn_clone__(self) -> HiLander:
        bare = copy.copy(self)
        bare.client = None
        made: HiLander = super(HiLander, bare).__sklearn_clone__()
        made.client = self.client
        return made

    def _seed(self) -> int:
        if self.random_state is None or isinstance(self.random_state, numbers.Integral):
            return check_int(self.random_state or 0, "random_state", 0, 2**32 - 1)
        return int(check_random_state(self.random_state).randint(2**31 - 1))
