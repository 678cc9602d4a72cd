"""Switches and words of the ablation panel. Every text from data is escaped here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import pandas as pd

from ...experiments.ablation import describe, effects
from ...experiments.ablation.queue import Factors, RunQueue
from ..figures.parallel import SCORES, Range
from ..figures.setting_words import config_words, factor_words, value_words
from ..style import counted, escape
from .panes import frame_table

_BUTTONS = 4  # values that are shown as buttons; more are a list
_MOST = 40  # rows of the table
PHASES = {
    "ready": "Compute runs what is queued.",
    "done": "Nothing is left in the queue.",
    "stopped": "Stopped: what is done is kept.",
}


class Switches:
    """A switch per factor: buttons, or a list where there are many values.

    Args:
        options: factor -> its values.

    Example:
        >>> switches = Switches({"lander.layers": [1, 2]})
        >>> switches.show({"lander.layers": 2})
        >>> switches.choice
        {'lander.layers': 2}
    """

    def __init__(self, options: Mapping[str, Sequence[Any]]) -> None:
        self._options = {name: list(values) for name, values in options.items()}
        self._of = {name: _switch(name, values) for name, values in self._options.items()}
        self._showing = False
        self.box = widgets.HBox(list(self._of.values()), layout=widgets.Layout(flex_flow="row wrap"))

    @property
    def choice(self) -> dict[str, Any]:
        """Factor -> the value that is switched on."""
        return {name: self._options[name][switch.value] for name, switch in self._of.items()}

    def show(self, choice: Mapping[str, Any]) -> None:
        """Switch these values on, all together: nobody is called with some of them flipped."""
        self._showing = True
        try:
            for name, switch in self._of.items():
                switch.value = self._options[name].index(choice[name])
        finally:
            self._showing = False

    def on_change(self, f: Callable[[dict[str, Any]], Any]) -> None:
        """Call `f(choice)` when one is flipped by hand."""
        for switch in self._of.values():
            switch.observe(lambda _: self._showing or f(self.choice), "value")


def _switch(name: str, values: Sequence[Any]) -> Any:
    """Its value is a position: 1 and True are different settings."""
    kind = widgets.ToggleButtons if len(values) <= _BUTTONS else widgets.Dropdown
    made = kind(options=[(value_words(value), i) for i, value in enumerate(values)], description=factor_words(name))
    made.style.description_width = "150px"
    if kind is widgets.ToggleButtons:
        made.style.button_width = "auto"
    made.layout.margin = "2px 18px 2px 0"
    return made


class WorkRow:
    """Buttons of the work, and how far it is.

    Args:
        start, stop, every: called with the button that was pressed.
    """

    def __init__(self, start: Callable[[Any], Any], stop: Callable[[Any], Any], every: Callable[[Any], Any]) -> None:
        compute = widgets.Button(description="Compute", icon="play", button_style="primary")
        self._stop = widgets.Button(description="Stop", icon="stop", tooltip="Keep what is done")
        queue = widgets.Button(description="Queue all", icon="list", tooltip="Every configuration of the grid")
        self._bar = widgets.IntProgress(0, 0, 1)
        self._count = widgets.HTML()
        self._bar.layout.width = "150px"
        self._bar.layout.flex = "none"
        for button, press in ((compute, start), (self._stop, stop), (queue, every)):
            button.on_click(press)
            button.layout.width = "110px"
            button.layout.flex = "none"
        self.box = widgets.HBox([compute, self._stop, queue, self._bar, self._count])

    def show(self, run: RunQueue) -> None:
        """Runs that are there, the one that is computed, those that wait."""
        total = len(run.configs) * len(run.seeds)
        there = total - sum(len(run.missing(factors)) for factors in run.configs)
        self._bar.max = total
        self._bar.value = there
        self._bar.bar_style = {"failed": "danger", "stopped": "warning"}.get(run.phase, "info")
        current = run.current
        now = f" · computing {config_words(describe(current[0]))}, seed {current[1]}" if current else ""
        waits = sum(one != current for one in run.waiting)
        left = f", about {run.seconds_left:.0f} s left" if run.running and run.seconds_left > 0 else ""
        self._count.value = paragraph(f"{there} of {total} runs there{now} · {waits} queued{left}")
        self._stop.disabled = not run.running


class Filter:
    """A slider for the score, as a brush needs a mouse, and a button that clears all brushes.

    Args:
        slid: called with the ranges that the score is to lie in; none: it is free.
        cleared: called with the button.
    """

    def __init__(self, slid: Callable[[list[Range]], Any], cleared: Callable[[Any], Any]) -> None:
        self._slider = widgets.FloatRangeSlider(value=(0, 1), min=0, max=1, step=0.001, continuous_update=False)
        self._slider.style.description_width = "90px"
        self._slider.readout_format = ".3f"
        self._slider.layout.width = "440px"
        self._showing = False
        self._slider.observe(lambda _: self._showing or slid(self._ranges()), "value")
        clear = widgets.Button(description="Clear brushes", icon="eraser")
        clear.on_click(cleared)
        self.box = widgets.HBox([self._slider, clear])

    def _ranges(self) -> list[Range]:
        low, high = self._slider.value
        return [] if (low, high) == (0.0, 1.0) else [(low, high)]

    def show(self, value: str, ranges: Sequence[Range]) -> None:
        """Show what holds of a score; several ranges as the one around them."""
        low = min((low for low, _ in ranges), default=0.0)
        high = max((high for _, high in ranges), default=1.0)
        self._showing = True
        try:
            self._slider.description = factor_words(value)
            self._slider.value = (min(max(low, 0.0), 1.0), max(min(high, 1.0), 0.0))
        finally:
            self._showing = False


def scores_of(table: pd.DataFrame, config: str, value: str, test: str) -> dict[int, Any]:
    """Seed -> the score after the last level, or the error of the run.

    Example:
        >>> row = {"config": "a", "seed": 0, "test": "t", "last": True, "error": "", "f": 0.5}
        >>> scores_of(pd.DataFrame([row]), "a", "f", "t")
        {0: 0.5}
    """
    if table.empty:
        return {}
    own = table[(table["config"] == config) & table["last"] & table["test"].isin(["", test])]
    return {int(row["seed"]): row["error"] or row[value] for row in own.to_dict("records")}


def comparison(run: RunQueue, choice: Factors, reference: Factors, value: str, test: str) -> str:
    """The chosen configuration and the reference: what may be said, and a row per seed."""
    configs = describe(choice), describe(reference)
    rows: dict[str, list[Any]] = {"seed": run.seeds}
    for who, config, factors in zip(("chosen", "reference"), configs, (choice, reference), strict=True):
        found = scores_of(run.table, config, value, test)
        rows[who] = [_state(run, found, seed, factors) for seed in run.seeds]
    names = paragraph(f"Chosen: {config_words(configs[0])}") + paragraph(f"Reference: {config_words(configs[1])}")
    return names + paragraph(verdict(run.table, reference, configs, value, test)) + frame_table(pd.DataFrame(rows))


def _state(run: RunQueue, found: Mapping[int, Any], seed: int, factors: Factors) -> str:
    """The score of a run, or where it is."""
    if seed in found:
        return f"{found[seed]:.4f}" if isinstance(found[seed], float) else f"failed: {found[seed]}"
    if run.current == (factors, seed):
        return "computing"
    return "queued" if (factors, seed) in run.waiting else "missing"


def refusal(why: str) -> str:
    """That a combination of values cannot be.

    Example:
        >>> "cannot be: &lt;" in refusal("<")
        True
    """
    return paragraph(f"This combination cannot be: {why}")


def verdict(table: pd.DataFrame, reference: Mapping[str, Any], configs: Sequence[str], value: str, test: str) -> str:
    """What may be said of the difference, in a sentence; plain text.

    Args:
        table: from `run_grid`.
        reference: factor -> value.
        configs: names of the chosen configuration and of the reference.
        value, test: score and test set.
    """
    if configs[0] == configs[1]:
        return "This is the reference. Flip a switch to compare."
    kinds = [scores_of(table, config, value, test) for config in configs]
    seeds = [{seed for seed, score in found.items() if isinstance(score, float)} for found in kinds]
    if not seeds[0] & seeds[1]:
        return "No seed has a result of both yet: press Compute."
    pair = table[table["config"].isin(configs) & (table["test"] == test)]
    row = effects(pair, reference, value=value).iloc[0]
    words = f"Chosen less reference: {row['mean']:+.4f}, n = {counted(row['n'], 'seed')}"
    if row["n"] == 1:
        return f"{words}. One pair has no interval: nothing can be said yet."
    shown = "which is better" if row["low"] <= 0 <= row["high"] else f"that chosen is {_side(row['mean'])}"
    verb = "do not show" if row["low"] <= 0 <= row["high"] else "show"
    return f"{words}, 95 % t-interval {row['low']:+.4f} to {row['high']:+.4f}. These seeds {verb} {shown}."


def _side(mean: float) -> str:
    return "better" if mean > 0 else "worse"


def runs_table(selection: pd.DataFrame, n: int, failed: pd.DataFrame, factors: Sequence[str], value: str) -> str:
    """The runs inside all brushes, best first, and those that failed.

    Args:
        selection: a row per run inside.
        n: runs with a score in all.
        failed: a row per run that failed.
        factors: columns of settings.
        value: score to sort by.
    """
    inside = selection.sort_values(value, ascending=False, kind="stable") if n else selection
    more = f"; the best {_MOST}" if len(inside) > _MOST else ""
    words = f"<b>{len(inside)} of {n} runs inside the brushes{more}</b>"
    if len(inside):
        shown = inside[[*factors, "seed", *SCORES]].head(_MOST)
        words += frame_table(
            shown.assign(**{f: shown[f].map(value_words) for f in factors}).rename(columns=factor_words)
        )
    if len(failed):
        words += f"<b>{len(failed)} failed</b>" + frame_table(failed[["config", "seed", "error"]])
    return words


def paragraph(text: str) -> str:
    """Plain text as a paragraph.

    Example:
        >>> paragraph("<b>")
        "<p style='line-height:1.4;margin:0 0 6px'>&lt;b&gt;</p>"
    """
    return f"<p style='line-height:1.4;margin:0 0 6px'>{escape(text)}</p>"
