"""The review explorer: a person answers, moves, merges, splits and names; the clustering follows and is saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import traitlets

from ..._core.validation import check_choice
from ...cluster.correction import Contradiction
from ...cluster.hilander import HiLander
from ...cluster.naming import check_texts
from ..figures.maps import spread_sample
from ..style import cluster_colours, escape, styled
from .base import Explorer
from .map_view import MapView
from .panes import checked_images, thumbnail
from .places import places_of
from .review_state import Review

MOST_POINTS = 50_000  # drawn on the map
PAGE = 8  # clusters shown at a time
LETTERS = 2000  # of a text, which the browser cuts to a line
SHOWN = 3  # earlier answers that stand against a step
KEPT = 4096  # thumbnails: a redraw asks for some 200, nearly all of them again


class Items:
    """What is seen of a row: an image, or a line of text, or its number.

    Args:
        n: rows.
        images: uint8 [n, H, W] or [n, H, W, 3].
        texts: in their place, n texts or a table of n rows.

    Raises:
        ValueError: another number of images or texts, or both.

    Example:
        >>> Items(1, None, pd.DataFrame({"a": [3], "b": ["<"]})).html(0)
        "<span class='text' title='a: 3 · b: &lt;'>a: 3 · b: &lt;</span>"
    """

    def __init__(self, n: int, images: Any, texts: Any) -> None:
        if images is not None and texts is not None:
            raise ValueError("texts: expected images or texts, got both")
        if isinstance(texts, pd.DataFrame) and len(texts) != n:
            raise ValueError(f"texts: expected {n}, one per row, got {len(texts)}")
        self._images = checked_images(images, n)
        self._texts = texts if texts is None or isinstance(texts, pd.DataFrame) else check_texts(texts, n)
        self.kind = "texts" if self._images is None else "images"
        self.most = 8 if self._images is None else 24  # of a cluster that are shown

    def html(self, row: int) -> str:
        """A row as escaped HTML."""
        if self._images is not None:
            return thumbnail(self._images, row)
        text = escape(self._text(row))
        return f"<span class='text' title='{text}'>{text}</span>"

    def _text(self, row: int) -> str:
        if self._texts is None:
            return f"row {row}"
        if not isinstance(self._texts, pd.DataFrame):
            return self._texts[row][:LETTERS]
        return " · ".join(f"{name}: {value}" for name, value in self._texts.iloc[row].items())[:LETTERS]


class Board(anywidget.AnyWidget):
    """What the browser draws; what is done there arrives as a message. Rows go by their numbers: each is sent once, as
    HTML, when it is first seen, so that an answer does not carry two hundred images.

    Example:
        >>> Board().selection
        []
    """

    _esm = Path(__file__).with_name("review.js")
    shown = traitlets.Dict({"kind": "", "pair": [], "against": [], "clusters": [], "map": False}).tag(sync=True)
    selection = traitlets.List(trait=traitlets.Int()).tag(sync=True)


class ReviewExplorer(Explorer):
    """What `explore_review` returns: see there.

    Attributes:
        review: the clustering, its question and its file.
        selection: rows that are selected; can be set.
        page: which clusters are shown, 0: the first eight.
    """

    selection = traitlets.List(trait=traitlets.Int())
    page = traitlets.Int(0)

    def __init__(self, review: Review, items: Items, xy: np.ndarray | None) -> None:
        super().__init__()
        self.layout.max_width = "100%"
        self.review = review
        self._item = lru_cache(KEPT)(items.html)
        self._kind = items.kind
        self._sent: set[int] = set()  # rows that the browser has
        self._against: tuple[int, ...] = ()  # steps that stand against what was tried last
        self._most = items.most
        self._board = Board()
        self._board.on_msg(self.guarded(lambda _, act, __: self._hear(act)))
        traitlets.link((self._board, "selection"), (self, "selection"))
        self._counts = widgets.HTML()
        self._pages = widgets.BoundedIntText(0, min=0, description="Page", layout=widgets.Layout(width="190px"))
        traitlets.link((self._pages, "value"), (self, "page"))
        self.observe(self.guarded(lambda _: self._show()), "page")
        self._path = widgets.Text(placeholder="labels.csv", description="Export to")
        export = widgets.Button(description="Export", layout=widgets.Layout(width="80px"))
        export.on_click(self.guarded(lambda _: self.say(self.review.export(self._path.value))))
        wrap = widgets.Layout(flex_flow="row wrap")
        self._map = None if xy is None else self._lasso(xy)
        above = [] if self._map is None else [self._map.figure]
        head = widgets.HBox([self._pages, self._path, export], layout=wrap)
        # What was said stands above the board: below it nobody would see it.
        self.children = (self._counts, head, *above, self._said, self._failed, self._board, self._keys)
        self.observe(self.guarded(lambda _: self._mark()), "selection")
        self._show()
        self.say("Click the board, then Y: same, N: different, space: not sure, U: undo.")

    def _hear(self, act: dict[str, Any]) -> None:
        if act["kind"] == "want":
            self._deliver(act["rows"])
        elif act["kind"] == "drawn":
            self._colour()
        else:
            self.do(act)

    def _deliver(self, rows: Iterable[int]) -> None:
        """Rows as HTML to the browser."""
        items = {row: self._item(int(row)) for row in rows}
        self._sent.update(items)
        self._board.send({"items": items})

    def do(self, act: dict[str, Any]) -> None:
        """One thing that was done on the board: kind (yes, no, pass, undo, confirm, reopen, split, move, merge, name,
        label) and, where it is about one, the cluster, the name, or of undo the step. What contradicts earlier answers
        is refused, and these are shown, to be taken back."""
        cluster, name = act.get("cluster", -1), act.get("name", "")
        review = self.review
        chosen = list(self.selection)
        steps: dict[str, Callable[[], str]] = {
            "yes": lambda: review.answer(True),
            "no": lambda: review.answer(False),
            "pass": lambda: review.answer(None),
            "undo": lambda: review.undo(act.get("step")),
            "confirm": lambda: review.confirm(cluster),
            "reopen": lambda: review.reopen(cluster),
            "split": lambda: review.split(cluster, chosen),
            "move": lambda: review.move(chosen, cluster),
            "merge": lambda: review.merge(cluster, chosen),
            "name": lambda: review.name(cluster, name),
            "label": lambda: review.label(chosen, name),
        }
        kind = check_choice(act.get("kind"), "kind", tuple(steps))
        self._against = ()
        try:
            said = steps[kind]()
        except Contradiction as error:
            if not error.steps:
                raise
            self._against = error.steps
            said = "Refused: it contradicts what you said before."
        else:
            self.selection = []
        self._failed.value = ""  # of an earlier act; `errors` keeps it
        self._show()
        self.say(said)

    def static(self) -> go.Figure:
        """The sizes of the clusters, those to doubt first."""
        order = self.review.order()
        size = np.bincount(self.review.model.labels_)[order]
        bars = go.Bar(x=[f"cluster {cluster}" for cluster in order], y=size)
        return styled(go.Figure(bars), "Clusters, those to doubt first: rows of each")

    def _lasso(self, xy: np.ndarray) -> MapView:
        """A map of the clusters; what a lasso holds is selected."""
        placed = np.flatnonzero(np.isfinite(xy).all(axis=1))
        drawn = placed[spread_sample(self.review.model.labels_[placed], MOST_POINTS)]
        found = MapView(xy, drawn, ["clusters"], height=360)
        found.on_lasso(self.guarded(lambda rows: self.set_trait("selection", rows.tolist())))
        found.on_click(self.guarded(lambda row: self.set_trait("selection", [row])))
        found.on_clear(self.guarded(lambda: self.set_trait("selection", [])))
        return found

    def _mark(self) -> None:
        """What is selected, on the map. An outline goes with what it selected only: the browser answers that nothing is
        selected any more, which would come upon a lasso that is drawn just after an answer."""
        if self._map is not None and not self.selection:
            self._map.clear_lasso()
        self._colour()

    def _colour(self) -> None:
        """The map anew: clusters as they are, what is selected."""
        if self._map is None:
            return
        labels = self.review.model.labels_
        picked = np.isin(np.arange(len(labels)), self.selection) if self.selection else None
        self._map.show(cluster_colours([labels], self._map.xy), picked=picked)

    def _show(self) -> None:
        order = self.review.order()
        self._pages.max = max(0, (len(order) - 1) // PAGE)
        self._pages.description = f"Page, 0 to {self._pages.max}"
        clusters = [self._cluster(int(cluster)) for cluster in order[PAGE * self.page : PAGE * (self.page + 1)]]
        against = [self._said_before(step) for step in self._against[:SHOWN]]
        pair = list(self.review.question or ())
        shown: dict[str, Any] = {"kind": self._kind, "pair": pair, "against": against, "clusters": clusters}
        shown["map"] = self._map is not None
        groups = [pair, *(one["items"] for one in (*clusters, *against))]
        fresh = [row for group in groups for row in group if row not in self._sent]
        if fresh and self._sent:  # a page is there: what it has not seen goes ahead, so that it need not ask
            self._deliver(fresh)
        self._board.shown = shown
        self._counts.value = f"<b>{escape(self.review.counts())}</b>"
        if not self._sent:  # a page says when its board is drawn: the next question does not wait for the map
            self._colour()

    def _said_before(self, place: int) -> dict[str, Any]:
        """An earlier step in words, and the two rows of an answer."""
        step = self.review.model.corrections_.steps[place]
        if step.action != "answer":
            return {"step": place, "said": step.action, "items": []}
        rows = (*step.together, *step.apart)[0]
        return {"step": place, "said": "the same" if step.together else "different", "items": list(rows)}

    def _cluster(self, cluster: int) -> dict[str, Any]:
        rows = self.review.members(cluster)
        model = self.review.model
        many = f"{len(rows):,} row{'s' * (len(rows) > 1)}" + f", {self._most} shown" * (len(rows) > self._most)
        right = ", confirmed" if cluster in model.confirmed_ else ""
        items = rows[: self._most].tolist()
        head = f"<b>cluster {cluster}</b>: {many}{right}"
        own = {"name": model.names_.get(cluster, ""), "confirmed": bool(right)}
        return {"cluster": cluster, "head": head, **own, "items": items}


def explore_review(
    model: HiLander,
    images: Any = None,
    *,
    texts: Any = None,
    ids: Any = None,
    path: str | Path | None = None,
    files: Sequence[str | Path] | None = None,
    xy: Any = None,
    seed: int = 0,
) -> ReviewExplorer:
    """Put a clustering right by hand: answer questions by keyboard, move, split, merge, confirm and name clusters.

    Clusters are rows of thumbnails, or of lines of text, those to doubt first. Keys: Y same, N different, space not
    sure, U undo. A click selects an item, shift-click all up to it, a lasso on the map what is inside. Selected items
    are dragged onto a cluster, or moved, split off, merged by its buttons; a label makes them one cluster of that name,
    or puts them into it. The model is changed as it goes.

    Args:
        model: fitted.
        images: uint8 [N, H, W] or [N, H, W, 3], one per row.
        texts: in place of images N texts, or a table of N rows.
        ids: a name per row, no two alike, for the exported table.
        path: file of the corrections: taken over if it is there, saved after every step.
        files: a file per row: an export to a folder then makes a folder of links per cluster.
        xy: places [N, 2] of the rows on a map, or "umap": laid out here, which takes about 20 s for 10,000 rows. None:
            no map.
        seed: of the layout.

    Returns: a widget with the traits `selection` and `page`, and `review`, which has the model.

    Raises:
        NotFittedError: before `fit`.
        ValueError: another number of images, texts, ids, files or places, ids that repeat, corrections of other data.

    Example:
        >>> model = HiLander().fit(np.random.default_rng(0).normal(size=(60, 8)))
        >>> explorer = explore_review(model)
        >>> explorer.selection = [0, 1, 2]
        >>> explorer.do({"kind": "label", "name": "mine"})
        >>> len(np.unique(model.labels_[:3])), list(model.names_.values()), explorer.errors
        (1, ['mine'], [])
    """
    review = Review(model, path, ids=ids, files=files)
    items = Items(len(model.labels_), images, texts)
    if xy is not None:
        places = None if isinstance(xy, str) and xy == "umap" else xy
        xy = places_of(model.hierarchy_.levels[0].graph, places, model.features_.cpu().numpy(), seed=seed)
    return ReviewExplorer(review, items, xy)
