"""A plotly figure as a widget that reaches the browser whole, and whose code goes there once for all figures."""

from __future__ import annotations

import uuid
from functools import cache
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import plotly
import plotly.graph_objects as go
import traitlets
from plotly.serializers import custom_serializers


class _Library(widgets.Widget):
    """plotly's code for the browser: 5 MB, which `FigureWidget` sends with every figure."""

    code = traitlets.Bytes().tag(sync=True)


@cache
def _library() -> _Library:
    return _Library(code=(Path(plotly.__file__).parent / "package_data" / "widgetbundle.js").read_bytes())


class LiveFigure(go.FigureWidget):
    """`FigureWidget`, but the browser is told of it when it is complete, and gets plotly's code once, not per figure.

    plotly opens the channel with an empty figure and sends the traces after it. anywidget holds such messages back
    until its code is loaded, so a view that is made meanwhile, as inside a box, stays blank for good. And it drops
    them all where loading takes over two seconds, as 5 MB do on a busy page; `live.js` tells how that is avoided.

    A figure of a given width is that wide where there is room, and narrower in a narrow window.

    Args:
        figure: what to show; copied, but for its width, which is `wide` from then on.

    Example:
        >>> figure = LiveFigure(go.Figure(go.Scatter(y=[1, 2])))
        >>> figure.get_state()["_widget_data"][0]["type"]
        'scatter'
    """

    _esm = Path(__file__).with_name("live.js")
    _id = traitlets.Unicode().tag(sync=True)
    wide = traitlets.Int(0).tag(sync=True)  # pixels; 0: as wide as there is room
    _library = traitlets.Instance(_Library).tag(sync=True, **widgets.widget_serialization)
    _version = traitlets.Unicode(plotly.__version__).tag(sync=True)
    _whole = False
    _config: dict[str, Any]
    _model_id: str | None

    def __init__(self, figure: go.Figure) -> None:
        super().__init__(figure)
        self.wide = int(figure.layout.width or 0)
        self.layout.width = None  # plotly would not let it shrink
        self._config = {**self._config, "displaylogo": False}  # a link out of the page, which Tab would pass
        self.on_msg(lambda _, said, __: self._hear(said["points"]))
        self._whole = True
        self.open()

    def open(self) -> None:
        """Open the channel to the browser; not before the figure is complete."""
        if not self._whole:
            return
        self._id = self._model_id = self._model_id or uuid.uuid4().hex
        self._library = _library()
        self._library.open()  # it may have been closed, with all widgets
        super().open()

    def _hear(self, points: Any) -> None:
        """What was clicked or selected, by a message of its own: `live.js` says why."""
        self._handler_js2py_pointsCallback({"new": custom_serializers["from_json"](points, self)})

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What the browser is told: the figure as it is now, which a page that is loaded anew asks for.

        plotly's own traits hold it as it was when it was made, or last shown.
        """
        state: dict[str, Any] = super().get_state(*args, **kwargs)
        if not self._whole:
            return state
        now = {"_widget_data": self._data, "_widget_layout": self._layout_obj._props}
        return state | {name: custom_serializers["to_json"](now[name], self) for name in state.keys() & now}
