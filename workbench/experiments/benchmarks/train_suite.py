"""An epoch of meta-training: the published recipe, ours and link by link, and the default recipe."""

from __future__ import annotations

from ...lander.config import LanderConfig
from ...train.config import TrainConfig
from ...train.trainer import MetaTraining
from .cases import Case, Figures, Setting, Suite, measured
from .per_edge import PerEdgeTraining


def _case(
    name: str,
    config: LanderConfig,
    training: TrainConfig,
    kind: type[MetaTraining] = MetaTraining,
    beside: str = "",
    precision: str = "float32",
) -> Case:
    def run(setting: Setting) -> Figures:
        x, labels = setting.clusters()
        training_run = kind(x, labels, config, training=training, device=setting.device, precision=precision)
        _, building = measured(training_run.run_epoch, setting.device)
        rows, figures = measured(training_run.run_epoch, setting.device)
        losses = {name: sum(row[name] for row in rows) / len(rows) for name in ("link_loss", "density_loss")}
        return {**figures, "first": building["seconds"], "graphs": len(rows), **losses}

    return Case(name, run, beside=beside, cuda=True)


def _published(hidden: int, kind: type[MetaTraining], precision: str = "float32") -> Case:
    per_edge = f"per edge, hidden {hidden}"
    ours = "ours" if precision == "float32" else f"ours, {precision}"
    name = per_edge if kind is PerEdgeTraining else f"{ours}, hidden {hidden}"
    return _case(name, LanderConfig.published(hidden=hidden), TrainConfig.published(), kind, per_edge, precision)


_DEFAULT = "ours, default recipe"
SUITE = Suite(
    "train",
    "second epoch, published recipe (k 10, 5, 3 with 2, 3, 4 levels); first: the epoch before, which builds the levels",
    (20_000,),
    "per edge, hidden 512",
    (
        *(
            case
            for hidden in (128, 512)
            for case in (
                _published(hidden, PerEdgeTraining),
                _published(hidden, MetaTraining),
                _published(hidden, MetaTraining, "bfloat16"),
            )
        ),
        _case(_DEFAULT, LanderConfig(), TrainConfig(), beside=_DEFAULT),  # another model: no ratio would be fair
        _case("ours, bfloat16, default recipe", LanderConfig(), TrainConfig(), MetaTraining, _DEFAULT, "bfloat16"),
    ),
)
