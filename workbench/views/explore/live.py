"""A plotly figure as a widget that reaches the browser whole."""

from __future__ import annotations

import plotly.graph_objects as go


class LiveFigure(go.FigureWidget):
    """`FigureWidget`, but the browser is told of it when it is complete.

    plotly opens the channel with an empty figure and sends the traces after it. anywidget holds such messages back
    until its code is loaded, so a view that is made meanwhile, as inside a box, stays blank for good.

    Args:
        figure: what to show; copied.

    Example:
        >>> figure = LiveFigure(go.Figure(go.Scatter(y=[1, 2])))
        >>> figure.get_state()["_widget_data"][0]["type"]
        'scatter'
    """

    _whole = False

    def __init__(self, figure: go.Figure) -> None:
        super().__init__(figure)
        self._whole = True
        self.open()

    def open(self) -> None:
        """Open the channel to the browser; not before the figure is complete."""
        if self._whole:
            super().open()
