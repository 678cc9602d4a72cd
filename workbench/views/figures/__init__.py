"""Static figures: each `plot_*` returns a plotly figure that works without a kernel."""
