"""The tree of clusters as columns of boxes that a click can open: as many as can be seen, never thousands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..style import CLEAR, INK, PALETTE, escape, styled
from .live import LiveFigure

_LEAST = 0.004  # of the view's height: a box below that is less than two pixels high and is not drawn
_OPEN = 0.04  # a selected box lower than this share of the view has an ancestor opened around it
_NAMED = 0.035  # a box lower than that has no room for its name


def placed(tree: pd.DataFrame) -> pd.DataFrame:
    """`icicle.tree_frame` with `start`, where each box begins: inside its parent, the mixed ones first, then the large.

    Example:
        >>> columns = {"level": [0, 0, 0, 1, 1], "cluster": [0, 1, 2, 0, 1], "parent": [0, 1, 1, -1, -1]}
        >>> placed(pd.DataFrame({**columns, "size": [2, 1, 4, 2, 5]}))["start"].tolist()
        [5, 4, 0, 5, 0]
    """
    start = np.zeros(len(tree), dtype=np.int64)
    above = np.zeros(1, dtype=np.int64)
    wrong = (tree["size"] * (1 - tree["purity"].fillna(1.0))).to_numpy() if "purity" in tree else np.zeros(len(tree))
    for level in sorted(tree["level"].unique(), reverse=True):
        rows = np.flatnonzero((tree["level"] == level).to_numpy())
        size = tree["size"].to_numpy()[rows]
        parent = tree["parent"].to_numpy()[rows]
        order = np.lexsort((tree["cluster"].to_numpy()[rows], -size, -wrong[rows], above[np.maximum(parent, 0)]))
        ends = np.cumsum(size[order])
        start[rows[order]] = ends - size[order]
        above = start[rows]  # by cluster: rows of a level are in the order of their numbers
    return tree.assign(start=start)


class BoxView:
    """The figure of the boxes: coarse to fine from left to right, as an icicle.

    Args:
        tree: as `icicle.tree_frame` gives it.
        width, height: of the figure in pixels.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> from workbench.views.figures.icicle import tree_frame
        >>> tree = wb.build_hierarchy(torch.eye(3), similarity_predictor, wb.InferenceConfig())
        >>> BoxView(tree_frame(tree)).figure.data[0].y.tolist()
        [1, 1, 1]
    """

    def __init__(self, tree: pd.DataFrame, *, width: int = 480, height: int = 420) -> None:
        self.tree = placed(tree)
        self.n = int(tree.loc[tree["level"] == tree["level"].max(), "size"].sum())
        self.levels = int(tree["level"].max()) + 1
        sizes = self.tree.set_index(["level", "cluster"])["size"]
        above = pd.MultiIndex.from_arrays([self.tree["level"] + 1, self.tree["parent"]])
        self._size_above = sizes.reindex(above).to_numpy()
        self.drawn = self.tree.iloc[:0]
        self._pure = bool(tree["purity"].notna().any())
        one_class = self.tree.set_index(["level", "cluster"])["purity"] == 1
        self._folded = one_class.reindex(above).fillna(False).to_numpy(bool)  # within a cluster of one class
        self.figure = LiveFigure(self._looks(go.Figure(_bars(self._pure, self.n)), width, height))
        self.select(None)

    def select(self, row: int | None) -> None:
        """Mark one cluster (a row of the tree) and open what is needed to see it; None: all, closed."""
        low, high = (0, self.n) if row is None else self._view(row)
        size = self.tree["size"]
        start = self.tree["start"]
        seen = (size >= _LEAST * (high - low)) & (start < high) & (start + size > low)
        if high - low == self.n:  # opened by a selection, everything in it is shown
            seen &= ~self._folded
        if row is not None:
            seen.iloc[row] = True
        self.drawn = self.tree[seen]
        marked = np.asarray(self.drawn.index == row)
        with self.figure.batch_update():
            self._fill(self.figure.data[0], marked, (high - low) * _NAMED)
            self.figure.layout.yaxis.range = (high, low)
            self.figure.layout.title.text = self._title(high - low)

    def on_click(self, f: Callable[[int], Any]) -> None:
        """Call `f(row)` for a clicked box; row of `tree`."""

        def heard(_: Any, points: Any, __: Any) -> None:
            if points.point_inds and points.point_inds[0] < len(self.drawn):  # else a box that is gone by now
                f(int(self.drawn.index[points.point_inds[0]]))

        self.figure.data[0].on_click(heard)

    def row_of(self, level: int, cluster: int) -> int:
        """Row of the tree for a cluster of a level."""
        rows = (self.tree["level"] == level) & (self.tree["cluster"] == cluster)
        return int(np.flatnonzero(rows)[0])

    def _view(self, row: int) -> tuple[int, int]:
        """The widest of everything, the top cluster, ... around a box in which the box can be seen."""
        box = self.tree.iloc[row]
        around = [(0, self.n)]
        chain = [box]
        while chain[-1]["parent"] >= 0:
            chain.append(self.tree.iloc[self.row_of(int(chain[-1]["level"]) + 1, int(chain[-1]["parent"]))])
        around += [(int(b["start"]), int(b["start"] + b["size"])) for b in reversed(chain)]
        return next(view for view in around if box["size"] >= _OPEN * (view[1] - view[0]))

    def _fill(self, bars: Any, marked: np.ndarray, named: float) -> None:
        boxes = self.drawn
        size = boxes["size"].to_numpy()
        bars.x = (self.levels - 1 - boxes["level"]).to_numpy()
        bars.y = size
        bars.base = boxes["start"].to_numpy()
        bars.marker.color = boxes["purity"].to_numpy() if self._pure else np.log10(size)
        bars.marker.line.width = np.where(marked, 3.0, 0.5)
        bars.marker.line.color = np.where(marked, PALETTE[5], "rgba(128,134,145,0.6)").tolist()
        bars.text = [self._name(box, named) for box in boxes.itertuples()]
        bars.hovertext = [_hover(box) for box in boxes.itertuples()]

    def _name(self, box: Any, named: float) -> str:
        """The name where there is room, once for a cluster that several levels left as it was."""
        if box.size < named or (box.level < self.levels - 1 and box.size == self._size_above[box.Index]):
            return ""
        letters = max(3, int(0.13 * self.figure.wide / self.levels))
        return escape(box.name if len(box.name) <= letters else box.name[: letters - 1] + "…")

    def _title(self, seen: int) -> str:
        of = f"{len(self.drawn):,} of {len(self.tree):,} clusters"
        fold = "; pure ones folded" if seen == self.n and self._folded.any() else ""
        return f"Tree<br><span style='font-size:11px'>{of}{fold}; {seen:,} of {self.n:,} images</span>"

    def _looks(self, figure: go.Figure, width: int, height: int) -> go.Figure:
        styled(figure, "", height=height)
        names = [f"level {level}" for level in reversed(range(self.levels))]
        ticks = {"tickvals": list(range(self.levels)), "ticktext": names, "showgrid": False, "fixedrange": True}
        figure.update_xaxes(**ticks, range=[-0.5, self.levels - 0.5])
        figure.update_yaxes(visible=False)
        figure.update_layout(width=width, bargap=0.04, margin={"l": 4, "r": 4, "t": 50, "b": 26}, dragmode="pan")
        figure.update_layout(title_font_size=14, barmode="overlay", uniformtext={"minsize": 9, "mode": "hide"})
        return figure.update_layout(modebar={"bgcolor": CLEAR, "color": INK, "activecolor": PALETTE[0]})


def _bars(pure: bool, n: int) -> go.Bar:
    bar = {
        "thickness": 10,
        "len": 0.6,
        "outlinewidth": 0,
        "title": {"text": "purity" if pure else "images", "side": "top"},
    }
    scale = {"cmin": 0, "cmax": 1.0 if pure else max(1.0, float(np.log10(n))), "colorscale": "Cividis"}
    if not pure:
        powers = list(range(int(np.log10(max(n, 10))) + 1))
        bar |= {"tickvals": powers, "ticktext": [f"{10**p:,}" for p in powers]}
    inside = {"textposition": "inside", "insidetextanchor": "middle", "textangle": 0, "constraintext": "both"}
    return go.Bar(marker={**scale, "colorbar": bar}, hovertemplate="%{hovertext}<extra></extra>", **inside)


def _hover(box: Any) -> str:
    lines = [
        f"<b>{escape(box.name)}</b>",
        f"level {box.level}, cluster {box.cluster}",
        f"{box.size:,} image{'s' * (box.size != 1)}",
    ]
    if not np.isnan(box.purity):
        lines.append(f"purity {box.purity:.3f}, mostly {escape(box.majority)}")
    return "<br>".join(lines)
