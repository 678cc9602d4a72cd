"""Settings and their values in words, as pictures of ablations call them. Plain text: whoever shows it escapes it."""

from __future__ import annotations

from typing import Any

from ..style import SCORE_NAMES

_FACTORS = {
    "average": "average feature",
    "classes": "share of classes",
    "complete_lists": "complete lists only",
    "conv": "convolution",
    "decoder": "decode",
    "density_weight": "weight of density loss",
    "gamma": "focal gamma",
    "hidden": "hidden width",
    "hops": "subgraph hops",
    "identity": "own feature",
    "images": "share of images",
    "inputs": "inputs",
    "k": "neighbours k",
    "link_weight": "weight of link loss",
    "links": "links in the loss",
    "longest": "longest lists",
    "max_levels": "most levels",
    "metric": "compared by",
    "precision": "number format",
    "policy": "trained on levels",
    "search": "neighbours by",
}
_COLUMNS = {**SCORE_NAMES, "n_clusters": "clusters", "seconds_training": "training, s", "test": "test set"}
_VALUES = {"True": "yes", "False": "no", "None": "as is"}


def factor_words(name: str) -> str:
    """A setting or a column in words.

    Example:
        >>> factor_words("inference.max_levels"), factor_words("use.k"), factor_words("training.batch_size")
        ('most levels', 'neighbours k in use', 'batch size')
    """
    last = name.rsplit(".", 1)[-1]
    words = _COLUMNS.get(name) or _FACTORS.get(last) or last.replace("_", " ")
    return f"{words} in use" if name.startswith("use.") else words


def value_words(value: Any) -> str:
    """A value in words.

    Example:
        >>> value_words(True), value_words((4, 8)), value_words("on-policy"), value_words(0.5)
        ('yes', '4, 8', 'on-policy', '0.5')
    """
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return _VALUES.get(str(value), str(value))


def config_words(config: str) -> str:
    """The name of a configuration (`ablation.describe`) in words; another name stays as it is.

    Example:
        >>> config_words("max_levels=1, identity=False"), config_words("two models")
        ('most levels 1, own feature no', 'two models')
    """
    pairs = [part.partition("=") for part in config.split(", ")]
    if not all(equals for _, equals, _ in pairs):
        return config
    return ", ".join(f"{factor_words(name)} {value_words(value)}" for name, _, value in pairs)
