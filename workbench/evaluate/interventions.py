"""What would change if one head were right at one level, or one link had another linkage?

An `Intervention` says which parts of a prediction are replaced. `InterventionStudy` runs the level loop under many
interventions and computes anew only what they change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._core.progress import progress_bar, show_progress
from .._core.validation import check_array, check_int, check_labels, check_unit_interval, unit_rows
from ..cluster.hierarchy import build_hierarchy
from ..cluster.levels import Hierarchy
from ..cluster.predictors import Predictor, oracle_predictor
from ..graph.knn import KnnGraph, knn
from ..graph.nodes import Nodes
from ..lander.config import InferenceConfig
from ..lander.model import Prediction
from .scores import bcubed, contingency

Found = TypeVar("Found", KnnGraph, Prediction)
HEADS = ("links", "density")
_KEPT = 64  # graphs and predictions in the cache, some 16 k bytes per node each: speed of going back against memory


@dataclass(frozen=True)
class Edit:
    """One link given another linkage, in both directions where both list each other.

    Nodes are named by the image that represents them, which is itself at level 0 and the peak of a cluster above. Where
    an earlier change leaves no such node or link, the edit does nothing.

    Attributes:
        level: where.
        node, neighbor: images that represent the two ends.
        linkage: 1 forces the link, 0 forbids it.

    Example:
        >>> Edit(0, 4, 7, 1)
        Edit(level=0, node=4, neighbor=7, linkage=1.0)
    """

    level: int
    node: int
    neighbor: int
    linkage: float | int

    def __post_init__(self) -> None:
        for name in ("level", "node", "neighbor"):
            check_int(getattr(self, name), name, low=0)
        object.__setattr__(self, "linkage", check_unit_interval(self.linkage, "linkage"))
        if self.node == self.neighbor:
            raise ValueError(f"neighbor: expected another node than {self.node}; a node has no link to itself")


@dataclass(frozen=True)
class Intervention:
    """What of a model's prediction is replaced.

    Attributes:
        links: levels whose linkage is the truth: 1 within a class, 0 between.
        density: levels whose density is the density target.
        edits: links changed after that, in this order; densities stay as they are.

    Example:
        >>> Intervention(links=[0], density=range(2)).density
        frozenset({0, 1})
    """

    links: Iterable[int] = frozenset()
    density: Iterable[int] = frozenset()
    edits: Iterable[Edit] = ()

    def __post_init__(self) -> None:
        for head in HEADS:
            levels = check_several(getattr(self, head), head)
            object.__setattr__(self, head, frozenset(check_int(i, head, low=0) for i in levels))
        object.__setattr__(self, "edits", check_edits(self.edits))


def check_several(value: Any, name: str) -> Iterable[Any]:
    """The value, if it is a list or the like; one number is none.

    Raises:
        TypeError: it is not.

    Example:
        >>> check_several([1], "links")
        [1]
    """
    if not isinstance(value, Iterable):
        raise TypeError(f"{name}: expected several, e.g. {name}=(...,), got {value!r}")
    return value


def check_edits(value: Any) -> tuple[Edit, ...]:
    """The value, if it is a list of edits or the like.

    Raises:
        TypeError: it is not.

    Example:
        >>> check_edits([Edit(0, 4, 7, 1)])[0].linkage
        1.0
    """
    edits = tuple(check_several(value, "edits"))
    for edit in edits:
        if not isinstance(edit, Edit):
            raise TypeError(f"edits: expected workbench.evaluate.Edit, got {type(edit).__name__}")
    return edits


def intervened_predictor(model: Predictor, labels: Int[Tensor, " images"], intervention: Intervention) -> Predictor:
    """The model's predictor, but for what an intervention replaces: each head at each level on its own.

    It counts the levels it is asked for, from the one whose nodes are single images: one build at a time.

    Args:
        model: linkage and density where the intervention says nothing, e.g. `Lander.predict`.
        labels: class of each image; a super-node's class is its representative image's, as in `oracle_predictor`.
        intervention: what is replaced.

    Example:
        With true links at every level nothing wrong is joined:
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.ones(4, 4) + torch.eye(4), dim=1)
        >>> truth = torch.tensor([0, 0, 1, 1])
        >>> predict = intervened_predictor(similarity_predictor, truth, Intervention(links=range(10)))
        >>> build_hierarchy(x, predict, InferenceConfig()).labels.tolist()
        [0, 0, 1, 1]
    """
    truth = oracle_predictor(labels)

    def predict(nodes: Nodes, graph: KnnGraph) -> Prediction:
        links = nodes.level in intervention.links
        density = nodes.level in intervention.density

        guess = truth(nodes, graph) if links and density else model(nodes, graph)
        if links != density:
            right = truth(nodes, graph)
            guess = Prediction(right.linkage, guess.density) if links else Prediction(guess.linkage, right.density)

        return _edited(guess, nodes.image, graph, [edit for edit in intervention.edits if edit.level == nodes.level])

    return predict


def _edited(guess: Prediction, image: Int[Tensor, " n"], graph: KnnGraph, edits: list[Edit]) -> Prediction:
    """The prediction with the linkage of some links replaced."""
    if not edits:
        return guess
    linkage = guess.linkage.clone()  # (n, k)
    ends = image[graph.padded]  # (n, k)
    for edit in edits:
        for node, other in ((edit.node, edit.neighbor), (edit.neighbor, edit.node)):
            linkage[(image == node)[:, None] & (ends == other) & graph.mask] = edit.linkage
    return Prediction(linkage, guess.density)


class InterventionStudy:
    """Hierarchies of one set of images under many interventions.

    The graph and the model's prediction are computed once for each set of nodes: an edit recomputes only the levels
    above it, and those only where their nodes changed.

    Args:
        predict: the model, e.g. `lander.predict`.
        features: [N, D]; rows are scaled to length 1.
        labels: true class of each image [N].
        settings: k, tau, decoder, stopping rules; e.g. `lander.inference`.
        ensemble: `lander.ensemble`; needed by the decoder "cut".
        device: where the model is.

    Attributes:
        own: the hierarchy of the model alone.

    Raises:
        TypeError, ValueError: features that are not numbers, labels of another length.

    Example:
        >>> from workbench.cluster import similarity_predictor
        >>> x, labels = [[1.0, 0.0], [1.0, 0.1], [0.8, 0.6], [0.6, 0.8]], [0, 0, 1, 1]
        >>> study = InterventionStudy(similarity_predictor, x, labels, InferenceConfig(k=2, tau=0.8))
        >>> study.own.labels.tolist(), study.hierarchy(Intervention(links=range(9))).labels.tolist()
        ([0, 0, 0, 0], [0, 0, 1, 1])
        >>> study.hierarchy(Intervention(edits=[Edit(0, 1, 2, 0)])).labels.tolist()
        [0, 0, 1, 1]
    """

    def __init__(
        self,
        predict: Predictor,
        features: Any,
        labels: Any,
        settings: InferenceConfig,
        *,
        ensemble: torch.nn.Module | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        if isinstance(predict, torch.nn.Module) or not callable(predict):
            raise TypeError(f"predict: expected a function, e.g. lander.predict, got a {type(predict).__name__}")
        array = check_array(features, "features")
        self.features: Float[Tensor, "n d"] = unit_rows(array, "features", device=device)
        self.labels: Int[Tensor, " n"] = torch.from_numpy(check_labels(labels, len(array))).to(device)
        self.settings = settings
        self._n_images: int | None = None  # of level 0: the distinct ones, unless the decoder keeps repeats
        self._model = predict
        self._ensemble = ensemble
        self._cache: dict[tuple[str, ...], Any] = {}
        self._gains: dict[int, pd.DataFrame] = {}
        self.own = self.hierarchy(Intervention())

    def hierarchy(self, intervention: Intervention) -> Hierarchy:
        """The hierarchy under an intervention."""
        intervention = replace(intervention, edits=self._among_distinct(intervention.edits))
        predict = intervened_predictor(self._predict, self.labels, intervention)
        return build_hierarchy(self.features, predict, self.settings, ensemble=self._ensemble, graph=self._graph)

    def _among_distinct(self, edits: Iterable[Edit]) -> list[Edit]:
        """The edits that do something, each at the first of the images that are the same: that one is a node."""
        given = list(edits)
        repeats = self.own.repeats if given else None
        if repeats is None:
            return given
        first = repeats.first[repeats.group].tolist()
        ends = [(edit, first[edit.node], first[edit.neighbor]) for edit in given]
        return [replace(edit, node=node, neighbor=other) for edit, node, other in ends if node != other]

    def bcubed_f(self, hierarchy: Hierarchy) -> float:
        """BCubed F after the last level."""
        return bcubed(contingency(self.labels.cpu().numpy(), hierarchy.labels.cpu().numpy())).f

    def gains(self, n_levels: int | None = None, *, progress: bool = False) -> pd.DataFrame:
        """What each head at each level costs: BCubed F of the last level if that head alone were right there.

        Args:
            n_levels: levels to try, the last one standing for all above it; None: the model's own.
            progress: show a bar if it takes seconds; what was measured once is kept.

        Returns: a row per level and head: level, head ("links" or "density"), bcubed_f, gain (over the model's own).
        """
        n_levels = len(self.own.levels) if n_levels is None else check_int(n_levels, "n_levels")
        if n_levels not in self._gains:
            with show_progress(progress):
                self._gains[n_levels] = self._measure_gains(n_levels)
        return self._gains[n_levels].copy()

    def _measure_gains(self, n_levels: int) -> pd.DataFrame:
        base = self.bcubed_f(self.own)
        rows = []
        for level, head in progress_bar(
            [(level, head) for level in range(n_levels) for head in HEADS], "interventions"
        ):
            levels = self.levels_of(level, n_levels)
            intervention = Intervention(links=levels) if head == "links" else Intervention(density=levels)
            f = self.bcubed_f(self.hierarchy(intervention))
            rows.append({"level": level, "head": head, "bcubed_f": f, "gain": f - base})
        return pd.DataFrame(rows)

    def levels_of(self, row: int, n_rows: int) -> range:
        """Levels that row `row` of `n_rows` switches stands for: its own; the last one also for all above it."""
        return range(row, row + 1 if row < n_rows - 1 else max(self.settings.max_levels, n_rows))

    def _graph(self, rows: Float[Tensor, "n d"], k: int) -> KnnGraph:
        return self._cached(self._key("graph", rows), lambda: knn(rows, k))

    def _predict(self, nodes: Nodes, graph: KnnGraph) -> Prediction:
        return self._cached(self._key("guess", nodes.image, nodes.average), lambda: self._model(nodes, graph))

    def _key(self, kind: str, *of: Tensor) -> tuple[str, ...]:
        """A key of the cache, made of the nodes themselves: two interventions that lead to the same nodes share it."""
        if self._n_images is None:
            self._n_images = len(of[0])
        if len(of[0]) == self._n_images:
            return kind, "images"  # only level 0 has as many nodes as there are images, so nothing need be hashed
        return kind, *(hashlib.blake2b(t.cpu().numpy().tobytes(), digest_size=16).hexdigest() for t in of)

    def _cached(self, key: tuple[str, ...], compute: Callable[[], Found]) -> Found:
        if key not in self._cache:
            if len(self._cache) >= _KEPT:  # the oldest goes, but level 0, which every intervention needs, stays
                del self._cache[next(old for old in self._cache if "images" not in old)]
            self._cache[key] = compute()
        found: Found = self._cache[key]
        return found
