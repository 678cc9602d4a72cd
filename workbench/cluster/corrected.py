"""The methods of `HiLander` by which a person puts clusters right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, SupportsIndex

import numpy as np
import pandas as pd
from jaxtyping import Int64
from sklearn.utils.validation import check_is_fitted

from .._core.runtime import usual_torch
from .._core.validation import check_flag, check_int
from .arrangements import asked_for, between, kept_apart, moved, pinned
from .constraints import Constraints
from .correction import ARRANGEMENTS, Contradiction, Correction, checked_name
from .corrections import Corrections, fingerprint, touched_rows
from .hierarchy import rebuild
from .levels import Hierarchy
from .questions import questions, weakest_sides

if TYPE_CHECKING:
    from ..lander.config import InferenceConfig
    from ..lander.model import Lander

Rows = Int64[np.ndarray, " _"]
PINS = 5  # times that a step is decoded again, with more rows tied, before it holds as it is; firmly from the third on


class Corrected:
    """Each method becomes constraints and decodes anew, from the graph and the linkages that are kept.

    Clusters are numbered anew after each step: `continues_` tells which went on from which.

    Example:
        >>> import workbench as wb
        >>> x = np.repeat(np.eye(4), 3, axis=0) + np.arange(12)[:, None] % 3 / 9
        >>> model = wb.HiLander("glyphs-lander", k=2, tau=0.99).fit(x)
        >>> before = model.labels_.copy()
        >>> bool(model.answer(0, 11, same=True).labels_[0] == model.labels_[11])
        True
        >>> bool((model.undo().labels_ == before).all())
        True
    """

    labels_: Int64[np.ndarray, " n"]
    n_clusters_: int
    hierarchy_: Hierarchy
    lander_: Lander
    settings_: InferenceConfig
    constraints_: Constraints
    corrections_: Corrections

    def answer(self, a: SupportsIndex, b: SupportsIndex, *, same: bool) -> Corrected:
        """Say whether two rows are of one class; if they are, their clusters join.

        Args:
            a, b: rows.
            same: the answer.

        Raises:
            NotFittedError: before `fit`.
            ValueError: a row out of range, or an answer that contradicts earlier ones; nothing is changed then.
        """
        pair = (self._row(a, "a"), self._row(b, "b"))
        if pair[0] == pair[1]:
            raise ValueError(f"b: expected another row than a, got row {pair[0]} with itself")
        if check_flag(same, "same"):
            released = kept_apart(self.corrections_.standing, self.labels_, self.labels_[list(pair)])
            return self._step(Correction("answer", together=(pair,), released=released))
        return self._step(Correction("answer", apart=(pair,)))

    def merge(self, a: SupportsIndex, b: SupportsIndex, *more: SupportsIndex) -> Corrected:
        """Make one cluster of two or more. What earlier moves and splits kept apart between them is apart no longer.

        Args:
            a, b, more: clusters.

        Raises:
            ValueError: as `answer`; rows of two of them were answered to be apart.
        """
        clusters = [self._cluster(a, "a"), self._cluster(b, "b"), *(self._cluster(one, "more") for one in more)]
        if len(set(clusters)) < len(clusters):
            raise ValueError(f"a, b: expected different clusters, got {', '.join(map(str, clusters))}")
        released = kept_apart(self.corrections_.standing, self.labels_, clusters)
        step = Correction("merge", (tuple(map(self._peak, clusters)),), released=released)
        apart = self._known(self.corrections_ + step).cannot_link
        wrong = [tuple(pair) for pair in apart[between(apart, self.labels_, clusters)].tolist()]
        if wrong:
            said = f"a, b: rows of these clusters were said to be apart: {', '.join(map(str, wrong[:5]))}"
            raise self._with_steps(Contradiction(said, wrong), self.corrections_)
        return self._arrange(step)

    def split(self, cluster: SupportsIndex, rows: Any = None) -> Corrected:
        """Make two clusters of one.

        Args:
            cluster: to split.
            rows: of it, and equal ones with them; None: it is parted where linkage is weakest, even earlier merges.

        Raises:
            ValueError: as `answer`; the cluster is one row, or rows that were all tied.
        """
        members = self._members(cluster, "cluster")
        if rows is None:
            return self._halve(int(cluster), members)
        chosen = self._checked_rows(rows)
        if not np.isin(chosen, members).all() or len(chosen) == len(members):
            raise ValueError(
                f"rows: expected some rows of cluster {cluster}, but not all, got {chosen[:5].tolist()} ..."
            )
        return self._arrange(moved("split", self.labels_, chosen))

    def move(self, rows: Any, cluster: SupportsIndex) -> Corrected:
        """Take rows out of their clusters into another; of rows that are moved again the last move holds.

        Args:
            rows: of other clusters; rows equal to them go along, but with the official decoders, which part them.
            cluster: where they belong.

        Raises:
            ValueError: as `answer`; a row that is in that cluster.
        """
        members = self._members(cluster, "cluster")
        chosen = self._checked_rows(rows)
        if np.isin(chosen, members).any():
            raise ValueError(f"rows: expected rows of other clusters than {cluster}, got {chosen[:5].tolist()} ...")
        return self._arrange(moved("move", self.labels_, chosen, (self._peak(cluster),)))

    def label(self, rows: Any, name: str) -> Corrected:
        """Make rows one cluster of this name; if a cluster has the name, they join it.

        Args:
            rows: of any clusters; rows equal to them go along.
            name: not empty.

        Raises:
            ValueError: as `answer`; all rows are in the cluster of that name.
        """
        chosen = self._checked_rows(rows)
        given = checked_name(name)
        named = [cluster for cluster, known in self.names_.items() if known == given]
        to = tuple(self._peak(cluster) for cluster in named[:1])
        chosen = chosen[~np.isin(self.labels_[chosen], named[:1])]
        if not len(chosen):
            raise ValueError(f"rows: expected rows that are not in the cluster {given!r} yet")
        return self._arrange(replace(moved("move" if to else "label", self.labels_, chosen, to), name=given))

    def confirm(self, cluster: SupportsIndex) -> Corrected:
        """Say that a cluster's rows are of one class: they stay together, whatever comes. Other clusters of models of
        several levels may change by it: what is joined earlier is read anew at the next level.

        Args:
            cluster: to confirm.
        """
        return self._step(Correction("confirm", together=(tuple(self._members(cluster, "cluster").tolist()),)))

    def name(self, cluster: SupportsIndex, name: str) -> Corrected:
        """Give a cluster a name, which its peak keeps (`names_`).

        Args:
            cluster: to name.
            name: not empty.
        """
        peak = self._peak(self._cluster(cluster, "cluster"))
        return self._step(Correction("name", together=((peak,),), name=checked_name(name)))

    def undo(self, step: SupportsIndex | None = None) -> Corrected:
        """Take a step back: after the last one labels are again what they were.

        Args:
            step: which, of `corrections_.steps`; None: the last.

        Raises:
            ValueError: there is none, or what the others say contradicts itself without it.
        """
        check_is_fitted(self)
        if not len(self.corrections_):
            raise ValueError("undo: nothing has been corrected")
        last = len(self.corrections_) - 1
        place = last if step is None else check_int(step, "step", 0, last)
        return self._correct(self.corrections_.without(place))

    def correct(self, corrections: Any) -> Corrected:
        """Take corrections of the same data over, in place of those so far, e.g. from a file.

        Args:
            corrections: `Corrections.load(path)`, or those of another model.

        Raises:
            TypeError: they are no `Corrections`.
            ValueError: they are of other data, or contradict the constraints of `fit`.
        """
        check_is_fitted(self)
        if not isinstance(corrections, Corrections):
            kind = type(corrections).__name__
            raise TypeError(f"corrections: expected Corrections, got {kind}; read a file by Corrections.load(path)")
        code = self.hierarchy_.code.cpu().numpy()
        if corrections.n > len(code) or fingerprint(code[: corrections.n]) != corrections.fingerprint:
            raise ValueError(
                f"corrections: made on other data ({corrections.n} rows); fit the model on those rows, in their order, "
                "or load the file with ids and set n and fingerprint from model.corrections_"
            )
        return self._correct(corrections)

    def questions(self, n: int = 1) -> pd.DataFrame:
        """The pairs of rows to ask a person about: those whose answer is expected to raise BCubed F most.

        Args:
            n: questions at most; no cluster is in two of them.

        Returns: a row per question, the best first: first and second (rows), cluster and other (theirs), same (the
            probability that the answer is yes), gain (expected, of F). Answer with `answer(first, second, same=...)`;
            `questions.questions` has the formula.

        Raises:
            NotFittedError: before `fit`.
        """
        check_is_fitted(self)
        return questions(self.hierarchy_, self._answers(), check_int(n, "n"))

    @property
    def names_(self) -> dict[int, str]:
        """The name of each cluster that has one."""
        check_is_fitted(self)
        return {int(self.labels_[row]): name for row, name in self.corrections_.names.items()}

    @property
    def confirmed_(self) -> set[int]:
        """The clusters that hold rows which were confirmed."""
        check_is_fitted(self)
        steps = (step for step in self.corrections_.steps if step.action == "confirm")
        return {int(self.labels_[step.together[0][0]]) for step in steps}

    def _answers(self) -> Constraints:
        """All that is known of the rows."""
        return self._known(self.corrections_)

    def _known(self, corrections: Corrections) -> Constraints:
        """All that would be known of the rows with other corrections, checked."""
        try:
            answers = self.constraints_ + corrections.constraints(len(self.labels_))
            answers.check(np.arange(len(self.labels_)))
        except Contradiction as error:
            raise self._with_steps(error, corrections) from None
        return answers

    def _with_steps(self, error: Contradiction, corrections: Corrections) -> Contradiction:
        """The error with the steps so far that it comes from, and how to take one back."""
        known = self.corrections_.steps
        steps = [i for i in corrections.said_by(error.pairs) if i < len(known) and known[i] is corrections.steps[i]]
        text = str(error).removesuffix("; take one of these answers back")
        if not steps and self.constraints_.empty:
            return error
        if not steps:
            text = text if len(self.constraints_.must_link) else text.replace("must_link ties", "it ties")
            told = f"this step contradicts what fit was told: {text}; fit again without that"
            return Contradiction(told, error.pairs)
        said = ", ".join(f"{i} ({known[i].action})" for i in steps[:5])
        cure = f"said by step {said}; model.undo({steps[-1]}) takes just that one back"
        return Contradiction(f"{text}; {cure}", error.pairs, tuple(steps))

    def _step(self, step: Correction) -> Corrected:
        return self._correct(self.corrections_ + step)

    def _arrange(self, step: Correction) -> Corrected:
        """A move, split, label or merge, pinned until it changes the clusters that it says, and no others."""
        wanted = asked_for(step, self.labels_)
        hierarchy = self._decoded(self.corrections_ + step)
        for tried in range(PINS):
            tied = pinned(step, wanted, hierarchy.labels.cpu().numpy(), firm=tried > 1)
            if tied is step:
                break
            step = tied
            hierarchy = self._decoded(self.corrections_ + step)
        return self._take(self.corrections_ + step, hierarchy)

    def _halve(self, cluster: int, members: Rows) -> Corrected:
        """A cluster in two where linkage is weakest, whatever was merged or moved."""
        own = set(members.tolist())
        steps = (step.without(own) if step.action in ARRANGEMENTS else step for step in self.corrections_.standing)
        known = self._known(replace(self.corrections_, steps=tuple(steps)))
        computed = self.hierarchy_.distinct
        node = self.hierarchy_.group.cpu().numpy()  # (n,)
        sides = weakest_sides(cluster, computed, computed.levels[0], known.of_nodes(node))
        if sides is None:
            raise ValueError(f"cluster: {cluster} cannot be split, its rows are one, equal, or all tied by answers")
        smaller = min(sides, key=len)
        return self._arrange(moved("split", self.labels_, np.flatnonzero(np.isin(node, smaller))))

    def _correct(self, corrections: Corrections) -> Corrected:
        return self._take(corrections, self._decoded(corrections))

    def _take(self, corrections: Corrections, hierarchy: Hierarchy) -> Corrected:
        """Corrections, and the clusters that were decoded with them, in place of those so far."""
        with usual_torch(), self._renewed() as new:
            new.corrections_ = corrections.of_rows(hierarchy.code.cpu().numpy())
            new._keep(hierarchy, self.lander_, self.settings_, self.labels_, touched_rows(new.corrections_))
        return self

    @usual_torch()
    def _decoded(self, corrections: Corrections) -> Hierarchy:
        """The clusters with other corrections."""
        return rebuild(
            self.hierarchy_,
            self.lander_.predict,
            self.settings_,
            self.settings_.tau,
            ensemble=self.lander_.ensemble,
            constraints=self._known(corrections),
        )

    @contextmanager
    def _renewed(self) -> Iterator[Self]:
        """A twin to be fitted: this estimator becomes it, in one step, when the block ends well. After an error or
        Ctrl-C every attribute is what it was."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        yield twin
        self.__dict__ = twin.__dict__

    def _keep(self, hierarchy: Hierarchy, lander: Lander, settings: Any, before: Rows, named: Rows) -> Any:
        raise NotImplementedError  # pragma: no cover

    def _row(self, row: Any, name: str) -> int:
        check_is_fitted(self)
        return check_int(row, name, 0, len(self.labels_) - 1)

    def _checked_rows(self, rows: Any) -> Rows:
        listed: Iterable[Any] = rows.tolist() if hasattr(rows, "tolist") else rows
        chosen = sorted({self._row(row, "rows") for row in (listed if isinstance(listed, Iterable) else [listed])})
        if not chosen:
            raise ValueError("rows: expected at least one row, got none")
        group = self.hierarchy_.group.cpu().numpy()
        return np.flatnonzero(np.isin(group, group[chosen]))  # with equal rows: nothing can tell them apart

    def _cluster(self, cluster: Any, name: str) -> int:
        check_is_fitted(self)
        return check_int(cluster, name, 0, self.n_clusters_ - 1)

    def _members(self, cluster: Any, name: str) -> Rows:
        return np.flatnonzero(self.labels_ == self._cluster(cluster, name))

    def _peak(self, cluster: SupportsIndex) -> int:
        return int(self.hierarchy_.levels[-1].peaks[int(cluster)])
