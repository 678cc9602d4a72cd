"""The general model: trained on thousands of drawn sets, first its links, then the quality of clusters."""

from .kinds import draw_real_set, read_kinds
from .one_kind import meta_train_cut
from .sets import GeneralConfig
from .sources import general_sources
from .synthetic import SyntheticConfig, draw_set
from .train import train_general

__all__ = [
    "GeneralConfig",
    "SyntheticConfig",
    "draw_real_set",
    "draw_set",
    "general_sources",
    "meta_train_cut",
    "read_kinds",
    "train_general",
]
