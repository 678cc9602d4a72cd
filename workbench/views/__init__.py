"""Pictures: `plot_*` returns a static plotly figure that works without a kernel, `explore_*` a widget that needs one.

>>> import torch, workbench as wb
>>> from workbench.cluster import similarity_predictor
>>> x = torch.nn.functional.normalize(torch.randn(40, 8, generator=torch.Generator().manual_seed(0)), dim=1)
>>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(tau=0.5))
>>> frame = cluster_frame(tree, x[:, :2].numpy())
>>> plot_map(frame).layout.xaxis.title.text
'UMAP 1'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .figures.ablation_plots import plot_effects, plot_heat, plot_parallel
from .figures.calibration_plots import plot_density, plot_reliability, reliability
from .figures.gallery import mosaic, plot_cluster, png_uri
from .figures.graph_plots import plot_graph, plot_linkage, plot_similarity
from .figures.icicle import plot_icicle
from .figures.link_plots import plot_links
from .figures.map_plot import plot_map
from .figures.maps import cluster_frame, level_table, umap_map
from .figures.panel_plots import plot_panels
from .figures.parents import plot_parents
from .figures.plots import plot_levels, plot_scores, plot_sizes, plot_tau, plot_training
from .figures.published_plots import plot_growth, plot_published
from .figures.score_plots import by_class, plot_by_size, plot_intervals
from .figures.tree_plots import plot_level_strip, plot_sankey, plot_treemap
from .reports.demo import DemoResults, DemoTest, demo_report
from .reports.page import Panel, Section, Strip, Table, write_page
from .reports.report import cluster_report
from .style import PALETTE, styled

if TYPE_CHECKING:  # for readers, editors and type checkers; at run time an explorer is imported when it is first used
    from .explore import explore_ablation as explore_ablation
    from .explore import explore_errors as explore_errors
    from .explore import explore_hierarchy as explore_hierarchy
    from .explore import explore_links as explore_links
    from .explore import explore_metric as explore_metric
    from .explore import explore_oracle as explore_oracle
    from .explore import explore_review as explore_review
    from .explore import explore_tau as explore_tau
    from .explore import explore_training as explore_training

__all__ = [
    "PALETTE",
    "DemoResults",
    "DemoTest",
    "Panel",
    "Section",
    "Strip",
    "Table",
    "by_class",
    "cluster_frame",
    "cluster_report",
    "demo_report",
    "explore_ablation",
    "explore_errors",
    "explore_hierarchy",
    "explore_links",
    "explore_metric",
    "explore_oracle",
    "explore_review",
    "explore_tau",
    "explore_training",
    "level_table",
    "mosaic",
    "plot_by_size",
    "plot_cluster",
    "plot_density",
    "plot_effects",
    "plot_graph",
    "plot_growth",
    "plot_heat",
    "plot_icicle",
    "plot_intervals",
    "plot_level_strip",
    "plot_levels",
    "plot_linkage",
    "plot_links",
    "plot_map",
    "plot_panels",
    "plot_parallel",
    "plot_parents",
    "plot_published",
    "plot_reliability",
    "plot_sankey",
    "plot_scores",
    "plot_similarity",
    "plot_sizes",
    "plot_tau",
    "plot_training",
    "plot_treemap",
    "png_uri",
    "reliability",
    "styled",
    "umap_map",
    "write_page",
]


def __getattr__(name: str) -> Any:
    """Import the explorers when one is asked for (PEP 562): a report must not wait for widgets."""
    if name in __all__:
        return getattr(import_module(".explore", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What is there, and what will be when it is asked for."""
    return sorted({*globals(), *__all__})
