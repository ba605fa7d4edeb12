"""The run view as an ipywidget, for front ends without our extension and for a user's own layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

_SCRIPT = Path(__file__).parent.parent / "static" / "widget.js"


def is_built() -> bool:
    """Whether the widget's script is there; a checkout has it after a build."""
    return _SCRIPT.is_file()


class RunWidget(anywidget.AnyWidget):
    """A run, live. Observe `run` (its JSON), `progress` (fraction, left_s, bars) and `output` (text, lines).

    `output` is the end of what it printed, `facts` what is drawn beside, `link` says when the connection is down. With
    `on_stop` the widget has a button that calls it.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    run = traitlets.Dict().tag(sync=True)
    output = traitlets.Dict().tag(sync=True)
    facts = traitlets.Dict().tag(sync=True)
    link = traitlets.Unicode().tag(sync=True)
    can_stop = traitlets.Bool(False).tag(sync=True)
    progress = traitlets.Dict()

    def __init__(self, run: dict[str, Any], on_stop: Callable[[], None] | None = None) -> None:
        self.closed = False
        self._on_stop = on_stop
        super().__init__(run=run, output={"text": "", "lines": 0}, can_stop=on_stop is not None)
        self.on_msg(self._take_message)

    def close(self) -> None:
        """Take it away; the run goes on."""
        self.closed = True
        super().close()

    @traitlets.default("_esm")
    def _read_script(self) -> Any:
        return _SCRIPT.read_text("utf-8")

    @traitlets.observe("run")
    def _take_progress(self, change: Any) -> None:
        self.progress = change["new"].get("progress") or {}

    def _take_message(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("type") == "stop" and self._on_stop is not None:
            self._on_stop()
