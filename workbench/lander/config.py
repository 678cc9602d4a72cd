"""Settings of a LANDER and of its use: frozen, checked, saved beside the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from .._core.validation import check_choice, check_flag, check_int, check_unit_interval
from ..graph.discriminant import METRICS
from .convs import CONVS

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class LanderConfig:
    """Architecture of a LANDER, saved beside its weights.

    Attributes:
        inputs: "structural" (any feature dimension), "relative" (any dimension and kind; free of cosines' scale) or
            "features" (published; bound to one dimension and one encoder).
        conv: "gated" (reads link inputs), "gcn" (published for faces) or "gat" (published for iNaturalist).
        layers: convolutions; two hops let structural inputs compare whole neighbourhoods. Published: 1.
        hidden: width; 64 suffices for structural inputs and trains in a minute on 2 cores. Published: 512.
        heads: of "gat" only.
        average: with "features": does a node read [identity ; average] (True) or its identity alone (False)? None:
            not known yet (official weights do not say); the first features settle it.
        in_dim: with "features": columns that a node reads (2 x dimension with average); None until features are known.
        identity: with "features": does a node read its identity feature? False: its average alone.
        ensemble_size: networks that predict the quality of clusters for the "cut" decoder; 0: none.

    Example:
        >>> LanderConfig().inputs, LanderConfig.published().hidden
        ('structural', 512)
    """

    inputs: str = "structural"
    conv: str = "gated"
    layers: int = 2
    hidden: int = 64
    heads: int = 1
    average: bool | None = True
    in_dim: int | None = None
    identity: bool = True
    ensemble_size: int = 0

    def __post_init__(self) -> None:
        check_choice(self.inputs, "inputs", ("structural", "relative", "features"))
        check_choice(self.conv, "conv", tuple(CONVS))
        check_int(self.layers, "layers")
        check_int(self.hidden, "hidden", low=2)
        check_int(self.ensemble_size, "ensemble_size", low=0)
        check_int(self.heads, "heads")
        if self.in_dim is not None:
            check_int(self.in_dim, "in_dim")
        if self.average is not None:
            check_flag(self.average, "average")
        if not check_flag(self.identity, "identity") and not self.average:
            raise ValueError("identity: a node must read its identity or its average feature, got False for both")

        if self.heads > 1 and self.conv != "gat":
            raise ValueError(f"heads: only conv='gat' has heads, got heads={self.heads} with conv={self.conv!r}")
        if self.inputs == "relative" and self.conv == "gcn":
            raise ValueError(
                "conv: 'gcn' weighs by similarity, which inputs='relative' do not hold; use 'gated' or 'gat'"
            )

    @classmethod
    def published(cls, conv: str = "gcn", hidden: int = 512) -> LanderConfig:
        """The published recipe: features as inputs, one layer; the average feature with "gcn" only, as for faces."""
        return cls("features", conv, layers=1, hidden=hidden, average=conv == "gcn")

    @classmethod
    def general(cls) -> LanderConfig:
        """The packaged general model: relative inputs, and an ensemble of four networks for the "cut" decoder."""
        return cls("relative", ensemble_size=4)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LanderConfig:
        """A config from saved values; an unknown key is refused by name."""
        return cls(**checked_settings(cls, values))

    def for_features(self, dim: int) -> LanderConfig:
        """The config with `average` and `in_dim` settled for features of dimension `dim`.

        Raises:
            ValueError: the model was made for another dimension.

        Example:
            >>> LanderConfig.published().for_features(128).in_dim
            256
        """
        if self.inputs != "features":
            return self

        average = self.average
        if average is None:  # official weights: in_dim is known, but not whether it is d or 2 d
            average = self.in_dim == 2 * dim
        expected = dim * (bool(average) + self.identity)
        if self.in_dim not in (None, expected):
            raise ValueError(
                f"X: this LANDER (inputs='features', average={self.average}) reads {self._readable()}, got features of "
                f"dimension {dim}; embed with the encoder it was trained with, or use inputs='structural'"
            )
        return replace(self, average=average, in_dim=expected)

    def _readable(self) -> str:
        """Which features this model reads, in words, for the error above."""
        width = self.in_dim or 0
        if self.average is None:
            return f"features of dimension {self.in_dim} (average off) or {width / 2:g} (average on)"
        return f"features of dimension {width // 2 if self.average and self.identity else width}"


@dataclass(frozen=True)
class InferenceConfig:
    """How a LANDER is applied, level by level: saved with the weights, and `HiLander` may override them.

    Attributes:
        k: neighbours per node, the node itself not counted (published 10 = 9 here).
        tau: a link is kept only if its linkage exceeds tau; chosen on held-out classes by `meta_train`. With
            decoder="cut": the weight of precision against recall; 0.5 weighs both alike.
        metric: how rows are compared: "cosine", as they come; or "discriminant", after a map that shrinks what varies
            between neighbours, fitted to the very rows that are clustered (`workbench.graph.Metric`).
        precision: of the model's matrix products, "float32" or "bfloat16". The second is faster if the processor has
            it; linkages then move by up to .01 for packaged models, .05 for official weights (docs/speed.md).
        search: the features by which upper levels search for neighbours: "average" (the super-nodes' average features,
            steadier than one image) or "identity" (their peaks' features, published).
        decoder: "cut", a name in `workbench.decode.DECODERS`, or a function (graph, prediction, tau) -> Decoding; found
            when the model is applied. "tree-strict" is the official rule, "tree-similarity" that of the official
            `--threshold sim` (tau is then a cosine), "cut" that of the general model.
        max_levels: levels to run at most; published 10.
        early_stop: also stop when a level's links have not shrunk by the factor k (a rule of some published commands).
        complete_lists: run an upper level only while it has more than k + 1 nodes (official rule). Off: small levels
            have shorter neighbour lists.
        longest: with decoder="cut", where the best cut severs likely links (`decode.cuts.severs_likely_links`),
            lists are made longer, up to so many neighbours; 0: never. For models whose links and quality learned from
            many kinds; those of one kind contradict each other also where they are right.
    """

    k: int = 10
    tau: float = 0.5
    metric: str = "cosine"
    precision: str = "float32"
    search: str = "average"
    decoder: str | Callable[..., Any] = "tree"
    max_levels: int = 10
    early_stop: bool = False
    complete_lists: bool = False
    longest: int = 0

    def __post_init__(self) -> None:
        check_int(self.k, "k")
        check_int(self.longest, "longest", low=0)
        check_unit_interval(self.tau, "tau")
        check_choice(self.metric, "metric", METRICS)
        check_choice(self.precision, "precision", PRECISIONS)
        check_choice(self.search, "search", ("average", "identity"))
        check_int(self.max_levels, "max_levels")
        check_flag(self.early_stop, "early_stop")
        check_flag(self.complete_lists, "complete_lists")
        if not (isinstance(self.decoder, str) or callable(self.decoder)):
            raise TypeError(
                "decoder: expected a name in DECODERS or a function (graph, prediction, tau) -> Decoding, "
                f"got {self.decoder!r}"
            )

    def override(self, **changes: Any) -> InferenceConfig:
        """The same settings with those given replaced; None keeps what is there.

        Example:
            >>> InferenceConfig().override(k=5, tau=None).k
            5
        """
        return replace(self, **{name: value for name, value in changes.items() if value is not None})

    @classmethod
    def published(cls, k: int = 9, tau: float = 0.8, early_stop: bool = False) -> InferenceConfig:
        """The official rules; k = 9 is the official 10; tau is 0.8 for faces and 0.1 for iNaturalist."""
        return cls(k, tau, search="identity", decoder="tree-strict", early_stop=early_stop, complete_lists=True)

    @classmethod
    def general(cls, k: int = 15) -> InferenceConfig:
        """The general model: one graph, whose dendrogram is cut where the predicted F is highest."""
        # k: on 18 sets 10 to 15 are alike (BCubed F .502 to .506), fewer and more are worse; trained at 15.
        # tau: 0.5 is predicted F. 0.6 is better for faces and unions of kinds by .01 to .04, worse for single kinds.
        # longest: classes that fell apart in 4 to 8 dimensions were whole again at 30 or 60 neighbours, in 3 at 240.
        return cls(k, 0.5, "discriminant", decoder="cut", max_levels=1, longest=240)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> InferenceConfig:
        """From saved values; an unknown key is refused by name."""
        return cls(**checked_settings(cls, values))


def checked_settings(cls: type, values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` unchanged if every key is a field of the dataclass `cls`.

    Raises:
        ValueError: some keys are unknown; the message names them.

    Example:
        >>> checked_settings(InferenceConfig, {"k": 5})
        {'k': 5}
    """
    unknown = sorted(set(values) - {field.name for field in fields(cls)})
    if unknown:
        raise ValueError(
            f"{cls.__name__}: unknown setting(s) {unknown}; written by a newer version? Update the workbench"
        )
    return values
