"""Meta-training: learning to cluster from labelled classes that no test shares.

```
features, labels -> episodes (levels with targets) -> trainer (epochs) -> meta_train (best model, tau) -> Lander
```
"""

from .config import RunOptions, TrainConfig
from .episodes import on_policy_levels, teacher_levels, training_level
from .general.one_kind import meta_train_cut
from .losses import LossConfig, balance, density_loss, link_loss
from .meta_train import meta_train
from .select_tau import best_tau, tau_curve
from .trainer import Batch, MetaTraining

__all__ = [
    "Batch",
    "LossConfig",
    "MetaTraining",
    "RunOptions",
    "TrainConfig",
    "balance",
    "best_tau",
    "density_loss",
    "link_loss",
    "meta_train",
    "meta_train_cut",
    "on_policy_levels",
    "tau_curve",
    "teacher_levels",
    "training_level",
]
