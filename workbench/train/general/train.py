"""Meta-training of the general model on many drawn sets: first the links, then the quality of clusters."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed, parallel_config
from torch import Tensor, nn
from tqdm.auto import tqdm

from ..._core.runtime import end_with, resolve_device, seeded
from ..._core.schedule import half_cosine
from ..._core.validation import check_int, check_seed
from ...cluster.checkpoint import new_lander
from ...decode.quality import QualityEnsemble
from ...graph.density import link_labels
from ...lander.config import InferenceConfig, LanderConfig
from ...lander.model import Lander
from .sets import GeneralConfig, GeneralSet, Table, draw_sets, quality_table
from .synthetic import Labelled

CHUNK = 25  # sets that a process draws at a time: the sources are sent to it each time, so one by one would cost more
UNMAPPED = 4  # one dendrogram in so many is of rows as they are, for those who choose `metric="cosine"`
IDLE = 60  # seconds after which processes without work end
HELD_OUT = 20  # one set in so many is not trained on, only its loss is recorded


def train_general(
    sources: Sequence[Labelled],
    config: LanderConfig | None = None,
    *,
    kinds: Sequence[Labelled] = (),
    training: GeneralConfig | None = None,
    seed: int = 0,
    device: str = "auto",
    jobs: int = 2,
    progress: bool = True,
) -> Lander:
    """A LANDER for embeddings of any kind and dimension, with the ensemble that its "cut" decoder needs.

    Links: binary cross entropy on every link of every set, not balanced, so that linkage is calibrated. Quality: cross
    entropy of every node's prediction at each of `PRECISION_WEIGHTS` with its true quality, nodes weighted by the
    square root of their size. One set in twenty is held out: `history` has the losses on both kinds.

    Args:
        sources: labelled unit rows, e.g. `general_sources(encoder)`.
        config: with ensemble_size > 0; None: `LanderConfig.general()`.
        kinds: labelled unit rows of real kinds, e.g. `read_kinds(folder)`; more than half of the sets are of them.
        training: None: `GeneralConfig()`.
        seed: of everything drawn; the same seed, sources, machine and number of threads give the same model.
        device: where the links are trained.
        jobs: processes that draw sets and build dendrograms.
        progress: show progress bars.

    Raises:
        ValueError: a config without an ensemble.

    Example:
        >>> from workbench.train.general import SyntheticConfig
        >>> quick = GeneralConfig(sets=4, epochs=1, quality_epochs=1, synthetic=SyntheticConfig(images=(60, 90)))
        >>> lander = train_general([], training=quick, jobs=1, progress=False)
        >>> lander.inference.decoder, sorted(lander.history["stage"].unique())
        ('cut', ['links', 'quality'])
    """
    check_seed(seed)
    check_int(jobs, "jobs")
    training = training or GeneralConfig()
    config = config or LanderConfig.general()
    if not config.ensemble_size:
        raise ValueError(
            "config: the general model needs a quality ensemble, got ensemble_size=0; use LanderConfig.general()"
        )
    model: Lander = seeded(lambda: new_lander(config, InferenceConfig.general(training.k)), seed).to(
        resolve_device(device)
    )
    run = _Run(model, training, jobs, progress)

    n_real = round(training.real * training.sets) if kinds else 0
    drawn = run.draw("sets", seed, training.sets - n_real, False, sources)
    real = run.draw("sets of real kinds", seed, n_real, True, kinds)
    history = seeded(lambda: [*run.train_links(drawn + real), *run.train_quality(drawn, real)], seed + 1)
    model.history = pd.DataFrame(history)
    return model.to("cpu").eval()


def _as_long_as(ours: int, work: Callable[..., Any], *given: Any) -> Any:
    """`work(*given)` in a process that ends with ours: else it waits for ever to hand over what nobody reads."""
    end_with(ours)
    return work(*given)


def _seeds(seed: int, count: int) -> list[np.ndarray]:
    """Seeds of so many sets, in chunks."""
    # A million apart: trainings of two seeds share no set as long as neither draws more than that.
    return np.split(seed * 1_000_003 + np.arange(count), range(CHUNK, count, CHUNK))


@dataclass
class _Run:
    """One training: what both stages share."""

    model: Lander
    training: GeneralConfig
    jobs: int
    progress: bool

    def draw(self, what: str, seed: int, count: int, real: bool, labelled: Sequence[Labelled]) -> list[GeneralSet]:
        """So many sets, of real kinds or not."""
        seeds = _seeds(seed, count) if count else []
        chunks = self.parallel(draw_sets, seeds, f"drawing {what}", real, labelled, self.training, self.model)
        return [one for chunk in chunks for one in chunk]

    def parallel(self, work: Callable[..., Any], items: Sequence[Any], what: str, *given: Any) -> list[Any]:
        """`work(item, *given)` for every item, in order, on several processes."""
        # Every process has a core of its own already.
        with parallel_config("loky", inner_max_num_threads=1, idle_worker_timeout=IDLE):
            calls = (delayed(_as_long_as)(os.getpid(), work, item, *given) for item in items)
            done = Parallel(n_jobs=self.jobs, return_as="generator")(calls)
            return list(tqdm(done, total=len(items), desc=what, disable=not self.progress))

    def tables(self, drawn: list[GeneralSet], weight: float) -> list[Table]:
        """Nodes of every set's dendrogram; the sets together weigh `weight`."""
        mapped = self.model.inference.metric
        jobs = [(one, "cosine" if i % UNMAPPED == UNMAPPED - 1 else mapped) for i, one in enumerate(drawn)]
        tables = self.parallel(_table, jobs, "dendrograms", self.model, self.training.images)
        return [(features, quality, share * (weight / len(drawn))) for features, quality, share in tables]

    def train_links(self, drawn: list[GeneralSet]) -> Iterator[dict[str, Any]]:
        """A step a set; one row of history an epoch."""
        model = self.model
        training = self.training
        learned, held_out = _split(drawn)
        links = [parameter for name, parameter in model.named_parameters() if not name.startswith("ensemble")]
        optimizer = torch.optim.AdamW(links, lr=training.learning_rate, weight_decay=1e-2)
        schedule = _warm_then_cosine(optimizer, training.epochs * len(learned))

        model.train()
        for epoch in range(training.epochs):
            started = time.perf_counter()
            losses = []
            order = torch.randperm(len(learned)).tolist()
            for i in tqdm(order, desc=f"links, epoch {epoch + 1}", disable=not self.progress):
                loss = _link_loss(model, learned[i])
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(links, 1.0)  # a step is one set: none moves the weights far, however odd it is
                optimizer.step()
                schedule.step()
                losses.append(loss.detach())

            with torch.no_grad():
                unseen = [_link_loss(model, one) for one in held_out]
            yield _row("links", epoch, losses, unseen, started)
        model.eval()

    def train_quality(self, drawn: list[GeneralSet], real: list[GeneralSet]) -> Iterator[dict[str, Any]]:
        """The ensemble, on the dendrograms that the links give."""
        ensemble = self.model.ensemble
        training = self.training
        device = self.model.device
        assert isinstance(ensemble, QualityEnsemble)

        self.model.cpu()
        tables = self.tables(drawn, 1 - training.weight if real else 1.0)
        tables += self.tables(real, training.weight)
        self.model.to(device)
        learned_tables, other_tables = _split(tables)
        learned = _joined(learned_tables, device)
        held_out = _joined(other_tables, device)
        ensemble.standardise(learned[0])

        optimizer = torch.optim.AdamW(ensemble.parameters(), lr=training.quality_rate, weight_decay=1e-2)
        schedule = _warm_then_cosine(optimizer, training.quality_epochs * math.ceil(len(learned[0]) / training.batch))
        for epoch in range(training.quality_epochs):
            started = time.perf_counter()
            losses = []
            ensemble.train()
            batches = torch.randperm(len(learned[0])).to(device).split(training.batch)
            for rows in tqdm(batches, desc=f"quality, epoch {epoch + 1}", disable=not self.progress):
                loss = _quality_loss(ensemble, *(column[rows] for column in learned))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.detach())

            ensemble.eval()
            with torch.no_grad():
                unseen = [_quality_loss(ensemble, *held_out)] if len(held_out[0]) else []
            yield _row("quality", epoch, losses, unseen, started)


def _table(job: tuple[GeneralSet, str], model: Lander, share: float) -> Table:
    return quality_table(*job, model, share)


def _split(items: list[Any]) -> tuple[list[Any], list[Any]]:
    """Those trained on, and every twentieth, which is not."""
    learned = [item for i, item in enumerate(items) if i % HELD_OUT != HELD_OUT - 1]
    return learned, items[HELD_OUT - 1 :: HELD_OUT]


def _joined(tables: list[Table], device: torch.device) -> tuple[Tensor, ...]:
    if not tables:
        return tuple(torch.empty(0, device=device) for _ in range(3))
    inputs, quality, weight = (torch.from_numpy(np.concatenate(column)) for column in zip(*tables, strict=True))
    return inputs.to(device), quality.to(device), (weight / weight.mean()).to(device)


def _warm_then_cosine(optimizer: torch.optim.Optimizer, total: int) -> torch.optim.lr_scheduler.LambdaLR:
    """A straight rise over the first hundredth of the steps, times `half_cosine` over all of them."""
    # Adam's first steps have the full length, whatever the gradient: a warm-up keeps them short.
    warm = max(1, total // 100)

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / warm) * half_cosine(min(1.0, step / total))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, rate)


def _link_loss(model: Lander, drawn: GeneralSet) -> Tensor:
    inputs = drawn.inputs(model.device)
    logits = model(inputs)
    same = link_labels(inputs.graph, drawn.labels.to(model.device))
    mask = inputs.graph.mask
    return nn.functional.cross_entropy(logits[mask], same[mask].long())


def _quality_loss(ensemble: QualityEnsemble, inputs: Tensor, quality: Tensor, weight: Tensor) -> Tensor:
    """Mean over networks, nodes and precision weights of the cross entropy with the true quality."""
    logits = ensemble.logits(inputs)  # (networks, nodes, weights)
    target = quality.expand_as(logits)
    loss = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=(0, 2))
    return (loss * weight).mean()


def _row(stage: str, epoch: int, losses: list[Tensor], unseen: list[Tensor], started: float) -> dict[str, Any]:
    def mean(values: list[Tensor]) -> float:
        return float(torch.stack(values).mean()) if values else math.nan

    seconds = time.perf_counter() - started
    return {"stage": stage, "epoch": epoch + 1, "loss": mean(losses), "held_out_loss": mean(unseen), "seconds": seconds}
