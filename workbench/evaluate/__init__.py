"""How good a clustering is, where it went wrong, and what if: scores, errors, link decisions, interventions.

```
(labels, clusters) -> scores                       pairwise and BCubed P/R/F, NMI, AMI, ARI
(Hierarchy, labels) -> false_merges, false_splits  what each mistake costs, and the link that made it
(Hierarchy, labels) -> best_links, nested_scores   the scores of level 0 at every tau
(predictor, labels) -> InterventionStudy           what one head, level or link put right would change
```
The baselines are in `workbench.evaluate.baselines`.
"""

from .errors import false_merges, false_splits, sides
from .interventions import Edit, Intervention, InterventionStudy
from .scores import bcubed, bcubed_items, contingency, item_f, pairwise, scores
from .tau_sweep import BestLinks, best_links, nested_scores, swept_scores
from .toy_tables import PRESETS, disagreement, table_scores

__all__ = [
    "PRESETS",
    "BestLinks",
    "Edit",
    "Intervention",
    "InterventionStudy",
    "bcubed",
    "bcubed_items",
    "best_links",
    "contingency",
    "disagreement",
    "false_merges",
    "false_splits",
    "item_f",
    "nested_scores",
    "pairwise",
    "scores",
    "sides",
    "swept_scores",
    "table_scores",
]
