"""The error browser: false merges and false splits, the costliest first, with the link that decided and both sides."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import traitlets

from ..._core.tables import write_csv
from ..._core.validation import check_int, check_labels
from ...cluster.levels import Hierarchy, check_hierarchy
from ..style import CLEAR, GREY, INK, escape, styled
from .base import Explorer, text_pane
from .error_panes import merge_html, split_html
from .error_state import KINDS, Mistakes
from .link_panes import Names
from .panes import checked_images

_HTML = {"merges": merge_html, "splits": split_html}
_NONE = {
    "merges": "<p>✔ No link joined images of different classes.</p>",
    "splits": "<p>✔ No class lies in more than one cluster.</p>",
}


class ErrorExplorer(Explorer):
    """What `explore_errors` returns: see there.

    Attributes:
        kind: "merges" or "splits"; can be set.
        row: which mistake is shown, 0 is the costliest; can be set.
        selection: the image at the lower end of the link shown; -1: none.
        level: of that link; -1: none.
    """

    kind = traitlets.Enum(list(KINDS), default_value="merges")
    row = traitlets.Int()
    selection = traitlets.Int(-1)
    level = traitlets.Int(-1)

    def __init__(self, mistakes: Mistakes, *, images: np.ndarray | None = None) -> None:
        super().__init__()
        self._mistakes = mistakes
        self._images = images
        self._build()
        self._list_mistakes()

    @traitlets.validate("row")
    def _check_row(self, proposal: Any) -> int:
        return check_int(proposal["value"], "row", 0, max(0, len(self._mistakes.listed[self.kind]) - 1))

    @property
    def table(self) -> pd.DataFrame:
        """All false merges, or the `n` costliest false splits, with the names of the images and classes."""
        return self._mistakes.named(self.kind)

    def export(self, path: str | os.PathLike[str]) -> Path:
        """Write `table` as CSV; an existing file is replaced only by a whole one.

        Raises:
            OSError: the file cannot be written.
        """
        write_csv(self.table, path)
        return Path(path)

    def static(self) -> go.Figure:
        """The ten costliest mistakes as a figure of text."""
        top = self.table.head(10)
        columns = {"F lost": [f"{v:.4f}" for v in top["f_gain"]], "level": top["level"].tolist()}
        columns |= {"link": [escape(f"{a} → {b}") for a, b in zip(top["child_name"], top["parent_name"], strict=True)]}
        ink = {"fill": {"color": CLEAR}, "font": {"color": INK}, "line": {"color": GREY}, "align": "left"}
        head = {"values": list(columns)}
        cells = {"values": list(columns.values()), "height": 26}
        figure = go.Figure(go.Table(header=head | ink, cells=cells | ink, columnwidth=[1, 1, 6]))
        return styled(figure, f"{KINDS[self.kind]}, the costliest of {len(self.table):,}", height=160 + 27 * len(top))

    def _build(self) -> None:
        """Controls, panes and who listens to whom."""
        tables = self._mistakes.tables
        options = [(f"{name} ({len(tables[kind]):,})", kind) for kind, name in KINDS.items()]
        self._kinds = widgets.ToggleButtons(options=options, style={"button_width": "auto"})
        self._list = widgets.Select(rows=8, layout=widgets.Layout(width="825px"))
        self._list.tooltip = "Mistakes, the costliest first"
        plain = {"style": {"description_width": "initial"}}
        narrow = widgets.Layout(width="110px")
        wide = widgets.Layout(width="210px")
        self._number = widgets.BoundedIntText(1, min=1, max=1, description="Number", layout=narrow, **plain)
        self._file = widgets.Text("errors.csv", description="File", layout=wide, **plain)
        self._export = widgets.Button(description="Export as CSV", tooltip="Write the whole table to this file")
        self._export.layout.width = "auto"
        self._sides = text_pane(580)
        traitlets.link((self, "kind"), (self._kinds, "value"))
        self.observe(self.guarded(lambda _: self._list_mistakes()), "kind")
        self._list.observe(self.guarded(lambda change: self._pick(change["new"])), "value")
        self._number.observe(self.guarded(lambda change: self._pick(change["new"] - 1)), "value")
        self.observe(self.guarded(lambda _: self._refresh()), "row")
        self._export.on_click(self.guarded(lambda _: self.say(f"Written: {self.export(self._file.value)}")))
        tools = widgets.HBox([self._kinds, self._number, self._file, self._export])
        tools.layout.align_items = "center"
        self.arrange(tools, self._list, self._sides)

    def _list_mistakes(self) -> None:
        """The list of the kind chosen, from its top."""
        rows = self._mistakes.listed[self.kind]
        before = self.row
        self._list.options = [(f"{i + 1}.  {self._mistakes.line(self.kind, row)}", i) for i, row in enumerate(rows)]
        self._number.max = max(1, len(rows))
        self.row = 0  # another row than before is shown by who observes it
        if before == 0:
            self._refresh()

    def _pick(self, row: int | None) -> None:
        if row is not None:  # an empty list has none
            self.row = row

    def _refresh(self) -> None:
        """Show the mistake chosen."""
        self.say(self._mistakes.status(self.kind, self.row + 1))
        rows = self._mistakes.listed[self.kind]
        if not rows:
            self._sides.value = _NONE[self.kind]
            self.level = self.selection = -1
            return
        self._list.value = self.row
        self._number.value = self.row + 1
        row = rows[self.row]
        self._sides.value = _HTML[self.kind](self._mistakes, row, self._images)
        self.level = int(row["level"])
        self.selection = int(row["child_image"])


def explore_errors(
    hierarchy: Hierarchy,
    images: Any = None,
    *,
    labels: Any,
    n: int = 200,
    tau: float | None = None,
    class_names: Sequence[str] = (),
    ids: Any = None,
) -> ErrorExplorer:
    """Look through what went wrong: links that joined two classes, and clusters of one class that no link joined.

    A mistake's cost is what pairwise F would gain without it (`workbench.evaluate.false_merges`, `false_splits`).

    Args:
        hierarchy: of the tree decode, e.g. `HiLander("glyphs-lander").fit(features).hierarchy_`.
        images: uint8 [N, H, W] or [N, H, W, 3], to be looked at.
        labels: true classes [N].
        n: mistakes listed; false splits beyond the `n` costliest are not looked for.
        tau: of the hierarchy; None: read off its links (`link_decisions.read_rule`).
        class_names: a name per class.
        ids: a name per image.

    Returns: a widget with the traits `kind` and `row`, to be read, set and observed, `selection` and `level`, to be
        linked to those of `explore_links`, the property `table` and the method `export(path)`.

    Raises:
        TypeError, ValueError: no tree decode, a wrong tau, or an argument that does not fit the hierarchy's images.

    Example:
        >>> import torch, workbench as wb
        >>> from workbench.cluster import similarity_predictor
        >>> x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        >>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=2, tau=0.9))
        >>> explorer = explore_errors(tree, labels=[0, 1, 0, 0])
        >>> explorer.table["false_pairs"].tolist(), explorer.selection
        ([1], 0)
        >>> explorer.kind = "splits"
        >>> explorer.table["class_name"].tolist(), explorer.errors
        (['class 0'], [])
    """
    n_images = len(check_hierarchy(hierarchy).labels)
    names = Names(n_images, check_labels(labels, n_images), class_names, ids)
    shown = checked_images(images, n_images)
    return ErrorExplorer(Mistakes(hierarchy, names, n=n, tau=tau), images=shown)
