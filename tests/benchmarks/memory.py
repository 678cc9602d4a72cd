"""Whether memory stays flat: `python tests/benchmarks/memory.py [--moves 500] [NAME ...]`.

Moves the controls of each explorer 500 times, and meta-trains 100 times. What the process holds (its resident set,
after Python's garbage collection) is read after every step, and the highest after the 50th is compared with the 50th's.
Prints a row for each; the exit code is 1 if one grew by more than 5 %.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import comm
import numpy as np
from explorers import Channel, Inputs, Step, inputs, makers, pressing

import workbench as wb
from workbench._core.memory import held_mb

IMAGES = 300
TRAININGS = 100
FIRST = 50  # steps after which nothing may grow: until then caches fill and code is loaded
MOST = 1.05
DRAWN = 48  # times that the curves of a training are drawn


def moves(
    make: Callable[[], Any], steps: Callable[[Any, Inputs], Iterator[Step]], x: Inputs, times: int
) -> Iterator[int]:
    """MB held after each of so many moves of a control; the controls are gone through again and again."""
    explorer = make()
    rounds = itertools.chain.from_iterable(steps(explorer, x) for _ in itertools.count())
    done = 0
    for control, action in rounds:
        action()
        if control:
            yield held()
            done += 1
        if done == times:
            break
    explorer.settle()
    assert explorer.errors == [], explorer.errors


def training(explorer: Any, x: Inputs) -> Iterator[Step]:
    """The explorer of training: started, drawn anew again and again while it trains and after, stopped."""
    yield from pressing("Start", explorer, 1)
    for _ in range(DRAWN):
        time.sleep(0.05)
        yield "curves", explorer._draw
    yield from pressing("Stop", explorer, 1)
    yield "", explorer.wait


def trainings() -> Iterator[int]:
    """MB held after each meta-training."""
    random = np.random.default_rng(0)
    y = np.arange(240) % 12
    x = np.float32(random.normal(size=(12, 8))[y] + 0.2 * random.normal(size=(240, 8)))
    brief = wb.TrainConfig(epochs=4, validate=4, projections=(1.0,))
    for seed in range(TRAININGS):
        wb.meta_train(x, y, wb.LanderConfig(hidden=8), training=brief, seed=seed, progress=False)
        yield held()


def held() -> int:
    """MB that this process holds once what is garbage is gone."""
    gc.collect()
    return held_mb()


def told(name: str, steps: Iterator[int]) -> bool:
    """Print what was held after the 50th step, half of them, all, and the highest after the 50th; True: flat."""
    mb = []
    for now in steps:
        mb.append(now)
        if len(mb) % 100 == 0:
            print(f"  {name}: {len(mb)} steps, {now} MB", file=sys.stderr, flush=True)
    first, half, later = mb[FIRST - 1], mb[len(mb) // 2 - 1], max(mb[FIRST - 1 :])
    print(f"{name:<12} {len(mb):5} {first:7} {half:7} {mb[-1]:7} {later:7} {later / first - 1:+8.1%}", flush=True)
    return later <= MOST * first


def main() -> int:
    """Run what was asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="explorers, and meta_train; default: all")
    parser.add_argument("--moves", type=int, default=500, help=f"of each explorer's controls, {FIRST} and more")
    given = parser.parse_args()
    asked = given.names
    warnings.simplefilter("ignore")
    comm.create_comm = lambda *args, **keys: Channel(*args, **keys)
    every: dict[str, Callable[[], Iterator[int]]] = {"meta_train": trainings}
    if asked != ["meta_train"]:
        x = inputs(IMAGES)
        known = makers(x)
        known["training"] = (known["training"][0], training)
        every |= {name: partial(moves, *maker, x, given.moves) for name, maker in known.items()}
    print(f"{'MB held':<12} steps    50th    half    last highest   growth", flush=True)
    grown = [name for name in asked or every if not told(name, every[name]())]
    return int(bool(grown))


if __name__ == "__main__":
    sys.exit(main())
