"""One epoch of meta-training, default and published recipe; the first epoch, which builds the levels, apart.

python tests/benchmarks/bench_train.py --n 20000
"""

from __future__ import annotations

from typing import Any

from side_by_side import clusters, main, timed

from workbench import LanderConfig, TrainConfig
from workbench.trainer import MetaTraining


def epochs(n: int, config: LanderConfig, training: TrainConfig) -> dict[str, Any]:
    run = MetaTraining(*clusters(n), config, training=training, device="cpu")
    _, first = timed(run.run_epoch)
    rows, seconds = timed(run.run_epoch)
    return {"seconds": seconds, "first": first, "graphs": len(rows), "loss": round(rows[0]["link_loss"], 4)}


def published(n: int, hidden: int) -> dict[str, Any]:
    return epochs(n, LanderConfig.published(hidden=hidden), TrainConfig.published())


if __name__ == "__main__":
    cases = {
        "default": lambda n: epochs(n, LanderConfig(), TrainConfig()),
        "published 128": lambda n: published(n, 128),
        "published 512": lambda n: published(n, 512),
    }
    main(cases, sizes=(20_000,))
