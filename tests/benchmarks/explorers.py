"""How long the kernel takes to answer each control of each explorer: `python tests/benchmarks/explorers.py`.

Writes explorers.md beside this file. Times are of the callback in the kernel, all messages to the browser made, and are
never asserted: they are a machine's own. Images are drawn letters and signs, in sets of 1,000, 10,000 and 50,000.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comm
import ipywidgets as widgets
import numpy as np
import pandas as pd
import torch
from comm.base_comm import BaseComm
from plotly.callbacks import Points

import workbench as wb
from workbench.evaluate.toy_tables import PRESETS
from workbench.views import explore
from workbench.views.explore.base import walk

SIZES = (1_000, 10_000, 50_000)
TIMES = 12  # that each control is moved
EPOCHS = 8
HEAD = """# Latency of the explorers' controls

Milliseconds that the kernel takes to answer, median / worst, and kilobytes that go to the browser, which then draws.
Written by `python tests/benchmarks/explorers.py` on {machine}.
Other programs at work on the same cores lengthen the worst. Not counted at 50,000: plotly's code, 5 MB, once per page.

Level 0 answers while tau moves; the levels above are run once it rests, on a thread of their own. "Try each alone"
builds two hierarchies for every level. Maps draw at most 50,000 images, a sample beyond, as their status strip says.

"""
Step = tuple[str, Callable[[], Any]]  # the control, and what moves it
sent = 0  # bytes on their way to the browser


class Channel(BaseComm):
    """Messages to a browser that is not there, packed and counted."""

    def publish_msg(self, msg_type: str, data: Any = None, *, buffers: Any = None, **more: Any) -> None:
        global sent
        sent += len(json.dumps(data or {})) + sum(memoryview(part).nbytes for part in buffers or ())


@dataclass(frozen=True)
class Inputs:
    """Images with what every explorer needs of them; `settings` are those of the model."""

    images: np.ndarray
    labels: np.ndarray
    features: np.ndarray
    xy: np.ndarray
    model: wb.HiLander


def inputs(n: int) -> Inputs:
    """`n` images of letters whole class by class; where there are too few, all again with noise on their features."""
    test = wb.load("glyphs", split="test-unseen")
    order = np.random.default_rng(0).permutation(test.labels.max() + 1)
    turn = np.argsort(order[test.labels], kind="stable")
    rows = np.resize(turn, n)
    features = np.asarray(wb.load_checkpoint("glyphs-encoder").embed(test.images))[rows]
    noise = np.random.default_rng(1).normal(size=features.shape) / np.sqrt(features.shape[1])
    again = (np.arange(n) >= len(turn))[:, None]
    features = np.float32(features + np.where(again, 0.3 * np.linalg.norm(features, axis=1, keepdims=True) * noise, 0))
    plane = np.linalg.svd(features[:2000] - features.mean(axis=0), full_matrices=False)[2][:2]
    model = wb.HiLander(wb.load_checkpoint("glyphs-lander")).fit(features)
    return Inputs(test.images[rows], test.labels[rows], features, np.float32(features @ plane.T), model)


def setting(control: str, explorer: Any, trait: str, values: Sequence[Any]) -> Iterator[Step]:
    """Set a trait to one value after the other."""
    for value in values:
        yield control, lambda value=value: setattr(explorer, trait, value)


def pressing(control: str, explorer: Any, times: int = TIMES) -> Iterator[Step]:
    """Press a button of this text, or whose text begins so."""
    buttons = [w for w in walk(explorer) if isinstance(w, widgets.Button)]
    button = next(b for b in buttons if b.description.startswith(control))
    for _ in range(times):
        yield f"button: {button.description}", button.click


def pointing(control: str, trace: Any, event: str, points: Sequence[Sequence[int]]) -> Iterator[Step]:
    """Click, lasso or point at points of a figure."""
    for some in points:
        yield control, lambda some=some: getattr(trace, f"_dispatch_on_{event}")(Points(point_inds=list(some)), None)


def some(n: int, times: int = TIMES) -> list[int]:
    """Numbers below `n`, drawn with a fixed seed."""
    return np.random.default_rng(2).integers(n, size=times).tolist()


def hierarchy(explorer: Any, x: Inputs) -> Iterator[Step]:
    levels = list(itertools.islice(itertools.cycle(range(len(x.model.hierarchy_.layers))), TIMES))
    trace, n = explorer._map.figure.data[0], len(x.labels)
    yield from setting("level", explorer, "level", levels)
    yield from pointing("point at an image", trace, "hover", [[i] for i in some(n)])
    yield from pointing("click an image", trace, "click", [[i] for i in some(n)])
    yield from pointing("lasso a tenth", trace, "selection", [range(i, n, 10) for i in range(TIMES // 2)])
    yield from setting("level, a tenth selected", explorer, "level", levels)
    yield from pressing("Clear selection", explorer, 1)
    for i in range(TIMES):  # each click draws other boxes
        box = [i % len(explorer._boxes.drawn)]
        yield from pointing("click a box", explorer._boxes.figure.data[0], "click", [box])


def tau(explorer: Any, x: Inputs) -> Iterator[Step]:
    trace, n = explorer._map.figure.data[0], len(x.labels)
    yield from setting("tau: level 0", explorer, "tau", np.linspace(0, 1, TIMES).tolist())
    for value in (0.3, 0.6, 0.9):
        yield "", lambda value=value: explorer.set_trait("tau", value)
        yield "levels above, once tau rests", explorer.settle
    yield from setting("colour by", explorer._by, "value", ["last level", "truth", "level 0"] * (TIMES // 3))
    yield from pointing("point at an image", trace, "hover", [[i] for i in some(n)])
    yield from pressing("Model's tau", explorer, 1)
    yield "", explorer.settle


def links(explorer: Any, x: Inputs) -> Iterator[Step]:
    n = len(x.labels)
    levels = list(itertools.islice(itertools.cycle(reversed(range(len(x.model.hierarchy_.levels)))), TIMES))
    yield from setting("image number", explorer, "selection", some(n))
    yield from pointing("click an image", explorer._view.figure.data[0], "click", [[i] for i in some(n)[::-1]])
    yield from setting("level", explorer, "level", levels)
    yield "", lambda: explorer.set_trait("level", 0)
    for image in some(n):
        yield "", lambda image=image: explorer.set_trait("selection", image)
        yield from (*pressing("To the parent", explorer, 1), *pressing("To the peak", explorer, 1))
        yield from pressing("Back", explorer, 1)


def errors(explorer: Any, x: Inputs) -> Iterator[Step]:
    for kind in ("splits", "merges"):
        yield from setting("kind", explorer, "kind", [kind])
        yield from setting(
            f"number, {kind}", explorer, "row", range(1, min(TIMES + 1, len(explorer._mistakes.listed[kind])))
        )
    with tempfile.TemporaryDirectory() as place:
        explorer._file.value = str(Path(place) / "errors.csv")
        yield from pressing("Export", explorer, 3)


def oracle(explorer: Any, x: Inputs) -> Iterator[Step]:
    n = len(x.labels)
    for head in ("links", "density"):
        for box in explorer._boxes[head]:
            yield from setting(f"true {head}, first time", box, "value", [True])
    yield from pressing("Reset", explorer, 1)
    for box in explorer._boxes["links"]:
        yield from setting("true links, again", box, "value", [True, False])
    yield from setting("node", explorer._picker._node, "value", some(n))
    yield from setting("level", explorer._picker._level, "value", [1, 0] * (TIMES // 2))
    ends = [end for _, end in explorer._picker._link.options]
    yield from setting("link", explorer._picker._link, "value", ends)
    for image in some(n)[:4]:
        yield "", lambda image=image: setattr(explorer._picker._node, "value", image)
        yield "button: Force / Forbid link", explorer._flip.click
        yield from pressing("Undo", explorer, 1)
    yield from pressing("Try each alone", explorer, 2)


def metric(explorer: Any, x: Inputs) -> Iterator[Step]:
    yield from setting("preset", explorer, "table", list(PRESETS.values()))
    yield from setting("a cell", explorer._cells[0][0], "value", range(TIMES))
    yield from setting("classes", explorer._size[0], "value", [1, 4, 6])


def training(explorer: Any, x: Inputs) -> Iterator[Step]:
    """While it trains, as it is used; on two cores the worker takes its share."""
    yield from pressing("Start", explorer, 1)
    while explorer.run.epoch < EPOCHS // 2 and explorer.run.running:
        time.sleep(1)
        yield "curves, new points", explorer._draw
    yield from pressing("Stop", explorer, 1)
    yield "", explorer.wait


def makers(x: Inputs) -> dict[str, tuple[Callable[[], Any], Callable[[Any, Inputs], Iterator[Step]]]]:
    """How each explorer is opened, and how its controls are moved."""
    tree, lander = x.model.hierarchy_, wb.load_checkpoint("glyphs-lander")
    given = {"images": x.images, "labels": x.labels}
    run = {"training": wb.TrainConfig(epochs=EPOCHS), "name": f"{len(x.labels):,} images"}
    return {
        "hierarchy": (lambda: explore.explore_hierarchy(tree, **given, xy=x.xy), hierarchy),
        "tau": (lambda: explore.explore_tau(x.model, x.features, x.labels, images=x.images, xy=x.xy), tau),
        "links": (lambda: explore.explore_links(tree, **given, xy=x.xy), links),
        "errors": (lambda: explore.explore_errors(tree, **given), errors),
        "oracle": (lambda: explore.explore_oracle(lander, x.features, x.labels, images=x.images, xy=x.xy), oracle),
        "metric": (explore.explore_metric, metric),
        "training": (lambda: explore.explore_training(x.features, x.labels, **run), training),
    }


def measured(n: int, only: Sequence[str]) -> pd.DataFrame:
    """A row per action: explorer, control, images, milliseconds, kilobytes."""
    global sent
    x, rows = inputs(n), []
    print(f"{n:,} images: {[level.n_nodes for level in x.model.hierarchy_.levels]} nodes", flush=True)
    for name, (make, steps) in makers(x).items():
        if name not in (only or [name]):
            continue
        start, sent = time.perf_counter(), 0
        explorer = make()
        rows.append((name, "opened", n, 1e3 * (time.perf_counter() - start), sent / 1e3))
        for control, action in steps(explorer, x):
            start, sent = time.perf_counter(), 0
            action()
            rows.append((name, control, n, 1e3 * (time.perf_counter() - start), sent / 1e3))
        assert explorer.errors == [], explorer.errors
        explorer.settle()
        print(f"  {name}: slowest {max(row[3] for row in rows if row[0] == name and row[1]):,.0f} ms", flush=True)
    return pd.DataFrame([row for row in rows if row[1]], columns=["explorer", "control", "images", "ms", "kB"])


def table(found: pd.DataFrame) -> str:
    """Markdown: a row per control, median and worst milliseconds per number of images, kilobytes of the largest."""
    sizes = sorted(found["images"].unique())
    times = found.groupby(["explorer", "control", "images"])["ms"].agg(["median", "max"]).round().astype(int)
    heaviest = found[found["images"] == sizes[-1]].groupby(["explorer", "control"])["kB"].median()
    lines = ["| explorer | control | " + " | ".join(f"{n:,} images" for n in sizes) + f" | kB at {sizes[-1]:,} |"]
    lines += ["|---|---|" + "---:|" * (len(sizes) + 1)]
    ordered = found.sort_values("images", ascending=False, kind="stable")  # the largest has every control
    for key in dict.fromkeys(zip(ordered["explorer"], ordered["control"], strict=True)):
        cells = [times.loc[(*key, n)] if (*key, n) in times.index else None for n in sizes]
        shown = ["–" if cell is None else f"{cell['median']:,} / {cell['max']:,}" for cell in cells]
        lines.append(f"| {' | '.join([*key, *shown])} | {heaviest.get(key, np.nan):,.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--only", nargs="+", default=[], metavar="EXPLORER")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_suffix(".md"))
    chosen = parser.parse_args()
    comm.create_comm = lambda *args, **keys: Channel(*args, **keys)
    head = HEAD.format(machine=machine())  # before approximate neighbours change the number of threads
    found = pd.concat([measured(n, chosen.only) for n in chosen.sizes])
    chosen.output.write_text(head + table(found) + "\n", encoding="utf-8")
    print(chosen.output.read_text(encoding="utf-8"))


def machine() -> str:
    torch_of = f"torch {torch.__version__}, threads of torch: {torch.get_num_threads()}"
    return f"{platform.machine()}, {os.cpu_count()} cores, {torch_of}"


if __name__ == "__main__":
    main()
