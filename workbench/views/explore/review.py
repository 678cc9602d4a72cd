"""The review explorer: a person answers, moves, merges, splits and names; the clustering follows and is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
import traitlets

from ...cluster.hilander import HiLander
from ..style import escape, styled
from .base import Explorer
from .panes import checked_images, thumbnail
from .review_state import Review

PAGE = 8  # clusters shown at a time
ITEMS = 24  # of a cluster that are shown
LETTERS = 160  # of a text that are shown


class Board(anywidget.AnyWidget):
    """What the browser draws, and what was done there last.

    Example:
        >>> Board().selection
        []
    """

    _esm = Path(__file__).with_name("review.js")
    question = traitlets.Unicode().tag(sync=True)
    clusters = traitlets.List(trait=traitlets.Dict()).tag(sync=True)
    selection = traitlets.List(trait=traitlets.Int()).tag(sync=True)
    act = traitlets.Dict().tag(sync=True)


class ReviewExplorer(Explorer):
    """What `explore_review` returns: see there.

    Attributes:
        review: the clustering, its question and its file.
        selection: rows that are selected; can be set.
        page: which clusters are shown, 0: the first eight.
    """

    selection = traitlets.List(trait=traitlets.Int())
    page = traitlets.Int(0)

    def __init__(self, review: Review, images: np.ndarray | None, texts: Sequence[str] | None, ids: Any) -> None:
        super().__init__()
        self.review = review
        self._images = images
        self._texts = texts
        self._ids = ids
        self._board = Board()
        self._counts = widgets.HTML()
        self._pages = widgets.BoundedIntText(0, min=0, description="Page", layout=widgets.Layout(width="150px"))
        self._export = widgets.Text(placeholder="labels.csv", description="Export to", continuous_update=False)
        self._export.observe(self.guarded(self._write), "value")
        self._board.observe(self.guarded(lambda change: self.do(change["new"])), "act")
        traitlets.link((self._board, "selection"), (self, "selection"))
        traitlets.link((self._pages, "value"), (self, "page"))
        self.observe(self.guarded(lambda _: self._show()), "page")
        self.arrange(self._counts, widgets.HBox([self._pages, self._export]), self._board)
        self._show()
        self.say("Y: same, N: different, space: not sure, U: undo.")

    def do(self, act: dict[str, Any]) -> None:
        """One thing that was done on the board: kind (yes, no, pass, undo, confirm, split, move, merge, name) and,
        where it is about one, the cluster."""
        kind = act["kind"]
        cluster = int(act.get("cluster", -1))
        review = self.review
        chosen = list(self.selection)
        steps: dict[str, Callable[[], str]] = {
            "yes": lambda: review.answer(True),
            "no": lambda: review.answer(False),
            "pass": lambda: review.answer(None),
            "undo": review.undo,
            "confirm": lambda: review.confirm(cluster),
            "split": lambda: review.split(cluster, chosen),
            "move": lambda: review.move(chosen, cluster),
            "merge": lambda: review.merge(sorted({cluster, *self._clusters_of(chosen)})),
            "name": lambda: review.name(cluster, act["name"]),
        }
        said = steps[kind]()
        self.selection = []
        self._show()
        self.say(said)

    def static(self) -> go.Figure:
        """The sizes of the clusters, those to doubt first."""
        order = self.review.order()
        size = np.bincount(self.review.model.labels_)[order]
        bars = go.Bar(x=[f"cluster {cluster}" for cluster in order], y=size)
        return styled(go.Figure(bars), "Clusters, those to doubt first: rows of each")

    def _clusters_of(self, rows: list[int]) -> list[int]:
        return [int(self.review.model.labels_[row]) for row in rows]

    def _show(self) -> None:
        order = self.review.order()
        self._pages.max = max(0, (len(order) - 1) // PAGE)
        shown = order[PAGE * self.page : PAGE * (self.page + 1)]
        self._board.question = self._question()
        self._board.clusters = [self._cluster(int(cluster)) for cluster in shown]
        self._counts.value = f"<b>{escape(self.review.counts())}</b>"

    def _question(self) -> str:
        if self.review.question is None:
            return "<span>No question is worth asking.</span>"
        a, b = self.review.question
        return f"<span>Are these one class?</span>{self._item(a, 88)}{self._item(b, 88)}"

    def _cluster(self, cluster: int) -> dict[str, Any]:
        rows = self.review.members(cluster)
        model = self.review.model
        right = "confirmed" if cluster in model.confirmed_ else "not confirmed"
        more = f", {ITEMS} shown" if len(rows) > ITEMS else ""
        items = [{"row": int(row), "html": self._item(int(row), 56)} for row in rows[:ITEMS]]
        head = f"<b>cluster {cluster}</b>: {len(rows):,} rows{more}, {right} "
        return {"cluster": cluster, "head": head, "name": model.names_.get(cluster, ""), "items": items}

    def _item(self, row: int, height: int) -> str:
        if self._images is not None:
            return thumbnail(self._images, row, height=height)
        text = f"row {row}" if self._texts is None else str(self._texts[row])
        short = text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
        return f"<span title='{escape(text[:2000])}'>{escape(short)}</span>"

    def _write(self, change: Any) -> None:
        if change["new"]:
            self.review.export(change["new"], self._ids)
            self.say(f"Written to {change['new']}.")


def explore_review(
    model: HiLander,
    images: Any = None,
    *,
    texts: Sequence[str] | None = None,
    ids: Any = None,
    path: str | Path | None = None,
) -> ReviewExplorer:
    """Put a clustering right by hand: answer questions by keyboard, move, split, merge, confirm and name clusters.

    Clusters are rows of thumbnails, those to doubt first. Keys: Y same, N different, space not sure, U undo. A click
    selects an item, shift-click all up to it; selected items are dragged onto a cluster, split off or merged by its
    buttons. The model is changed as it goes.

    Args:
        model: fitted.
        images: uint8 [N, H, W] or [N, H, W, 3], one per row.
        texts: in place of images.
        ids: a name per row, for the exported table.
        path: file of the corrections: taken over if it is there, saved after every step.

    Returns: a widget with the traits `selection` and `page`, and `review`, which has the model.

    Raises:
        NotFittedError: before `fit`.
        ValueError: another number of images or texts, or a file of other data.

    Example:
        >>> model = HiLander().fit(np.random.default_rng(0).normal(size=(60, 8)))
        >>> explorer = explore_review(model)
        >>> n = model.n_clusters_
        >>> explorer.do({"kind": "merge", "cluster": 0}) if n == 1 else explorer.do({"kind": "pass"})
        >>> explorer.errors
        []
    """
    review = Review(model, path)
    if texts is not None and len(texts) != len(model.labels_):
        raise ValueError(f"texts: expected {len(model.labels_)}, one per row, got {len(texts)}")
    return ReviewExplorer(review, checked_images(images, len(model.labels_)), texts, ids)
