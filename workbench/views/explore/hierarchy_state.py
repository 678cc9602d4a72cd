"""What the hierarchy explorer knows of a clustering, and its sentences: no widgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int, Int64

from ..._core.validation import check_int, check_labels
from ...cluster.levels import Hierarchy

Images = Int64[np.ndarray, " _"]  # numbers of images
Facts = tuple[str, dict[str, Any]]  # a heading and a table


class HierarchyState:
    """A hierarchy's layers with the truth, and what there is to say of a level, a selection and an image.

    Args:
        hierarchy: the clustering.
        frame: a row per image (`cluster_frame`).
        class_names: a name per class.

    Attributes:
        layers: labels [N] after each level.
        truth: true classes [N]; None: not known.
    """

    def __init__(self, hierarchy: Hierarchy, frame: pd.DataFrame, class_names: Sequence[str] = ()) -> None:
        self.levels = hierarchy.levels
        self.layers = hierarchy.layers
        self.frame = frame
        self.truth: Images | None = frame["label"].to_numpy() if "label" in frame else None
        self._class_names = tuple(map(str, class_names))

    @property
    def last(self) -> int:
        """The last level that can be shown."""
        return len(self.layers) - 1

    def check_level(self, level: Any) -> int:
        """A level that can be shown."""
        return check_int(level, "level", 0, self.last)

    def check_selection(self, images: Any) -> Images:
        """Numbers of images, rising, each once."""
        if images is None:
            raise TypeError("selection: expected numbers of images, got None; of none: []")
        chosen = np.unique(check_labels(images, name="selection"))
        n = len(self.frame)
        if len(chosen) and not 0 <= chosen[0] <= chosen[-1] < n:
            raise ValueError(f"selection: expected numbers of images, 0 to {n - 1}, got {chosen[0]} to {chosen[-1]}")
        return chosen

    def members(self, level: int, cluster: int) -> Images:
        """Images of a cluster of a level; of -1 none."""
        return np.flatnonzero(self.layers[level] == cluster)

    def clusters_of(self, level: int, images: Images) -> Int[np.ndarray, " c"]:
        """The clusters of a level that hold these images."""
        return np.unique(self.layers[level][images])

    def sizes(self, level: int) -> Int[np.ndarray, " c"]:
        """Images of each cluster of a level."""
        return np.bincount(self.layers[level], minlength=self.levels[level].n_clusters)

    def truth_title(self) -> list[str]:
        """Over the map of the truth, if there is one."""
        return [] if self.truth is None else [f"truth: {len(np.unique(self.truth)):,} classes"]

    def title(self, level: int) -> str:
        """Over the map of a level."""
        return f"level {level}: {self.levels[level].n_clusters:,} clusters"

    def status(self, level: int, selection: Images, n_drawn: int) -> str:
        """What is shown, in a sentence."""
        n = len(self.frame)
        clusters = self.title(level).capitalize()
        drawn = (
            "all drawn" if n_drawn == n else f"a sample of {n_drawn:,} drawn, clusters of the last level thinned alike"
        )
        chosen = f"{len(selection):,} selected" if len(selection) else "nothing selected"
        return f"{clusters} of {n:,} images ({drawn}); {chosen}."

    def of_selection(self, level: int, selection: Images, box: pd.Series | None) -> Facts:
        """What the selected images are.

        Args:
            level: shown.
            selection: at least one image.
            box: row of the tree if the selection is one whole cluster.
        """
        held = self.clusters_of(level, selection)
        rows: dict[str, Any] = {"images": len(selection), f"clusters (level {level})": len(held)}
        if self.truth is not None:
            classes, counts = np.unique(self.truth[selection], return_counts=True)
            most = counts.argmax()
            rows |= {"classes": len(classes), "purity": counts[most] / len(selection)}
            rows["majority class"] = self._class_name(int(classes[most]))
        rows["mean density (level 0)"] = float(self.frame["density"].to_numpy()[selection].mean())
        if box is None:
            return "Selection", rows
        return f"Level {level}, cluster {held[0]}: {box['name']}", rows | {"peak": f"image {box['peak']}"}

    def of_image(self, level: int, image: int) -> Facts:
        """What one image is."""
        row = self.frame.iloc[image]
        cluster = int(self.layers[level][image])
        rows: dict[str, Any] = {f"cluster (level {level})": cluster}
        rows["its size"] = len(self.members(level, cluster))
        if self.truth is not None:
            rows["class"] = self._class_name(int(row["label"]))
        rows["density (level 0)"] = float(row["density"])
        return str(row.get("name", f"image {image}")), rows

    def _class_name(self, label: int) -> str:
        return self._class_names[label] if self._class_names else f"class {label}"
