"""Pictures. `plot_*` returns a static plotly figure that works without a kernel; one tidy frame serves the maps.

>>> import torch, workbench as wb
>>> from workbench.hierarchy import similarity_predictor
>>> x = torch.nn.functional.normalize(torch.randn(40, 8, generator=torch.Generator().manual_seed(0)), dim=1)
>>> tree = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(tau=0.5))
>>> frame = cluster_frame(tree, x[:, :2].numpy())
>>> plot_map(frame).layout.xaxis.title.text
'UMAP 1'
"""

from .demo import DemoResults, DemoTest, demo_report
from .gallery import mosaic, plot_cluster, png_uri
from .icicle import plot_icicle
from .map_plot import plot_map
from .maps import cluster_frame, level_table, umap_map
from .page import Panel, Section, Strip, Table, write_page
from .plots import plot_levels, plot_scores, plot_sizes, plot_tau, plot_training
from .report import cluster_report

__all__ = [
    "DemoResults",
    "DemoTest",
    "Panel",
    "Section",
    "Strip",
    "Table",
    "cluster_frame",
    "cluster_report",
    "demo_report",
    "level_table",
    "mosaic",
    "plot_cluster",
    "plot_icicle",
    "plot_levels",
    "plot_map",
    "plot_scores",
    "plot_sizes",
    "plot_tau",
    "plot_training",
    "png_uri",
    "umap_map",
    "write_page",
]
