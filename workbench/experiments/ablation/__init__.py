"""Ablations: a grid of settings times seeds, each run computed once, differences with their intervals.

```
grid x seeds -> run_grid (store: one file per run) -> tidy rows -> effects (paired by seed), views.plot_intervals
```

>>> [factors for factors, _ in configurations({"inference.max_levels": [1, 10]})]
[{'inference.max_levels': 1}, {'inference.max_levels': 10}]
"""

from .effects import differences, effects, verdicts
from .presets import ABLATION_BASE, PRESETS, Preset, Suite, ablation_results, preset
from .run import AblationData, code_version
from .sets import ablation_data
from .settings import Settings, configurations, describe
from .store import Store
from .sweep import run_grid
from .use import UseConfig

__all__ = [
    "ABLATION_BASE",
    "PRESETS",
    "AblationData",
    "Preset",
    "Settings",
    "Store",
    "Suite",
    "UseConfig",
    "ablation_data",
    "ablation_results",
    "code_version",
    "configurations",
    "describe",
    "differences",
    "effects",
    "preset",
    "run_grid",
    "verdicts",
]
