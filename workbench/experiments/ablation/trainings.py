"""The trainings of a sweep, each made once: runs that differ in their use only take the same trained model."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..._core.runtime import resolve_device
from ..._core.state import read_state, write_state
from ...cluster.checkpoint import load_lander
from ...data import FeatureSet
from ...lander.model import Lander
from ...train.meta_train import meta_train
from .settings import Settings
from .store import Store

WAIT = 0.2  # seconds between two looks at a training that another process makes


class Cancelled(Exception):
    """`stop` said so in the middle of a run."""


def trained(
    settings: Settings,
    seed: int,
    data: FeatureSet,
    device: str,
    stop: Callable[[], bool] | None,
    kept: tuple[Store, str] | None,
) -> tuple[Lander, float]:
    """A meta-trained model and the seconds its training took: read where it is kept, else trained and kept.

    Args:
        settings, seed: of the training.
        data: labelled features to learn from.
        device: to train on.
        stop: asked after every epoch.
        kept: the store and the training's key in it; None: train, keep nothing. Of several processes that ask for one
            training one makes it, and the others wait.

    Raises:
        Cancelled: `stop` said so.
    """
    if kept is None:
        return _made(settings, seed, data, device, stop)
    place, key = kept
    file = place.folder / "trainings" / f"{key}.safetensors"
    while True:
        with place.claim(f"training-{key}") as mine:
            there = _read(file, device)
            if there:
                return there
            if mine:
                lander, seconds = _made(settings, seed, data, device, stop)
                write_state(file, lander.state_dict(), {"kind": "lander", **lander.settings(), "seconds": seconds})
                return lander, seconds
        if stop and stop():
            raise Cancelled
        time.sleep(WAIT)


def _made(
    settings: Settings, seed: int, data: FeatureSet, device: str, stop: Callable[[], bool] | None
) -> tuple[Lander, float]:
    def watch(rows: list[dict[str, Any]]) -> None:
        if stop and stop():
            raise Cancelled

    start = time.perf_counter()
    lander = meta_train(
        data.features,
        data.labels,
        settings.lander,
        training=settings.training,
        inference=settings.inference,
        seed=seed,
        device=device,
        on_epoch=watch,
        progress=False,
    )
    return lander, time.perf_counter() - start


def _read(file: Path, device: str) -> tuple[Lander, float] | None:
    """What was kept; None where nothing is, or nothing whole: it is then made anew."""
    try:
        return load_lander(file).to(resolve_device(device)), float(read_state(file)[1]["seconds"])
    except (FileNotFoundError, ValueError, KeyError):
        return None
