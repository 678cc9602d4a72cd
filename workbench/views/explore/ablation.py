"""The ablation panel: flip a switch, see what the store has at once, let a thread compute what it has not."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import pandas as pd
import plotly.graph_objects as go
import traitlets

from ...evaluate.scores import FIGURES
from ...experiments.ablation import AblationData, Settings, describe
from ...experiments.ablation.queue import RunQueue
from ...experiments.ablation.settings import Grid
from ..figures.ablation_tables import ordered, results
from ..figures.parallel import SCORES, Axis, Range, inside, parallel_axes
from ..figures.setting_words import config_words, factor_words
from .ablation_figures import ResultFigure, RunsFigure, by_level
from .ablation_panes import PHASES, Filter, Switches, WorkRow, comparison, refusal, runs_table
from .base import WIDTH, text_pane
from .kept import KeptExplorer, kept

_SCORES = (*FIGURES, "nmi")
_OWN = "your own"
_LEFT = 500


class AblationExplorer(KeptExplorer):
    """What `explore_ablation` returns: see there.

    Attributes:
        choice: factor -> value of the configuration that is shown; can be set.
        value: the score that is shown, "pairwise_f", "bcubed_f", "item_f" or "nmi".
        test: the test set that is shown.
        brush: axis -> ranges [(low, high), ...]; for a factor, of positions of its values; can be set.
    """

    choice = traitlets.Dict()
    brush = traitlets.Dict()
    value = traitlets.Enum(_SCORES, "bcubed_f")
    test = traitlets.Unicode()
    run: RunQueue

    def __init__(self, run: RunQueue, reference: Mapping[str, Any], tests: Sequence[str]) -> None:
        super().__init__(run)
        self.reference = dict(reference)
        self._tests = list(tests)
        configs = pd.DataFrame(run.configs, dtype=object)
        self._factors = {name: ordered(configs[name]) for name in configs}
        self._wanted = False
        self._refused = ""
        self._shown_phase = run.phase
        self._switches = Switches(self._factors)
        self._build()
        self.choice = self.reference
        self._draw = self.guarded(self._draw_all)
        self.observe(self.guarded(lambda _: self._look_up()), "choice")
        self.observe(lambda _: self._draw(), ["value", "test", "brush"])
        self.run.add(self.reference)
        self.renew()

    @traitlets.validate("choice")
    def _check_choice(self, proposal: Any) -> dict[str, Any]:
        choice = {**self.reference, **proposal["value"]}
        for name, value in choice.items():
            if value not in self._factors.get(name, ()):
                known = {name: self._factors[name]} if name in self._factors else list(self._factors)
                raise ValueError(f"choice: expected one of {known}, got {name!r}: {value!r}")
        return choice

    @traitlets.validate("brush")
    def _check_brush(self, proposal: Any) -> dict[str, Any]:
        for name, ranges in proposal["value"].items():
            pairs = isinstance(ranges, Sequence) and all(isinstance(one, Sequence) and len(one) == 2 for one in ranges)
            if not pairs:
                raise ValueError(f"brush: expected ranges [(low, high), ...], got {ranges!r} for {name!r}")
        return dict(proposal["value"])

    @property
    def table(self) -> pd.DataFrame:
        """All runs that are done, as `run_grid` gives them."""
        return self.run.table

    @property
    def selection(self) -> pd.DataFrame:
        """The results inside all brushes, a row per run of this test set."""
        scored, axes, _ = self._results()
        return scored[inside(axes, self.brush)] if axes else scored

    def start(self) -> None:
        """Compute what is queued, and what is queued from now on."""
        self._wanted = True
        self._go_on()

    def stop(self) -> None:
        """End after the epoch it is in; what is done is kept, what waits stays queued. Does not wait."""
        self._wanted = False
        self.run.stop()
        self._draw()

    def queue_all(self) -> None:
        """Queue every configuration of the grid, after the chosen one."""
        for factors in reversed(self.run.configs):
            self.run.add(factors)
        self._look_up()

    def wait(self, timeout: float | int | None = None) -> pd.DataFrame:
        """Block until the queue is empty or stopped; the runs so far.

        Raises:
            RuntimeError: it was not started, or it failed (the cause is attached).
            TimeoutError: it is not done after `timeout` seconds; it goes on.
        """
        return self.run.wait(timeout)

    def static(self) -> go.Figure:
        """The chosen configuration beside the reference."""
        return self._result.static()

    def watch(self) -> None:
        """Show what is new, and go on with what was queued meanwhile; called on the worker thread."""
        self._wanted = self._wanted and self.run.phase != "failed"
        self.guarded(self._go_on)()

    def renew(self) -> None:
        """New figures that show the same."""
        self._result = ResultFigure(_LEFT)
        self._runs = RunsFigure([*self._factors, *SCORES], WIDTH)
        self._draw()
        self._result.go_live()
        self._runs.go_live(self.guarded(lambda brush: self.set_trait("brush", brush)))
        middle = widgets.HBox([self._result.figure, self._words])
        self.arrange(*self._controls, middle, self._runs.figure, self._filter.box, self._table)

    def _build(self) -> None:
        self._listed = {config_words(describe(factors)): factors for factors in self.run.configs}
        self._config = widgets.Dropdown(options=[_OWN, *self._listed], description="Configuration")
        self._config.style.description_width = "initial"
        score = widgets.Dropdown(options=[(factor_words(name), name) for name in _SCORES], description="Score")
        test = widgets.Dropdown(options=self._tests, description="Test set")
        for box, width in ((self._config, 380), (score, 190), (test, 220)):
            box.layout.width = f"{width}px"
        self._filter = Filter(self.guarded(self._slide), self.guarded(lambda _: self.set_trait("brush", {})))
        self._words = text_pane(330, WIDTH - _LEFT)
        self._table = text_pane(230)
        self._switches.on_change(self.guarded(lambda choice: self.set_trait("choice", choice)))
        self._config.observe(self.guarded(self._pick), "value")
        traitlets.link((self, "value"), (score, "value"))
        self.test = self._tests[0]
        traitlets.link((self, "test"), (test, "value"))
        presses = (self.start, self.stop, self.queue_all)
        self._work = WorkRow(*(self.guarded(lambda _, f=f: f()) for f in presses))
        self._controls = [widgets.HBox([self._config, score, test]), self._switches.box, self._work.box]

    def _pick(self, change: Any) -> None:
        if change["new"] != _OWN:
            self.choice = dict(self._listed[change["new"]])

    def _slide(self, ranges: list[Range]) -> None:
        """The slider is the brush of the score's axis, for who has no mouse."""
        others = {name: kept for name, kept in self.brush.items() if name != self.value}
        self.brush = {**others, self.value: ranges} if ranges else others

    def _look_up(self) -> None:
        """What the store has of the choice; what it has not is queued, before all others."""
        try:
            self.run.look_up(self.choice)
            self._refused = ""
        except ValueError as error:  # not every combination can be: that is said, it is no fault
            self._refused = str(error).removeprefix("grid: ")
        else:
            self.run.add(self.reference)
            self.run.add(self.choice)
        self._go_on()

    def _go_on(self) -> None:
        if self._wanted and self.run.waiting and not self.run.running:
            self.run.start()
        self._draw()

    def _results(self) -> tuple[pd.DataFrame, list[Axis], pd.DataFrame]:
        """Results with a score, their axes, and the runs that failed."""
        if self.table.empty or set(self.table["test"]) <= {""}:
            return pd.DataFrame(), [], self.table
        runs = results(self.table, (), self.test)
        scored = runs.dropna(subset=[self.value])
        return scored, parallel_axes(scored, self._factors, SCORES), runs[runs["error"] != ""]

    def _draw_all(self) -> None:
        chosen = describe(self.choice)
        reference = describe(self.reference)
        self._switches.show(self.choice)
        self._config.value = next((words for words, one in self._listed.items() if one == self.choice), _OWN)
        self._result.show(by_level(self.table, chosen, reference, self.test), self.value)
        same = (self.run, self.choice, self.reference, self.value, self.test)
        self._words.value = refusal(self._refused) if self._refused else comparison(*same)
        scored, axes, failed = self._results()
        kept_runs = scored[inside(axes, self.brush)] if axes else scored
        self._runs.show(axes, self.value, self.brush)
        self._filter.show(self.value, self.brush.get(self.value, ()))
        self._table.value = runs_table(kept_runs, len(scored), failed, list(self._factors), self.value)
        self._tell(len(kept_runs), len(scored))

    def _tell(self, inside_n: int, scored: int) -> None:
        run = self.run
        self._work.show(run)
        phase = run.phase  # once: a run on its thread may end meanwhile
        news = phase != self._shown_phase
        self._shown_phase = phase
        self.say(f"{inside_n} of {scored} runs inside the brushes. {PHASES.get(phase, '')}".strip())
        if news and phase == "failed" and run.error is not None:
            raise run.error  # caught and shown by the guard


def explore_ablation(
    grid: Grid,
    data: AblationData,
    store: str | os.PathLike[str],
    *,
    seeds: Sequence[int] = (0, 1, 2),
    base: Settings | None = None,
    reference: Mapping[str, Any] | None = None,
    device: str = "auto",
    name: str = "ablation",
) -> AblationExplorer:
    """Flip a switch per factor and see what it does: runs that the store has at once, the others computed for you.

    A choice is shown beside the reference, seed by seed and level by level, with the interval of the paired difference.
    What is missing of both is queued. Compute works through the queue on a worker thread, and goes on with whatever is
    queued later; Stop keeps what is done. A run that fails is a row with its error. Below, every run is a line through
    its settings and scores: drag along an axis, and the table shows the runs inside.

    A cell that is run again with equal arguments gets the same panel back: panels are kept by `name` as long as the
    kernel lives.

    Args:
        grid, data, store, seeds, base, device: see `ablation.run_grid`. Any combination of the grid's values can be
            chosen, not only its own configurations.
        reference: factor -> value; one configuration of the grid must fit it. None: the first.
        name: of the panel; two at the same time need two names.

    Returns: a widget with the traits `choice`, `value`, `test` and `brush`, the frames `table` and `selection`, and
        `start`, `stop`, `queue_all`, `wait`.

    Raises:
        ValueError: a grid that cannot be, seeds twice, a reference that fits no configuration or several.
        RuntimeError: another panel of this name is computing.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from workbench import FeatureSet
        >>> toy = FeatureSet(np.eye(4), np.array([0, 0, 1, 1]))
        >>> panel = explore_ablation({"lander.layers": [1, 2]}, AblationData(toy, {"toy": toy}), tempfile.mkdtemp())
        >>> panel.choice = {"lander.layers": 2}
        >>> len(panel.table), panel.phase, panel.errors
        (0, 'ready', [])
    """
    run = RunQueue(grid, data, store, seeds=seeds, base=base, device=device)
    first = run.one(reference)
    run.fingerprint += describe(first)
    return kept(name, run, lambda: AblationExplorer(run, first, list(data.tests)))
