"""Explorers: widgets for a notebook that show a clustering and answer to clicks. `explore_*` returns a widget.

Each keeps its state in traits (`level`, `tau`, `selection`, ...) that Python can read, set and observe, shows every
error in its status strip, and leaves a static picture where there is no kernel.
"""

from .ablation import AblationExplorer, explore_ablation
from .base import Explorer
from .errors import ErrorExplorer, explore_errors
from .hierarchy import HierarchyExplorer, explore_hierarchy
from .links import LinkExplorer, explore_links
from .metric import explore_metric
from .oracle import explore_oracle
from .review import ReviewExplorer, explore_review
from .tau import TauExplorer, explore_tau
from .training import explore_training

__all__ = [
    "AblationExplorer",
    "ErrorExplorer",
    "Explorer",
    "HierarchyExplorer",
    "LinkExplorer",
    "ReviewExplorer",
    "TauExplorer",
    "explore_ablation",
    "explore_errors",
    "explore_hierarchy",
    "explore_links",
    "explore_metric",
    "explore_oracle",
    "explore_review",
    "explore_tau",
    "explore_training",
]
