"""An ablation declared in a file of a few lines (TOML).

```
data = "glyphs"                          # may be left out: the command line has --data
seeds = 5                                # 0 to 4; or a list of seeds
reference = {"lander.conv" = "gcn"}      # the others are compared with it; left out: the first configuration

[base]                                   # changes to the frozen base of the presets
training.epochs = 40

[grid]                                   # every combination of the values ...
lander.conv = ["gcn", "gat"]
lander.layers = [1, 2]

[[change]]                               # ... or in its place a table for each configuration; an empty one: the base

[[change]]
tau = 0.5
```
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..._core.files import naming_file, reading, regular_file
from ..._core.validation import check_int
from .effects import effects
from .presets import ABLATION_BASE
from .run import AblationData
from .settings import Grid, Settings, configurations, describe
from .sweep import run_grid

MOST_SEEDS = 10_000  # of training; a file that asks for more has a slip in it
KEYS = ("data", "seeds", "reference", "base", "grid", "change")


@dataclass(frozen=True)
class GridFile:
    """What a grid file declares.

    Attributes:
        grid: for `run_grid`.
        base: what the grid changes.
        reference: the configuration that the others are compared with, in the words of the column `config`.
        seeds: of the training; empty where the file names none.
        data: a built-in data set; empty where the file names none.
    """

    grid: Grid
    base: Settings
    reference: str
    seeds: tuple[int, ...] = ()
    data: str = ""

    def run(self, data: AblationData, store: str | os.PathLike[str], **settings: Any) -> pd.DataFrame:
        """`run_grid` of its grid from its base.

        Args:
            data, store, settings: see `run_grid`.
        """
        return run_grid(self.grid, data, store, base=self.base, **settings)

    def effects(self, runs: pd.DataFrame, *, value: str = "bcubed_f") -> pd.DataFrame:
        """`ablation.effects` against the reference.

        Args:
            runs: of `run_grid`.
            value: the score to compare.
        """
        return effects(runs, self.reference, value=value)


def read_grid(path: str | os.PathLike[str]) -> GridFile:
    """The ablation that a TOML file declares; the module's head shows one.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not TOML; an unknown key or setting (names the nearest), a value that cannot be, no grid or two, a
            reference that fits no configuration or several. Names the file.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> file = Path(tempfile.mkdtemp()) / "mine.toml"
        >>> _ = file.write_text("seeds = 3\\n[grid]\\nlander.hidden = [32, 64]")
        >>> mine = read_grid(file)
        >>> mine.grid, mine.seeds, mine.reference
        ({'lander.hidden': [32, 64]}, (0, 1, 2), 'hidden=32')
    """
    with reading(path, "grid file"):
        declared = tomllib.loads(regular_file(path).read_text(encoding="utf-8"))
        with naming_file(path):
            return _checked(declared)


def _checked(declared: Mapping[str, Any]) -> GridFile:
    for key in declared:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.3) or KEYS
            raise ValueError(f"there is no key {key!r}; did you mean {' or '.join(map(repr, near))}?")
    base = ABLATION_BASE
    for name, value in _flat(_table(declared, "base")).items():
        base = base.change(name, value)
    grid = _grid(declared)
    return GridFile(grid, base, _reference(declared, grid, base), _seeds(declared), _word(declared, "data"))


def _grid(declared: Mapping[str, Any]) -> Grid:
    if ("grid" in declared) == ("change" in declared):
        raise ValueError("expected either [grid] (every combination of values) or [[change]] (one table each)")
    if "grid" in declared:
        return _flat(_table(declared, "grid"))
    changes = declared["change"]
    if not isinstance(changes, list) or not all(isinstance(change, dict) for change in changes):
        raise ValueError("change: expected a table for each configuration, headed [[change]] in double brackets")
    return [_flat(change) for change in changes]


def _reference(declared: Mapping[str, Any], grid: Grid, base: Settings) -> str:
    wanted = {name: _frozen(value) for name, value in _flat(_table(declared, "reference")).items()}
    there = [factors for factors, _ in configurations(grid, base)]
    if "reference" not in declared:
        return describe(there[0])
    fits = [describe(f) for f in there if all(name in f and f[name] == value for name, value in wanted.items())]
    if len(fits) != 1:
        told = ", ".join(repr(describe(factors)) for factors in there)
        raise ValueError(f"reference: expected one configuration, {wanted} fits {len(fits)}; there is: {told}")
    return fits[0]


def _seeds(declared: Mapping[str, Any]) -> tuple[int, ...]:
    """A number n means 0 to n - 1."""
    seeds = declared.get("seeds", [])
    if isinstance(seeds, Sequence) and not isinstance(seeds, str):
        return tuple(check_int(seed, "seeds", low=0) for seed in seeds)
    return tuple(range(check_int(seeds, "seeds", high=MOST_SEEDS)))


def _table(declared: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = declared.get(key, {})
    if not isinstance(table, dict):
        raise ValueError(f"{key}: expected a table of settings, got {table!r}")
    return table


def _word(declared: Mapping[str, Any], key: str) -> str:
    word = declared.get(key, "")
    if not isinstance(word, str):
        raise ValueError(f"{key}: expected a name, got {word!r}")
    return word


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted names: TOML reads `lander.hidden` as a table within a table."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def _frozen(value: Any) -> Any:
    """Settings hold tuples, TOML lists."""
    return tuple(value) if isinstance(value, list) else value
