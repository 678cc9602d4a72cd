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
from ...evaluate.errors import false_merges, false_splits, links_between, sides
from ...evaluate.link_decisions import WHY, read_rule
from ..style import CLEAR, GREY, INK, escape, styled
from .base import Explorer, text_pane
from .error_panes import between, level_by_level, side, two_sides
from .link_panes import Names
from .panes import checked_images

_KINDS = {"merges": "False merges", "splits": "False splits"}
_WORDS = "line-height:1.4;margin:2px 0 8px"
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

    kind = traitlets.Enum(list(_KINDS), default_value="merges")
    row = traitlets.Int()
    selection = traitlets.Int(-1)
    level = traitlets.Int(-1)

    def __init__(
        self,
        hierarchy: Hierarchy,
        names: Names,
        *,
        images: np.ndarray | None = None,
        n: int = 200,
        tau: float | None = None,
    ) -> None:
        super().__init__()
        self._hierarchy = hierarchy
        self._names = names
        self._images = images
        self._n = check_int(n, "n")
        self._rule = read_rule(hierarchy.levels, tau)
        splits = false_splits(hierarchy, names.labels, n=n, tau=self._rule.tau)
        self._tables = {"merges": false_merges(hierarchy, names.labels), "splits": splits}
        self._history = links_between(hierarchy, splits, self._rule)
        self._build()
        self._list_mistakes()

    @traitlets.validate("row")
    def _check_row(self, proposal: Any) -> int:
        return check_int(proposal["value"], "row", 0, max(0, self._shown() - 1))

    @property
    def table(self) -> pd.DataFrame:
        """All false merges, or the `n` costliest false splits, with the names of the images and classes."""
        table = self._tables[self.kind].copy()
        for end in ("child", "parent"):
            table[f"{end}_name"] = [self._names.image(i) if i >= 0 else "" for i in table[f"{end}_image"]]
        if "label" in table:
            table["class_name"] = [self._names.label(c) for c in table["label"]]
        return table

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
        return styled(figure, f"{_KINDS[self.kind]}, the costliest of {len(self.table):,}", height=160 + 27 * len(top))

    def _build(self) -> None:
        """Controls, panes and who listens to whom."""
        options = [(f"{name} ({len(self._tables[kind]):,})", kind) for kind, name in _KINDS.items()]
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

    def _shown(self) -> int:
        return min(self._n, len(self._tables[self.kind]))

    def _list_mistakes(self) -> None:
        """The list of the kind chosen, from its top."""
        rows = self._tables[self.kind].head(self._n).to_dict("records")
        say = self._merge_in_words if self.kind == "merges" else self._split_in_words
        before = self.row
        self._list.options = [(f"{i + 1}.  {say(row)}", i) for i, row in enumerate(rows)]
        self._number.max = max(1, self._shown())
        self.row = 0  # another row than before is shown by who observes it
        if before == 0:
            self._refresh()

    def _merge_in_words(self, row: dict[str, Any]) -> str:
        ends = " → ".join(self._class_of(row[f"{end}_image"]) for end in ("child", "parent"))
        return f"F lost {row['f_gain']:.4f}   {row['false_pairs']:,} false pairs   level {row['level']}   {ends}"

    def _split_in_words(self, row: dict[str, Any]) -> str:
        parts = f"{row['images_a']:,} + {row['images_b']:,} images of {self._names.label(row['label'])}"
        return f"F lost {row['f_gain']:.4f}   {row['pairs_missed']:,} pairs missed   {parts}"

    def _class_of(self, image: int) -> str:
        assert self._names.labels is not None  # mistakes are counted from them
        return self._names.label(int(self._names.labels[image]))

    def _pick(self, row: int | None) -> None:
        if row is not None:  # an empty list has none
            self.row = row

    def _refresh(self) -> None:
        """Show the mistake chosen."""
        table = self._tables[self.kind]
        if table.empty:
            self._sides.value = _NONE[self.kind]
            self.level = self.selection = -1
            self.say(f"{_KINDS[self.kind]}: none.")
            return
        self._list.value = self.row
        self._number.value = self.row + 1
        row = table.iloc[[self.row]].to_dict("records")[0]
        self._sides.value = self._merge(row) if self.kind == "merges" else self._split(row)
        self.level = int(row["level"])
        self.selection = int(row["child_image"])
        listed = (
            "all listed" if self._shown() == len(table) else f"the {self._shown():,} costliest listed, all in .table"
        )
        found = f"{len(table):,} found" if self.kind == "merges" else f"the {len(table):,} costliest looked for"
        self.say(f"{_KINDS[self.kind]}: number {self.row + 1} of {found}, {listed}.")

    def _merge(self, row: dict[str, Any]) -> str:
        below, rest = sides(self._hierarchy, row["level"], row["child"])
        why = WHY[1] if np.isnan(row["linkage"]) else WHY[0]
        link = self._link(row, why)
        words = (
            f"<div style='{_WORDS}'>"
            f"At level {row['level']} this link joined {row['false_pairs']:,} pairs of different classes, and "
            f"{row['right_pairs']:,} of one class. Without it pairwise F after that level would change by "
            f"<b>{row['f_gain']:+.4f}</b>.</div>"
        )
        left = side("Below the link", below, self._names, self._images)
        return words + two_sides(left, link, side("The rest of the cluster", rest, self._names, self._images))

    def _split(self, row: dict[str, Any]) -> str:
        members = [self._hierarchy.levels[-1].members(row[f"cluster_{x}"]).cpu().numpy() for x in "ab"]
        left, right = (
            side(f"Cluster {row[f'cluster_{x}']}", part, self._names, self._images)
            for x, part in zip("ab", members, strict=True)
        )
        link = self._link(row, row["why"]) if row["level"] >= 0 else f"<b>No link</b><br>{escape(row['why'])}"
        of = (self._history["cluster_a"] == row["cluster_a"]) & (self._history["cluster_b"] == row["cluster_b"])
        words = (
            f"<div style='{_WORDS}'>"
            f"{row['pairs_missed']:,} pairs of one class were kept apart. Joining the two clusters would change "
            f"pairwise F by <b>{row['f_gain']:+.4f}</b>.</div>"
        )
        return words + two_sides(left, link, right) + "<br>" + level_by_level(self._history[of], self._rule.tau)

    def _link(self, row: dict[str, Any], why: str) -> str:
        ends = row["child_image"], row["parent_image"]
        return between(*ends, row["linkage"], self._rule.tau, why, self._names, self._images)


def explore_errors(
    hierarchy: Hierarchy,
    images: Any = None,
    *,
    labels: Any,
    n: int = 200,
    tau: float | None = None,
    class_names: Sequence[str] = (),
    ids: Sequence[Any] | None = None,
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
    return ErrorExplorer(hierarchy, names, images=shown, n=n, tau=tau)
